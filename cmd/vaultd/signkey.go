package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	maxKeyFile   = 16 << 10
	privateBlock = "PRIVATE KEY" // PKCS #8 (RFC 5958)
	publicBlock  = "PUBLIC KEY"  // SubjectPublicKeyInfo (RFC 5280, 4.1)
)

var errNotKey = errors.New("this is no Ed25519 key: give 32 bytes in base64 or hexadecimal, or a PEM file")

// signingKey reads an Ed25519 private key in PEM, as `openssl genpkey
// -algorithm ed25519` makes it. An absent file is made, and said so.
func signingKey(path string, say io.Writer) (ed25519.PrivateKey, error) {
	s, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return makeSigningKey(path, say)
	}
	if err != nil {
		return nil, fmt.Errorf("the signing key: %w", err)
	}
	if s.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the signing key %s can be read by others; chmod 600 it", path)
	}
	block, err := pemBlock(path)
	if err != nil {
		return nil, err
	}
	key, ok := privateHalf(block)
	if !ok {
		return nil, fmt.Errorf("%s holds no Ed25519 private key in PEM (PKCS #8)", path)
	}
	return key, nil
}

func makeSigningKey(path string, say io.Writer) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	if err := publish(path, pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), false, nil); err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	fmt.Fprintf(say, "made a new signing key in %s; its public half, for verify-redaction --key: %s\n", path,
		base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)))
	return key, nil
}

func pemBlock(path string) (*pem.Block, error) {
	text, err := readBounded(path, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("the key file: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds nothing in PEM", path)
	}
	return block, nil
}

func privateHalf(b *pem.Block) (ed25519.PrivateKey, bool) {
	if b.Type != privateBlock {
		return nil, false
	}
	key, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	return private, ok && err == nil
}

// publicKey reads a public key as a person has it: base64 as GET /api/v1/keys
// gives it, hexadecimal, or a PEM file with either half.
func publicKey(text string) (ed25519.PublicKey, error) {
	for _, decode := range []func(string) ([]byte, error){base64.StdEncoding.DecodeString, hex.DecodeString} {
		if b, err := decode(strings.TrimSpace(text)); err == nil && len(b) == ed25519.PublicKeySize {
			return b, nil
		}
	}
	if _, err := os.Stat(text); err != nil {
		return nil, errNotKey
	}
	block, err := pemBlock(text)
	if err != nil {
		return nil, err
	}
	if private, ok := privateHalf(block); ok {
		return private.Public().(ed25519.PublicKey), nil
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, ok := key.(ed25519.PublicKey)
	if block.Type != publicBlock || err != nil || !ok {
		return nil, errNotKey
	}
	return public, nil
}

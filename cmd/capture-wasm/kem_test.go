package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"testing"
)

// sealShared is the rest of HPKE's base mode for one message (RFC 9180, 5.1 and 5.2), written from the standard: the judge
// is crypto/hpke, which opens it.
func sealShared(t *testing.T, shared, info, plain []byte) []byte {
	t.Helper()
	suite := []byte("HPKE\x64\x7a\x00\x01\x00\x02")
	extract := func(salt []byte, label string, ikm []byte) []byte {
		out, err := hkdf.Extract(sha256.New, bytes.Join([][]byte{[]byte("HPKE-v1"), suite, []byte(label), ikm}, nil), salt)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	context := append([]byte{0}, append(extract(nil, "psk_id_hash", nil), extract(nil, "info_hash", info)...)...)
	secret := extract(shared, "secret", nil)
	expand := func(label string, n int) []byte {
		labelled := binary.BigEndian.AppendUint16(nil, uint16(n))
		labelled = append(append(append(append(labelled, "HPKE-v1"...), suite...), label...), context...)
		out, err := hkdf.Expand(sha256.New, secret, string(labelled), n)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	block, err := aes.NewCipher(expand("key", 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(nil, expand("base_nonce", 12), plain, nil)
}

// TestEncapsulate has the standard library's HPKE open what was sealed with our encapsulation, with fresh keys each time.
func TestEncapsulate(t *testing.T) {
	info, plain := []byte("what it is for"), bytes.Repeat([]byte{7}, 32)
	seen := map[string]bool{}
	for range 8 {
		private, err := hpke.MLKEM768X25519().GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		enc, shared, err := encapsulate(private.PublicKey().Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(enc) != 1120 || len(shared) != 32 || seen[string(shared)] {
			t.Fatalf("got %d bytes of enc and %d shared, repeated %v; want 1120 and 32 fresh ones", len(enc), len(shared), seen[string(shared)])
		}
		seen[string(shared)] = true
		recipient, err := hpke.NewRecipient(enc, private, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := recipient.Open(nil, sealShared(t, shared, info, plain)); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("crypto/hpke opens %x, %v; want %x", got, err, plain)
		}
	}
}

// TestEncapsulateRefuses wants keys refused that are none.
func TestEncapsulateRefuses(t *testing.T) {
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	good := private.PublicKey().Bytes()
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		return b
	}
	for _, tc := range []struct {
		name string
		key  []byte
	}{
		{"nothing", nil},
		{"cut", good[:len(good)-1]},
		{"longer", append(bytes.Clone(good), 0)},
		{"coefficients beyond the modulus (FIPS 203, 7.2)", change(func(b []byte) { copy(b, []byte{255, 255, 255}) })},
		{"a point of low order", change(func(b []byte) { clear(b[1184:]) })},
	} {
		if enc, shared, err := encapsulate(tc.key); err == nil || enc != nil || shared != nil {
			t.Errorf("%s: got %d bytes and %v, want it refused", tc.name, len(enc), err)
		}
	}
}

package vaulttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// Authenticator makes and uses passkeys as a device does (Web Authentication, section 6), in software. Its fields may be
// changed between two uses, to have it do what no honest one does.
type Authenticator struct {
	Origin   string // the page that asks
	RPID     string
	Counter  uint32 // grows with each use; stays when Synced
	Synced   bool   // its passkeys are copied to other devices: no counter
	Verified bool   // it asked for finger, face or PIN
	key      *ecdsa.PrivateKey
	id       []byte
	handle   []byte
}

// NewAuthenticator has no passkey yet.
func NewAuthenticator(t testing.TB, rpID, origin string) *Authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 20)
	rand.Read(id) // never fails (crypto/rand)
	return &Authenticator{Origin: origin, RPID: rpID, Verified: true, key: key, id: id}
}

// Copy is a clone of it: the same key, and a counter of its own from now on.
func (a *Authenticator) Copy() *Authenticator {
	b := *a
	return &b
}

// The flags of authenticator data (section 6.1).
const (
	flagPresent    = 0x01
	flagVerified   = 0x04
	flagEligible   = 0x08
	flagBackedUp   = 0x10
	flagCredential = 0x40
)

func (a *Authenticator) data(flags byte, more []byte) []byte {
	if flags |= flagPresent; a.Verified {
		flags |= flagVerified
	}
	if a.Synced {
		flags |= flagEligible | flagBackedUp
	} else {
		a.Counter++
	}
	sum := sha256.Sum256([]byte(a.RPID))
	return append(binary.BigEndian.AppendUint32(append(sum[:], flags), a.Counter), more...)
}

type askedOptions struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
	} `json:"publicKey"`
}

func (a *Authenticator) client(t testing.TB, kind string, options json.RawMessage) (asked askedOptions, text []byte) {
	t.Helper()
	if err := json.Unmarshal(options, &asked); err != nil {
		t.Fatalf("reading what was asked: %v", err)
	}
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": asked.PublicKey.Challenge, "origin": a.Origin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	return asked, text
}

// Make answers navigator.credentials.create.
func (a *Authenticator) Make(t testing.TB, options json.RawMessage) json.RawMessage {
	t.Helper()
	asked, client := a.client(t, "webauthn.create", options)
	handle, err := base64.RawURLEncoding.DecodeString(asked.PublicKey.User.ID)
	if err != nil {
		t.Fatalf("reading the handle: %v", err)
	}
	a.handle = handle
	x, y := a.key.X.FillBytes(make([]byte, 32)), a.key.Y.FillBytes(make([]byte, 32))
	// COSE (RFC 9053, section 7.1.1): {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
	cose := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, x...)
	cose = append(append(cose, 0x22, 0x58, 0x20), y...)
	credential := append(make([]byte, 16), 0, byte(len(a.id))) // no model, length of the ID
	data := a.data(flagCredential, append(append(credential, a.id...), cose...))
	// CBOR (RFC 8949): {"fmt": "none", "attStmt": {}, "authData": bytes}
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(append(object, 0x67), "attStmt"...), 0xa0)
	object = append(append(append(object, 0x68), "authData"...), 0x59, byte(len(data)>>8), byte(len(data)))
	return a.answer(t, map[string]any{"clientDataJSON": b64(client), "attestationObject": b64(append(object, data...)),
		"transports": []string{"internal"}})
}

// Use answers navigator.credentials.get.
func (a *Authenticator) Use(t testing.TB, options json.RawMessage) json.RawMessage {
	t.Helper()
	_, client := a.client(t, "webauthn.get", options)
	data := a.data(0, nil)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return a.answer(t, map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature),
		"userHandle": b64(a.handle)})
}

func (a *Authenticator) answer(t testing.TB, response map[string]any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response,
		"authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

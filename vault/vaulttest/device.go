package vaulttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// Device is a device's key, as a browser or the native client keeps it.
type Device struct {
	Key *ecdsa.PrivateKey
	ID  vault.DeviceID // once the vault knows it
}

// NewDevice makes a key that the vault does not know yet.
func NewDevice(t testing.TB) *Device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Device{Key: key}
}

// Public is the key as it is sent: SubjectPublicKeyInfo, DER.
func (d *Device) Public(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(d.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Sign signs a number for a purpose, as vault/FORMAT.md says.
func (d *Device) Sign(t testing.TB, purpose, nonce string) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte("clinivault/device-proof/v1\n" + purpose + "\n" + nonce))
	r, s, err := ecdsa.Sign(rand.Reader, d.Key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

// Proof answers a challenge of the actor's session.
func (d *Device) Proof(t testing.TB, v *vault.Vault, a vault.Actor) vault.DeviceProof {
	t.Helper()
	c, err := v.DeviceChallenge(t.Context(), a)
	if err != nil {
		t.Fatalf("asking for a number: %v", err)
	}
	return vault.DeviceProof{Device: d.ID, Nonce: c.Nonce, Signature: d.Sign(t, "prove", c.Nonce)}
}

// Hello is the device as it shows itself to bind the actor's session.
func (d *Device) Hello(t testing.TB, v *vault.Vault, a vault.Actor, kind string) vault.NewDevice {
	t.Helper()
	c, err := v.DeviceChallenge(t.Context(), a)
	if err != nil {
		t.Fatalf("asking for a number: %v", err)
	}
	return vault.NewDevice{Key: d.Public(t), Kind: kind, Name: "Test device", Nonce: c.Nonce, Signature: d.Sign(t, "bind", c.Nonce)}
}

// Bind binds the actor's session to the device and notes its ID.
func (d *Device) Bind(t testing.TB, v *vault.Vault, a vault.Actor, kind string) {
	t.Helper()
	known, err := v.BindSession(t.Context(), a, d.Hello(t, v, a, kind))
	if err != nil {
		t.Fatalf("binding: %v", err)
	}
	d.ID = known.ID
}

// InBrowser signs in somebody whom Person added, as a browser does that has not bound its session yet.
func (b *Bench) InBrowser(t testing.TB, login string) (a vault.Actor, token string) {
	t.Helper()
	opened, err := b.V.SignInAt(t.Context(), login, Password, vault.Door{Device: "browser", Browser: true, Remote: "127.0.0.1:1", Request: "SIGNIN"})
	if err != nil {
		t.Fatalf("signing in %s: %v", login, err)
	}
	a, err = b.V.Authenticate(t.Context(), opened.Token)
	if err != nil {
		t.Fatalf("authenticating %s: %v", login, err)
	}
	return a.From("127.0.0.1:1", "test-request"), opened.Token
}

// OnDevice signs in somebody on an approved native device, whose certificate it answers, DER.
func (b *Bench) OnDevice(t testing.TB, login string, admin vault.Actor, d *Device) (token string, certificate []byte) {
	t.Helper()
	token, _, err := b.V.SignIn(t.Context(), login, Password, "program", "127.0.0.1:1", "SIGNIN")
	if err != nil {
		t.Fatalf("signing in %s: %v", login, err)
	}
	a, err := b.V.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	fresh := d.ID == ""
	d.Bind(t, b.V, a, vault.DeviceNative)
	if fresh {
		if err := b.V.ApproveDevice(t.Context(), admin, d.ID); err != nil {
			t.Fatalf("approving: %v", err)
		}
	}
	der, err := b.V.CertifyDevice(t.Context(), a)
	if err != nil {
		t.Fatalf("certifying: %v", err)
	}
	return token, der
}

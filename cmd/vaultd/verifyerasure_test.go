package main

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// erasedCertificate erases a small vault's only photo and gives the certificate with the keys that check it.
func erasedCertificate(t *testing.T) (text []byte, keys vault.PublicKeys) {
	t.Helper()
	w := vaulttest.New(t)
	ctx := t.Context()
	author, asks, signs := w.Person(t, "author", vault.RoleClinician), w.Person(t, "records", vault.RoleRecords), w.Person(t, "privacy", vault.RolePrivacy)
	patient := w.Patient(t, author)
	w.Send(t, author, w.Capture(t, author, patient, vaulttest.Picture(t, 96, 64, 1)))
	w.Work(t)
	id, err := w.V.AskErasure(ctx, asks, patient, "", "asked for by the patient")
	if err == nil {
		err = w.V.SignErasure(ctx, signs, id)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Clock.Add(time.Second)
	w.Work(t)
	if text, err = w.V.ErasureCertificate(ctx, signs, id); err != nil {
		t.Fatal(err)
	}
	if keys, err = w.V.PublicKeys(ctx); err != nil {
		t.Fatal(err)
	}
	return text, keys
}

// TestVerifyErasure: an outsider with the certificate and the published keys learns what was erased, and that nobody changed
// it; everything else is refused.
func TestVerifyErasure(t *testing.T) {
	b := newBench(t)
	text, keys := erasedCertificate(t)
	b.put("cert.json", text)
	b.put("altered.json", bytes.Replace(text, []byte(`"complete":true`), []byte(`"complete":null`), 1))
	b.put("nonsense.json", []byte("{}"))
	b.put("long.json", make([]byte, maxErasureFile+1))
	key := base64.StdEncoding.EncodeToString(keys.Certificates[0].Key)
	for _, trust := range [][]string{nil, {"--key", key, "--log-key", keys.LogVerifier}} {
		out, _ := b.wants(0, append([]string{"verify-erasure", "cert.json"}, trust...)...)
		for _, want := range []string{"a patient with everything, 1 photos", "5 of 5 deleted from the store", "0 of 0 copies", "may hold the wrapped key until", "\nVERIFIED"} {
			if !strings.Contains(out, want) {
				t.Errorf("printed %q, want %q", out, want)
			}
		}
		if own := strings.Contains(out, "the key was taken from the certificate itself"); own != (trust == nil) {
			t.Errorf("with keys %v it says so: %v", trust, own)
		}
	}
	for _, tt := range []struct {
		name   string
		status int
		says   string
		args   []string
	}{
		{"altered", 2, "signature", []string{"altered.json"}},
		{"no certificate", 2, "not a certificate", []string{"nonsense.json"}},
		{"another log's key", 2, "NOT VERIFIED", []string{"cert.json", "--log-key", strings.Replace(keys.LogVerifier, "clinivault", "elsewhere", 1)}},
		{"too long", 1, "reading the certificate", []string{"long.json"}},
		{"no file", 1, "reading the certificate", []string{"absent.json"}},
		{"a key that is none", 1, "no Ed25519 key", []string{"cert.json", "--key", "x"}},
		{"no name", 1, "name one certificate", nil},
		{"two names", 1, "name one certificate", []string{"cert.json", "cert.json"}},
	} {
		out, errs := b.wants(tt.status, append([]string{"verify-erasure"}, tt.args...)...)
		if strings.Contains(out, "\nVERIFIED") || !strings.Contains(errs, tt.says) {
			t.Errorf("%s: printed %q and %q, want %q", tt.name, out, errs, tt.says)
		}
	}
}

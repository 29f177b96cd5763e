package vault_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// erasureText is the certificate of a small erasure, with the keys to check it.
func erasureText(t *testing.T, w *world) ([]byte, vault.Trust) {
	t.Helper()
	id := w.erased("", w.approved())
	w.finish()
	keys := must(w.V.PublicKeys(t.Context()))(t)
	return must(w.V.ErasureCertificate(t.Context(), w.records, id))(t), vault.Trust{Key: keys.Certificates[0].Key, LogVerifier: keys.LogVerifier}
}

// TestVerifyErasure: whoever changes anything of a certificate is found out, and its layout is nobody's business.
func TestVerifyErasure(t *testing.T) {
	w := newWorld(t)
	text, trust := erasureText(t, w)
	var spaced bytes.Buffer
	ok(t, json.Indent(&spaced, text, "", "    "))
	must(vault.VerifyErasure(spaced.Bytes(), trust))(t)
	own := must(vault.VerifyErasure(text, vault.Trust{}))(t)
	if !own.OwnKey || !own.OwnLogKey {
		t.Error("a certificate checked with its own keys does not say so")
	}
	foreign, _, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	_, err = vault.VerifyErasure(text, vault.Trust{Key: foreign, LogVerifier: trust.LogVerifier})
	wants(t, "another vault's key", err, vault.ErrIntegrity)
	_, err = vault.VerifyErasure(text, vault.Trust{Key: trust.Key, LogVerifier: strings.Replace(trust.LogVerifier, "clinivault/", "elsewhere/", 1)})
	if err == nil {
		t.Error("checked with another log's key: got no error")
	}
	for from, to := range map[string]string{
		`"complete":true`:               `"complete":false`,
		`"cause":"request"`:             `"cause":"retention"`,
		`"backups_until":"2026`:         `"backups_until":"2025`,
		`"subject":"photo"`:             `"subject":"patient"`,
		`"reached":true`:                `"reached":false`,
		`"notes":["`:                    `"notes":["nothing is left anywhere","`,
		`"format":"clinivault-erasure-`: `"format":"clinivault-certificat`,
		`"seq":`:                        `"seq":1`,
		`"size":`:                       `"size":1`,
		`erasure.finish`:                `erasure.cancel`,
	} {
		forged := strings.Replace(string(text), from, to, 1)
		if forged == string(text) {
			t.Fatalf("the certificate holds no %s", from)
		}
		_, err := vault.VerifyErasure([]byte(forged), trust)
		wants(t, to, err, vault.ErrIntegrity)
	}
	for name, bad := range map[string]string{
		"nothing": "", "no JSON": "{", "another value": "[]", "two values": string(text) + "{}", "an unknown member": strings.Replace(string(text), `{"certificate"`, `{"also":1,"certificate"`, 1),
		"too long": string(text) + strings.Repeat(" ", 17<<20),
	} {
		_, err := vault.VerifyErasure([]byte(bad), trust)
		wants(t, name, err, vault.ErrInvalid)
	}
	noProof := map[string]json.RawMessage{}
	ok(t, json.Unmarshal(text, &noProof))
	delete(noProof, "proof")
	_, err = vault.VerifyErasure(must(json.Marshal(noProof))(t), trust)
	wants(t, "without its proof", err, vault.ErrInvalid)
}

// TestErasureIsNoRelease: a certificate of one kind does not pass for one of the other, though the same key signs both.
func TestErasureIsNoRelease(t *testing.T) {
	w := newWorld(t)
	release := must(w.V.Certificate(t.Context(), w.records, w.approved()))(t)
	text, trust := erasureText(t, w)
	if _, err := vault.VerifyCertificate(text, trust); err == nil {
		t.Error("an erasure passes for a release")
	}
	if _, err := vault.VerifyErasure(release, trust); err == nil {
		t.Error("a release passes for an erasure")
	}
}

// TestStoredErasureCertificate: a row that was changed is not handed out.
func TestStoredErasureCertificate(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		id := w.erased("", w.approved())
		w.finish()
		for _, change := range []string{
			`UPDATE erasure_certificates SET certificate = replace(certificate, '"complete":true', '"complete":null')`,
			`UPDATE erasure_certificates SET position = position - 1`,
			`UPDATE erasure_certificates SET certificate = 'none'`,
		} {
			before := w.text(`SELECT certificate FROM erasure_certificates`)
			position := w.count(`SELECT position FROM erasure_certificates`)
			w.change(change)
			_, err := w.V.ErasureCertificate(t.Context(), w.privacy, id)
			wants(t, change, err, vault.ErrIntegrity)
			w.change(`UPDATE erasure_certificates SET certificate = $1, position = $2`, before, position)
			must(w.V.ErasureCertificate(t.Context(), w.privacy, id))(t)
		}
	})
}

// TestErasureOutlivesItsKey: after the certificate's key was rotated, an old certificate still holds.
func TestErasureOutlivesItsKey(t *testing.T) {
	w := newWorld(t)
	id := w.erased("", w.approved())
	w.finish()
	for _, kind := range []string{vault.RotateCertificate, vault.RotateLog} {
		must(w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: kind}))(t)
	}
	text := must(w.V.ErasureCertificate(t.Context(), w.privacy, id))(t)
	keys := must(w.V.PublicKeys(t.Context()))(t)
	if len(keys.Certificates) != 2 || len(keys.LogHandovers) != 1 {
		t.Fatalf("%d keys of certificates and %d handovers are published, want 2 and 1", len(keys.Certificates), len(keys.LogHandovers))
	}
	must(vault.VerifyErasure(text, vault.Trusting(keys)))(t)
	newest := keys
	newest.Certificates = keys.Certificates[:1]
	if _, err := vault.VerifyErasure(text, vault.Trusting(newest)); !errors.Is(err, vault.ErrIntegrity) {
		t.Errorf("with the newest key alone: got %v, want ErrIntegrity", err)
	}
	unled := keys
	unled.LogHandovers = nil
	if _, err := vault.VerifyErasure(text, vault.Trusting(unled)); !errors.Is(err, vault.ErrIntegrity) {
		t.Errorf("without the handover: got %v, want ErrIntegrity", err)
	}
}

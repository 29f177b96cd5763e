package api

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"net/http"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// TestGhost: the picture for comparison is the one that the person may see, opens with the page's own key and for this
// photo alone, and each look is in the log.
func TestGhost(t *testing.T) {
	c := newCast(t)
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string, in ghostRequest) *reply {
		return c.post(t, token, c.at("/ghost"), in)
	}
	open := func(g ghostAnswer, private []byte, id string) ([]byte, error) {
		return seal.OpenInSession(private, g.Enc, ghostInfo, g.Sealed, []byte(id))
	}
	in := ghostRequest{PublicKey: key.PublicKey().Bytes()}
	looks := func() (n int) {
		t.Helper()
		if err := c.SQL(t).QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit_events`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := looks()
	var covered ghostAnswer
	ask(c.doctor, in).into(t, http.StatusOK, &covered)
	if n := looks() - before; n != 1 {
		t.Errorf("one look: got %d events, want 1", n)
	}
	shown := c.get(t, c.doctor, c.at("/renditions/"+vault.KindCoveredDisplay))
	if plain, err := open(covered, key.Bytes(), string(c.photo)); err != nil || !bytes.Equal(plain, shown.body) || covered.MediaType != "image/jpeg" {
		t.Errorf("opening: %v, %s; want the covered picture", err, covered.MediaType)
	}
	if bytes.Contains(covered.Sealed, shown.body[:64]) {
		t.Error("the picture is in the answer in clear")
	}
	other, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]struct {
		key []byte
		id  string
	}{"another page's key": {other.Bytes(), string(c.photo)}, "another photo's number": {key.Bytes(), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}} {
		if _, err := open(covered, o.key, o.id); err == nil {
			t.Errorf("opening with %s: no error, want one", name)
		}
	}
	ask(c.as(t, clinician), in).refused(t, http.StatusNotFound, "not-found")
	in.Approved = true
	ask(c.doctor, in).refused(t, http.StatusNotFound, "not-found") // it is not approved yet
	c.approved(t)
	var redacted ghostAnswer
	ask(c.doctor, in).into(t, http.StatusOK, &redacted)
	shown = c.get(t, c.doctor, c.at("/renditions/"+vault.KindRedactedDisplay))
	if plain, err := open(redacted, key.Bytes(), string(c.photo)); err != nil || !bytes.Equal(plain, shown.body) {
		t.Errorf("opening after approval: %v; want the redacted picture", err)
	}
	for name, bad := range map[string][]byte{"none": nil, "short": make([]byte, 31), "of low order": make([]byte, 32)} {
		t.Run(name, func(t *testing.T) {
			ask(c.doctor, ghostRequest{PublicKey: bad, Approved: true}).refused(t, http.StatusUnprocessableEntity, "invalid")
		})
	}
}

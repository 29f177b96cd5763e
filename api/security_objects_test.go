package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestSecurityMassAssignment: every address that takes JSON refuses each field that it does not name, such as those that
// would give rights, so that none can ever be bound by chance.
func TestSecurityMassAssignment(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "person", admin, clinician, records, reviewer, privacy)
	token := b.signIn(t, "person")
	tried := 0
	for _, rt := range routes {
		if rt.in == nil || strings.HasPrefix(rt.path, "/scim/") { // SCIM ignores what it does not know (RFC 7643 section 3.3)
			continue
		}
		if rt.device { // read by the code of the same route of a session, once a certificate is shown
			continue
		}
		text, err := json.Marshal(rt.in)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"is_admin", "created_at", "person_id", "__proto__", "valid_until_forever"} {
			body := map[string]json.RawMessage{}
			if err := json.Unmarshal(text, &body); err != nil {
				t.Fatalf("%s %s takes no object: %v", rt.method, rt.path, err)
			}
			body[field] = json.RawMessage(`"x"`)
			got := b.send(t, request{method: rt.method, path: example(rt.path), token: token, json: body})
			if got.StatusCode != http.StatusBadRequest {
				t.Errorf("%s %s with %s: got %d %.100s, want 400", rt.method, rt.path, field, got.StatusCode, got.body)
			}
		}
		tried++
	}
	if tried < 25 {
		t.Errorf("tried %d routes, want at least 25", tried)
	}
	for _, field := range []string{"id", "state", "roles", "disabled_at", "locked_until"} { // of the rows behind them
		body := map[string]any{"password": "another passphrase of the tests", field: "admin"}
		got := b.send(t, request{method: "POST", path: "/api/v1/people/person/password", token: token, json: body})
		if got.StatusCode != http.StatusBadRequest && got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("a new password with %s: got %d, want 400", field, got.StatusCode)
		}
	}
}

// TestSecurityIDGuessing: IDs are long and random, and somebody else's is answered in the same words as one that nobody has.
func TestSecurityIDGuessing(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "owner", clinician)
	b.addPerson(t, "stranger", clinician)
	owner, err := b.V.Authenticate(t.Context(), b.signIn(t, "owner"))
	if err != nil {
		t.Fatal(err)
	}
	patient := b.Patient(t, owner)
	receipt := b.Send(t, owner, b.Capture(t, owner, patient, vaulttest.Picture(t, 160, 120, 7)))
	b.Work(t)
	link, err := b.V.MakeLink(t.Context(), owner, vault.PhotoID(receipt.PhotoID))
	if err != nil {
		t.Fatal(err)
	}
	token := b.signIn(t, "stranger")
	const nobodys = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, c := range []struct{ method, pattern, id string }{
		{"GET", "/api/v1/patients/{id}", string(patient)}, {"GET", "/api/v1/patients/{id}/photos", string(patient)},
		{"GET", "/api/v1/photos/{id}", receipt.PhotoID}, {"GET", "/api/v1/photos/{id}/renditions/covered_thumb", receipt.PhotoID},
		{"GET", "/api/v1/photos/{id}/certificate", receipt.PhotoID}, {"GET", "/api/v1/photos/{id}/attachments", receipt.PhotoID},
		{"GET", "/api/v1/photos/{id}/consents", receipt.PhotoID}, {"POST", "/api/v1/photos/{id}/reveal", receipt.PhotoID},
		{"POST", "/api/v1/photos/{id}/links", receipt.PhotoID}, {"DELETE", "/api/v1/links/{id}", string(link.ID)},
		{"DELETE", "/api/v1/sessions/{id}", string(owner.Session())}, {"GET", "/photos/{id}", receipt.PhotoID},
		{"GET", "/patients/{id}", string(patient)}, {"GET", "/l/{id}", link.Code},
	} {
		answer := func(id string) string {
			in := request{method: c.method, path: strings.ReplaceAll(c.pattern, "{id}", id), token: token}
			if c.method == "POST" {
				in.json = map[string]string{"reason": "looking around"}
			}
			if strings.HasSuffix(c.pattern, "/links") {
				in.json = nil
			}
			got := b.send(t, in)
			if got.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: got %d %.100s, want 404", c.method, c.pattern, got.StatusCode, got.body)
			}
			return strings.ReplaceAll(string(got.body), got.Header.Get("X-Request-Id"), "")
		}
		if theirs, none := answer(c.id), answer(nobodys); theirs != none {
			t.Errorf("%s %s: somebody's: %.200s; nobody's: %.200s; want the same words", c.method, c.pattern, theirs, none)
		}
	}
	if _, err := b.V.Authenticate(t.Context(), token); err != nil {
		t.Errorf("after it all the stranger's own session: %v", err)
	}
	if err := sound(owner, patient, receipt.PhotoID, link); err != nil {
		t.Error(err)
	}
}

// sound says what is wrong with the shape of the IDs: 26 characters of base32 are 130 bits.
func sound(owner vault.Actor, patient vault.PatientID, photo string, link vault.Link) error {
	all := []string{string(owner.Person()), string(owner.Session()), string(patient), photo, string(link.ID), link.Code}
	for i, id := range all {
		if len(id) != 26 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
			return fmt.Errorf("the ID %d has %d characters, want 26 of base32", i, len(id))
		}
		alike := 0
		for n := range id { // with another one: by chance 26/32 places are alike
			if id[n] == all[(i+1)%len(all)][n] {
				alike++
			}
		}
		if alike > 12 || reflect.DeepEqual(id, all[(i+1)%len(all)]) {
			return fmt.Errorf("the IDs %d and %d are alike in %d places", i, i+1, alike)
		}
	}
	return nil
}

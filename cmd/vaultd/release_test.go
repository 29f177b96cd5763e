package main

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestVerifyWhatTheServiceReleased takes a photo through the running service and
// checks what came out with the command, as an outsider and as the privacy officer.
func TestVerifyWhatTheServiceReleased(t *testing.T) {
	s := newService(t, nil)
	s.start()
	author, reviewer, records, privacy := s.signIn("clinician"), s.signIn("reviewer"), s.signIn("records"), s.signIn("privacy")
	source := tagged(t, 6, 320, 240)
	status, receipt, err := author.send(t.Context(), author.seal(author.patients()[0].ID, source))
	if err != nil || status != http.StatusCreated {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	var next struct {
		Photo *vault.Photo `json:"photo"`
	}
	eventually(t, "a photo to review", time.Minute, func() bool {
		reviewer.must("POST", "/api/v1/review/next", nil, &next)
		return next.Photo != nil
	})
	if string(next.Photo.ID) != receipt.PhotoID {
		t.Fatalf("photo %s waits for review, want %s", next.Photo.ID, receipt.PhotoID)
	}
	at := "/api/v1/photos/" + receipt.PhotoID
	reviewer.must("POST", at+"/approve", map[string]any{"version": next.Photo.Version, "regions": []map[string]any{
		{"kind": "face", "x0": 20, "y0": 200, "x1": 90, "y1": 280}}}, nil)

	b := newBench(t)
	fetch := func(p *person, path, name string) {
		t.Helper()
		status, body, err := p.request(t.Context(), "GET", path, nil, nil)
		if err != nil || status != http.StatusOK {
			t.Fatalf("GET %s: status %d, %v", path, status, err)
		}
		b.put(name, body)
	}
	fetch(records, at+"/renditions/redacted", "released.jpg")
	fetch(records, at+"/certificate", "certificate.json")
	var salt struct {
		OriginalSalt string `json:"original_salt"`
	}
	privacy.must("GET", at+"/certificate/salt", nil, &salt)
	var keys vault.PublicKeys
	records.must("GET", "/api/v1/keys", nil, &keys)
	out, _ := b.wants(0, "verify-redaction", "released.jpg", "certificate.json", "--log-key", keys.LogVerifier,
		"--key", base64.StdEncoding.EncodeToString(keys.Certificates[0].Key), "--original", b.put("camera.jpg", source), "--salt", salt.OriginalSalt)
	if strings.Contains(out, "note") || !strings.Contains(out, "which the certificate is about") || !strings.Contains(out, "the release is event") {
		t.Errorf("verified:\n%s", out)
	}
	fetch(records, at+"/renditions/redacted_display", "display.jpg")
	b.wants(2, "verify-redaction", "display.jpg", "certificate.json")
}

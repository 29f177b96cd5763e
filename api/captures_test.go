package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

func TestContentDigest(t *testing.T) {
	sum := strings.Repeat("\x01", 32)
	good := "sha-256=:" + base64.StdEncoding.EncodeToString([]byte(sum)) + ":"
	tests := []struct {
		name   string
		header []string
		ok     bool
	}{
		{"alone", []string{good}, true},
		{"beside another", []string{"sha-512=:AAAA:, " + good}, true},
		{"in a second line", []string{"sha-512=:AAAA:", good}, true},
		{"missing", nil, false},
		{"another only", []string{"sha-512=:AAAA:"}, false},
		{"twice", []string{good + ", " + good}, false},
		{"without colons", []string{"sha-256=" + base64.StdEncoding.EncodeToString([]byte(sum))}, false},
		{"short", []string{"sha-256=:AAAA:"}, false},
		{"hexadecimal", []string{"sha-256=:" + strings.Repeat("01", 32) + ":"}, false},
		{"no base64", []string{"sha-256=:!!!!:"}, false},
		{"endless", []string{good + strings.Repeat(", a=:AAAA:", 200)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := contentDigest(http.Header{"Content-Digest": tt.header})
			if (err == nil) != tt.ok || (tt.ok && string(got[:]) != sum) {
				t.Errorf("contentDigest(%q): got %x, %v; want ok=%v", tt.header, got, err, tt.ok)
			}
		})
	}
}

// captureRequest is what a client sends.
func captureRequest(token, id string, envelope []byte) request {
	sum := sha256.Sum256(envelope)
	return request{method: "POST", path: "/api/v1/captures", token: token, body: bytes.NewReader(envelope), header: map[string]string{
		"Content-Type": captureType, "Capture-Id": id,
		"Content-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":",
	}}
}

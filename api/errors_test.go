package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

func TestProblemOf(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		slug   string
		detail string // part of it; empty: the table's
	}{
		{"not found", fmt.Errorf("reading photo: %w", vault.ErrNotFound), 404, "not-found", ""},
		{"denied", vault.ErrDenied, 403, "not-allowed", ""},
		{"conflict", vault.ErrConflict, 409, "conflict", ""},
		{"conflict with a sentence", fmt.Errorf("approving: %w", say(vault.ErrConflict, "A face is still visible.")), 409, "conflict", "A face is still visible."},
		{"invalid", vault.ErrInvalid, 422, "invalid", ""},
		{"digest", fmt.Errorf("%w: capture", vault.ErrDigest), 422, "digest", ""},
		{"too large", vault.ErrTooLarge, 413, "too-large", ""},
		{"body too large", &http.MaxBytesError{Limit: 1}, 413, "too-large", ""},
		{"not signed in", vault.ErrUnauthenticated, 401, "not-signed-in", ""},
		{"too many wrong tries", vault.ErrLocked, 429, "too-many-tries", ""},
		{"unavailable", fmt.Errorf("%w: dial tcp 192.0.2.7:5432", vault.ErrUnavailable), 503, "unavailable", ""},
		{"too slow", context.DeadlineExceeded, 503, "unavailable", ""},
		{"integrity", vault.ErrIntegrity, 500, "integrity", ""},
		{"store's own error", vault.ErrAbsent, 500, "internal", ""},
		{"anything else", errors.New("secret-looking text 4711"), 500, "internal", ""},
		{"anything else with a sentence", say(errors.New("odd"), "Should not show."), 500, "internal", "Something went wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := problemOf(tt.err, "REQ")
			if p.Status != tt.status || p.Type != "urn:problem-type:clinivault:"+tt.slug || p.RequestID != "REQ" {
				t.Errorf("problemOf(%v): got %d %s %s, want %d …:%s REQ", tt.err, p.Status, p.Type, p.RequestID, tt.status, tt.slug)
			}
			if p.Title == "" || p.Detail == "" || !strings.Contains(p.Detail, tt.detail) {
				t.Errorf("problemOf(%v): got title %q detail %q, want both, detail with %q", tt.err, p.Title, p.Detail, tt.detail)
			}
			for _, inner := range []string{"192.0.2.7", "4711", "Should not"} {
				if strings.Contains(p.Title+p.Detail, inner) {
					t.Errorf("problemOf(%v): the answer %q repeats the inner error", tt.err, p.Detail)
				}
			}
			if (p.Status == 503) != (p.After > 0) {
				t.Errorf("problemOf(%v): got status %d with a wait of %v", tt.err, p.Status, p.After)
			}
		})
	}
	if p := problemOf(&said{kind: errTooMany, text: "Wait.", after: 7 * time.Second}, ""); p.After != 7*time.Second {
		t.Errorf("a wait that is known: got %v, want 7s", p.After)
	}
}

// Every sentinel of vault that a caller can meet has its own row, and every sentence is one.
func TestRefusalsAreWhole(t *testing.T) {
	for _, err := range []error{
		vault.ErrNotFound, vault.ErrDenied, vault.ErrConflict, vault.ErrInvalid, vault.ErrDigest, vault.ErrTooLarge,
		vault.ErrUnauthenticated, vault.ErrLocked, vault.ErrUnavailable, vault.ErrIntegrity,
	} {
		if p := problemOf(err, ""); strings.HasSuffix(p.Type, ":internal") {
			t.Errorf("%v: got an internal error, want a row in the table", err)
		}
	}
	for _, r := range append(refusals, internal) {
		if !strings.HasSuffix(r.text, ".") || strings.ToUpper(r.text[:1]) != r.text[:1] || r.status < 400 {
			t.Errorf("refusal %s: %d %q is not a sentence with an error status", r.slug, r.status, r.text)
		}
	}
}

// A client that left is counted as such, not as a fault of ours; an error that only looks like it still is one.
func TestProblemOfAClientThatLeft(t *testing.T) {
	b := newBench(t)
	left, leave := context.WithCancel(t.Context())
	leave()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		err    error
		want   int
		logged bool
	}{
		{"left", left, fmt.Errorf("reading: %w", context.Canceled), statusGone, false},
		{"still there", t.Context(), fmt.Errorf("reading: %w", context.Canceled), 500, true},
		{"left, other fault", left, errors.New("no room"), 500, true},
	} {
		before := len(b.lines.String())
		w := httptest.NewRecorder()
		b.s.problem(w, httptest.NewRequest("GET", "/api/v1/session", nil).WithContext(c.ctx), c.err)
		if logged := strings.Contains(b.lines.String()[before:], "request failed"); w.Code != c.want || logged != c.logged {
			t.Errorf("%s: got %d, logged %v; want %d, logged %v", c.name, w.Code, logged, c.want, c.logged)
		}
	}
}

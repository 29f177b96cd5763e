package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/clinivault/clinivault/vault"
)

// open is every address that a stranger may ask. Whatever is added to the router and not to this list must refuse
// them: programs with 401, browsers by sending them to the sign-in page.
var open = []string{
	"GET /healthz", "GET /readyz", "GET /api/openapi.json", "GET /api/v1/keys", "POST /api/v1/session",
	"POST /api/v1/session/code", "POST /api/v1/session/passkey/begin", "POST /api/v1/session/passkey", "POST /api/v1/enrolment", "GET /sign-in/enrol",
	"POST /api/v1/session/locked", "POST /api/v1/session/locked/{id}/open", // want the device's proof instead
	"GET /static/*", "GET /sw.js", "GET /manifest.webmanifest", "GET /sign-in",
	"GET /capture",                                                                         // the same bytes for everybody: TestCapturePageIsNobodys
	"GET /sign-in/hospital", "GET /sign-in/hospital/back", "POST /sign-in/hospital/logout", // absent without a provider
	"POST /api/v1/device/challenge", "POST /api/v1/device/enrol", "POST /api/v1/device/enrol/finish", "POST /api/v1/device/enrol/state", "GET /enrol",
}

var anyParam = regexp.MustCompile(`\{\w+\}`)

// example puts an ID that nobody has into a pattern.
func example(pattern string) string {
	return anyParam.ReplaceAllString(pattern, "AAAAAAAAAAAAAAAAAAAAAAAAAA")
}

func TestEveryRouteRefusesAStranger(t *testing.T) {
	b := newBench(t)
	seen := 0
	err := chi.Walk(b.s.handler.(chi.Routes), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if slices.Contains(open, method+" "+path) {
			return nil
		}
		seen++
		for name, token := range map[string]string{"no token": "", "made-up token": strings.Repeat("A", 43), "endless token": strings.Repeat("A", 9000)} {
			header := map[string]string{"Content-Type": "application/json", "X-Forwarded-For": "192.0.2.1"}
			got := b.send(t, request{method: method, path: example(path), token: token, header: header, body: strings.NewReader("{}")})
			signInPage := !inDocument(path) && got.StatusCode == http.StatusSeeOther && strings.HasPrefix(got.Header.Get("Location"), "/sign-in")
			if got.StatusCode != http.StatusUnauthorized && !signInPage {
				t.Errorf("%s %s with %s: got %d %.80s, want 401 or the sign-in page", method, path, name, got.StatusCode, got.body)
			}
			if inDocument(path) && !strings.HasPrefix(path, "/scim/") { // which tells refusals in its own form
				got.refused(t, http.StatusUnauthorized, "not-signed-in")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 30 {
		t.Errorf("walked %d closed routes, want at least 30", seen)
	}
}

// The roles that the route table names are what vault says: everyone else is refused as not allowed, and those
// named never are, though what they ask for may not exist.
func TestRouteTableTellsWhomVaultLetsThrough(t *testing.T) {
	b := newBench(t)
	for _, rt := range routes {
		if rt.public || len(rt.roles) == 0 || strings.Contains(rt.path, "{kind}") {
			continue
		}
		for _, role := range vault.Roles() {
			t.Run(rt.method+" "+rt.path+" as "+string(role), func(t *testing.T) {
				got := b.try(t, rt, example(rt.path), b.as(t, role))
				may := slices.Contains(rt.roles, role)
				if denied := got.StatusCode == http.StatusForbidden; denied == may {
					t.Errorf("got %d %.120s, want allowed=%v", got.StatusCode, got.body, may)
				}
				if got.StatusCode == http.StatusBadRequest || got.StatusCode >= 500 {
					t.Errorf("got %d %.120s: the request did not reach the decision", got.StatusCode, got.body)
				}
			})
		}
	}
}

// Which kinds of picture a role may ask for at all.
func TestRenditionKindsByRole(t *testing.T) {
	b := newBench(t)
	table := map[string][]vault.Role{
		vault.KindOriginal:        {reviewer},
		vault.KindDisplay:         {reviewer},
		vault.KindCoveredThumb:    {clinician, reviewer},
		vault.KindCoveredDisplay:  {clinician, reviewer},
		vault.KindRedacted:        {clinician, records},
		vault.KindRedactedThumb:   {clinician, records},
		vault.KindRedactedDisplay: {clinician, records},
	}
	for kind, may := range table {
		for _, role := range vault.Roles() {
			got := b.get(t, b.as(t, role), "/api/v1/photos/AAAAAAAAAAAAAAAAAAAAAAAAAA/renditions/"+kind)
			if slices.Contains(may, role) {
				got.refused(t, http.StatusNotFound, "not-found")
			} else {
				got.refused(t, http.StatusForbidden, "not-allowed")
			}
		}
	}
}

// try sends a request with a body of the right shape and nothing in it.
func (b *bench) try(t *testing.T, rt route, path, token string) *reply {
	t.Helper()
	in := request{method: rt.method, path: path, token: token, json: rt.in}
	if rt.local {
		in.header = map[string]string{"X-Forwarded-For": "192.0.2.1"}
	}
	if rt.inType == captureType {
		in = captureRequest(token, strings.Repeat("ab", 16), []byte("no envelope"))
		in.path = path
	}
	return b.send(t, in)
}

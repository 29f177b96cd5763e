package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestCleanID(t *testing.T) {
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"one of ours", "IWMFB3L2KAXMN6L23435FI3IEJ", true},
		{"capture ID", strings.Repeat("0a", 16), true},
		{"longest", strings.Repeat("A", maxID), true},
		{"too long", strings.Repeat("A", maxID+1), false},
		{"empty", "", false},
		{"path", "../x", false},
		{"space", "a b", false},
		{"dot", "a.b", false},
		{"line end", "a\n", false},
		{"other letters", "ä", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := cleanID(tt.in); (err == nil) != tt.ok || (tt.ok && got != tt.in) {
				t.Errorf("cleanID(%q): got %q, %v; want ok=%v", tt.in, got, err, tt.ok)
			}
		})
	}
}

func TestHostName(t *testing.T) {
	for in, want := range map[string]string{
		"localhost": "localhost", "LocalHost:80": "localhost", "[::1]:443": "::1", "::1": "::1", "[::1]": "::1",
		"10.0.0.1:8440": "10.0.0.1", "": "",
	} {
		if got := hostName(in); got != want {
			t.Errorf("hostName(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestRemoteWithoutProxies(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[::ffff:192.0.2.1]:5": "192.0.2.1", "[fe80::1%eth0]:5": "fe80::1", "@": "", "": "",
	} {
		r := &http.Request{RemoteAddr: in, Header: http.Header{"X-Forwarded-For": {"198.51.100.9"}}}
		if got := new(Server).remote(r); got != want {
			t.Errorf("remote of %q: got %q, want %q", in, got, want)
		}
	}
}

func TestMethodLabelIsBounded(t *testing.T) {
	for in, want := range map[string]string{"GET": "GET", "DELETE": "DELETE", "get": "other", "MADE-UP-BY-A-CLIENT": "other"} {
		if got := method(&http.Request{Method: in}); got != want {
			t.Errorf("method(%q): got %q, want %q", in, got, want)
		}
	}
}

// A person in a browser gets a page, a program problem JSON, and the API always JSON.
func TestRefusalsArePagesForPeople(t *testing.T) {
	tests := []struct {
		path, accept string
		page         bool
	}{
		{"/nothing", "text/html,application/xhtml+xml", true},
		{"/nothing", "application/json", false},
		{"/nothing", "", false},
		{"/api/v1/nothing", "text/html", false},
		{"/static/nothing", "text/html", false},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", tt.path, nil)
		r.Header.Set("Accept", tt.accept)
		if got := wantsPage(r); got != tt.page {
			t.Errorf("wantsPage(%s, Accept %q): got %v, want %v", tt.path, tt.accept, got, tt.page)
		}
	}
	b := newBench(t)
	got := b.send(t, request{method: "GET", path: "/nothing", header: map[string]string{"Accept": "text/html"}})
	if got.StatusCode != http.StatusNotFound || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") {
		t.Errorf("a browser at an unknown address: got %d %s, want 404 and a page", got.StatusCode, got.Header.Get("Content-Type"))
	}
}

func TestHeadAnswersLikeGet(t *testing.T) {
	b := newBench(t)
	got := b.send(t, request{method: "HEAD", path: "/healthz"})
	if got.StatusCode != http.StatusOK || len(got.body) != 0 {
		t.Errorf("HEAD /healthz: got %d with %d bytes, want 200 and none", got.StatusCode, len(got.body))
	}
}

// A bearer token counts before the cookie, and another scheme is no token at all.
func TestTokenOf(t *testing.T) {
	tests := []struct{ name, auth, cookie, want string }{
		{"bearer", "Bearer abc", "", "abc"},
		{"bearer in other case", "bearer abc", "", "abc"},
		{"cookie", "", "xyz", "xyz"},
		{"both", "Bearer abc", "xyz", "abc"},
		{"basic beside a cookie", "Basic abc", "xyz", ""},
		{"too long", "Bearer " + strings.Repeat("a", maxToken+1), "", ""},
		{"none", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			if tt.auth != "" {
				r.Header.Set("Authorization", tt.auth)
			}
			if tt.cookie != "" {
				r.AddCookie(sessionCookie(tt.cookie))
			}
			if got := tokenOf(r); got != tt.want {
				t.Errorf("tokenOf: got %q, want %q", got, tt.want)
			}
		})
	}
}

// With every place at the password check taken, the next one waits and is then told to come again.
func TestSignInsAtOnceAreBounded(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "waiting", clinician)
	for range cap(b.s.signIns) {
		b.s.signIns <- struct{}{}
	}
	got := b.post(t, "", "/api/v1/session", map[string]string{"login": "waiting", "password": vaulttest.Password})
	got.refused(t, http.StatusServiceUnavailable, "busy")
	<-b.s.signIns
	b.signIn(t, "waiting")
}

func TestOperationIDs(t *testing.T) {
	for want, rt := range map[string]route{
		"getPhotosIdRenditionsKind": {method: "GET", path: "/api/v1/photos/{id}/renditions/{kind}"},
		"getBodySites":              {method: "GET", path: "/api/v1/body-sites"},
		"getHealthz":                {method: "GET", path: "/healthz"},
	} {
		if got := operationID(rt); got != want {
			t.Errorf("operationID(%s): got %s, want %s", rt.path, got, want)
		}
	}
}

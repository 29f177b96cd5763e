package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// everyRoute calls fn for each method and pattern that the server has.
func (b *bench) everyRoute(t *testing.T, fn func(method, pattern string)) {
	t.Helper()
	seen := 0
	err := chi.Walk(b.s.handler.(chi.Routes), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		seen++
		fn(method, path)
		return nil
	})
	if err != nil || seen < 60 {
		t.Fatalf("walked %d routes, %v, want at least 60", seen, err)
	}
}

// TestSecurityCSRF: no address that changes anything takes what another site makes a browser send, with the cookie and
// all, whether the browser says so (Fetch Metadata), only names the origin, or posts a form.
func TestSecurityCSRF(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "victim", admin, clinician, records, reviewer, privacy)
	cookie, _ := b.browserSignIn(t, "victim", nil)
	changing := 0
	b.everyRoute(t, func(method, pattern string) {
		if slices.Contains([]string{"GET", "HEAD"}, method) {
			return
		}
		changing++
		for name, header := range map[string]map[string]string{
			"fetch metadata":  {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
			"neighbour":       {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.hospital.example"},
			"older browser":   {"Origin": "https://evil.example"},
			"sandboxed frame": {"Origin": "null"},
		} {
			header["Cookie"] = cookie
			header["Content-Type"] = "text/plain"
			got := b.send(t, request{method: method, path: example(pattern), header: header, body: strings.NewReader(`{}`)})
			if got.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s, %s: got %d, want 403", method, pattern, name, got.StatusCode)
			}
		}
	})
	if changing < 30 {
		t.Errorf("tried %d changing routes, want at least 30", changing)
	}
	if got := b.send(t, request{method: "GET", path: "/api/v1/session", header: map[string]string{"Cookie": cookie}}); got.StatusCode != http.StatusOK {
		t.Errorf("the victim's session after it all: got %d, want it alive", got.StatusCode)
	}
}

// TestSecurityOpenRedirect: whatever next says, nobody is sent to another site, neither from the sign-in page nor to it.
func TestSecurityOpenRedirect(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "victim", clinician)
	cookie, _ := b.browserSignIn(t, "victim", nil)
	for _, next := range []string{
		"https://evil.example/", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/\tevil.example", "/\n/evil.example",
		"http:evil.example", "javascript:alert(1)", "data:text/html,x", "/%09/evil.example", "/%5cevil.example", "%2f%2fevil.example",
		"/..//evil.example", "/.//evil.example", "//evil.example@localhost/", "/sign-in?next=//evil.example", "evil.example", "/\x00/evil.example", "?//evil.example",
	} {
		got := b.send(t, request{method: "GET", path: "/sign-in?next=" + url.QueryEscape(next), header: map[string]string{"Cookie": cookie, "Accept": "text/html"}})
		to := got.Header.Get("Location")
		at, err := url.Parse(to)
		if err != nil || got.StatusCode != http.StatusSeeOther || at.Host != "" || at.Scheme != "" || !strings.HasPrefix(to, "/") ||
			strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) || strings.ContainsAny(to, "\t\n\r\x00") {
			t.Errorf("next=%q: got %d to %q, %v, want a way within the site", next, got.StatusCode, to, err)
			continue
		}
		if there, err := url.Parse(b.base + "/"); err == nil { // as a browser resolves it, dots and all
			if end := there.ResolveReference(at); end.Host != there.Host || strings.HasPrefix(end.Path, "//") {
				t.Errorf("next=%q: a browser ends at %s", next, end)
			}
		}
	}
	for _, path := range []string{"//evil.example/", "/%2fevil.example", "/patients?next=//evil.example"} {
		got := b.page(t, "", path)
		if to := got.Header.Get("Location"); to != "" && !strings.HasPrefix(to, "/sign-in") {
			t.Errorf("a stranger at %q is sent to %q", path, to)
		}
	}
}

// TestSecurityHeadersOfEveryAnswer: no answer can be framed, sniffed, kept, or read by another origin's script: as a
// stranger, and signed in.
func TestSecurityHeadersOfEveryAnswer(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "person", admin, clinician, records, reviewer, privacy)
	token := b.signIn(t, "person")
	b.everyRoute(t, func(method, pattern string) {
		if pattern == "/static/*" {
			return // TestSecurityAssets
		}
		for _, as := range []string{"", token} {
			if as != "" && method != "GET" {
				continue
			}
			got := b.send(t, request{method: method, path: example(pattern), token: as,
				header: map[string]string{"Origin": b.base, "Accept": "text/html", "Content-Type": "application/json"}, body: strings.NewReader("{}")})
			want := map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store"}
			if pattern == "/sw.js" || pattern == "/manifest.webmanifest" || method == "GET" && pattern == "/capture" { // which hold nothing of anybody
				want["Cache-Control"] = "no-cache"
			}
			for name, value := range want {
				if h := got.Header.Get(name); h != value {
					t.Errorf("%s %s (%d): %s: got %q, want %q", method, pattern, got.StatusCode, name, h, value)
				}
			}
			policy := got.Header.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'"} {
				if !strings.Contains(policy, part) {
					t.Errorf("%s %s: the policy lacks %s", method, pattern, part)
				}
			}
			if len(got.body) > 0 && got.Header.Get("Content-Type") == "" {
				t.Errorf("%s %s: a body of no type", method, pattern)
			}
			for name := range got.Header {
				if strings.HasPrefix(name, "Access-Control-") || name == "Server" || name == "X-Powered-By" {
					t.Errorf("%s %s: got the header %s", method, pattern, name)
				}
			}
		}
	})
}

// TestSecurityCORS: another origin's preflight is refused at every address.
func TestSecurityCORS(t *testing.T) {
	b := newBench(t)
	tried := map[string]bool{}
	b.everyRoute(t, func(_, pattern string) {
		if tried[pattern] {
			return
		}
		tried[pattern] = true
		got := b.send(t, request{method: "OPTIONS", path: example(pattern), header: map[string]string{
			"Origin": "https://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}})
		if got.StatusCode < 400 || got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("OPTIONS %s: got %d with %q, want a refusal", pattern, got.StatusCode, got.Header.Get("Access-Control-Allow-Origin"))
		}
	})
}

// TestSecurityAssets: the files of the pages are what they are called, and nothing above their folder is served.
func TestSecurityAssets(t *testing.T) {
	b := newBench(t)
	css := b.s.web.Asset("css/base.css")
	got := b.get(t, "", css)
	if got.StatusCode != http.StatusOK || got.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/css") {
		t.Errorf("%s: got %d %v", css, got.StatusCode, got.Header)
	}
	folder := strings.TrimSuffix(css, "css/base.css")
	for _, path := range []string{folder, folder + "css", folder + "css/", folder + "../templates/layout.html", folder + "..%2ftemplates%2flayout.html",
		folder + "%2e%2e/templates/layout.html", folder + "css/..%5c..%5ctemplates", folder + "wasm/EMPTY.txt", "/static/css/base.css", folder + "CSS/base.css",
		folder + "css//base.css", folder + "css/base.css%00.js", folder + "css/base.css/"} {
		if got := b.get(t, "", path); got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 404", path, got.StatusCode)
		}
	}
}

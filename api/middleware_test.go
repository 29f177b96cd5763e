package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestGuardsAreOnEveryAnswer(t *testing.T) {
	b := newBench(t)
	want := map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Cross-Origin-Embedder-Policy": "require-corp",
	}
	for _, path := range []string{"/healthz", "/api/v1/session", "/api/v1/nothing", "/nothing", "/api/openapi.json"} {
		got := b.get(t, "", path)
		for name, value := range want {
			if h := got.Header.Get(name); h != value {
				t.Errorf("%s: %s: got %q, want %q", path, name, h, value)
			}
		}
		csp := got.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "require-trusted-types-for 'script'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: policy %q lacks %q", path, csp, part)
			}
		}
		if strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "'unsafe-eval'") {
			t.Errorf("%s: policy %q lets inline code run", path, csp)
		}
		may := strings.Split(got.Header.Get("Permissions-Policy"), ", ")
		for _, part := range []string{"camera=(self)", "microphone=(self)", "accelerometer=(self)", "gyroscope=(self)", "geolocation=()", "display-capture=()"} {
			if !slices.Contains(may, part) {
				t.Errorf("%s: permissions policy %q lacks %q", path, may, part)
			}
		}
		if got.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no request ID", path)
		}
		if got.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: plain HTTP promises TLS", path)
		}
	}
}

// The log tells of every request but for our own files that were found, which would drown the rest.
func TestLogLeavesOutOurOwnFiles(t *testing.T) {
	b := newBench(t)
	for path, want := range map[string]int{b.s.web.Asset("css/base.css"): 200, "/static/nothing": 404, "/healthz": 200} {
		before := len(b.lines.String())
		got := b.get(t, "", path)
		logged := strings.Contains(b.lines.String()[before:], got.Header.Get("X-Request-Id"))
		if got.StatusCode != want || logged != (path == "/healthz" || want == 404) {
			t.Errorf("%s: got %d, logged %v; want %d", path, got.StatusCode, logged, want)
		}
	}
}

func TestStrictTransportOnlyWhenSecure(t *testing.T) {
	b := newBench(t)
	pages, err := web.New(web.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Vault: b.V, Web: pages, Secure: true, Hosts: []string{"Photos.Example:8443"}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "https://photos.example/api/openapi.json", nil))
	if w.Code != http.StatusOK || w.Header().Get("Strict-Transport-Security") == "" {
		t.Errorf("got %d and %q, want 200 and HSTS", w.Code, w.Header().Get("Strict-Transport-Security"))
	}
}

func TestRequestIDIsOurs(t *testing.T) {
	b := newBench(t)
	got := b.send(t, request{method: "GET", path: "/healthz", header: map[string]string{"X-Request-Id": "chosen-by-client"}})
	if id := got.Header.Get("X-Request-Id"); id == "chosen-by-client" || len(id) != 26 {
		t.Errorf("request ID: got %q, want 26 characters of ours", id)
	}
	if strings.Contains(b.lines.String(), "chosen-by-client") {
		t.Error("the log holds what the client sent as request ID")
	}
}

func TestHostCheck(t *testing.T) {
	b := newBench(t)
	for host, status := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "127.0.0.1:1": 200, "[::1]:9": 200,
		"evil.example": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example:80": 421,
	} {
		got := b.send(t, request{method: "GET", path: "/api/openapi.json", host: host})
		if got.StatusCode != status {
			t.Errorf("host %q: got %d, want %d", host, got.StatusCode, status)
		}
	}
	b.send(t, request{method: "GET", path: "/healthz", host: "10.0.0.7"}).into(t, http.StatusOK, nil)
}

func TestCrossOriginIsRefused(t *testing.T) {
	b := newBench(t)
	token := b.as(t, clinician)
	for name, header := range map[string]map[string]string{
		"fetch metadata": {"Sec-Fetch-Site": "cross-site"},
		"same site":      {"Sec-Fetch-Site": "same-site"},
		"origin":         {"Origin": "https://evil.example"},
		"null origin":    {"Origin": "null"},
	} {
		header["Content-Type"] = "application/json"
		got := b.send(t, request{method: "POST", path: "/api/v1/patients/search", token: token, body: strings.NewReader(`{"q":""}`), header: header})
		if got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", name, got.StatusCode)
		}
		got.refused(t, http.StatusForbidden, "cross-origin")
	}
	own := map[string]string{"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
	b.send(t, request{method: "POST", path: "/api/v1/patients/search", token: token, body: strings.NewReader(`{"q":""}`), header: own}).into(t, http.StatusOK, nil)
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	b := newBench(t)
	b.get(t, "", "/api/v1/nothing").refused(t, http.StatusNotFound, "no-such-address")
	b.get(t, "", "/nothing/at/all").refused(t, http.StatusNotFound, "no-such-address")
	got := b.send(t, request{method: "PUT", path: "/api/v1/session"})
	got.refused(t, http.StatusMethodNotAllowed, "method-not-allowed")
	if allow := strings.Join(got.Header.Values("Allow"), ","); !strings.Contains(allow, "POST") {
		t.Errorf("Allow: got %q, want the methods that are taken", allow)
	}
	token := b.as(t, privacy)
	b.get(t, token, "/api/v1/patients/"+strings.Repeat("A", 65)).refused(t, http.StatusNotFound, "not-found")
	b.get(t, token, "/api/v1/patients/a%20b").refused(t, http.StatusNotFound, "not-found")
	for _, q := range []string{"limit=-1", "limit=501", "limit=x", "limit=1&limit=2", "nonsense=1", "before=99999999999999999999", "person=a&patient=b"} {
		b.get(t, token, "/api/v1/audit?"+q).refused(t, http.StatusUnprocessableEntity, "invalid")
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	b := newBench(t)
	h := b.s.follow(b.s.recoverer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("Patient Secretname") })))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/x", nil))
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 500 || !strings.HasSuffix(p.Type, ":internal") {
		t.Errorf("got %d %s, want an internal error", w.Code, w.Body)
	}
	if text := b.lines.String(); strings.Contains(text, "Secretname") || !strings.Contains(text, "panic in a handler") || !strings.Contains(text, p.RequestID) {
		t.Error("the log must say that a handler panicked, with the request ID and without the value")
	}
}

func TestErrorAfterTheFirstByteCutsTheConnection(t *testing.T) {
	b := newBench(t)
	h := b.s.follow(b.s.recoverer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("half"))
		b.s.problem(w, r, vault.ErrUnavailable)
	})))
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	srv.Start()
	defer srv.Close()
	res, err := http.Get(srv.URL)
	if err == nil {
		_, err = res.Body.Read(make([]byte, 100))
		for err == nil {
			_, err = res.Body.Read(make([]byte, 100))
		}
		res.Body.Close()
	}
	if err == nil || err.Error() == "EOF" {
		t.Errorf("a torn answer: got end %v, want an error that the client notices", err)
	}
}

// A part that does not answer: ready no more, with a time to come back; still alive; and the stranger who asks
// does not learn which part it is.
func TestNotReady(t *testing.T) {
	b := newBench(t)
	b.get(t, "", "/readyz").into(t, http.StatusOK, nil)
	b.Blobs.OnOp(func(int, vaulttest.Op, string) vaulttest.Fault { return vaulttest.Refuse })
	b.get(t, "", "/readyz").into(t, http.StatusOK, nil) // the answer of a moment ago
	b.s.pings.at = time.Time{}
	got := b.get(t, "", "/readyz")
	got.refused(t, http.StatusServiceUnavailable, "unavailable")
	if got.Header.Get("Retry-After") != "5" || strings.Contains(string(got.body), "store") {
		t.Errorf("got Retry-After %q and %s, want 5 and no word of the part", got.Header.Get("Retry-After"), got.body)
	}
	b.get(t, "", "/healthz").into(t, http.StatusOK, nil)
	var health healthAnswer
	b.get(t, b.as(t, admin), "/api/v1/health").into(t, http.StatusOK, &health)
	bad := 0
	for _, part := range health.Parts {
		if !part.OK {
			bad++
		}
	}
	if len(health.Parts) < 3 || bad != 1 {
		t.Errorf("health: got %+v, want the parts, one of them not well", health.Parts)
	}
}

// The line about a request names its pattern; neither address, query nor who asked stand in it.
func TestLogNamesPatternsOnly(t *testing.T) {
	b := newBench(t)
	token := b.as(t, privacy)
	b.get(t, token, "/api/v1/patients/IDINTHEADDRESS?x=1")
	b.get(t, token, "/api/v1/audit?patient=IDINTHEQUERY")
	b.get(t, token, "/nowhere/IDINTHEADDRESS")
	text := b.lines.String()
	for _, inner := range []string{"IDINTHE", token, "only-privacy", vaulttest.Password} {
		if strings.Contains(text, inner) {
			t.Errorf("the log holds %q", inner)
		}
	}
	for _, want := range []string{`"route":"/api/v1/patients/{id}"`, `"route":"/api/v1/audit"`, `"status":404`, `"method":"GET"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
}

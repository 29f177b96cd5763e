package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/clinivault/clinivault/vault"
)

// TestHospitalProviderAstray: a provider that is down, or does not answer as one, is told as unavailable, opens nothing,
// and is asked again when it is back.
func TestHospitalProviderAstray(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an internal error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"a way elsewhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://other.example/token")
			w.WriteHeader(307)
		},
		"an endless answer": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"x":"`, strings.Repeat("x", maxProviderBody), `"}`)
		},
		"a broken off reply": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "{")
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			g.answers(answer)
			got := g.signsIn(nil)
			if got.StatusCode != http.StatusServiceUnavailable || sessionOf(got) != "" || got.Header.Get("Retry-After") == "" {
				t.Errorf("got %d, want 503 with a time to wait", got.StatusCode)
			}
			g.answers(nil)
			if got := g.signsIn(nil); got.StatusCode != http.StatusOK {
				t.Errorf("afterwards: got %d, want 200", got.StatusCode)
			}
		})
	}
}

// TestHospitalDown: the service starts and works without its provider, says so, and finds it when it is there.
func TestHospitalDown(t *testing.T) {
	g := newRig(t, nil)
	address := g.provider.Listener.Addr().String()
	g.provider.Close()
	got := g.send(t, request{method: "GET", path: hospitalPath, host: "photos.example"})
	got.refused(t, http.StatusServiceUnavailable, "hospital-down")
	g.logsOut("a.b.c").refused(t, http.StatusServiceUnavailable, "hospital-down")
	var health healthAnswer
	g.get(t, g.as(t, vault.RoleAdmin), "/api/v1/health").into(t, http.StatusOK, &health)
	if p := health.Parts[len(health.Parts)-1]; p.Name != "hospital sign-in" || p.OK {
		t.Errorf("health says %+v, want the hospital's sign-in in trouble", p)
	}
	again := httptest.NewUnstartedServer(g.provider.Config.Handler)
	again.Listener.Close()
	l, err := listenAgain(address)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	again.Listener = l
	again.Start()
	t.Cleanup(again.Close)
	g.Clock.Add(downFor)
	g.leaves(hospitalPath, "")
}

// TestHospitalDiscoveryRefused: a discovery document that is another's, or leads to where it must not, is not used.
func TestHospitalDiscoveryRefused(t *testing.T) {
	for name, doc := range map[string]string{
		"another issuer": `{"issuer":"https://other.example","authorization_endpoint":"https://a.example","token_endpoint":"https://a.example","jwks_uri":"https://a.example"}`,
		"plain http":     `{"issuer":"ISSUER","authorization_endpoint":"https://a.example","token_endpoint":"http://a.example","jwks_uri":"https://a.example"}`,
		"no keys":        `{"issuer":"ISSUER","authorization_endpoint":"https://a.example","token_endpoint":"https://a.example"}`,
		"no JSON":        `secret words`,
	} {
		t.Run(name, func(t *testing.T) {
			var srv *httptest.Server
			srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, strings.ReplaceAll(doc, "ISSUER", srv.URL))
			}))
			defer srv.Close()
			err := CheckOIDC(t.Context(), OIDCConfig{Issuer: srv.URL, ClientID: "c", ClientSecretFile: secretFile(t), Address: "https://photos.example"})
			if !errors.Is(err, errProviderDown) || strings.Contains(err.Error(), "secret words") {
				t.Errorf("got %v, want %v and none of the document's words", err, errProviderDown)
			}
		})
	}
}

func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestHospitalKeys: keys that the provider makes anew are fetched, and made-up ones do not make us fetch without end.
func TestHospitalKeys(t *testing.T) {
	g := newRig(t, nil)
	if got := g.signsIn(nil); got.StatusCode != http.StatusOK {
		t.Fatalf("at first: got %d", got.StatusCode)
	}
	fetched := func() int { g.mu.Lock(); defer g.mu.Unlock(); return g.fetched }
	before := fetched()
	for i := range 20 {
		g.logsOut(signed(t, jwt.SigningMethodRS256, rigKeys()[1], fmt.Sprint("made-up-", i), g.logout("j")))
	}
	if n := fetched() - before; n > 1 {
		t.Errorf("20 tokens with made-up keys: fetched %d times, want at most once in %s", n, keysKept)
	}
	g.mu.Lock()
	g.shown, g.kid = []string{"k1", "k2"}, "k2"
	g.mu.Unlock()
	g.Clock.Add(keysKept)
	if got := g.signsIn(nil); got.StatusCode != http.StatusOK {
		t.Errorf("with a new key: got %d, want 200", got.StatusCode)
	}
	g.mu.Lock()
	g.shown, g.kid = []string{"k2"}, "k1" // withdrawn
	g.mu.Unlock()
	g.Clock.Add(rediscover)
	if got := g.signsIn(nil); got.StatusCode != http.StatusForbidden {
		t.Errorf("with a key that was withdrawn an hour ago: got %d, want 403", got.StatusCode)
	}
}

// TestHospitalUserInfo: claims that are at userinfo are fetched, and are this person's; what is signed comes first.
func TestHospitalUserInfo(t *testing.T) {
	for name, c := range map[string]struct {
		info  jwt.MapClaims
		cause string
	}{
		"the rest":      {jwt.MapClaims{"sub": "subject-7", "preferred_username": "synthetic.nurse", "name": "Not This", "groups": []string{"Nurses"}}, ""},
		"somebody else": {jwt.MapClaims{"sub": "subject-8", "preferred_username": "synthetic.nurse", "groups": []string{"Nurses"}}, "userinfo"},
		"nobody":        {jwt.MapClaims{"preferred_username": "synthetic.nurse", "groups": []string{"Nurses"}}, "userinfo"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(c *OIDCConfig) { c.UserInfo = true })
			g.userinfo = c.info
			got := g.signsIn(func(c jwt.MapClaims) { delete(c, "preferred_username"); delete(c, "groups") })
			if c.cause != "" {
				g.refusedFor(got, c.cause)
				return
			}
			a, err := g.V.Authenticate(t.Context(), sessionOf(got))
			if err != nil || a.Name() != "Synthetic Nurse" {
				t.Errorf("got %q, %v; want the name that is signed", a.Name(), err)
			}
		})
	}
}

// TestHospitalRaise: who is signed in shows the provider again who they are, now, and goes on under a new token.
func TestHospitalRaise(t *testing.T) {
	g := newRig(t, nil)
	if got := g.send(t, request{method: "GET", path: hospitalPath + "?raise=1", host: "photos.example"}); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger: got %d, want 401", got.StatusCode)
	}
	old := sessionOf(g.signsIn(nil))
	raise := func(shown time.Duration) *reply {
		way := g.leaves(hospitalPath+"?raise=1&next=/people", cookieName+"="+old)
		if way.sent.Get("prompt") != "login" || way.sent.Get("max_age") != "0" {
			t.Errorf("sent prompt %q and max_age %q, want login and 0", way.sent.Get("prompt"), way.sent.Get("max_age"))
		}
		claims := g.claims(way.sent.Get("nonce"))
		claims["auth_time"] = g.Clock.Now().Add(shown).Unix()
		g.redeems(g.sign(claims))
		return g.returns(g.back(way), way.cookie)
	}
	if got := raise(-2 * time.Minute); got.StatusCode != http.StatusForbidden || !strings.Contains(g.lines.String(), `"cause":"auth-time"`) {
		t.Errorf("with a sign-in of before: got %d, want 403 for auth-time", got.StatusCode)
	}
	got := raise(0)
	if page := got.sound(t, http.StatusOK); !strings.Contains(page, "data-raised") {
		t.Error("the page does not say that this was a confirmation")
	}
	g.get(t, old, "/api/v1/session").refused(t, http.StatusUnauthorized, "not-signed-in")
	g.get(t, sessionOf(got), "/api/v1/session").into(t, http.StatusOK, nil)
}

// TestHospitalAlwaysAsk: where each sign-in has to be shown anew, one that the provider remembers does not do.
func TestHospitalAlwaysAsk(t *testing.T) {
	g := newRig(t, func(c *OIDCConfig) { c.AlwaysAsk = true })
	if got := g.leaves(hospitalPath, "").sent.Get("prompt"); got != "login" {
		t.Errorf("sent prompt %q, want login", got)
	}
	g.refusedFor(g.signsIn(func(c jwt.MapClaims) { c["auth_time"] = g.Clock.Now().Add(-2 * time.Minute).Unix() }), "auth-time")
	if got := g.signsIn(func(c jwt.MapClaims) { c["auth_time"] = g.Clock.Now().Unix() }); got.StatusCode != http.StatusOK {
		t.Errorf("shown now: got %d, want 200", got.StatusCode)
	}
}

// TestHospitalAbsent: without a provider there is nothing at its addresses.
func TestHospitalAbsent(t *testing.T) {
	b := newBench(t)
	for _, in := range []request{{method: "GET", path: hospitalPath}, {method: "GET", path: backPath}, {method: "POST", path: logoutPath}} {
		b.send(t, in).refused(t, http.StatusNotFound, "no-such-address")
	}
}

// TestHospitalTriesAreCounted: whoever guesses at the way back is slowed down.
func TestHospitalTriesAreCounted(t *testing.T) {
	g := newRig(t, nil)
	for range 100 {
		got := g.send(t, request{method: "GET", path: backPath + "?state=x&code=y&iss=" + g.provider.URL})
		if got.StatusCode == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("100 guesses at once: none was told to wait")
}

func TestOIDCConfigCheck(t *testing.T) {
	good := OIDCConfig{Issuer: "https://login.example/realms/main", ClientID: "c", ClientSecretFile: "f", Address: "https://photos.example"}
	if err := good.Check(); err != nil {
		t.Fatalf("a good configuration: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*OIDCConfig)
		says   string
	}{
		"no issuer":          {func(c *OIDCConfig) { c.Issuer = "" }, `"issuer"`},
		"plain http":         {func(c *OIDCConfig) { c.Issuer = "http://login.example" }, "https"},
		"issuer with query":  {func(c *OIDCConfig) { c.Issuer += "?x=1" }, "query"},
		"a name in it":       {func(c *OIDCConfig) { c.Issuer = "https://a@login.example" }, "https"},
		"no address":         {func(c *OIDCConfig) { c.Address = "" }, `"address"`},
		"address plain http": {func(c *OIDCConfig) { c.Address = "http://photos.example" }, "https"},
		"client auth":        {func(c *OIDCConfig) { c.ClientAuth = "none" }, "client_auth"},
		"too much skew":      {func(c *OIDCConfig) { c.ClockSkewSeconds = 301 }, "set the clocks"},
		"negative skew":      {func(c *OIDCConfig) { c.ClockSkewSeconds = -1 }, "clock_skew_seconds"},
		"negative age":       {func(c *OIDCConfig) { c.MaxAgeMinutes = -1 }, "max_age_minutes"},
		"two scopes in one":  {func(c *OIDCConfig) { c.Scopes = []string{"a b"} }, "words"},
		"a domain without @": {func(c *OIDCConfig) { c.Claims.TrimDomain = "example" }, "@"},
	} {
		bad := good
		c.change(&bad)
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want a sentence with %s", name, err, c.says)
		}
	}
	local := good
	local.Issuer, local.Address = "http://127.0.0.1:9000", "http://localhost:8440"
	if err := local.Check(); err != nil {
		t.Errorf("on this machine itself: %v", err)
	}
}

// TestCheckOIDCClock: a provider whose clock differs by more than is allowed is found out before people are.
func TestCheckOIDCClock(t *testing.T) {
	g := newRig(t, nil)
	off := 10 * time.Minute
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		g.discovery(w, r)
	}))
	defer srv.Close()
	old := g.provider.URL
	g.provider.URL = srv.URL
	defer func() { g.provider.URL = old }()
	cfg := OIDCConfig{Issuer: srv.URL, ClientID: "c", ClientSecretFile: secretFile(t), Address: "https://photos.example"}
	if err := CheckOIDC(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "NTP") {
		t.Errorf("ten minutes ahead: got %v, want a sentence about the clocks", err)
	}
	off = 0
	if err := CheckOIDC(context.WithoutCancel(t.Context()), cfg); err != nil {
		t.Errorf("on time: %v", err)
	}
}

func TestIdentityTrimsTheDomain(t *testing.T) {
	c := OIDCConfig{Claims: ClaimNames{TrimDomain: "@Hospital.example"}}.withDefaults()
	for in, want := range map[string]string{
		"a.b@hospital.example": "a.b", "a.b@HOSPITAL.EXAMPLE": "a.b", "a.b@other.example": "a.b@other.example", "a.b": "a.b",
		"A.B": "a.b", "\u212Ai.m": "\u212Ai.m", "\u0130.m": "\u0130.m", // other alphabets' letters are nobody's here
	} {
		payload, err := json.Marshal(map[string]any{"preferred_username": in})
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.identity(tokenClaims{}, payload, nil)
		if err != nil || f.Login != want {
			t.Errorf("%q: got %q, %v; want %q", in, f.Login, err, want)
		}
	}
}

// FuzzHospitalToken: whatever a provider signs, reading it ends, and what is believed says all that was asked.
func FuzzHospitalToken(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	e := expected{issuer: "https://i.example", client: "c", skew: time.Minute, now: now}
	f.Add([]byte(`{"iss":"https://i.example","sub":"s","aud":["c"],"exp":1800000100,"iat":1800000000,"auth_time":1800000000,"nonce":"n","acr":"a","groups":["x"]}`))
	f.Add([]byte(`{"iss":"https://i.example","sid":"s","aud":"c","exp":1800000100,"iat":1.8e9,"jti":"j","events":{"` + logoutEvent + `":{}}}`))
	f.Add([]byte(`{"aud":null,"exp":1e400,"iat":-1,"events":[]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := e.idToken(payload, asked{nonce: "n", age: time.Hour, acr: []string{"a"}})
		if err == nil && (c.Issuer != e.issuer || c.Subject == "" || c.Nonce == nil || *c.Nonce != "n" || c.ACR != "a" || c.Expires.Before(now.Add(-time.Minute))) {
			t.Errorf("believed %+v", c)
		}
		if err == nil {
			_, _ = OIDCConfig{}.withDefaults().identity(c, payload, nil)
		}
		l, lErr := e.logoutToken(payload)
		if lErr == nil && (l.ID == "" || l.Nonce != nil || l.Subject == "" && l.SID == "") {
			t.Errorf("believed the logout %+v", l)
		}
		if err == nil && lErr == nil {
			t.Error("one token is both")
		}
	})
}

package api

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

const (
	rigClient = "clinivault"
	rigSecret = "a secret & more"
)

// rigKeys are the provider's key and an attacker's, made once: RSA keys take long.
var rigKeys = sync.OnceValue(func() (out [2]*rsa.PrivateKey) {
	for i := range out {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[i] = key
	}
	return out
})

// rig is a service whose provider is in the attacker's hands: it answers what a test wants it to.
type rig struct {
	*bench
	t        *testing.T
	provider *httptest.Server
	key      *rsa.PrivateKey // signs
	kid      string

	mu        sync.Mutex
	shown     []string // key IDs that the provider publishes; guarded by mu
	fetched   int      // how often they were fetched; guarded by mu
	idToken   string   // guarded by mu; what the code is redeemed for
	challenge string   // guarded by mu; of PKCE
	used      bool     // guarded by mu; the code
	answer    http.HandlerFunc
	userinfo  jwt.MapClaims
}

// newRig starts both. change may change the configuration.
func newRig(t *testing.T, change func(*OIDCConfig)) *rig {
	t.Helper()
	g := &rig{t: t, key: rigKeys()[0], kid: "k1", shown: []string{"k1"}}
	mux := http.NewServeMux()
	g.provider = httptest.NewServer(mux)
	t.Cleanup(g.provider.Close)
	mux.HandleFunc("/.well-known/openid-configuration", g.discovery)
	mux.HandleFunc("/jwks", g.jwks)
	mux.HandleFunc("/token", g.token)
	mux.HandleFunc("/me", func(w http.ResponseWriter, _ *http.Request) { g.json(w, 200, g.userinfo) })
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(rigSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := OIDCConfig{Issuer: g.provider.URL, ClientID: rigClient, ClientSecretFile: file, Address: "https://photos.example",
		Create: true, RequireACR: []string{"urn:example:mfa"}}
	if change != nil {
		change(&cfg)
	}
	g.bench = benchWith(t, &cfg)
	err := g.V.SetGroup(t.Context(), vault.Operator(), vault.MappedGroup{Name: "Nurses", Roles: []vault.Role{vault.RoleClinician}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// benchWith is newBench with a provider, by the vault's clock.
func benchWith(t *testing.T, cfg *OIDCConfig) *bench {
	t.Helper()
	inner := vaulttest.New(t)
	pages, err := web.New(web.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Bench: inner, lines: &vaulttest.Log{}, token: map[vault.Role]string{}}
	b.s, err = New(Config{Vault: inner.V, Web: pages, Log: slog.New(slog.NewJSONHandler(b.lines, nil)), OIDC: cfg, Now: inner.Clock.Now,
		Hosts: []string{"photos.example", "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(b.s.Handler())
	t.Cleanup(srv.Close)
	b.base = srv.URL
	return b
}

func (g *rig) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (g *rig) discovery(w http.ResponseWriter, _ *http.Request) {
	u := g.provider.URL
	g.json(w, 200, map[string]any{"issuer": u, "authorization_endpoint": u + "/auth", "token_endpoint": u + "/token", "jwks_uri": u + "/jwks",
		"userinfo_endpoint": u + "/me", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		"authorization_response_iss_parameter_supported": true})
}

func (g *rig) jwks(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fetched++
	var keys []any
	b64 := base64.RawURLEncoding
	for _, kid := range g.shown {
		keys = append(keys, map[string]string{"kty": "RSA", "kid": kid, "use": "sig", "n": b64.EncodeToString(rigKeys()[0].N.Bytes()),
			"e": b64.EncodeToString(big.NewInt(int64(rigKeys()[0].E)).Bytes())})
	}
	g.json(w, 200, map[string]any{"keys": keys})
}

// token redeems the code once, for whoever has the secret and the verifier.
func (g *rig) token(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.answer != nil {
		g.answer(w, r)
		return
	}
	id, secret, _ := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case id != rigClient || secret != rigSecret:
		g.json(w, 401, map[string]string{"error": "invalid_client"})
	case r.PostFormValue("code") != "the-code" || g.used || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge ||
		r.PostFormValue("redirect_uri") != "https://photos.example/sign-in/hospital/back":
		g.json(w, 400, map[string]string{"error": "invalid_grant"})
	default:
		g.used = true
		g.json(w, 200, map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": g.idToken})
	}
}

// claims are those of a good ID token for a nonce.
func (g *rig) claims(nonce string) jwt.MapClaims {
	now := g.Clock.Now()
	return jwt.MapClaims{"iss": g.provider.URL, "sub": "subject-7", "aud": rigClient, "exp": now.Add(5 * time.Minute).Unix(),
		"iat": now.Unix(), "auth_time": now.Add(-time.Minute).Unix(), "nonce": nonce, "sid": "sid-7", "acr": "urn:example:mfa",
		"amr": []string{"pwd", "otp"}, "preferred_username": "synthetic.nurse", "name": "Synthetic Nurse", "groups": []string{"Nurses"}}
}

// sign signs claims as the provider does.
func (g *rig) sign(c jwt.MapClaims) string {
	return signed(g.t, jwt.SigningMethodRS256, g.key, g.kid, c)
}

func signed(t *testing.T, method jwt.SigningMethod, key any, kid string, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	token.Header["kid"] = kid
	out, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// publicPEM is the provider's public key as everybody has it.
func (g *rig) publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(&g.key.PublicKey)
	if err != nil {
		g.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// trip is a browser on its way: what it carries to the provider, and its cookies.
type trip struct {
	sent   url.Values
	cookie string
}

// leaves begins a sign-in as a browser that has cookies already.
func (g *rig) leaves(path, cookies string) trip {
	g.t.Helper()
	got := g.send(g.t, request{method: "GET", path: path, host: "photos.example", header: map[string]string{"Accept": "text/html", "Cookie": cookies}})
	to, err := url.Parse(got.Header.Get("Location"))
	if err != nil || got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to.String(), g.provider.URL+"/auth?") {
		g.t.Fatalf("%s: got %d to %q, want the provider", path, got.StatusCode, got.Header.Get("Location"))
	}
	out := trip{sent: to.Query()}
	for _, c := range got.Cookies() {
		if c.Name != flowCookie {
			continue
		}
		out.cookie = c.Name + "=" + c.Value
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 {
			g.t.Errorf("the flow's cookie is %v", c)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.challenge, g.used = out.sent.Get("code_challenge"), false
	return out
}

// back is the query with which the provider sends the browser back.
func (g *rig) back(of trip) url.Values {
	return url.Values{"code": {"the-code"}, "state": {of.sent.Get("state")}, "iss": {g.provider.URL}}
}

// returns comes back with a query and cookies.
func (g *rig) returns(q url.Values, cookies string) *reply {
	g.t.Helper()
	return g.send(g.t, request{method: "GET", path: backPath + "?" + q.Encode(), header: map[string]string{"Accept": "text/html", "Cookie": cookies}})
}

func (g *rig) redeems(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idToken = token
}

// signsIn goes the whole way with claims that change alters, and gives the answer.
func (g *rig) signsIn(change func(jwt.MapClaims)) *reply {
	g.t.Helper()
	way := g.leaves(hospitalPath+"?next=/captures", "")
	claims := g.claims(way.sent.Get("nonce"))
	if change != nil {
		change(claims)
	}
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	g.redeems(g.sign(claims))
	return g.returns(g.back(way), way.cookie)
}

// session is the session's cookie in an answer; empty when there is none.
func sessionOf(r *reply) string {
	for _, c := range r.Cookies() {
		if c.Name == cookieName {
			return c.Value
		}
	}
	return ""
}

// refusedFor checks that a sign-in was refused for one cause, in the log of the operators and of the vault, and opened nothing.
func (g *rig) refusedFor(got *reply, cause string) {
	g.t.Helper()
	want := `"cause":"` + cause + `"`
	if got.StatusCode != http.StatusForbidden || sessionOf(got) != "" {
		g.t.Errorf("got %d, a session %v: want 403 and none\n%.300s", got.StatusCode, sessionOf(got) != "", got.body)
	}
	if all := g.lines.String(); !strings.Contains(all[max(0, strings.LastIndex(all, `"hospital sign-in refused"`)):], want) {
		g.t.Errorf("the last refusal in the log is not for %s:\n%s", cause, all[max(0, strings.LastIndex(all, `"hospital sign-in refused"`)):])
	}
	if text := g.lastEvent("session.federated"); !strings.Contains(text, want) {
		g.t.Errorf("the last event is not for %s: %s", cause, text)
	}
	if n := g.sessions(); n != 0 {
		g.t.Errorf("%d sessions are open, want none", n)
	}
}

func (g *rig) lastEvent(prefix string) (text string) {
	g.t.Helper()
	err := g.SQL(g.t).QueryRowContext(g.t.Context(), `SELECT entry FROM audit_events WHERE entry LIKE $1 ORDER BY seq DESC LIMIT 1`, `%"`+prefix+`%`).Scan(&text)
	if err != nil {
		g.t.Fatalf("finding the last event: %v", err)
	}
	return text
}

func (g *rig) sessions() (n int) {
	g.t.Helper()
	if err := g.SQL(g.t).QueryRowContext(g.t.Context(), `SELECT count(*) FROM sessions WHERE method = 'oidc' AND ended_at IS NULL`).Scan(&n); err != nil {
		g.t.Fatal(err)
	}
	return n
}

// logsOut sends a logout token as the provider does.
func (g *rig) logsOut(token string) *reply {
	g.t.Helper()
	return g.send(g.t, request{method: "POST", path: logoutPath, body: strings.NewReader(url.Values{"logout_token": {token}}.Encode()),
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
}

// answers has the token endpoint answer as a test wants it.
func (g *rig) answers(fn http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = fn
}

func listenAgain(address string) (net.Listener, error) { return net.Listen("tcp", address) }

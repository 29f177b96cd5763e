package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/clinivault/clinivault/vault"
)

// TestHospitalSignIn goes the whole way as a browser does.
func TestHospitalSignIn(t *testing.T) {
	g := newRig(t, func(c *OIDCConfig) { c.ACRValues = []string{"urn:example:mfa", "urn:example:more"} })
	way := g.leaves(hospitalPath+"?next=/captures", "")
	for name, want := range map[string]string{"response_type": "code", "client_id": rigClient, "scope": "openid profile", "code_challenge_method": "S256",
		"redirect_uri": "https://photos.example/sign-in/hospital/back", "max_age": "43200", "acr_values": "urn:example:mfa urn:example:more", "prompt": ""} {
		if got := way.sent.Get(name); got != want {
			t.Errorf("%s: sent %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(way.sent.Get(name)) != 43 {
			t.Errorf("%s: sent %d characters, want 43", name, len(way.sent.Get(name)))
		}
	}
	g.redeems(g.sign(g.claims(way.sent.Get("nonce"))))
	got := g.returns(g.back(way), way.cookie)
	page := got.sound(t, http.StatusOK)
	if !strings.Contains(page, `data-next="/captures"`) {
		t.Error("the page does not lead on to where the person was going")
	}
	token := sessionOf(got)
	a, err := g.V.Authenticate(t.Context(), token)
	if err != nil || a.Name() != "Synthetic Nurse" || !a.Has(vault.RoleClinician) {
		t.Errorf("the session is %q's with %v, %v; want the nurse's with clinician", a.Name(), a.Roles(), err)
	}
	for _, secret := range []string{token, way.sent.Get("state"), way.sent.Get("nonce"), rigSecret, "synthetic.nurse", "Synthetic Nurse", "subject-7"} {
		if strings.Contains(g.lines.String(), secret) || strings.Contains(g.Log.String(), secret) {
			t.Errorf("a log holds %.20s", secret)
		}
	}
	g.redeems(g.sign(g.claims(way.sent.Get("nonce"))))
	if got := g.returns(g.back(way), way.cookie); got.StatusCode != http.StatusForbidden {
		t.Errorf("the same answer again: got %d, want 403", got.StatusCode)
	}
	if g.sessions() != 1 {
		t.Errorf("%d sessions are open, want one", g.sessions())
	}
}

// TestHospitalTokensRefused: each thing that an ID token can say wrong is refused for itself.
func TestHospitalTokensRefused(t *testing.T) {
	at := func(g *rig, d time.Duration) int64 { return g.Clock.Now().Add(d).Unix() }
	for name, c := range map[string]struct {
		cause  string
		change func(g *rig, c jwt.MapClaims)
	}{
		"another issuer":                 {"issuer", func(_ *rig, c jwt.MapClaims) { c["iss"] = "https://other.example" }},
		"an issuer with a slash more":    {"issuer", func(g *rig, c jwt.MapClaims) { c["iss"] = g.provider.URL + "/" }},
		"another audience":               {"audience", func(_ *rig, c jwt.MapClaims) { c["aud"] = "other-client" }},
		"no audience":                    {"audience", func(_ *rig, c jwt.MapClaims) { c["aud"] = nil }},
		"two audiences and no party":     {"party", func(_ *rig, c jwt.MapClaims) { c["aud"] = []string{rigClient, "other"} }},
		"another authorized party":       {"party", func(_ *rig, c jwt.MapClaims) { c["azp"] = "other" }},
		"expired":                        {"expired", func(g *rig, c jwt.MapClaims) { c["exp"] = at(g, -61*time.Second) }},
		"expires as the difference ends": {"expired", func(g *rig, c jwt.MapClaims) { c["exp"] = at(g, -60*time.Second) }},
		"no expiry":                      {"malformed", func(_ *rig, c jwt.MapClaims) { c["exp"] = nil }},
		"no time of issue":               {"malformed", func(_ *rig, c jwt.MapClaims) { c["iat"] = nil }},
		"a clock that is ahead":          {"clock", func(g *rig, c jwt.MapClaims) { c["iat"] = at(g, 61*time.Second) }},
		"not yet valid":                  {"clock", func(g *rig, c jwt.MapClaims) { c["nbf"] = at(g, 61*time.Second) }},
		"signed in later than now":       {"clock", func(g *rig, c jwt.MapClaims) { c["auth_time"] = at(g, 61*time.Second) }},
		"another nonce":                  {"nonce", func(_ *rig, c jwt.MapClaims) { c["nonce"] = strings.Repeat("A", 43) }},
		"no nonce":                       {"nonce", func(_ *rig, c jwt.MapClaims) { c["nonce"] = nil }},
		"no subject":                     {"subject", func(_ *rig, c jwt.MapClaims) { c["sub"] = nil }},
		"an endless subject":             {"malformed", func(_ *rig, c jwt.MapClaims) { c["sub"] = strings.Repeat("s", 256) }},
		"no time of sign-in":             {"auth-time", func(_ *rig, c jwt.MapClaims) { c["auth_time"] = nil }},
		"signed in too long ago":         {"auth-time", func(g *rig, c jwt.MapClaims) { c["auth_time"] = at(g, -12*time.Hour-61*time.Second) }},
		"another context":                {"acr", func(_ *rig, c jwt.MapClaims) { c["acr"] = "urn:example:password" }},
		"no context":                     {"acr", func(_ *rig, c jwt.MapClaims) { c["acr"] = nil }},
		"too few methods":                {"amr", func(_ *rig, c jwt.MapClaims) { c["amr"] = []string{"pwd"} }},
		"no methods":                     {"amr", func(_ *rig, c jwt.MapClaims) { c["amr"] = nil }},
		"claims of the wrong type":       {"malformed", func(_ *rig, c jwt.MapClaims) { c["auth_time"] = "yesterday" }},
		"no login":                       {"claims", func(_ *rig, c jwt.MapClaims) { c["preferred_username"] = nil }},
		"groups that are no list":        {"claims", func(_ *rig, c jwt.MapClaims) { c["groups"] = map[string]int{"Nurses": 1} }},
		"groups that are elsewhere": {"groups-overage", func(_ *rig, c jwt.MapClaims) {
			c["_claim_names"] = map[string]string{"groups": "src1"}
			c["groups"] = nil
			c["_claim_sources"] = map[string]any{"src1": map[string]string{"endpoint": "http://127.0.0.1:1/"}}
		}},
		"a group nobody mapped": {"no-role", func(_ *rig, c jwt.MapClaims) { c["groups"] = []string{"Cooks"} }},
		"a login that is none":  {"login", func(_ *rig, c jwt.MapClaims) { c["preferred_username"] = "<script>" }},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(c *OIDCConfig) { c.RequireAMR = []string{"pwd", "otp"} })
			g.refusedFor(g.signsIn(func(claims jwt.MapClaims) { c.change(g, claims) }), c.cause)
		})
	}
}

// TestHospitalTokensTaken: what differs from the usual and is right.
func TestHospitalTokensTaken(t *testing.T) {
	for name, change := range map[string]func(g *rig, c jwt.MapClaims){
		"a clock a minute ahead": func(g *rig, c jwt.MapClaims) { c["iat"] = g.Clock.Now().Add(time.Minute).Unix() },
		"a clock a minute back":  func(g *rig, c jwt.MapClaims) { c["exp"] = g.Clock.Now().Add(-59 * time.Second).Unix() },
		"two audiences, for us":  func(_ *rig, c jwt.MapClaims) { c["aud"] = []string{"other", rigClient}; c["azp"] = rigClient },
		"fractions of a second":  func(g *rig, c jwt.MapClaims) { c["iat"] = float64(g.Clock.Now().Unix()) + 0.25 },
		"one group as a word":    func(_ *rig, c jwt.MapClaims) { c["groups"] = "Nurses" },
		"login in capitals":      func(_ *rig, c jwt.MapClaims) { c["preferred_username"] = "Synthetic.Nurse" },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			if got := g.signsIn(func(c jwt.MapClaims) { change(g, c) }); got.StatusCode != http.StatusOK || sessionOf(got) == "" {
				t.Errorf("got %d, want a session; log %s", got.StatusCode, g.lines)
			}
		})
	}
}

// TestHospitalSignaturesRefused: a token that the provider did not sign is none, however it came about.
func TestHospitalSignaturesRefused(t *testing.T) {
	none := func(g *rig, c jwt.MapClaims) string {
		return signed(g.t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "k1", c)
	}
	for name, c := range map[string]struct {
		cause string
		token func(g *rig, c jwt.MapClaims) string
	}{
		"no algorithm": {"algorithm", none},
		"no algorithm, in capitals": {"algorithm", func(g *rig, c jwt.MapClaims) string {
			return "eyJhbGciOiJOT05FIn0" + none(g, c)[strings.Index(none(g, c), "."):]
		}},
		"the public key as a secret": {"algorithm", func(g *rig, c jwt.MapClaims) string {
			return signed(g.t, jwt.SigningMethodHS256, g.publicPEM(), "k1", c)
		}},
		"our own secret": {"algorithm", func(g *rig, c jwt.MapClaims) string {
			return signed(g.t, jwt.SigningMethodHS256, []byte(rigSecret), "k1", c)
		}},
		"an algorithm off the list": {"algorithm", func(g *rig, c jwt.MapClaims) string { return signed(g.t, jwt.SigningMethodRS512, g.key, "k1", c) }},
		"another's key": {"signature", func(g *rig, c jwt.MapClaims) string {
			return signed(g.t, jwt.SigningMethodRS256, rigKeys()[1], "k1", c)
		}},
		"a key nobody published": {"signature", func(g *rig, c jwt.MapClaims) string {
			return signed(g.t, jwt.SigningMethodRS256, rigKeys()[1], "k9", c)
		}},
		"an altered payload": {"signature", func(g *rig, c jwt.MapClaims) string {
			parts := strings.Split(g.sign(c), ".")
			c["sub"] = "somebody else"
			return parts[0] + "." + strings.Split(g.sign(c), ".")[1] + "." + parts[2]
		}},
		"no signature":          {"signature", func(g *rig, c jwt.MapClaims) string { s := g.sign(c); return s[:strings.LastIndex(s, ".")+1] }},
		"two parts":             {"malformed", func(g *rig, c jwt.MapClaims) string { s := g.sign(c); return s[:strings.LastIndex(s, ".")] }},
		"no token at all":       {"malformed", func(*rig, jwt.MapClaims) string { return "nonsense" }},
		"an endless token":      {"malformed", func(g *rig, c jwt.MapClaims) string { c["x"] = strings.Repeat("x", maxRawToken); return g.sign(c) }},
		"an empty one":          {"no-id-token", func(*rig, jwt.MapClaims) string { return "" }},
		"the token of a logout": {"nonce", func(g *rig, c jwt.MapClaims) string { return g.sign(g.logout("j1")) }},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			way := g.leaves(hospitalPath, "")
			g.redeems(c.token(g, g.claims(way.sent.Get("nonce"))))
			g.refusedFor(g.returns(g.back(way), way.cookie), c.cause)
		})
	}
}

// TestHospitalAnswersRefused: what can be wrong with the browser's way back, and with the code.
func TestHospitalAnswersRefused(t *testing.T) {
	with := func(name, value string) func(g *rig, of trip) (url.Values, string) {
		return func(g *rig, of trip) (url.Values, string) {
			q := g.back(of)
			q.Set(name, value)
			return q, of.cookie
		}
	}
	for name, c := range map[string]struct {
		cause string
		back  func(g *rig, of trip) (url.Values, string)
	}{
		"another state": {"state", with("state", strings.Repeat("A", 43))},
		"no state":      {"state", with("state", "")},
		"two states": {"malformed", func(g *rig, of trip) (url.Values, string) {
			q := g.back(of)
			q.Add("state", "x")
			return q, of.cookie
		}},
		"another browser, as a victim's is": {"browser", func(g *rig, of trip) (url.Values, string) { return g.back(of), "" }},
		"another browser with a flow of its own": {"browser", func(g *rig, of trip) (url.Values, string) {
			own := g.leaves(hospitalPath, "")
			return g.back(of), own.cookie
		}},
		"another provider's name": {"issuer-parameter", with("iss", "https://other.example")},
		"no provider's name":      {"issuer-parameter", with("iss", "")},
		"declined": {"declined", func(g *rig, of trip) (url.Values, string) {
			q := g.back(of)
			q.Del("code")
			q.Set("error", "access_denied")
			q.Set("error_description", "<b>words of another site</b>")
			return q, of.cookie
		}},
		"no code":         {"no-code", with("code", "")},
		"another code":    {"code", with("code", "guessed")},
		"an endless code": {"malformed", with("code", strings.Repeat("c", 5000))},
		"a code that was redeemed": {"code", func(g *rig, of trip) (url.Values, string) {
			g.mu.Lock()
			g.used = true
			g.mu.Unlock()
			return g.back(of), of.cookie
		}},
		"a code of another flow (PKCE)": {"code", func(g *rig, of trip) (url.Values, string) {
			g.leaves(hospitalPath, "") // the code belongs to this one now
			return g.back(of), of.cookie
		}},
		"a flow of eleven minutes ago": {"state", func(g *rig, of trip) (url.Values, string) {
			g.Clock.Add(11 * time.Minute)
			return g.back(of), of.cookie
		}},
		"a client that the provider does not know": {"client", func(g *rig, of trip) (url.Values, string) {
			g.answers(func(w http.ResponseWriter, _ *http.Request) {
				g.json(w, 401, map[string]string{"error": "invalid_client"})
			})
			return g.back(of), of.cookie
		}},
		"an answer that is none": {"exchange", func(g *rig, of trip) (url.Values, string) {
			g.answers(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret words") })
			return g.back(of), of.cookie
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			way := g.leaves(hospitalPath, "")
			g.redeems(g.sign(g.claims(way.sent.Get("nonce"))))
			got := g.returns(c.back(g, way))
			g.refusedFor(got, c.cause)
			if strings.Contains(string(got.body), "words of another site") || strings.Contains(g.lines.String(), "secret words") {
				t.Error("words of the provider's reached a page or the log")
			}
		})
	}
}

// TestHospitalFlowsOfOneBrowser: two tabs of one browser may both be under way.
func TestHospitalFlowsOfOneBrowser(t *testing.T) {
	g := newRig(t, nil)
	first := g.leaves(hospitalPath+"?next=/captures", "")
	second := g.leaves(hospitalPath, first.cookie)
	if first.cookie != second.cookie || first.sent.Get("state") == second.sent.Get("state") {
		t.Fatal("the second tab: want the browser's cookie and a state of its own")
	}
	g.mu.Lock()
	g.challenge = first.sent.Get("code_challenge")
	g.mu.Unlock()
	g.redeems(g.sign(g.claims(first.sent.Get("nonce"))))
	if got := g.returns(g.back(first), second.cookie); got.StatusCode != http.StatusOK {
		t.Errorf("the first tab, after the second began: got %d", got.StatusCode)
	}
}

// TestHospitalByAnotherName: who came under another name of the service goes on under the one that the provider sends
// people back to, once.
func TestHospitalByAnotherName(t *testing.T) {
	g := newRig(t, nil)
	got := g.send(t, request{method: "GET", path: hospitalPath + "?next=%2Fcaptures"})
	want := "https://photos.example/sign-in/hospital?here=1&next=%2Fcaptures"
	if to := got.Header.Get("Location"); got.StatusCode != http.StatusSeeOther || to != want {
		t.Errorf("got %d to %q, want 303 to %q", got.StatusCode, to, want)
	}
	got = g.send(t, request{method: "GET", path: hospitalPath + "?here=1&next=%2Fcaptures"})
	if to := got.Header.Get("Location"); !strings.HasPrefix(to, g.provider.URL+"/auth?") {
		t.Errorf("behind a proxy that changes the name: sent to %q, want the provider", to)
	}
}

// TestHospitalLeadsNowhereElse: the address to go on to is one of ours.
func TestHospitalLeadsNowhereElse(t *testing.T) {
	for _, next := range []string{"https://other.example/", "//other.example", "/\\other.example", "javascript:alert(1)", ""} {
		g := newRig(t, nil)
		way := g.leaves(hospitalPath+"?next="+url.QueryEscape(next), "")
		g.redeems(g.sign(g.claims(way.sent.Get("nonce"))))
		if page := g.returns(g.back(way), way.cookie).sound(t, http.StatusOK); !strings.Contains(page, `data-next="/"`) {
			t.Errorf("%q: the page does not lead to the start", next)
		}
	}
}

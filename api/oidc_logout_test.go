package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// logout are the claims of a good logout token.
func (g *rig) logout(id string) jwt.MapClaims {
	now := g.Clock.Now()
	return jwt.MapClaims{"iss": g.provider.URL, "aud": rigClient, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": id,
		"sub": "subject-7", "sid": "sid-7", "events": map[string]any{logoutEvent: map[string]any{}}}
}

// TestHospitalLogout: the provider ends just the sessions that its token names.
func TestHospitalLogout(t *testing.T) {
	g := newRig(t, nil)
	token := sessionOf(g.signsIn(nil))
	other := sessionOf(g.signsIn(func(c jwt.MapClaims) { c["sid"] = "sid-8" }))
	for name, step := range map[string]string{"the session": token, "another session": other} {
		g.get(t, step, "/api/v1/session").into(t, http.StatusOK, nil)
		_ = name
	}
	got := g.logsOut(g.sign(g.logout("j1")))
	if got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s, want 200 and no caching", got.StatusCode, got.body)
	}
	g.get(t, token, "/api/v1/session").refused(t, http.StatusUnauthorized, "not-signed-in")
	g.get(t, other, "/api/v1/session").into(t, http.StatusOK, nil)
}

// TestHospitalLogoutsRefused: each thing that a logout token can say wrong is refused for itself, and ends nothing.
func TestHospitalLogoutsRefused(t *testing.T) {
	sign := func(change func(g *rig, c jwt.MapClaims)) func(g *rig) string {
		return func(g *rig) string { c := g.logout("j1"); change(g, c); return g.sign(c) }
	}
	for name, c := range map[string]struct {
		cause string
		token func(g *rig) string
	}{
		"another issuer":   {"issuer", sign(func(_ *rig, c jwt.MapClaims) { c["iss"] = "https://other.example" })},
		"another client's": {"audience", sign(func(_ *rig, c jwt.MapClaims) { c["aud"] = "other-client" })},
		"no events":        {"events", sign(func(_ *rig, c jwt.MapClaims) { delete(c, "events") })},
		"another event": {"events", sign(func(_ *rig, c jwt.MapClaims) {
			c["events"] = map[string]any{"http://other.example/event": map[string]any{}}
		})},
		"an event that is no object": {"events", sign(func(_ *rig, c jwt.MapClaims) { c["events"] = map[string]any{logoutEvent: true} })},
		"a nonce":                    {"logout-nonce", sign(func(_ *rig, c jwt.MapClaims) { c["nonce"] = "n" })},
		"no identifier":              {"token-id", sign(func(_ *rig, c jwt.MapClaims) { delete(c, "jti") })},
		"nobody named":               {"no-target", sign(func(_ *rig, c jwt.MapClaims) { delete(c, "sub"); delete(c, "sid") })},
		"expired":                    {"expired", sign(func(g *rig, c jwt.MapClaims) { c["exp"] = g.Clock.Now().Add(-2 * time.Minute).Unix() })},
		"old, whatever it says of its end": {"expired", sign(func(g *rig, c jwt.MapClaims) {
			c["iat"], c["exp"] = g.Clock.Now().Add(-7*time.Minute).Unix(), g.Clock.Now().Add(time.Hour).Unix()
		})},
		"from the future": {"clock", sign(func(g *rig, c jwt.MapClaims) { c["iat"] = g.Clock.Now().Add(2 * time.Minute).Unix() })},
		"no expiry":       {"malformed", sign(func(_ *rig, c jwt.MapClaims) { delete(c, "exp") })},
		"another's key":   {"signature", func(g *rig) string { return signed(g.t, jwt.SigningMethodRS256, rigKeys()[1], "k1", g.logout("j1")) }},
		"no algorithm": {"algorithm", func(g *rig) string {
			return signed(g.t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "k1", g.logout("j1"))
		}},
		"the public key as a secret": {"algorithm", func(g *rig) string { return signed(g.t, jwt.SigningMethodHS256, g.publicPEM(), "k1", g.logout("j1")) }},
		"an ID token":                {"events", func(g *rig) string { c := g.claims("n"); delete(c, "nonce"); return g.sign(c) }},
		"a second time": {"replay", func(g *rig) string {
			c := g.logout("j1")
			c["sid"] = "sid-of-nobody"
			if got := g.logsOut(g.sign(c)); got.StatusCode != http.StatusOK {
				g.t.Fatalf("the first time: got %d", got.StatusCode)
			}
			return g.sign(g.logout("j1"))
		}},
		"no token": {"malformed", func(*rig) string { return "" }},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			token := sessionOf(g.signsIn(nil))
			got := g.logsOut(c.token(g))
			got.refused(t, http.StatusBadRequest, "logout-token")
			if all := g.lines.String(); !strings.Contains(all[max(0, strings.LastIndex(all, `"hospital logout refused"`)):], `"cause":"`+c.cause+`"`) {
				t.Errorf("not refused for %s: %s", c.cause, all[max(0, strings.LastIndex(all, `"hospital logout refused"`)):])
			}
			if text := g.lastEvent("session.federated"); !strings.Contains(text, `"cause":"`+c.cause+`"`) {
				t.Errorf("the last event is not for %s: %s", c.cause, text)
			}
			g.get(t, token, "/api/v1/session").into(t, http.StatusOK, nil)
		})
	}
}

// TestHospitalLogoutIsAForm: the endpoint takes what section 2.5 describes and nothing else.
func TestHospitalLogoutIsAForm(t *testing.T) {
	g := newRig(t, nil)
	token := g.sign(g.logout("j1"))
	g.send(t, request{method: "POST", path: logoutPath, json: map[string]string{"logout_token": token}}).refused(t, http.StatusUnsupportedMediaType, "media-type")
	g.send(t, request{method: "POST", path: logoutPath + "?logout_token=" + token, body: strings.NewReader(""),
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}).refused(t, http.StatusBadRequest, "logout-token")
	g.logsOut(strings.Repeat("x", 2*maxLogoutForm)).refused(t, http.StatusBadRequest, "logout-token")
	g.send(t, request{method: "POST", path: logoutPath, body: strings.NewReader("logout_token=" + token), header: map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://other.example", "Sec-Fetch-Site": "cross-site"}}).refused(t, http.StatusForbidden, "cross-origin")
}

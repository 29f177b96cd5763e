package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestSignInOfABrowser(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "browser", clinician, reviewer)
	got := b.post(t, "", "/api/v1/session", map[string]string{"login": "browser", "password": vaulttest.Password})
	var in sessionAnswer
	got.into(t, http.StatusOK, &in)
	if in.Token != "" {
		t.Error("a browser's answer holds the token, where scripts can read it")
	}
	if in.Person.Name != "Demo browser" || len(in.Person.Roles) != 2 || in.ExpiresAt.Std().Sub(b.Clock.Now()) != vault.DefaultSessionMax {
		t.Errorf("got %+v, want the person, two roles and the end of the session", in)
	}
	raw := got.Header.Get("Set-Cookie")
	for _, want := range []string{cookieName + "=", "Path=/", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(raw, want) {
			t.Errorf("cookie %q: want %s", strings.SplitN(raw, ";", 2)[1:], want)
		}
	}
	if strings.Contains(raw, "Domain") {
		t.Error("the cookie names a domain, which its prefix forbids")
	}
	cookie := map[string]string{"Cookie": strings.SplitN(raw, ";", 2)[0]}
	b.send(t, request{method: "GET", path: "/api/v1/session", header: cookie}).into(t, http.StatusOK, nil)
	out := b.send(t, request{method: "DELETE", path: "/api/v1/session", header: cookie})
	out.into(t, http.StatusNoContent, nil)
	if gone := out.Header.Get("Set-Cookie"); !strings.Contains(gone, "Max-Age=0") {
		t.Errorf("signing out: got cookie %q, want it deleted", gone)
	}
	b.send(t, request{method: "GET", path: "/api/v1/session", header: cookie}).refused(t, http.StatusUnauthorized, "not-signed-in")
}

func TestSignInOfAProgram(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "program", records)
	token := b.signIn(t, "program")
	var in sessionAnswer
	b.get(t, token, "/api/v1/session").into(t, http.StatusOK, &in)
	if in.Person.Name != "Demo program" || in.Token != "" {
		t.Errorf("got %+v, want the person and no token", in.Person)
	}
	var list sessionsAnswer
	b.get(t, token, "/api/v1/sessions").into(t, http.StatusOK, &list)
	if len(list.Sessions) != 1 || list.Sessions[0].Device != "program" {
		t.Fatalf("got %d sessions, want this one", len(list.Sessions))
	}
	b.send(t, request{method: "DELETE", path: "/api/v1/sessions/" + string(list.Sessions[0].ID), token: token}).into(t, http.StatusNoContent, nil)
	b.get(t, token, "/api/v1/session").refused(t, http.StatusUnauthorized, "not-signed-in")
}

func TestSessionEnds(t *testing.T) {
	tests := []struct {
		name string
		end  func(b *bench, t *testing.T)
	}{
		{"idle", func(b *bench, t *testing.T) { b.Clock.Add(vault.DefaultSessionIdle + time.Second) }},
		{"disabled", func(b *bench, t *testing.T) {
			b.post(t, b.as(t, admin), "/api/v1/people/leaver/disable", nil).into(t, http.StatusNoContent, nil)
		}},
		{"new password", func(b *bench, t *testing.T) {
			if err := b.V.SetPassword(t.Context(), vault.Operator(), "leaver", "another long sentence"); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.addPerson(t, "leaver", clinician)
			token := b.signIn(t, "leaver")
			b.get(t, token, "/api/v1/captures").into(t, http.StatusOK, nil)
			tt.end(b, t)
			b.get(t, token, "/api/v1/captures").refused(t, http.StatusUnauthorized, "not-signed-in")
		})
	}
}

func TestSignInRefusals(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "somebody", clinician)
	long := strings.Repeat("x", 2000)
	tests := []struct {
		name, body string
		status     int
		slug       string
	}{
		{"wrong password", `{"login":"somebody","password":"wrong"}`, 401, "wrong-credentials"},
		{"unknown login", `{"login":"nobody","password":"wrong"}`, 401, "wrong-credentials"},
		{"empty", `{"login":"","password":""}`, 401, "wrong-credentials"},
		{"endless password", `{"login":"somebody","password":"` + long + `"}`, 401, "wrong-credentials"},
		{"unknown field", `{"login":"somebody","password":"x","admin":true}`, 400, "malformed"},
		{"two values", `{"login":"somebody","password":"x"}{}`, 400, "malformed"},
		{"wrong type", `{"login":7,"password":"x"}`, 400, "malformed"},
		{"no JSON", `login=somebody`, 400, "malformed"},
		{"nothing", ``, 400, "malformed"},
		{"too large", `{"login":"` + strings.Repeat("y", maxJSON) + `"}`, 413, "too-large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := b.send(t, request{method: "POST", path: "/api/v1/session", body: strings.NewReader(tt.body), header: map[string]string{"Content-Type": "application/json"}})
			p := got.refused(t, tt.status, tt.slug)
			if strings.Contains(p.Detail, "somebody") || strings.Contains(p.Detail, "nobody") {
				t.Errorf("the detail %q repeats what was sent", p.Detail)
			}
		})
	}
	got := b.send(t, request{method: "POST", path: "/api/v1/session", body: strings.NewReader("{}"), header: map[string]string{"Content-Type": "text/plain"}})
	got.refused(t, http.StatusUnsupportedMediaType, "media-type")
}

// Whoever guesses waits longer and longer; others are not kept out, and neither is the person in a browser that is theirs.
func TestGuessingIsSlowedDownAndKeepsNobodyOut(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "target", clinician)
	right := map[string]string{"login": "target", "password": vaulttest.Password}
	first := b.post(t, "", "/api/v1/session", right)
	first.into(t, http.StatusOK, nil)
	var known string
	for _, cookie := range first.Header.Values("Set-Cookie") {
		if strings.HasPrefix(cookie, knownCookie+"=") {
			known = strings.SplitN(cookie, ";", 2)[0]
			for _, want := range []string{"HttpOnly", "Secure", "SameSite=Strict", "Max-Age="} {
				if !strings.Contains(cookie, want) {
					t.Errorf("the cookie of a known browser lacks %s", want)
				}
			}
		}
	}
	if known == "" {
		t.Fatal("a browser in which somebody signed in is not known afterwards")
	}
	var last *reply
	for n := range 20 {
		last = b.post(t, "", "/api/v1/session", map[string]string{"login": "target", "password": "not it at all"})
		if last.StatusCode == http.StatusTooManyRequests {
			break
		}
		last.refused(t, http.StatusUnauthorized, "wrong-credentials")
		if n == 19 {
			t.Fatal("twenty wrong passwords in a row: got no wait")
		}
	}
	last.refused(t, http.StatusTooManyRequests, "too-many-tries")
	if n, err := strconv.Atoi(last.Header.Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("Retry-After: got %q, want at least a second", last.Header.Get("Retry-After"))
	}
	b.post(t, "", "/api/v1/session", right).refused(t, http.StatusTooManyRequests, "too-many-tries")
	b.send(t, request{method: "POST", path: "/api/v1/session", json: right, header: map[string]string{"Cookie": known}}).into(t, http.StatusOK, nil)
	b.addPerson(t, "bystander", clinician)
	b.signIn(t, "bystander")
}

func TestSignInLimitsOneAddress(t *testing.T) {
	b := newBench(t)
	for i := range 100 {
		got := b.post(t, "", "/api/v1/session", map[string]string{"login": fmt.Sprintf("guess-%d", i), "password": ""})
		if got.StatusCode == http.StatusTooManyRequests {
			t.Fatalf("an empty password used up a try at %d", i)
		}
	}
	limited := 0
	for i := range 75 {
		got := b.post(t, "", "/api/v1/session", map[string]string{"login": fmt.Sprintf("guess-%d", i), "password": "x"})
		if got.StatusCode == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited == 0 {
		t.Error("75 logins tried from one address: got no limit")
	}
}

func TestSecretsPrintRedacted(t *testing.T) {
	in := signInRequest{Login: "a", Password: "hush"}
	for _, text := range []string{fmt.Sprint(in), fmt.Sprintf("%+v", in), fmt.Sprintf("%#v", in), in.Password.LogValue().String()} {
		if strings.Contains(text, "hush") {
			t.Errorf("printing a request shows its password: %s", text)
		}
	}
}

package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// The tests of this file and its neighbours are attacks, each by real HTTP against the real handler. api/SECURITY.md says
// which requirement of OWASP ASVS each stands for.

// browserSignIn signs in as a browser does and returns the session's cookie as it is sent back.
func (b *bench) browserSignIn(t *testing.T, login string, header map[string]string) (cookie string, got *reply) {
	t.Helper()
	got = b.send(t, request{method: "POST", path: "/api/v1/session", header: header,
		json: map[string]string{"login": login, "password": vaulttest.Password}})
	got.into(t, http.StatusOK, nil)
	for _, c := range got.Cookies() {
		if c.Name == cookieName {
			return c.Name + "=" + c.Value, got
		}
	}
	t.Fatal("signing in as a browser: got no cookie")
	return "", nil
}

// TestSecurityBruteForce: whoever tries passwords of one account is made to wait, and meanwhile not even the right one helps.
func TestSecurityBruteForce(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "target", clinician)
	tries := 0
	for ; tries < 40; tries++ {
		got := b.post(t, "", "/api/v1/session", map[string]string{"login": "target", "password": fmt.Sprintf("guess number %d", tries)})
		if got.StatusCode == http.StatusTooManyRequests {
			break
		}
		got.refused(t, http.StatusUnauthorized, "wrong-credentials")
	}
	if tries > 15 {
		t.Errorf("%d guesses in a row were taken, want at most 15", tries)
	}
	got := b.post(t, "", "/api/v1/session", map[string]string{"login": "target", "password": vaulttest.Password})
	if got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
		t.Errorf("the right password while waiting: got %d, want 429 with Retry-After", got.StatusCode)
	}
}

// TestSecurityCredentialStuffing: a list of logins and passwords that leaked elsewhere is stopped by the address it comes
// from, before it reaches the one that fits.
func TestSecurityCredentialStuffing(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "reuser", clinician)
	list := make([]string, 0, 81)
	for n := range 80 {
		list = append(list, fmt.Sprintf("leaked-%02d", n))
	}
	for _, login := range list {
		got := b.post(t, "", "/api/v1/session", map[string]string{"login": login, "password": "leaked somewhere else"})
		if got.StatusCode != http.StatusTooManyRequests {
			got.refused(t, http.StatusUnauthorized, "wrong-credentials")
		}
	}
	got := b.post(t, "", "/api/v1/session", map[string]string{"login": "reuser", "password": vaulttest.Password})
	if got.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the 81st pair, which fits: got %d, want 429", got.StatusCode)
	}
}

// TestSecurityEnumeration: what is answered does not tell known from unknown and disabled people.
func TestSecurityEnumeration(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "known", clinician)
	b.addPerson(t, "left", clinician)
	if err := b.V.DisablePerson(t.Context(), vault.Operator(), "left"); err != nil {
		t.Fatal(err)
	}
	var first Problem
	for n, login := range []string{"known", "left", "nobody", "KNOWN", "knöwn", "known "} {
		got := b.post(t, "", "/api/v1/session", map[string]string{"login": login, "password": "not it at all"})
		p := got.refused(t, http.StatusUnauthorized, "wrong-credentials")
		p.RequestID = ""
		if n == 0 {
			first = p
		}
		if fmt.Sprint(p) != fmt.Sprint(first) {
			t.Errorf("%q: got %+v, want %+v as for a known login", login, p, first)
		}
	}
}

// TestSecuritySessionFixation: a token is made at sign-in, never taken from whoever signs in.
func TestSecuritySessionFixation(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "victim", clinician)
	b.addPerson(t, "attacker", clinician)
	planted, _ := b.browserSignIn(t, "attacker", nil)
	for name, set := range map[string]string{"made up": cookieName + "=" + strings.Repeat("A", 43), "another's live one": planted} {
		own, got := b.browserSignIn(t, "victim", map[string]string{"Cookie": set})
		if own == set {
			t.Errorf("%s: the token that was planted lives on", name)
		}
		var who sessionAnswer
		b.send(t, request{method: "GET", path: "/api/v1/session", header: map[string]string{"Cookie": own}}).into(t, http.StatusOK, &who)
		if who.Person.Name != "Demo victim" {
			t.Errorf("%s: signed in as %q", name, who.Person.Name)
		}
		if len(got.Cookies()) == 0 || !strings.HasPrefix(own, "__Host-") {
			t.Errorf("%s: the cookie %.20s can be set by a neighbouring host", name, own)
		}
	}
	got := b.send(t, request{method: "GET", path: "/api/v1/session", header: map[string]string{"Cookie": cookieName + "=" + strings.Repeat("A", 43)}})
	got.refused(t, http.StatusUnauthorized, "not-signed-in")
	one, _ := b.browserSignIn(t, "victim", nil)
	two, _ := b.browserSignIn(t, "victim", nil)
	if one == two {
		t.Error("two sign-ins have one token")
	}
	b.send(t, request{method: "DELETE", path: "/api/v1/session", header: map[string]string{"Cookie": one}}).into(t, http.StatusNoContent, nil)
	b.send(t, request{method: "GET", path: "/api/v1/session", header: map[string]string{"Cookie": one}}).refused(t, http.StatusUnauthorized, "not-signed-in")
}

// TestSecurityCookieFlags: every cookie that is ever set is out of reach of scripts, plain connections and other sites.
func TestSecurityCookieFlags(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "person", clinician)
	cookie, in := b.browserSignIn(t, "person", nil)
	out := b.send(t, request{method: "DELETE", path: "/api/v1/session", header: map[string]string{"Cookie": cookie}})
	seen := 0
	for _, got := range []*reply{in, out} {
		for _, line := range got.Header.Values("Set-Cookie") {
			seen++
			for _, want := range []string{"__Host-", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Strict"} {
				if !strings.Contains(line, want) {
					t.Errorf("%s: a cookie lacks %q", got.what, want)
				}
			}
			if strings.Contains(line, "Domain=") {
				t.Errorf("%s: a cookie is for other hosts too", got.what)
			}
		}
	}
	if seen < 2 {
		t.Errorf("looked at %d cookies, want that of signing in and that of signing out", seen)
	}
	if strings.Contains(string(in.body), strings.TrimPrefix(cookie, cookieName+"=")) {
		t.Error("the answer tells scripts the token that the cookie hides")
	}
}

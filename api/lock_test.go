package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// inBrowser sends what a page of the session sends.
func (b *bench) inBrowser(t *testing.T, token, method, path string, header map[string]string) *reply {
	t.Helper()
	all := map[string]string{"Cookie": cookieName + "=" + token}
	for k, v := range header {
		all[k] = v
	}
	return b.send(t, request{method: method, path: path, header: all})
}

// A browser's screen locks by itself when nobody uses it, and the server holds the lock: what a page asks by itself does
// not keep it open, what a person does, does.
func TestScreenLocksByItself(t *testing.T) {
	tests := []struct {
		name   string
		header map[string]string
		locked bool
	}{
		{"used", nil, false},
		{"asked by the page itself", map[string]string{backgroundHeader: "1"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inner := vaulttest.New(t)
			inner.Cfg.ProofEvery = time.Hour
			inner.Reopen(t)
			b := benchOn(t, inner)
			b.addPerson(t, "author", clinician)
			actor, token := b.InBrowser(t, "author")
			vaulttest.NewDevice(t).Bind(t, b.V, actor, "browser")
			for range 3 {
				b.Clock.Add(vault.DefaultLockAfter * 2 / 3)
				b.inBrowser(t, token, "GET", "/api/v1/session", tt.header).into(t, http.StatusOK, nil)
			}
			got := b.inBrowser(t, token, "GET", "/api/v1/captures", tt.header)
			if tt.locked {
				got.refused(t, http.StatusLocked, "app-locked")
			} else {
				got.into(t, http.StatusOK, nil)
			}
		})
	}
}

func TestLockOverHTTP(t *testing.T) {
	b := newBench(t)
	b.addPerson(t, "author", clinician)
	token := b.signIn(t, "author")
	b.send(t, request{method: "POST", path: "/api/v1/session/lock", token: token}).into(t, http.StatusNoContent, nil)
	for _, path := range []string{"/api/v1/captures", "/api/v1/intake", "/api/v1/account", "/api/v1/sessions"} {
		b.get(t, token, path).refused(t, http.StatusLocked, "app-locked")
	}
	var held sessionAnswer // what the capture page asks, which is made for nobody
	b.get(t, token, "/api/v1/session").into(t, http.StatusOK, &held)
	if !held.Locked {
		t.Error("the session does not say that it is locked")
	}
	for _, path := range []string{"/captures", "/records", "/account"} {
		page := b.send(t, request{method: "GET", path: path, token: token, header: map[string]string{"Accept": "text/html"}})
		if body := string(page.body); page.StatusCode != http.StatusLocked || !strings.Contains(body, `id="cover"`) || strings.Contains(body, `class="menu"`) {
			t.Errorf("%s of a locked session: got %d, want the way in and nothing else", path, page.StatusCode)
		}
	}
	b.post(t, token, "/api/v1/session/unlock", factorRequest{Password: "not the password"}).refused(t, http.StatusForbidden, "wrong-factor")
	b.get(t, token, "/api/v1/captures").refused(t, http.StatusLocked, "app-locked")
	b.Clock.Add(time.Second)
	var open sessionAnswer
	b.post(t, token, "/api/v1/session/unlock", factorRequest{Password: secret(vaulttest.Password)}).into(t, http.StatusOK, &open)
	b.get(t, open.Token, "/api/v1/captures").into(t, http.StatusOK, nil)
	b.get(t, token, "/api/v1/captures").refused(t, http.StatusUnauthorized, "not-signed-in")
}

// Who is locked on a device is told to nobody who does not hold the device, and neither is whether a PIN fits.
func TestLockedSessionsWantTheDevice(t *testing.T) {
	b := newBench(t)
	for path, in := range map[string]any{
		"/api/v1/session/locked":                                 proofRequest{},
		"/api/v1/session/locked/AAAAAAAAAAAAAAAAAAAAAAAAAA/open": openRequest{PIN: "593027"},
	} {
		got := b.post(t, "", path, in)
		if got.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a device: got %d %s, want 401", path, got.StatusCode, got.body)
		}
	}
	b.post(t, "", "/api/v1/session/locked/AAAAAAAAAAAAAAAAAAAAAAAAAA/open", openRequest{}).refused(t, http.StatusUnprocessableEntity, "invalid")
}

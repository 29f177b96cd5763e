package vault_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

const (
	rpID   = "photos.test"
	origin = "https://photos.test"
)

// strictly has the world ask for a second factor, and for a fresh one after a quarter of an hour. Its people, who are
// signed in already, count as having shown one.
func (w *world) strictly() *world {
	w.t.Helper()
	w.Cfg.PasswordOnly, w.Cfg.StepUpFor = false, 0
	w.Cfg.WebAuthn = vault.WebAuthnConfig{RPID: rpID, Origins: []string{origin}}
	w.Reopen(w.t)
	w.change(`UPDATE sessions SET strength = 'multi'`)
	return w
}

// onBothStrictly runs a test on both databases, with a second factor asked for.
func onBothStrictly(t *testing.T, test func(t *testing.T, w *world)) {
	onBoth(t, func(t *testing.T, w *world) {
		w.t = t
		test(t, w.strictly())
	})
}

// at is a program at an address; at a browser's door a session has to be bound first.
func at(remote string) vault.Door {
	return vault.Door{Device: "test program", Remote: remote, Request: "REQUEST"}
}

// browser is one that may have been here before.
func browser(remote, known string) vault.Door {
	return vault.Door{Device: "test browser", Browser: true, Known: known, Remote: remote, Request: "REQUEST"}
}

// actor is who stands behind a session that was opened or raised.
func (w *world) actor(o vault.Opened) vault.Actor {
	w.t.Helper()
	return must(w.V.Authenticate(w.t.Context(), o.Token))(w.t).From("192.0.2.7", "REQUEST")
}

// app is an authenticator app: RFC 6238, written down once more so that it can disagree.
type app string

func (a app) at(t testing.TB, when time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(a))
	ok(t, err)
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, when.Unix()/30)
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

// code is what the app shows half a minute later: each is good once.
func (w *world) code(a app) string {
	w.t.Helper()
	w.Clock.Add(31 * time.Second)
	return a.at(w.t, w.Clock.Now())
}

// withApp sets an authenticator app up for somebody and answers it, and them signed in with it.
func (w *world) withApp(login string) (app, vault.Actor) {
	w.t.Helper()
	single := w.actor(must(w.V.SignInAt(w.t.Context(), login, vaulttest.Password, at("192.0.2.7")))(w.t))
	made := must(w.V.BeginTOTP(w.t.Context(), single))(w.t)
	a := app(made.Secret)
	return a, w.actor(must(w.V.ConfirmTOTP(w.t.Context(), single, w.code(a)))(w.t))
}

// secondStep is the ticket of a sign-in whose password was right.
func (w *world) secondStep(login string, d vault.Door) *vault.SecondStep {
	w.t.Helper()
	_, err := w.V.SignInAt(w.t.Context(), login, vaulttest.Password, d)
	var step *vault.SecondStep
	if !errors.As(err, &step) {
		w.t.Fatalf("signing in %s: got %v, want a second step", login, err)
	}
	return step
}

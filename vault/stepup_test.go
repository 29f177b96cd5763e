package vault_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestStepUp: what matters most wants a factor that was shown within a quarter of an hour, and a new token comes with it.
func TestStepUp(t *testing.T) {
	onBothStrictly(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, admin := w.withApp("admin")
		ok(t, w.V.DisablePerson(ctx, admin, "outsider"))
		w.Clock.Add(15 * time.Minute)
		wants(t, "a quarter of an hour later", w.V.DisablePerson(ctx, admin, "second"), vault.ErrStepUp)
		_, err := w.V.People(ctx, admin)
		wants(t, "what does not matter as much", err, nil)
		_, err = w.V.StepUpCode(ctx, admin, "000000")
		wants(t, "a wrong code", err, vault.ErrWrongFactor)
		_, err = w.V.StepUpPassword(ctx, admin, vaulttest.Password)
		wants(t, "the password, of somebody with an app", err, vault.ErrConflict)
		wants(t, "after a wrong code", w.V.DisablePerson(ctx, admin, "second"), vault.ErrStepUp)
		raised := must(w.V.StepUpCode(ctx, admin, w.code(a)))(t)
		ok(t, w.V.DisablePerson(ctx, w.actor(raised), "second"))
		w.verified()
	})
}

// TestStepUpByPasskey: the question belongs to the session, the passkey to the person.
func TestStepUpByPasskey(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	key, a := w.withPasskey("author")
	_, other := w.withPasskey("reviewer")
	ask := must(w.V.BeginPasskeyStepUp(ctx, a))(t)
	answer := key.Use(t, ask.Options)
	_, err := w.V.FinishPasskeyStepUp(ctx, other, ask.Ticket, answer)
	wants(t, "the question of another session", err, vault.ErrConflict)
	old := a
	before := must(w.V.Sessions(ctx, a))(t)[0].FreshAt
	w.Clock.Add(20 * time.Minute)
	ask = must(w.V.BeginPasskeyStepUp(ctx, a))(t)
	raised := must(w.V.FinishPasskeyStepUp(ctx, a, ask.Ticket, key.Use(t, ask.Options)))(t)
	if raised.Session.FreshAt <= before || raised.Session.ID != old.Session() {
		t.Errorf("raised to %+v, want the same session, fresher than %v", raised.Session, before)
	}
	_, err = w.V.FinishPasskeyStepUp(ctx, w.actor(raised), ask.Ticket, key.Use(t, ask.Options))
	wants(t, "the question again", err, vault.ErrConflict)
	ask = must(w.V.BeginPasskeyStepUp(ctx, other))(t)
	_, err = w.V.FinishPasskeyStepUp(ctx, other, ask.Ticket, key.Use(t, ask.Options))
	wants(t, "another's passkey", err, vault.ErrWrongFactor)
	if printed := fmt.Sprintf("%v %#v", raised, raised); printed != "[redacted] [redacted]" {
		t.Errorf("what was opened prints as %s", printed)
	}
	w.verified()
}

// TestStepUpByPassword: where a password is all that people have, it will do; guesses are counted.
func TestStepUpByPassword(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for range 6 {
		_, err := w.V.StepUpPassword(ctx, w.author, wrongPassword)
		wants(t, "a wrong password", err, vault.ErrWrongFactor)
	}
	_, err := w.V.StepUpPassword(ctx, w.author, vaulttest.Password)
	wants(t, "the right one right after", err, vault.ErrLocked)
	must(w.V.StepUpPassword(ctx, w.SignIn(t, "author"), vaulttest.Password))(t)
	w.Clock.Add(time.Second)
	must(w.V.StepUpPassword(ctx, w.author, vaulttest.Password))(t)
}

// TestChangePassword ends the other sessions, and needs a fresh factor.
func TestChangePassword(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	_, a := w.withApp("author")
	_, err := w.V.ChangePassword(ctx, a, "short")
	wants(t, "a short one", err, vault.ErrInvalid)
	_, err = w.V.ChangePassword(ctx, a, "the person author takes photos")
	wants(t, "one with the own login", err, vault.ErrInvalid)
	a = w.actor(must(w.V.ChangePassword(ctx, a, "another fine passphrase"))(t))
	_, err = w.V.MyCaptures(ctx, w.author, 1)
	wants(t, "another session", err, vault.ErrUnauthenticated)
	_, err = w.V.SignInAt(ctx, "author", vaulttest.Password, at("192.0.2.7"))
	wants(t, "the old password", err, vault.ErrUnauthenticated)
	w.Clock.Add(15 * time.Minute)
	_, err = w.V.ChangePassword(ctx, a, "yet another passphrase")
	wants(t, "a quarter of an hour later", err, vault.ErrStepUp)
}

// TestLocums: who is not yet, or no longer, here is not in, with whatever they show.
func TestLocums(t *testing.T) {
	for _, c := range []struct {
		name        string
		from, until time.Duration // from now; 0: not set
		want        error
	}{
		{"always", 0, 0, nil}, {"since an hour", -time.Hour, 0, nil}, {"from the next moment", time.Millisecond, 0, vault.ErrUnauthenticated},
		{"for an hour still", 0, time.Hour, nil}, {"until now", 0, -time.Millisecond, vault.ErrUnauthenticated},
		{"from tomorrow", 24 * time.Hour, 48 * time.Hour, vault.ErrUnauthenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t).strictly()
			key, a := w.withPasskey("author")
			now := w.Clock.Now().UnixMilli()
			if c.from != 0 {
				w.change(`UPDATE people SET valid_from = $1 WHERE login = 'author'`, now+c.from.Milliseconds())
			}
			if c.until != 0 {
				w.change(`UPDATE people SET valid_until = $1 WHERE login = 'author'`, now+c.until.Milliseconds())
			}
			_, err := w.V.MyCaptures(t.Context(), a, 1)
			wants(t, "working", err, c.want)
			_, err = w.usePasskey(key)
			wants(t, "signing in", err, c.want)
		})
	}
}

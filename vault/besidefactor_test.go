package vault_test

import (
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// passwordAtProvider is a sign-in for which the provider asked for a password alone, just now.
func (w *world) passwordAtProvider(login string) vault.Federated {
	f := w.federated("s1", login)
	f.Multi, f.ShownAt = false, w.Clock.Now()
	return f
}

// noWayAround fails unless a session that has a password alone behind it may add nothing to somebody's factors.
func (w *world) noWayAround(a vault.Actor) {
	w.t.Helper()
	ctx := w.t.Context()
	for name, try := range map[string]func() error{
		"an app":       func() error { _, err := w.V.BeginTOTP(ctx, a); return err },
		"a passkey":    func() error { _, err := w.V.BeginPasskey(ctx, a); return err },
		"a password":   func() error { _, err := w.V.ChangePassword(ctx, a, "quite a long pass phrase"); return err },
		"the password": func() error { return w.V.SetPassword(ctx, a, "author", "quite a long pass phrase") },
	} {
		wants(w.t, name, try(), vault.ErrStepUp)
	}
	_, err := w.V.RenewRecoveryCodes(ctx, a)
	wants(w.t, "codes", err, vault.ErrSecondFactor)
}

// TestRecoveryCodesAreNoFirstFactor: who has a password alone cannot make themselves codes and show one.
func TestRecoveryCodesAreNoFirstFactor(t *testing.T) {
	w := newWorld(t).strictly()
	single := w.actor(must(w.V.SignInAt(t.Context(), "author", vaulttest.Password, at("192.0.2.7")))(t))
	_, err := w.V.RenewRecoveryCodes(t.Context(), single)
	wants(t, "codes beside a password alone", err, vault.ErrSecondFactor)
}

// TestToldOfFactors: whoever's ways in are changed is told, but of the first, which is how everybody begins.
func TestToldOfFactors(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	_, a := w.withApp("author")
	told := func() int {
		return w.count(`SELECT count(*) FROM notices WHERE person = $1 AND kind = 'factor'`, string(a.Person()))
	}
	must(w.V.RenewRecoveryCodes(ctx, a))(t)
	if n := told(); n != 0 {
		t.Fatalf("told %d times of setting up, want 0", n)
	}
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"a passkey more", func() {
			key, ask := vaulttest.NewAuthenticator(t, rpID, origin), must(w.V.BeginPasskey(ctx, a))(t)
			a = w.actor(must(w.V.FinishPasskey(ctx, a, ask.Ticket, "Key", key.Make(t, ask.Options)))(t))
		}},
		{"new codes", func() { must(w.V.RenewRecoveryCodes(ctx, a))(t) }},
		{"another app", func() {
			made := must(w.V.BeginTOTP(ctx, a))(t)
			a = w.actor(must(w.V.ConfirmTOTP(ctx, a, w.code(app(made.Secret))))(t))
		}},
		{"a passkey less", func() { ok(t, w.V.RemovePasskey(ctx, a, must(w.V.Factors(ctx, a))(t).Passkeys[0].ID)) }},
		{"a password", func() { a = w.actor(must(w.V.ChangePassword(ctx, a, "quite a long pass phrase"))(t)) }},
		{"the operator's password", func() { ok(t, w.V.SetPassword(ctx, vault.Operator(), "author", vaulttest.Password)) }},
	} {
		w.change(`DELETE FROM notices`) // those of one kind that nobody has seen are one
		c.do()
		if n := told(); n != 1 {
			t.Errorf("after %s: told %d times, want once", c.name, n)
		}
	}
}

// TestProviderPasswordBesideFactor: a provider that asks for a password alone is no way around the second factor that
// somebody has here, neither to add another nor to go on in a session that is locked or not fresh.
func TestProviderPasswordBesideFactor(t *testing.T) {
	onBothStrictly(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		key, a := w.withApp("author")
		w.noWayAround(w.actor(must(w.enters(w.passwordAtProvider("author")))(t)))
		w.Clock.Add(20 * time.Minute)
		ok(t, w.V.Lock(ctx, a))
		_, err := w.V.SignInFederated(ctx, w.passwordAtProvider("author"), a.Session(), ward)
		wantCause(t, "opening a locked screen", err, "own-factor")
		_, err = w.V.Factors(ctx, a)
		wants(t, "after that", err, vault.ErrSessionLocked)

		single := w.actor(must(w.enters(w.passwordAtProvider("author")))(t))
		shown := w.actor(must(w.V.StepUpCode(ctx, single, w.code(key)))(t))
		_, err = w.V.BeginPasskey(ctx, shown)
		wants(t, "after the factor was shown", notSetUp(err), nil)
		_, err = w.V.MyCaptures(ctx, shown, 1)
		wants(t, "work after the factor was shown", err, nil)
		w.verified()
	})
}

// TestPasswordBesideSuspendedPasskey: a passkey that may have a copy opens nothing, and so does the password beside it.
func TestPasswordBesideSuspendedPasskey(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	_, a := w.withPasskey("author")
	codes := must(w.V.RenewRecoveryCodes(ctx, a))(t)
	w.change(`UPDATE passkeys SET suspended_at = 1`)
	step := w.secondStep("author", at("192.0.2.66"))
	if step.Passkey || step.TOTP || !step.Recovery {
		t.Errorf("asks for %+v, want a recovery code", step)
	}
	_, err := w.V.StepUpPassword(ctx, a, vaulttest.Password)
	wants(t, "showing the password", err, vault.ErrConflict)
	must(w.V.SignInCode(ctx, step.Ticket, codes[0], at("192.0.2.66")))(t)
}

// TestEnrolmentCodeBesideFactor: whoever made a code that was not needed cannot come in with it later.
func TestEnrolmentCodeBesideFactor(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	code := must(w.V.ResetFactors(ctx, vault.Operator(), "author"))(t)
	a := w.actor(must(w.enters(w.passwordAtProvider("author")))(t))
	made := must(w.V.BeginTOTP(ctx, a))(t)
	must(w.V.ConfirmTOTP(ctx, a, w.code(app(made.Secret))))(t)
	_, err := w.V.Enrol(ctx, "author", code.Code, "quite a long pass phrase", at("192.0.2.66"))
	wants(t, "a code from before the app", err, vault.ErrUnauthenticated)

	code = must(w.V.ResetFactors(ctx, vault.Operator(), "colleague"))(t)
	w.change(`INSERT INTO passkeys (id, person, credential_id, public_key, aaguid, transports, name, sign_count, backup_eligible, backed_up,
		created_at) SELECT 'K', id, 'C', '', '', '', 'Phone', 0, false, false, 1 FROM people WHERE login = 'colleague'`)
	_, err = w.V.Enrol(ctx, "colleague", code.Code, "quite a long pass phrase", at("192.0.2.66"))
	wants(t, "a factor that came in that moment", err, vault.ErrConflict)
	if n := w.count(`SELECT count(*) FROM people WHERE login = 'colleague' AND password_hash <> ''`); n != 0 {
		t.Error("the refused code set a password")
	}
}

// TestChangePasswordShowsNothing: choosing a password does not keep a session fresh.
func TestChangePasswordShowsNothing(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	_, a := w.withApp("author")
	was := must(w.V.Factors(ctx, a))(t).FreshAt
	w.Clock.Add(14 * time.Minute)
	a = w.actor(must(w.V.ChangePassword(ctx, a, "quite a long pass phrase"))(t))
	if is := must(w.V.Factors(ctx, a))(t).FreshAt; is != was {
		t.Errorf("fresh since %v, want %v as before", is, was)
	}
	w.Clock.Add(time.Minute)
	_, err := w.V.ChangePassword(ctx, a, "another long pass phrase")
	wants(t, "a quarter of an hour after the factor", err, vault.ErrStepUp)
}

// TestRaiseWithLostGroup: what the provider says of groups counts also where it was asked for something else.
func TestRaiseWithLostGroup(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	w.mapped("Admins", "", vault.RoleAdmin)
	a := w.actor(must(w.enters(w.federated("s1", "colleague", "Admins")))(t))
	_, err := w.V.People(ctx, a)
	wants(t, "an admin by group", err, nil)
	_, err = w.V.SignInFederated(ctx, w.federated("s1", "colleague"), a.Session(), ward)
	wantCause(t, "confirming without the group", err, "regrouped")
	_, err = w.V.People(ctx, a)
	wants(t, "the session after that", err, vault.ErrUnauthenticated)
	_, err = w.V.People(ctx, w.actor(must(w.enters(w.federated("s1", "colleague")))(t)))
	wants(t, "a new one", err, vault.ErrDenied)
	w.verified()
}

// TestPageIsNoProgram: a page that calls itself a program would be rid of the lock.
func TestPageIsNoProgram(t *testing.T) {
	w := newWorld(t)
	a, _ := w.InBrowser(t, "author")
	_, err := w.V.BindSession(t.Context(), a, vaulttest.NewDevice(t).Hello(t, w.V, a, vault.DeviceNative))
	wants(t, "a page as a program", err, vault.ErrInvalid)
}

// TestStrangersNumbers: however many numbers strangers had made, whoever is signed in gets one; and none gets many.
func TestStrangersNumbers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.t = t
		a, _ := w.InBrowser(t, "author")
		w.change(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
			INSERT INTO device_nonces (nonce_hash, session, expires_at) SELECT 'stranger' || i, '', 99999999999999 FROM n`)
		_, err := w.V.DoorChallenge(ctx, "", "")
		wants(t, "one more stranger", err, vault.ErrUnavailable)
		for range 50 {
			_, err := w.V.DeviceChallenge(ctx, a)
			wants(t, "a session's own", err, nil)
		}
		_, err = w.V.DeviceChallenge(ctx, a)
		wants(t, "its fifty-first", err, vault.ErrUnavailable)
	})
}

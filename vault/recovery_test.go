package vault_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestRecoveryCodes: ten, each good once, in place of a lost app or passkey.
func TestRecoveryCodes(t *testing.T) {
	onBothStrictly(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		_, a := w.withPasskey("author")
		codes := must(w.V.RenewRecoveryCodes(ctx, a))(t)
		seen := map[string]bool{}
		for _, c := range codes {
			if plain := strings.ReplaceAll(c, "-", ""); len(plain) != 16 || seen[plain] { // 16 symbols of 5 bits
				t.Errorf("code %d long, seen %v", len(plain), seen[plain])
			}
			seen[c] = true
			if n := w.count(`SELECT count(*) FROM recovery_codes WHERE code_hash LIKE '%' || $1 || '%'`, strings.ReplaceAll(c, "-", "")); n != 0 {
				t.Error("a recovery code is in the database")
			}
		}
		if len(codes) != 10 || must(w.V.Factors(ctx, a))(t).RecoveryLeft != 10 {
			t.Errorf("%d codes, %+v", len(codes), must(w.V.Factors(ctx, a))(t))
		}
		step := w.secondStep("author", at("192.0.2.7"))
		if !step.Recovery || !step.Passkey || step.TOTP {
			t.Errorf("asks for %+v, want a passkey or a recovery code", step)
		}
		typed := strings.ToLower(strings.ReplaceAll(codes[3], "-", " "))
		opened := must(w.V.SignInCode(ctx, step.Ticket, typed, at("192.0.2.7")))(t)
		if s := opened.Session; s.Method != vault.MethodRecovery || s.Strength != vault.StrengthMulti {
			t.Errorf("opened %+v, want one by recovery code", s)
		}
		in := w.actor(opened)
		if left := must(w.V.Factors(ctx, in))(t).RecoveryLeft; left != 9 {
			t.Errorf("%d codes left, want 9", left)
		}
		_, err := w.V.SignInCode(ctx, w.secondStep("author", at("192.0.2.7")).Ticket, codes[3], at("192.0.2.7"))
		wants(t, "the code again", err, vault.ErrWrongFactor)
		_, err = w.V.SignInCode(ctx, w.secondStep("author", at("192.0.2.7")).Ticket, strings.Repeat("A", 1<<16), at("192.0.2.7"))
		wants(t, "a very long code", err, vault.ErrWrongFactor)
		must(w.V.RenewRecoveryCodes(ctx, in))(t)
		_, err = w.V.SignInCode(ctx, w.secondStep("author", at("192.0.2.7")).Ticket, codes[4], at("192.0.2.7"))
		wants(t, "a code from before the renewal", err, vault.ErrWrongFactor)
		made := must(w.V.BeginTOTP(ctx, in))(t) // what the code was for: another factor
		must(w.V.ConfirmTOTP(ctx, in, w.code(app(made.Secret))))(t)
		w.verified()
	})
}

// TestResetFactors: who helps somebody back in cannot be them without its showing, and gets no password of theirs.
func TestResetFactors(t *testing.T) {
	onBothStrictly(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		_, admin := w.withApp("admin")
		key, reviewer := w.withPasskey("reviewer")
		recovery := must(w.V.RenewRecoveryCodes(ctx, reviewer))(t)
		code := must(w.V.ResetFactors(ctx, admin, "reviewer"))(t)
		if printed := fmt.Sprintf("%v %#v", code, code); strings.Contains(printed, code.Code) || code.ExpiresAt != vault.TimeOf(w.Clock.Now().Add(24*time.Hour)) {
			t.Errorf("prints as %s, good until %v", printed, code.ExpiresAt)
		}
		_, _, err := w.V.ReviewQueue(ctx, reviewer)
		wants(t, "the reviewer's session", err, vault.ErrUnauthenticated)
		_, err = w.usePasskey(key)
		wants(t, "the reviewer's passkey", err, vault.ErrWrongFactor)
		_, err = w.V.SignInAt(ctx, "reviewer", vaulttest.Password, at("192.0.2.7"))
		wants(t, "the reviewer's password", err, vault.ErrUnauthenticated)
		_, err = w.V.Enrol(ctx, "reviewer", recovery[0], "a password of my own", at("192.0.2.7"))
		wants(t, "a recovery code in place of the code", err, vault.ErrUnauthenticated)
		_, err = w.V.Enrol(ctx, "author", code.Code, "a password of my own", at("192.0.2.7"))
		wants(t, "another's code", err, vault.ErrUnauthenticated)
		_, err = w.V.Enrol(ctx, "reviewer", code.Code, "short", at("192.0.2.7"))
		wants(t, "a short password", err, vault.ErrInvalid)
		opened := must(w.V.Enrol(ctx, "reviewer", strings.ToLower(code.Code), "a password of my own", at("192.0.2.7")))(t)
		_, _, err = w.V.ReviewQueue(ctx, w.actor(opened))
		wants(t, "working before there is a second factor", err, vault.ErrSecondFactor)
		_, err = w.V.Enrol(ctx, "reviewer", code.Code, "another password of mine", at("192.0.2.7"))
		wants(t, "the code again", err, vault.ErrUnauthenticated)
		made := must(w.V.BeginTOTP(ctx, w.actor(opened)))(t)
		must(w.V.ConfirmTOTP(ctx, w.actor(opened), w.code(app(made.Secret))))(t)
		if n := w.count(`SELECT count(*) FROM notices WHERE person = $1 AND kind = 'factor'`, string(reviewer.Person())); n == 0 {
			t.Error("the reviewer was not told")
		}
		if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'person.reset_factors' AND entry LIKE '%"person:' || $1 || '"%'`, string(admin.Person())); n != 1 {
			t.Errorf("%d events of the reset by the administrator, want 1", n)
		}
		_, err = w.V.ResetFactors(ctx, admin, "admin")
		wants(t, "resetting oneself", err, vault.ErrConflict)
		_, err = w.V.ResetFactors(ctx, admin, "no-such-login")
		wants(t, "resetting nobody", err, vault.ErrNotFound)
		ok(t, w.V.DisablePerson(ctx, vault.Operator(), "outsider"))
		_, err = w.V.ResetFactors(ctx, admin, "outsider")
		wants(t, "resetting who is disabled", err, vault.ErrConflict)
		late := must(w.V.ResetFactors(ctx, vault.Operator(), "author"))(t)
		w.Clock.Add(24 * time.Hour)
		_, err = w.V.Enrol(ctx, "author", late.Code, "a password of my own", at("192.0.2.7"))
		wants(t, "a code after a day", err, vault.ErrUnauthenticated)
	})
}

// TestEnrolmentIsGuessedSlowly: a code is tried as seldom as a password.
func TestEnrolmentIsGuessedSlowly(t *testing.T) {
	w := newWorld(t).strictly()
	code := must(w.V.ResetFactors(t.Context(), vault.Operator(), "reviewer"))(t).Code
	for range 6 {
		_, err := w.V.Enrol(t.Context(), "reviewer", "AAAA-AAAA-AAAA-AAAA", "a password of my own", at("192.0.2.66"))
		wants(t, "a guess", err, vault.ErrUnauthenticated)
	}
	_, err := w.V.Enrol(t.Context(), "reviewer", code, "a password of my own", at("192.0.2.66"))
	wants(t, "right after six guesses", err, vault.ErrLocked)
	w.Clock.Add(time.Second)
	must(w.V.Enrol(t.Context(), "reviewer", code, "a password of my own", at("192.0.2.66")))(t)
}

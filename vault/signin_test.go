package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

const wrongPassword = "wrong horse battery staple"

// TestSecondFactorIsAsked: a password alone lets its owner add a factor, and nothing else.
func TestSecondFactorIsAsked(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	opened := must(w.V.SignInAt(ctx, "author", vaulttest.Password, at("192.0.2.7")))(t)
	a := w.actor(opened)
	if s := opened.Session; s.Strength != vault.StrengthSingle || s.Method != vault.MethodPassword {
		t.Errorf("opened %+v, want a session with a password alone", s)
	}
	_, err := w.V.MyCaptures(ctx, a, 1)
	wants(t, "working", err, vault.ErrSecondFactor)
	_, _, err = w.V.Accept(ctx, a, w.Capture(t, w.author, w.patient, w.picture).Request())
	wants(t, "sending a photo", err, vault.ErrSecondFactor)
	_, err = w.V.Factors(ctx, a)
	wants(t, "looking at one's factors", err, nil)
	made := must(w.V.BeginTOTP(ctx, a))(t)
	raised := must(w.V.ConfirmTOTP(ctx, a, w.code(app(made.Secret))))(t)
	_, err = w.V.Authenticate(ctx, opened.Token)
	wants(t, "the token from before", err, vault.ErrUnauthenticated)
	if raised.Session.ID != opened.Session.ID || raised.Session.Strength != vault.StrengthMulti || raised.Session.Method != vault.MethodTOTP {
		t.Errorf("raised to %+v, want the same session with two factors", raised.Session)
	}
	_, err = w.V.MyCaptures(ctx, w.actor(raised), 1)
	wants(t, "working with a second factor", err, nil)
}

// TestFirstFactorEndsWeakerSessions: whoever knew the password before there was a second factor is out when it comes, and
// cannot add one of their own.
func TestFirstFactorEndsWeakerSessions(t *testing.T) {
	for name, add := range map[string]func(w *world){
		"app": func(w *world) { w.withApp("author") }, "passkey": func(w *world) { w.withPasskey("author") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).strictly()
			w.t = t
			thief := w.actor(must(w.V.SignInAt(t.Context(), "author", vaulttest.Password, at("192.0.2.66")))(t))
			add(w)
			_, err := w.V.BeginTOTP(t.Context(), thief)
			wants(t, "adding an app in the session from before", err, vault.ErrUnauthenticated)
			_, err = w.V.MyCaptures(t.Context(), w.author, 1)
			wants(t, "a session with two factors", err, nil)
		})
	}
}

// TestSweepForgetsSignIns: what nobody can use any more does not stay.
func TestSweepForgetsSignIns(t *testing.T) {
	w := newWorld(t).strictly()
	w.withApp("author")
	w.secondStep("author", browser("192.0.2.7", ""))
	must(w.V.BeginPasskeySignIn(t.Context(), at("192.0.2.7")))(t)
	must(w.V.ResetFactors(t.Context(), vault.Operator(), "reviewer"))(t)
	_, err := w.V.SignInAt(t.Context(), "author", wrongPassword, at("192.0.2.7"))
	wants(t, "a wrong password", err, vault.ErrUnauthenticated)
	kept := `SELECT (SELECT count(*) FROM challenges) + (SELECT count(*) FROM enrolment_codes) + (SELECT count(*) FROM sign_in_tries)`
	ok(t, w.V.Sweep(t.Context(), w.worker))
	before := w.count(kept)
	w.Clock.Add(72 * time.Hour)
	ok(t, w.V.Sweep(t.Context(), w.worker))
	if after := w.count(kept); before < 5 || after != 0 {
		t.Errorf("%d rows kept while they may be used, %d afterwards, want none", before, after)
	}
}

// TestSignInWithCode: once there is a second factor, the password alone opens nothing.
func TestSignInWithCode(t *testing.T) {
	onBothStrictly(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, _ := w.withApp("author")
		step := w.secondStep("author", at("192.0.2.7"))
		if !step.TOTP || step.Recovery || step.Passkey || strings.Contains(fmt.Sprintf("%v", error(step)), step.Ticket) {
			t.Errorf("asks for %+v, want a code of the app and no ticket in the text", step)
		}
		_, err := w.V.SignInCode(ctx, step.Ticket, "000000", at("192.0.2.7"))
		wants(t, "a wrong code", err, vault.ErrWrongFactor)
		code := w.code(a)
		opened := must(w.V.SignInCode(ctx, step.Ticket, " "+code[:3]+" "+code[3:], at("192.0.2.7")))(t)
		if s := opened.Session; s.Strength != vault.StrengthMulti || s.Method != vault.MethodTOTP || s.Remote != "192.0.2.7" {
			t.Errorf("opened %+v, want one by password and code", s)
		}
		_, err = w.V.SignInCode(ctx, step.Ticket, w.code(a), at("192.0.2.7"))
		wants(t, "the ticket again", err, vault.ErrConflict)
		_, err = w.V.SignInCode(ctx, w.secondStep("author", at("192.0.2.7")).Ticket, a.at(t, w.Clock.Now().Add(-31*time.Second)), at("192.0.2.7"))
		wants(t, "the code again", err, vault.ErrWrongFactor)
		late := w.secondStep("author", at("192.0.2.7"))
		w.Clock.Add(5 * time.Minute)
		_, err = w.V.SignInCode(ctx, late.Ticket, w.code(a), at("192.0.2.7"))
		wants(t, "a ticket after five minutes", err, vault.ErrConflict)
		changed := w.secondStep("author", at("192.0.2.7"))
		ok(t, w.V.SetPassword(ctx, vault.Operator(), "author", "another fine passphrase"))
		_, err = w.V.SignInCode(ctx, changed.Ticket, w.code(a), at("192.0.2.7"))
		wants(t, "after the password was changed", err, vault.ErrUnauthenticated)
		w.verified()
	})
}

// TestTicketEnds: five wrong codes end a ticket, also for the right one.
func TestTicketEnds(t *testing.T) {
	w := newWorld(t).strictly()
	a, _ := w.withApp("author")
	step := w.secondStep("author", at("192.0.2.7"))
	for range 5 {
		_, err := w.V.SignInCode(t.Context(), step.Ticket, "000000", at("192.0.2.7"))
		wants(t, "a wrong code", err, vault.ErrWrongFactor)
	}
	w.Clock.Add(time.Minute)
	_, err := w.V.SignInCode(t.Context(), step.Ticket, w.code(a), at("192.0.2.7"))
	wants(t, "the right code after five wrong ones", err, vault.ErrConflict)
}

// TestStrangersAreSlowedDown: at one login, guesses by those whom nobody knows wait longer and longer.
func TestStrangersAreSlowedDown(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		guess := func() error {
			_, err := w.V.SignInAt(t.Context(), "author", wrongPassword, at("192.0.2.66"))
			return err
		}
		for n := range 5 {
			wants(t, fmt.Sprintf("guess %d", n+1), guess(), vault.ErrUnauthenticated)
		}
		var waited []time.Duration
		for range 12 {
			wants(t, "a guess that may be tried", guess(), vault.ErrUnauthenticated)
			var wait *vault.TooManyTries
			if err := guess(); !errors.As(err, &wait) || !errors.Is(err, vault.ErrLocked) {
				t.Fatalf("a guess right after: got %v, want to wait", err)
			}
			waited = append(waited, wait.After)
			_, err := w.V.SignInAt(t.Context(), "author", vaulttest.Password, at("192.0.2.66"))
			wants(t, "the right password meanwhile", err, vault.ErrLocked)
			w.Clock.Add(wait.After)
		}
		want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900}
		for i := range want {
			if waited[i] != want[i]*time.Second {
				t.Fatalf("waited %v, want %v seconds", waited, want)
			}
		}
		_, err := w.V.SignInAt(t.Context(), "author", vaulttest.Password, at("192.0.2.66"))
		wants(t, "the right password after waiting", err, nil)
		wants(t, "counting starts anew", guess(), vault.ErrUnauthenticated)
	})
}

// TestKnownBrowserGetsIn: whoever guesses cannot keep a person out of the browser they use.
func TestKnownBrowserGetsIn(t *testing.T) {
	w := newWorld(t)
	mine := must(w.V.SignInAt(t.Context(), "author", vaulttest.Password, browser("192.0.2.7", "")))(t)
	theirs := must(w.V.SignInAt(t.Context(), "reviewer", vaulttest.Password, browser("192.0.2.8", "")))(t)
	if mine.Known == "" || mine.Known == theirs.Known {
		t.Fatalf("known by %q and %q, want a cookie each", mine.Known, theirs.Known)
	}
	for range 8 {
		_, _ = w.V.SignInAt(t.Context(), "author", wrongPassword, browser("192.0.2.66", theirs.Known))
	}
	for name, cookie := range map[string]string{"none": "", "another's": theirs.Known, "made up": strings.Repeat("A", 43)} {
		_, err := w.V.SignInAt(t.Context(), "author", vaulttest.Password, browser("192.0.2.7", cookie))
		wants(t, "the right password with the cookie "+name, err, vault.ErrLocked)
	}
	again := must(w.V.SignInAt(t.Context(), "author", vaulttest.Password, browser("192.0.2.66", mine.Known)))(t)
	if again.Known != mine.Known {
		t.Error("a known browser gets another cookie")
	}
	for range 5 {
		_, err := w.V.SignInAt(t.Context(), "author", wrongPassword, browser("192.0.2.7", mine.Known))
		wants(t, "a wrong password in the known browser", err, vault.ErrUnauthenticated)
	}
	_, _ = w.V.SignInAt(t.Context(), "author", wrongPassword, browser("192.0.2.7", mine.Known))
	_, err := w.V.SignInAt(t.Context(), "author", vaulttest.Password, browser("192.0.2.7", mine.Known))
	wants(t, "a stolen cookie is no way around", err, vault.ErrLocked)
	w.Clock.Add(vault.KnownFor)
	for range 6 {
		_, _ = w.V.SignInAt(t.Context(), "author", wrongPassword, at("192.0.2.66"))
	}
	_, err = w.V.SignInAt(t.Context(), "author", vaulttest.Password, browser("192.0.2.7", mine.Known))
	wants(t, "a browser that was not used for three months", err, vault.ErrLocked)
}

// TestStuffing: one address that tries many logins is slowed down, and so are many addresses together.
func TestStuffing(t *testing.T) {
	for _, c := range []struct {
		name    string
		most    int
		address func(n int) string
		other   string // from where a person still gets in
	}{
		{"one address", 41, func(int) string { return "192.0.2.66" }, "192.0.2.7"},
		{"one IPv6 customer", 41, func(n int) string { return fmt.Sprintf("2001:db8:1:2::%x", n) }, "2001:db8:1:3::1"},
		{"many addresses", 301, func(n int) string { return fmt.Sprintf("198.51.%d.%d", n/250, n%250) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			mine := must(w.V.SignInAt(t.Context(), "author", vaulttest.Password, browser("192.0.2.7", "")))(t)
			w.crowd(c.most, c.address)
			_, err := w.V.SignInAt(t.Context(), "nobody-else", wrongPassword, at(c.address(c.most)))
			wants(t, "one try more", err, vault.ErrLocked)
			if c.other != "" {
				_, err = w.V.SignInAt(t.Context(), "reviewer", vaulttest.Password, at(c.other))
				wants(t, "a person elsewhere", err, nil)
			}
			_, err = w.V.SignInAt(t.Context(), "author", vaulttest.Password, browser(c.address(1), mine.Known))
			wants(t, "a known browser", err, nil)
			w.Clock.Add(time.Minute)
			_, err = w.V.SignInAt(t.Context(), "reviewer", vaulttest.Password, at("192.0.2.9"))
			wants(t, "a minute later", err, nil)
		})
	}
}

// crowd has that many strangers guess at once, each at a login of their own.
func (w *world) crowd(n int, address func(n int) string) {
	w.t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			_, err := w.V.SignInAt(w.t.Context(), fmt.Sprintf("nobody%d", i), wrongPassword, at(address(i)))
			wants(w.t, "a guess", err, vault.ErrUnauthenticated)
		})
	}
	all.Wait()
}

// TestNodesCountTogether: two nodes on one database know of each other's wrong tries, also of those made at once.
func TestNodesCountTogether(t *testing.T) {
	b := vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil)
	w := worldOn(t, b)
	other := must(vault.Open(t.Context(), b.Cfg))(t)
	defer other.Close()
	var all sync.WaitGroup
	var mu sync.Mutex
	checked := 0
	for n := range 24 {
		all.Go(func() {
			v := []*vault.Vault{w.V, other}[n%2]
			_, err := v.SignInAt(t.Context(), "author", wrongPassword, at("192.0.2.66"))
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, vault.ErrUnauthenticated) {
				checked++
			} else if !errors.Is(err, vault.ErrLocked) {
				t.Errorf("guessing: %v", err)
			}
		})
	}
	all.Wait()
	if checked != 6 {
		t.Errorf("%d of 24 guesses at once were checked, want 6", checked)
	}
}

// TestStrangersLookLikeAccounts: try for try, a login that nobody has is answered as one that somebody has.
func TestStrangersLookLikeAccounts(t *testing.T) {
	w := newWorld(t)
	ok(t, w.V.DisablePerson(t.Context(), w.admin, "outsider"))
	must(w.V.AddPerson(t.Context(), vault.Operator(), vault.NewPerson{Login: "no.password", Name: "Test Newcomer", Roles: []vault.Role{vault.RoleReviewer}}))(t)
	logins := []string{"author", "nobody", "outsider", "no.password", "no body\x00"}
	for n := range 20 {
		var want string
		for i, login := range logins {
			_, err := w.V.SignInAt(t.Context(), login, wrongPassword, at(""))
			if got := fmt.Sprint(err); i == 0 {
				want = got
			} else if got != want {
				t.Fatalf("try %d: got %q for %q, %q for an account", n+1, got, login, want)
			}
		}
		w.Clock.Add(time.Duration(n%4) * 3 * time.Second)
	}
}

package vault_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// withPasskey gives somebody a passkey, and answers it and them with it.
func (w *world) withPasskey(login string) (*vaulttest.Authenticator, vault.Actor) {
	w.t.Helper()
	ctx := w.t.Context()
	single := w.actor(must(w.V.SignInAt(ctx, login, vaulttest.Password, at("192.0.2.7")))(w.t))
	key := vaulttest.NewAuthenticator(w.t, rpID, origin)
	ask := must(w.V.BeginPasskey(ctx, single))(w.t)
	return key, w.actor(must(w.V.FinishPasskey(ctx, single, ask.Ticket, "My phone", key.Make(w.t, ask.Options)))(w.t))
}

// usePasskey signs in with a passkey.
func (w *world) usePasskey(key *vaulttest.Authenticator) (vault.Opened, error) {
	w.t.Helper()
	ask := must(w.V.BeginPasskeySignIn(w.t.Context(), at("192.0.2.7")))(w.t)
	return w.V.FinishPasskeySignIn(w.t.Context(), ask.Ticket, key.Use(w.t, ask.Options), at("192.0.2.7"))
}

func TestPasskey(t *testing.T) {
	onBothStrictly(t, func(t *testing.T, w *world) {
		key, a := w.withPasskey("author")
		_, err := w.V.MyCaptures(t.Context(), a, 1)
		wants(t, "working in the session that got the passkey", err, nil)
		opened := must(w.usePasskey(key))(t)
		if opened.Session.Method != vault.MethodPasskey || opened.Session.Strength != vault.StrengthMulti || opened.Session.Person != a.Person() {
			t.Errorf("signed in as %+v, want the author by passkey with two factors", opened.Session)
		}
		_, err = w.V.MyCaptures(t.Context(), w.actor(opened), 1)
		wants(t, "working after signing in by passkey", err, nil)
		mine := must(w.V.Factors(t.Context(), a))(t).Passkeys
		if len(mine) != 1 || mine[0].Name != "My phone" || mine[0].UsedAt != vault.TimeOf(w.Clock.Now()) {
			t.Errorf("listed as %+v, want one, used now", mine)
		}
		ok(t, w.V.RenamePasskey(t.Context(), a, mine[0].ID, "Old phone"))
		wants(t, "renaming another's", w.V.RenamePasskey(t.Context(), w.actor(opened), "none", "x"), vault.ErrNotFound)
		wants(t, "removing the last factor", w.V.RemovePasskey(t.Context(), a, mine[0].ID), vault.ErrConflict)
		must(w.usePasskey(key))(t)
		w.verified()
	})
}

// TestPasskeyQuestions: what is asked tells nobody who exists, and asks for finger, face or PIN.
func TestPasskeyQuestions(t *testing.T) {
	w := newWorld(t).strictly()
	_, a := w.withPasskey("author")
	for name, ask := range map[string]vault.PasskeyAsk{
		"sign-in": must(w.V.BeginPasskeySignIn(t.Context(), at("192.0.2.7")))(t),
		"new":     must(w.V.BeginPasskey(t.Context(), a))(t),
	} {
		var asked struct {
			PublicKey struct {
				UserVerification       string            `json:"userVerification"`
				AllowCredentials       []json.RawMessage `json:"allowCredentials"`
				AuthenticatorSelection struct {
					UserVerification string `json:"userVerification"`
					ResidentKey      string `json:"residentKey"`
				} `json:"authenticatorSelection"`
				User struct {
					ID string `json:"id"`
				} `json:"user"`
			} `json:"publicKey"`
		}
		ok(t, json.Unmarshal(ask.Options, &asked))
		p := asked.PublicKey
		if p.UserVerification != "required" && (p.AuthenticatorSelection.UserVerification != "required" || p.AuthenticatorSelection.ResidentKey != "required") {
			t.Errorf("%s: asks %s, want user verification and a resident key", name, ask.Options)
		}
		if len(p.AllowCredentials) > 0 || strings.Contains(p.User.ID, "author") || strings.Contains(p.User.ID, string(a.Person())) {
			t.Errorf("%s: tells who exists: %s", name, ask.Options)
		}
	}
}

// TestPasskeyRefused: answers that are not an honest authenticator's, on our page, to the question that was asked.
func TestPasskeyRefused(t *testing.T) {
	w := newWorld(t).strictly()
	key, _ := w.withPasskey("author")
	other := vaulttest.NewAuthenticator(t, rpID, origin) // knows nobody
	for name, use := range map[string]func(ask vault.PasskeyAsk) (string, json.RawMessage){
		"page of another origin": func(ask vault.PasskeyAsk) (string, json.RawMessage) {
			k := key.Copy()
			k.Origin = "https://photos.test.evil"
			return ask.Ticket, k.Use(t, ask.Options)
		},
		"another relying party": func(ask vault.PasskeyAsk) (string, json.RawMessage) {
			k := key.Copy()
			k.RPID = "evil.test"
			return ask.Ticket, k.Use(t, ask.Options)
		},
		"nobody's finger": func(ask vault.PasskeyAsk) (string, json.RawMessage) {
			k := key.Copy()
			k.Verified = false
			return ask.Ticket, k.Use(t, ask.Options)
		},
		"unknown passkey": func(ask vault.PasskeyAsk) (string, json.RawMessage) { return ask.Ticket, other.Use(t, ask.Options) },
		"answer to another question": func(ask vault.PasskeyAsk) (string, json.RawMessage) {
			return ask.Ticket, key.Use(t, must(w.V.BeginPasskeySignIn(t.Context(), at("")))(t).Options)
		},
		"altered signature": func(ask vault.PasskeyAsk) (string, json.RawMessage) {
			return ask.Ticket, json.RawMessage(strings.Replace(string(key.Use(t, ask.Options)), `"signature":"ME`, `"signature":"MF`, 1))
		},
		"nothing":  func(ask vault.PasskeyAsk) (string, json.RawMessage) { return ask.Ticket, nil },
		"not JSON": func(ask vault.PasskeyAsk) (string, json.RawMessage) { return ask.Ticket, json.RawMessage("{") },
		"very long": func(ask vault.PasskeyAsk) (string, json.RawMessage) {
			return ask.Ticket, json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ask := must(w.V.BeginPasskeySignIn(t.Context(), at("192.0.2.7")))(t)
			ticket, answer := use(ask)
			_, err := w.V.FinishPasskeySignIn(t.Context(), ticket, answer, at("192.0.2.7"))
			wants(t, "signing in", err, vault.ErrWrongFactor)
			_, err = w.V.FinishPasskeySignIn(t.Context(), ticket, key.Use(t, ask.Options), at("192.0.2.7"))
			wants(t, "a right answer to a question that was answered wrong", err, vault.ErrConflict)
		})
	}
	must(w.usePasskey(key))(t)
	ask := must(w.V.BeginPasskeySignIn(t.Context(), at("192.0.2.7")))(t)
	answer := key.Use(t, ask.Options)
	w.Clock.Add(5 * time.Minute)
	_, err := w.V.FinishPasskeySignIn(t.Context(), ask.Ticket, answer, at("192.0.2.7"))
	wants(t, "an answer after five minutes", err, vault.ErrConflict)
	ok(t, w.V.DisablePerson(t.Context(), vault.Operator(), "author"))
	_, err = w.usePasskey(key)
	wants(t, "a passkey of somebody who left", err, vault.ErrUnauthenticated)
	w.verified()
}

// TestClonedPasskey: a counter that goes back suspends the passkey, original and copy, and its owner is told.
func TestClonedPasskey(t *testing.T) {
	onBothStrictly(t, func(t *testing.T, w *world) {
		key, a := w.withPasskey("author")
		clone := key.Copy()
		for range 3 {
			must(w.usePasskey(key))(t)
		}
		_, err := w.usePasskey(clone)
		wants(t, "the copy", err, vault.ErrWrongFactor)
		_, err = w.usePasskey(key)
		wants(t, "the original, since", err, vault.ErrWrongFactor)
		if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'factor.cloned'`); n != 1 {
			t.Errorf("%d events of a copy, want 1", n)
		}
		if n := w.count(`SELECT count(*) FROM notices WHERE person = $1 AND kind = 'factor'`, string(a.Person())); n != 1 {
			t.Errorf("%d notices for the owner, want 1", n)
		}
		if p := must(w.V.Factors(t.Context(), a))(t).Passkeys; len(p) != 1 || p[0].SuspendedAt == 0 {
			t.Errorf("listed as %+v, want it suspended", p)
		}
		w.verified()
	})
}

// TestSyncedPasskey: those that are copied by their maker have no counter, and are no clones.
func TestSyncedPasskey(t *testing.T) {
	w := newWorld(t).strictly()
	single := w.actor(must(w.V.SignInAt(t.Context(), "author", vaulttest.Password, at("192.0.2.7")))(t))
	key := vaulttest.NewAuthenticator(t, rpID, origin)
	key.Synced = true
	ask := must(w.V.BeginPasskey(t.Context(), single))(t)
	a := w.actor(must(w.V.FinishPasskey(t.Context(), single, ask.Ticket, "Synced", key.Make(t, ask.Options)))(t))
	must(w.usePasskey(key))(t)
	must(w.usePasskey(key))(t)
	if p := must(w.V.Factors(t.Context(), a))(t).Passkeys; len(p) != 1 || !p[0].BackedUp || p[0].SuspendedAt != 0 {
		t.Errorf("listed as %+v, want one that is backed up", p)
	}
}

// TestAddingPasskeys: the question belongs to its session, a passkey to one person.
func TestAddingPasskeys(t *testing.T) {
	w := newWorld(t).strictly()
	ctx := t.Context()
	key, author := w.withPasskey("author")
	_, reviewer := w.withPasskey("reviewer")
	ask := must(w.V.BeginPasskey(ctx, reviewer))(t)
	_, err := w.V.FinishPasskey(ctx, reviewer, ask.Ticket, "Stolen", key.Copy().Make(t, ask.Options))
	wants(t, "a passkey that somebody has", err, vault.ErrConflict)
	ask = must(w.V.BeginPasskey(ctx, reviewer))(t)
	fresh := vaulttest.NewAuthenticator(t, rpID, origin)
	_, err = w.V.FinishPasskey(ctx, author, ask.Ticket, "Mine", fresh.Make(t, ask.Options))
	wants(t, "the question of another session", err, vault.ErrConflict)
	fresh.Verified = false
	_, err = w.V.FinishPasskey(ctx, reviewer, ask.Ticket, "Mine", fresh.Make(t, ask.Options))
	wants(t, "without finger, face or PIN", err, vault.ErrWrongFactor)
	for _, name := range []string{"", " x", strings.Repeat("x", 61), "a\nb"} {
		ask = must(w.V.BeginPasskey(ctx, reviewer))(t)
		_, err = w.V.FinishPasskey(ctx, reviewer, ask.Ticket, name, vaulttest.NewAuthenticator(t, rpID, origin).Make(t, ask.Options))
		wants(t, "the name "+name, err, vault.ErrInvalid)
	}
	second := vaulttest.NewAuthenticator(t, rpID, origin)
	ask = must(w.V.BeginPasskey(ctx, reviewer))(t)
	reviewer = w.actor(must(w.V.FinishPasskey(ctx, reviewer, ask.Ticket, "Second", second.Make(t, ask.Options)))(t))
	mine := must(w.V.Factors(ctx, reviewer))(t).Passkeys // made in one moment, so in any order
	at := slices.IndexFunc(mine, func(p vault.Passkey) bool { return p.Name == "Second" })
	wants(t, "removing another's", w.V.RemovePasskey(ctx, author, mine[at].ID), vault.ErrNotFound)
	ok(t, w.V.RemovePasskey(ctx, reviewer, mine[at].ID))
	_, err = w.usePasskey(second)
	wants(t, "a passkey that was removed", err, vault.ErrWrongFactor)
	w.Clock.Add(15 * time.Minute)
	_, err = w.V.BeginPasskey(ctx, reviewer)
	wants(t, "adding one a quarter of an hour later", err, vault.ErrStepUp)
}

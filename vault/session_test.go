package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func (w *world) signIn(login, password string) (string, error) {
	token, _, err := w.V.SignIn(w.t.Context(), login, password, "test device", "127.0.0.1:2", "R")
	return token, err
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	ok(t, w.V.DisablePerson(t.Context(), w.admin, "outsider"))
	for _, c := range []struct {
		name, login, password string
		want                  error
	}{
		{"right", "author", vaulttest.Password, nil},
		{"wrong password", "author", "wrong horse battery staple", vault.ErrUnauthenticated},
		{"empty password", "author", "", vault.ErrUnauthenticated},
		{"very long password", "author", strings.Repeat("x", 100_000), vault.ErrUnauthenticated},
		{"unknown login", "nobody", vaulttest.Password, vault.ErrUnauthenticated},
		{"empty login", "", "", vault.ErrUnauthenticated},
		{"login that no database takes", "author\x00", vaulttest.Password, vault.ErrUnauthenticated},
		{"login with broken text", "author\xff", vaulttest.Password, vault.ErrUnauthenticated},
		{"disabled", "outsider", vaulttest.Password, vault.ErrUnauthenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, s, err := w.V.SignIn(t.Context(), c.login, c.password, "test device", "", "")
			wants(t, "sign-in", err, c.want)
			if (token == "") != (c.want != nil) || (s.ID == "") != (c.want != nil) {
				t.Errorf("token given %v, session %q", token != "", s.ID)
			}
		})
	}
	w.verified()
}

func TestSignInKeepsNoSecret(t *testing.T) {
	w := newWorld(t)
	token := must(w.signIn("author", vaulttest.Password))(t)
	if n := w.count(`SELECT count(*) FROM sessions WHERE token_hash LIKE '%' || $1 || '%' OR id LIKE '%' || $1 || '%'`, token); n != 0 {
		t.Error("the token is in the database")
	}
	if n := w.count(`SELECT count(*) FROM people WHERE password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'`); n != 0 {
		t.Errorf("%d people have another hash", n)
	}
	secret := vault.NewPerson{Login: "somebody", Password: vaulttest.Password}
	if got := fmt.Sprintf("%v %+v %#v", secret, secret, secret); strings.Contains(got, vaulttest.Password) {
		t.Errorf("a new person prints as %s", got)
	}
}

func TestSessionLimits(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []time.Duration // between uses
		want  error
	}{
		{"used at once", []time.Duration{0}, nil},
		{"idle for just under half an hour", []time.Duration{29 * time.Minute}, nil},
		{"idle for half an hour", []time.Duration{30 * time.Minute}, vault.ErrUnauthenticated},
		{"used now and then", []time.Duration{20 * time.Minute, 20 * time.Minute, 20 * time.Minute}, nil},
		{"used for twelve hours", repeat(20*time.Minute, 36), vault.ErrUnauthenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := vaulttest.New(t)
			a := b.Person(t, "somebody", vault.RoleClinician)
			token, _, err := b.V.SignIn(t.Context(), "somebody", vaulttest.Password, "", "", "")
			ok(t, err)
			for i, step := range c.steps {
				b.Clock.Add(step)
				_, err = b.V.Authenticate(t.Context(), token)
				if i < len(c.steps)-1 {
					ok(t, err)
				}
			}
			wants(t, "authenticating", err, c.want)
			if c.want != nil {
				_, err := b.V.MyCaptures(t.Context(), a, 1) // an actor made before is no better
				wants(t, "acting", err, c.want)
			}
		})
	}
}

func repeat(d time.Duration, n int) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = d
	}
	return out
}

func TestAuthenticateRefuses(t *testing.T) {
	w := newWorld(t)
	token := must(w.signIn("author", vaulttest.Password))(t)
	for name, bad := range map[string]string{"empty": "", "other": token[1:] + "A", "cut": token[:42], "hash": "0"} {
		_, err := w.V.Authenticate(t.Context(), bad)
		wants(t, name, err, vault.ErrUnauthenticated)
	}
	ok(t, w.V.DisablePerson(t.Context(), w.admin, "author"))
	_, err := w.V.Authenticate(t.Context(), token)
	wants(t, "disabled person", err, vault.ErrUnauthenticated)
}

func TestSignOut(t *testing.T) {
	w := newWorld(t)
	other := w.SignIn(t, "author")
	if got := must(w.V.Sessions(t.Context(), other))(t); len(got) != 2 {
		t.Errorf("%d sessions, want 2", len(got))
	}
	ok(t, w.V.SignOut(t.Context(), w.author))
	wants(t, "signing out twice", w.V.SignOut(t.Context(), w.author), vault.ErrUnauthenticated)
	if got := must(w.V.Sessions(t.Context(), other))(t); len(got) != 1 || got[0].ID != other.Session() {
		t.Errorf("sessions left: %+v", got)
	}
	wants(t, "ending another's session", w.V.EndSession(t.Context(), other, w.reviewer.Session()), vault.ErrNotFound)
}

func TestDisabledPersonIsOut(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	w.claim(w.reviewer, id)
	ok(t, w.V.DisablePerson(t.Context(), w.admin, "reviewer"))
	ok(t, w.V.DisablePerson(t.Context(), w.admin, "reviewer"))
	_, err := w.V.ReadRendition(t.Context(), w.reviewer, id, vault.KindDisplay)
	wants(t, "reading the claimed photo", err, vault.ErrUnauthenticated)
	_, err = w.signIn("reviewer", vaulttest.Password)
	wants(t, "signing in", err, vault.ErrUnauthenticated)
	w.claim(w.second, id) // the claim was released
	wants(t, "disabling nobody", w.V.DisablePerson(t.Context(), w.admin, "no-such-login"), vault.ErrNotFound)
}

func TestSetPassword(t *testing.T) {
	w := newWorld(t)
	const fresh = "another fine passphrase"
	wants(t, "too short", w.V.SetPassword(t.Context(), vault.Operator(), "author", "eleven char"), vault.ErrInvalid)
	wants(t, "by an administrator", w.V.SetPassword(t.Context(), w.admin, "author", fresh), vault.ErrDenied)
	wants(t, "by another", w.V.SetPassword(t.Context(), w.colleague, "author", fresh), vault.ErrDenied)
	wants(t, "of nobody", w.V.SetPassword(t.Context(), vault.Operator(), "no-such-login", fresh), vault.ErrNotFound)
	ok(t, w.V.SetPassword(t.Context(), w.author, "author", fresh))
	_, err := w.V.MyCaptures(t.Context(), w.author, 1)
	wants(t, "the old session", err, vault.ErrUnauthenticated)
	_, err = w.signIn("author", vaulttest.Password)
	wants(t, "the old password", err, vault.ErrUnauthenticated)
	must(w.signIn("author", fresh))(t)
}

func TestAddPerson(t *testing.T) {
	w := newWorld(t)
	good := vault.NewPerson{Login: "new.person", Name: "Test Newcomer", Password: "twelve chars", Roles: []vault.Role{vault.RoleReviewer}}
	for _, c := range []struct {
		name   string
		change func(*vault.NewPerson)
		want   error
	}{
		{"short password", func(n *vault.NewPerson) { n.Password = "eleven char" }, vault.ErrInvalid},
		{"no role", func(n *vault.NewPerson) { n.Roles = nil }, vault.ErrInvalid},
		{"unknown role", func(n *vault.NewPerson) { n.Roles = []vault.Role{"operator"} }, vault.ErrInvalid},
		{"login with spaces", func(n *vault.NewPerson) { n.Login = "new person" }, vault.ErrInvalid},
		{"empty name", func(n *vault.NewPerson) { n.Name = "" }, vault.ErrInvalid},
		{"name with line break", func(n *vault.NewPerson) { n.Name = "a\nb" }, vault.ErrInvalid},
		{"taken login", func(n *vault.NewPerson) { n.Login = "author" }, vault.ErrConflict},
		{"good", func(*vault.NewPerson) {}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := good
			c.change(&n)
			_, err := w.V.AddPerson(t.Context(), w.admin, n)
			wants(t, "adding", err, c.want)
		})
	}
	var s interface{ Sentence() string }
	if _, err := w.V.AddPerson(t.Context(), w.admin, good); !errors.As(err, &s) || s.Sentence() != "This login is taken." {
		t.Errorf("adding twice says %v", err)
	}
	for _, p := range must(w.V.People(t.Context(), w.admin))(t) {
		if p.Login == "new.person" && (len(p.Roles) != 1 || p.Roles[0] != vault.RoleReviewer) {
			t.Errorf("listed as %+v", p)
		}
	}
}

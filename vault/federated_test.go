package vault_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

const issuer = "https://login.hospital.example"

var ward = vault.Door{Device: "Chrome on Linux", Browser: true, Remote: "192.0.2.9", Request: "REQUEST"}

// says is what the provider says of a subject now: a second factor was shown a minute ago.
func (w *world) federated(subject, login string, groups ...string) vault.Federated {
	now := w.Clock.Now()
	return vault.Federated{Issuer: issuer, Subject: subject, SID: "sid-" + subject, Login: login, Name: "Synthetic " + login,
		Groups: groups, ACR: "urn:example:mfa", Multi: true, ShownAt: now.Add(-time.Minute), IssuedAt: now}
}

// linked has the person of that login have signed in by that subject before.
func (w *world) linked(subject, login string) {
	w.t.Helper()
	w.change(`INSERT INTO federated_links (issuer, subject, person, linked_at, seen_at) SELECT $1, $2, id, 0, 0 FROM people
		WHERE login = $3`, issuer, subject, login)
}

// TestFederatedLogin: by a login alone nobody becomes an administrator or a privacy officer of this place.
func TestFederatedLogin(t *testing.T) {
	w := newWorld(t)
	for _, login := range []string{"admin", "privacy"} {
		_, err := w.enters(w.federated("s-"+login, login))
		wants(t, "taking the place of "+login, err, vault.ErrDenied)
		by := w.federated("s-"+login, login)
		by.ByExternalID, by.ExternalID = true, "e-"+login
		w.change(`UPDATE people SET external_id = $1 WHERE login = $2`, by.ExternalID, login)
		if o := must(w.enters(by))(t); o.Session.Person != w.admin.Person() && o.Session.Person != w.privacy.Person() {
			t.Errorf("%s by external ID: signed in as %s", login, o.Session.Person)
		}
	}
	must(w.enters(w.federated("s-author", "author")))(t)
}

// enters signs in at the provider.
func (w *world) enters(f vault.Federated) (vault.Opened, error) {
	w.t.Helper()
	return w.V.SignInFederated(w.t.Context(), f, "", ward)
}

func (w *world) mapped(group, team string, roles ...vault.Role) {
	w.t.Helper()
	ok(w.t, w.V.SetGroup(w.t.Context(), vault.Operator(), vault.MappedGroup{Name: group, Roles: roles, Team: team}))
}

// wantCause fails unless err is a refusal for that cause, which is none of a sentence's words.
func wantCause(t testing.TB, what string, err error, want string) {
	t.Helper()
	var refused *vault.FederatedRefused
	switch {
	case want == "":
		ok(t, err)
	case !errors.As(err, &refused) || refused.Cause != want || !errors.Is(err, vault.ErrDenied):
		t.Errorf("%s: got %v, want the cause %q", what, err, want)
	case !strings.HasSuffix(refused.Sentence(), "."):
		t.Errorf("%s: %q is no sentence", what, refused.Sentence())
	}
}

// federatedPeople: what the provider says, of whom, and what becomes of it.
var federatedPeople = map[string]struct {
	prepare func(w *world)
	says    func(w *world) vault.Federated
	cause   string
	login   string // whose session it is
}{
	"an account of that login": {nil, func(w *world) vault.Federated { return w.federated("s1", "colleague") }, "", "colleague"},
	"nobody, and none is made": {nil, func(w *world) vault.Federated { return w.federated("s1", "newcomer", "Nurses") }, "unknown-person", ""},
	"nobody, and one is made": {func(w *world) { w.mapped("Nurses", "", vault.RoleClinician) },
		func(w *world) vault.Federated {
			f := w.federated("s1", "newcomer", "nurses")
			f.Create = true
			return f
		}, "", "newcomer"},
	"nobody, and no group gives a role": {func(w *world) { w.mapped("Nurses", "", vault.RoleClinician) },
		func(w *world) vault.Federated { f := w.federated("s1", "newcomer", "Cooks"); f.Create = true; return f }, "no-role", ""},
	"a login that is none": {func(w *world) { w.mapped("Nurses", "", vault.RoleClinician) },
		func(w *world) vault.Federated {
			f := w.federated("s1", "New Comer!", "Nurses")
			f.Create = true
			return f
		}, "login", ""},
	"an account that another subject has": {func(w *world) { must(w.enters(w.federated("s0", "colleague")))(w.t) },
		func(w *world) vault.Federated { return w.federated("s1", "colleague") }, "claimed", ""},
	"a subject whose login changed": {func(w *world) { must(w.enters(w.federated("s1", "colleague")))(w.t) },
		func(w *world) vault.Federated { return w.federated("s1", "married-name") }, "", "colleague"},
	"a disabled person": {func(w *world) { ok(w.t, w.V.DisablePerson(w.t.Context(), w.admin, "colleague")) },
		func(w *world) vault.Federated { return w.federated("s1", "colleague") }, "not-live", ""},
	"a linked person who was disabled since": {func(w *world) {
		must(w.enters(w.federated("s1", "colleague")))(w.t)
		ok(w.t, w.V.DisablePerson(w.t.Context(), w.admin, "colleague"))
	}, func(w *world) vault.Federated { return w.federated("s1", "colleague") }, "not-live", ""},
	"a locum whose time is over": {func(w *world) {
		end := vault.Time(w.Clock.Now().Add(time.Hour).UnixMilli())
		ok(w.t, w.V.SetTerms(w.t.Context(), vault.Operator(), "colleague", vault.Terms{ValidUntil: end}))
		w.Clock.Add(time.Hour)
	}, func(w *world) vault.Federated { return w.federated("s1", "colleague") }, "not-live", ""},
	"an emergency account": {func(w *world) {
		ok(w.t, w.V.SetTerms(w.t.Context(), vault.Operator(), "colleague", vault.Terms{Emergency: true}))
	}, func(w *world) vault.Federated { return w.federated("s1", "colleague") }, "emergency", ""},
	"an external ID": {func(w *world) { w.change(`UPDATE people SET external_id = 'E-7' WHERE login = 'colleague'`) },
		func(w *world) vault.Federated {
			f := w.federated("s1", "author")
			f.ExternalID, f.ByExternalID = "E-7", true
			return f
		}, "", "colleague"},
	"an external ID that nobody has": {nil, func(w *world) vault.Federated {
		f := w.federated("s1", "colleague")
		f.ExternalID, f.ByExternalID = "E-7", true
		return f
	}, "unknown-person", ""},
	"an external ID that is empty, as everybody's is": {nil, func(w *world) vault.Federated {
		f := w.federated("s1", "colleague")
		f.ByExternalID = true
		return f
	}, "unknown-person", ""},
	"an external ID that two have": {func(w *world) {
		w.change(`UPDATE people SET external_id = 'E-7' WHERE login IN ('colleague', 'author')`)
	},
		func(w *world) vault.Federated {
			f := w.federated("s1", "colleague")
			f.ExternalID, f.ByExternalID = "E-7", true
			return f
		}, "unknown-person", ""},
}

// TestFederatedPeople: whose session a sign-in at the provider opens, and whose it does not.
func TestFederatedPeople(t *testing.T) {
	for name, c := range federatedPeople {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.prepare != nil {
				c.prepare(w)
			}
			opened, err := w.enters(c.says(w))
			wantCause(t, name, err, c.cause)
			if c.cause != "" {
				if opened.Token != "" {
					t.Error("a refused sign-in gave a token")
				}
				return
			}
			a := must(w.V.Authenticate(t.Context(), opened.Token))(t)
			if got := w.text(`SELECT login FROM people WHERE id = $1`, string(a.Person())); got != c.login {
				t.Errorf("the session is %s's, want %s's", got, c.login)
			}
			if opened.Session.Method != vault.MethodOIDC || opened.Session.Strength != vault.StrengthMulti {
				t.Errorf("session by %s, %s: want oidc, multi", opened.Session.Method, opened.Session.Strength)
			}
			w.verified()
		})
	}
}

// TestFederatedRolesFollowGroups: what the groups mean is given and taken at each sign-in; what was given here stays; and
// who holds less is put out of what they had open.
func TestFederatedRolesFollowGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.t = t
		w.mapped("Desk", "Ward 3", vault.RoleRecords)
		must(w.V.AddTeam(t.Context(), w.admin, "Ward 3"))(t)
		first := must(w.enters(w.federated("s1", "colleague", "Desk")))(t)
		roles := func(o vault.Opened) []vault.Role { return must(w.V.Authenticate(t.Context(), o.Token))(t).Roles() }
		if got := roles(first); !slices.Equal(got, []vault.Role{vault.RoleClinician, vault.RoleRecords}) {
			t.Errorf("with the group: %v, want clinician and records", got)
		}
		member := func() int {
			return w.count(`SELECT count(*) FROM team_members WHERE person = $1 AND source = 'oidc' AND ended_at IS NULL`, string(first.Session.Person))
		}
		if member() != 1 {
			t.Error("the group's team was not joined")
		}
		second := must(w.enters(w.federated("s1", "colleague")))(t)
		if got := roles(second); !slices.Equal(got, []vault.Role{vault.RoleClinician}) {
			t.Errorf("without the group: %v, want what was given here", got)
		}
		if member() != 0 {
			t.Error("the group's team was not left")
		}
		_, err := w.V.Authenticate(t.Context(), first.Token)
		wants(t, "the session from before the role was lost", err, vault.ErrUnauthenticated)
		w.verified()
	})
}

// TestFederatedStrength: a session is worth what the provider confirmed, and as fresh as when the person showed it.
func TestFederatedStrength(t *testing.T) {
	w := newWorld(t)
	w.Cfg.PasswordOnly, w.Cfg.StepUpFor = false, 15*time.Minute
	w.Reopen(t)
	w.linked("s1", "admin")
	weak := w.federated("s1", "admin")
	weak.Multi = false
	o := must(w.enters(weak))(t)
	_, err := w.V.People(t.Context(), must(w.V.Authenticate(t.Context(), o.Token))(t))
	wants(t, "without a second factor", err, vault.ErrSecondFactor)

	strong := w.federated("s1", "admin")
	strong.ShownAt = w.Clock.Now().Add(-time.Hour)
	o = must(w.enters(strong))(t)
	a := must(w.V.Authenticate(t.Context(), o.Token))(t)
	must(w.V.People(t.Context(), a))(t)
	wants(t, "with a factor of an hour ago", w.V.DisablePerson(t.Context(), a, "colleague"), vault.ErrStepUp)

	ahead := w.federated("s1", "admin")
	ahead.ShownAt = w.Clock.Now().Add(time.Minute)
	o = must(w.enters(ahead))(t)
	if got := o.Session.FreshAt.Std(); got.After(w.Clock.Now()) {
		t.Errorf("fresh at %v, after the present %v", got, w.Clock.Now())
	}
}

// TestFederatedRaise: who shows the provider again who they are goes on in the same session, under a new token; somebody
// else does not.
func TestFederatedRaise(t *testing.T) {
	w := newWorld(t)
	w.Cfg.StepUpFor = 15 * time.Minute
	w.Reopen(t)
	w.linked("s1", "admin")
	old := must(w.enters(w.federated("s1", "admin")))(t)
	w.change(`UPDATE sessions SET binding = 'none'`) // that the device proves itself is not what is tested
	w.Clock.Add(20 * time.Minute)
	a := must(w.V.Authenticate(t.Context(), old.Token))(t)
	wants(t, "before", w.V.DisablePerson(t.Context(), a, "leaver"), vault.ErrStepUp)
	ok(t, w.V.Lock(t.Context(), a))
	flow := must(w.V.BeginFederatedRaise(t.Context(), a, "", "/people"))(t)
	if flow.Session != a.Session() {
		t.Fatalf("the flow raises %q, want the session that asked", flow.Session)
	}

	_, err := w.V.SignInFederated(t.Context(), w.federated("s2", "colleague"), flow.Session, ward)
	wantCause(t, "as somebody else", err, "other-person")
	raised := must(w.V.SignInFederated(t.Context(), w.federated("s1", "admin"), flow.Session, ward))(t)
	if raised.Session.ID != old.Session.ID || raised.Token == old.Token {
		t.Errorf("raised session %s with the same token %v, want the same session and a new token", raised.Session.ID, raised.Token == old.Token)
	}
	_, err = w.V.Authenticate(t.Context(), old.Token)
	wants(t, "the old token", err, vault.ErrUnauthenticated)
	a = must(w.V.Authenticate(t.Context(), raised.Token))(t)
	w.Person(t, "leaver", vault.RoleClinician)
	ok(t, w.V.DisablePerson(t.Context(), a, "leaver"))

	ok(t, w.V.SignOut(t.Context(), a))
	_, err = w.V.SignInFederated(t.Context(), w.federated("s1", "admin"), flow.Session, ward)
	wantCause(t, "an ended session", err, "other-person")
	w.verified()
}

// TestFederatedOnly: where the provider is the only way, local sign-in is for emergency accounts, and privacy is told.
func TestFederatedOnly(t *testing.T) {
	w := newWorld(t)
	ok(t, w.V.SetTerms(t.Context(), vault.Operator(), "colleague", vault.Terms{Emergency: true}))
	w.Cfg.FederatedOnly = true
	w.Reopen(t)
	_, err := w.V.SignInAt(t.Context(), "admin", vaulttest.Password, ward)
	if err == nil {
		t.Error("a local sign-in: let in where the provider is the only way")
	}
	before := w.count(`SELECT count(*) FROM notices WHERE person = $1 AND kind = 'emergency'`, string(w.privacy.Person()))
	must(w.V.SignInAt(t.Context(), "colleague", vaulttest.Password, ward))(t)
	if got := w.count(`SELECT count(*) FROM notices WHERE person = $1 AND kind = 'emergency'`, string(w.privacy.Person())); before != 0 || got != 1 {
		t.Errorf("privacy has %d and then %d notices of it, want 0 and 1", before, got)
	}
	w.linked("s1", "admin")
	must(w.enters(w.federated("s1", "admin")))(t)
}

// TestFederatedEventsTellNoNames: the log says which issuer by its digest, how and how strongly, and no claim.
func TestFederatedEventsTellNoNames(t *testing.T) {
	w := newWorld(t)
	f := w.federated("secret-subject", "colleague", "secret-group")
	f.ACR = "peculiar acr with spaces"
	must(w.enters(f))(t)
	_, err := w.enters(w.federated("secret-other", "secret-login"))
	wantCause(t, "unknown", err, "unknown-person")
	ok(t, w.V.RefuseFederated(t.Context(), "Secret cause <script>", ward))
	ok(t, w.V.RefuseFederated(t.Context(), "nonce", ward))
	text := strings.Join(w.texts(`SELECT entry FROM audit_events ORDER BY seq`), "\n")
	for _, secret := range []string{issuer, "secret-", "Secret", "Synthetic colleague", "peculiar"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	for _, want := range []string{`"session.federated"`, `"acr":"other"`, `"method":"oidc"`, `"cause":"unknown-person"`, `"cause":"other"`, `"cause":"nonce"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

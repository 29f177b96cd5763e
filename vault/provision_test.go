package vault_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// recruit brings somebody in over SCIM, puts them into a group that means a role, and signs them in.
func (w *world) recruit(login string, role vault.Role) (vault.DirectoryUser, vault.DirectoryGroup, vault.Actor) {
	w.t.Helper()
	ctx := w.t.Context()
	u := must(w.V.AddDirectoryUser(ctx, w.directory, vault.DirectoryUser{UserName: login, Display: "Test Recruit", Active: true}))(w.t)
	ok(w.t, w.V.SetGroup(ctx, vault.Operator(), vault.MappedGroup{Name: "Group of " + login, Roles: []vault.Role{role}}))
	g := must(w.V.AddDirectoryGroup(ctx, w.directory, vault.DirectoryGroup{Name: "Group of " + login, Members: []vault.DirectoryMember{{ID: u.ID}}}))(w.t)
	ok(w.t, w.V.SetPassword(ctx, vault.Operator(), login, vaulttest.Password))
	return u, g, w.SignIn(w.t, login)
}

func active(on bool) func(vault.DirectoryUser) (vault.DirectoryUser, error) {
	return func(u vault.DirectoryUser) (vault.DirectoryUser, error) {
		u.Active = on
		return u, nil
	}
}

// TestDirectoryPutsOutAtOnce: whatever takes rights away ends the session and frees the claim in the same step.
func TestDirectoryPutsOutAtOnce(t *testing.T) {
	cuts := map[string]func(ctx context.Context, w *world, u vault.DirectoryUser, g vault.DirectoryGroup) error{
		"deactivated": func(ctx context.Context, w *world, u vault.DirectoryUser, _ vault.DirectoryGroup) error {
			_, err := w.V.ChangeDirectoryUser(ctx, w.directory, u.ID, active(false))
			return err
		},
		"deleted": func(ctx context.Context, w *world, u vault.DirectoryUser, _ vault.DirectoryGroup) error {
			return w.V.DropDirectoryUser(ctx, w.directory, u.ID, func(vault.DirectoryUser) error { return nil })
		},
		"out of the group": func(ctx context.Context, w *world, _ vault.DirectoryUser, g vault.DirectoryGroup) error {
			_, err := w.V.ChangeDirectoryGroup(ctx, w.directory, g.ID, func(g vault.DirectoryGroup) (vault.DirectoryGroup, error) {
				g.Members = nil
				return g, nil
			})
			return err
		},
		"group renamed": func(ctx context.Context, w *world, _ vault.DirectoryUser, g vault.DirectoryGroup) error {
			_, err := w.V.ChangeDirectoryGroup(ctx, w.directory, g.ID, func(g vault.DirectoryGroup) (vault.DirectoryGroup, error) {
				g.Name = "Nobody"
				return g, nil
			})
			return err
		},
		"group dropped": func(ctx context.Context, w *world, _ vault.DirectoryUser, g vault.DirectoryGroup) error {
			return w.V.DropDirectoryGroup(ctx, w.directory, g.ID, func(vault.DirectoryGroup) error { return nil })
		},
		"group means less": func(ctx context.Context, w *world, _ vault.DirectoryUser, g vault.DirectoryGroup) error {
			return w.V.SetGroup(ctx, vault.Operator(), vault.MappedGroup{Name: g.Name, Roles: []vault.Role{vault.RoleRecords}})
		},
		"group means nothing": func(ctx context.Context, w *world, _ vault.DirectoryUser, g vault.DirectoryGroup) error {
			return w.V.DropGroup(ctx, vault.Operator(), g.Name)
		},
		"disabled here": func(ctx context.Context, w *world, u vault.DirectoryUser, _ vault.DirectoryGroup) error {
			return w.V.DisablePerson(ctx, w.admin, u.UserName)
		},
		"time over": func(ctx context.Context, w *world, u vault.DirectoryUser, _ vault.DirectoryGroup) error {
			return w.V.SetTerms(ctx, w.admin, u.UserName, vault.Terms{ValidUntil: vault.TimeOf(w.Clock.Now())})
		},
	}
	onBoth(t, func(t *testing.T, w *world) {
		w.t = t
		id := w.inReview()
		for name, cut := range cuts {
			t.Run(name, func(t *testing.T) {
				u, g, leaver := w.recruit("leaver."+strings.ReplaceAll(name, " ", "."), vault.RoleReviewer)
				w.claim(leaver, id)
				ok(t, cut(t.Context(), w, u, g))
				_, err := w.V.RenewClaim(t.Context(), leaver, id)
				wants(t, "renewing the claim afterwards", err, vault.ErrUnauthenticated)
				_, err = w.V.Sessions(t.Context(), leaver)
				wants(t, "the session afterwards", err, vault.ErrUnauthenticated)
				w.claim(w.second, id)
				ok(t, w.V.ReleaseClaim(t.Context(), w.second, id))
			})
		}
		w.verified()
	})
}

// TestDirectoryDoesNotLiftWhatWasDoneHere: whom an administrator disabled stays out, whatever the directory sends.
func TestDirectoryDoesNotLiftWhatWasDoneHere(t *testing.T) {
	w := newWorld(t)
	u, _, _ := w.recruit("leaver.test", vault.RoleReviewer)
	for _, c := range []struct {
		name string
		do   func() error
		want bool // active when the directory says so
	}{
		{"the directory deactivated", func() error {
			_, err := w.V.ChangeDirectoryUser(t.Context(), w.directory, u.ID, active(false))
			return err
		}, true},
		{"an administrator disabled", func() error { return w.V.DisablePerson(t.Context(), w.admin, u.UserName) }, false},
		{"an administrator enabled", func() error { return w.V.EnablePerson(t.Context(), w.admin, u.UserName) }, true},
	} {
		ok(t, c.do())
		got := must(w.V.ChangeDirectoryUser(t.Context(), w.directory, u.ID, active(true)))(t)
		if got.Active != c.want {
			t.Errorf("after %s and then active true from the directory: got active %v, want %v", c.name, got.Active, c.want)
		}
	}
}

// TestEmergencyAccountsAreNotTheDirectorys: it neither sees nor changes them, nor takes their names.
func TestEmergencyAccountsAreNotTheDirectorys(t *testing.T) {
	w := newWorld(t)
	ok(t, w.V.SetTerms(t.Context(), vault.Operator(), "admin", vault.Terms{Emergency: true}))
	all := must(w.V.DirectoryUsers(t.Context(), w.directory, vault.DirectoryQuery{}))(t)
	if len(all) != 7 || slices.ContainsFunc(all, func(u vault.DirectoryUser) bool { return u.UserName == "admin" }) {
		t.Errorf("the directory sees %d people, want the 7 that are not for emergencies", len(all))
	}
	_, err := w.V.ChangeDirectoryUser(t.Context(), w.directory, w.admin.Person(), active(false))
	wants(t, "deactivating", err, vault.ErrNotFound)
	wants(t, "deleting", w.V.DropDirectoryUser(t.Context(), w.directory, w.admin.Person(), func(vault.DirectoryUser) error { return nil }), vault.ErrNotFound)
	_, err = w.V.AddDirectoryUser(t.Context(), w.directory, vault.DirectoryUser{UserName: "Admin", Active: true})
	wants(t, "taking the login", err, vault.ErrConflict)
	_, err = w.V.AddDirectoryGroup(t.Context(), w.directory, vault.DirectoryGroup{Name: "G", Members: []vault.DirectoryMember{{ID: w.admin.Person()}}})
	wants(t, "taking into a group", err, vault.ErrInvalid)
	_, err = w.V.People(t.Context(), w.admin)
	wants(t, "the emergency account itself", err, nil)
}

// TestDirectoryDeletesForGood: the login is free, the person is not, and what they did stays theirs.
func TestDirectoryDeletesForGood(t *testing.T) {
	w := newWorld(t)
	u, g, _ := w.recruit("leaver.test", vault.RoleReviewer)
	ok(t, w.V.DropDirectoryUser(t.Context(), w.directory, u.ID, func(vault.DirectoryUser) error { return nil }))
	_, err := w.V.DirectoryUser(t.Context(), w.directory, u.ID)
	wants(t, "reading whom it deleted", err, vault.ErrNotFound)
	again := must(w.V.AddDirectoryUser(t.Context(), w.directory, vault.DirectoryUser{UserName: "leaver.test", Active: true}))(t)
	if again.ID == u.ID || len(again.Groups) != 0 {
		t.Errorf("somebody new of the same name: got person %s in groups %v, want another person in none", again.ID, again.Groups)
	}
	if got := must(w.V.DirectoryGroup(t.Context(), w.directory, g.ID))(t); len(got.Members) != 0 {
		t.Errorf("the group has %d members, want none", len(got.Members))
	}
	events := must(w.V.AuditOfPerson(t.Context(), w.privacy, u.ID, 0, 10))(t)
	if len(events) == 0 {
		t.Error("the trail of whom it deleted is empty")
	}
	people, _, err := w.V.FindPeople(t.Context(), w.admin, vault.PeopleFilter{State: vault.PeopleLeft})
	ok(t, err)
	if len(people) != 1 || people[0].ID != u.ID || len(people[0].Roles) != 0 || people[0].Live(vault.TimeOf(w.Clock.Now())) {
		t.Errorf("people who left: got %+v, want the one, without roles", people)
	}
	wants(t, "letting them in again here", w.V.EnablePerson(t.Context(), w.admin, people[0].Login), vault.ErrConflict)
}

func TestDirectoryRefusals(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := must(w.V.AddDirectoryUser(ctx, w.directory, vault.DirectoryUser{UserName: "First.User", ExternalID: "ext-1", Active: true}))(t)
	for _, c := range []struct {
		name string
		user vault.DirectoryUser
		want error
	}{
		{"user name in another case", vault.DirectoryUser{UserName: "FIRST.user"}, vault.ErrConflict},
		{"external ID of another", vault.DirectoryUser{UserName: "second.user", ExternalID: "ext-1"}, vault.ErrConflict},
		{"no user name", vault.DirectoryUser{}, vault.ErrInvalid},
		{"user name with a space", vault.DirectoryUser{UserName: "second user"}, vault.ErrInvalid},
		{"name of two lines", vault.DirectoryUser{UserName: "second.user", Display: "Two\nLines"}, vault.ErrInvalid},
		{"too many addresses", vault.DirectoryUser{UserName: "second.user", Mails: make([]vault.DirectoryMail, 11)}, vault.ErrInvalid},
		{"names too long together", vault.DirectoryUser{UserName: "second.user", Given: string(slices.Repeat([]byte("a"), 70)), Family: string(slices.Repeat([]byte("b"), 70))}, vault.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.V.AddDirectoryUser(ctx, w.directory, c.user)
			wants(t, "adding", err, c.want)
			before := must(w.V.DirectoryUser(ctx, w.directory, w.second.Person()))(t)
			_, err = w.V.ChangeDirectoryUser(ctx, w.directory, w.second.Person(), func(vault.DirectoryUser) (vault.DirectoryUser, error) { return c.user, nil })
			wants(t, "changing", err, c.want)
			if after := must(w.V.DirectoryUser(ctx, w.directory, w.second.Person()))(t); after.UserName != before.UserName || !after.Active {
				t.Errorf("a refused change left %+v, want %+v", after, before)
			}
		})
	}
	if got := must(w.V.DirectoryUsers(ctx, w.directory, vault.DirectoryQuery{Name: "first.USER"}))(t); len(got) != 1 || got[0].ID != u.ID || got[0].UserName != "First.User" {
		t.Errorf("asked by name in another case: got %+v, want the one, with the name as it was sent", got)
	}
}

// TestEndedDirectoryIsOut: an actor that was authenticated before has no right left.
func TestEndedDirectoryIsOut(t *testing.T) {
	w := newWorld(t)
	id, token, err := w.V.AddProvisioner(t.Context(), w.admin, "Second directory")
	ok(t, err)
	a := must(w.V.AuthenticateProvisioner(t.Context(), token.Reveal()))(t)
	_, err = w.V.DirectoryUsers(t.Context(), a, vault.DirectoryQuery{})
	ok(t, err)
	_, _, err = w.V.AddProvisioner(t.Context(), w.admin, "Second directory")
	wants(t, "another of this name", err, vault.ErrConflict)
	ok(t, w.V.EndProvisioner(t.Context(), w.admin, id))
	_, err = w.V.DirectoryUsers(t.Context(), a, vault.DirectoryQuery{})
	wants(t, "reading afterwards", err, vault.ErrUnauthenticated)
	_, err = w.V.AuthenticateProvisioner(t.Context(), token.Reveal())
	wants(t, "the token afterwards", err, vault.ErrUnauthenticated)
	wants(t, "ending it twice", w.V.EndProvisioner(t.Context(), w.admin, id), vault.ErrNotFound)
	if n := w.count(`SELECT count(*) FROM scim_clients WHERE token_hash LIKE '%clinivault%'`); n != 0 {
		t.Error("a token is kept as it is")
	}
	if token.String() != "[redacted]" {
		t.Errorf("a token prints as %s", token)
	}
	_, err = w.V.PatientPhotos(t.Context(), w.directory, w.patient)
	wants(t, "photos for a directory", err, vault.ErrDenied)
}

// TestRolesAndTerms: what an administrator may change of people, and of themselves.
func TestRolesAndTerms(t *testing.T) {
	w := newWorld(t)
	ctx, now := t.Context(), vault.TimeOf(w.Clock.Now())
	both := []vault.Role{vault.RoleAdmin, vault.RolePrivacy}
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"a role for oneself", w.V.SetRoles(ctx, w.admin, "admin", both), vault.ErrDenied},
		{"the last admin's role, by themselves", w.V.SetRoles(ctx, w.admin, "admin", nil), vault.ErrConflict},
		{"the last admin disabled", w.V.DisablePerson(ctx, w.admin, "admin"), vault.ErrConflict},
		{"the last admin's time", w.V.SetTerms(ctx, w.admin, "admin", vault.Terms{ValidUntil: now}), vault.ErrConflict},
		{"an emergency account of one's own", w.V.SetTerms(ctx, w.admin, "admin", vault.Terms{Emergency: true}), vault.ErrDenied},
		{"an unknown role", w.V.SetRoles(ctx, w.admin, "second", []vault.Role{"king"}), vault.ErrInvalid},
		{"an end before the beginning", w.V.SetTerms(ctx, w.admin, "second", vault.Terms{ValidFrom: now, ValidUntil: now - 1}), vault.ErrInvalid},
		{"nobody", w.V.SetRoles(ctx, w.admin, "nobody", nil), vault.ErrNotFound},
		{"a role for another", w.V.SetRoles(ctx, w.admin, "second", []vault.Role{vault.RoleReviewer, vault.RoleAdmin}), nil},
	} {
		wants(t, c.name, c.err, c.want)
	}
	_, _, err := w.V.ReviewQueue(ctx, w.second)
	wants(t, "the session of who got a role more", err, nil)
	ok(t, w.V.SetRoles(ctx, w.admin, "second", []vault.Role{vault.RoleAdmin}))
	_, err = w.V.Sessions(ctx, w.second)
	wants(t, "the session of who got a role less", err, vault.ErrUnauthenticated)
	ok(t, w.V.SetRoles(ctx, vault.Operator(), "second", nil))
	ok(t, w.V.DisablePerson(ctx, vault.Operator(), "admin")) // the operator may
}

// TestLocum: out before the first day and from the last on, without anybody's doing.
func TestLocum(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	from, until := w.Clock.Now().Add(time.Hour), w.Clock.Now().Add(3*time.Hour)
	terms := vault.Terms{ValidFrom: vault.TimeOf(from), ValidUntil: vault.TimeOf(until)}
	ok(t, w.V.SetTerms(ctx, w.admin, "colleague", terms))
	_, err := w.V.MyCaptures(ctx, w.colleague, 1)
	wants(t, "before the first day", err, vault.ErrUnauthenticated)
	w.Clock.Add(2 * time.Hour)
	locum := w.SignIn(t, "colleague")
	_, err = w.V.MyCaptures(ctx, locum, 1)
	wants(t, "between the days", err, nil)
	w.Clock.Add(time.Hour)
	_, err = w.V.MyCaptures(ctx, locum, 1)
	wants(t, "at the end", err, vault.ErrUnauthenticated)
	ok(t, w.V.ExpirePeople(ctx, w.worker))
	ok(t, w.V.SetTerms(ctx, vault.Operator(), "colleague", vault.Terms{}))
	_, err = w.V.MyCaptures(ctx, locum, 1)
	wants(t, "the old session after the end was lifted", err, vault.ErrUnauthenticated)
}

func TestFindPeople(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ok(t, w.V.DisablePerson(t.Context(), vault.Operator(), "second"))
		for _, c := range []struct {
			name   string
			filter vault.PeopleFilter
			want   []string
			more   bool
		}{
			{"all, first page", vault.PeopleFilter{Limit: 3}, []string{"admin", "author", "colleague"}, true},
			{"all, a later page", vault.PeopleFilter{Limit: 3, After: "privacy"}, []string{"records", "reviewer", "second"}, false},
			{"part of a name", vault.PeopleFilter{Search: "PERSON Re"}, []string{"records", "reviewer"}, false},
			{"part of a login", vault.PeopleFilter{Search: "eagu"}, []string{"colleague"}, false},
			{"a sign of LIKE", vault.PeopleFilter{Search: "%"}, nil, false},
			{"who is out", vault.PeopleFilter{State: vault.PeopleOut}, []string{"second"}, false},
			{"a role, live", vault.PeopleFilter{State: vault.PeopleLive, Role: vault.RoleReviewer}, []string{"reviewer"}, false},
			{"who left", vault.PeopleFilter{State: vault.PeopleLeft}, nil, false},
		} {
			found, more, err := w.V.FindPeople(t.Context(), w.admin, c.filter)
			ok(t, err)
			var got []string
			for _, p := range found {
				got = append(got, p.Login)
			}
			if !slices.Equal(got, c.want) || more != c.more {
				t.Errorf("%s: got %v, more %v, want %v, more %v", c.name, got, more, c.want, c.more)
			}
		}
		_, _, err := w.V.FindPeople(t.Context(), w.admin, vault.PeopleFilter{Search: "\x00"})
		wants(t, "a search that no database takes", err, vault.ErrInvalid)
	})
}

package vault_test

import (
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestDirectoryTakesNobodysPlace: whoever owns the directory's token cannot let themselves in as an administrator of this
// house by giving them a user name, or an external ID, of their own.
func TestDirectoryTakesNobodysPlace(t *testing.T) {
	renamed := func(u vault.DirectoryUser) (vault.DirectoryUser, error) { u.UserName = "mallory"; return u, nil }
	claimed := func(u vault.DirectoryUser) (vault.DirectoryUser, error) { u.ExternalID = "E-666"; return u, nil }
	for name, tt := range map[string]struct {
		login   string
		prepare func(w *world)
		change  func(vault.DirectoryUser) (vault.DirectoryUser, error)
		want    error
	}{
		"another user name":   {"admin", nil, renamed, vault.ErrDenied},
		"an external ID":      {"admin", nil, claimed, vault.ErrDenied},
		"a clinician of ours": {"colleague", nil, claimed, vault.ErrDenied},
		"a role that a group of the directory means too": {"colleague", func(w *world) { w.mapped("Doctors", "", vault.RoleClinician) }, claimed, nil},
		"who signed in at the provider before":           {"admin", func(w *world) { w.linked("s-admin", "admin") }, renamed, nil},
		"the name alone":                                 {"admin", nil, func(u vault.DirectoryUser) (vault.DirectoryUser, error) { u.Display = "Other Name"; return u, nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tt.prepare != nil {
				tt.prepare(w)
			}
			found := must(w.V.DirectoryUsers(t.Context(), w.directory, vault.DirectoryQuery{Name: tt.login}))(t)
			_, err := w.V.ChangeDirectoryUser(t.Context(), w.directory, found[0].ID, tt.change)
			wants(t, "the change", err, tt.want)
			if _, err := w.enters(w.federated("s-mallory", "mallory")); err == nil {
				t.Error("somebody else signed in as them")
			}
		})
	}
}

// TestDirectoryPutsOutWhomItMayNotRename: what a directory says beside must not keep anybody in.
func TestDirectoryPutsOutWhomItMayNotRename(t *testing.T) {
	w := newWorld(t)
	found := must(w.V.DirectoryUsers(t.Context(), w.directory, vault.DirectoryQuery{Name: "colleague"}))(t)
	u := must(w.V.ChangeDirectoryUser(t.Context(), w.directory, found[0].ID, func(u vault.DirectoryUser) (vault.DirectoryUser, error) {
		u.Active, u.UserName, u.ExternalID = false, "mallory", "E-666"
		return u, nil
	}))(t)
	if u.Active || u.UserName != "colleague" || u.ExternalID != "" {
		t.Errorf("got %+v, want colleague put out under their own name", u)
	}
	_, err := w.V.Sessions(t.Context(), w.colleague)
	wants(t, "the session afterwards", err, vault.ErrUnauthenticated)
}

// TestFederatedComesBack: whom the directory deleted and brought in again signs in as before; who only left does not.
func TestFederatedComesBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.mapped("Nurses", "", vault.RoleClinician)
		u := must(w.V.AddDirectoryUser(ctx, w.directory, vault.DirectoryUser{UserName: "returner", Active: true}))(t)
		must(w.enters(w.federated("s-r", "returner")))(t)
		ok(t, w.V.DropDirectoryUser(ctx, w.directory, u.ID, func(vault.DirectoryUser) error { return nil }))
		left := w.federated("s-r", "returner", "Nurses")
		left.Create = true
		_, err := w.enters(left)
		wantCause(t, "who left", err, "not-live")
		again := must(w.V.AddDirectoryUser(ctx, w.directory, vault.DirectoryUser{UserName: "returner", Active: true}))(t)
		opened := must(w.enters(w.federated("s-r", "returner")))(t)
		if opened.Session.Person != again.ID {
			t.Errorf("signed in as %s, want %s", opened.Session.Person, again.ID)
		}
		_, err = w.enters(w.federated("s-other", "returner"))
		wantCause(t, "another subject", err, "claimed")
	})
}

// TestExpiredPeopleKeepNothing: one thing that is open is enough for the sweep to find who is gone.
func TestExpiredPeopleKeepNothing(t *testing.T) {
	for name, left := range map[string]string{
		"push_subscriptions": `INSERT INTO push_subscriptions (id, person, device, endpoint, endpoint_hash, epoch, created_at)
			SELECT 's1', id, 'Phone', 'https://push.example.org/1', 'h', 1, 1 FROM people WHERE login = 'colleague'`,
		"device_codes": `INSERT INTO device_codes (code_hash, made_by, name, expires_at)
			SELECT 'h', id, 'Phone', 9999999999999 FROM people WHERE login = 'colleague'`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ok(t, w.V.SignOut(t.Context(), w.colleague))
			w.change(`UPDATE care_team SET ended_at = 1 WHERE person = $1`, string(w.colleague.Person()))
			w.change(left)
			until := vault.TimeOf(w.Clock.Now().Add(time.Hour))
			ok(t, w.V.SetTerms(t.Context(), vault.Operator(), "colleague", vault.Terms{ValidUntil: until}))
			w.Clock.Add(2 * time.Hour)
			ok(t, w.V.ExpirePeople(t.Context(), vault.JobActor("sweeper")))
			if n := w.count(`SELECT count(*) FROM ` + name); n != 0 {
				t.Errorf("%d rows are left, want none", n)
			}
		})
	}
}

// TestLocumFindsTheirTeam: who was put into a group before their first day is in its team on that day.
func TestLocumFindsTheirTeam(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(w.V.AddTeam(ctx, vault.Operator(), "Ward 9"))(t)
	w.mapped("Ninth", "Ward 9", vault.RoleClinician)
	u := must(w.V.AddDirectoryUser(ctx, w.directory, vault.DirectoryUser{UserName: "locum", Active: true}))(t)
	ok(t, w.V.SetTerms(ctx, vault.Operator(), "locum", vault.Terms{ValidFrom: vault.TimeOf(w.Clock.Now().Add(time.Hour))}))
	must(w.V.AddDirectoryGroup(ctx, w.directory, vault.DirectoryGroup{Name: "Ninth", Members: []vault.DirectoryMember{{ID: u.ID}}}))(t)
	w.Clock.Add(time.Hour)
	if n := w.count(`SELECT count(*) FROM team_members WHERE person = $1 AND ended_at IS NULL`, string(u.ID)); n != 1 {
		t.Errorf("they are in %d teams, want 1", n)
	}
}

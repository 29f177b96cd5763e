package vault_test

import (
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// emergency is a whole and true one about a patient of the bench.
func emergency(number string) vault.Emergency {
	return vault.Emergency{RecordNumber: number, BirthDate: "1970-01-01", Reason: "resuscitation, nobody of the team here"}
}

// inTeam puts somebody into a team that treats a patient, past the vault.
func (w *world) inTeam(who vault.Actor, patient vault.PatientID) {
	w.t.Helper()
	now := w.Clock.Now().UnixMilli()
	w.change(`INSERT INTO teams (id, name, created_at) VALUES ('TEAM', 'Ward 3', $1) ON CONFLICT DO NOTHING`, now)
	w.change(`INSERT INTO team_members (team, person, source, started_at) VALUES ('TEAM', $1, 'local', $2) ON CONFLICT DO NOTHING`, string(who.Person()), now-1)
	w.change(`INSERT INTO team_patients (id, team, patient, source, started_at) VALUES ('TP', 'TEAM', $1, 'local', $2) ON CONFLICT DO NOTHING`, string(patient), now-1)
}

// TestTies: each tie lets somebody see a photo while it lasts, and is out at the next call, however it ends.
func TestTies(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		photo := w.inReview()
		night := w.Person(t, "night", vault.RoleClinician)
		look := func(a vault.Actor) error {
			_, err := w.V.ReadRendition(t.Context(), a, photo, vault.KindCoveredDisplay)
			return err
		}
		now := func() int64 { return w.Clock.Now().UnixMilli() }
		var delegation vault.DelegationID
		var glass vault.GlassID
		for _, tie := range []struct {
			name       string
			begin, end func()
		}{
			{"direct", func() { w.Tie(t, w.patient, night) },
				func() { ok(t, w.V.LeaveCareTeam(t.Context(), vault.Operator(), w.patient, night.Person())) }},
			{"team, member leaves", func() { w.inTeam(night, w.patient) },
				func() {
					w.change(`UPDATE team_members SET ended_at = $1 WHERE person = $2`, now(), string(night.Person()))
				}},
			{"team, patient leaves", func() { w.change(`UPDATE team_members SET ended_at = NULL`) },
				func() { w.change(`UPDATE team_patients SET ended_at = $1`, now()) }},
			{"team ends", func() { w.change(`UPDATE team_patients SET ended_at = NULL`) },
				func() { w.change(`UPDATE teams SET ended_at = $1`, now()) }},
			{"delegation", func() {
				delegation = must(w.V.Delegate(t.Context(), w.colleague, "night", w.Clock.Now(), w.Clock.Now().Add(time.Hour)))(t)
			}, func() { ok(t, w.V.EndDelegation(t.Context(), night, delegation)) }},
			{"delegation runs out", func() {
				must(w.V.Delegate(t.Context(), w.colleague, "night", w.Clock.Now(), w.Clock.Now().Add(time.Minute)))(t)
			}, func() { w.Clock.Add(time.Minute) }},
			{"delegation, giver loses the tie", func() {
				must(w.V.Delegate(t.Context(), w.colleague, "night", w.Clock.Now(), w.Clock.Now().Add(time.Hour)))(t)
			}, func() { ok(t, w.V.LeaveCareTeam(t.Context(), vault.Operator(), w.patient, w.colleague.Person())) }},
			{"broken glass", func() { glass = must(w.V.BreakGlass(t.Context(), night, emergency("TEST-000001")))(t).ID },
				func() { ok(t, w.V.EndBreakGlass(t.Context(), night, glass)) }},
			{"broken glass runs out", func() { must(w.V.BreakGlass(t.Context(), night, emergency("TEST-000001")))(t) },
				func() { w.Clock.Add(vault.DefaultBreakGlassFor); night = w.SignIn(t, "night") }},
		} {
			wants(t, tie.name+": before", look(night), vault.ErrNotFound)
			tie.begin()
			wants(t, tie.name+": while it lasts", look(night), nil)
			if found := must(w.V.FindPatients(t.Context(), night, ""))(t); len(found) != 1 {
				t.Errorf("%s: found %d patients, want the one", tie.name, len(found))
			}
			tie.end()
			wants(t, tie.name+": after", look(night), vault.ErrNotFound)
		}
	})
}

// TestDelegationIsNotGivenOn: neither what is held by delegation nor a broken glass passes to a third person, nor does
// anything of a giver who may not be here.
func TestDelegationIsNotGivenOn(t *testing.T) {
	w := newWorld(t)
	photo := w.inReview()
	second, third := w.Person(t, "second-hand", vault.RoleClinician), w.Person(t, "third-hand", vault.RoleClinician)
	now := w.Clock.Now()
	must(w.V.Delegate(t.Context(), w.colleague, "second-hand", now, now.Add(time.Hour)))(t)
	must(w.V.Delegate(t.Context(), second, "third-hand", now, now.Add(time.Hour)))(t)
	_, err := w.V.PhotoByID(t.Context(), second, photo)
	wants(t, "who holds it", err, nil)
	_, err = w.V.PhotoByID(t.Context(), third, photo)
	wants(t, "to whom it was given on", err, vault.ErrNotFound)
	must(w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001")))(t)
	must(w.V.Delegate(t.Context(), w.outsider, "third-hand", now, now.Add(time.Hour)))(t)
	_, err = w.V.PhotoByID(t.Context(), third, photo)
	wants(t, "to whom a broken glass was given on", err, vault.ErrNotFound)
	must(w.V.Delegate(t.Context(), w.colleague, "author", now.AddDate(0, 0, -80), now.Add(time.Hour)))(t)
	if n := w.count(`SELECT count(*) FROM delegations WHERE starts_at < made_at`); n != 0 {
		t.Errorf("%d delegations begin before they were made", n)
	}
	w.change(`UPDATE people SET valid_until = $1 WHERE login = 'colleague'`, now.UnixMilli())
	_, err = w.V.PhotoByID(t.Context(), second, photo)
	wants(t, "of a giver whose time is over", err, vault.ErrNotFound)
}

// TestDelegateRefuses what is no delegation.
func TestDelegateRefuses(t *testing.T) {
	w := newWorld(t)
	now := w.Clock.Now()
	for name, tt := range map[string]struct {
		login       string
		from, until time.Time
		want        error
	}{
		"to oneself":        {"colleague", now, now.Add(time.Hour), vault.ErrInvalid},
		"to nobody":         {"nobody", now, now.Add(time.Hour), vault.ErrNotFound},
		"to a reviewer":     {"reviewer", now, now.Add(time.Hour), vault.ErrNotFound},
		"backwards":         {"author", now, now.Add(-time.Hour), vault.ErrInvalid},
		"over already":      {"author", now.Add(-2 * time.Hour), now.Add(-time.Hour), vault.ErrInvalid},
		"longer than 90 d":  {"author", now, now.Add(91 * 24 * time.Hour), vault.ErrInvalid},
		"without beginning": {"author", time.Time{}, now.Add(time.Hour), vault.ErrInvalid},
	} {
		_, err := w.V.Delegate(t.Context(), w.colleague, tt.login, tt.from, tt.until)
		wants(t, name, err, tt.want)
	}
	id := must(w.V.Delegate(t.Context(), w.colleague, "author", now, now.Add(time.Hour)))(t)
	wants(t, "ended by a third", w.V.EndDelegation(t.Context(), w.outsider, id), vault.ErrNotFound)
	wants(t, "ended by privacy", w.V.EndDelegation(t.Context(), w.privacy, id), nil)
	wants(t, "ended twice", w.V.EndDelegation(t.Context(), w.colleague, id), vault.ErrConflict)
	for name, want := range map[string]int{"colleague": 1, "outsider": 0, "privacy": 1} {
		a := map[string]vault.Actor{"colleague": w.colleague, "outsider": w.outsider, "privacy": w.privacy}[name]
		if got := must(w.V.Delegations(t.Context(), a))(t); len(got) != want {
			t.Errorf("%s sees %d delegations, want %d", name, len(got), want)
		}
	}
}

package vault_test

import (
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// photoOf is a processed photo of the author's with a body site.
func (w *world) photoOf(site string) vault.PhotoID {
	w.t.Helper()
	sealed := w.Capture(w.t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) { f.BodySite, f.Laterality = site, "" })
	id := vault.PhotoID(w.Send(w.t, w.author, sealed).PhotoID)
	w.Work(w.t)
	return id
}

func (w *world) classOf(id vault.PhotoID) vault.Sensitivity {
	w.t.Helper()
	return must(w.V.SensitivityOf(w.t.Context(), w.privacy, id))(w.t).Class
}

// TestSensitivityAtFirst: body site and birth date give the class of a capture that arrives.
func TestSensitivityAtFirst(t *testing.T) {
	w := newWorld(t)
	if got := w.classOf(w.photoOf("scalp")); got != vault.SensitivityNormal {
		t.Errorf("scalp of an adult: got %s, want normal", got)
	}
	if got := w.classOf(w.photoOf("genitalia")); got != vault.SensitivityIntimate {
		t.Errorf("genitalia: got %s, want intimate", got)
	}
	taken := w.Clock.Now()
	for name, tt := range map[string]struct {
		born time.Time
		want vault.Sensitivity
	}{
		"the day before 18": {taken.AddDate(-18, 0, 1), vault.SensitivityChild},
		"a day over 18":     {taken.AddDate(-18, 0, -1), vault.SensitivityNormal},
	} {
		w.change(`UPDATE patients SET birth_date = $1 WHERE id = $2`, tt.born.Format("2006-01-02"), string(w.patient))
		if got := w.classOf(w.photoOf("scalp")); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// TestDiscretion holds the classes to who is near: named for the patient, of a team, and by a broken glass.
func TestDiscretion(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		photo := w.inReview()
		team := w.Person(t, "team", vault.RoleClinician)
		w.inTeam(team, w.patient)
		must(w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001")))(t)
		people := map[string]vault.Actor{"named": w.colleague, "team": team, "glass": w.outsider}
		for _, tt := range []struct {
			class  vault.Sensitivity
			who    string
			listed bool
			record error
			thumb  error
			large  error
		}{
			{vault.SensitivityNormal, "named", true, nil, nil, nil},
			{vault.SensitivityNormal, "team", true, nil, nil, nil},
			{vault.SensitivityNormal, "glass", true, nil, nil, nil},
			{vault.SensitivityChild, "team", true, nil, nil, nil},
			{vault.SensitivityChild, "glass", true, nil, nil, nil},
			{vault.SensitivityIntimate, "named", true, nil, nil, nil},
			{vault.SensitivityIntimate, "team", true, nil, vault.ErrNotFound, vault.ErrNotFound},
			{vault.SensitivityIntimate, "glass", true, nil, vault.ErrNotFound, vault.ErrNotFound},
			{vault.SensitivityForensic, "named", true, nil, vault.ErrNotFound, nil},
			{vault.SensitivityForensic, "team", false, vault.ErrNotFound, vault.ErrNotFound, vault.ErrNotFound},
			{vault.SensitivityForensic, "glass", false, vault.ErrNotFound, vault.ErrNotFound, vault.ErrNotFound},
		} {
			w.change(`UPDATE photos SET sensitivity = $1 WHERE id = $2`, string(tt.class), string(photo))
			what, a := string(tt.class)+" for "+tt.who, people[tt.who]
			_, err := w.V.PhotoByID(t.Context(), a, photo)
			wants(t, what+": record", err, tt.record)
			_, err = w.V.ReadRendition(t.Context(), a, photo, vault.KindCoveredThumb)
			wants(t, what+": thumb", err, tt.thumb)
			_, err = w.V.ReadRendition(t.Context(), a, photo, vault.KindCoveredDisplay)
			wants(t, what+": picture", err, tt.large)
			list := must(w.V.PatientPhotos(t.Context(), a, w.patient))(t)
			if (len(list) == 1) != tt.listed {
				t.Errorf("%s: %d photos listed, want it listed %v", what, len(list), tt.listed)
			}
			if len(list) == 1 && list[0].ReasonNeeded != (tt.class == vault.SensitivityIntimate && tt.who != "named") {
				t.Errorf("%s: a reason is needed: got %v", what, list[0].ReasonNeeded)
			}
		}
	})
}

// TestReasonOpensAnIntimatePhoto to who gave it, for a quarter of an hour.
func TestReasonOpensAnIntimatePhoto(t *testing.T) {
	w := newWorld(t)
	photo := w.photoOf("genitalia")
	team, other := w.Person(t, "team", vault.RoleClinician), w.Person(t, "other", vault.RoleClinician)
	w.inTeam(team, w.patient)
	w.inTeam(other, w.patient)
	see := func(a vault.Actor) error {
		_, err := w.V.ReadRendition(t.Context(), a, photo, vault.KindCoveredDisplay)
		return err
	}
	wants(t, "before", see(team), vault.ErrNotFound)
	_, err := w.V.GiveReason(t.Context(), team, photo, "")
	wants(t, "without words", err, vault.ErrInvalid)
	must(w.V.GiveReason(t.Context(), team, photo, "wound check on the night round"))(t)
	wants(t, "after the reason", see(team), nil)
	wants(t, "by somebody else", see(other), vault.ErrNotFound)
	w.Clock.Add(15 * time.Minute)
	wants(t, "a quarter of an hour later", see(team), vault.ErrNotFound)
	wants(t, "by who took it", see(w.author), nil)
	ok(t, w.V.LeaveCareTeam(t.Context(), vault.Operator(), w.patient, w.author.Person()))
	w.Clock.Add(time.Second)
	must(w.V.BreakGlass(t.Context(), w.author, emergency("TEST-000001")))(t)
	wants(t, "by who took it, by a broken glass alone", see(w.author), vault.ErrNotFound)
}

// TestClassIsRaisedByTheTeamAndLoweredByPrivacy alone, with a reason that stays.
func TestClassIsRaisedByTheTeamAndLoweredByPrivacy(t *testing.T) {
	w := newWorld(t)
	photo := w.inReview()
	set := func(a vault.Actor, to vault.Sensitivity) error {
		return w.V.SetSensitivity(t.Context(), a, photo, to, "as the ward asked")
	}
	wants(t, "raised by the team", set(w.colleague, vault.SensitivityIntimate), nil)
	wants(t, "lowered by the team", set(w.colleague, vault.SensitivityNormal), vault.ErrDenied)
	wants(t, "by another team", set(w.outsider, vault.SensitivityForensic), vault.ErrNotFound)
	wants(t, "to the same", set(w.colleague, vault.SensitivityIntimate), vault.ErrConflict)
	wants(t, "to no class", set(w.colleague, "secret"), vault.ErrInvalid)
	wants(t, "lowered by privacy", set(w.privacy, vault.SensitivityNormal), nil)
	is := must(w.V.SensitivityOf(t.Context(), w.privacy, photo))(t)
	if len(is.Changes) != 2 || is.Changes[0].Reason != "as the ward asked" {
		t.Errorf("changes: got %d, want two with their reasons", len(is.Changes))
	}
}

// TestForensicPhotoAndRecords: records know of it once the privacy officer signed, and no longer than that.
func TestForensicPhotoAndRecords(t *testing.T) {
	w := newWorld(t)
	photo := w.approved()
	w.change(`UPDATE photos SET sensitivity = 'forensic' WHERE id = $1`, string(photo))
	look := func() error { _, err := w.V.PhotoByID(t.Context(), w.records, photo); return err }
	attach := func() error { _, err := w.V.Attach(t.Context(), w.records, photo, nil); return err }
	listed := func() int { return len(must(w.V.ApprovedPhotos(t.Context(), w.records, vault.ApprovedFilter{}))(t)) }
	wants(t, "record", look(), vault.ErrNotFound)
	wants(t, "attaching", attach(), vault.ErrNotFound)
	if listed() != 0 {
		t.Error("it is in the records' list, want it out")
	}
	wants(t, "signing for no use", w.V.AllowUse(t.Context(), w.privacy, photo, "selling", "a reason"), vault.ErrInvalid)
	ok(t, w.V.AllowUse(t.Context(), w.privacy, photo, "record", "asked for by the court"))
	wants(t, "signed twice", w.V.AllowUse(t.Context(), w.privacy, photo, "record", "asked for by the court"), vault.ErrConflict)
	wants(t, "record after the signature", look(), nil)
	if listed() != 1 {
		t.Error("it is not in the records' list after the signature")
	}
	ok(t, w.V.EndUse(t.Context(), w.privacy, photo, "record"))
	both := w.Person(t, "both", vault.RoleRecords, vault.RolePrivacy)
	ok(t, w.V.AllowUse(t.Context(), both, photo, "record", "asked for by the court"))
	_, err := w.V.Attach(t.Context(), both, photo, nil)
	wants(t, "attaching what one signed for oneself", err, vault.ErrNotFound)
	wants(t, "record after another's signature", look(), nil)
	ok(t, w.V.EndUse(t.Context(), w.privacy, photo, "record"))
	wants(t, "record after the end", look(), vault.ErrNotFound)
	wants(t, "ended twice", w.V.EndUse(t.Context(), w.privacy, photo, "record"), vault.ErrConflict)
}

// TestChildIsReleasedWithASecondWord: a representative's consent to the purpose, or the signature of another person.
func TestChildIsReleasedWithASecondWord(t *testing.T) {
	w := newWorld(t)
	photo := w.approved()
	born := w.Clock.Now().AddDate(-10, 0, 0).Format("2006-01-02")
	w.change(`UPDATE patients SET birth_date = $1 WHERE id = $2`, born, string(w.patient))
	release := func(a vault.Actor) error {
		_, err := w.V.Release(t.Context(), a, photo, "teaching", "lecture on wound healing")
		return err
	}
	consent := func(how string) {
		must(w.V.ChangeConsent(t.Context(), w.colleague, photo, vault.ConsentChange{Purpose: "teaching", Allowed: true, How: how}))(t)
	}
	consent("verbal")
	wants(t, "by word of mouth alone", release(w.records), vault.ErrConflict)
	both := w.Person(t, "both", vault.RoleRecords, vault.RolePrivacy)
	ok(t, w.V.AllowUse(t.Context(), both, photo, "teaching", "the family asked for it"))
	wants(t, "signed by who releases", release(both), vault.ErrConflict)
	wants(t, "signed by another", release(w.records), nil)
	ok(t, w.V.EndUse(t.Context(), w.privacy, photo, "teaching"))
	_, err := w.V.Release(t.Context(), w.records, photo, "publication", "a case report")
	wants(t, "another purpose", err, vault.ErrConflict)
	must(w.V.ChangeConsent(t.Context(), w.colleague, photo, vault.ConsentChange{Purpose: "publication", Allowed: true, How: "representative"}))(t)
	_, err = w.V.Release(t.Context(), w.records, photo, "publication", "a case report")
	wants(t, "a representative consents", err, nil)
}

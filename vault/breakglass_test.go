package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestBreakGlassLooksAndChangesNothing: every look works, marked as an emergency; every change is refused.
func TestBreakGlassLooksAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	photo := w.approved()
	g := must(w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001")))(t)
	if g.Patient != w.patient || !g.Open || g.Reason == "" || g.OpenUntil-g.OpenedAt != vault.Time(vault.DefaultBreakGlassFor.Milliseconds()) {
		t.Errorf("broken glass: got %+v", struct {
			P vault.PatientID
			O bool
			F vault.Time
		}{g.Patient, g.Open, g.OpenUntil - g.OpenedAt})
	}
	for name, look := range map[string]func() error{
		"patient": func() error { _, err := w.V.Patient(t.Context(), w.outsider, w.patient); return err },
		"photos":  func() error { _, err := w.V.PatientPhotos(t.Context(), w.outsider, w.patient); return err },
		"photo":   func() error { _, err := w.V.PhotoByID(t.Context(), w.outsider, photo); return err },
		"picture": func() error {
			_, err := w.V.ReadRendition(t.Context(), w.outsider, photo, vault.KindRedactedDisplay)
			return err
		},
	} {
		before := logSize(t, w.V)
		wants(t, name, look(), nil)
		for _, e := range eventsSince(t, w, before) {
			if e.Purpose != "emergency" || e.Detail["tie"] != "break-glass" {
				t.Errorf("%s: event %s has purpose %q and tie %q, want an emergency by break-glass", name, e.Act, e.Purpose, e.Detail["tie"])
			}
		}
	}
	sent := w.Capture(t, w.outsider, w.patient, w.picture)
	for name, change := range map[string]func() error{
		"capture": func() error { _, _, err := w.V.Accept(t.Context(), w.outsider, sent.Request()); return err },
		"consent": func() error {
			_, err := w.V.ChangeConsent(t.Context(), w.outsider, photo, vault.ConsentChange{Purpose: "teaching", Allowed: true, How: "verbal"})
			return err
		},
		"recall": func() error { _, err := w.V.AskRecall(t.Context(), w.outsider, photo, "", "not theirs"); return err },
		"class": func() error {
			return w.V.SetSensitivity(t.Context(), w.outsider, photo, vault.SensitivityForensic, "a reason")
		},
	} {
		wants(t, name+" under a broken glass", change(), vault.ErrNotFound)
	}
}

// TestBreakGlassFindsOnePatient and no list: number and birth date together, few tries, and never an erased patient.
func TestBreakGlassFindsOnePatient(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		e    vault.Emergency
		want error
	}{
		"part of a number":   {emergency("TEST-00000"), vault.ErrNotFound},
		"another birth date": {vault.Emergency{RecordNumber: "TEST-000001", BirthDate: "1970-01-02", Reason: "a reason"}, vault.ErrNotFound},
		"no birth date":      {vault.Emergency{RecordNumber: "TEST-000001", Reason: "a reason"}, vault.ErrInvalid},
		"no reason":          {vault.Emergency{RecordNumber: "TEST-000001", BirthDate: "1970-01-01"}, vault.ErrInvalid},
		"one's own patient":  {emergency("TEST-000002"), vault.ErrConflict},
	} {
		_, err := w.V.BreakGlass(t.Context(), w.outsider, tt.e)
		wants(t, name, err, tt.want)
	}
	w.change(`UPDATE patients SET erased_at = 1 WHERE record_number = 'TEST-000001'`)
	_, err := w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001"))
	wants(t, "an erased patient", err, vault.ErrNotFound)
	w.change(`UPDATE patients SET erased_at = NULL`)
	for range 2 {
		_, err = w.V.BreakGlass(t.Context(), w.outsider, emergency("NOBODY"))
		wants(t, "nobody's number", err, vault.ErrNotFound)
	}
	_, err = w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001"))
	wants(t, "after five misses", err, vault.ErrLocked)
	w.Clock.Add(time.Hour + time.Second)
	w.outsider = w.SignIn(t, "outsider")
	g := must(w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001")))(t)
	if again := must(w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001")))(t); again.ID != g.ID {
		t.Errorf("broken again while open: got another one, %s after %s", again.ID, g.ID)
	}
	for _, login := range []string{"reviewer", "records", "admin", "privacy"} {
		_, err := w.V.BreakGlass(t.Context(), w.SignIn(t, login), emergency("TEST-000001"))
		wants(t, "by "+login, err, vault.ErrDenied)
	}
}

// TestBreakGlassCountsTriesAtOnce: who asks for many numbers at the same time gets no more answers than one after another.
func TestBreakGlassCountsTriesAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var all sync.WaitGroup
		var answered, locked atomic.Int64
		for day := range 20 {
			all.Go(func() {
				_, err := w.V.BreakGlass(t.Context(), w.outsider, vault.Emergency{RecordNumber: "TEST-000001",
					BirthDate: fmt.Sprintf("1950-01-%02d", day+1), Reason: "a guess"})
				switch {
				case errors.Is(err, vault.ErrNotFound):
					answered.Add(1)
				case errors.Is(err, vault.ErrLocked):
					locked.Add(1)
				default:
					t.Errorf("got %v, want not found or locked", err)
				}
			})
		}
		all.Wait()
		if answered.Load() != 5 || locked.Load() != 15 {
			t.Errorf("%d tries were answered and %d refused, want 5 and 15", answered.Load(), locked.Load())
		}
	})
}

// TestBreakGlassIsReviewed: the privacy officer is told at once, sees what was looked at, and closes it with a finding,
// once, and never their own.
func TestBreakGlassIsReviewed(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		photo := w.inReview()
		both := w.Person(t, "both", vault.RoleClinician, vault.RolePrivacy)
		own := must(w.V.BreakGlass(t.Context(), both, emergency("TEST-000001")))(t)
		w.Clock.Add(time.Minute)
		g := must(w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001")))(t)
		if n := w.count(`SELECT count(*) FROM notices WHERE person = $1 AND kind = 'break_glass'`, string(w.privacy.Person())); n != 1 {
			t.Errorf("%d notices for the privacy officer, want one that counts both", n)
		}
		must(w.V.PhotoByID(t.Context(), w.outsider, photo))(t)
		waiting := must(w.V.BreakGlassReviews(t.Context(), w.privacy))(t)
		if len(waiting) != 2 || waiting[1].ID != g.ID || waiting[1].Looks != 1 || !strings.HasPrefix(waiting[1].Reason, "resuscitation") {
			t.Fatalf("reviews: got %d, want the second with one look and its reason", len(waiting))
		}
		if n := must(w.V.OpenReviews(t.Context()))(t); n != 2 {
			t.Errorf("%d open reviews, want 2", n)
		}
		wants(t, "closing one's own", w.V.CloseBreakGlass(t.Context(), both, own.ID, vault.FindingJustified, "all in order"), vault.ErrNotFound)
		wants(t, "without a finding", w.V.CloseBreakGlass(t.Context(), w.privacy, g.ID, "", "all in order"), vault.ErrInvalid)
		wants(t, "closing", w.V.CloseBreakGlass(t.Context(), w.privacy, g.ID, vault.FindingNotJustified, "no emergency that night"), nil)
		wants(t, "closing twice", w.V.CloseBreakGlass(t.Context(), w.privacy, g.ID, vault.FindingJustified, "all in order"), vault.ErrConflict)
		_, err := w.V.PhotoByID(t.Context(), w.outsider, photo)
		wants(t, "a look after the review", err, vault.ErrNotFound)
		all := must(w.V.BreakGlassReviews(t.Context(), w.privacy))(t)
		if all[1].Finding != vault.FindingNotJustified || all[1].Remark != "no emergency that night" || all[0].ID != own.ID {
			t.Errorf("after the review: got finding %q, remark %q, first %s", all[1].Finding, all[1].Remark, all[0].ID)
		}
		w.verified()
	})
}

// TestOftenBrokenGlassIsTold: from the fourth in a day on.
func TestOftenBrokenGlassIsTold(t *testing.T) {
	w := newWorld(t)
	for n := range 4 {
		told := w.count(`SELECT count(*) FROM notices WHERE kind = 'break_glass_often'`)
		if told != 0 {
			t.Errorf("told after %d, want from the fourth on", n)
		}
		g := must(w.V.BreakGlass(t.Context(), w.outsider, emergency("TEST-000001")))(t)
		if err := w.V.EndBreakGlass(t.Context(), w.outsider, g.ID); errors.Is(err, vault.ErrConflict) {
			t.Fatal(err)
		}
		w.Clock.Add(time.Minute)
	}
	if told := w.count(`SELECT count(*) FROM notices WHERE kind = 'break_glass_often'`); told == 0 {
		t.Error("nobody was told of the fourth in a day")
	}
}

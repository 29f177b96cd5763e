package vault_test

import (
	"slices"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// rule has a rule proposed and signed.
func (w *world) rule(n vault.NewRule) vault.RuleID {
	w.t.Helper()
	n.Reason = "the order of the hospital"
	id := must(w.V.ProposeRule(w.t.Context(), w.privacy, n))(w.t)
	ok(w.t, w.V.SignRule(w.t.Context(), w.records, id))
	return id
}

// TestRetention: what a signed rule ends goes on its day and not before, with an event that names the rule and a
// certificate; the rest stays.
func TestRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		approved, held, waiting := w.approved(), w.approved(), w.inReview()
		must(w.V.PlaceHold(ctx, w.privacy, "", held, "a case in court"))(t)
		w.later(5 * 366 * 24 * time.Hour)
		ok(t, w.V.RunRetention(ctx, w.worker))
		if n := w.count(`SELECT count(*) FROM photos WHERE state = 'erased'`); n != 0 {
			t.Fatalf("%d photos erased without any rule", n)
		}
		proposed := must(w.V.ProposeRule(ctx, w.privacy, vault.NewRule{Kind: "approved", Years: 5, Reason: "the order of the hospital"}))(t)
		wants(t, "signing one's own rule", w.V.SignRule(ctx, w.privacy, proposed), vault.ErrDenied)
		ok(t, w.V.RunRetention(ctx, w.worker))
		if n := w.count(`SELECT count(*) FROM photos WHERE state = 'erased'`); n != 0 {
			t.Fatalf("%d photos erased by a rule that nobody signed", n)
		}
		ok(t, w.V.SignRule(ctx, w.records, proposed))
		report := must(w.V.RetentionReport(ctx, w.privacy))(t)
		if len(report.Due) != 1 || report.Due[0].Photo != approved || report.Due[0].Rule != proposed || report.Due[0].Patient != w.patient {
			t.Errorf("dry run: %+v", report.Due)
		}
		i := slices.IndexFunc(report.Rules, func(s vault.RetentionSum) bool { return s.Kind == "approved" })
		if s := report.Rules[i]; s.Due != 1 || s.Held != 1 || s.Kept != 0 || s.Rule != proposed {
			t.Errorf("sums of approved photos: %+v", s)
		}
		if state, _ := w.photoState(approved); state != vault.StateApproved {
			t.Error("the dry run has erased")
		}
		ok(t, w.V.RunRetention(ctx, w.worker))
		for id, want := range map[vault.PhotoID]string{approved: vault.StateErased, waiting: vault.StateInReview, held: vault.StateApproved} {
			if state, _ := w.photoState(id); state != want {
				t.Errorf("state %s, want %s", state, want)
			}
		}
		if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'retention.erase' AND outcome = 'ok' AND photo = $1
			AND entry LIKE '%"rule":"`+string(proposed)+`","rule_version":"1"%'`, string(approved)); n != 1 {
			t.Errorf("%d events name the rule, want 1", n)
		}
		w.Work(t)
		list := must(w.V.Erasures(ctx, w.privacy))(t)
		if len(list) != 1 || list[0].Cause != "retention" || list[0].Rule != proposed {
			t.Fatalf("erasures: %d", len(list))
		}
		if c := w.certificateOf(list[0].ID); !c.Complete || c.Cause != "retention" || c.Rule != proposed || c.Photo != approved {
			t.Errorf("certificate: %+v", c)
		}
		w.verified()
	})
}

// TestRetentionOfChildren: who was a child at the capture is kept at least until some years after growing up.
func TestRetentionOfChildren(t *testing.T) {
	day := func(s string) vault.Time { return vault.TimeOf(must(time.Parse("2006-01-02", s))(t)) }
	rule := vault.Rule{Years: 10, ChildUntil: 18, ChildYears: 3}
	for _, c := range []struct {
		name        string
		rule        vault.Rule
		taken, born string
		want        string // empty: never
	}{
		{"a grown-up", rule, "2020-05-01", "1970-01-01", "2030-05-01"},
		{"a baby", rule, "2020-05-01", "2020-01-01", "2041-01-01"},
		{"a child whose ten years end later", rule, "2020-05-01", "2003-01-01", "2030-05-01"},
		{"on the day before the birthday", vault.Rule{Years: 1, ChildUntil: 18, ChildYears: 3}, "2019-12-31", "2002-01-01", "2023-01-01"},
		{"on the birthday", vault.Rule{Years: 1, ChildUntil: 18, ChildYears: 3}, "2020-01-01", "2002-01-01", "2021-01-01"},
		{"born on a leap day", vault.Rule{Years: 1, ChildUntil: 18, ChildYears: 0}, "2010-06-01", "2004-02-29", "2022-03-01"},
		{"taken on a leap day", vault.Rule{Years: 1}, "2024-02-29", "1970-01-01", "2025-03-01"},
		{"kept for good", vault.Rule{}, "1999-01-01", "1970-01-01", ""},
		{"of unknown age", rule, "1999-01-01", "not a date", ""},
		{"of unknown age, where age is nothing", vault.Rule{Years: 10}, "1999-01-01", "not a date", "2009-01-01"},
	} {
		at, ever := vault.DueAt(c.rule, day(c.taken), c.born)
		if got := at.Format("2006-01-02"); ever != (c.want != "") || ever && got != c.want {
			t.Errorf("%s: due %s (%v), want %q", c.name, got, ever, c.want)
		}
	}
}

// TestRetentionOfKinds: each kind of document has its own rule, and a released copy goes without its photo.
func TestRetentionOfKinds(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := w.allowing()
	must(w.V.Release(ctx, w.records, id, "teaching", "for the course of spring"))(t)
	must(w.V.Release(ctx, w.records, id, "publication", "for the journal"))(t)
	w.rule(vault.NewRule{Kind: "released_teaching", Years: 1})
	w.rule(vault.NewRule{Kind: "withdrawn", Years: 2})
	w.rule(vault.NewRule{Kind: "approved", Years: 0})
	w.later(366 * 24 * time.Hour)
	ok(t, w.V.RunRetention(ctx, w.worker))
	_, err := w.V.ReadRelease(ctx, w.records, id, "teaching")
	wants(t, "the teaching copy", err, vault.ErrNotFound)
	must(w.V.ReadRelease(ctx, w.records, id, "publication"))(t)
	if got := must(w.V.Releases(ctx, w.records, id))(t); !slices.ContainsFunc(got, func(r vault.Release) bool { return r.EndedWhy == "retention" }) {
		t.Error("the release does not say that it ended by a rule")
	}
	w.later(3 * 366 * 24 * time.Hour)
	ok(t, w.V.RunRetention(ctx, w.worker))
	if state, _ := w.photoState(id); state != vault.StateApproved {
		t.Errorf("state %s, want approved: kept for good", state)
	}
	w.says(id, "record", false)
	ok(t, w.V.RunRetention(ctx, w.worker))
	if state, _ := w.photoState(id); state != vault.StateErased {
		t.Errorf("state %s, want a withdrawn photo erased by its rule", state)
	}
}

// TestRetentionBelievesNoDevice: a photo that claims to be of the future is as old as its arrival.
func TestRetentionBelievesNoDevice(t *testing.T) {
	w := newWorld(t)
	id := vault.PhotoID(w.Send(t, w.author, w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) {
		f.TakenAt = w.Clock.Now().Add(23 * time.Hour)
	})).PhotoID)
	w.rule(vault.NewRule{Kind: "in_review", Years: 1})
	w.later(366 * 24 * time.Hour)
	ok(t, w.V.RunRetention(t.Context(), w.worker))
	if state, _ := w.photoState(id); state != vault.StateErased {
		t.Errorf("state %s, want erased", state)
	}
}

// TestRetentionLooksAgain: what changed since the list was made is not destroyed by it.
func TestRetentionLooksAgain(t *testing.T) {
	for name, change := range map[string]func(w *world, id vault.PhotoID){
		"held": func(w *world, id vault.PhotoID) {
			must(w.V.PlaceHold(w.t.Context(), w.privacy, "", id, "a case in court"))(w.t)
		},
		"another rule": func(w *world, _ vault.PhotoID) { w.rule(vault.NewRule{Kind: "approved", Years: 0}) },
		"another kind": func(w *world, id vault.PhotoID) { w.says(id, "record", false) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.approved()
			w.rule(vault.NewRule{Kind: "approved", Years: 1})
			w.later(366 * 24 * time.Hour)
			due := must(w.V.RetentionReport(t.Context(), w.records))(t).Due
			if len(due) != 1 {
				t.Fatalf("%d due, want 1", len(due))
			}
			change(w, id)
			wants(t, "destroying", vault.Retire(t.Context(), w.V, w.worker, due[0]), vault.ErrConflict)
			if state, _ := w.photoState(id); state == vault.StateErased {
				t.Error("it was destroyed all the same")
			}
		})
	}
}

// TestRules: versions replace one another once signed, and not before.
func TestRules(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		first := w.rule(vault.NewRule{Kind: "rejected", Years: 1})
		dropped := must(w.V.ProposeRule(ctx, w.privacy, vault.NewRule{Kind: "rejected", Years: 2, Reason: "proposed in error"}))(t)
		next := must(w.V.ProposeRule(ctx, w.privacy, vault.NewRule{Kind: "rejected", Years: 3, ChildUntil: 18, Reason: "a new law"}))(t)
		wants(t, "signing what was replaced", w.V.SignRule(ctx, w.records, dropped), vault.ErrConflict)
		states := func() (out []string) {
			for _, r := range must(w.V.RetentionRules(ctx, w.records))(t) {
				out = append(out, r.State)
			}
			return out
		}
		if got := states(); !slices.Equal(got, []string{"proposed", "dropped", "acting"}) {
			t.Errorf("states %v", got)
		}
		ok(t, w.V.SignRule(ctx, w.records, next))
		wants(t, "signing twice", w.V.SignRule(ctx, w.records, next), vault.ErrConflict)
		if got := states(); !slices.Equal(got, []string{"acting", "dropped", "replaced"}) {
			t.Errorf("states %v", got)
		}
		wants(t, "dropping what is signed", w.V.DropRule(ctx, w.privacy, first), vault.ErrConflict)
		wants(t, "dropping nothing", w.V.DropRule(ctx, w.privacy, "none"), vault.ErrNotFound)
		wants(t, "signing nothing", w.V.SignRule(ctx, w.records, "none"), vault.ErrNotFound)
		for name, n := range map[string]vault.NewRule{
			"no kind":            {Years: 1, Reason: "a reason"},
			"unknown kind":       {Kind: "letters", Years: 1, Reason: "a reason"},
			"negative years":     {Kind: "approved", Years: -1, Reason: "a reason"},
			"too many years":     {Kind: "approved", Years: 151, Reason: "a reason"},
			"no reason":          {Kind: "approved", Years: 1},
			"children of no age": {Kind: "approved", Years: 1, ChildYears: 3, Reason: "a reason"},
		} {
			_, err := w.V.ProposeRule(ctx, w.privacy, n)
			wants(t, name, err, vault.ErrInvalid)
		}
	})
}

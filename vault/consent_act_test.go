package vault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// TestWithdrawRecord: from the next request on nobody sees the photo, the keys of what was made under the consent are gone
// with the withdrawal itself, and a yes has it reviewed anew.
func TestWithdrawRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		id, x := w.sent()
		if n := w.keysOf(id, redactedOnes...); n != 3 {
			t.Fatalf("%d keys of redacted pictures before, want 3", n)
		}
		if c := w.says(id, "record", false); c.Record {
			t.Errorf("consent after the withdrawal: %+v", c)
		}
		w.unseen(id)
		if n := w.keysOf(id, redactedOnes...); n != 0 {
			t.Errorf("%d keys of redacted pictures after the withdrawal, want none", n)
		}
		if n := w.keysOf(id, vault.KindOriginal); n != 1 {
			t.Errorf("%d keys of the original, want it kept", n)
		}
		if state, withheld := w.photoState(id); state != vault.StateRejected || withheld != "consent" {
			t.Errorf("photo %s %s, want rejected and withheld", state, withheld)
		}
		if state, cause, _ := w.attachment(x); state != vault.AttachmentRetracting || cause != "withdrawn" {
			t.Errorf("attachment %s for %s, want retracting for withdrawn", state, cause)
		}
		w.retract("entered-in-error")
		before := len(w.Blobs.Names())
		ok(t, w.V.Sweep(t.Context(), w.worker))
		if after := len(w.Blobs.Names()); after > before-3 {
			t.Errorf("%d objects after the sweep, want at least three fewer than %d", after, before)
		}

		w.says(id, "record", true)
		p := w.claim(w.reviewer, id)
		if p.State != vault.StateInReview {
			t.Errorf("state %s after the patient allowed it again, want in_review", p.State)
		}
		must(w.V.ReadRendition(t.Context(), w.reviewer, id, vault.KindOriginal))(t)
		must(w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)))(t)
		again := must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)
		if len(again) != 2 || again[0].State != vault.AttachmentPending || again[0].Version <= again[1].Version {
			t.Errorf("attached anew: %+v, want a new entry at a higher version", again)
		}
		w.deliver()
		w.verified()
	})
}

// TestWithdrawOtherPurposes: each purpose is a word of its own.
func TestWithdrawOtherPurposes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.allowing()
		for _, purpose := range []string{"teaching", "publication"} {
			must(w.V.Release(ctx, w.records, id, purpose, "for the course of spring"))(t)
		}
		w.says(id, "teaching", false)
		_, err := w.V.ReadRelease(ctx, w.records, id, "teaching")
		wants(t, "the teaching copy", err, vault.ErrNotFound)
		if n := w.keysOf(id, vault.KindReleasedTeaching); n != 0 {
			t.Errorf("%d keys of the teaching copy, want none", n)
		}
		must(w.V.ReadRelease(ctx, w.records, id, "publication"))(t)
		must(w.V.ReadRendition(ctx, w.records, id, vault.KindRedacted))(t)
		_, err = w.V.Release(ctx, w.records, id, "teaching", "for the course of autumn")
		wants(t, "releasing without consent", err, vault.ErrConflict)
		w.says(id, "teaching", true)
		_, err = w.V.ReadRelease(ctx, w.records, id, "teaching")
		wants(t, "allowed again, but not released again", err, vault.ErrNotFound)
		must(w.V.Release(ctx, w.records, id, "teaching", "for the course of autumn"))(t)
		must(w.V.ReadRelease(ctx, w.records, id, "teaching"))(t)
		w.says(id, "record", false)
		must(w.V.ReadRelease(ctx, w.records, id, "publication"))(t)
	})
}

// TestConsentHistory: every word stays, with who took it, how, and the evidence for those who may read it.
func TestConsentHistory(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.inReview()
		change := vault.ConsentChange{Purpose: "teaching", Allowed: true, How: "written", Note: "canary of the evidence",
			Document: "form 12/3", TakenBy: w.colleague.Person(), TakenAt: vault.TimeOf(w.Clock.Now().Add(-time.Hour))}
		must(w.V.ChangeConsent(ctx, w.author, id, change))(t)
		w.Clock.Add(time.Minute)
		must(w.V.ChangeConsent(ctx, w.privacy, id, vault.ConsentChange{Purpose: "teaching", How: "letter"}))(t)
		got := must(w.V.ConsentHistory(ctx, w.colleague, id))(t)
		if len(got) != 5 {
			t.Fatalf("%d words, want 5: %#v", len(got), got)
		}
		if c := got[0]; c.Allowed || c.How != "letter" || c.Version != 3 || c.TakenBy != w.privacy.Person() || c.RecordedBy != w.privacy.Person() {
			t.Errorf("the newest word is %+v", c.How)
		}
		c := got[1]
		if !c.Allowed || c.Version != 2 || c.TakenBy != w.colleague.Person() || c.RecordedBy != w.author.Person() ||
			c.TakenAt != change.TakenAt || c.Note != change.Note || c.Document != change.Document || c.RecordedByName == "" {
			t.Errorf("the word with evidence: version %d, note %q, document %q", c.Version, c.Note, c.Document)
		}
		if got[4].How != "capture" || got[4].RecordedBy != w.author.Person() {
			t.Errorf("the first word came %s by %s, want with the capture, by its author", got[4].How, got[4].RecordedBy)
		}
		if n := w.count(`SELECT count(*) FROM audit_events WHERE entry LIKE '%canary%'`); n != 0 {
			t.Errorf("%d events hold the evidence", n)
		}
	})
}

func TestConsentRefusals(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	good := vault.ConsentChange{Purpose: "record", Allowed: true, How: "verbal"}
	for name, change := range map[string]func(*vault.ConsentChange){
		"no purpose":         func(c *vault.ConsentChange) { c.Purpose = "" },
		"unknown purpose":    func(c *vault.ConsentChange) { c.Purpose = "sale" },
		"unknown way":        func(c *vault.ConsentChange) { c.How = "telepathy" },
		"as a capture":       func(c *vault.ConsentChange) { c.How = "capture" },
		"long note":          func(c *vault.ConsentChange) { c.Note = strings.Repeat("x", 501) },
		"note of two lines":  func(c *vault.ConsentChange) { c.Note = "a\nb" },
		"long document":      func(c *vault.ConsentChange) { c.Document = strings.Repeat("x", 121) },
		"in the future":      func(c *vault.ConsentChange) { c.TakenAt = vault.TimeOf(w.Clock.Now().Add(time.Hour)) },
		"taken by nobody":    func(c *vault.ConsentChange) { c.TakenBy = "none" },
		"taken by a sleight": func(c *vault.ConsentChange) { c.TakenBy = "\x00" },
	} {
		c := good
		change(&c)
		_, err := w.V.ChangeConsent(t.Context(), w.author, id, c)
		wants(t, name, err, vault.ErrInvalid)
	}
	if got := must(w.V.ConsentHistory(t.Context(), w.author, id))(t); len(got) != 3 {
		t.Errorf("%d words after refusals, want the three of the capture", len(got))
	}
	w.erased("", id)
	_, err := w.V.ChangeConsent(t.Context(), w.privacy, id, good)
	wants(t, "of an erased photo", err, vault.ErrConflict)
}

// TestWithdrawBeforeProcessing: a capture that waits is not opened once the patient has withdrawn, and is when they allow
// it again.
func TestWithdrawBeforeProcessing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		id := w.waiting()
		w.says(id, "record", false)
		w.Work(t)
		if state, _ := w.photoState(id); state != vault.StateAccepted {
			t.Errorf("state %s, want accepted: not opened", state)
		}
		w.says(id, "record", true)
		w.Work(t)
		if state, _ := w.photoState(id); state != vault.StateInReview {
			t.Errorf("state %s after consent, want in_review", state)
		}
	})
}

// TestWithdrawWhile: whoever is at work on a photo when the patient withdraws brings nothing of it about.
func TestWithdrawWhile(t *testing.T) {
	t.Run("processing", func(t *testing.T) {
		w := newWorld(t)
		id := w.waiting()
		job := w.job(vault.JobProcess)
		w.during(func() { w.says(id, "record", false) })
		err := w.V.ProcessCapture(t.Context(), w.worker, job)
		wants(t, "processing", err, vault.ErrConflict)
		if n := w.keysOf(id); n != 0 {
			t.Errorf("%d renditions of a photo that was withdrawn meanwhile", n)
		}
	})
	t.Run("approving", func(t *testing.T) {
		w := newWorld(t)
		id := w.inReview()
		p := w.claim(w.reviewer, id)
		w.during(func() { w.says(id, "record", false) })
		_, err := w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version))
		wants(t, "approving", err, vault.ErrConflict)
		if n := w.keysOf(id, redactedOnes...); n != 0 {
			t.Errorf("%d redacted renditions of a photo that was withdrawn meanwhile", n)
		}
		w.unseen(id)
	})
	t.Run("releasing", func(t *testing.T) {
		w := newWorld(t)
		id := w.allowing()
		w.during(func() { w.says(id, "teaching", false) })
		_, err := w.V.Release(t.Context(), w.records, id, "teaching", "for the course of spring")
		wants(t, "releasing", err, vault.ErrConflict)
		if n := w.keysOf(id, vault.KindReleasedTeaching); n != 0 {
			t.Errorf("%d copies of a photo that was withdrawn meanwhile", n)
		}
	})
	t.Run("delivering", func(t *testing.T) {
		w := newWorld(t)
		id := w.approved()
		x := must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)[0].ID
		job := w.job(vault.JobDeliver)
		d := must(w.V.Delivery(t.Context(), w.worker, job))(t)
		w.says(id, "record", false)
		wants(t, "saving progress", w.V.SaveProgress(t.Context(), w.worker, job, []byte(`{}`)), vault.ErrConflict)
		wants(t, "attaching", w.V.Attached(t.Context(), w.worker, job, []byte(`{}`), digest(d.Bytes)), vault.ErrConflict)
		if state, _, _ := w.attachment(x); state != vault.AttachmentRetracting {
			t.Errorf("attachment %s, want retracting: the chart may hold something", state)
		}
		if job := must(w.V.ClaimJob(t.Context(), w.worker, time.Minute))(t); job != nil {
			t.Errorf("job %v is due while the old worker may still be sending", *job)
		}
		w.Clock.Add(3 * time.Minute)
		w.retract("deleted")
	})
}

// TestWithdrawOfOtherStates: photos that were never released stay what they are, and show nothing.
func TestWithdrawOfOtherStates(t *testing.T) {
	w := newWorld(t)
	rejected := w.inReview()
	p := w.claim(w.reviewer, rejected)
	ok(t, w.V.Reject(t.Context(), w.reviewer, rejected, p.Version, "out of focus"))
	broken := vault.PhotoID(w.Send(t, w.author, w.Capture(t, w.author, w.patient, []byte("no picture"))).PhotoID)
	w.Work(t)
	for id, want := range map[vault.PhotoID]string{rejected: vault.StateRejected, broken: vault.StateQuarantined} {
		w.says(id, "record", false)
		w.unseen(id)
		w.says(id, "record", true)
		if state, withheld := w.photoState(id); state != want || withheld != "" {
			t.Errorf("state %s %s after no and yes, want %s", state, withheld, want)
		}
	}
}

// TestCaptureWays: what a capture brings is on record as that.
func TestCaptureWays(t *testing.T) {
	w := newWorld(t)
	id := vault.PhotoID(w.Send(t, w.author, w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) {
		f.Consent.Teaching = true
	})).PhotoID)
	for _, c := range must(w.V.ConsentHistory(t.Context(), w.author, id))(t) {
		if c.How != "capture" || c.Allowed != (c.Purpose != "publication") || c.RecordedAt != vault.TimeOf(w.Clock.Now()) {
			t.Errorf("%s: allowed %v, %s", c.Purpose, c.Allowed, c.How)
		}
	}
}

package vault_test

import (
	"slices"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// recall has the author say that a photo shows another patient.
func (w *world) recall(id vault.PhotoID, to vault.PatientID) vault.RecallID {
	w.t.Helper()
	return must(w.V.AskRecall(w.t.Context(), w.author, id, to, "the canary is another patient"))(w.t)
}

// TestRecallMoves: in one act the photo is the right patient's and nobody else's, to be reviewed and attached anew; copies
// in charts are retracted, and both patients' trails tell it.
func TestRecallMoves(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		visit := must(w.V.AddEncounter(ctx, vault.Operator(), w.patient, "visit", w.Clock.Now()))(t)
		w.Send(t, w.author, w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) {
			f.Encounter, f.Note, f.Consent.Teaching = string(visit), "a note that goes along", true
		}))
		w.Work(t)
		p := must(w.V.ClaimNext(ctx, w.reviewer))(t)
		original := must(w.V.ReadRendition(ctx, w.reviewer, p.ID, vault.KindOriginal))(t)
		must(w.V.Reveal(ctx, w.author, p.ID, "a reason that goes along"))(t)
		must(w.V.Approve(ctx, w.reviewer, p.ID, drawn(p.Version)))(t)
		must(w.V.Release(ctx, w.records, p.ID, "teaching", "for the course of spring"))(t)
		x := must(w.V.Attach(ctx, w.records, p.ID, []string{"fhir"}))(t)[0].ID
		w.deliver()
		old := w.Blobs.Names()

		id := w.recall(p.ID, w.foreign)
		must(w.V.ReadRendition(ctx, w.author, p.ID, vault.KindRedacted))(t) // the request alone changes nothing
		ok(t, w.V.SignRecall(ctx, w.records, id))
		w.unseen(p.ID)
		got := must(w.V.PhotoByID(ctx, w.outsider, p.ID))(t)
		if got.Patient != w.foreign || got.State != vault.StateInReview || got.Encounter != "" || got.Note != "a note that goes along" || got.Version <= p.Version+1 {
			t.Errorf("moved: %s of version %d with note %q", got.State, got.Version, got.Note)
		}
		must(w.V.ReadRendition(ctx, w.outsider, p.ID, vault.KindCoveredDisplay))(t)
		_, err := w.V.ReadRelease(ctx, w.records, p.ID, "teaching")
		wants(t, "the released copy", err, vault.ErrNotFound)
		if state, cause, _ := w.attachment(x); state != vault.AttachmentRetracting || cause != "recalled" {
			t.Errorf("attachment %s %s", state, cause)
		}
		w.retract("deleted")
		held := w.claim(w.reviewer, p.ID)
		if again := must(w.V.ReadRendition(ctx, w.reviewer, p.ID, vault.KindOriginal))(t); !slices.Equal(again.Bytes, original.Bytes) {
			t.Error("the original changed on its way")
		}
		must(w.V.Approve(ctx, w.reviewer, p.ID, drawn(held.Version)))(t)
		if salt := must(w.V.OriginalSalt(ctx, w.privacy, p.ID))(t); len(salt) != 64 {
			t.Errorf("salt %q", salt)
		}
		must(w.V.Attach(ctx, w.records, p.ID, []string{"fhir"}))(t)
		if d := w.deliver(); d.Patient.ID != w.foreign {
			t.Error("delivered to the wrong chart again")
		}
		ok(t, w.V.Sweep(ctx, w.worker))
		for _, name := range old {
			if slices.Contains(w.Blobs.Names(), name) {
				t.Errorf("an object of the wrong patient is left: %s", name)
			}
		}
		for patient, act := range map[vault.PatientID]string{w.patient: "recall.sign", w.foreign: "recall.receive"} {
			trail := must(w.V.AuditOfPatient(ctx, w.privacy, patient, 0, 500))(t)
			if !slices.ContainsFunc(trail, func(e vault.Event) bool { return e.Act == act && e.Outcome == "ok" && e.Photo == string(p.ID) }) {
				t.Errorf("the trail does not tell of %s", act)
			}
		}
		trail := must(w.V.AuditRecent(ctx, w.privacy, 0, 500))(t)
		if !slices.ContainsFunc(trail, func(e vault.Event) bool { return e.Reason == "a reason that goes along" }) {
			t.Error("the reason of the reveal does not open any more")
		}
		w.verified()
	})
}

// TestRecallWithoutRightPatient: where the right patient is not known nobody sees the photo, until a second recall knows.
func TestRecallWithoutRightPatient(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		photo, x := w.sent()
		ok(t, w.V.SignRecall(ctx, w.privacy, w.recall(photo, "")))
		w.unseen(photo)
		_, err := w.V.PhotoByID(ctx, w.author, photo)
		wants(t, "its record", err, vault.ErrNotFound)
		_, err = w.V.ChangeConsent(ctx, w.author, photo, vault.ConsentChange{Purpose: "record", Allowed: true, How: "verbal"})
		wants(t, "allowing it", err, vault.ErrNotFound)
		if all := must(w.V.PatientPhotos(ctx, w.author, w.patient))(t); len(all) != 0 {
			t.Errorf("the wrong patient's care team still lists %d photos", len(all))
		}
		for _, p := range must(w.V.MyCaptures(ctx, w.author, 10))(t) {
			if p.ID == photo && (p.PatientName != "" || p.Note != "" || p.State != vault.StateRejected) {
				t.Errorf("its author sees more than its state: %s", p.State)
			}
		}
		if n := w.keysOf(photo, redactedOnes...); n != 0 {
			t.Errorf("%d keys of redacted pictures, want none", n)
		}
		w.retract("rejection-note")
		if _, cause, how := w.attachment(x); cause != "recalled" || how != "rejection-note" {
			t.Errorf("attachment %s %s", cause, how)
		}
		again := must(w.V.AskRecall(ctx, w.records, photo, w.foreign, "now it is known"))(t)
		ok(t, w.V.SignRecall(ctx, w.privacy, again))
		if p := must(w.V.PhotoByID(ctx, w.outsider, photo))(t); p.State != vault.StateInReview {
			t.Errorf("state %s after the second recall, want in_review", p.State)
		}
		list := must(w.V.Recalls(ctx, w.records))(t)
		if len(list) != 2 || !slices.ContainsFunc(list, func(r vault.Recall) bool { return r.State == "moved" && r.ToName != "" }) ||
			!slices.ContainsFunc(list, func(r vault.Recall) bool {
				return r.State == "retracted" && r.Reason == "the canary is another patient"
			}) {
			t.Errorf("recalls: %d", len(list))
		}
	})
}

// TestRecallRefusals: whoever asks cannot sign, and what cannot be is refused in words.
func TestRecallRefusals(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := w.approved()
	asked := must(w.V.AskRecall(ctx, w.records, id, w.foreign, "another patient"))(t)
	wants(t, "signing one's own", w.V.SignRecall(ctx, w.records, asked), vault.ErrDenied)
	wants(t, "the author signing", w.V.SignRecall(ctx, w.author, asked), vault.ErrDenied)
	if state, _ := w.photoState(id); state != vault.StateApproved {
		t.Errorf("state %s after a request", state)
	}
	for name, c := range map[string]struct {
		to     vault.PatientID
		reason string
		want   error
	}{
		"asked for already": {"", "another patient", vault.ErrConflict},
		"the same patient":  {w.patient, "another patient", vault.ErrInvalid},
		"nobody":            {"none", "another patient", vault.ErrInvalid},
		"no reason":         {"", "", vault.ErrInvalid},
	} {
		_, err := w.V.AskRecall(ctx, w.author, id, c.to, c.reason)
		wants(t, name, err, c.want)
	}
	_, err := w.V.AskRecall(ctx, w.outsider, id, "", "another patient")
	wants(t, "somebody who does not treat the patient", err, vault.ErrNotFound)
	hold := must(w.V.PlaceHold(ctx, w.privacy, "", id, "a case in court"))(t)
	wants(t, "moving under a hold", w.V.SignRecall(ctx, w.privacy, asked), vault.ErrConflict)
	ok(t, w.V.AskLiftHold(ctx, w.records, hold, "the case is closed"))
	ok(t, w.V.LiftHold(ctx, w.privacy, hold))
	ok(t, w.V.CancelRecall(ctx, w.privacy, asked))
	wants(t, "signing what was cancelled", w.V.SignRecall(ctx, w.privacy, asked), vault.ErrConflict)
	wants(t, "cancelling twice", w.V.CancelRecall(ctx, w.privacy, asked), vault.ErrConflict)
	wants(t, "signing nothing", w.V.SignRecall(ctx, w.privacy, "none"), vault.ErrNotFound)
	gone := w.recall(id, w.foreign)
	w.erased(w.foreign, "")
	wants(t, "to a patient who was erased meanwhile", w.V.SignRecall(ctx, w.records, gone), vault.ErrConflict)
}

// TestRecallUnderHold: without a right patient a photo is withheld also under a hold, which keeps everything.
func TestRecallUnderHold(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	must(w.V.PlaceHold(t.Context(), w.privacy, "", id, "a case in court"))(t)
	ok(t, w.V.SignRecall(t.Context(), w.privacy, w.recall(id, "")))
	w.unseen(id)
	if n := w.keysOf(id); n != 8 {
		t.Errorf("%d keys under the hold, want all 8", n)
	}
}

// TestRecallOfOtherStates: a photo that waits, could not be read, or was rejected moves too.
func TestRecallOfOtherStates(t *testing.T) {
	w := newWorld(t)
	rejected := w.inReview()
	p := w.claim(w.reviewer, rejected)
	ok(t, w.V.Reject(t.Context(), w.reviewer, rejected, p.Version, "another patient"))
	broken := vault.PhotoID(w.Send(t, w.author, w.Capture(t, w.author, w.patient, []byte("no picture"))).PhotoID)
	w.Work(t)
	waiting := w.waiting()
	for id, want := range map[vault.PhotoID]string{rejected: vault.StateInReview, broken: vault.StateQuarantined, waiting: vault.StateAccepted} {
		ok(t, w.V.SignRecall(t.Context(), w.privacy, w.recall(id, w.foreign)))
		if got, _ := w.photoState(id); got != want {
			t.Errorf("state %s after the move, want %s", got, want)
		}
	}
	w.Work(t)
	if got := must(w.V.PhotoByID(t.Context(), w.outsider, waiting))(t); got.State != vault.StateInReview || got.Patient != w.foreign {
		t.Errorf("the capture that waited is %s", got.State)
	}
	must(w.V.ReadRendition(t.Context(), w.outsider, waiting, vault.KindCoveredThumb))(t)
}

// TestRecallFaults: a fault of the store at any step moves nothing, and the next try moves it whole.
func TestRecallFaults(t *testing.T) {
	for _, fault := range []vaulttest.Fault{vaulttest.Refuse, vaulttest.Lose} {
		w := newWorld(t)
		id := w.approved()
		recall := w.recall(id, w.foreign)
		for step := 1; step <= 10; step++ { // five pictures, each fetched and stored
			w.Blobs.FaultAt(step, fault)
			err := w.V.SignRecall(t.Context(), w.privacy, recall)
			w.Blobs.OnOp(nil)
			wants(t, "with a fault", err, vault.ErrUnavailable)
			if n := w.keysOf(id); n != 8 {
				t.Fatalf("step %d: %d keys, want the 8 as before", step, n)
			}
			must(w.V.ReadRendition(t.Context(), w.author, id, vault.KindRedacted))(t)
		}
		ok(t, w.V.SignRecall(t.Context(), w.privacy, recall))
		must(w.V.ReadRendition(t.Context(), w.outsider, id, vault.KindCoveredThumb))(t)
	}
}

// TestRecallWhile: a photo that changes while its pictures are sealed anew does not move, and whoever holds it is stopped
// when it does.
func TestRecallWhile(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	w.claim(w.reviewer, id)
	recall := w.recall(id, w.foreign)
	w.during(func() { w.says(id, "record", false) })
	wants(t, "a photo that changed", w.V.SignRecall(t.Context(), w.privacy, recall), vault.ErrConflict)
	w.Blobs.OnOp(nil)
	w.says(id, "record", true)
	p := w.claim(w.reviewer, id)
	w.during(func() { w.change(`UPDATE photos SET claimed_until = claimed_until + 1 WHERE id = $1`, string(id)) })
	ok(t, w.V.SignRecall(t.Context(), w.privacy, recall))
	_, err := w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version))
	wants(t, "approving what was moved", err, vault.ErrConflict)
}

// TestRecalledAndErased: erasing the wrong patient leaves the moved photo whole, with the reason of its recall.
func TestRecalledAndErased(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	ok(t, w.V.SignRecall(t.Context(), w.privacy, w.recall(id, w.foreign)))
	w.erased(w.patient, "")
	must(w.V.ReadRendition(t.Context(), w.outsider, id, vault.KindCoveredThumb))(t)
	if got := must(w.V.Recalls(t.Context(), w.privacy))(t); len(got) != 1 || got[0].FromName != "" || got[0].FromNumber != "" || got[0].ToName == "" {
		t.Errorf("recalls after the erasure: %d", len(got))
	}
}

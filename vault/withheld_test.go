package vault_test

import (
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// allows has privacy write down that the patient allows, or no longer allows, a photo in the record.
func (w *world) allows(id vault.PhotoID, allowed bool) {
	w.t.Helper()
	must(w.V.ChangeConsent(w.t.Context(), w.privacy, id, vault.ConsentChange{Purpose: "record", Allowed: allowed, How: "letter"}))(w.t)
}

// unclaimed fails the test when a reviewer is handed a photo.
func (w *world) unclaimed() {
	w.t.Helper()
	w.Work(w.t)
	if p := must(w.V.ClaimNext(w.t.Context(), w.second))(w.t); p != nil {
		w.t.Errorf("a reviewer was handed photo %s in state %s, want none", p.ID, p.State)
	}
}

// TestRecalledBeforeProcessing: a photo that was recalled while it waited is not processed, whatever the patient under whom
// it was filed is said to allow, until its right patient is known.
func TestRecalledBeforeProcessing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		id := w.waiting()
		ok(t, w.V.SignRecall(t.Context(), w.privacy, w.recall(id, "")))
		w.allows(id, true)
		w.unclaimed()
		if state, withheld := w.photoState(id); state != vault.StateAccepted || withheld != "recall" {
			t.Errorf("recalled while it waited: %s, withheld %q, want accepted, recall", state, withheld)
		}
		again := must(w.V.AskRecall(t.Context(), w.records, id, w.foreign, "now it is known"))(t)
		ok(t, w.V.SignRecall(t.Context(), w.privacy, again))
		w.Work(t)
		if state, withheld := w.photoState(id); state != vault.StateInReview || withheld != "" {
			t.Errorf("after the second recall: %s, withheld %q, want in_review", state, withheld)
		}
	})
}

// TestRecallKeepsWithdrawal: moving a photo to the right patient does not bring one back into review that may not be in the
// record; allowed again, it is reviewed.
func TestRecallKeepsWithdrawal(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *world, vault.PhotoID){
		"rejected by a reviewer": func(t *testing.T, w *world, id vault.PhotoID) {
			p := w.claim(w.reviewer, id)
			ok(t, w.V.Reject(t.Context(), w.reviewer, id, p.Version, "nothing to see in it"))
			w.allows(id, false)
		},
		"recalled before": func(t *testing.T, w *world, id vault.PhotoID) {
			ok(t, w.V.SignRecall(t.Context(), w.privacy, w.recall(id, "")))
			w.allows(id, false)
		},
		"in review": func(_ *testing.T, w *world, id vault.PhotoID) { w.allows(id, false) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.inReview()
			before(t, w, id)
			moved := must(w.V.AskRecall(t.Context(), w.records, id, w.foreign, "another patient"))(t)
			ok(t, w.V.SignRecall(t.Context(), w.privacy, moved))
			w.unclaimed()
			w.unseen(id)
			if state, withheld := w.photoState(id); state != vault.StateRejected || withheld != "consent" {
				t.Errorf("moved: %s, withheld %q, want rejected, consent", state, withheld)
			}
			w.allows(id, true)
			w.claim(w.second, id)
			must(w.V.ReadRendition(t.Context(), w.second, id, vault.KindOriginal))(t)
		})
	}
}

// unreached has every retraction that is due fail for good.
func (w *world) unreached(x vault.AttachmentID) {
	w.t.Helper()
	for range 8 {
		job := w.retraction()
		must(w.V.Retraction(w.t.Context(), w.worker, job))(w.t)
		ok(w.t, w.V.RetractionFailed(w.t.Context(), w.worker, job, vault.ErrUnavailable, false))
		w.later(time.Hour)
	}
	if state, _, _ := w.attachment(x); state != vault.AttachmentUnreached {
		w.t.Fatalf("attachment %s, want unreached", state)
	}
}

// TestErasePatientAfterPhoto: the certificate of a patient's erasure does not pass over what an erasure of one of their
// photos has not reached.
func TestErasePatientAfterPhoto(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		photo, x := w.sent()
		first := w.erased("", photo)
		w.unreached(x)
		w.Work(t)
		if w.certificateOf(first).Complete {
			t.Fatal("the photo's certificate is complete, want it to wait for the chart")
		}
		w.leftCopy(w.erased(w.patient, ""), x)
		if !w.certificateOf(first).Complete {
			t.Error("the photo's certificate is not complete, want it to be renewed too")
		}
	})
}

// TestErasePatientAfterMove: nor over the copies in their chart of a photo that was filed under them by mistake; and what the
// receiver told of the patient is forgotten, while the photo goes on as the other patient's.
func TestErasePatientAfterMove(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		other, y := w.sent()
		photo, x := w.sent()
		for _, id := range []vault.PhotoID{other, photo} {
			ok(t, w.V.SignRecall(t.Context(), w.privacy, w.recall(id, w.foreign)))
			if id == other {
				w.retract("deleted")
			}
		}
		w.unreached(x)
		w.leftCopy(w.erased(w.patient, ""), x)
		for _, one := range []vault.AttachmentID{x, y} {
			if kept := w.text(`SELECT progress FROM attachments WHERE id = $1`, string(one)); kept != "{}" {
				t.Errorf("what the receiver told is kept after the erasure: %s", kept)
			}
		}
		for range 2 {
			p := must(w.V.ClaimNext(t.Context(), w.reviewer))(t)
			must(w.V.Approve(t.Context(), w.reviewer, p.ID, drawn(p.Version)))(t)
		}
		must(w.V.Attach(t.Context(), w.records, photo, []string{"fhir"}))(t)
		if d := w.deliver(); d.Patient.ID != w.foreign {
			t.Error("delivered to another chart than the right patient's")
		}
	})
}

// leftCopy expects a patient's certificate to name a copy that a chart still holds, and a second one to be complete once the
// chart has taken it back.
func (w *world) leftCopy(id vault.ErasureID, x vault.AttachmentID) {
	w.t.Helper()
	w.Work(w.t)
	c := w.certificateOf(id)
	if c.Complete || c.Version != 1 || len(c.Copies) != 1 || c.Copies[0].Attachment != x || c.Copies[0].Reached {
		w.t.Fatalf("first certificate: complete %v, version %d, copies %+v", c.Complete, c.Version, c.Copies)
	}
	ok(w.t, w.V.RetryRetraction(w.t.Context(), w.records, x))
	w.retract("entered-in-error")
	w.Work(w.t)
	if c := w.certificateOf(id); !c.Complete || c.Version != 2 || c.Copies[0].How != "entered-in-error" {
		w.t.Errorf("second certificate: complete %v, version %d, copies %+v", c.Complete, c.Version, c.Copies)
	}
}

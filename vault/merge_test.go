package vault_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// numberOf is a patient's record number as the privacy officer reads it.
func (w *world) numberOf(id vault.PatientID) string {
	w.t.Helper()
	return must(w.V.Patient(w.t.Context(), w.privacy, id))(w.t).RecordNumber
}

// merge tells that the record from turned out to be the record to.
func (f *feeder) merge(from, to string) {
	f.t.Helper()
	f.must(f.told(vault.CareMerge, to, "", func(e *vault.CareEvent) { e.Prior, e.Name, e.BirthDate = from, "", "" }))
}

// TestMergeMoves: after a merge everything of the one record is the other's, readable, told in both trails, and the old
// number finds the patient.
func TestMergeMoves(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx, f := t.Context(), w.feeder()
		photo, attachment := w.sent()
		waits := w.waiting()
		original := w.originalOf(photo)
		old, stays := w.numberOf(w.patient), w.numberOf(w.foreign)
		f.merge(old, stays)
		if _, known := f.found(w.author, old); !known {
			t.Error("who treated the old record is not tied to the patient who stays")
		}
		must(w.V.PhotoByID(ctx, w.author, photo))(t) // not moved yet, and seen as before
		w.retract("deleted")
		w.Work(t)
		if state, cause, _ := w.attachment(attachment); state != vault.AttachmentRetracted || cause != "recalled" {
			t.Errorf("attachment %s %s", state, cause)
		}
		for _, id := range []vault.PhotoID{photo, waits} {
			for _, who := range []vault.Actor{w.author, w.outsider} {
				p := must(w.V.PhotoByID(ctx, who, id))(t)
				if p.Patient != w.foreign || p.State != vault.StateInReview {
					t.Errorf("photo of %s in state %s", p.Patient, p.State)
				}
			}
		}
		if again := w.originalOf(photo); !bytes.Equal(again, original) {
			t.Error("the original changed on its way")
		}
		for what, query := range map[string]string{
			"old keys":  `SELECT count(*) FROM patients WHERE id = $1 AND (wrapped_key IS NOT NULL OR name <> '' OR record_number <> id)`,
			"photos":    `SELECT count(*) FROM photos WHERE patient = $1`,
			"words":     `SELECT count(*) FROM words WHERE patient = $1`,
			"live ties": `SELECT count(*) FROM care_team WHERE patient = $1 AND (ended_at IS NULL OR ended_at > 99999999999999)`,
		} {
			if n := w.count(query, string(w.patient)); n != 0 {
				t.Errorf("%s of the old record: %d, want none", what, n)
			}
		}
		if p, known := f.found(w.author, old); !known || p.ID != w.foreign || p.RecordNumber != stays {
			t.Error("the old number does not find the patient")
		}
		_, err := w.V.AddPatient(ctx, vault.Operator(), vault.NewPatient{RecordNumber: old, Name: "Sample Other", BirthDate: "1980-01-01"})
		wants(t, "giving the old number to another", err, vault.ErrConflict)
		for patient, act := range map[vault.PatientID]string{w.patient: "patient.merge", w.foreign: "patient.merge_receive"} {
			trail := must(w.V.AuditOfPatient(ctx, w.privacy, patient, 0, 500))(t)
			if !slices.ContainsFunc(trail, func(e vault.Event) bool { return e.Act == act && e.Outcome == "ok" && e.Photo == string(photo) }) {
				t.Errorf("the trail does not tell of %s", act)
			}
		}
		w.verified()
	})
}

// originalOf is a photo without its covers, as its author reveals it.
func (w *world) originalOf(id vault.PhotoID) []byte {
	w.t.Helper()
	p := must(w.V.Reveal(w.t.Context(), w.author, id, "to compare it with itself"))(w.t)
	return p.Bytes
}

// TestMergeOfNumbers: where the vault knows one record at most, numbers change and nothing is sealed anew.
func TestMergeOfNumbers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := w.feeder()
		old := w.numberOf(w.patient)
		f.merge("NEVER-1", "NEVER-2")
		f.merge("NEVER-1", old) // an unknown number: an alias
		f.merge(old, "NEW-1")   // to an unknown number: the patient gets it
		for _, number := range []string{"NEVER-1", old, "NEW-1"} {
			if p, known := f.found(w.privacy, number); !known || p.ID != w.patient || p.RecordNumber != "NEW-1" {
				t.Errorf("%s finds %v with number %q", number, known, p.RecordNumber)
			}
		}
		f.merge("NEW-1", old) // and back again: a circle
		f.merge("NEW-1", old)
		if p, known := f.found(w.privacy, "NEW-1"); !known || p.RecordNumber != old {
			t.Errorf("back again: known %v, number %q, want %q", known, p.RecordNumber, old)
		}
		if n := w.count(`SELECT count(*) FROM merges`); n != 0 {
			t.Errorf("%d merges of photos, want none", n)
		}
	})
}

// TestMergeByEarlierNumber: a merge that names an earlier number of a record leaves the record's own number to the patient
// who stays, while the photos move and afterwards.
func TestMergeByEarlierNumber(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := w.feeder()
		w.waiting()
		number, stays := w.numberOf(w.patient), w.numberOf(w.foreign)
		f.merge("EARLIER-1", number)
		f.merge("EARLIER-1", stays)
		f.must(f.told(vault.CareIn, number, "V-900"))
		w.Work(t)
		f.must(f.told(vault.CareIn, number, "V-901"))
		if n := w.count(`SELECT count(*) FROM encounters WHERE patient = $1 AND external_id IN ('V-900', 'V-901')`, string(w.foreign)); n != 2 {
			t.Errorf("%d of 2 visits are the patient's who stays", n)
		}
		if n := w.count(`SELECT count(*) FROM patients WHERE record_number = $1`, number); n != 0 {
			t.Error("the number became another patient's")
		}
	})
}

// TestMergeChain: a record that others are being merged into can itself be merged; all of it arrives at the end.
func TestMergeChain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx, f := t.Context(), w.feeder()
		third := must(w.V.AddPatient(ctx, vault.Operator(), vault.NewPatient{RecordNumber: "CHAIN-3", Name: "Sample Third", BirthDate: "1970-01-01"}))(t)
		w.Tie(t, third, w.colleague)
		first, second, last := w.numberOf(w.patient), w.numberOf(w.foreign), w.numberOf(third)
		photo := w.inReview()
		f.merge(first, second)
		f.merge(second, last) // before the job has moved anything
		f.merge(last, first)  // a circle, which is the patient themselves
		w.Work(t)
		if p := must(w.V.PhotoByID(ctx, w.colleague, photo))(t); p.Patient != third {
			t.Errorf("the photo is filed under %s, want %s", p.Patient, third)
		}
		for _, number := range []string{first, second, last} {
			if p, known := f.found(w.outsider, number); !known || p.ID != third {
				t.Errorf("%s does not find the patient who is left", number)
			}
		}
		if n := w.count(`SELECT count(*) FROM patients WHERE merged_into IS NOT NULL AND merged_into <> $1`, string(third)); n != 0 {
			t.Errorf("%d records lead to a record that ended", n)
		}
		w.verified()
	})
}

// TestMergeLateCapture: a photo taken of the old record, that was offline while the records were merged, is the patient's.
func TestMergeLateCapture(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := w.feeder()
		late := w.Capture(t, w.author, w.patient, w.picture)
		f.merge(w.numberOf(w.patient), w.numberOf(w.foreign))
		w.Work(t)
		photo := vault.PhotoID(w.Send(t, w.author, late).PhotoID)
		w.Work(t)
		if p := must(w.V.PhotoByID(t.Context(), w.outsider, photo))(t); p.Patient != w.foreign || p.State != vault.StateInReview {
			t.Errorf("the late photo is filed under %s in state %s", p.Patient, p.State)
		}
	})
}

// TestMergeHeld: a legal hold goes along. Everything that was kept is kept, and nothing can be erased, at any moment.
func TestMergeHeld(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx, f := t.Context(), w.feeder()
		photo := w.approved()
		must(w.V.PlaceHold(ctx, w.privacy, w.patient, "", "the court asks for all of it"))(t)
		must(w.V.PlaceHold(ctx, w.privacy, "", photo, "and for this one above all"))(t)
		before := w.count(`SELECT count(*) FROM renditions WHERE photo = $1 AND wrapped_key IS NOT NULL`, string(photo))
		f.merge(w.numberOf(w.patient), w.numberOf(w.foreign))
		_, err := w.V.AskErasure(ctx, w.privacy, w.foreign, "", "while they are being merged")
		wants(t, "erasing while records are merged", err, vault.ErrConflict)
		w.Work(t)
		after := w.count(`SELECT count(*) FROM renditions r JOIN photos f ON f.id = r.photo WHERE f.patient = $2 AND r.photo = $1
			AND r.wrapped_key IS NOT NULL`, string(photo), string(w.foreign))
		if after != before {
			t.Errorf("%d pictures are kept, were %d", after, before)
		}
		_, err = w.V.AskErasure(ctx, w.privacy, w.foreign, "", "the hold came along")
		wants(t, "erasing what is held", err, vault.ErrConflict)
		_, err = w.V.AskErasure(ctx, w.privacy, "", photo, "the hold came along")
		wants(t, "erasing the photo that is held", err, vault.ErrConflict)
		holds := must(w.V.Holds(ctx, w.privacy, w.foreign))(t)
		live := 0
		for _, h := range holds {
			if h.LiftedAt == 0 {
				live++
				if h.Reason == "" {
					t.Error("the reason of a hold does not open any more")
				}
			}
		}
		if live != 2 {
			t.Errorf("%d holds are live, want 2 of %d", live, len(holds))
		}
		w.verified()
	})
}

// TestMergeErased: an erased patient is neither a merge's source nor its target; the number begins anew.
func TestMergeErased(t *testing.T) {
	w := newWorld(t)
	ctx, f := t.Context(), w.feeder()
	old, stays := w.numberOf(w.patient), w.numberOf(w.foreign)
	id := must(w.V.AskErasure(ctx, w.records, w.patient, "", "the patient asked for it"))(t)
	ok(t, w.V.SignErasure(ctx, w.privacy, id))
	w.Work(t)
	f.merge(old, stays)
	if n := w.count(`SELECT count(*) FROM merges`); n != 0 {
		t.Errorf("%d merges with an erased patient", n)
	}
	if p, known := f.found(w.privacy, old); !known || p.ID != w.foreign {
		t.Error("the number of the erased patient does not find who stays")
	}
	erase := must(w.V.AskErasure(ctx, w.records, w.foreign, "", "this one too"))(t)
	ok(t, w.V.SignErasure(ctx, w.privacy, erase))
	for what, query := range map[string]string{
		"old numbers":   `SELECT count(*) FROM patient_aliases`,
		"visit numbers": `SELECT count(*) FROM encounters WHERE external_id <> ''`,
	} {
		if n := w.count(query); n != 0 {
			t.Errorf("%d %s are left after the erasure", n, what)
		}
	}
}

// TestMergeManyPhotos: fifty photos move, also when the store fails now and then on the way.
func TestMergeManyPhotos(t *testing.T) {
	w := newWorld(t)
	ctx, f := t.Context(), w.feeder()
	var photos []vault.PhotoID
	for i := range 50 {
		w.picture = vaulttest.Picture(t, 64, 48, byte(i))
		photos = append(photos, w.waiting())
	}
	w.Work(t)
	f.merge(w.numberOf(w.patient), w.numberOf(w.foreign))
	fails := 0
	w.Blobs.OnOp(func(int, vaulttest.Op, string) vaulttest.Fault {
		if fails++; fails%40 == 0 {
			return vaulttest.Refuse
		}
		return vaulttest.Apply
	})
	for try := 0; w.count(`SELECT count(*) FROM merges WHERE state = 'moving'`) > 0; try++ {
		if try > 60 {
			t.Fatal("the merge does not come to its end")
		}
		job := w.mergeJob()
		if err := w.V.MovePatient(ctx, w.worker, job); err != nil {
			ok(t, w.V.FailJob(ctx, w.worker, job, err, false))
			w.change(`UPDATE jobs SET run_at = 0, attempts = 0 WHERE kind = 'merge' AND state <> 'done'`)
		}
	}
	w.Blobs.OnOp(nil)
	for _, id := range photos {
		if p := must(w.V.PhotoByID(ctx, w.outsider, id))(t); p.Patient != w.foreign {
			t.Errorf("%s did not move", id)
		}
		must(w.V.ReadRendition(ctx, w.outsider, id, vault.KindCoveredThumb))(t)
	}
	if moved := w.text(`SELECT CAST(moved AS TEXT) FROM merges`); moved != fmt.Sprint(len(photos)) {
		t.Errorf("%s photos are said to have moved, want %d", moved, len(photos))
	}
	w.verified()
}

// mergeJob claims the job of a merge.
func (w *world) mergeJob() *vault.Job {
	w.t.Helper()
	for {
		job := must(w.V.ClaimJob(w.t.Context(), w.worker, time.Minute))(w.t)
		if job == nil {
			w.t.Fatal("no merge is due")
		}
		if job.Kind == vault.JobMerge {
			return job
		}
		ok(w.t, w.V.FailJob(w.t.Context(), w.worker, job, nil, true))
	}
}

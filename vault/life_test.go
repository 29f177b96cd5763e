package vault_test

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// officer is a second privacy officer.
func (w *world) officer() vault.Actor {
	w.t.Helper()
	return w.Person(w.t, "officer", vault.RolePrivacy)
}

// says has a clinician write down what the patient says on a purpose.
func (w *world) says(id vault.PhotoID, purpose string, allowed bool) vault.Consent {
	w.t.Helper()
	return must(w.V.ChangeConsent(w.t.Context(), w.author, id, vault.ConsentChange{Purpose: purpose, Allowed: allowed, How: "verbal"}))(w.t)
}

// sent is an approved photo of which one chart holds a copy.
func (w *world) sent() (vault.PhotoID, vault.AttachmentID) {
	w.t.Helper()
	id := w.approved()
	x := must(w.V.Attach(w.t.Context(), w.records, id, []string{"fhir"}))(w.t)[0].ID
	w.deliver()
	return id, x
}

// retract does one retraction as a chart that takes back what it holds.
func (w *world) retract(how string) *vault.Retraction {
	w.t.Helper()
	job := w.retraction()
	r := must(w.V.Retraction(w.t.Context(), w.worker, job))(w.t)
	ok(w.t, w.V.SaveRetraction(w.t.Context(), w.worker, job, json.RawMessage(`{"step":"asked"}`)))
	ok(w.t, w.V.Retracted(w.t.Context(), w.worker, job, json.RawMessage(`{"step":"read back"}`), how))
	return r
}

// retraction claims the next job of that kind; erasures and holds that are due go first.
func (w *world) retraction() *vault.Job {
	w.t.Helper()
	for {
		job := must(w.V.ClaimJob(w.t.Context(), w.worker, time.Minute))(w.t)
		switch {
		case job == nil:
			w.t.Fatal("no retraction is due")
		case job.Kind == vault.JobRetract:
			return job
		case job.Kind == vault.JobErase:
			ok(w.t, w.V.FinishErasure(w.t.Context(), w.worker, job))
		case job.Kind == vault.JobHold:
			ok(w.t, w.V.CarryHold(w.t.Context(), w.worker, job))
		case job.Kind == vault.JobMerge:
			ok(w.t, w.V.MovePatient(w.t.Context(), w.worker, job))
		case job.Kind == vault.JobProcess:
			ok(w.t, w.V.ProcessCapture(w.t.Context(), w.worker, job))
		default:
			w.t.Fatalf("job of kind %s is due", job.Kind)
		}
	}
}

// attachment is an attachment as it is now, past the rights, which may have ended.
func (w *world) attachment(id vault.AttachmentID) (state, cause, how string) {
	w.t.Helper()
	ok(w.t, w.db().QueryRowContext(w.t.Context(), `SELECT state, retract_cause, retract_how FROM attachments WHERE id = $1`, string(id)).
		Scan(&state, &cause, &how))
	return state, cause, how
}

// jobState is the state of a job past the vault; empty when there is none.
func (w *world) jobState(kind, subject string) string {
	w.t.Helper()
	if w.count(`SELECT count(*) FROM jobs WHERE kind = $1 AND subject = $2`, kind, subject) == 0 {
		return ""
	}
	var state string
	ok(w.t, w.db().QueryRowContext(w.t.Context(), `SELECT state FROM jobs WHERE kind = $1 AND subject = $2`, kind, subject).Scan(&state))
	return state
}

// photoState is a photo's state past the rights.
func (w *world) photoState(id vault.PhotoID) (state, withheld string) {
	w.t.Helper()
	ok(w.t, w.db().QueryRowContext(w.t.Context(), `SELECT state, withheld FROM photos WHERE id = $1`, string(id)).Scan(&state, &withheld))
	return state, withheld
}

// keysOf counts the keys that a photo's renditions of some kinds still have; of all kinds when none is named.
func (w *world) keysOf(id vault.PhotoID, kinds ...string) int {
	w.t.Helper()
	query := `SELECT count(*) FROM renditions WHERE photo = $1 AND wrapped_key IS NOT NULL`
	if len(kinds) > 0 {
		query += ` AND kind IN ('` + strings.Join(kinds, "','") + `')`
	}
	return w.count(query, string(id))
}

var redactedOnes = []string{vault.KindRedacted, vault.KindRedactedThumb, vault.KindRedactedDisplay}

// unseen fails the test when anybody sees any picture of a photo.
func (w *world) unseen(id vault.PhotoID) {
	w.t.Helper()
	for _, kind := range []string{vault.KindOriginal, vault.KindThumb, vault.KindDisplay, vault.KindCoveredThumb, vault.KindCoveredDisplay,
		vault.KindRedacted, vault.KindRedactedThumb, vault.KindRedactedDisplay} {
		for _, a := range []vault.Actor{w.author, w.colleague, w.reviewer, w.records, w.privacy, w.admin} {
			if p, err := w.V.ReadRendition(w.t.Context(), a, id, kind); !refused(err) || len(p.Bytes) > 0 {
				w.t.Errorf("%s seen by %s: got %v, want it refused", kind, a.Name(), err)
			}
		}
	}
	_, err := w.V.Reveal(w.t.Context(), w.author, id, "to see it all the same")
	if !refused(err) {
		w.t.Errorf("revealed: got %v, want it refused", err)
	}
	_, err = w.V.Certificate(w.t.Context(), w.author, id)
	if !refused(err) {
		w.t.Errorf("certificate: got %v, want it refused", err)
	}
}

// allowing is an approved photo whose patient allows all purposes.
func (w *world) allowing() vault.PhotoID {
	w.t.Helper()
	w.Send(w.t, w.author, w.Capture(w.t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) {
		f.Consent = seal.Consent{Record: true, Teaching: true, Publication: true}
	}))
	w.Work(w.t)
	p := must(w.V.ClaimNext(w.t.Context(), w.reviewer))(w.t)
	must(w.V.Approve(w.t.Context(), w.reviewer, p.ID, drawn(p.Version)))(w.t)
	return p.ID
}

// TestPeopleOfErasedPatients: nobody finds a patient who was erased, by any way in.
func TestPeopleOfErasedPatients(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		id := w.approved()
		w.erased(w.patient, "")
		_, err := w.V.Patient(t.Context(), w.author, w.patient)
		wants(t, "the care team reads the patient", err, vault.ErrNotFound)
		_, err = w.V.Patient(t.Context(), w.privacy, w.patient)
		wants(t, "privacy reads the patient", err, vault.ErrNotFound)
		for _, a := range []vault.Actor{w.author, w.records, w.privacy} {
			for _, query := range []string{"", "synthetic", "TEST-", string(w.patient)[:8]} {
				for _, p := range must(w.V.FindPatients(t.Context(), a, query))(t) {
					if p.ID == w.patient {
						t.Errorf("%s finds the erased patient by %q", a.Name(), query)
					}
				}
			}
		}
		w.unseen(id)
		if mine := must(w.V.MyCaptures(t.Context(), w.author, 100))(t); len(mine) != 0 {
			t.Errorf("the author still sees %d captures", len(mine))
		}
		if got := must(w.V.AuditOfPatient(t.Context(), w.privacy, w.patient, 0, 500))(t); len(got) < 5 ||
			!slices.ContainsFunc(got, func(e vault.Event) bool { return e.Act == "erasure.sign" }) {
			t.Errorf("the erased patient's trail has %d events, want the erasure among them", len(got))
		}
		w.verified()
	})
}

// erased has a patient, or one photo, erased by two people, and everything it has to reach reached but copies in charts.
func (w *world) erased(patient vault.PatientID, photo vault.PhotoID) vault.ErasureID {
	w.t.Helper()
	ctx := w.t.Context()
	id := must(w.V.AskErasure(ctx, w.records, patient, photo, "asked for by the patient"))(w.t)
	ok(w.t, w.V.SignErasure(ctx, w.privacy, id))
	return id
}

// finish does the erasure's job once.
func (w *world) finish() {
	w.t.Helper()
	ok(w.t, w.V.FinishErasure(w.t.Context(), w.worker, w.job(vault.JobErase)))
}

// later moves the clock and lets the people sign in again.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.Clock.Add(d)
	w.renewSessions()
}

func digest(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

// during has fn, which touches no object, run in the middle of the next act: at its first step in the store.
func (w *world) during(fn func()) {
	var once sync.Once
	w.Blobs.OnOp(func(int, vaulttest.Op, string) vaulttest.Fault {
		once.Do(fn)
		return vaulttest.Apply
	})
}

func contains(text, word string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(word))
}

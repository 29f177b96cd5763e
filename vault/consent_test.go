package vault_test

import (
	"errors"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// TestConsentIsTheNewestWord: what the patient said last on a purpose counts, on each purpose by itself.
func TestConsentIsTheNewestWord(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		capture := w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) {
			f.Consent = seal.Consent{Record: true, Publication: true}
		})
		id := vault.PhotoID(w.Send(t, w.author, capture).PhotoID)
		consent := func() vault.Consent { return must(w.V.PhotoByID(t.Context(), w.author, id))(t).Consent }
		if got, want := consent(), (vault.Consent{Record: true, Publication: true}); got != want {
			t.Errorf("at capture %+v, want %+v", got, want)
		}
		for i, step := range []struct {
			purpose string
			allowed bool
			want    vault.Consent
		}{
			{"publication", false, vault.Consent{Record: true}},
			{"teaching", true, vault.Consent{Record: true, Teaching: true}},
			{"record", false, vault.Consent{Teaching: true}},
			{"record", true, vault.Consent{Record: true, Teaching: true}},
		} {
			w.change(`INSERT INTO consents (photo, purpose, version, allowed, taken_by, taken_at) VALUES ($1, $2, $3, $4, $5, 0)`,
				string(id), step.purpose, i+2, step.allowed, string(w.author.Person()))
			if got := consent(); got != step.want {
				t.Errorf("after %s %v: %+v, want %+v", step.purpose, step.allowed, got, step.want)
			}
		}
	})
}

// TestWithdrawnBeforeDelivery: a delivery that was asked for is not made once the patient has withdrawn.
func TestWithdrawnBeforeDelivery(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	x := must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)[0].ID
	w.change(`INSERT INTO consents (photo, purpose, version, allowed, taken_by, taken_at) VALUES ($1, 'record', 2, false, $2, 0)`,
		string(id), string(w.author.Person()))
	job := w.job(vault.JobDeliver)
	_, err := w.V.Delivery(t.Context(), w.worker, job)
	wants(t, "delivering", err, vault.ErrConflict)
	ok(t, w.V.DeliveryFailed(t.Context(), w.worker, job, err, true))
	wants(t, "retrying", w.V.RetryAttachment(t.Context(), w.records, x), vault.ErrConflict)
}

// TestCommandsNeedNoImaging: the operator's commands open the vault without a pool; whatever needs one says so, and
// nothing is lost.
func TestCommandsNeedNoImaging(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	p := w.claim(w.reviewer, id)
	next := w.waiting()
	w.Cfg.Imaging = nil
	w.reopen()
	job := w.job(vault.JobProcess)
	wants(t, "processing", w.V.ProcessCapture(t.Context(), w.worker, job), vault.ErrUnavailable)
	_, err := w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version))
	wants(t, "approving", err, vault.ErrUnavailable)
	pool, err := imaging.NewPool(imaging.PoolConfig{InProcess: true})
	ok(t, err)
	w.Cfg.Imaging = pool
	w.reopen()
	ok(t, w.V.ProcessCapture(t.Context(), w.worker, job))
	if state, _ := w.state(next); state != vault.StateInReview {
		t.Errorf("state %s after the pool came back, want in_review", state)
	}
	must(w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)))(t)
}

// reopen restarts the vault on the same data: everything that matters outlives the process, sessions and claims too.
func (w *world) reopen() {
	w.t.Helper()
	w.Reopen(w.t)
}

// TestRestart: a photo on its way goes on after a restart at every stage.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	id := w.waiting()
	w.reopen()
	w.Work(t)
	w.reopen()
	p := w.claim(w.reviewer, id)
	w.reopen()
	must(w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)))(t)
	must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)
	w.reopen()
	w.deliver()
	w.reopen()
	if x := must(w.V.Attachments(t.Context(), w.records, id))(t); len(x) != 1 || x[0].State != vault.AttachmentAttached {
		t.Errorf("attachments %+v", x)
	}
	w.verified()
	ok(t, w.V.DisablePerson(t.Context(), w.admin, "author"))
	w.reopen()
	if _, err := w.V.PhotoByID(t.Context(), w.author, id); !errors.Is(err, vault.ErrUnauthenticated) {
		t.Errorf("a disabled person after a restart: got %v, want %v", err, vault.ErrUnauthenticated)
	}
}

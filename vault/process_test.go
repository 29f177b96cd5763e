package vault_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// send has the author send any bytes as a photo.
func (w *world) send(picture []byte) vault.PhotoID {
	w.t.Helper()
	return vault.PhotoID(w.Send(w.t, w.author, w.Capture(w.t, w.author, w.patient, picture)).PhotoID)
}

// bomb is a small JPEG whose header claims 60,000 × 60,000 pixels.
func bomb(t testing.TB) []byte {
	t.Helper()
	b := vaulttest.Picture(t, 64, 64, 1)
	i := strings.Index(string(b), "\xff\xc0") // SOF0 (ITU-T T.81, B.2.2): length, precision, lines, samples per line
	copy(b[i+5:], []byte{0xea, 0x60, 0xea, 0x60})
	return b
}

func TestQuarantine(t *testing.T) {
	whole := vaulttest.Picture(t, 320, 240, 7)
	for _, c := range []struct {
		name    string
		picture []byte
		reason  error
	}{
		{"not a picture", []byte("just some text that is no picture at all"), imaging.ErrNotPicture},
		{"truncated", whole[:len(whole)/2], imaging.ErrTruncated},
		{"bomb", bomb(t), imaging.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			id := w.send(c.picture)
			w.Work(t)
			state, reason := w.state(id)
			if want := imaging.Reason(c.reason); state != vault.StateQuarantined || reason != want {
				t.Errorf("state %s because %q, want quarantined because %q", state, reason, want)
			}
			if n := w.count(`SELECT count(*) FROM renditions`) + w.count(`SELECT count(*) FROM jobs WHERE state <> 'done'`); n != 0 {
				t.Errorf("%d renditions and open jobs", n)
			}
			if p := must(w.V.ClaimNext(t.Context(), w.reviewer))(t); p != nil {
				t.Error("a quarantined photo is in the review queue")
			}
			_, err := w.V.ReadRendition(t.Context(), w.author, id, vault.KindCoveredThumb)
			wants(t, "reading it", err, vault.ErrNotFound)
			w.verified()
		})
	}
}

// TestStoreIsNotTrusted: an envelope that is not what was stored is never read as a picture, and is reported.
func TestStoreIsNotTrusted(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(w *world, name string)
		tries  int
	}{
		{"altered", func(w *world, name string) {
			b := w.Blobs.Bytes(name)
			b[len(b)-1] ^= 1
			w.Blobs.Tamper(name, b)
		}, 1},
		{"longer", func(w *world, name string) { w.Blobs.Tamper(name, append(w.Blobs.Bytes(name), 0)) }, 1},
		{"another's capture", func(w *world, name string) {
			w.Blobs.Tamper(name, w.Capture(w.t, w.author, w.patient, w.picture).Envelope)
		}, 1},
		{"gone", func(w *world, name string) { w.Blobs.Tamper(name, nil) }, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			id := w.waiting()
			c.tamper(w, w.Blobs.Names()[0])
			for n := 1; n <= c.tries; n++ {
				job := w.job(vault.JobProcess)
				err := w.V.ProcessCapture(t.Context(), w.worker, job)
				if n < c.tries {
					wants(t, "an early try", err, vault.ErrAbsent)
					ok(t, w.V.FailJob(t.Context(), w.worker, job, err, false))
					w.Clock.Add(time.Hour)
					w.renewSessions()
					continue
				}
				ok(t, err)
			}
			if state, reason := w.state(id); state != vault.StateQuarantined || !strings.Contains(reason, "store") {
				t.Errorf("state %s because %q, want quarantined because of the store", state, reason)
			}
			if w.V.IntegrityRefusals() != 1 {
				t.Errorf("%d refusals counted, want 1", w.V.IntegrityRefusals())
			}
			if got := strings.Join(w.events(id), ","); !strings.Contains(got, "integrity.refused refused") {
				t.Errorf("events %s do not report it", got)
			}
		})
	}
}

// renewSessions signs everybody in again, after the clock has moved far.
func (w *world) renewSessions() {
	w.t.Helper()
	for login, a := range map[string]*vault.Actor{"author": &w.author, "reviewer": &w.reviewer, "second": &w.second,
		"colleague": &w.colleague, "records": &w.records, "privacy": &w.privacy} {
		*a = w.SignIn(w.t, login)
	}
}

// TestProcessFaults kills processing at every step of the store, in both ways, with and without losing the lease, and
// runs the job again: one photo comes out, whole, and nothing is left over.
func TestProcessFaults(t *testing.T) {
	for _, fault := range []vaulttest.Fault{vaulttest.Refuse, vaulttest.Lose} {
		for step := 1; ; step++ {
			w := newWorld(t)
			id := w.waiting()
			w.Blobs.FaultAt(step, fault)
			err := w.V.ProcessCapture(t.Context(), w.worker, w.job(vault.JobProcess))
			hit := w.Blobs.Steps() >= step
			w.Blobs.OnOp(nil)
			if !hit {
				ok(t, err)
				break
			}
			wants(t, "with a fault", err, vault.ErrUnavailable)
			if state, _ := w.state(id); state != vault.StateAccepted {
				t.Errorf("fault %d at step %d: state %s, want accepted", fault, step, state)
			}
			w.Clock.Add(2 * time.Minute) // the worker died: its lease runs out
			w.Work(t)
			w.finished(id)
		}
	}
}

// finished checks a processed photo and what the store holds for it.
func (w *world) finished(id vault.PhotoID) {
	w.t.Helper()
	if state, _ := w.state(id); state != vault.StateInReview {
		w.t.Errorf("state %s, want in_review", state)
	}
	w.sweepTwice()
	if rows, blobs := w.count(`SELECT count(*) FROM renditions`), w.Blobs.Names(); rows != 5 || len(blobs) != 5 {
		w.t.Errorf("%d renditions, blobs %v, want five of each", rows, blobs)
	}
	w.renewSessions()
	w.claim(w.reviewer, id)
	for _, kind := range []string{vault.KindOriginal, vault.KindThumb, vault.KindDisplay, vault.KindCoveredThumb, vault.KindCoveredDisplay} {
		if p := must(w.V.ReadRendition(w.t.Context(), w.reviewer, id, kind))(w.t); !isJPEG(p.Bytes) {
			w.t.Errorf("%s is not a JPEG", kind)
		}
	}
}

// TestProcessCrashBeforeCommit: the renditions are stored, the transaction is not; the next run finishes.
func TestProcessCrashBeforeCommit(t *testing.T) {
	w := newWorld(t)
	id := w.waiting()
	job := w.job(vault.JobProcess)
	w.change(`CREATE TRIGGER stop BEFORE INSERT ON renditions BEGIN SELECT RAISE(ABORT, 'stopped by the test'); END`)
	if err := w.V.ProcessCapture(t.Context(), w.worker, job); err == nil {
		t.Fatal("processed although no rendition could be written")
	}
	w.change(`DROP TRIGGER stop`)
	w.Clock.Add(2 * time.Minute)
	w.Work(t)
	w.finished(id)
}

// TestProcessTwice: a worker that was slow and lost its lease changes nothing any more.
func TestProcessTwice(t *testing.T) {
	w := newWorld(t)
	id := w.waiting()
	slow := w.job(vault.JobProcess)
	w.Clock.Add(2 * time.Minute)
	w.Work(t)
	before := w.events(id)
	wants(t, "the slow worker", w.V.ProcessCapture(t.Context(), w.worker, slow), vault.ErrConflict)
	if after := w.count(`SELECT count(*) FROM renditions`); after != 5 {
		t.Errorf("%d renditions, want 5", after)
	}
	if got := w.count(`SELECT count(*) FROM audit_events WHERE act = 'photo.ingest' AND outcome = 'ok'`); got != 1 {
		t.Errorf("ingested %d times: %v", got, before)
	}
	w.finished(id)
}

func TestProcessStopsWithItsContext(t *testing.T) {
	w := newWorld(t)
	id := w.waiting()
	ctx, cancel := context.WithCancel(t.Context())
	w.Blobs.OnOp(func(int, vaulttest.Op, string) vaulttest.Fault { cancel(); return vaulttest.Apply })
	if err := w.V.ProcessCapture(ctx, w.worker, w.job(vault.JobProcess)); err == nil {
		t.Fatal("went on after its context ended")
	}
	w.Blobs.OnOp(nil)
	if state, _ := w.state(id); state != vault.StateAccepted {
		t.Errorf("state %s, want accepted: a shutdown is no verdict on the photo", state)
	}
	w.Clock.Add(2 * time.Minute)
	w.Work(t)
	w.finished(id)
}

func TestIngestTakesOnlyStills(t *testing.T) {
	w := newWorld(t)
	w.waiting()
	job := w.job(vault.JobProcess)
	for name, s := range map[string]*imaging.Still{"nil": nil, "zero": {}} {
		err := w.V.Ingest(t.Context(), w.worker, job, s, vault.Derived{})
		wants(t, name+" still", err, vault.ErrInvalid)
	}
	wants(t, "no job", w.V.Ingest(t.Context(), w.worker, nil, nil, vault.Derived{}), vault.ErrInvalid)
	wants(t, "job of another kind", w.V.ProcessCapture(t.Context(), w.worker, &vault.Job{Kind: vault.JobDeliver}), vault.ErrInvalid)
	if n := w.count(`SELECT count(*) FROM renditions`); n != 0 {
		t.Errorf("%d renditions of no picture", n)
	}
	if errors.Is(w.V.ProcessCapture(t.Context(), w.worker, job), vault.ErrConflict) {
		t.Error("the job can no longer be done")
	}
}

package vault_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestRetractionOfEachState: what a chart cannot hold is retracted at once; of all else the chart is asked.
func TestRetractionOfEachState(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *world)
		want string
	}{
		{"never begun", func(*world) {}, vault.AttachmentRetracted},
		{"begun, answer unknown", func(w *world) {
			must(w.V.Delivery(w.t.Context(), w.worker, w.job(vault.JobDeliver)))(w.t)
		}, vault.AttachmentRetracting},
		{"failed", func(w *world) {
			job := w.job(vault.JobDeliver)
			must(w.V.Delivery(w.t.Context(), w.worker, job))(w.t)
			ok(w.t, w.V.DeliveryFailed(w.t.Context(), w.worker, job, errors.New("the chart says no"), true))
		}, vault.AttachmentRetracting},
		{"failed and tried anew", func(w *world) {
			job := w.job(vault.JobDeliver)
			d := must(w.V.Delivery(w.t.Context(), w.worker, job))(w.t)
			ok(w.t, w.V.DeliveryFailed(w.t.Context(), w.worker, job, errors.New("the chart says no"), true))
			ok(w.t, w.V.RetryAttachment(w.t.Context(), w.records, d.Attachment))
		}, vault.AttachmentRetracting},
		{"attached", func(w *world) { w.deliver() }, vault.AttachmentRetracting},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			id := w.approved()
			x := must(w.V.Attach(t.Context(), w.records, id, []string{"dicom"}))(t)[0].ID
			c.do(w)
			w.says(id, "record", false)
			state, cause, how := w.attachment(x)
			if state != c.want || cause != "withdrawn" || (how == "never-sent") != (c.want == vault.AttachmentRetracted) {
				t.Errorf("attachment %s %s %s, want %s", state, cause, how, c.want)
			}
			if state := w.jobState("deliver", string(x)); state != "done" {
				t.Errorf("delivery job %s, want it stopped", state)
			}
			w.Clock.Add(3 * time.Minute)
			if c.want == vault.AttachmentRetracted {
				if job := must(w.V.ClaimJob(t.Context(), w.worker, time.Minute))(t); job != nil {
					t.Errorf("job of kind %s is due", job.Kind)
				}
				return
			}
			if r := w.retract("deleted"); r.Target != "dicom" || r.Photo != id || r.Cause != "withdrawn" || r.RequestedAt == 0 {
				t.Errorf("retraction %+v", *r)
			}
		})
	}
}

// TestRetractionJob: each step is durable, done once, and by whoever holds the lease.
func TestRetractionJob(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id, x := w.sent()
		w.says(id, "record", false)
		job := w.job(vault.JobRetract)
		r := must(w.V.Retraction(ctx, w.worker, job))(t)
		if string(r.Progress) != `{"link":"receiver/1"}` || r.Attachment != x {
			t.Errorf("retraction %+v, progress %s", *r, r.Progress)
		}
		ok(t, w.V.SaveRetraction(ctx, w.worker, job, json.RawMessage(`{"link":"receiver/1","asked":true}`)))
		for name, progress := range map[string]string{"no JSON": "{", "no object": "[]", "long": `{"x":"` + strings.Repeat("x", 17<<10) + `"}`} {
			wants(t, name, w.V.SaveRetraction(ctx, w.worker, job, json.RawMessage(progress)), vault.ErrInvalid)
		}
		wants(t, "an unknown how", w.V.Retracted(ctx, w.worker, job, json.RawMessage(`{}`), "forgotten"), vault.ErrInvalid)
		w.Clock.Add(2 * time.Minute) // the worker was killed; another takes over
		fresh := w.job(vault.JobRetract)
		wants(t, "the slow worker", w.V.Retracted(ctx, w.worker, job, json.RawMessage(`{}`), "deleted"), vault.ErrConflict)
		if r := must(w.V.Retraction(ctx, w.worker, fresh))(t); !strings.Contains(string(r.Progress), "asked") {
			t.Errorf("progress after a restart: %s", r.Progress)
		}
		ok(t, w.V.Retracted(ctx, w.worker, fresh, json.RawMessage(`{}`), "deleted"))
		wants(t, "twice", w.V.Retracted(ctx, w.worker, fresh, json.RawMessage(`{}`), "deleted"), vault.ErrConflict)
		_, err := w.V.Retraction(ctx, w.worker, fresh)
		wants(t, "nothing left", err, vault.ErrConflict)
		for name, job := range map[string]*vault.Job{"no job": nil, "another kind": lost(vault.JobDeliver, string(x))} {
			_, err := w.V.Retraction(ctx, w.worker, job)
			wants(t, name, err, vault.ErrInvalid)
		}
	})
}

// TestRetractionFails: after eight tries, or one lasting failure, the copy is shown as unreached and can be tried anew.
func TestRetractionFails(t *testing.T) {
	for _, permanent := range []bool{false, true} {
		w := newWorld(t)
		id, x := w.sent()
		w.says(id, "record", false)
		tries := 0
		for {
			job := w.job(vault.JobRetract)
			must(w.V.Retraction(t.Context(), w.worker, job))(t)
			ok(t, w.V.RetractionFailed(t.Context(), w.worker, job, errors.New("the chart does not answer"), permanent))
			tries++
			if state, _, _ := w.attachment(x); state == vault.AttachmentUnreached {
				break
			}
			w.Clock.Add(time.Hour)
		}
		if want := map[bool]int{false: 8, true: 1}[permanent]; tries != want {
			t.Errorf("permanent %v: unreached after %d tries, want %d", permanent, tries, want)
		}
		w.renewSessions()
		got := must(w.V.Retractions(t.Context(), w.privacy))(t)
		if len(got) != 1 || got[0].State != vault.AttachmentUnreached || got[0].LastError != "the chart does not answer" || got[0].Cause != "withdrawn" {
			t.Errorf("unreached: %+v", got)
		}
		if dead := must(w.V.DeadJobs(t.Context(), vault.Operator()))(t); len(dead) != 0 {
			t.Errorf("%d dead jobs beside the unreached copy", len(dead))
		}
		ok(t, w.V.RetryRetraction(t.Context(), w.records, x))
		w.retract("entered-in-error")
		wants(t, "retrying nothing", w.V.RetryRetraction(t.Context(), w.records, "none"), vault.ErrNotFound)
	}
}

// TestRetractionNamesTheLastCause: a copy that is being taken back for a withdrawal is one of the erasure that follows.
func TestRetractionNamesTheLastCause(t *testing.T) {
	w := newWorld(t)
	photo, x := w.sent()
	w.says(photo, "record", false)
	id := w.erased("", photo)
	if r := w.retract("deleted"); r.Cause != "erased" {
		t.Errorf("cause %s, want erased", r.Cause)
	}
	w.Work(t)
	if c := w.certificateOf(id); len(c.Copies) != 1 || !c.Copies[0].Reached {
		t.Errorf("copies %+v", c.Copies)
	}
	if progress := w.text(`SELECT progress FROM attachments WHERE id = $1`, string(x)); progress != "{}" {
		t.Errorf("progress %s after the erasure, want it forgotten", progress)
	}
}

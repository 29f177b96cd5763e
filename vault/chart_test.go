package vault_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

func yes(b bool) *bool { return &b }

func TestApprovedPhotos(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		visit := must(w.V.AddEncounter(t.Context(), vault.Operator(), w.patient, "visit", w.Clock.Now()))(t)
		w.Send(t, w.author, w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) { f.Encounter = string(visit) }))
		w.Work(t)
		p := must(w.V.ClaimNext(t.Context(), w.reviewer))(t)
		must(w.V.Approve(t.Context(), w.reviewer, p.ID, drawn(p.Version)))(t)
		w.inReview() // not released, so not for records
		for _, c := range []struct {
			name   string
			filter vault.ApprovedFilter
			want   int
		}{
			{"all", vault.ApprovedFilter{}, 1},
			{"of the patient", vault.ApprovedFilter{Patient: w.patient}, 1},
			{"of another", vault.ApprovedFilter{Patient: w.foreign}, 0},
			{"of the encounter", vault.ApprovedFilter{Encounter: visit}, 1},
			{"of another encounter", vault.ApprovedFilter{Encounter: "none"}, 0},
			{"by number", vault.ApprovedFilter{Query: "test-000001"}, 1},
			{"by name", vault.ApprovedFilter{Patient: w.patient, Query: "patient 1"}, 1},
			{"by another name", vault.ApprovedFilter{Query: "nobody"}, 0},
			{"by a wildcard", vault.ApprovedFilter{Query: "%"}, 0},
			{"not attached", vault.ApprovedFilter{Attached: yes(false)}, 1},
			{"attached", vault.ApprovedFilter{Attached: yes(true)}, 0},
		} {
			got := must(w.V.ApprovedPhotos(t.Context(), w.records, c.filter))(t)
			if len(got) != c.want {
				t.Errorf("%s: %d photos, want %d", c.name, len(got), c.want)
			}
			for _, p := range got {
				if p.RecordNumber == "" || p.EncounterLabel != "visit" || p.Regions != nil || p.Note != "" {
					t.Errorf("%s: records see %#v", c.name, p)
				}
			}
		}
		must(w.V.Attach(t.Context(), w.records, p.ID, nil))(t)
		w.deliver()
		half := must(w.V.ApprovedPhotos(t.Context(), w.records, vault.ApprovedFilter{Attached: yes(true)}))(t)
		w.deliver()
		whole := must(w.V.ApprovedPhotos(t.Context(), w.records, vault.ApprovedFilter{Attached: yes(true)}))(t)
		if len(half) != 0 || len(whole) != 1 {
			t.Errorf("attached: %d after one chart, %d after both, want 0 and 1", len(half), len(whole))
		}
	})
}

func TestAttach(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := w.approved()
	_, err := w.V.Attach(ctx, w.records, id, []string{"fhir", "fax"})
	wants(t, "unknown target", err, vault.ErrInvalid)
	first := must(w.V.Attach(ctx, w.records, id, []string{"fhir"}))(t)
	again := must(w.V.Attach(ctx, w.records, id, []string{"fhir"}))(t)
	if len(first) != 1 || len(again) != 1 || again[0].ID != first[0].ID || again[0].State != vault.AttachmentPending {
		t.Errorf("asked twice: %+v, then %+v", first, again)
	}
	if n := w.count(`SELECT count(*) FROM jobs WHERE kind = 'deliver'`); n != 1 {
		t.Errorf("%d delivery jobs, want 1", n)
	}
	w.deliver()
	must(w.V.Attach(ctx, w.records, id, []string{"fhir"}))(t)
	if n := w.count(`SELECT count(*) FROM jobs WHERE kind = 'deliver' AND state <> 'done'`); n != 0 {
		t.Error("an attached photo is delivered again")
	}
	w.change(`INSERT INTO consents (photo, purpose, version, allowed, taken_by, taken_at) VALUES ($1, 'record', 2, false, $2, 0)`,
		string(id), string(w.author.Person()))
	_, err = w.V.Attach(ctx, w.records, id, []string{"dicom"})
	wants(t, "consent withdrawn", err, vault.ErrConflict)
	_, err = w.V.Attach(ctx, w.records, w.inReview(), nil)
	wants(t, "not approved", err, vault.ErrNotFound)
}

// TestAttachedMeansReadBack: nothing but the digest of the picture that was to be delivered makes an attachment attached.
func TestAttachedMeansReadBack(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	must(w.V.Attach(t.Context(), w.records, id, []string{"dicom"}))(t)
	job := w.job(vault.JobDeliver)
	d := must(w.V.Delivery(t.Context(), w.worker, job))(t)
	if d.Patient.RecordNumber != "TEST-000001" || d.Author.ID != w.author.Person() || d.Reviewer.ID != w.reviewer.Person() ||
		string(d.Progress) != "{}" || !isJPEG(d.Bytes) || d.Width != 160 || d.Height != 120 || d.BodySite.Code == "" {
		t.Errorf("delivery %#v", *d)
	}
	original := sha256.Sum256(w.picture)
	for name, digest := range map[string][32]byte{"zero": {}, "another picture": original} {
		err := w.V.Attached(t.Context(), w.worker, job, json.RawMessage(`{}`), digest)
		wants(t, name, err, vault.ErrDigest)
	}
	if x := must(w.V.Attachments(t.Context(), w.records, id))(t)[0]; x.State != vault.AttachmentPending {
		t.Errorf("state %s, want pending", x.State)
	}
	for name, progress := range map[string]string{"no JSON": "{", "no object": "[]", "null": "null", "long": `{"x":"` + strings.Repeat("x", 17<<10) + `"}`} {
		wants(t, name, w.V.SaveProgress(t.Context(), w.worker, job, json.RawMessage(progress)), vault.ErrInvalid)
	}
	w.Clock.Add(2 * time.Minute) // the lease runs out; another worker takes over
	fresh := w.job(vault.JobDeliver)
	wants(t, "the slow worker saves", w.V.SaveProgress(t.Context(), w.worker, job, json.RawMessage(`{}`)), vault.ErrConflict)
	err := w.V.Attached(t.Context(), w.worker, job, json.RawMessage(`{}`), sha256.Sum256(d.Bytes))
	wants(t, "the slow worker attaches", err, vault.ErrConflict)
	ok(t, w.V.Attached(t.Context(), w.worker, fresh, json.RawMessage(`{}`), sha256.Sum256(d.Bytes)))
	wants(t, "twice", w.V.Attached(t.Context(), w.worker, fresh, json.RawMessage(`{}`), sha256.Sum256(d.Bytes)), vault.ErrConflict)
}

func TestProgressSurvives(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)
	job := w.job(vault.JobDeliver)
	must(w.V.Delivery(t.Context(), w.worker, job))(t)
	ok(t, w.V.SaveProgress(t.Context(), w.worker, job, json.RawMessage(`{"binary":"b-1"}`)))
	w.Clock.Add(2 * time.Minute) // killed
	again := must(w.V.Delivery(t.Context(), w.worker, w.job(vault.JobDeliver)))(t)
	if string(again.Progress) != `{"binary":"b-1"}` {
		t.Errorf("progress %s after a restart", again.Progress)
	}
}

func TestDeliveryFailed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := w.approved()
	x := must(w.V.Attach(ctx, w.records, id, []string{"fhir"}))(t)[0].ID
	state := func() vault.Attachment { return must(w.V.Attachments(ctx, w.records, id))(t)[0] }
	wants(t, "retrying what is pending", w.V.RetryAttachment(ctx, w.records, x), vault.ErrConflict)

	ok(t, w.V.DeliveryFailed(ctx, w.worker, w.job(vault.JobDeliver), errors.New("the chart does not answer"), false))
	if got := state(); got.State != vault.AttachmentPending || got.LastError != "the chart does not answer" {
		t.Errorf("after a passing failure: %+v", got)
	}
	w.Clock.Add(5 * time.Minute)
	ok(t, w.V.DeliveryFailed(ctx, w.worker, w.job(vault.JobDeliver), errors.New("the chart does not know the patient"), true))
	if got := state(); got.State != vault.AttachmentFailed || got.LastError != "the chart does not know the patient" {
		t.Errorf("after a lasting failure: %+v", got)
	}
	ok(t, w.V.RetryAttachment(ctx, w.records, x))
	w.deliver()
	if got := state(); got.State != vault.AttachmentAttached || got.LastError != "" {
		t.Errorf("after the retry: %+v", got)
	}
	wants(t, "retrying what is attached", w.V.RetryAttachment(ctx, w.records, x), vault.ErrConflict)
	wants(t, "retrying nothing", w.V.RetryAttachment(ctx, w.records, "none"), vault.ErrNotFound)
}

// TestDeliveryGivesUpInTheEnd: after eight tries the job is dead and the attachment says so.
func TestDeliveryGivesUpInTheEnd(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)
	for range 8 {
		ok(t, w.V.DeliveryFailed(t.Context(), w.worker, w.job(vault.JobDeliver), errors.New("the chart does not answer"), false))
		w.Clock.Add(time.Hour)
	}
	w.renewSessions()
	if got := must(w.V.Attachments(t.Context(), w.records, id))(t)[0]; got.State != vault.AttachmentFailed {
		t.Errorf("state %s, want failed", got.State)
	}
	if dead := must(w.V.DeadJobs(t.Context(), vault.Operator()))(t); len(dead) != 1 {
		t.Errorf("%d dead jobs, want 1", len(dead))
	}
	ok(t, w.V.RetryAttachment(t.Context(), w.records, must(w.V.Attachments(t.Context(), w.records, id))(t)[0].ID))
	w.deliver()
}

// TestDeliveryOfAnotherApproval: only the approval that was asked for is ever delivered.
func TestDeliveryOfAnotherApproval(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)
	job := w.job(vault.JobDeliver)
	must(w.V.Delivery(t.Context(), w.worker, job))(t)
	for _, c := range []struct{ name, change, undo string }{
		{"reopened", `UPDATE photos SET state = 'in_review', version = version + 1`,
			`UPDATE photos SET state = 'approved', version = version - 1`},
		{"not approved", `UPDATE photos SET state = 'rejected'`, `UPDATE photos SET state = 'approved'`},
		{"approved anew", `UPDATE attachments SET version = version - 1`, `UPDATE attachments SET version = version + 1`},
	} {
		w.change(c.change)
		_, err := w.V.Delivery(t.Context(), w.worker, job)
		wants(t, c.name, err, vault.ErrConflict)
		w.change(c.undo)
		must(w.V.Delivery(t.Context(), w.worker, job))(t)
	}
	ok(t, w.V.DeliveryFailed(t.Context(), w.worker, job, errors.New("the approval was withdrawn"), true))
	if n := w.count(`SELECT count(*) FROM attachments WHERE state = 'failed'`); n != 1 {
		t.Errorf("%d failed attachments, want 1", n)
	}
}

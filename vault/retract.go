package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Why a copy in a chart is retracted.
const (
	causeWithdrawn = "withdrawn" // the patient withdrew consent to the record
	causeErased    = "erased"    // the photo or the patient was erased
	causeRecalled  = "recalled"  // it was filed under the wrong patient
)

// How a copy went, as Retracted is told; neverSent is the vault's own.
const (
	howError    = "entered-in-error"
	howDeleted  = "deleted"
	howRejected = "rejection-note"
	neverSent   = "never-sent"
)

// retractPause is how long a retraction waits for a delivery under way, whose worker notices at its next step.
const retractPause = 2 * 60 * 1000 // milliseconds

// Retraction is what a chart writer needs to take a copy back. It names nobody: the patient may be erased. Progress is
// what the delivery, and an earlier try of the retraction, kept of the receiver. A photo may be attached anew later, at
// a higher version: that is another entry.
type Retraction struct {
	Attachment  AttachmentID
	Target      string
	Photo       PhotoID
	Version     int64
	Progress    json.RawMessage
	Cause       string // withdrawn, erased, recalled
	RequestedAt Time
}

// photoSet is a set of photos as SQL with one argument, $1: a single one, or all of a patient that are not erased.
type photoSet struct {
	query string
	arg   string
}

func onePhoto(id PhotoID) photoSet {
	return photoSet{`SELECT id FROM photos WHERE id = $1`, string(id)}
}

func photosOf(id PatientID) photoSet {
	return photoSet{`SELECT id FROM photos WHERE patient = $1 AND state <> 'erased'`, string(id)}
}

// retractAttachments stops the deliveries of photos and has every copy that a chart may hold taken back. What was never
// begun is retracted at once. It says how many copies have to be asked for. A delivery under way has a pause, in which its
// worker notices.
func (t *tx) retractAttachments(ctx context.Context, photos photoSet, cause string) (asked int, err error) {
	of := `photo IN (` + photos.query + `)`
	err = t.changes(ctx, "retracting attachments",
		change{`UPDATE attachments SET state = 'retracted', retract_cause = $2, retract_at = $3, retract_how = 'never-sent', retracted_at = $3,
			last_error = '' WHERE ` + of + ` AND tried = 0 AND state NOT IN ('attached', 'retracted')`, []any{photos.arg, cause, t.now}},
		change{`UPDATE attachments SET state = 'retracting', retract_cause = $2, retract_at = $3, last_error = ''
			WHERE ` + of + ` AND state <> 'retracted'`, []any{photos.arg, cause, t.now}},
		change{`INSERT INTO jobs (id, kind, subject, state, run_at, created_at) SELECT x.id, 'retract', x.id, 'ready',
			coalesce((SELECT CASE WHEN j.leased_until > $2 THEN j.leased_until ELSE $2 END FROM jobs j WHERE j.kind = 'deliver'
			AND j.subject = x.id AND j.state = 'leased'), $3), $3 FROM attachments x WHERE x.` + of + ` AND x.state = 'retracting'
			ON CONFLICT (kind, subject) DO UPDATE SET state = 'ready', attempts = 0, run_at = excluded.run_at, lease = '', leased_until = 0,
			last_error = '', done_at = NULL WHERE jobs.state IN ('done', 'dead')`, []any{photos.arg, t.now + retractPause, t.now}},
		change{`UPDATE jobs SET state = 'done', done_at = $2, lease = '', leased_until = 0 WHERE kind = 'deliver' AND state <> 'done'
			AND subject IN (SELECT id FROM attachments WHERE ` + of + `)`, []any{photos.arg, t.now}},
	)
	if err != nil {
		return 0, err
	}
	err = t.QueryRowContext(ctx, `SELECT count(*) FROM attachments WHERE `+of+` AND state = 'retracting'`, photos.arg).Scan(&asked)
	if err != nil {
		return 0, fmt.Errorf("counting retractions: %w", err)
	}
	return asked, nil
}

// stopJob ends a job, also one at work: its lease is gone, and whoever does it can finish nothing.
func (t *tx) stopJob(ctx context.Context, kind, subject string) error {
	_, err := t.ExecContext(ctx, `UPDATE jobs SET state = 'done', done_at = $1, lease = '', leased_until = 0
		WHERE kind = $2 AND subject = $3 AND state <> 'done'`, t.now, kind, subject)
	if err != nil {
		return fmt.Errorf("stopping %s: %w", kind, err)
	}
	return nil
}

// Retraction reads what the job of kind "retract" is to take back. Errors: ErrConflict when there is nothing to take
// back any more or the lease was lost: give the job up.
func (v *Vault) Retraction(ctx context.Context, a Actor, job *Job) (*Retraction, error) {
	r, on, err := v.retractionObject(ctx, job)
	if err != nil {
		return nil, err
	}
	err = v.do(ctx, a, actRetract, on, func(t *tx) error {
		if err := t.holdsJob(ctx, job); err != nil {
			return err
		}
		var progress string
		err := t.QueryRowContext(ctx, `SELECT target, version, progress, retract_cause, coalesce(retract_at, 0)
			FROM attachments WHERE id = $1 AND state = 'retracting'`, r.Attachment).
			Scan(&r.Target, &r.Version, &progress, &r.Cause, &r.RequestedAt)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("nothing to retract: %w", ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("reading retraction: %w", err)
		}
		r.Progress = json.RawMessage(progress)
		t.detail("target", r.Target)
		t.detail("cause", r.Cause)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// retractionObject finds out what the job's attachment belongs to, for the deciding.
func (v *Vault) retractionObject(ctx context.Context, job *Job) (*Retraction, object, error) {
	if job == nil || job.Kind != JobRetract {
		return nil, object{}, fmt.Errorf("not a retraction job: %w", ErrInvalid)
	}
	r := &Retraction{Attachment: AttachmentID(job.Subject)}
	on, err := v.attachmentObject(ctx, r.Attachment)
	r.Photo = on.Photo
	return r, on, err
}

// attachmentObject is an attachment as the object of an act; of an unknown one it names no photo.
func (v *Vault) attachmentObject(ctx context.Context, id AttachmentID) (object, error) {
	on := object{Kind: "attachment", ID: string(id)}
	err := v.db.QueryRowContext(ctx, `SELECT photo FROM attachments WHERE id = $1`, id).Scan(&on.Photo)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return object{}, dbError(fmt.Errorf("finding attachment: %w", err))
	}
	return on, nil
}

// SaveRetraction keeps what a retraction has done at the receiver, durable before the next step, so that a retry takes
// up there. Errors: ErrConflict, ErrInvalid.
func (v *Vault) SaveRetraction(ctx context.Context, a Actor, job *Job, progress json.RawMessage) error {
	r, on, err := v.retractionObject(ctx, job)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actProgress, on, func(t *tx) error { return r.save(ctx, t, job, progress) })
}

func (r *Retraction) save(ctx context.Context, t *tx, job *Job, progress json.RawMessage) error {
	var fields map[string]json.RawMessage
	if len(progress) > maxProgress || json.Unmarshal(progress, &fields) != nil || fields == nil {
		return fmt.Errorf("progress: %w", ErrInvalid)
	}
	if err := t.holdsJob(ctx, job); err != nil {
		return err
	}
	return exactlyOne(ctx, t, "saving progress", `UPDATE attachments SET progress = $1 WHERE id = $2 AND state = 'retracting'`,
		string(progress), r.Attachment)
}

// Retracted ends a retraction that was proved by reading back: how is "entered-in-error", "deleted" or
// "rejection-note", or "never-sent" when the receiver holds nothing of it. Errors: ErrInvalid, ErrConflict.
func (v *Vault) Retracted(ctx context.Context, a Actor, job *Job, progress json.RawMessage, how string) error {
	r, on, err := v.retractionObject(ctx, job)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actRetracted, on, func(t *tx) error {
		if !slices.Contains([]string{howError, howDeleted, howRejected, neverSent}, how) {
			return fmt.Errorf("how it was retracted: %w", ErrInvalid)
		}
		if err := r.save(ctx, t, job, progress); err != nil {
			return err
		}
		err := exactlyOne(ctx, t, "marking retracted", `UPDATE attachments SET state = 'retracted', retract_how = $1,
			retracted_at = $2, last_error = '' WHERE id = $3 AND state = 'retracting'`, how, t.now, r.Attachment)
		if err != nil {
			return err
		}
		if err := t.forgetProgress(ctx, r.Attachment); err != nil {
			return err
		}
		t.detail("how", how)
		if err := t.wakeErasures(ctx, r.Attachment); err != nil {
			return err
		}
		return t.finishJob(ctx, job)
	})
}

// forgetProgress drops what is known of a receiver that took an erased photo back: its numbers may lead to the patient.
func (t *tx) forgetProgress(ctx context.Context, id AttachmentID) error {
	return t.changes(ctx, "forgetting progress", change{`UPDATE attachments SET progress = '{}' WHERE id = $1 AND retract_cause = 'erased'`, []any{id}})
}

// RetractionFailed notes why a copy was not taken back. A permanent failure, or the last of eight tries, leaves the
// copy unreached: it is shown, stands in certificates, and waits for RetryRetraction. The error's text must be fit for
// people and without patient data.
func (v *Vault) RetractionFailed(ctx context.Context, a Actor, job *Job, cause error, permanent bool) error {
	r, on, err := v.retractionObject(ctx, job)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actRetractFailed, on, func(t *tx) error {
		if err := t.holdsJob(ctx, job); err != nil {
			return err
		}
		state := AttachmentRetracting
		if permanent || job.Attempts >= maxAttempts {
			state = AttachmentUnreached
		}
		_, err := t.ExecContext(ctx, `UPDATE attachments SET state = $1, last_error = $2 WHERE id = $3 AND state = 'retracting'`,
			state, lastWords(cause), r.Attachment)
		if err != nil {
			return fmt.Errorf("noting failure: %w", err)
		}
		if state == AttachmentRetracting {
			return t.failJob(ctx, job, cause, false)
		}
		t.detail("state", state)
		if err := t.notify(ctx, noticeChart, toHolders(RoleRecords, "")); err != nil {
			return err
		}
		if err := t.wakeErasures(ctx, r.Attachment); err != nil {
			return err
		}
		return t.finishJob(ctx, job) // shown with the attachment, not among the jobs that gave up
	})
}

// wakeErasures has the erasures that count on an attachment look at it now.
func (t *tx) wakeErasures(ctx context.Context, id AttachmentID) error {
	ids, err := list(ctx, t, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) },
		`SELECT erasure FROM erasure_items WHERE kind = 'copy' AND item = $1 ORDER BY erasure`, id)
	if err != nil {
		return fmt.Errorf("reading erasures: %w", err)
	}
	for _, id := range ids {
		if err := t.enqueue(ctx, JobErase, id, t.now); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE jobs SET run_at = $1 WHERE kind = 'erase' AND subject = $2 AND state = 'ready'`, t.now, id)
		if err != nil {
			return fmt.Errorf("waking erasure: %w", err)
		}
	}
	return nil
}

// RetryRetraction has the chart asked anew for a copy that it was not reached for. Errors: ErrNotFound, ErrDenied,
// ErrConflict when it is not an unreached one.
func (v *Vault) RetryRetraction(ctx context.Context, a Actor, id AttachmentID) error {
	on, err := v.attachmentObject(ctx, id)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actRetryRetract, on, func(t *tx) error {
		if on.Photo == "" {
			return ErrNotFound
		}
		err := exactlyOne(ctx, t, "retrying retraction", `UPDATE attachments SET state = 'retracting', last_error = '' WHERE id = $1
			AND (state = 'unreached' OR state = 'retracting' AND EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'retract'
			AND j.subject = attachments.id AND j.state = 'dead'))`, id)
		if err != nil {
			return err
		}
		return t.enqueue(ctx, JobRetract, string(id), t.now)
	})
}

// Retractions lists the copies that are to be taken back, or were not reached, oldest request first, at most 500.
// Errors: ErrDenied.
func (v *Vault) Retractions(ctx context.Context, a Actor) ([]Attachment, error) {
	var out []Attachment
	err := v.do(ctx, a, actRetractions, object{Kind: "attachment"}, func(t *tx) (err error) {
		out, err = list(ctx, t, func(rows *sql.Rows) (x Attachment, err error) {
			return x, rows.Scan(&x.ID, &x.Photo, &x.Version, &x.Target, &x.State, &x.LastError, &x.RequestedAt, &x.AttachedAt,
				&x.Cause, &x.How, &x.RetractedAt)
		}, `SELECT id, photo, version, target, state, last_error, requested_at, coalesce(attached_at, 0), retract_cause,
			retract_how, coalesce(retracted_at, 0) FROM attachments WHERE state IN ('retracting', 'unreached')
			ORDER BY requested_at, id LIMIT 500`)
		if err != nil {
			return fmt.Errorf("reading retractions: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

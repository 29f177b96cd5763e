package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	eraseEvery  = time.Minute    // looks at what an erasure has to reach
	eraseLater  = 24 * time.Hour // and at what stays out of reach
	erasePatent = 72 * time.Hour // after which the certificate says what was not reached so far
)

// sought is one thing that an erasure has not reached yet.
type sought struct {
	kind, item, blob string
	state            string
	reachedAt        int64
	how, why         string
	lockedUntil      int64
}

// FinishErasure does the job of kind "erase": it looks whether the store has forgotten each object and each chart has taken
// its copy back. When nothing is waited for any more, or after three days, it issues the certificate, which says of each what
// became of it; what is reached later gives a new certificate. A passing outage is no error: the job comes again.
func (v *Vault) FinishErasure(ctx context.Context, a Actor, job *Job) error {
	if job == nil || job.Kind != JobErase {
		return fmt.Errorf("not an erasure job: %w", ErrInvalid)
	}
	e, err := v.erasureObject(ctx, ErasureID(job.Subject))
	if err != nil {
		return err
	}
	var open []sought
	paused := false
	err = v.quietly(ctx, a, actFinishErasure, e.on(), func(t *tx) (err error) {
		if err := t.holdsJob(ctx, job); err != nil {
			return err
		}
		if open, err = t.openItems(ctx, e.id); err != nil {
			return err
		}
		paused, err = t.deletionsPaused(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for i := range open {
		if open[i].blob == "" {
			continue
		}
		if err := v.seek(ctx, &open[i], paused); err != nil {
			return err
		}
	}
	if e.state == ErasureDestroyed && !slices.ContainsFunc(open, func(s sought) bool { return s.blob != "" && s.state == "waiting" }) {
		v.scrub(ctx)
	}
	return v.do(ctx, a, actFinishErasure, e.on(), func(t *tx) error { return t.finishErasure(ctx, job, e.id, open) })
}

// openItems reads what is not reached, copies as their attachments are now.
func (t *tx) openItems(ctx context.Context, id ErasureID) ([]sought, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (s sought, err error) {
		return s, rows.Scan(&s.kind, &s.item, &s.blob, &s.state)
	}, `SELECT kind, item, blob, state FROM erasure_items WHERE erasure = $1 AND state <> 'reached' ORDER BY kind, item`, id)
	if err != nil {
		return nil, fmt.Errorf("reading what is to be erased: %w", err)
	}
	return out, nil
}

// seek deletes an object, unless a backup is being made, and asks the store whether it is gone. Only the store's own word
// that it has no such object counts as reached.
func (v *Vault) seek(ctx context.Context, s *sought, paused bool) error {
	var kept error
	if !paused {
		kept = v.cfg.Blobs.Delete(ctx, s.blob)
	}
	r, err := v.cfg.Blobs.Get(ctx, s.blob)
	if err == nil {
		err = r.Close()
	}
	s.state = "waiting"
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrAbsent) && kept == nil && !paused:
		s.state, s.how, s.reachedAt = "reached", "deleted", v.now()
	case paused:
		s.why = "a backup is being made"
	case kept != nil:
		s.why, s.lockedUntil = "the store does not delete it", lockedUntil(kept)
	case errors.Is(err, ErrUnavailable):
		s.why = "the store does not answer"
	case err != nil:
		s.why = "the store does not say that it is gone"
	default:
		s.why = "the store still has it"
	}
	return nil
}

// finishErasure writes down what was found, and certifies when the time has come.
func (t *tx) finishErasure(ctx context.Context, job *Job, id ErasureID, open []sought) error {
	if err := t.holdsJob(ctx, job); err != nil {
		return err
	}
	e, err := readErasure(ctx, t, id)
	if err != nil {
		return err
	}
	if e.state != ErasureDestroyed && e.state != ErasureDone {
		return t.finishJob(ctx, job)
	}
	late := t.now-e.signedAt >= erasePatent.Milliseconds()
	waiting, news := 0, 0
	for _, s := range open {
		if s.kind == "copy" {
			if err := t.seekCopy(ctx, &s); err != nil {
				return err
			}
		}
		if s.state == "waiting" && late {
			s.state = "unreached"
		}
		was, err := t.noteItem(ctx, id, s)
		if err != nil {
			return err
		}
		if was != s.state {
			news++
		}
		if s.state == "waiting" {
			waiting++
		}
	}
	t.detail("waiting", fmt.Sprint(waiting))
	if waiting == 0 && (e.state == ErasureDestroyed || news > 0) {
		if err := t.certifyErasure(ctx, e); err != nil {
			return err
		}
	}
	return t.comeAgain(ctx, job, id, waiting)
}

// seekCopy looks at a copy's attachment.
func (t *tx) seekCopy(ctx context.Context, s *sought) error {
	var state string
	err := t.QueryRowContext(ctx, `SELECT state, coalesce(retracted_at, 0), retract_how, last_error FROM attachments WHERE id = $1`, s.item).
		Scan(&state, &s.reachedAt, &s.how, &s.why)
	if err != nil {
		return fmt.Errorf("reading attachment: %w", absent(err))
	}
	switch state {
	case AttachmentRetracted:
		s.state, s.why = "reached", ""
	case AttachmentUnreached:
		s.state = "unreached"
	default:
		s.state = "waiting"
	}
	s.why = plainText(s.why)
	return nil
}

// noteItem writes down what was found and says what was known before.
func (t *tx) noteItem(ctx context.Context, id ErasureID, s sought) (was string, err error) {
	err = t.QueryRowContext(ctx, `SELECT state FROM erasure_items WHERE erasure = $1 AND kind = $2 AND item = $3`, id, s.kind, s.item).Scan(&was)
	if err != nil {
		return "", fmt.Errorf("reading what is to be erased: %w", absent(err))
	}
	_, err = t.ExecContext(ctx, `UPDATE erasure_items SET state = $1, reached_at = $2, how = $3, why = $4, locked_until = $5
		WHERE erasure = $6 AND kind = $7 AND item = $8`,
		s.state, unlessZero(s.reachedAt), s.how, s.why, unlessZero(s.lockedUntil), id, s.kind, s.item)
	if err != nil {
		return "", fmt.Errorf("writing what was erased: %w", err)
	}
	return was, nil
}

// unlessZero is a time for a column that may be null.
func unlessZero(at int64) any {
	if at == 0 {
		return nil
	}
	return at
}

// comeAgain ends the job, or puts it off while an object is out of reach. A copy in a chart wakes the job itself.
func (t *tx) comeAgain(ctx context.Context, job *Job, id ErasureID, waiting int) error {
	var objects int64
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM erasure_items WHERE erasure = $1 AND state <> 'reached' AND kind <> 'copy'`, id).Scan(&objects)
	if err != nil {
		return fmt.Errorf("reading what is to be erased: %w", err)
	}
	pause := eraseLater
	switch {
	case waiting > 0:
		pause = eraseEvery
	case objects == 0:
		return t.finishJob(ctx, job)
	}
	return exactlyOne(ctx, t, "putting off job", `UPDATE jobs SET state = 'ready', attempts = 0, run_at = $1, lease = '', leased_until = 0
		WHERE id = $2 AND lease = $3 AND state = 'leased'`, t.now+pause.Milliseconds(), string(job.ID), job.Lease)
}

// lockedUntil is the time until which the store keeps an object, in unix milliseconds, when its refusal says so.
func lockedUntil(refusal error) int64 {
	var kept *Kept
	if !errors.As(refusal, &kept) || kept.Until.IsZero() {
		return 0
	}
	return kept.Until.UnixMilli()
}

// plainText keeps printable ASCII, of which certificates consist.
func plainText(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

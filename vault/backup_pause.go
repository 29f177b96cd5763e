package vault

import (
	"context"
	"fmt"
	"time"
)

// MaxPause is the longest that deletions may wait at one word of the operator.
const MaxPause = 48 * time.Hour

// backupPause is how long deletions wait at a time for a running backup, which asks again long before it is over. A
// backup that was killed therefore stops nothing for longer.
const backupPause = 10 * time.Minute

// The causes of a pause.
const (
	pauseBackup   = "backup"
	pauseOperator = "operator"
)

// PauseID names a time in which nothing is deleted from the store.
type PauseID string

// PauseDeletions keeps every object in the store for up to d (1 second to MaxPause), so that tools of the operator's
// own can copy the database first and then the objects that it names. Erasure still destroys keys at once: only the
// sealed bytes wait. The pause ends by itself, or with ResumeDeletions.
func (v *Vault) PauseDeletions(ctx context.Context, a Actor, d time.Duration) (id PauseID, until Time, err error) {
	if d < time.Second || d > MaxPause {
		err := fmt.Errorf("deletions can wait for one second to %s: %w", MaxPause, ErrInvalid)
		return "", 0, v.quietly(ctx, a, actPause, object{Kind: "store"}, func(*tx) error { return err })
	}
	id = PauseID(newID())
	err = v.do(ctx, a, actPause, object{Kind: "pause", ID: string(id)}, func(t *tx) error {
		until = Time(t.now + d.Milliseconds())
		t.detail("until", until.String())
		return t.pause(ctx, id, pauseOperator, until)
	})
	return id, until, err
}

func (t *tx) pause(ctx context.Context, id PauseID, cause string, until Time) error {
	_, err := t.ExecContext(ctx, `INSERT INTO deletion_pauses (id, cause, begun_at, paused_until) VALUES ($1, $2, $3, $4)`,
		string(id), cause, t.now, int64(until))
	if err != nil {
		return fmt.Errorf("writing pause: %w", err)
	}
	return nil
}

// ResumeDeletions ends a pause before its time. ErrNotFound: there is none of that ID, or it is over.
func (v *Vault) ResumeDeletions(ctx context.Context, a Actor, id PauseID) error {
	return v.do(ctx, a, actResume, object{Kind: "pause", ID: string(id)}, func(t *tx) error {
		res, err := t.ExecContext(ctx, `UPDATE deletion_pauses SET ended_at = $1
			WHERE id = $2 AND ended_at IS NULL AND paused_until > $1`, t.now, string(id))
		return oneRow(res, err, fmt.Errorf("pause: %w", ErrNotFound))
	})
}

// deletionsPaused tells whether the store must keep what it has. Ask in the transaction that decides what to delete: a
// pause is durable before the copied database is, so whoever does not see it deletes only what that database does not
// name.
func (t *tx) deletionsPaused(ctx context.Context) (bool, error) {
	var n int64
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM deletion_pauses WHERE ended_at IS NULL AND paused_until > $1`, t.now).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("reading pauses: %w", err)
	}
	return n > 0, nil
}

// keepPausing makes the pause of a running backup last from now again. ErrConflict: it ran out, because this process
// stood still, so what was copied so far may not belong together.
func (v *Vault) keepPausing(ctx context.Context, a Actor, id PauseID) error {
	return v.quietly(ctx, a, actBackup, object{Kind: "pause", ID: string(id)}, func(t *tx) error {
		return exactlyOne(ctx, t, "keeping the store as it is", `UPDATE deletion_pauses SET paused_until = $1
			WHERE id = $2 AND ended_at IS NULL AND paused_until > $3`, t.now+backupPause.Milliseconds(), string(id), t.now)
	})
}

package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The kinds of job. delete_blob is the vault's own and is done by Sweep.
const (
	JobProcess    = "process"     // subject: photo
	JobDeliver    = "deliver"     // subject: attachment
	JobRetract    = "retract"     // subject: attachment
	JobErase      = "erase"       // subject: erasure; see FinishErasure
	JobHold       = "hold"        // subject: hold; see CarryHold
	JobMerge      = "merge"       // subject: merge of two patients; see MovePatient
	JobMessage    = "message"     // subject: message of a feed that is to be applied again; see OpenMessage
	jobDeleteBlob = "delete_blob" // subject: name in the store
)

const (
	maxAttempts  = 8 // then the job is dead until somebody retries it
	firstBackoff = 5 * time.Second
	maxBackoff   = 30 * time.Minute
	maxLease     = time.Hour
	maxLastError = 300 // bytes
)

// Job is a leased piece of work. It belongs to the process that claimed it until
// the lease runs out; finishing it then is ErrConflict.
type Job struct {
	ID       JobID
	Kind     string
	Subject  string
	Attempts int // this one included
	Lease    string
}

// JobStatus is a job as an operator sees it.
type JobStatus struct {
	ID        JobID  `json:"id"`
	Kind      string `json:"kind"`
	Subject   string `json:"subject"`
	State     string `json:"state"`
	Attempts  int    `json:"attempts"`
	LastError string `json:"last_error"`
	RunAt     Time   `json:"run_at"`
	CreatedAt Time   `json:"created_at"`
}

// JobCount is a number of jobs of one kind in one state.
type JobCount struct {
	Kind  string `json:"kind"`
	State string `json:"state"`
	Count int64  `json:"count"`
}

// enqueue asks for work, once for each kind and subject: a job that is done or
// dead is made ready again, one that is waiting or at work stays as it is.
func (t *tx) enqueue(ctx context.Context, kind, subject string, runAt int64) error {
	_, err := t.ExecContext(ctx, `INSERT INTO jobs (id, kind, subject, state, run_at, created_at) VALUES ($1, $2, $3, 'ready', $4, $5)
		ON CONFLICT (kind, subject) DO UPDATE SET state = 'ready', attempts = 0, run_at = excluded.run_at, lease = '',
			leased_until = 0, last_error = '', done_at = NULL
		WHERE jobs.state IN ('done', 'dead')`,
		newID(), kind, subject, runAt, t.now)
	if err != nil {
		return fmt.Errorf("enqueueing %s: %w", kind, err)
	}
	return nil
}

// finishJob marks the job done in the transaction of the act that completes it.
// ErrConflict: the lease was lost, and another may be doing it.
func (t *tx) finishJob(ctx context.Context, j *Job) error {
	return exactlyOne(ctx, t, "finishing job", `UPDATE jobs SET state = 'done', done_at = $1, lease = '', leased_until = 0, last_error = ''
		WHERE id = $2 AND lease = $3 AND state = 'leased'`, t.now, string(j.ID), j.Lease)
}

// holdsJob fails with ErrConflict unless the job's lease is still held.
func (t *tx) holdsJob(ctx context.Context, j *Job) error {
	var n int64
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM jobs WHERE id = $1 AND lease = $2 AND state = 'leased'`,
		string(j.ID), j.Lease).Scan(&n)
	if err != nil {
		return fmt.Errorf("reading job: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("job lease: %w", ErrConflict)
	}
	return nil
}

// ClaimJob leases the oldest job that is due, for lease (at most an hour), or
// returns nil when there is none. A job whose lease ran out is due again: its
// process died. A job that died maxAttempts times that way is dead.
func (v *Vault) ClaimJob(ctx context.Context, a Actor, lease time.Duration) (*Job, error) {
	if lease <= 0 || lease > maxLease {
		return nil, fmt.Errorf("lease must be up to an hour: %w", ErrInvalid)
	}
	var job *Job
	err := v.quietly(ctx, a, actJobClaim, object{Kind: "job"}, func(t *tx) (err error) {
		job, err = t.claimJob(ctx, lease)
		return err
	})
	return job, err
}

func (t *tx) claimJob(ctx context.Context, lease time.Duration) (*Job, error) {
	_, err := t.ExecContext(ctx, `UPDATE jobs SET state = 'dead', lease = '', last_error = 'the worker stopped each time'
		WHERE state = 'leased' AND leased_until <= $1 AND attempts >= $2 AND kind <> 'delete_blob'`, t.now, maxAttempts)
	if err != nil {
		return nil, fmt.Errorf("ending jobs: %w", err)
	}
	// What is due later than any pause or lease allows was written by a clock that has been set back since.
	pick := `SELECT id FROM jobs WHERE kind <> 'delete_blob' AND ((state = 'ready' AND run_at <= $3)
		OR (state = 'ready' AND run_at > $4 AND kind IN ('process', 'deliver', 'notify'))
		OR (state = 'leased' AND (leased_until <= $3 OR leased_until > $4))) ORDER BY run_at, created_at, id LIMIT 1`
	if t.v.cfg.Driver == driverPostgres {
		pick += ` FOR UPDATE SKIP LOCKED`
	}
	j := &Job{Lease: newID()}
	err = t.QueryRowContext(ctx, `UPDATE jobs SET state = 'leased', attempts = attempts + 1, lease = $1, leased_until = $2
		WHERE id = (`+pick+`) RETURNING id, kind, subject, attempts`,
		j.Lease, t.now+lease.Milliseconds(), t.now, t.now+(maxLease+clockWentBack).Milliseconds()).Scan(&j.ID, &j.Kind, &j.Subject, &j.Attempts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("claiming job: %w", err)
	}
	return j, nil
}

// RenewJob makes the lease last from now again; ErrConflict when it was lost.
func (v *Vault) RenewJob(ctx context.Context, a Actor, j *Job, lease time.Duration) error {
	if lease <= 0 || lease > maxLease {
		return fmt.Errorf("lease must be up to an hour: %w", ErrInvalid)
	}
	return v.quietly(ctx, a, actJobRenew, onJob(j.ID), func(t *tx) error {
		return exactlyOne(ctx, t, "renewing job", `UPDATE jobs SET leased_until = $1 WHERE id = $2 AND lease = $3 AND state = 'leased'`,
			t.now+lease.Milliseconds(), string(j.ID), j.Lease)
	})
}

func onJob(id JobID) object { return object{Kind: "job", ID: string(id)} }

// FailJob gives the job back with the cause: to be tried again after a pause
// that doubles, or dead when permanent or after the eighth attempt.
func (v *Vault) FailJob(ctx context.Context, a Actor, j *Job, cause error, permanent bool) error {
	return v.do(ctx, a, actJobFail, onJob(j.ID), func(t *tx) error {
		return t.failJob(ctx, j, cause, permanent)
	})
}

// failJob is FailJob inside another act's transaction.
func (t *tx) failJob(ctx context.Context, j *Job, cause error, permanent bool) error {
	state, runAt := "ready", t.now+backoff(j.Attempts).Milliseconds()
	if permanent || j.Attempts >= maxAttempts {
		state = "dead"
	}
	t.detail("kind", j.Kind)
	t.detail("attempt", fmt.Sprint(j.Attempts))
	t.detail("state", state)
	return exactlyOne(ctx, t, "giving back job", `UPDATE jobs SET state = $1, run_at = $2, last_error = $3, lease = '', leased_until = 0
		WHERE id = $4 AND lease = $5 AND state = 'leased'`, state, runAt, causeText(cause), string(j.ID), j.Lease)
}

// causeText is what an operator reads of a failure. Errors here carry no
// patient data (STYLE); the text is bounded all the same.
func causeText(cause error) string {
	if cause == nil {
		return ""
	}
	return clip(cause.Error(), maxLastError)
}

// backoff is the pause after the nth attempt: 5 s, doubling, at most 30 min.
func backoff(attempt int) time.Duration {
	if attempt < 1 {
		return firstBackoff
	}
	if attempt > 16 {
		return maxBackoff
	}
	return min(firstBackoff<<(attempt-1), maxBackoff)
}

// DeadJobs lists the jobs that gave up, newest first, at most 200.
func (v *Vault) DeadJobs(ctx context.Context, a Actor) ([]JobStatus, error) {
	var out []JobStatus
	err := v.do(ctx, a, actJobList, object{Kind: "job"}, func(t *tx) (err error) {
		out, err = list(ctx, t, func(rows *sql.Rows) (j JobStatus, err error) {
			return j, rows.Scan(&j.ID, &j.Kind, &j.Subject, &j.State, &j.Attempts, &j.LastError, &j.RunAt, &j.CreatedAt)
		}, `SELECT id, kind, subject, state, attempts, last_error, run_at, created_at FROM jobs WHERE state = 'dead'
			ORDER BY run_at DESC, id LIMIT 200`)
		return err
	})
	return out, err
}

// RetryJob makes a dead job ready again with all its attempts.
func (v *Vault) RetryJob(ctx context.Context, a Actor, id JobID) error {
	return v.do(ctx, a, actJobRetry, onJob(id), func(t *tx) error {
		var state string
		err := t.QueryRowContext(ctx, `SELECT state FROM jobs WHERE id = $1`, string(id)).Scan(&state)
		if err != nil {
			return fmt.Errorf("reading job: %w", absent(err))
		}
		return exactlyOne(ctx, t, "retrying job", `UPDATE jobs SET state = 'ready', attempts = 0, run_at = $1, last_error = ''
			WHERE id = $2 AND state = 'dead'`, t.now, string(id))
	})
}

// JobCounts counts the jobs by kind and state, for metrics: numbers only, so no
// actor is asked for.
func (v *Vault) JobCounts(ctx context.Context) ([]JobCount, error) {
	out, err := list(ctx, v.db, func(rows *sql.Rows) (c JobCount, err error) {
		return c, rows.Scan(&c.Kind, &c.State, &c.Count)
	}, `SELECT kind, state, count(*) FROM jobs GROUP BY kind, state ORDER BY kind, state`)
	return out, dbError(err)
}

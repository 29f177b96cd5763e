package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	tries         = 6                // of a transaction that loses races
	recordTimeout = 10 * time.Second // for the event of a call whose caller is gone
)

// object is what an act is about. decide fills in Patient from the rows.
type object struct {
	Kind, ID string
	Patient  PatientID
	Photo    PhotoID
	Person   PersonID
	at       int64  // when it happened, if not now: unix milliseconds
	tie      string // of the actor to the patient; decide's answer
	small    bool   // of a photo: for a list
}

// tx is the one transaction of an act. What runs inside touches the database
// only: it may run a second time after a lost race.
type tx struct {
	*sql.Tx
	v     *Vault
	b     *batch // the transaction, which other acts may share
	now   int64  // unix milliseconds, the same for every row of the act
	entry logEntry

	fetches bool // a key that is asked for over the network is fetched outside, then fn runs again
}

// on is the context for a statement. Who has gone away gets no further one, but
// the one under way is left to end: others may share the transaction.
func (t *tx) on(ctx context.Context) context.Context {
	if ctx.Err() != nil {
		return ctx
	}
	return t.b.ctx
}

// ExecContext is sql.Tx's, under the rule of on.
func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := t.Tx.ExecContext(t.on(ctx), query, args...)
	t.b.broken = t.b.broken || gaveUp(err)
	return res, err
}

// QueryContext is sql.Tx's, under the rule of on.
func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := t.Tx.QueryContext(t.on(ctx), query, args...)
	t.b.broken = t.b.broken || gaveUp(err)
	return rows, err
}

// QueryRowContext is sql.Tx's, under the rule of on.
func (t *tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.Tx.QueryRowContext(t.on(ctx), query, args...)
}

// detail adds a fact to the act's event: IDs, counts and fixed words only.
func (t *tx) detail(k, value string) {
	if t.entry.Detail == nil {
		t.entry.Detail = map[string]string{}
	}
	t.entry.Detail[k] = value
}

// purpose notes in the act's event what the actor gave as the reason's kind.
func (t *tx) purpose(p string) { t.entry.Purpose = p }

// whose fills in the pseudonym of the patient of a photo that fn chose.
func (t *tx) whose(ctx context.Context) error {
	if t.entry.Photo == "" || t.entry.Patient != "" {
		return nil
	}
	err := t.QueryRowContext(ctx, `SELECT a.pseudonym FROM photos p JOIN patients a ON a.id = p.patient WHERE p.id = $1`,
		t.entry.Photo).Scan(&t.entry.Patient)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("reading pseudonym: %w", err)
	}
	return nil
}

// patient sets whose pseudonym the act's event carries.
func (t *tx) patient(ctx context.Context, id PatientID) error {
	var pseudonym string
	err := t.QueryRowContext(ctx, `SELECT pseudonym FROM patients WHERE id = $1`, string(id)).Scan(&pseudonym)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("reading pseudonym: %w", err)
	}
	t.entry.Patient = pseudonym
	return nil
}

// nextSeq is the position that the next event of the log will get: that of the
// act's own event, when no further event is added with t.event.
func (t *tx) nextSeq(ctx context.Context) (int64, error) {
	if err := t.b.head(ctx); err != nil {
		return 0, err
	}
	return t.b.tree.size + 1, nil
}

// do runs one act: decide, fn, event, commit. A refusal and a failure leave
// their event too, and where that event cannot be kept the answer is that the
// vault is unavailable. fn may run more than once.
func (v *Vault) do(ctx context.Context, a Actor, what act, on object, fn func(t *tx) error) error {
	return v.act(ctx, a, what, on, fn, logged)
}

// quietly is do for the machinery's own steps (leases), which leave an event
// only when they are refused or fail; the act done under the lease has its own.
func (v *Vault) quietly(ctx context.Context, a Actor, what act, on object, fn func(t *tx) error) error {
	return v.act(ctx, a, what, on, fn, unlogged)
}

// locked is quietly for what needs the log to stand still.
func (v *Vault) locked(ctx context.Context, a Actor, what act, on object, fn func(t *tx) error) error {
	return v.act(ctx, a, what, on, fn, lockedOnly)
}

// mode is whether an act leaves its event when it succeeds, and holds the log.
type mode int

const (
	logged mode = iota
	lockedOnly
	unlogged
)

func (v *Vault) act(ctx context.Context, a Actor, what act, on object, fn func(t *tx) error, m mode) error {
	if a.kind == "" {
		return ErrUnauthenticated
	}
	var entry logEntry
	err := v.retry(ctx, m != unlogged, func(t *tx) error {
		t.entry = newEntry(a, what, on)
		defer func() { entry = t.entry }()
		if err := v.decideInto(ctx, t, a, what, on); err != nil {
			return err
		}
		if err := fn(t); err != nil {
			return err
		}
		t.entry.Outcome = outcomeOK
		if m != logged {
			return nil
		}
		if err := t.whose(ctx); err != nil {
			return err
		}
		return t.event(ctx, t.entry)
	})
	if err == nil {
		return nil
	}
	if errors.Is(err, errDatabase) {
		return err // there is nowhere to write
	}
	if entry.Outcome != outcomeRefused {
		entry.Outcome = outcomeFailed
	}
	record := v.record
	if errors.Is(err, ErrIntegrity) { // a row that is not as it was written: its event is this one
		record = v.recordRow
		v.integrityRefused.Add(1)
		v.cfg.Log.Error("stored row refused", "act", string(what), "photo", entry.Photo, "error", err)
	}
	entry.fact("error", sentinelName(err))
	if recErr := record(ctx, entry); recErr != nil {
		v.cfg.Log.Error("audit event not written", "act", string(what), "error", recErr)
		return fmt.Errorf("writing the audit event: %w", ErrUnavailable)
	}
	return err
}

// decideInto asks the one function that decides and notes its answer in the
// entry of the act.
func (v *Vault) decideInto(ctx context.Context, t *tx, a Actor, what act, on object) error {
	actingAs, err := v.decide(ctx, t, a, what, &on)
	t.entry.ActingAs = actingAs
	if on.Patient != "" && t.entry.Patient == "" {
		if pErr := t.patient(ctx, on.Patient); pErr != nil && !errors.Is(pErr, ErrNotFound) {
			return pErr
		}
	}
	if on.Photo != "" {
		t.entry.Photo = ownID("photo", string(on.Photo))
	}
	if err != nil && (isRefusal(err) || errors.Is(err, ErrUnauthenticated) || wantsMore(err)) {
		t.entry.Outcome = outcomeRefused
	}
	return err
}

// record writes one event in a transaction of its own, also when the caller
// has gone away meanwhile.
func (v *Vault) record(ctx context.Context, e logEntry) error {
	return v.retryDetached(ctx, func(ctx context.Context, t *tx) error { return t.event(ctx, e) })
}

// retryDetached is retry for what must be written although the caller has gone.
func (v *Vault) retryDetached(ctx context.Context, fn func(ctx context.Context, t *tx) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return v.retry(ctx, true, func(t *tx) error { return fn(ctx, t) })
}

// attempt runs fn in a transaction and commits, again when it loses a race.
func (v *Vault) attempt(ctx context.Context, logged bool, fn func(t *tx) error) error {
	alone := false
	for n := 1; ; n++ {
		err := v.once(ctx, logged, fn, alone)
		if errors.Is(err, errAgain) {
			alone = true
			continue
		}
		if err == nil || !transient(err) || n == tries {
			return dbError(err)
		}
		select {
		case <-time.After(time.Duration(n*n) * 5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// once runs fn in a transaction: one that it shares with other acts, but on
// PostgreSQL one of its own where it does not append to the log.
func (v *Vault) once(ctx context.Context, logged bool, fn func(t *tx) error, alone bool) error {
	if logged || v.cfg.Driver == driverSQLite {
		return v.group.run(ctx, v, fn, alone)
	}
	b, err := v.beginBatch(ctx, false)
	if err != nil {
		return fmt.Errorf("beginning transaction: %w", err)
	}
	if err := fn(&tx{Tx: b.sqlTx, v: v, b: b, now: v.now()}); err != nil {
		b.rollback()
		return err
	}
	return b.commit(ctx)
}

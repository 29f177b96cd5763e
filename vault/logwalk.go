package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

const walkPage = 500 // rows read at a time

// walker takes a log in its order: each event, and each checkpoint right after
// the last event that it covers.
type walker interface {
	event(logRow) error
	checkpoint(text string) error
}

// walkLog hands the first size events and the checkpoints over them to w.
func (v *Vault) walkLog(ctx context.Context, size int64, w walker) error {
	var passed int64 // checkpoints up to this size were handed over
	for after := int64(0); ; {
		rows, err := v.eventsAfter(ctx, after, size)
		if err != nil {
			return dbError(err)
		}
		last := size
		if len(rows) == walkPage {
			last = rows[len(rows)-1].seq
		}
		marks, err := v.checkpointsBetween(ctx, passed, last)
		if err != nil {
			return dbError(err)
		}
		if err := merge(rows, marks, w); err != nil {
			return err
		}
		if len(rows) < walkPage {
			return nil
		}
		after, passed = last, last
	}
}

type mark struct {
	size int64
	note string
}

// merge hands over events and checkpoints in order.
func merge(rows []logRow, marks []mark, w walker) error {
	for _, r := range rows {
		for len(marks) > 0 && marks[0].size < r.seq {
			if err := w.checkpoint(marks[0].note); err != nil {
				return err
			}
			marks = marks[1:]
		}
		if err := w.event(r); err != nil {
			return err
		}
	}
	for _, m := range marks {
		if err := w.checkpoint(m.note); err != nil {
			return err
		}
	}
	return nil
}

func (v *Vault) checkpointsBetween(ctx context.Context, after, upTo int64) ([]mark, error) {
	marks, err := list(ctx, v.db, func(rows *sql.Rows) (m mark, err error) { return m, rows.Scan(&m.size, &m.note) },
		`SELECT size, note FROM checkpoints WHERE size > $1 AND size <= $2 ORDER BY size`, after, upTo)
	if err != nil {
		return nil, fmt.Errorf("reading checkpoints: %w", err)
	}
	return marks, nil
}

// eventsAfter reads a page of events with their leaf hashes. An event whose
// columns do not say what its text says is handed over without its hash, and
// so counts as altered: searches go by the columns.
func (v *Vault) eventsAfter(ctx context.Context, after, upTo int64) ([]logRow, error) {
	rows, err := list(ctx, v.db, func(rows *sql.Rows) (r indexedRow, err error) {
		i := &r.index
		return r, rows.Scan(&r.seq, &r.text, &i.At, &i.Actor, &i.Act, &i.Outcome, &i.Patient, &i.Photo)
	}, `SELECT seq, entry, at, actor, act, outcome, patient, photo FROM audit_events
		WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`, after, upTo, walkPage)
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	// Leaves of a page lie between those of its first and last event.
	first, last := tlog.StoredHashIndex(0, rows[0].seq-1), tlog.StoredHashIndex(0, rows[len(rows)-1].seq-1)
	leaves, err := v.hashesBetween(ctx, first, last)
	if err != nil {
		return nil, err
	}
	out := make([]logRow, len(rows))
	for i, r := range rows {
		out[i] = r.logRow
		if r.agrees() {
			out[i].leaf = leaves[tlog.StoredHashIndex(0, r.seq-1)]
		}
	}
	return out, nil
}

type indexedRow struct {
	logRow
	index logEntry // of which only the indexed fields are set
}

func (r indexedRow) agrees() bool {
	var e logEntry
	if err := json.Unmarshal([]byte(r.text), &e); err != nil {
		return false
	}
	i := r.index
	return e.At == i.At && e.Actor == i.Actor && e.Act == i.Act && e.Outcome == i.Outcome && e.Patient == i.Patient && e.Photo == i.Photo
}

func (v *Vault) hashesBetween(ctx context.Context, first, last int64) (out map[int64]tlog.Hash, err error) {
	rows, err := v.db.QueryContext(ctx, `SELECT id, hash FROM audit_hashes WHERE id >= $1 AND id <= $2`, first, last)
	if err != nil {
		return nil, fmt.Errorf("reading log hashes: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out = map[int64]tlog.Hash{}
	for rows.Next() {
		var id int64
		var b []byte
		if err := rows.Scan(&id, &b); err != nil {
			return nil, fmt.Errorf("reading log hashes: %w", err)
		}
		if len(b) == tlog.HashSize {
			out[id] = tlog.Hash(b)
		}
	}
	return out, rows.Err()
}

// VerifyLog recomputes the whole log from its events and compares it with the
// stored tree, with every checkpoint, and with those that file witnesses hold. A log that does not verify is no error
// of the call: see Verification.
func (v *Vault) VerifyLog(ctx context.Context, a Actor) (Verification, error) {
	err := v.do(ctx, a, actAuditVerify, object{Kind: "log"}, func(*tx) error { return nil })
	if err != nil {
		return Verification{}, err
	}
	kept, err := v.keptByFiles() // before the log's end is looked at, which is then at or after theirs
	if err != nil {
		return Verification{}, err
	}
	keys, _, err := v.logChain(ctx, v.db)
	if err != nil {
		return Verification{}, dbError(err)
	}
	check := &checker{keys: keys}
	ends, err := v.ends(ctx)
	if err == nil {
		err = check.hold(kept)
	}
	if err == nil {
		err = v.walkLog(ctx, ends.size, check)
	}
	if err == nil {
		err = check.done(ends.size)
	}
	if err == nil {
		err = v.compareTree(ctx, check, ends)
	}
	result, err := check.verification(err)
	if err == nil && !result.OK {
		err = v.reportBroken(ctx, a, result)
	}
	return result, err
}

// logEnds is where the parts of the log end: all at size in a log that nobody
// touched, but for the checkpoint, which may lag behind.
type logEnds struct{ size, newest, checkpoint, told int64 }

func (v *Vault) ends(ctx context.Context) (e logEnds, err error) {
	err = v.db.QueryRowContext(ctx, `SELECT size, (SELECT COALESCE(MAX(seq), 0) FROM audit_events),
		(SELECT COALESCE(MAX(size), 0) FROM checkpoints), (SELECT COALESCE(MAX(checkpoint), 0) FROM witnesses)
		FROM audit_head WHERE id = 1`).Scan(&e.size, &e.newest, &e.checkpoint, &e.told)
	if err != nil {
		err = dbError(fmt.Errorf("reading log size: %w", err))
	}
	return e, err
}

// compareTree checks what stands beside the events: nothing beyond the head, no
// checkpoint beyond it, and the stored tree.
func (v *Vault) compareTree(ctx context.Context, c *checker, ends logEnds) error {
	size := ends.size
	if ends.newest > size {
		return c.bad(size+1, "event %d stands beyond the end of the log, at %d", ends.newest, size)
	}
	if ends.checkpoint > size {
		return c.bad(size+1, "the log was cut short: a checkpoint states %d events, there are %d", ends.checkpoint, size)
	}
	if ends.told > size {
		return c.bad(size+1, "the log was cut short: a witness was told of %d events, there are %d", ends.told, size)
	}
	root, err := tlog.TreeHash(size, hashReader(ctx, v.db))
	if errors.Is(err, ErrIntegrity) {
		return c.bad(c.result.Covered+1, "the stored tree has a hash missing")
	}
	if err != nil {
		return dbError(err)
	}
	if own, err := c.tree.root(); err != nil || own != root {
		return c.bad(c.result.Covered+1, "the stored tree does not agree with the events after event %d", c.result.Covered)
	}
	return nil
}

// reportBroken puts a failed verification on the record.
func (v *Vault) reportBroken(ctx context.Context, a Actor, result Verification) error {
	v.cfg.Log.Error("audit log does not verify", "problem", result.Problem, "first_bad", result.FirstBad)
	e := newEntry(a, actAuditVerify, object{Kind: "log"})
	e.Outcome = outcomeFailed
	e.fact("first_bad", fmt.Sprint(result.FirstBad))
	e.fact("problem", result.Problem)
	return v.record(ctx, e)
}

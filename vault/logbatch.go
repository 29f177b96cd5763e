package vault

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const savepoint = "act"

// batch is a transaction that one or several acts share, and what they add to
// the log: kept here until the transaction ends, then written at once. On
// PostgreSQL it holds the log's lock, so nobody else adds meanwhile.
type batch struct {
	ctx    context.Context // of the statements, for as long as the transaction lives
	sqlTx  *sql.Tx
	v      *Vault
	locked bool // the log is ours until the end
	saved  bool // a savepoint is open
	broken bool // SQLite may have rolled back by itself
	loaded bool // head was read
	headState
	first  int64 // events in the database when the batch began
	events []logEntry
	texts  []string
	hashes []tlog.Hash // of the tree, after those in the database
	signer signing     // of checkpoints from now on, where this transaction changes it
}

// headState is the row audit_head.
type headState struct {
	tree      frontier
	covered   int64 // size of the newest checkpoint
	openSince int64 // time of the oldest event that no checkpoint covers, 0 without one
}

// beginBatch starts a transaction; with lock, the log is taken first.
func (v *Vault) beginBatch(ctx context.Context, lock bool) (*batch, error) {
	sqlTx, err := v.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	b := &batch{ctx: ctx, sqlTx: sqlTx, v: v}
	if lock {
		if err := b.lock(ctx); err != nil {
			b.rollback()
			return nil, err
		}
	}
	return b, nil
}

// lock takes the log. LOCK TABLE takes no snapshot, so everything read
// afterwards is as the last act left it, and acts follow one another on all
// nodes as they do on SQLite, where the transaction began with the lock.
func (b *batch) lock(ctx context.Context) error {
	if b.locked {
		return nil
	}
	if b.v.cfg.Driver == driverPostgres {
		if _, err := b.sqlTx.ExecContext(ctx, `LOCK TABLE audit_head IN EXCLUSIVE MODE`); err != nil {
			return err
		}
	}
	b.locked = true
	return nil
}

// rollback gives up the transaction. Its error is of no use to anyone: the
// database undoes a transaction whose end it does not hear of.
func (b *batch) rollback() { _ = b.sqlTx.Rollback() }

// commit writes what the acts added to the log, and commits.
func (b *batch) commit(ctx context.Context) error {
	if err := b.flush(ctx); err != nil {
		b.rollback()
		return err
	}
	if err := b.sqlTx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// kept is what an act that fails is taken back to.
type kept struct {
	headState
	events, hashes int
	signer         signing
}

func (b *batch) keep() kept {
	k := kept{b.headState, len(b.events), len(b.hashes), b.signer}
	k.tree.peaks = slices.Clone(b.tree.peaks)
	return k
}

func (b *batch) restore(k kept) {
	b.headState, b.signer = k.headState, k.signer
	b.events, b.texts, b.hashes = b.events[:k.events], b.texts[:k.events], b.hashes[:k.hashes]
}

// run runs one act and settles it when it fails or panics. The error is for a
// transaction that cannot be used any more.
func (b *batch) run(w *waiting, shared bool) error {
	if shared {
		if err := b.save(); err != nil {
			return err
		}
	}
	before, loaded := b.keep(), b.loaded
	t := &tx{Tx: b.sqlTx, v: b.v, now: b.v.now(), b: b}
	w.panicked, w.err = guarded(w.fn, t)
	if b.broken && w.err == nil {
		return errors.New("the database gave up the transaction")
	}
	if w.err == nil && w.panicked == nil {
		return nil
	}
	w.settled = true
	if !shared {
		return nil
	}
	if b.restore(before); !loaded {
		b.loaded = false
	}
	_, err := b.sqlTx.ExecContext(context.Background(), "ROLLBACK TO SAVEPOINT "+savepoint)
	return err
}

// guarded calls fn and returns what it panicked with.
func guarded(fn func(*tx) error, t *tx) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, fn(t)
}

// save opens the savepoint of the next act and lets go of the last one's.
func (b *batch) save() error {
	what := "SAVEPOINT " + savepoint
	if b.saved {
		what = "RELEASE SAVEPOINT " + savepoint + "; " + what
	}
	_, err := b.sqlTx.ExecContext(context.Background(), what)
	b.saved = err == nil
	return err
}

// head reads the log's head, once.
func (b *batch) head(ctx context.Context) error {
	if b.loaded {
		return nil
	}
	if err := b.lock(ctx); err != nil {
		return err
	}
	var size int64
	var stored []byte
	err := b.sqlTx.QueryRowContext(ctx, `SELECT size, frontier, covered, open_since FROM audit_head WHERE id = 1`).
		Scan(&size, &stored, &b.covered, &b.openSince)
	if err != nil {
		return fmt.Errorf("taking a place in the log: %w", err)
	}
	tree, ok := parseFrontier(size, stored)
	if !ok {
		if tree, err = readFrontier(size, hashReader(ctx, b.sqlTx)); err != nil {
			return fmt.Errorf("reading the log's head: %w", err)
		}
	}
	b.tree, b.first, b.loaded = tree, size, true
	return nil
}

// add takes one event into the log: its place, its text and the hashes that it
// completes in the tree.
func (b *batch) add(ctx context.Context, e logEntry) error {
	if err := b.head(ctx); err != nil {
		return err
	}
	e.Seq = b.tree.size + 1
	text, err := e.encode()
	if err != nil {
		return err
	}
	b.events, b.texts = append(b.events, e), append(b.texts, string(text))
	b.hashes = append(b.hashes, b.tree.add(tlog.RecordHash(text))...)
	if b.openSince == 0 {
		b.openSince = e.At
	}
	return nil
}

// reader reads hashes of the tree, those not yet written too.
func (b *batch) reader(ctx context.Context) tlog.HashReader {
	stored := hashReader(ctx, b.sqlTx)
	return tlog.HashReaderFunc(func(ids []int64) ([]tlog.Hash, error) {
		base := tlog.StoredHashIndex(0, b.first)
		var old []int64
		for _, id := range ids {
			if id < base {
				old = append(old, id)
			}
		}
		read, err := stored.ReadHashes(old)
		if err != nil {
			return nil, err
		}
		out := make([]tlog.Hash, len(ids))
		for i, id := range ids {
			switch {
			case id < base:
				out[i], read = read[0], read[1:]
			case id-base < int64(len(b.hashes)):
				out[i] = b.hashes[id-base]
			default:
				return nil, fmt.Errorf("log hash %d is missing: %w", id, ErrIntegrity)
			}
		}
		return out, nil
	})
}

// flush writes what the acts added, and a checkpoint when one is due.
func (b *batch) flush(ctx context.Context) error {
	if b.saved {
		if _, err := b.sqlTx.ExecContext(ctx, "RELEASE SAVEPOINT "+savepoint); err != nil {
			return err
		}
	}
	if len(b.events) == 0 {
		return nil
	}
	last := b.events[len(b.events)-1]
	if b.due(last.At) {
		if _, err := b.checkpoint(ctx, last.At); err != nil {
			return err
		}
	}
	err := b.insert(ctx, `audit_events (seq, at, actor, act, outcome, patient, photo, entry)`, 8, len(b.events), func(i int) []any {
		e := &b.events[i]
		return []any{b.first + int64(i) + 1, e.At, e.Actor, e.Act, e.Outcome, e.Patient, e.Photo, b.texts[i]}
	})
	if err != nil {
		return fmt.Errorf("writing audit event: %w", err)
	}
	base := tlog.StoredHashIndex(0, b.first)
	err = b.insert(ctx, `audit_hashes (id, hash)`, 2, len(b.hashes), func(i int) []any {
		return []any{base + int64(i), b.hashes[i][:]}
	})
	if err != nil {
		return fmt.Errorf("writing log hashes: %w", err)
	}
	return b.writeHead(ctx)
}

func (b *batch) writeHead(ctx context.Context) error {
	err := exactlyOne(ctx, b.sqlTx, "moving the log's head", `UPDATE audit_head SET size = $1, frontier = $2, covered = $3, open_since = $4
		WHERE id = 1 AND size = $5`, b.tree.size, b.tree.encode(), b.covered, b.openSince, b.first)
	return err
}

// insert writes n rows in as few statements as it can, of few different
// lengths, so that the database prepares few.
func (b *batch) insert(ctx context.Context, into string, columns, n int, row func(int) []any) error {
	for done := 0; done < n; {
		take := 1
		for _, size := range []int{64, 16, 4} {
			if n-done >= size {
				take = size
				break
			}
		}
		args := make([]any, 0, take*columns)
		for i := range take {
			args = append(args, row(done+i)...)
		}
		if _, err := b.sqlTx.ExecContext(ctx, insertText(into, columns, take), args...); err != nil {
			return err
		}
		done += take
	}
	return nil
}

func insertText(into string, columns, rows int) string {
	var s strings.Builder
	s.WriteString("INSERT INTO " + into + " VALUES ")
	for i := range rows * columns {
		switch {
		case i == 0:
			s.WriteString("(")
		case i%columns == 0:
			s.WriteString("), (")
		default:
			s.WriteString(", ")
		}
		s.WriteString("$" + strconv.Itoa(i+1))
	}
	return s.String() + ")"
}

// gaveUp tells whether SQLite may have rolled the whole transaction back by
// itself (https://sqlite.org/lang_transaction.html, section 3).
func gaveUp(err error) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}

// encode is the frontier as the head keeps it.
func (f *frontier) encode() []byte {
	out := binary.BigEndian.AppendUint64(nil, uint64(f.size))
	for _, p := range f.peaks {
		out = append(out, p.hash[:]...)
	}
	return out
}

// levels are those of the full subtrees of a tree of that size, largest first.
func levels(size int64) (out []int) {
	for l := bits.Len64(uint64(size)) - 1; l >= 0; l-- {
		if size&(1<<l) != 0 {
			out = append(out, l)
		}
	}
	return out
}

// parseFrontier reads what encode wrote for a tree of that size.
func parseFrontier(size int64, b []byte) (f frontier, ok bool) {
	at := levels(size)
	if size < 0 || len(b) != 8+len(at)*tlog.HashSize || binary.BigEndian.Uint64(b) != uint64(size) {
		return frontier{}, false
	}
	f.size = size
	for i, l := range at {
		f.peaks = append(f.peaks, peak{l, tlog.Hash(b[8+i*tlog.HashSize:][:tlog.HashSize])})
	}
	return f, true
}

// readFrontier finds the frontier in the stored tree.
func readFrontier(size int64, stored tlog.HashReader) (f frontier, err error) {
	f.size = size
	var ids []int64
	start := int64(0)
	for _, l := range levels(size) {
		ids = append(ids, tlog.StoredHashIndex(l, start>>l))
		f.peaks = append(f.peaks, peak{level: l})
		start += 1 << l
	}
	hashes, err := stored.ReadHashes(ids)
	for i := range hashes {
		f.peaks[i].hash = hashes[i]
	}
	return f, err
}

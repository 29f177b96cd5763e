package vault

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// AllActs are the names of all acts, for tests outside the package.
func AllActs() (out []string) {
	for what := range rights {
		out = append(out, string(what))
	}
	return out
}

// ownVault is a vault on SQLite and a folder.
func ownVault(t *testing.T) *Vault {
	t.Helper()
	dir := t.TempDir()
	cfg := Config{Driver: driverSQLite, DSN: filepath.Join(dir, "vault.db")}
	var err error
	if cfg.KMS, err = OpenKeyFile(filepath.Join(dir, "root.key"), true); err != nil {
		t.Fatal(err)
	}
	if cfg.Blobs, err = OpenDir(filepath.Join(dir, "objects")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Migrate(t.Context(), cfg.Driver, cfg.DSN); err != nil {
		t.Fatal(err)
	}
	v, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// together has all acts wait for one transaction, and returns what each answered; a panic counts as the error that it
// was given.
func together(t *testing.T, v *Vault, acts ...func(ctx context.Context, t *tx) error) []error {
	t.Helper()
	begun, free := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := v.retry(t.Context(), true, func(*tx) error { close(begun); <-free; return nil })
		if err != nil {
			t.Errorf("the act before: %v", err)
		}
	})
	<-begun
	errs := make([]error, len(acts))
	for i, fn := range acts {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = p.(error)
				}
			}()
			errs[i] = v.retry(t.Context(), true, func(t *tx) error { return fn(t.b.ctx, t) })
		})
		for queued := 0; queued <= i; { // in this order
			v.group.mu.Lock()
			queued = len(v.group.queue)
			v.group.mu.Unlock()
		}
	}
	close(free)
	all.Wait()
	return errs
}

// writes is an act with a row and an event, which then answers err.
func writes(name string, err error) func(context.Context, *tx) error {
	return func(ctx context.Context, t *tx) error {
		if _, e := t.ExecContext(ctx, `INSERT INTO rollbacks (id, witness, size, root, found, reason, at) VALUES ($1, '', 0, '', 0, '', 0)`, name); e != nil {
			return e
		}
		if e := t.event(ctx, logEntry{Act: "test", Object: name}); e != nil {
			return e
		}
		return err
	}
}

// wantRows fails unless these acts, and no others, left a row and an event.
func wantRows(t *testing.T, v *Vault, want ...string) {
	t.Helper()
	for what, query := range map[string]string{
		"rows":   `SELECT id FROM rollbacks ORDER BY id`,
		"events": `SELECT entry FROM audit_events WHERE act = 'test' ORDER BY seq`,
	} {
		rows, err := v.db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			if _, rest, found := strings.Cut(s, `"object":"`); found {
				s, _, _ = strings.Cut(rest, `"`)
			}
			got = append(got, s)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got) // acts that are tried again lose their place
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	if got, err := v.VerifyLog(t.Context(), Operator()); err != nil || !got.OK {
		t.Errorf("VerifyLog: %v %s", err, got.Problem)
	}
}

// TestActsInOneTransactionAreApart: one that fails and one that panics take nothing of the others with them.
func TestActsInOneTransactionAreApart(t *testing.T) {
	v := ownVault(t)
	bang := errors.New("bang")
	errs := together(t, v, writes("a", nil), writes("b", ErrConflict), writes("c", nil),
		func(ctx context.Context, t *tx) error { panic(errors.Join(writes("d", bang)(ctx, t))) },
		writes("a", nil), // the row is there: the statement fails
		writes("e", nil))
	for i, want := range []error{nil, ErrConflict, nil, bang, nil, nil} {
		if i == 4 {
			if errs[i] == nil {
				t.Error("a second row of the same name: got nil")
			}
			continue
		}
		if !errors.Is(errs[i], want) {
			t.Errorf("act %d: got %v, want %v", i+1, errs[i], want)
		}
	}
	wantRows(t, v, "a", "c", "e")
}

// TestBrokenTransactionIsTriedAgain: an act under which the transaction breaks costs the others nothing.
func TestBrokenTransactionIsTriedAgain(t *testing.T) {
	v := ownVault(t)
	errs := together(t, v, writes("a", nil), func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `ROLLBACK`)
		return errors.Join(err, errors.New("broken"))
	}, writes("c", nil))
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("got %v, want the second alone to fail", errs)
	}
	wantRows(t, v, "a", "c")
}

// TestSwallowedBreakIsNoticed: an act that goes on as if nothing were after the database gave the transaction up.
func TestSwallowedBreakIsNoticed(t *testing.T) {
	v := ownVault(t)
	errs := together(t, v, writes("a", nil), func(ctx context.Context, t *tx) error {
		t.b.broken = true // what ExecContext notes when SQLite rolls back by itself
		return nil
	}, writes("c", nil))
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("got %v, want the second alone to fail", errs)
	}
	wantRows(t, v, "a", "c")
}

// TestWhoLeavesTheQueue: a caller who goes away while waiting is not acted for.
func TestWhoLeavesTheQueue(t *testing.T) {
	v := ownVault(t)
	begun, free := make(chan struct{}), make(chan struct{})
	held := make(chan error, 1)
	go func() { held <- v.retry(t.Context(), true, func(*tx) error { close(begun); <-free; return nil }) }()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- v.retry(ctx, true, func(t *tx) error { return writes("gone", nil)(ctx, t) }) }()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(free)
	if err := <-held; err != nil {
		t.Error(err)
	}
	wantRows(t, v)
}

// TestWhoLeavesWhileActing: no statement is begun for somebody who has gone, and those who share the transaction do not
// notice.
func TestWhoLeavesWhileActing(t *testing.T) {
	v := ownVault(t)
	ctx, cancel := context.WithCancel(t.Context())
	errs := together(t, v, writes("a", nil), func(_ context.Context, t *tx) error {
		if err := writes("b", nil)(ctx, t); err != nil {
			return err
		}
		cancel()
		return writes("c", nil)(ctx, t)
	}, writes("d", nil))
	if errs[0] != nil || !errors.Is(errs[1], context.Canceled) || errs[2] != nil {
		t.Errorf("got %v, want the second alone cancelled", errs)
	}
	wantRows(t, v, "a", "d")
}

// TestTreeOfThisTransaction: a checkpoint and a proof made among other acts see the events that are not written yet.
func TestTreeOfThisTransaction(t *testing.T) {
	v := ownVault(t)
	errs := together(t, v, writes("a", nil), func(ctx context.Context, t *tx) error {
		seq, err := t.nextSeq(ctx)
		if err != nil {
			return err
		}
		p, err := t.prove(ctx, seq-1)
		if err != nil {
			return err
		}
		fits := func(e logEntry) bool { return e.Object == "a" }
		_, err = p.checkEvent(v.cfg.LogOrigin, seq-1, p.Verifier, fits)
		return err
	}, writes("b", ErrConflict), writes("c", nil))
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], ErrConflict) || errs[3] != nil {
		t.Errorf("got %v, want the third alone to fail", errs)
	}
	wantRows(t, v, "a", "c")
}

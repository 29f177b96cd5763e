package vault_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestHungNodeDoesNotStopTheOthers: a node that holds the log and says nothing
// costs the others an answer, not their patience.
func TestHungNodeDoesNotStopTheOthers(t *testing.T) {
	b := vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t)+"?lock_timeout=300ms", nil)
	hung, err := b.SQL(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hung.ExecContext(t.Context(), `LOCK TABLE audit_head IN EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := b.V.DeadJobs(t.Context(), vault.Operator()); !errors.Is(err, vault.ErrUnavailable) {
		t.Errorf("DeadJobs while the log is held: got %v, want ErrUnavailable", err)
	}
	if waited := time.Since(start); waited > 10*time.Second {
		t.Errorf("DeadJobs waited %v for a lock timeout of 300 ms", waited)
	}
	if err := hung.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.V.DeadJobs(t.Context(), vault.Operator()); err != nil {
		t.Errorf("DeadJobs afterwards: %v", err)
	}
}

// TestCutConnections: acts whose connection is cut say that the vault is
// unavailable; each that answered is in the log, and the log is whole.
func TestCutConnections(t *testing.T) {
	b := vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil)
	before := logSize(t, b.V)
	db := b.SQL(t)
	cut := func() {
		_, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'clinivault' AND datname = current_database()`)
		if err != nil {
			t.Errorf("cutting connections: %v", err)
		}
	}
	var answered int64
	var mu sync.Mutex // guards answered
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				_, err := b.V.DeadJobs(t.Context(), vault.Operator())
				switch {
				case err == nil:
					mu.Lock()
					answered++
					mu.Unlock()
				case !errors.Is(err, vault.ErrUnavailable):
					t.Errorf("DeadJobs while connections are cut: got %v, want ErrUnavailable", err)
				}
			}
		})
	}
	for range 5 {
		time.Sleep(20 * time.Millisecond)
		cut()
	}
	wg.Wait()
	for range 20 { // connections that were cut while they rested say so once
		if _, err := b.V.LogSize(t.Context()); err != nil && !errors.Is(err, vault.ErrUnavailable) {
			t.Errorf("LogSize after the cuts: got %v, want ErrUnavailable", err)
		}
	}
	if got := logSize(t, b.V) - before; got < answered {
		t.Errorf("log: got %d events more for %d answers", got, answered)
	}
	if got := verify(t, b.V); !got.OK {
		t.Errorf("VerifyLog after the cuts: %s", got.Problem)
	}
}

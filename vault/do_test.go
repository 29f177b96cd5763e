package vault_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// refuseEvents makes the database refuse every further event of the log.
func refuseEvents(t *testing.T, b *vaulttest.Bench) {
	t.Helper()
	if b.Cfg.Driver == "sqlite" {
		b.Exec(t, `CREATE TRIGGER refuse BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no'); END`)
		return
	}
	b.Exec(t, `CREATE FUNCTION refuse() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''no''; END' LANGUAGE plpgsql`)
	b.Exec(t, `CREATE TRIGGER refuse BEFORE INSERT ON audit_events EXECUTE FUNCTION refuse()`)
}

func TestNoEventNoAnswer(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		doctor := b.Person(t, "doctor", vault.RoleClinician)
		patient, foreign := b.Patient(t, doctor), b.Patient(t)
		refuseEvents(t, b)
		got, err := b.V.Patient(t.Context(), doctor, patient)
		if err == nil || got.Name != "" {
			t.Errorf("a read without its event: got an answer (%v)", err)
		}
		if _, err := b.V.Patient(t.Context(), doctor, foreign); !errors.Is(err, vault.ErrUnavailable) {
			t.Errorf("a refusal without its event: got %v, want ErrUnavailable", err)
		}
		_, err = b.V.AddPatient(t.Context(), vault.Operator(), vault.NewPatient{RecordNumber: "TEST-X", Name: "Synthetic X", BirthDate: "1970-01-01"})
		if err == nil {
			t.Error("a change without its event: got nil")
		}
		if n := count(t, b, `SELECT count(*) FROM patients WHERE record_number = 'TEST-X'`); n != 0 {
			t.Errorf("a change without its event: got %d rows, want none", n)
		}
	})
}

func count(t *testing.T, b *vaulttest.Bench, query string) (n int64) {
	t.Helper()
	if err := b.SQL(t).QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestRefusalLeavesAnEvent(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		doctor := b.Person(t, "doctor", vault.RoleClinician)
		before := logSize(t, b.V)
		if _, err := b.V.DeadJobs(t.Context(), doctor); !errors.Is(err, vault.ErrDenied) {
			t.Fatalf("DeadJobs: got %v, want ErrDenied", err)
		}
		if err := b.V.RetryJob(t.Context(), vault.Operator(), "NOSUCHJOB"); !errors.Is(err, vault.ErrNotFound) {
			t.Fatalf("RetryJob: got %v, want ErrNotFound", err)
		}
		if n := count(t, b, `SELECT count(*) FROM audit_events WHERE outcome = 'refused' AND act = 'job.list' AND entry LIKE '%"error":"denied"%'`); n != 1 {
			t.Errorf("events of the refusal: got %d, want 1", n)
		}
		if n := count(t, b, `SELECT count(*) FROM audit_events WHERE outcome = 'failed' AND act = 'job.retry' AND entry LIKE '%"error":"not_found"%'`); n != 1 {
			t.Errorf("events of the failure: got %d, want 1", n)
		}
		if got := logSize(t, b.V); got != before+2 {
			t.Errorf("log: got %d events, want %d", got, before+2)
		}
	})
}

// TestMachineryLeavesNoEvents: an idle worker does not fill the log.
func TestMachineryLeavesNoEvents(t *testing.T) {
	b := vaulttest.New(t)
	addJobs(t, b, "process", 1)
	before := logSize(t, b.V)
	j := claim(t, b.V, time.Minute)
	if err := b.V.RenewJob(t.Context(), job, j, time.Minute); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		claim(t, b.V, time.Minute)
		if err := b.V.Sweep(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	if got := logSize(t, b.V); got != before {
		t.Errorf("log: got %d events more, want none", got-before)
	}
}

func TestZeroActorIsRefused(t *testing.T) {
	b := vaulttest.New(t)
	if _, err := b.V.DeadJobs(t.Context(), vault.Actor{}); !errors.Is(err, vault.ErrUnauthenticated) {
		t.Errorf("DeadJobs by nobody: got %v, want ErrUnauthenticated", err)
	}
}

// TestLogUnderLoad: acts of two nodes at once leave a log that verifies.
func TestLogUnderLoad(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		nodes := []*vault.Vault{b.V, b.Node(t)}
		before := logSize(t, b.V)
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for range 10 {
					if _, err := nodes[w%2].DeadJobs(t.Context(), vault.Operator()); err != nil {
						t.Errorf("DeadJobs: %v", err)
					}
				}
				if err := nodes[w%2].Checkpoint(t.Context(), job); err != nil {
					t.Errorf("Checkpoint: %v", err)
				}
			})
		}
		wg.Wait()
		if got := logSize(t, b.V); got != before+80 {
			t.Errorf("log: got %d events more, want 80", got-before)
		}
		if got := verify(t, b.V); !got.OK {
			t.Errorf("VerifyLog: %s", got.Problem)
		}
	})
}

// TestCancelledCallLeavesItsEvent: whoever hangs up is on the record all the same.
func TestCancelledCallLeavesItsEvent(t *testing.T) {
	b := vaulttest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.V.DeadJobs(ctx, vault.Operator()); !errors.Is(err, context.Canceled) {
		t.Fatalf("DeadJobs: got %v, want context.Canceled", err)
	}
	if n := count(t, b, `SELECT count(*) FROM audit_events WHERE outcome = 'failed' AND entry LIKE '%"error":"canceled"%'`); n != 1 {
		t.Errorf("events of the cancelled call: got %d, want 1", n)
	}
}

// mortalKMS is a key service that can be taken away.
type mortalKMS struct {
	vault.KMS
	away atomic.Bool
}

func (k *mortalKMS) Unwrap(ctx context.Context, wrapped []byte, version uint32, aad []byte) (seal.Key, error) {
	if k.away.Load() {
		return seal.Key{}, vault.ErrUnavailable
	}
	return k.KMS.Unwrap(ctx, wrapped, version, aad)
}

// TestKeyServiceAwayLeavesAnEvent: a read that fails for want of a key is on the
// record, although the vault is unavailable.
func TestKeyServiceAwayLeavesAnEvent(t *testing.T) {
	b := vaulttest.New(t)
	kms := &mortalKMS{KMS: b.KMS}
	b.Cfg.KMS = kms
	b.Reopen(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	r := b.Send(t, doctor, b.Capture(t, doctor, b.Patient(t, doctor), vaulttest.Picture(t, 96, 64, 1)))
	b.Work(t)
	kms.away.Store(true)
	_, err := b.V.ReadRendition(t.Context(), doctor, vault.PhotoID(r.PhotoID), vault.KindCoveredThumb)
	if !errors.Is(err, vault.ErrUnavailable) {
		t.Errorf("ReadRendition without the key service: got %v, want ErrUnavailable", err)
	}
	if n := count(t, b, `SELECT count(*) FROM audit_events WHERE outcome = 'failed' AND entry LIKE '%"error":"unavailable"%' AND photo <> ''`); n != 1 {
		t.Errorf("events of the failure: got %d, want 1", n)
	}
}

func TestWaitsForAnotherWriter(t *testing.T) {
	b := vaulttest.New(t)
	conn, err := b.SQL(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() {
		if _, err := conn.ExecContext(context.Background(), `ROLLBACK`); err != nil {
			t.Errorf("ROLLBACK: %v", err)
		}
	})
	if _, err := b.V.DeadJobs(t.Context(), vault.Operator()); err != nil {
		t.Errorf("DeadJobs while another process writes: got %v, want it to wait", err)
	}
}

// BenchmarkEvents times the smallest act: one transaction with one event.
func BenchmarkEvents(bm *testing.B) {
	for _, c := range []struct {
		name string
		open func(testing.TB) *vaulttest.Bench
	}{
		{"sqlite", func(t testing.TB) *vaulttest.Bench { return vaulttest.New(t) }},
		{"postgres", func(t testing.TB) *vaulttest.Bench {
			return vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil)
		}},
	} {
		bm.Run(c.name, func(bm *testing.B) {
			b := c.open(bm)
			bm.ResetTimer()
			for range bm.N {
				if _, err := b.V.DeadJobs(bm.Context(), vault.Operator()); err != nil {
					bm.Fatal(err)
				}
			}
			bm.ReportMetric(float64(bm.N)/bm.Elapsed().Seconds(), "events/s")
		})
	}
}

func BenchmarkVerifyLog(bm *testing.B) {
	b := vaulttest.New(bm)
	for range 2000 {
		if _, err := b.V.DeadJobs(bm.Context(), vault.Operator()); err != nil {
			bm.Fatal(err)
		}
	}
	bm.ResetTimer()
	var events int64
	for range bm.N {
		got, err := b.V.VerifyLog(bm.Context(), vault.Operator())
		if err != nil || !got.OK {
			bm.Fatalf("VerifyLog: %s %v", got.Problem, err)
		}
		events += got.Size
	}
	bm.ReportMetric(float64(events)/bm.Elapsed().Seconds(), "events/s")
}

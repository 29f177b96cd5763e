package vault_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
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

func TestOpenRefuses(t *testing.T) {
	b := vaulttest.New(t)
	with := func(change func(*vault.Config)) vault.Config {
		cfg := b.Cfg
		cfg.Beside = true
		change(&cfg)
		return cfg
	}
	otherKey, err := vault.OpenKeyFile(filepath.Join(t.TempDir(), "other.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  vault.Config
		want string
	}{
		{"no store", with(func(c *vault.Config) { c.Blobs = nil }), "needs a blob store"},
		{"no keys", with(func(c *vault.Config) { c.KMS = nil }), "needs a blob store"},
		{"unknown driver", with(func(c *vault.Config) { c.Driver = "mysql" }), `must be "sqlite" or "postgres"`},
		{"odd path", with(func(c *vault.Config) { c.DSN = "a?b" }), "must not be empty or contain"},
		{"bad tenant", with(func(c *vault.Config) { c.Tenant = "A b" }), "tenant must be"},
		{"bad origin", with(func(c *vault.Config) { c.LogOrigin = "a b" }), "log origin must be"},
		{"unknown target", with(func(c *vault.Config) { c.ChartTargets = []string{"fax"} }), "chart targets are"},
		{"second process", with(func(c *vault.Config) { c.Beside = false }), "another process has this database open"},
		{"empty database", with(func(c *vault.Config) { c.DSN = filepath.Join(t.TempDir(), "new.db") }), "run the migrate command"},
		{"other root key", with(func(c *vault.Config) { c.KMS = otherKey }), "root key does not belong to this database"},
		{"other tenant", with(func(c *vault.Config) { c.Tenant = "other" }), "root key does not belong to this database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := vault.Open(t.Context(), c.cfg)
			if err == nil {
				v.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestOpenWithoutDatabaseServer(t *testing.T) {
	b := vaulttest.New(t)
	cfg := b.Cfg
	cfg.Driver, cfg.DSN = "postgres", "postgres://nobody:secret@127.0.0.1:1/none?sslmode=disable"
	_, err := vault.Open(t.Context(), cfg)
	if !errors.Is(err, vault.ErrUnavailable) {
		t.Errorf("Open: got %v, want ErrUnavailable", err)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("Open: the error carries the password: %v", err)
	}
	if _, _, err := vault.Migrate(t.Context(), "postgres", cfg.DSN); !errors.Is(err, vault.ErrUnavailable) {
		t.Errorf("Migrate: got %v, want ErrUnavailable", err)
	}
}

func TestMigrate(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		from, to, err := vault.Migrate(t.Context(), b.Cfg.Driver, b.Cfg.DSN)
		if err != nil || from != to || to < 1 {
			t.Fatalf("Migrate of a migrated database: got %d to %d, %v", from, to, err)
		}
		if n := b.Exec(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`); n != 1 {
			t.Fatal("the version was not written")
		}
		cfg := b.Cfg
		cfg.Beside = true
		if _, err := vault.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "use a newer program") {
			t.Errorf("Open of a newer database: got %v, want it refused", err)
		}
		if _, _, err := vault.Migrate(t.Context(), b.Cfg.Driver, b.Cfg.DSN); err == nil || !strings.Contains(err.Error(), "use a newer program") {
			t.Errorf("Migrate of a newer database: got %v, want it refused", err)
		}
	})
}

// TestNodesStartAtOnce: on a database that none of them has seen before.
func TestNodesStartAtOnce(t *testing.T) {
	b := vaulttest.New(t) // for a configuration
	cfg := b.Cfg
	cfg.Driver, cfg.DSN = "postgres", vaulttest.Postgres(t)
	const nodes = 4
	keys := make([]string, nodes)
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() {
			if _, _, err := vault.Migrate(t.Context(), cfg.Driver, cfg.DSN); err != nil {
				t.Errorf("Migrate: %v", err)
				return
			}
			v, err := vault.Open(t.Context(), cfg)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			defer v.Close()
			public, err := v.PublicKeys(t.Context())
			if err != nil {
				t.Errorf("PublicKeys: %v", err)
			}
			keys[i] = public.LogVerifier
		})
	}
	wg.Wait()
	for i, k := range keys {
		if k == "" || k != keys[0] {
			t.Errorf("log key of node %d: got %q, want %q", i, k, keys[0])
		}
	}
}

// TestKeysSurviveARestart: a capture sealed before opens after.
func TestKeysSurviveARestart(t *testing.T) {
	b := vaulttest.New(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	before, err := b.V.IntakeKeys(t.Context(), doctor)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := b.V.PublicKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Reopen(t)
	after, err := b.V.IntakeKeys(t.Context(), doctor)
	if err != nil || string(after.Key) != string(before.Key) || after.Epoch != 1 {
		t.Errorf("intake key after a restart: got epoch %d, %v; want the same key", after.Epoch, err)
	}
	again, err := b.V.PublicKeys(t.Context())
	if err != nil || again.LogVerifier != keys.LogVerifier || again.Receipts[0].KeyID != keys.Receipts[0].KeyID {
		t.Errorf("public keys after a restart: got %+v, %v; want %+v", again, err, keys)
	}
	if got := verify(t, b.V); !got.OK {
		t.Errorf("VerifyLog after a restart: %s", got.Problem)
	}
}

func TestPing(t *testing.T) {
	b := vaulttest.New(t)
	if err := b.V.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	b.Blobs.OnOp(func(int, vaulttest.Op, string) vaulttest.Fault { return vaulttest.Refuse })
	if err := b.V.Ping(t.Context()); !errors.Is(err, vault.ErrUnavailable) || !strings.Contains(err.Error(), "store:") {
		t.Errorf("Ping without a store: got %v, want ErrUnavailable naming it", err)
	}
	parts, err := b.V.Health(t.Context(), b.Person(t, "admin", vault.RoleAdmin))
	if err != nil || len(parts) != 4 {
		t.Fatalf("Health: got %+v, %v; want four parts", parts, err)
	}
	for _, p := range parts {
		if p.OK != (p.Name != "store") {
			t.Errorf("Health: got %+v", p)
		}
	}
}

func BenchmarkEvents(bm *testing.B) {
	b := vaulttest.New(bm)
	bm.ResetTimer()
	for range bm.N {
		if _, err := b.V.DeadJobs(bm.Context(), vault.Operator()); err != nil {
			bm.Fatal(err)
		}
	}
	bm.ReportMetric(float64(bm.N)/bm.Elapsed().Seconds(), "events/s")
}

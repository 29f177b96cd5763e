package vault_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

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
		{"other tenant", with(func(c *vault.Config) { c.Tenant = "other" }), `the database belongs to tenant "main"`},
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
	names := ""
	for _, p := range parts {
		names += p.Name + " "
	}
	if want := "database store keys jobs integrity witness "; err != nil || names != want {
		t.Fatalf("Health: got parts %s, %v; want %s", names, err, want)
	}
	for _, p := range parts {
		if p.OK != (p.Name != "store") {
			t.Errorf("Health: got %+v", p)
		}
	}
}

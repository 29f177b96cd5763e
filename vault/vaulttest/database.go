package vaulttest

import (
	"database/sql"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// EachDatabase runs a test on a fresh vault on SQLite and on PostgreSQL.
func EachDatabase(t *testing.T, test func(t *testing.T, b *Bench)) {
	t.Run("sqlite", func(t *testing.T) { test(t, New(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, NewOn(t, "postgres", Postgres(t), nil)) })
}

// Node opens a second vault on the same data, as another node of the hospital
// would. On SQLite it is what a command of the operator opens.
func (b *Bench) Node(t testing.TB) *vault.Vault {
	t.Helper()
	cfg := b.Cfg
	cfg.Beside = true
	v, err := vault.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("opening a second node: %v", err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Errorf("closing the second node: %v", err)
		}
	})
	return v
}

// SQL opens the vault's database past the vault, as an intruder or a repairer
// could.
func (b *Bench) SQL(t testing.TB) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", b.Cfg.DSN
	if b.Cfg.Driver == "sqlite" {
		driver, dsn = "sqlite", "file:"+b.Cfg.DSN+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing database: %v", err)
		}
	})
	return db
}

// Exec runs a statement past the vault and returns how many rows it changed.
func (b *Bench) Exec(t testing.TB, query string, args ...any) int64 {
	t.Helper()
	res, err := b.SQL(t).ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Package vaulttest gives tests a real vault. It hides how one is put together:
// a migrated database of its own, a store that can be made to fail, a root key,
// a clock that stands still, people, patients and sealed captures.
//
// Nothing here imitates the vault: what a test sees is what the product does.
package vaulttest

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

// Password is that of everybody whom Person adds.
const Password = "correct horse battery staple"

// Start is the time at which every Bench's clock stands first.
var Start = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

// Clock is a clock that stands still until it is told otherwise.
type Clock struct {
	mu      sync.Mutex // guards both
	now     time.Time
	elapsed time.Duration
}

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Elapsed is the time that really went by.
func (c *Clock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

// Add lets time go by.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.elapsed = c.now.Add(d), c.elapsed+d
}

// Jump sets the clock forward or back: no time goes by.
func (c *Clock) Jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Bench is a vault on a test's bench.
type Bench struct {
	V     *vault.Vault
	Clock *Clock
	Blobs *Memory // nil when NewOn was given another store
	KMS   vault.KMS
	Log   *Log         // everything that the vault logged
	Cfg   vault.Config // as opened; Reopen opens it again
	next  int          // numbers patients
}

// Log collects log lines; it may be written by many goroutines.
type Log struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

// Write is io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// New opens a vault on a SQLite file and a memory store of its own.
func New(t testing.TB) *Bench {
	t.Helper()
	return NewOn(t, "sqlite", SQLite(t), nil)
}

// NewOn opens a vault on the given empty database and store; a nil store is a
// fresh Memory. The database is migrated first.
func NewOn(t testing.TB, driver, dsn string, blobs vault.Blobs) *Bench {
	t.Helper()
	if _, _, err := vault.Migrate(context.Background(), driver, dsn); err != nil {
		t.Fatalf("migrating: %v", err)
	}
	kms, err := vault.OpenKeyFile(filepath.Join(t.TempDir(), "root.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	return OpenOn(t, driver, dsn, blobs, kms)
}

// OpenOn opens a vault on a migrated database that may hold something already,
// under the root key that belongs to it.
func OpenOn(t testing.TB, driver, dsn string, blobs vault.Blobs, kms vault.KMS) *Bench {
	t.Helper()
	pool, err := imaging.NewPool(imaging.PoolConfig{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	b := &Bench{Clock: &Clock{now: Start}, KMS: kms, Log: &Log{}}
	if blobs == nil {
		b.Blobs = &Memory{}
		blobs = b.Blobs
	}
	b.Cfg = vault.Config{
		Driver: driver, DSN: dsn, Blobs: blobs, KMS: kms, Imaging: pool,
		ChartTargets: []string{"fhir", "dicom"},
		Now:          b.Clock.Now,
		Elapsed:      b.Clock.Elapsed,
		PasswordOnly: true, StepUpFor: 12 * time.Hour, // tests of sign-in ask for more: change Cfg, then Reopen
		Log: slog.New(slog.NewJSONHandler(b.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	b.open(t)
	t.Cleanup(func() {
		if err := b.V.Close(); err != nil {
			t.Errorf("closing vault: %v", err)
		}
	})
	return b
}

func (b *Bench) open(t testing.TB) {
	t.Helper()
	v, err := vault.Open(context.Background(), b.Cfg)
	if err != nil {
		t.Fatalf("opening vault: %v", err)
	}
	b.V = v
}

// Reopen closes the vault and opens it again on the same data, as a restart.
func (b *Bench) Reopen(t testing.TB) {
	t.Helper()
	if err := b.V.Close(); err != nil {
		t.Fatalf("closing vault: %v", err)
	}
	b.open(t)
}

var template struct {
	once sync.Once
	file []byte
	err  error
}

// SQLite is the path of a migrated, empty database of its own. Migrating is
// slow enough to be done once for all tests of a package.
func SQLite(t testing.TB) string {
	t.Helper()
	template.once.Do(func() {
		dir, err := os.MkdirTemp("", "clinivault-template-")
		if err != nil {
			template.err = err
			return
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "vault.db")
		if _, _, template.err = vault.Migrate(context.Background(), "sqlite", path); template.err == nil {
			template.file, template.err = os.ReadFile(path)
		}
	})
	if template.err != nil {
		t.Fatalf("making the template database: %v", template.err)
	}
	path := filepath.Join(t.TempDir(), "vault.db")
	if err := os.WriteFile(path, template.file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

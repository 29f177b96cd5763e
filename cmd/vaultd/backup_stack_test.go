package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// newStack writes a configuration for a service on a fresh database of a real
// PostgreSQL and a fresh bucket of a real MinIO.
func newStack(t *testing.T) (s *service, dsn string) {
	t.Helper()
	dir := t.TempDir()
	secret := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	store := vaulttest.MinIO(t)
	dsn = vaulttest.Postgres(t)
	return newService(t, map[string]any{
		"database": map[string]string{"postgres_dsn_file": secret("dsn", dsn)},
		"minio": map[string]string{"endpoint": store.Endpoint, "bucket": store.Bucket, "ca_file": store.CAFile,
			"access_key_file": secret("access", store.AccessKey), "secret_key_file": secret("secret", store.SecretKey)},
	}), dsn
}

// postgresTool runs pg_dump or pg_restore as an operator would.
func postgresTool(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := vaulttest.Tool(name, "/usr/lib/postgresql/*/bin/"+name)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// hold pauses deletions and returns the ID that ends it.
func hold(t *testing.T, config string) string {
	t.Helper()
	out := strings.Fields(succeed(t, "nothing is deleted from the store until", "backup", "hold", "--config", config, "--for", "1h"))
	return out[len(out)-1]
}

// TestBackupOfTheStack follows the README's procedure for PostgreSQL and MinIO, beside the running service, and restores
// to a fresh database and a fresh bucket: every photo of before is there, byte for byte, and agrees with the log.
func TestBackupOfTheStack(t *testing.T) {
	s, dsn := newStack(t)
	s.start()
	clinician := s.signIn("clinician")
	patient := clinician.patients()[0]
	for range 3 {
		if status, _, err := clinician.send(t.Context(), clinician.seal(patient.ID, photograph(t))); err != nil || status/100 != 2 {
			t.Fatalf("sending: status %d, %v", status, err)
		}
	}
	allProcessed(t, clinician)
	before := covered(t, clinician)
	dir := t.TempDir()
	dump, objects := filepath.Join(dir, "vault.dump"), filepath.Join(dir, "objects.age")
	identity, to := keyPair(t)
	refuse(t, "The database is PostgreSQL: pause deletions with `vaultd backup hold`", "backup", "--config", s.config, "--out", objects, "--to", to)

	pause := hold(t, s.config)
	postgresTool(t, "pg_dump", "--format=custom", "--file="+dump, dsn)
	// A capture that comes in and is processed between the two copies: its sealed envelope is in neither or both.
	if status, _, err := clinician.send(t.Context(), clinician.seal(patient.ID, photograph(t))); err != nil || status/100 != 2 {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	allProcessed(t, clinician)
	succeed(t, "objects (", "backup", "--config", s.config, "--objects", "--out", objects, "--to", to)
	succeed(t, "deletions go on", "backup", "release", "--config", s.config, "--hold", pause)
	refuse(t, "there is no such hold, or it ran out", "backup", "release", "--config", s.config, "--hold", pause)
	s.stop()

	r, freshDSN := newStack(t)
	key := filepath.Join(s.data, "root.key")
	args := []string{"restore", objects, "--identity", identity, "--config", r.config, "--root-key", key}
	refuse(t, "restore it first, with the tools that copied it", args...)
	postgresTool(t, "pg_restore", "--no-owner", "--exit-on-error", "--dbname="+freshDSN, dump)
	out := succeed(t, "restored backup", args...)
	if !strings.Contains(out, "3 photos, 3 accepted by the log") {
		t.Errorf("the restore says\n%s", out)
	}
	refuse(t, "the object store is not empty", args...)
	if err := os.Rename(filepath.Join(s.data, "demo-accounts.json"), filepath.Join(r.data, "demo-accounts.json")); err != nil {
		t.Fatal(err)
	}
	r.start()
	again := r.signIn("clinician")
	after := covered(t, again)
	for id, want := range before {
		if !bytes.Equal(after[id], want) || len(want) == 0 {
			t.Errorf("photo %s: %d bytes after the restore, %d before, or others", id, len(after[id]), len(want))
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d photos after the restore, want %d", len(after), len(before))
	}
	verifyLog(t, r)
	succeed(t, "as they were stored", "restore", "check", "--config", r.config)
}

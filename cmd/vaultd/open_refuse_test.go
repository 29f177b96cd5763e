package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // opens test databases past the vault

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// refusesToServe starts the real server and fails the test unless it ends by
// itself, with one sentence that says want.
func refusesToServe(t *testing.T, config, want string, change ...func(*exec.Cmd)) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "serve", "--config", config)
	for _, c := range change {
		c(cmd)
	}
	out, err := cmd.CombinedOutput()
	said := strings.TrimSpace(string(out))
	if err == nil || ctx.Err() != nil || !strings.Contains(said, want) || strings.Contains(said, "\n") || !strings.HasPrefix(said, "vaultd: ") {
		t.Errorf("serve: %v, %v; want it refused in one sentence with %q, got\n%s", err, ctx.Err(), want, said)
	}
}

// withPhoto is a stopped service that holds one processed photo.
func withPhoto(t *testing.T) *service {
	t.Helper()
	s := newService(t, nil)
	s.start()
	p := s.signIn("clinician")
	if status, _, err := p.send(t.Context(), p.seal(p.patients()[0].ID, photograph(t))); err != nil || status/100 != 2 {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	allProcessed(t, p)
	s.stop()
	return s
}

// copyOf gives a configuration of its own over a copy of a service's data.
func copyOf(t *testing.T, s *service, extra map[string]any) (config, data string) {
	t.Helper()
	c := newService(t, extra)
	if err := os.CopyFS(c.data, os.DirFS(s.data)); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"root.key", "vault.db"} { // CopyFS makes files that others can read
		if err := os.Chmod(filepath.Join(c.data, secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c.config, c.data
}

func execute(t *testing.T, driver, dsn, query string, args ...any) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// TestRefusesToStart: each with one sentence that says what is wrong and what to do; and where the cause is mended the
// service starts again.
func TestRefusesToStart(t *testing.T) {
	s := withPhoto(t)
	other := withPhoto(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, data string)
		extra map[string]any
		want  string
	}{
		{"another vault's key file", func(t *testing.T, data string) {
			must(os.WriteFile(filepath.Join(data, "root.key"), readFile(t, filepath.Join(other.data, "root.key")), 0o600))
		}, nil, "root key does not belong to this database"},
		{"no key file", func(t *testing.T, data string) { must(os.Remove(filepath.Join(data, "root.key"))) }, nil,
			"the root key file does not exist: restore it from its backup"},
		{"key file that others can read", func(t *testing.T, data string) { must(os.Chmod(filepath.Join(data, "root.key"), 0o640)) }, nil, "run chmod 600 on it"},
		{"key file that is none", func(t *testing.T, data string) {
			must(os.WriteFile(filepath.Join(data, "root.key"), []byte("hello\n"), 0o600))
		}, nil, "check its path"},
		{"newer database", func(t *testing.T, data string) {
			execute(t, "sqlite", filepath.Join(data, "vault.db"), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
		}, nil, "use a newer program"},
		{"another tenant", func(*testing.T, string) {}, map[string]any{"tenant": "other"}, `belongs to tenant "main", the configuration says "other"`},
		{"no database", func(t *testing.T, data string) {
			must(os.WriteFile(filepath.Join(data, "vault.db"), bytes.Repeat([]byte("text\n"), 1000), 0o600))
		}, nil, "is no SQLite database: check the data folder, or restore the last backup"},
		{"damaged database", func(t *testing.T, data string) { tear(t, filepath.Join(data, "vault.db")) }, nil, "the database file is damaged"},
		{"empty store", func(t *testing.T, data string) { must(os.RemoveAll(filepath.Join(data, "objects"))) }, nil,
			"the store is empty but the database knows 5 objects: mount or name the right store"},
		{"another vault's store", func(t *testing.T, data string) {
			must(os.RemoveAll(filepath.Join(data, "objects")))
			must(os.CopyFS(filepath.Join(data, "objects"), os.DirFS(filepath.Join(other.data, "objects"))))
		}, nil, "belongs to another vault, so name the right folder or bucket"},
		{"new database on a used store", func(t *testing.T, data string) {
			for _, name := range []string{"vault.db", "root.key"} {
				must(os.Remove(filepath.Join(data, name)))
			}
		}, nil, "the store holds objects already: name the vault's own database"},
		{"half-restored", func(t *testing.T, data string) { must(vault.BeginRestore(data)) }, nil, "run `vaultd restore` again or delete the folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, data := copyOf(t, s, c.extra)
			c.spoil(t, data)
			refusesToServe(t, config, c.want)
		})
	}
	t.Run("mended", func(t *testing.T) {
		s.start()
		p := s.signIn("clinician")
		if got := covered(t, p); len(got) != 1 {
			t.Errorf("got %d photos, want 1", len(got))
		}
		refusesToServe(t, s.config, "another process has this database open; stop it first")
		s.stop()
	})
}

// tear overwrites a part of a database file, header left alone.
func tear(t *testing.T, path string) {
	t.Helper()
	content := readFile(t, path)
	for at := 8192; at < len(content)-4096; at++ {
		content[at] ^= 0x5a
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRefusesAFolderNotItsOwn runs the server as a user who may read the data folder and not write to it.
func TestRefusesAFolderNotItsOwn(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can start the server as another user")
	}
	dir, err := os.MkdirTemp("/tmp", "clinivault-other-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "vaultd"), readFile(t, program), 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "vaultd.json")
	text, err := json.Marshal(map[string]string{"listen": "127.0.0.1:0", "data": filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	asNobody := func(cmd *exec.Cmd) {
		cmd.Path, cmd.Dir = filepath.Join(dir, "vaultd"), dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	refusesToServe(t, config, "cannot be made: create it for the user that runs vaultd", asNobody)
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	refusesToServe(t, config, "cannot be written to: give it to the user that runs vaultd", asNobody)
}

// TestRefusesOlderPostgres: other nodes may be using the database, so a person migrates it, once.
func TestRefusesOlderPostgres(t *testing.T) {
	dsn := vaulttest.Postgres(t)
	secret := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(secret, []byte(dsn), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newService(t, map[string]any{"database": map[string]string{"postgres_dsn_file": secret}})
	succeed(t, "verifies", "restore", "check", "--config", s.config)
	execute(t, "pgx", dsn, `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	refusesToServe(t, s.config, "run the migrate command first")
	execute(t, "pgx", dsn, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	refusesToServe(t, s.config, "use a newer program")
	if err := os.WriteFile(secret, []byte("postgres://nobody:hunter2@127.0.0.1:1/none"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runBinary(t, "serve", "--config", s.config)
	if err == nil || strings.Contains(out, "hunter2") || !strings.Contains(out, "unavailable") {
		t.Errorf("without a database server: %v, want it unavailable and no password in\n%s", err, out)
	}
}

package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// killedAfter runs the real binary and kills it with SIGKILL after d, unless it
// has ended; done tells whether it ended well.
func killedAfter(t *testing.T, d time.Duration, args ...string) (done bool) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(d, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	return cmd.Wait() == nil
}

// TestKilledBackup: a backup that was killed leaves no file under its name, no
// copy of the database once the server or another backup starts, and deletions
// go on after the next one.
func TestKilledBackup(t *testing.T) {
	s := withPhoto(t)
	identity, to := keyPair(t)
	file := filepath.Join(t.TempDir(), "vault.age")
	scratch := func() []string {
		left, err := filepath.Glob(filepath.Join(s.data, ".backup-*"))
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	killed, long := 0, 300*time.Millisecond
	for round := 0; round < 12 || killed == 0 && round < 100; round++ {
		begun := time.Now()
		if killedAfter(t, 5*time.Millisecond+rand.N(long), "backup", "--config", s.config, "--out", file, "--to", to) {
			long = min(long, time.Since(begun)) // a backup takes no longer here, so that most kills come in time
			succeed(t, "the backup is whole", "backup", "verify", file, "--identity", identity)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			continue
		}
		killed++
		if _, err := os.Stat(file); err == nil { // killed after it had its name: whole
			succeed(t, "the backup is whole", "backup", "verify", file, "--identity", identity)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	if killed == 0 {
		t.Fatal("no backup was killed: the test tests nothing")
	}
	if err := os.Mkdir(filepath.Join(s.data, ".backup-killed"), 0o700); err != nil { // as one killed while it copied
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.data, ".backup-killed", "vault.db"), []byte("names"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	if left := scratch(); len(left) > 0 {
		t.Errorf("copies of the database are left after a start: %v", left)
	}
	succeed(t, "backed up the database and 5 objects", "backup", "--config", s.config, "--out", file, "--to", to)
	if left := scratch(); len(left) > 0 {
		t.Errorf("copies of the database are left: %v", left)
	}
	t.Logf("%d backups were killed", killed)
}

// TestKilledRestore: whenever a restore is killed, the folder starts nothing until another restore has come to its end;
// that one makes the same vault.
func TestKilledRestore(t *testing.T) {
	s := withPhoto(t)
	identity, to := keyPair(t)
	file := filepath.Join(t.TempDir(), "vault.age")
	succeed(t, "backed up", "backup", "--config", s.config, "--out", file, "--to", to)
	killed, half, long := 0, 0, 250*time.Millisecond
	for round := 0; round < 10 || half == 0 && round < 100; round++ {
		r := newService(t, nil)
		args := []string{"restore", file, "--identity", identity, "--config", r.config, "--root-key", filepath.Join(s.data, "root.key")}
		begun := time.Now()
		if killedAfter(t, 5*time.Millisecond+rand.N(long), args...) {
			long = min(long, time.Since(begun)) // a restore takes no longer here, so that most kills come in time
		} else {
			killed++
			out, err := runBinary(t, "restore", "check", "--config", r.config)
			marked := strings.Contains(out, "holds a half-restored backup")
			_, absent := os.Stat(filepath.Join(r.data, "vault.db"))
			switch {
			case marked:
				half++
			case err == nil && strings.Contains(out, "1 photos, 1 accepted"): // killed after its end, or nothing was begun
			case absent == nil && !strings.Contains(out, "0 photos"):
				t.Errorf("a killed restore left a folder that starts: %v\n%s", err, out)
			}
			if marked {
				succeed(t, "restored backup", args...)
			}
		}
		if _, err := os.Stat(filepath.Join(r.data, "RESTORE-UNFINISHED")); err == nil {
			t.Error("the mark stands after a restore that came to its end")
		}
	}
	if half == 0 {
		t.Errorf("of %d killed restores none was half done: the test tests nothing", killed)
	}
	t.Logf("%d restores were killed, %d half done", killed, half)
}

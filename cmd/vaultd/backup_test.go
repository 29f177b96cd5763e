package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/clinivault/clinivault/vault"
)

// keyPair writes an age identity file and returns it with its recipient.
func keyPair(t testing.TB) (file, recipient string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(file, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, id.Recipient().String()
}

// succeed runs the real binary and fails the test unless it ends well and says want.
func succeed(t testing.TB, want string, args ...string) string {
	t.Helper()
	out, err := runBinary(t, args...)
	if err != nil || !strings.Contains(out, want) {
		t.Fatalf("%q: %v, want %q in\n%s", args, err, want, out)
	}
	return out
}

// refuse runs the real binary and fails the test unless it ends with an error in one sentence that says want.
func refuse(t testing.TB, want string, args ...string) {
	t.Helper()
	out, err := runBinary(t, args...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; err == nil || !strings.Contains(last, want) || !strings.HasPrefix(last, "vaultd: ") {
		t.Errorf("%q: %v, want a refusal that says %q, got\n%s", args, err, want, out)
	}
}

// allProcessed waits until every capture of p is past processing.
func allProcessed(t testing.TB, p *person) {
	t.Helper()
	eventually(t, "every capture to be processed", 2*time.Minute, func() bool {
		for _, photos := range p.captures() {
			if photos[0].State == vault.StateAccepted {
				return false
			}
		}
		return true
	})
}

// covered fetches the covered display of each photo, by ID: what the care team sees.
func covered(t testing.TB, p *person) map[vault.PhotoID][]byte {
	t.Helper()
	out := map[vault.PhotoID][]byte{}
	for _, photos := range p.captures() {
		id := photos[0].ID
		status, body, err := p.request(t.Context(), "GET", "/api/v1/photos/"+string(id)+"/renditions/covered_display", nil, nil)
		if err != nil || status != 200 {
			t.Fatalf("reading photo %s: status %d, %v", id, status, err)
		}
		out[id] = body
	}
	return out
}

// TestBackupAndRestore: a backup made beside the running server, under load, is restored to an empty folder with the
// root key and nothing else; each photo of before it is there and is the same, byte for byte, and the service goes on.
func TestBackupAndRestore(t *testing.T) {
	s := newService(t, nil)
	s.start()
	clinician := s.signIn("clinician")
	patient := clinician.patients()[0]
	picture := photograph(t)
	sent := map[string]bool{}
	for range 3 {
		e := clinician.seal(patient.ID, picture)
		if status, _, err := clinician.send(t.Context(), e); err != nil || status/100 != 2 {
			t.Fatalf("sending: status %d, %v", status, err)
		}
		sent[e.id] = true
	}
	allProcessed(t, clinician)
	before := covered(t, clinician)
	stop := make(chan struct{})
	done := make(chan int)
	go func() { // load: captures come in while the backup is made
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
				if status, _, err := clinician.send(t.Context(), clinician.seal(patient.ID, picture)); err == nil && status/100 == 2 {
					n++
				}
			}
		}
	}()
	identity, to := keyPair(t)
	file := filepath.Join(t.TempDir(), "vault.age")
	said := succeed(t, "backed up the database and", "backup", "--config", s.config, "--out", file, "--to", to)
	close(stop)
	t.Logf("%d captures came in meanwhile; %s", <-done, strings.TrimSpace(said))
	refuse(t, "is there already", "backup", "--config", s.config, "--out", file, "--to", to)
	succeed(t, "the backup is whole", "backup", "verify", file, "--identity", identity)
	s.stop()

	r := newService(t, nil)
	key := filepath.Join(s.data, "root.key")
	out := succeed(t, "restored backup", "restore", file, "--identity", identity, "--config", r.config, "--root-key", key)
	for _, want := range []string{"the log verifies", "opened and as they were stored", "repeat erasures"} {
		if !strings.Contains(out, want) {
			t.Errorf("the restore does not say %q:\n%s", want, out)
		}
	}
	if err := os.Rename(filepath.Join(s.data, "demo-accounts.json"), filepath.Join(r.data, "demo-accounts.json")); err != nil {
		t.Fatal(err)
	}
	r.start()
	again := r.signIn("clinician")
	allProcessed(t, again)
	after := covered(t, again)
	for id, want := range before {
		if !bytes.Equal(after[id], want) || len(want) == 0 {
			t.Errorf("photo %s: %d bytes after the restore, %d before, or others", id, len(after[id]), len(want))
		}
	}
	held := again.captures()
	for id := range sent {
		if len(held[id]) != 1 {
			t.Errorf("capture %s is there %d times after the restore", id, len(held[id]))
		}
	}
	verifyLog(t, r)
	succeed(t, "as they were stored", "restore", "check", "--config", r.config)
}

// TestRestoreRefuses: each with one sentence that says what to do, and nothing written where something was.
func TestRestoreRefuses(t *testing.T) {
	config := configFile(t)
	succeed(t, "schema", "migrate", "--config", config)
	identity, to := keyPair(t)
	other, _ := keyPair(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "vault.age")
	succeed(t, "the root key is not in it", "backup", "--config", config, "--out", file, "--to", to)
	whole := readFile(t, file)
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-100] ^= 1
	var c map[string]any
	if err := json.Unmarshal(readFile(t, config), &c); err != nil {
		t.Fatal(err)
	}
	rootKey := filepath.Join(c["data"].(string), "root.key")
	open := write("open-identity", readFile(t, identity))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file, identity, want string
	}{
		{"wrong identity", file, other, "is not for this identity"},
		{"identity that others can read", file, open, "chmod 600"},
		{"no identity", file, write("text", []byte("hello\n")), "holds no age identity"},
		{"no backup", write("no-backup", []byte("hello\n")), identity, "is not a backup"},
		{"cut", write("cut", whole[:len(whole)-1000]), identity, "damaged or cut short"},
		{"cut at the start", write("head", whole[:50]), identity, "its beginning is damaged"},
		{"altered", write("altered", flipped), identity, "damaged or cut short"},
		{"longer", write("longer", append(bytes.Clone(whole), 0)), identity, "damaged or cut short"},
		{"missing", filepath.Join(dir, "none"), identity, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refuse(t, tt.want, "backup", "verify", tt.file, "--identity", tt.identity)
			refuse(t, tt.want, "restore", tt.file, "--identity", tt.identity, "--data", filepath.Join(t.TempDir(), "new"), "--root-key", rootKey)
		})
	}
	refuse(t, "is not empty (", "restore", file, "--identity", identity, "--config", config)
	refuse(t, "name one backup", "restore", "--identity", identity, "--config", config)
	tenant := newService(t, map[string]any{"tenant": "other"})
	refuse(t, `the backup is of tenant "main", the configuration says "other"`, "restore", file, "--identity", identity,
		"--config", tenant.config, "--root-key", rootKey)
	if _, err := os.Stat(tenant.data); err == nil {
		t.Error("a refused restore left something behind")
	}
	live := newService(t, map[string]any{"root_key_file": rootKey})
	before := readFile(t, rootKey)
	refuse(t, "is there already and holds another root key", "restore", file, "--identity", identity, "--config", live.config,
		"--root-key", write("older.key", bytes.Replace(before, []byte("\n1 "), []byte("\n2 "), 1)))
	if _, err := os.Stat(live.data); err == nil || !bytes.Equal(readFile(t, rootKey), before) {
		t.Error("a restore that was refused wrote over the root key of another vault, or left its folder behind")
	}
}

// TestHalfRestored: a folder in which a restore did not come to its end starts nothing but another restore.
func TestHalfRestored(t *testing.T) {
	config := configFile(t)
	succeed(t, "schema", "migrate", "--config", config)
	identity, to := keyPair(t)
	file := filepath.Join(t.TempDir(), "vault.age")
	succeed(t, "backed up", "backup", "--config", config, "--out", file, "--to", to, "--with-root-key")
	wrong := filepath.Join(t.TempDir(), "root.key")
	if _, err := vault.OpenKeyFile(wrong, true); err != nil {
		t.Fatal(err)
	}
	r := newService(t, nil)
	refuse(t, "root key does not belong", "restore", file, "--identity", identity, "--config", r.config, "--root-key", wrong)
	const half = "holds a half-restored backup: run `vaultd restore` again or delete the folder"
	for _, args := range [][]string{{"serve"}, {"work"}, {"demo"}, {"migrate"}, {"restore", "check"}, {"user", "disable", "--login", "x"},
		{"backup", "--out", filepath.Join(t.TempDir(), "x"), "--to", to}, {"backup", "hold"}} {
		verb := 1
		if len(args) > 1 && !strings.HasPrefix(args[1], "-") {
			verb = 2
		}
		refuse(t, half, append(append(append([]string{}, args[:verb]...), "--config", r.config), args[verb:]...)...)
	}
	out, err := runBinary(t, "doctor", "--config", r.config)
	if err == nil || !strings.Contains(out, half) {
		t.Errorf("the doctor does not say that the folder is half restored: %v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(r.data, "root.key")); err != nil {
		t.Fatal(err)
	}
	succeed(t, "restored backup", "restore", file, "--identity", identity, "--config", r.config)
	succeed(t, "at schema", "migrate", "--config", r.config)
}

// TestRestoreAgainstAWitness: a witness that knows more than the backup refuses the first start, until the operator says
// that the older state is meant; the reason is in the log.
func TestRestoreAgainstAWitness(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "checkpoints")
	witness := map[string]any{"witness": []map[string]any{{"kind": "file", "path": kept}}}
	s := newService(t, witness)
	s.start()
	told := func(more int) {
		t.Helper()
		eventually(t, "the witness to be told", 30*time.Second, func() bool {
			text, err := os.ReadFile(kept)
			return err == nil && len(text) > more
		})
	}
	told(0)
	identity, to := keyPair(t)
	file := filepath.Join(t.TempDir(), "vault.age")
	succeed(t, "backed up", "backup", "--config", s.config, "--out", file, "--to", to)
	s.stop()
	before := len(readFile(t, kept))
	s.start()
	told(before)
	s.stop()
	r := newService(t, witness)
	out := succeed(t, "restored backup", "restore", file, "--identity", identity, "--config", r.config,
		"--root-key", filepath.Join(s.data, "root.key"))
	if !strings.Contains(out, "vaultd witness accept-rollback") {
		t.Errorf("the restore does not say what the witness will do:\n%s", out)
	}
	refusesToServe(t, r.config, "vaultd witness accept-rollback")
	succeed(t, "noted", "witness", "accept-rollback", "--config", r.config, "--reason", "restored after the disk failed")
	if err := os.Rename(filepath.Join(s.data, "demo-accounts.json"), filepath.Join(r.data, "demo-accounts.json")); err != nil {
		t.Fatal(err)
	}
	r.start()
	verifyLog(t, r)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// logKey is the verifier key that the service publishes.
func (s *service) logKey() string {
	s.t.Helper()
	p := s.signIn("privacy")
	var keys struct {
		LogVerifier string `json:"log_verifier"`
	}
	p.must("GET", "/api/v1/keys", nil, &keys)
	return keys.LogVerifier
}

// exported is a file with the log as the privacy officer gets it.
func (s *service) exported() string {
	s.t.Helper()
	status, text, err := s.signIn("privacy").request(s.t.Context(), http.MethodGet, "/api/v1/audit/export", nil, nil)
	if err != nil || status != 200 {
		s.t.Fatalf("exporting the log: %d %v", status, err)
	}
	path := filepath.Join(s.t.TempDir(), "export.jsonl")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// TestWitnessOfARealService: a service tells a file and the house's own witness; an outsider checks its export with what
// they hold; an older database is refused until the operator accepts it.
func TestWitnessOfARealService(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "witness.log")
	s := newService(t, map[string]any{"witness": []map[string]any{{"kind": "file", "path": kept}}})
	s.start()
	key := s.logKey()
	url := startWitness(t, key)
	s.stop()
	older := s.copyDatabase()
	s.setWitness(map[string]any{"kind": "file", "path": kept}, map[string]any{"kind": "https", "url": url})
	s.start()
	export := s.exported()
	eventually(t, "both witnesses have every checkpoint", 90*time.Second, func() bool {
		out, err := runBinary(t, "witness", "status", "--config", s.config)
		return err == nil && strings.Count(out, " 0 checkpoints wait") == 2 && !strings.Contains(out, "has 0 events") && newest(t, url) != ""
	})
	note := filepath.Join(t.TempDir(), "newest.note")
	if err := os.WriteFile(note, []byte(newest(t, url)), 0o600); err != nil {
		t.Fatal(err)
	}
	later := s.exported()
	out, err := run(t, "verify-audit", later, "--key", key, "--checkpoint", kept, "--checkpoint", note)
	if err != nil || !strings.Contains(out, "the log verifies") || !strings.Contains(out, "compared with") {
		t.Errorf("verify-audit with what the witnesses hold: %v %s", err, out)
	}
	if out, err := run(t, "verify-audit", export); err != nil || !strings.Contains(out, "no checkpoint of a witness was given") {
		t.Errorf("verify-audit alone: %v %s", err, out)
	}
	s.stop()
	s.putDatabase(older)
	if out, err := runBinary(t, "serve", "--config", s.config); err == nil || !strings.Contains(out, "older than its witness") || !strings.Contains(out, "accept-rollback") {
		t.Errorf("serve with an older database: %v %s", err, out)
	}
	if out, err := runBinary(t, "witness", "accept-rollback", "--config", s.config, "--reason", "test of the procedure"); err != nil {
		t.Fatalf("accept-rollback: %v %s", err, out)
	}
	s.start()
	last := s.exported()
	out, err = run(t, "verify-audit", last, "--key", key, "--checkpoint", kept)
	if err != nil || !strings.Contains(out, "WARNING") {
		t.Errorf("verify-audit after the rollback: %v %s", err, out)
	}
	out, err = run(t, "audit-events", last)
	if err != nil || !strings.Contains(out, `"code":"audit.rollback"`) {
		t.Errorf("audit-events: %v, without the rollback", err)
	}
}

// setWitness puts other witnesses into the configuration.
func (s *service) setWitness(all ...map[string]any) {
	s.t.Helper()
	var config map[string]any
	if err := json.Unmarshal(readFile(s.t, s.config), &config); err != nil {
		s.t.Fatal(err)
	}
	config["witness"] = all
	text, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(s.config, text, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// copyDatabase keeps the database of a stopped service.
func (s *service) copyDatabase() map[string][]byte {
	files := map[string][]byte{}
	for _, name := range []string{"vault.db", "vault.db-wal"} {
		if text, err := os.ReadFile(filepath.Join(s.data, name)); err == nil {
			files[name] = text
		}
	}
	return files
}

func (s *service) putDatabase(files map[string][]byte) {
	s.t.Helper()
	for _, name := range []string{"vault.db", "vault.db-wal", "vault.db-shm"} {
		_ = os.Remove(filepath.Join(s.data, name))
		if text, ok := files[name]; ok {
			if err := os.WriteFile(filepath.Join(s.data, name), text, 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// startWitness runs `vaultd witness serve` as its own process and returns its address.
func startWitness(t *testing.T, key string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := runBinary(t, "witness", "key", "--name", "test.example/witness", "--out", filepath.Join(dir, "key")); err != nil {
		t.Fatalf("witness key: %v %s", err, out)
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "witness", "serve", "--listen", "127.0.0.1:0", "--dir", dir, "--key", filepath.Join(dir, "key"), "--log-key", key)
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the witness: %v %s", err, out.String())
		}
	})
	address := regexp.MustCompile(`watching on (http://\S+)`)
	eventually(t, "the witness says where it is", 20*time.Second, func() bool { return address.MatchString(out.String()) })
	return address.FindStringSubmatch(out.String())[1]
}

// newest is what the witness holds of the service's log.
func newest(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/checkpoint?origin=clinivault/main", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return body.String()
}

func TestWitnessCommandsRefuse(t *testing.T) {
	config := configFile(t)
	for _, tt := range []struct {
		name    string
		args    []string
		problem string
	}{
		{"no verb", []string{"witness"}, "say status"},
		{"wrong verb", []string{"witness", "watch"}, `no "watch"`},
		{"rollback without reason", []string{"witness", "accept-rollback", "--config", config}, "--reason"},
		{"key over a file", []string{"witness", "key", "--name", "w", "--out", config}, "making the key file"},
		{"serve without key", []string{"witness", "serve", "--dir", t.TempDir(), "--key", config + "x"}, "secret"},
		{"serve with no key in the file", []string{"witness", "serve", "--dir", t.TempDir(), "--key", config}, "witness key"},
		{"export and more", []string{"verify-audit", "a", "b"}, "name one file"},
		{"no witness's file", []string{"verify-audit", config, "--checkpoint", "/nonexistent"}, "witness's file"},
		{"no checkpoint in the file", []string{"verify-audit", config, "--checkpoint", config}, "no checkpoint"},
		{"no export", []string{"audit-events", config}, "not an audit export"},
	} {
		if _, err := run(t, tt.args...); err == nil || !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: got %v, want %q in it", tt.name, err, tt.problem)
		}
	}
	if _, err := run(t, "migrate", "--config", config); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "witness", "status", "--config", config); err != nil || !strings.Contains(out, "no witness is configured") {
		t.Errorf("status without a witness: %v %s", err, out)
	}
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"data": "x", "witness": [{"kind": "pigeon"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "witness", "status", "--config", bad); err == nil || !strings.Contains(err.Error(), "kind") {
		t.Errorf("a witness of no kind: %v", err)
	}
}

// lockedBuffer takes what a process prints while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

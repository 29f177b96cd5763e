package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestKeysCommandsRefuse(t *testing.T) {
	config := configFile(t)
	if _, err := run(t, "migrate", "--config", config); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"nothing", "status, rotate", []string{"keys"}},
		{"unknown", `"turn"`, []string{"keys", "turn"}},
		{"rotate nothing", "root, intake", []string{"keys", "rotate"}},
		{"rotate a wrong kind", "root, intake", []string{"keys", "rotate", "house", "--config", config}},
		{"a patient without ID", "--patient", []string{"keys", "rotate", "patient", "--config", config}},
		{"an ID without patient", "--patient", []string{"keys", "rotate", "root", "--config", config, "--patient", "x"}},
		{"forget without root", "--forget", []string{"keys", "rotate", "intake", "--config", config, "--forget"}},
		{"no configuration", "--config", []string{"keys", "status"}},
		{"a patient that does not exist", "not found", []string{"keys", "rotate", "patient", "--config", config, "--patient", "nobody"}},
		{"forget what is not there", "no older version", []string{"keys", "forget", "--config", config}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := run(t, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, %v; want an error with %q", out, err, tt.want)
			}
		})
	}
}

// TestKeysOfAKeyFileOnPostgres: a root key in a file of one node is not rotated under the other nodes' feet.
func TestKeysOfAKeyFileOnPostgres(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := write("vaultd.json", `{"data": "d", "database": {"postgres_dsn_file": "`+write("dsn", vaulttest.Postgres(t))+`"}}`)
	if _, err := run(t, "keys", "rotate", "root", "--config", config); err == nil || !strings.Contains(err.Error(), "--shared-key-file") {
		t.Errorf("without a word on the other nodes: got %v", err)
	}
	if out, err := run(t, "keys", "rotate", "root", "--config", config, "--shared-key-file"); err != nil || !strings.Contains(out, "done, 4 in") {
		t.Errorf("with a shared file: got %q, %v", out, err)
	}
}

// TestKeysRotateBesideTheServer rotates everything by the real program while the real server takes captures and shows
// pictures: not one request fails, and the server goes on with the new keys without a restart.
func TestKeysRotateBesideTheServer(t *testing.T) {
	s := newService(t, nil)
	s.start()
	clinician := s.signIn("clinician")
	patient, picture := clinician.patients()[0].ID, vaulttest.Picture(t, 96, 64, 7)
	ctx, stop := context.WithCancel(t.Context())
	var sent atomic.Int64
	var busy sync.WaitGroup
	for range 2 {
		busy.Go(func() {
			for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) { // each has to be processed in the end
				e := clinician.seal(patient, picture)
				status, _, err := clinician.send(context.WithoutCancel(ctx), e)
				if err != nil || status != http.StatusCreated {
					t.Errorf("a capture while keys rotate: status %d, %v", status, err)
					return
				}
				sent.Add(1)
			}
		})
	}
	for _, kind := range []string{"root", "intake", "receipt", "certificate", "log", "patients", "root"} {
		before := sent.Load()
		out, err := runBinary(t, "keys", "rotate", kind, "--config", s.config)
		if err != nil || !strings.Contains(out, kind+": done") {
			t.Fatalf("keys rotate %s: %q, %v", kind, out, err)
		}
		eventually(t, "captures after the rotation of "+kind, 20*time.Second, func() bool { return sent.Load() > before+1 })
	}
	stop()
	busy.Wait()
	eventually(t, "every photo to be processed", 2*time.Minute, func() bool {
		done := 0
		for _, photos := range clinician.captures() {
			for _, p := range photos {
				if p.State == vault.StateInReview {
					done++
				}
			}
		}
		return done >= int(min(sent.Load(), 500))
	})
	checkKeyStatus(t, s)
	if out, err := runBinary(t, "keys", "forget", "--config", s.config); err != nil {
		t.Fatalf("keys forget: %q, %v", out, err)
	}
	if key := string(readFile(t, filepath.Join(s.data, "root.key"))); strings.Count(key, "\n") != 4 || strings.Count(key, " forgotten ") != 2 || !strings.Contains(key, "\n3 ") {
		t.Errorf("the key file after forgetting has %d lines, want its first, two marks and version 3", strings.Count(key, "\n"))
	}
	clinician.patients() // the server still opens what is there
	status, _, err := clinician.send(t.Context(), clinician.seal(patient, picture))
	if err != nil || status != http.StatusCreated {
		t.Errorf("a capture after forgetting: status %d, %v", status, err)
	}
	s.stop()
	s.begin()
	if out, err := runBinary(t, "doctor", "--config", s.config); err != nil {
		t.Errorf("doctor after all: %s", out)
	}
}

func checkKeyStatus(t *testing.T, s *service) {
	t.Helper()
	out, err := runBinary(t, "keys", "status", "--config", s.config, "--json")
	var status vault.KeyStatus
	if err != nil || json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &status) != nil {
		t.Fatalf("keys status --json: %q, %v", out, err)
	}
	if !status.Root.Unused() || status.Root.Newest != 3 || len(status.Epochs) != 8 {
		t.Errorf("keys status: got %+v, want only version 3 in use and two epochs of each kind", status)
	}
	out, err = runBinary(t, "keys", "status", "--config", s.config)
	for _, want := range []string{"version 3 wraps", "older versions are unused", "private half destroyed", "opens what devices still have", "in use"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("keys status: got %q, %v; want it to say %q", out, err, want)
		}
	}
}

// TestServiceOnAKeyService runs the real server with its root key in a key service that is sealed for a while: requests
// are answered with 503 meanwhile, and everything goes on afterwards.
func TestServiceOnAKeyService(t *testing.T) {
	kms := vaulttest.StartTransit(t, time.Hour)
	cfg := kms.Config()
	s := newService(t, map[string]any{"kms": map[string]any{"transit": map[string]any{
		"address": cfg.Address, "key": cfg.Key, "token_file": cfg.TokenFile, "ca_file": cfg.CAFile}}})
	s.start()
	if _, err := os.Stat(filepath.Join(s.data, "root.key")); err == nil {
		t.Error("a root key file was made although the root key is in a key service")
	}
	clinician := s.signIn("clinician")
	patient := clinician.patients()[0].ID
	e := clinician.seal(patient, vaulttest.Picture(t, 96, 64, 7))
	kms.Seal(t)
	eventually(t, "the remembered keys to go", time.Minute, func() bool {
		status, _, err := clinician.send(t.Context(), clinician.seal(patient, vaulttest.Picture(t, 96, 64, 8)))
		return err == nil && status == http.StatusServiceUnavailable
	})
	status, _, err := clinician.send(t.Context(), e)
	if err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("a capture while sealed: status %d, %v; want 503", status, err)
	}
	if out, err := runBinary(t, "doctor", "--config", s.config); err == nil || !strings.Contains(out, "the key service is sealed") {
		t.Errorf("doctor while sealed: %q, %v", out, err)
	}
	kms.Unseal(t)
	eventually(t, "the capture to be taken", 30*time.Second, func() bool {
		status, _, err := clinician.send(t.Context(), e)
		return err == nil && status == http.StatusCreated
	})
	eventually(t, "the photo to be processed", time.Minute, func() bool {
		photos := clinician.captures()[string(e.id)]
		return len(photos) == 1 && photos[0].State == vault.StateInReview
	})
	if out, err := runBinary(t, "keys", "rotate", "root", "--forget", "--config", s.config); err != nil {
		t.Errorf("keys rotate root --forget: %q, %v", out, err)
	}
	if out, err := runBinary(t, "doctor", "--config", s.config); err != nil || !bytes.Contains([]byte(out), []byte("takes the token")) {
		t.Errorf("doctor: %q, %v", out, err)
	}
}

func TestKMSConfig(t *testing.T) {
	for _, tt := range []struct{ name, kms, want string }{
		{"empty", `{}`, `"transit"`},
		{"no key", `{"transit": {"address": "https://kms.example:8200", "token_file": "t"}}`, `"key"`},
		{"no token", `{"transit": {"address": "https://kms.example:8200", "key": "k"}}`, `"token_file"`},
		{"unknown field", `{"transit": {"token": "t"}}`, `token`},
	} {
		if _, err := parseConfig([]byte(`{"data": "d", "kms": `+tt.kms+`}`), "/base"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %s", tt.name, err, tt.want)
		}
	}
	c, err := parseConfig([]byte(`{"data": "d", "intake_grace_days": 2, "kms": {"transit": {"address": "https://kms.example:8200", "key": "k", "token_file": "t"}}}`), "/base")
	if err != nil || c.KMS.Transit.TokenFile != "/base/t" || c.KMS.Transit.CAFile != "" || c.intakeGrace() != 48*time.Hour {
		t.Errorf("got %+v, %v; want the token file beside the configuration and a grace of two days", c, err)
	}
}

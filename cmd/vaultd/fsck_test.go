package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// fsck runs the real program and gives its exit status and report.
func fsck(t *testing.T, s *service, flags ...string) (int, vault.StoreReport) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, append([]string{"fsck", "--config", s.config, "--json"}, flags...)...).Output()
	status := 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		status = ended.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	var r vault.StoreReport
	if status != 1 {
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("fsck printed no report: %v: %s", err, out)
		}
	}
	return status, r
}

// TestFsckBesideTheService: the command checks a store while the service runs on it, tells what it found by its exit
// status, and the service's health page and numbers show it.
func TestFsckBesideTheService(t *testing.T) {
	s := newService(t, nil)
	s.start()
	author := s.signIn("clinician")
	var patient vault.PatientID
	for _, p := range author.patients() {
		patient = p.ID
	}
	if _, _, err := author.send(t.Context(), author.seal(patient, vaulttest.Picture(t, 200, 150, 1))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the photo to be processed", 60*time.Second, func() bool {
		for _, photos := range author.captures() {
			return photos[0].State == vault.StateInReview
		}
		return false
	})
	if status, r := fsck(t, s, "--deep"); status != 0 || r.Findings != 0 || r.Objects == 0 || !r.Deep {
		t.Fatalf("fsck of a sound store: got status %d and %+v, want 0", status, r)
	}
	objects, err := filepath.Glob(filepath.Join(s.data, "objects", "objects", "object", "*", "*"))
	if err != nil || len(objects) == 0 {
		t.Fatalf("no objects: %v", err)
	}
	// The largest is the original, which nothing can be made anew from; the smallest is a thumbnail, which can.
	slices.SortFunc(objects, func(a, b string) int { return len(readFile(t, b)) - len(readFile(t, a)) })
	for _, path := range []string{objects[len(objects)-1], objects[0]} {
		body := readFile(t, path)
		body[len(body)/2] ^= 1
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
		if status, r := fsck(t, s); status != 0 {
			t.Errorf("fsck of names and sizes: got status %d and %+v, want 0: the size is as it was", status, r.List)
		}
		if path == objects[0] {
			break
		}
		if status, r := fsck(t, s, "--deep", "--repair"); status != 0 || r.Repaired != 1 {
			t.Errorf("repair of a thumbnail: got status %d and %+v, want 0 and it made anew", status, r.List)
		}
	}
	status, r := fsck(t, s, "--deep", "--repair")
	if status != 2 || len(r.List) != 1 || r.List[0].Found != vault.FoundAltered || r.List[0].Photo == "" || r.List[0].Remedy == "" {
		t.Errorf("deep fsck: got status %d and %+v, want 2 and the altered object with a remedy", status, r.List)
	}
	admin := s.signIn("admin")
	var health struct {
		Parts []vault.Part `json:"parts"`
	}
	admin.must("GET", "/api/v1/health", nil, &health)
	alert := ""
	for _, p := range health.Parts {
		if p.Name == "integrity" && !p.OK {
			alert = p.Detail
		}
	}
	if !strings.Contains(alert, "1 altered") {
		t.Errorf("health: got %+v, want integrity with 1 altered", health.Parts)
	}
	_, metrics, err := admin.request(t.Context(), "GET", "/metrics", nil, nil)
	if err != nil || !strings.Contains(string(metrics), `clinivault_incidents_open{found="altered"} 1`) {
		t.Errorf("metrics: %v, want one open incident of an altered object", err)
	}
	out, err := runBinary(t, "fsck", "--config", s.config, "--deep")
	if err == nil || !strings.Contains(out, "altered") || !strings.Contains(out, string(r.List[0].Photo)) || !strings.Contains(out, "1 findings, 0 repaired") {
		t.Errorf("fsck in words: got %v and %s", err, out)
	}
}

func TestFsckThatCannotRun(t *testing.T) {
	s := newService(t, map[string]any{"minio": map[string]string{"endpoint": "127.0.0.1:1", "bucket": "b",
		"access_key_file": writeFiles(t, "access")[0], "secret_key_file": writeFiles(t, "secret")[0]}})
	if status, _ := fsck(t, s); status != 1 {
		t.Errorf("fsck without a store: got status %d, want 1", status)
	}
	if status, _ := fsck(t, s, "--nothing"); status != 1 {
		t.Errorf("fsck with an unknown flag: got status %d, want 1", status)
	}
}

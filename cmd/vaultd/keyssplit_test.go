package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestRehearsedRestoreFromShares loses the root key file of a real vault and brings it back from its shares: without it
// the service does not start and says what to do, with it a photo is shown as before, byte for byte.
func TestRehearsedRestoreFromShares(t *testing.T) {
	s := newService(t, nil)
	s.start()
	clinician := s.signIn("clinician")
	e := clinician.seal(clinician.patients()[0].ID, vaulttest.Picture(t, 96, 64, 7))
	if status, _, err := clinician.send(t.Context(), e); err != nil || status != http.StatusCreated {
		t.Fatalf("sending: status %d, %v", status, err)
	}
	picture := func(p *person) (shown []byte) {
		t.Helper()
		eventually(t, "the photo to be shown", time.Minute, func() bool {
			photos := p.captures()[e.id]
			if len(photos) != 1 || photos[0].State != vault.StateInReview {
				return false
			}
			status, body, err := p.request(t.Context(), http.MethodGet, "/api/v1/photos/"+string(photos[0].ID)+"/renditions/covered_display", nil, nil)
			shown = body
			return err == nil && status == http.StatusOK
		})
		return shown
	}
	before := picture(clinician)
	shares := filepath.Join(t.TempDir(), "shares")
	out, err := runBinary(t, "keys", "split", "--shares", "5", "--threshold", "3", "--out", shares, "--config", s.config)
	if err != nil || !strings.Contains(out, "any 3 of these 5") {
		t.Fatalf("keys split: %q, %v", out, err)
	}
	share := func(i byte) string { return filepath.Join(shares, "root-key-share-"+string('0'+i)+"-of-5.txt") }
	if info, err := os.Stat(share(1)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a share has mode %v, %v; want 0600", info, err)
	}
	s.stop()
	root := filepath.Join(s.data, "root.key")
	original := readFile(t, root)
	if err := os.Remove(root); err != nil {
		t.Fatal(err)
	}
	out, err = runBinary(t, "serve", "--config", s.config)
	if err == nil || !strings.Contains(out, "root key file does not exist: restore it") || strings.Count(strings.TrimSpace(out), "\n") != 0 {
		t.Errorf("starting without the root key: %q, %v; want one sentence that says what to do", out, err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Fatal("a new root key was made over photos that it does not open")
	}
	if out, err := runBinary(t, "keys", "join", share(4), share(2), "--out", root); err == nil || !strings.Contains(out, "bring 1 more") {
		t.Errorf("joining two of three: %q, %v", out, err)
	}
	if out, err := runBinary(t, "keys", "join", share(4), share(2), share(5), "--out", root); err != nil {
		t.Fatalf("joining: %q, %v", out, err)
	}
	if info, err := os.Stat(root); err != nil || info.Mode().Perm() != 0o600 || !bytes.Equal(readFile(t, root), original) {
		t.Errorf("the joined file has mode %v, %v, or differs from the one that was split", info, err)
	}
	s.start()
	if after := picture(s.signIn("clinician")); !bytes.Equal(before, after) || len(before) == 0 {
		t.Errorf("the photo has %d bytes after the restore, had %d, or differs", len(after), len(before))
	}
}

func TestKeysSplitAndJoinRefuse(t *testing.T) {
	config, dir := configFile(t), t.TempDir()
	if _, err := vault.OpenKeyFile(filepath.Join(filepath.Dir(config), "data", "root.key"), true); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good")
	if _, err := run(t, "keys", "split", "--config", config, "--shares", "3", "--threshold", "2", "--out", good); err != nil {
		t.Fatal(err)
	}
	one, two := filepath.Join(good, "root-key-share-1-of-3.txt"), filepath.Join(good, "root-key-share-2-of-3.txt")
	noShare := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(noShare, []byte("dear colleague\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	transit := filepath.Join(dir, "transit.json")
	text := `{"data": "d", "kms": {"transit": {"address": "https://127.0.0.1:1", "key": "k", "token_file": "t"}}}`
	if err := os.WriteFile(transit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"no numbers", "threshold must be", []string{"split", "--config", config, "--out", filepath.Join(dir, "a")}},
		{"one is enough", "threshold must be", []string{"split", "--config", config, "--shares", "3", "--threshold", "1", "--out", filepath.Join(dir, "a")}},
		{"nowhere", "--out", []string{"split", "--config", config, "--shares", "3", "--threshold", "2"}},
		{"over older shares", "is there already", []string{"split", "--config", config, "--shares", "3", "--threshold", "2", "--out", good}},
		{"a key service", "unseal keys", []string{"split", "--config", transit, "--shares", "3", "--threshold", "2", "--out", filepath.Join(dir, "a")}},
		{"join nothing", "name the shares", []string{"join", "--out", filepath.Join(dir, "k")}},
		{"join nowhere", "--out", []string{"join", one, two}},
		{"one share", "2 of 3 shares are needed and 1 are here", []string{"join", one, "--out", filepath.Join(dir, "k")}},
		{"no share", "letter.txt is no share", []string{"join", one, noShare, "--out", filepath.Join(dir, "k")}},
		{"a missing file", "no such file", []string{"join", one, one + ".gone", "--out", filepath.Join(dir, "k")}},
		{"over a key file", "is there already", []string{"join", one, two, "--out", noShare}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := run(t, append([]string{"keys"}, tt.args...)...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, %v; want an error with %q", out, err, tt.want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "k")); err == nil {
		t.Error("a refused join left a key file")
	}
}

//go:build !js

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// frameSizes are around the borders of the chunks, and one of a real photo's size.
var frameSizes = []int{1, seal.ChunkSize - 1, seal.ChunkSize, seal.ChunkSize + 1, 3 << 20}

// buildModule compiles this command as the browser gets it, and finds Go's loader for it.
func buildModule(t *testing.T) (wasm, loader string) {
	t.Helper()
	goTool := vaulttest.RequireTool(t, "go")
	wasm = filepath.Join(t.TempDir(), "capture.wasm")
	cmd := exec.Command(goTool, "build", "-trimpath", "-gcflags=all=-l", "-gcflags=github.com/clinivault/clinivault/imaging=", "-ldflags=-s -w", "-o", wasm, ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the module: %v\n%s", err, out)
	}
	root, err := exec.Command(goTool, "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return wasm, filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js")
}

type told struct {
	Refused []string
	Events  []string
	Left    int
}

func runJourney(t *testing.T, s *intakeServer, loader string) told {
	t.Helper()
	srv := httptest.NewServer(s)
	defer srv.Close()
	modules, err := filepath.Abs("../../api/web/static/capture")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), vaulttest.RequireTool(t, "node"), "--no-warnings", "testdata/journey.mjs", srv.URL, loader, modules)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	var said told
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("node printed %q: %v", out, err)
	}
	return said
}

// TestBrowserSealOpens runs the page's own modules and this module under Node.js, and opens the result with vault/seal.
func TestBrowserSealOpens(t *testing.T) {
	vaulttest.RequireTool(t, "node")
	wasm, loader := buildModule(t)
	s := newIntakeServer(t, wasm)
	for _, n := range frameSizes {
		b := make([]byte, n)
		rand.Read(b)
		b[0] |= 1 // never all zero
		s.frames = append(s.frames, b)
	}

	said := runJourney(t, s, loader)
	var want []string
	for i, frame := range s.frames {
		want = append(want, "received "+captureID(i))
		if !bytes.Equal(s.opened[captureID(i)], frame) {
			t.Errorf("frame of %d bytes came out different", len(frame))
		}
	}
	if !slices.Equal(said.Events, want) || said.Left != 0 {
		t.Errorf("events %q, %d left; want %q and none left", said.Events, said.Left, want)
	}
	wantRefused := []string{"patient is not of the form", "a fact that the vault does not know", "taken_at is not of the form", "intake"}
	if len(said.Refused) != len(wantRefused) {
		t.Fatalf("refused %q, want %q", said.Refused, wantRefused)
	}
	for i, w := range wantRefused {
		if !strings.Contains(said.Refused[i], w) {
			t.Errorf("refused with %q, want %q", said.Refused[i], w)
		}
	}

	s.forge = true
	said = runJourney(t, s, loader)
	if want := []string{"waiting " + captureID(0)}; !slices.Equal(said.Events, want) || said.Left != len(s.frames) {
		t.Errorf("with forged receipts: events %q, %d left; want %q and all left", said.Events, said.Left, want)
	}
}

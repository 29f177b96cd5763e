package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// frameSizes are around the borders of the chunks, and one of a real photo's size.
var frameSizes = []int{1, seal.ChunkSize - 1, seal.ChunkSize, seal.ChunkSize + 1, 3 << 20}

// intakeServer opens what it gets as the vault does, with the real seal. It is used by one client, one request at a time.
type intakeServer struct {
	t      *testing.T
	intake *seal.IntakePrivate
	sign   ed25519.PrivateKey
	wasm   string
	frames [][]byte
	opened map[string][]byte
	forge  bool // put a signature of something else on receipts
}

func (s *intakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/capture.wasm":
		http.ServeFile(w, r, s.wasm)
	case path == "/api/v1/intake":
		pub := s.sign.Public().(ed25519.PublicKey)
		s.answer(w, map[string]any{
			"epoch": s.intake.Epoch(), "kem": seal.KEMName, "key": s.intake.Public().Key,
			"receipt_keys": []any{map[string]any{"key_id": seal.KeyID(pub), "public_key": []byte(pub)}},
		})
	case path == "/frames":
		ids := []string{}
		for i := range s.frames {
			ids = append(ids, captureID(i))
		}
		s.answer(w, map[string]any{"facts": testFacts(), "frames": ids})
	case strings.HasPrefix(path, "/frames/"):
		i, err := strconv.Atoi(strings.TrimPrefix(path, "/frames/"))
		if err != nil {
			s.t.Error(err)
			return
		}
		w.Write(s.frames[i])
	case path == "/api/v1/captures" && r.Method == http.MethodPost:
		s.accept(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *intakeServer) answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

func (s *intakeServer) accept(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
		return
	}
	sum := sha256.Sum256(body)
	if got, want := r.Header.Get("Content-Digest"), "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":"; got != want {
		s.t.Errorf("Content-Digest %s, want %s", got, want)
	}
	var out bytes.Buffer
	f, err := seal.OpenCapture(&out, bytes.NewReader(body), func(uint32) (*seal.IntakePrivate, error) { return s.intake, nil })
	if err != nil {
		s.t.Errorf("opening what the page sealed: %v", err)
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	want := testFacts()
	want.CaptureID = f.CaptureID
	if f != want || r.Header.Get("Capture-Id") != f.CaptureID {
		s.t.Errorf("facts %+v, want %+v", f, want)
	}
	s.opened[f.CaptureID] = out.Bytes()
	receipt := seal.SignReceipt(s.sign, "", seal.Receipt{
		CaptureID: f.CaptureID, PhotoID: rand.Text(), Digest: hex.EncodeToString(sum[:]), Size: int64(len(body)), ReceivedAt: time.Now(),
	})
	if s.forge {
		receipt.Signature = ed25519.Sign(s.sign, []byte("something else"))
	}
	w.WriteHeader(http.StatusCreated)
	s.answer(w, receipt)
}

func captureID(i int) string { return fmt.Sprintf("%032x", i+1) }

func testFacts() seal.CaptureFacts {
	return seal.CaptureFacts{
		CaptureID: captureID(99), Patient: "PATIENT1", BodySite: "back of hand", Laterality: "right", Author: "PERSON1",
		MediaType: "image/jpeg", Note: "größer „als“ gestern <b>&", Consent: seal.Consent{Record: true},
		TakenAt: time.Date(2026, 11, 21, 10, 0, 0, 7e6, time.UTC),
	}
}

// tool finds a program or skips, unless the environment says that all tools must be there.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CLINIVAULT_TOOLS") == "required" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("NOT TESTED: %s is not installed", name)
	}
	return path
}

// buildModule compiles this command as the browser gets it, and finds Go's loader for it.
func buildModule(t *testing.T) (wasm, loader string) {
	t.Helper()
	goTool := tool(t, "go")
	wasm = filepath.Join(t.TempDir(), "capture.wasm")
	cmd := exec.Command(goTool, "build", "-trimpath", "-ldflags=-s -w", "-o", wasm, ".")
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
	cmd := exec.CommandContext(t.Context(), tool(t, "node"), "--no-warnings", "testdata/journey.mjs", srv.URL, loader, modules)
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
	tool(t, "node")
	wasm, loader := buildModule(t)
	intake, err := seal.NewIntake(3)
	if err != nil {
		t.Fatal(err)
	}
	_, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &intakeServer{t: t, intake: intake, sign: sign, wasm: wasm, opened: map[string][]byte{}}
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
	wantRefused := []string{"patient must be an ID", "unknown or doubled", "a time must look like", "not an intake public key"}
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

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

const testPatients = `[
  {"id":"PATIENTAAAAAAAAAAAAAAAAAAA","name":"Testa Patient","record_number":"1001","birth_date":"1970-01-02",
   "encounters":[{"id":"ENC1","label":"Ward 3","started_at":null,"ended_at":null}]},
  {"id":"PATIENTBBBBBBBBBBBBBBBBBBB","name":"Testb Patient","record_number":"10012","birth_date":"1980-01-02","encounters":[]}]`

// received is what the server has of a capture.
type received struct {
	facts   seal.CaptureFacts
	picture []byte
	digest  string
	receipt seal.Receipt
}

// intakeServer answers as the vault does, opens what it gets with the real seal, and can be told to fail.
type intakeServer struct {
	*httptest.Server
	t      *testing.T
	intake *seal.IntakePrivate
	sign   ed25519.PrivateKey

	mu      sync.Mutex // guards what follows
	got     map[string]received
	posts   int
	faults  []func(w http.ResponseWriter) // one for each next upload; nil: none
	expired bool
	ways    []string // of the second step; none: a password will do

	signedOut int
	forge     bool
	gone      func(http.ResponseWriter) // answers everything; nil: it is there
}

func newIntakeServer(t *testing.T) *intakeServer {
	t.Helper()
	intake, err := seal.NewIntake(1)
	if err != nil {
		t.Fatal(err)
	}
	_, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &intakeServer{t: t, intake: intake, sign: sign, got: map[string]received{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/session", s.session)
	mux.HandleFunc("POST /api/v1/session/code", s.secondStep)
	mux.HandleFunc("DELETE /api/v1/session", s.signedIn(func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.expired, s.signedOut = true, s.signedOut+1
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("GET /api/v1/intake", s.signedIn(s.keys))
	mux.HandleFunc("GET /api/v1/body-sites", s.signedIn(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"body_sites":[{"code":"forearm","label":"Forearm","sided":true},{"code":"neck","label":"Neck","sided":false}]}`)
	}))
	mux.HandleFunc("POST /api/v1/patients/search", s.signedIn(s.search))
	mux.HandleFunc("POST /api/v1/patients/scan", s.signedIn(s.scan))
	mux.HandleFunc("GET /api/v1/patients/{id}", s.signedIn(s.patient))
	mux.HandleFunc("POST /api/v1/captures", s.signedIn(s.accept))
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		gone := s.gone
		s.mu.Unlock()
		if gone != nil {
			gone(w)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *intakeServer) problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	s.answer(w, map[string]any{"status": status, "detail": detail})
}

func (s *intakeServer) answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

func (s *intakeServer) signedIn(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		expired := s.expired
		s.mu.Unlock()
		if expired || r.Header.Get("Authorization") != "Bearer secret-token" {
			s.problem(w, http.StatusUnauthorized, "Sign in.")
			return
		}
		do(w, r)
	}
}

func (s *intakeServer) session(w http.ResponseWriter, r *http.Request) {
	var in struct{ Login, Password string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("Accept-Session") != "bearer" {
		s.problem(w, http.StatusBadRequest, "No sign-in of a program.")
		return
	}
	if in.Login != "clin" || in.Password != "a long password" {
		s.problem(w, http.StatusUnauthorized, "Login or password is wrong.")
		return
	}
	s.mu.Lock()
	ways := s.ways
	s.mu.Unlock()
	if ways != nil {
		w.WriteHeader(http.StatusAccepted)
		s.answer(w, map[string]any{"ticket": "secret-ticket", "ways": ways})
		return
	}
	s.open(w)
}

func (s *intakeServer) secondStep(w http.ResponseWriter, r *http.Request) {
	var in struct{ Ticket, Code string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Ticket != "secret-ticket" || r.Header.Get("Accept-Session") != "bearer" {
		s.problem(w, http.StatusBadRequest, "No second step.")
		return
	}
	if in.Code != "123456" {
		s.problem(w, http.StatusUnauthorized, "The code is wrong or was used before.")
		return
	}
	s.open(w)
}

func (s *intakeServer) open(w http.ResponseWriter) {
	s.mu.Lock()
	s.expired = false
	s.mu.Unlock()
	s.answer(w, map[string]any{
		"token": "secret-token", "expires_at": "2026-11-21T22:00:00.000Z",
		"person": map[string]any{"id": "PERSON1", "name": "Testc Clinician", "roles": []string{"clinician"}},
	})
}

func (s *intakeServer) keys(w http.ResponseWriter, _ *http.Request) {
	pub := s.sign.Public().(ed25519.PublicKey)
	s.answer(w, map[string]any{
		"epoch": s.intake.Epoch(), "kem": seal.KEMName, "key": s.intake.Public().Key,
		"receipt_keys": []any{map[string]any{"key_id": seal.KeyID(pub), "public_key": []byte(pub)}},
	})
}

func (s *intakeServer) read(r *http.Request, in any) error { return json.NewDecoder(r.Body).Decode(in) }

func (s *intakeServer) patients() (all []patient) {
	if err := json.Unmarshal([]byte(testPatients), &all); err != nil {
		s.t.Error(err)
	}
	return all
}

func (s *intakeServer) search(w http.ResponseWriter, r *http.Request) {
	var in struct{ Q string }
	if err := s.read(r, &in); err != nil {
		s.t.Error(err)
	}
	found := []json.RawMessage{}
	for _, p := range s.patients() {
		if strings.HasPrefix(p.RecordNumber, in.Q) || strings.Contains(p.Name, in.Q) {
			b, err := json.Marshal(p)
			if err != nil {
				s.t.Error(err)
			}
			found = append(found, b)
		}
	}
	s.answer(w, map[string]any{"patients": found})
}

func (s *intakeServer) patient(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != "PATIENTAAAAAAAAAAAAAAAAAAA" {
		s.problem(w, http.StatusNotFound, "Not found.")
		return
	}
	io.WriteString(w, testPatients[strings.Index(testPatients, "{"):strings.Index(testPatients, "]}")+2])
}

// accept checks an upload the way the vault does: digest, seal, number, and the same receipt for the same bytes.
func (s *intakeServer) accept(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts++
	if len(s.faults) > 0 {
		fault := s.faults[0]
		s.faults = s.faults[1:]
		if fault != nil {
			fault(w)
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	if err != nil || int64(len(body)) != r.ContentLength ||
		r.Header.Get("Content-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" ||
		r.Header.Get("Content-Type") != "application/vnd.clinivault.capture" {
		s.problem(w, http.StatusUnprocessableEntity, "The digest does not match.")
		return
	}
	var picture bytes.Buffer
	f, err := seal.OpenCapture(&picture, bytes.NewReader(body), func(uint32) (*seal.IntakePrivate, error) { return s.intake, nil })
	if err != nil || f.CaptureID != r.Header.Get("Capture-Id") || f.Author != "PERSON1" {
		s.problem(w, http.StatusUnprocessableEntity, "The capture does not open.")
		return
	}
	have, again := s.got[f.CaptureID]
	if !again {
		have = received{facts: f, picture: picture.Bytes(), digest: hex.EncodeToString(sum[:])}
		have.receipt = seal.SignReceipt(s.sign, "", seal.Receipt{
			CaptureID: f.CaptureID, PhotoID: rand.Text(), Digest: have.digest, Size: int64(len(body)), ReceivedAt: time.Now(),
		})
		s.got[f.CaptureID] = have
		w.WriteHeader(http.StatusCreated)
	}
	receipt := have.receipt
	if s.forge {
		receipt.Signature = ed25519.Sign(s.sign, []byte("something else"))
	}
	s.answer(w, receipt)
}

// bench is one person's machine, signed in or not.
type bench struct {
	t      *testing.T
	server *intakeServer
	state  string
	files  string
	slept  []time.Duration
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, server: newIntakeServer(t), state: filepath.Join(t.TempDir(), "state"), files: t.TempDir()}
	b.file("password", "a long password\n", 0o600)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.server.Certificate().Raw})
	b.file("ca.pem", string(cert), 0o644)
	return b
}

func (b *bench) file(name, content string, mode os.FileMode) string {
	b.t.Helper()
	path := filepath.Join(b.files, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// run does a command and returns exit code, stdout and stderr.
func (b *bench) run(stdin string, args ...string) (int, string, string) {
	b.t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(b.t.Context(), args, surroundings{
		stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr,
		getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": b.state}[name] },
		now:    time.Now,
		sleep: func(ctx context.Context, d time.Duration) error {
			b.slept = append(b.slept, d)
			return ctx.Err()
		},
	})
	return code, stdout.String(), stderr.String()
}

// must runs a command that has to end with the given code and to say all of the words.
func (b *bench) must(code int, words []string, args ...string) {
	b.t.Helper()
	got, stdout, stderr := b.run("", args...)
	if got != code {
		b.t.Fatalf("capture %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	for _, w := range words {
		if !strings.Contains(stdout+stderr, w) {
			b.t.Errorf("capture %s: said\n%s%swant %q", strings.Join(args, " "), stdout, stderr, w)
		}
	}
}

func (b *bench) signIn() {
	b.t.Helper()
	b.must(exitDone, []string{"signed in as clin"}, "sign-in", "--server", b.server.URL, "--login", "clin",
		"--password-file", filepath.Join(b.files, "password"), "--ca", filepath.Join(b.files, "ca.pem"))
}

// queued lists the files of the queue folder, the lock apart.
func (b *bench) queued() (names []string) {
	b.t.Helper()
	entries, err := os.ReadDir(filepath.Join(b.state, "clinivault", "queue"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

// photo writes a file that has the markers of a whole JPEG and is full of a recognisable text.
func (b *bench) photo(size int) (path, content string) {
	content = "\xff\xd8\xff\xda\x00\x02" + strings.Repeat("PLAINTEXT PIXELS ", size/17+1)[:size-8] + "\xff\xd9"
	return b.file("photo.jpg", content, 0o600), content
}

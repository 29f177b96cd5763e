package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// partsServer takes captures in by parts, as the vault does, before an intakeServer that takes them whole.
type partsServer struct {
	*intakeServer

	mu sync.Mutex // guards what follows

	body   []byte
	held   map[int64]int64 // size by offset
	puts   int
	refuse func(put int, w http.ResponseWriter) bool // has it answer a part itself
	lose   int                                       // times that it has lost a part when it is to put them together

	known  map[int64]int64 // held at a moment of the test's choice
	resent int             // parts that came again all the same
}

// with lets the test look at the server, or change it: parts of a run that has ended may still be on their way.
func (p *partsServer) with(act func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	act()
}

func newPartsServer(s *intakeServer) *partsServer {
	p := &partsServer{intakeServer: s, held: map[int64]int64{}}
	whole := s.Config.Handler
	mux := http.NewServeMux()
	mux.Handle("/", whole)
	mux.HandleFunc("POST /api/v1/uploads", s.signedIn(p.begin))
	mux.HandleFunc("PUT /api/v1/uploads/{id}/{offset}", s.signedIn(p.part))
	mux.HandleFunc("POST /api/v1/uploads/{id}/finish", s.signedIn(p.finish))
	s.Config.Handler = mux
	return p
}

func (p *partsServer) begin(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var in struct {
		CaptureID string `json:"capture_id"`
		Digest    string `json:"digest"`
		Size      int64  `json:"size"`
	}
	if err := p.read(r, &in); err != nil || len(in.Digest) != 64 {
		p.problem(w, http.StatusUnprocessableEntity, "No upload.")
		return
	}
	if p.body == nil {
		p.body = make([]byte, in.Size)
	}
	p.intakeServer.mu.Lock()
	have, done := p.got[in.CaptureID]
	p.intakeServer.mu.Unlock()
	answer := map[string]any{"capture_id": in.CaptureID, "size": in.Size, "receipt": nil}
	if done {
		answer["receipt"] = have.receipt
	}
	held := []map[string]int64{}
	for offset, size := range p.held {
		held = append(held, map[string]int64{"offset": offset, "size": size})
	}
	answer["held"] = held
	w.WriteHeader(http.StatusCreated)
	p.answer(w, answer)
}

func (p *partsServer) part(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.puts++
	if p.refuse != nil && p.refuse(p.puts, w) {
		return
	}
	b, err := io.ReadAll(r.Body)
	sum := sha256.Sum256(b)
	offset, numErr := strconv.ParseInt(r.PathValue("offset"), 10, 64)
	if err != nil || numErr != nil || offset%partSize != 0 || len(b) > partSize || r.Header.Get("Content-Type") != "application/partial-upload" ||
		r.Header.Get("Content-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
		p.problem(w, http.StatusUnprocessableEntity, "No part.")
		return
	}
	if p.known[offset] > 0 {
		p.resent++
	}
	copy(p.body[offset:], b)
	p.held[offset] = int64(len(b))
	w.WriteHeader(http.StatusNoContent)
}

func (p *partsServer) finish(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose > 0 {
		p.lose--
		delete(p.held, 0)
		p.problem(w, http.StatusConflict, "Parts are missing.")
		return
	}
	var picture bytes.Buffer
	f, err := seal.OpenCapture(&picture, bytes.NewReader(p.body), func(uint32) (*seal.IntakePrivate, error) { return p.intake, nil })
	if err != nil || f.CaptureID != r.PathValue("id") {
		p.problem(w, http.StatusConflict, "Parts are missing.")
		return
	}
	sum := sha256.Sum256(p.body)
	have := received{facts: f, picture: picture.Bytes(), digest: hex.EncodeToString(sum[:])}
	have.receipt = seal.SignReceipt(p.sign, "", seal.Receipt{CaptureID: f.CaptureID, PhotoID: "PHOTO1", Digest: have.digest,
		Size: int64(len(p.body)), ReceivedAt: time.Now()})
	p.intakeServer.mu.Lock()
	p.got[f.CaptureID] = have
	p.intakeServer.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	if err := json.NewEncoder(w).Encode(have.receipt); err != nil {
		p.t.Error(err)
	}
}

// TestParts: a large photo goes in parts, and what the server holds of it is not sent again by any later run.
func TestParts(t *testing.T) {
	b := newBench(t)
	p := newPartsServer(b.server)
	b.signIn()
	path, content := b.photo(5*partSize - 20_000)
	p.refuse = func(put int, w http.ResponseWriter) bool {
		if put > 2 {
			busy("600")(w)
		}
		return put > 2
	}
	b.must(exitWaiting, []string{"The store is down.", "stays sealed"}, sendArgs(path)...)
	p.with(func() { p.known, p.refuse = maps.Clone(p.held), nil })
	if len(p.known) != 2 {
		t.Fatalf("%d parts are held, want 2", len(p.known))
	}
	b.must(exitDone, []string{"received as photo PHOTO1"}, "flush")
	p.with(func() {
		if p.resent != 0 {
			t.Errorf("%d parts that were held were sent by the second run, want none", p.resent)
		}
	})
	if n, _ := b.server.has([]byte(content)); n != 1 || b.server.posts != 0 {
		t.Errorf("received %d times in parts and %d whole, want once and never", n, b.server.posts)
	}
}

// TestPartsBroken: a connection that breaks in a part is made again in the same run; one that is refused for good ends it.
func TestPartsBroken(t *testing.T) {
	b := newBench(t)
	p := newPartsServer(b.server)
	b.signIn()
	path, _ := b.photo(4 * partSize)
	p.refuse = func(put int, _ http.ResponseWriter) bool {
		if put == 2 {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	b.must(exitDone, []string{"received as photo PHOTO1"}, sendArgs(path)...)

	b = newBench(t)
	p = newPartsServer(b.server)
	b.signIn()
	path, _ = b.photo(4 * partSize)
	p.refuse = func(put int, w http.ResponseWriter) bool {
		answerWith(http.StatusForbidden, `{"detail":"Not yours to send."}`)(w)
		return true
	}
	b.must(exitRefused, []string{"Not yours to send."}, sendArgs(path)...)
	if len(b.queued()) != 2 {
		t.Errorf("the queue holds %q, want the photo and its note", b.queued())
	}
}

// TestPartsLost: what the server has lost when it is to put the parts together is sent again; a server that loses it each
// time ends the run.
func TestPartsLost(t *testing.T) {
	b := newBench(t)
	p := newPartsServer(b.server)
	b.signIn()
	path, content := b.photo(3 * partSize)
	p.lose = attempts - 1
	b.must(exitDone, []string{"received as photo PHOTO1"}, sendArgs(path)...)
	if n, _ := b.server.has([]byte(content)); n != 1 || p.puts != 4+attempts-1 {
		t.Errorf("received %d times with %d parts sent, want once and %d", n, p.puts, 4+attempts-1)
	}
	path, _ = b.photo(3*partSize + 1)
	p.body, p.held, p.lose = nil, map[int64]int64{}, attempts
	b.must(exitRefused, []string{"Parts are missing."}, sendArgs(path)...)
	if p.lose != 0 {
		t.Errorf("%d tries were left out", p.lose)
	}
}

// TestPartsReceivedBefore: a receipt that was lost on its way comes again without a byte of the photo.
func TestPartsReceivedBefore(t *testing.T) {
	b := newBench(t)
	p := newPartsServer(b.server)
	b.signIn()
	path, _ := b.photo(2 * partSize)
	lost := true
	finish := b.server.Config.Handler
	b.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && lost && len(r.URL.Path) > len("/api/v1/uploads/x") && r.URL.Path[:16] == "/api/v1/uploads/" {
			lost = false
			finish.ServeHTTP(discarded{}, r)
			panic(http.ErrAbortHandler)
		}
		finish.ServeHTTP(w, r)
	})
	b.must(exitDone, []string{"received as photo PHOTO1"}, sendArgs(path)...)
	if p.puts != 3 || lost {
		t.Errorf("%d parts were sent, want 3 once; lost %v", p.puts, lost)
	}
}

// discarded is an answer that nobody gets.
type discarded struct{}

func (discarded) Header() http.Header         { return http.Header{} }
func (discarded) Write(b []byte) (int, error) { return len(b), nil }
func (discarded) WriteHeader(int)             {}

// TestAtOnceWhereThereAreNoParts: a server that does not know parts gets a large photo whole.
func TestAtOnceWhereThereAreNoParts(t *testing.T) {
	b := newBench(t)
	whole := b.server.Config.Handler
	b.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/uploads" {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"type":"urn:problem-type:clinivault:no-such-address","detail":"There is nothing at this address."}`)
			return
		}
		whole.ServeHTTP(w, r)
	})
	b.signIn()
	path, _ := b.photo(3 * partSize)
	b.must(exitDone, []string{"received as photo"}, sendArgs(path)...)
	if b.server.posts != 1 {
		t.Errorf("%d uploads, want 1", b.server.posts)
	}
}

//go:build !js

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
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// intakeServer opens what it gets as the vault does, with the real seal. It is used by one client, one request at a time.
type intakeServer struct {
	t      *testing.T
	intake *seal.IntakePrivate
	sign   ed25519.PrivateKey
	wasm   string
	frames [][]byte
	opened map[string][]byte
	forge  bool  // put a signature of something else on receipts
	faults []int // statuses for the next uploads, instead of taking them
}

func newIntakeServer(t *testing.T, wasm string) *intakeServer {
	t.Helper()
	intake, err := seal.NewIntake(3)
	if err != nil {
		t.Fatal(err)
	}
	_, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &intakeServer{t: t, intake: intake, sign: sign, wasm: wasm, opened: map[string][]byte{}}
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
	if len(s.faults) > 0 {
		status := s.faults[0]
		s.faults = s.faults[1:]
		w.WriteHeader(status)
		s.answer(w, map[string]any{"detail": "Told to fail."})
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
	want.CaptureID, want.MediaType = f.CaptureID, f.MediaType
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

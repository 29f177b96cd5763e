package vaulttest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// Person adds somebody and signs them in.
func (b *Bench) Person(t testing.TB, login string, roles ...vault.Role) vault.Actor {
	t.Helper()
	_, err := b.V.AddPerson(t.Context(), vault.Operator(), vault.NewPerson{
		Login: login, Name: "Test Person " + login, Password: Password, Roles: roles,
	})
	if err != nil {
		t.Fatalf("adding %s: %v", login, err)
	}
	return b.SignIn(t, login)
}

// SignIn signs in somebody whom Person added, in a new session.
func (b *Bench) SignIn(t testing.TB, login string) vault.Actor {
	t.Helper()
	token, _, err := b.V.SignIn(t.Context(), login, Password, "test device", "127.0.0.1:1", "SIGNIN")
	if err != nil {
		t.Fatalf("signing in %s: %v", login, err)
	}
	a, err := b.V.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatalf("authenticating %s: %v", login, err)
	}
	return a.From("127.0.0.1:1", "test-request")
}

// Patient adds a patient with a made-up name, and ties team to them from an
// hour ago.
func (b *Bench) Patient(t testing.TB, team ...vault.Actor) vault.PatientID {
	t.Helper()
	b.next++
	id, err := b.V.AddPatient(t.Context(), vault.Operator(), vault.NewPatient{
		RecordNumber: fmt.Sprintf("TEST-%06d", b.next),
		Name:         fmt.Sprintf("Synthetic Patient %d", b.next),
		BirthDate:    "1970-01-01",
	})
	if err != nil {
		t.Fatalf("adding patient: %v", err)
	}
	for _, a := range team {
		b.Tie(t, id, a)
	}
	return id
}

// Tie makes a person part of a patient's care team from an hour ago.
func (b *Bench) Tie(t testing.TB, id vault.PatientID, a vault.Actor) {
	t.Helper()
	err := b.V.JoinCareTeam(t.Context(), vault.Operator(), id, a.Person(), b.Clock.Now().Add(-time.Hour))
	if err != nil {
		t.Fatalf("tying: %v", err)
	}
}

// Sealed is a capture as a client would send it.
type Sealed struct {
	ID       vault.CaptureID
	Digest   [sha256.Size]byte
	Envelope []byte
	Facts    seal.CaptureFacts
}

// Request is the capture as Accept takes it; it may be asked for again and again.
func (s Sealed) Request() vault.AcceptRequest {
	return vault.AcceptRequest{
		CaptureID: s.ID, Digest: s.Digest, Size: int64(len(s.Envelope)), Body: bytes.NewReader(s.Envelope),
	}
}

// Capture seals a picture as a photo of patient that a took now, of the first
// body site, with consent for the record. Each of change may alter the facts
// before they are sealed.
func (b *Bench) Capture(t testing.TB, a vault.Actor, patient vault.PatientID, picture []byte, change ...func(*seal.CaptureFacts)) Sealed {
	t.Helper()
	info, err := b.V.IntakeKeys(t.Context(), a)
	if err != nil {
		t.Fatalf("reading intake key: %v", err)
	}
	raw := make([]byte, 16)
	rand.Read(raw) // never fails (crypto/rand)
	f := seal.CaptureFacts{
		CaptureID: hex.EncodeToString(raw),
		Patient:   string(patient),
		BodySite:  unsided(t),
		Author:    string(a.Person()),
		MediaType: "image/jpeg",
		Consent:   seal.Consent{Record: true},
		TakenAt:   b.Clock.Now(),
	}
	for _, c := range change {
		c(&f)
	}
	var env bytes.Buffer
	if err := seal.SealCapture(&env, bytes.NewReader(picture), seal.IntakePublic{Epoch: info.Epoch, Key: info.Key}, f); err != nil {
		t.Fatalf("sealing: %v", err)
	}
	return Sealed{ID: vault.CaptureID(f.CaptureID), Digest: sha256.Sum256(env.Bytes()), Envelope: env.Bytes(), Facts: f}
}

// unsided is the code of a body site that needs no side.
func unsided(t testing.TB) string {
	t.Helper()
	for _, s := range vault.BodySites {
		if !s.Sided {
			return s.Code
		}
	}
	t.Fatal("no body site without a side")
	return ""
}

// Send has the vault accept a capture.
func (b *Bench) Send(t testing.TB, a vault.Actor, s Sealed) seal.Receipt {
	t.Helper()
	receipt, _, err := b.V.Accept(t.Context(), a, s.Request())
	if err != nil {
		t.Fatalf("accepting: %v", err)
	}
	return receipt
}

// Work does the jobs that are due until none is left, as the worker would, but
// for deliveries and retractions, which need a receiver.
func (b *Bench) Work(t testing.TB) {
	t.Helper()
	worker := vault.JobActor("test-worker")
	for {
		job, err := b.V.ClaimJob(t.Context(), worker, time.Minute)
		if err != nil {
			t.Fatalf("claiming: %v", err)
		}
		if job == nil {
			return
		}
		switch job.Kind {
		case vault.JobProcess:
			err = b.V.ProcessCapture(t.Context(), worker, job)
		case vault.JobErase:
			err = b.V.FinishErasure(t.Context(), worker, job)
		case vault.JobHold:
			err = b.V.CarryHold(t.Context(), worker, job)
		case vault.JobMerge:
			err = b.V.MovePatient(t.Context(), worker, job)
		default:
			t.Fatalf("job of kind %q is due", job.Kind)
		}
		if err != nil {
			t.Fatalf("doing the job of kind %q: %v", job.Kind, err)
		}
	}
}

// Picture is a JPEG of that size without any face in it: a soft pattern that
// seed shifts, so that two seeds give two pictures.
func Picture(t testing.TB, width, height int, seed byte) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	grain := uint32(seed) + 1
	for y := range height {
		for x := range width {
			grain = grain*1664525 + 1013904223
			g := uint8(grain >> 28)
			img.Set(x, y, color.RGBA{90 + seed/8 + g, 110 + uint8(20*x/width) + g, 120 + uint8(20*y/height) + g, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

package seal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

// testID is the capture ID of every capture in these tests.
const testID = "00112233445566778899aabbccddeeff"

func testFacts() CaptureFacts {
	return CaptureFacts{
		CaptureID: testID, Patient: "PATIENTAAAAAAAAAAAAAAAAAAA", Encounter: "ENCOUNTERAAAAAAAAAAAAAAAAA",
		BodySite: "forearm", Laterality: "left", Author: "PERSONAAAAAAAAAAAAAAAAAAAA", Device: "ward-tablet-1",
		MediaType: "image/jpeg", Note: "two days after the bite <3 & healing", Consent: Consent{Record: true, Teaching: true},
		TakenAt: time.Date(2026, 11, 21, 9, 30, 0, 120e6, time.UTC),
	}
}

func testIntake(t testing.TB, epoch uint32) *IntakePrivate {
	t.Helper()
	p, err := NewIntake(epoch)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// only gives the one key, and ErrEpoch for others.
func only(p *IntakePrivate) func(uint32) (*IntakePrivate, error) {
	return func(epoch uint32) (*IntakePrivate, error) {
		if epoch != p.Epoch() {
			return nil, ErrEpoch
		}
		return p, nil
	}
}

func payload(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	r.Read(b)
	return b
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

// wantPrefix checks that what came out before an error is genuine: the beginning of the payload.
func wantPrefix(t *testing.T, got, payload []byte) {
	t.Helper()
	if !bytes.HasPrefix(payload, got) {
		t.Errorf("released %d bytes that are not the beginning of the payload", len(got))
	}
}

// sizes around every border of the chunks.
var sizes = []int{1, 2, ChunkSize - 1, ChunkSize, ChunkSize + 1, 2*ChunkSize - 1, 2 * ChunkSize, 2*ChunkSize + 77, 5 * ChunkSize}

// brokenReader gives some bytes and then an error that is not an end.
type brokenReader struct {
	r   io.Reader
	err error
}

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = b.err
	}
	return n, err
}

// fullWriter takes n bytes and then fails.
type fullWriter struct {
	n   int
	err error
}

func (f *fullWriter) Write(p []byte) (int, error) {
	if len(p) > f.n {
		n := f.n
		f.n = 0
		return n, f.err
	}
	f.n -= len(p)
	return len(p), nil
}

// idleReader never gives anything.
type idleReader struct{}

func (idleReader) Read([]byte) (int, error) { return 0, nil }

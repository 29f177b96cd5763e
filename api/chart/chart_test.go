package chart

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(vaulttest.Main(m))
}

// raw encodes a w × h picture whose pixels depend on seed.
func raw(t testing.TB, w, h, seed int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{uint8(x*seed + y), uint8(y * 3), uint8((x ^ y) * seed), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 80}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// clean is such a picture as the imaging core would release it.
func clean(t testing.TB, w, h, seed int) []byte {
	t.Helper()
	s, err := imaging.Read(raw(t, w, h, seed), imaging.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return s.Bytes()
}

// baseline is the form a picture has on its way to an archive.
func baseline(t testing.TB, picture []byte) []byte {
	t.Helper()
	p, err := imaging.NewPool(imaging.PoolConfig{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	b, _, _, err := p.Chart(t.Context(), picture)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Names that must never appear in an error or a log.
const (
	testName   = "Zzphi, Testpatient Ä"
	testNumber = "MRN-0042-PHI"
	testAuthor = "Test Photographer"
)

// sample is an entry with every field set. Its attachment names it at receivers.
func sample(t testing.TB, attachment string) *entry {
	t.Helper()
	return &entry{
		Attachment: attachment, Photo: "PHOTO" + attachment,
		Patient:   patient{ID: "PATIENT1", RecordNumber: testNumber, Name: testName, BirthDate: "1980-02-29"},
		Encounter: "ENCOUNTER1",
		Author:    person{ID: "PERSON1", Name: testAuthor}, Reviewer: person{ID: "PERSON2", Name: "Test Reviewer"},
		TakenAt:    time.Date(2026, 3, 1, 23, 30, 5, 250e6, time.UTC),
		ApprovedAt: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC),
		Site:       site{Label: "Forearm", SNOMED: "14975008"}, Laterality: "left",
		Picture: clean(t, 96, 64, 5),
	}
}

// journal keeps what a delivery marked, as the vault would.
type journal struct {
	mu    sync.Mutex
	saved []string
}

func (j *journal) progress() *progress {
	j.mu.Lock()
	defer j.mu.Unlock()
	last := "{}"
	if n := len(j.saved); n > 0 {
		last = j.saved[n-1]
	}
	return readProgress(json.RawMessage(last), func(_ context.Context, raw json.RawMessage) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.saved = append(j.saved, string(raw))
		return nil
	})
}

func (j *journal) last() progress {
	return *j.progress()
}

func sha(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from testdata/%s (rewrite with -update):\n%s", t.Name(), name, got)
	}
}

// discreet fails when an error says anything about the patient.
func discreet(t *testing.T, err error) {
	t.Helper()
	for _, word := range []string{testNumber, "Zzphi", "Testpatient", testAuthor, "1980"} {
		if err != nil && strings.Contains(err.Error(), word) {
			t.Errorf("the error %q contains %q", err, word)
		}
	}
}

package vault_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// nothingKept fails the test unless neither rows nor blobs of a photo exist.
func (w *world) nothingKept() {
	w.t.Helper()
	if rows, blobs := w.count(`SELECT count(*) FROM photos`), w.Blobs.Names(); rows != 0 || len(blobs) != 0 {
		w.t.Errorf("kept %d rows and blobs %v, want nothing", rows, blobs)
	}
	if jobs := w.count(`SELECT count(*) FROM jobs`); jobs != 0 {
		w.t.Errorf("kept %d jobs, want none", jobs)
	}
}

func TestAcceptRefuses(t *testing.T) {
	digestOf := func(r *vault.AcceptRequest, body []byte) {
		r.Digest, r.Size, r.Body = sha256.Sum256(body), int64(len(body)), bytes.NewReader(body)
	}
	for _, c := range []struct {
		name   string
		facts  func(*world, *seal.CaptureFacts)
		change func(*vault.AcceptRequest, []byte)
		want   error
	}{
		{"wrong digest", nil, func(r *vault.AcceptRequest, _ []byte) { r.Digest[0] ^= 1 }, vault.ErrDigest},
		{"body cut short", nil, func(r *vault.AcceptRequest, b []byte) { r.Body = bytes.NewReader(b[:len(b)-1]) }, vault.ErrDigest},
		{"body too long", nil, func(r *vault.AcceptRequest, b []byte) { r.Body = bytes.NewReader(append(b, 0)) }, vault.ErrDigest},
		{"no body", nil, func(r *vault.AcceptRequest, _ []byte) { r.Body = nil }, vault.ErrInvalid},
		{"no size", nil, func(r *vault.AcceptRequest, _ []byte) { r.Size = 0 }, vault.ErrInvalid},
		{"malformed capture ID", nil, func(r *vault.AcceptRequest, _ []byte) { r.CaptureID = "x" }, vault.ErrInvalid},
		{"other capture ID", nil, func(r *vault.AcceptRequest, _ []byte) {
			r.CaptureID = vault.CaptureID(strings.Repeat("ab", 16))
		}, vault.ErrInvalid},
		{"not an envelope", nil, func(r *vault.AcceptRequest, _ []byte) { digestOf(r, []byte("GIF89a")) }, vault.ErrInvalid},
		{"altered facts", nil, func(r *vault.AcceptRequest, b []byte) { b[1300] ^= 1; digestOf(r, b) }, vault.ErrInvalid},
		{"unknown epoch", nil, func(r *vault.AcceptRequest, b []byte) {
			binary.BigEndian.PutUint32(b[8:], 99)
			digestOf(r, b)
		}, vault.ErrInvalid},
		{"another author", func(w *world, f *seal.CaptureFacts) { f.Author = string(w.colleague.Person()) }, nil, vault.ErrDenied},
		{"another team's patient", func(w *world, f *seal.CaptureFacts) { f.Patient = string(w.foreign) }, nil, vault.ErrNotFound},
		{"unknown patient", func(_ *world, f *seal.CaptureFacts) { f.Patient = "nobody" }, nil, vault.ErrNotFound},
		{"no consent for the record", func(_ *world, f *seal.CaptureFacts) {
			f.Consent = seal.Consent{Teaching: true, Publication: true}
		}, nil, vault.ErrInvalid},
		{"taken two days from now", func(_ *world, f *seal.CaptureFacts) { f.TakenAt = f.TakenAt.Add(48 * time.Hour) }, nil, vault.ErrInvalid},
		{"unknown site", func(_ *world, f *seal.CaptureFacts) { f.BodySite = "tail" }, nil, vault.ErrInvalid},
		{"sided site without side", func(_ *world, f *seal.CaptureFacts) { f.BodySite = "hand" }, nil, vault.ErrInvalid},
		{"another patient's encounter", func(w *world, f *seal.CaptureFacts) {
			f.Encounter = string(must(w.V.AddEncounter(w.t.Context(), vault.Operator(), w.foreign, "visit", w.Clock.Now()))(w.t))
		}, nil, vault.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			capture := w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) {
				if c.facts != nil {
					c.facts(w, f)
				}
			})
			r := capture.Request()
			if c.change != nil {
				c.change(&r, capture.Envelope)
			}
			_, created, err := w.V.Accept(t.Context(), w.author, r)
			wants(t, "accepting", err, c.want)
			if created {
				t.Error("said to be created")
			}
			w.nothingKept()
			w.verified()
		})
	}
}

// forbidden fails the test when it is read.
type forbidden struct{ t *testing.T }

func (f forbidden) Read([]byte) (int, error) {
	f.t.Error("the body was read")
	return 0, io.EOF
}

func TestAcceptRefusesBeforeReading(t *testing.T) {
	w := newWorld(t)
	r := w.Capture(t, w.author, w.patient, w.picture).Request()
	r.Body = forbidden{t}
	_, _, err := w.V.Accept(t.Context(), w.reviewer, r)
	wants(t, "a reviewer's capture", err, vault.ErrDenied)
	_, _, err = w.V.Accept(t.Context(), vault.Actor{}, r)
	wants(t, "nobody's capture", err, vault.ErrUnauthenticated)
	r.Size = vault.DefaultMaxCapture + 1
	_, _, err = w.V.Accept(t.Context(), w.author, r)
	wants(t, "too large", err, vault.ErrTooLarge)
	w.nothingKept()
}

// endless never ends; a reader that trusts it would take all memory.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) { e.read += int64(len(b)); return len(b), nil }

func TestAcceptReadsNoMoreThanAnnounced(t *testing.T) {
	w := newWorld(t)
	r := w.Capture(t, w.author, w.patient, w.picture).Request()
	body := &endless{}
	r.Body = body
	_, _, err := w.V.Accept(t.Context(), w.author, r)
	wants(t, "endless body", err, vault.ErrDigest)
	if body.read > r.Size+64<<10 {
		t.Errorf("read %d bytes of a body announced as %d", body.read, r.Size)
	}
}

func TestAcceptTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		capture := w.Capture(t, w.author, w.patient, w.picture)
		first, created, err := w.V.Accept(t.Context(), w.author, capture.Request())
		if err != nil || !created {
			t.Fatalf("first: created %v, %v", created, err)
		}
		w.Clock.Add(time.Minute)
		again, created, err := w.V.Accept(t.Context(), w.author, capture.Request())
		if err != nil || created || again.PhotoID != first.PhotoID || !bytes.Equal(again.Signature, first.Signature) {
			t.Errorf("again: created %v, receipt %+v, %v, want the first receipt %+v", created, again, err, first)
		}
		other := w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) { f.CaptureID = string(capture.ID) })
		_, _, err = w.V.Accept(t.Context(), w.author, other.Request())
		wants(t, "other bytes", err, vault.ErrConflict)
		_, _, err = w.V.Accept(t.Context(), w.colleague, capture.Request())
		wants(t, "the same bytes by another", err, vault.ErrConflict)
		theirs := w.Capture(t, w.colleague, w.patient, w.picture, func(f *seal.CaptureFacts) { f.CaptureID = string(capture.ID) })
		_, _, err = w.V.Accept(t.Context(), w.colleague, theirs.Request())
		wants(t, "another's bytes under the same ID", err, vault.ErrConflict)
		if rows, blobs := w.count(`SELECT count(*) FROM photos`), w.Blobs.Names(); rows != 1 || len(blobs) != 1 {
			t.Errorf("%d rows, blobs %v, want one of each", rows, blobs)
		}
	})
}

func TestAcceptAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		capture := w.Capture(t, w.author, w.patient, w.picture)
		var wg sync.WaitGroup
		receipts := make([]seal.Receipt, 6)
		created := make([]bool, len(receipts))
		for i := range receipts {
			wg.Go(func() {
				var err error
				if receipts[i], created[i], err = w.V.Accept(t.Context(), w.author, capture.Request()); err != nil {
					t.Errorf("accepting: %v", err)
				}
			})
		}
		wg.Wait()
		n := 0
		for i, r := range receipts {
			if r.PhotoID != receipts[0].PhotoID {
				t.Errorf("receipt %d is for photo %s, want %s", i, r.PhotoID, receipts[0].PhotoID)
			}
			if created[i] {
				n++
			}
		}
		if n != 1 {
			t.Errorf("created %d times, want once", n)
		}
		ok(t, w.V.Sweep(t.Context(), w.worker)) // takes the copies that lost
		if blobs := w.Blobs.Names(); len(blobs) != 1 {
			t.Errorf("blobs %v, want one", blobs)
		}
	})
}

func TestAcceptAfterLeavingTheTeam(t *testing.T) {
	w := newWorld(t)
	before := w.Capture(t, w.author, w.patient, w.picture)
	w.Clock.Add(time.Minute)
	ok(t, w.V.LeaveCareTeam(t.Context(), vault.Operator(), w.patient, w.author.Person()))
	w.Clock.Add(time.Minute)
	after := w.Capture(t, w.author, w.patient, w.picture)
	_, _, err := w.V.Accept(t.Context(), w.author, after.Request())
	wants(t, "taken after leaving", err, vault.ErrNotFound)
	receipt, _, err := w.V.Accept(t.Context(), w.author, before.Request())
	wants(t, "taken before leaving", err, nil)
	_, err = w.V.PhotoByID(t.Context(), w.author, vault.PhotoID(receipt.PhotoID))
	wants(t, "looking at it", err, vault.ErrNotFound)
	mine := must(w.V.MyCaptures(t.Context(), w.author, 10))(t)
	if len(mine) != 1 || mine[0].PatientName != "" || mine[0].RecordNumber != "" || mine[0].Patient != "" {
		t.Errorf("the author sees %#v, want one photo without the patient", mine)
	}
}

// TestAcceptFaults fails every step of the store in both ways. Whatever happens, a receipt means that the photo is
// there, and sending again ends with one photo.
func TestAcceptFaults(t *testing.T) {
	for _, fault := range []vaulttest.Fault{vaulttest.Refuse, vaulttest.Lose} {
		for step := 1; ; step++ {
			w := newWorld(t)
			capture := w.Capture(t, w.author, w.patient, w.picture)
			w.Blobs.FaultAt(step, fault)
			_, created, err := w.V.Accept(t.Context(), w.author, capture.Request())
			hit := w.Blobs.Steps() >= step
			if hit {
				wants(t, "with a fault", err, vault.ErrUnavailable)
				if rows := w.count(`SELECT count(*) FROM photos`); created || rows != 0 {
					t.Errorf("fault %d at step %d: created %v, %d rows", fault, step, created, rows)
				}
			}
			w.Blobs.OnOp(nil)
			w.Send(t, w.author, capture)
			w.sweepTwice()
			if rows, blobs := w.count(`SELECT count(*) FROM photos`), w.Blobs.Names(); rows != 1 || len(blobs) != 1 {
				t.Errorf("fault %d at step %d: %d rows, blobs %v, want one of each", fault, step, rows, blobs)
			}
			w.Work(t) // the one that is left is the one the row names
			if !hit {
				break
			}
		}
	}
}

func TestAcceptDatabaseGone(t *testing.T) {
	b := vaulttest.New(t)
	w := worldOn(t, b)
	capture := w.Capture(t, w.author, w.patient, w.picture)
	w.change(`ALTER TABLE consents RENAME TO consents_away`)
	if _, _, err := w.V.Accept(t.Context(), w.author, capture.Request()); err == nil {
		t.Error("accepted without consents")
	}
	w.change(`ALTER TABLE consents_away RENAME TO consents`)
	if rows := w.count(`SELECT count(*) FROM photos`); rows != 0 {
		t.Errorf("%d rows of a capture that failed half way", rows)
	}
	w.Send(t, w.author, capture)
}

func TestAcceptSaysNoInputBack(t *testing.T) {
	w := newWorld(t)
	capture := w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) { f.BodySite = "patient-name-here" })
	_, _, err := w.V.Accept(t.Context(), w.author, capture.Request())
	var s interface{ Sentence() string }
	if !errors.As(err, &s) || strings.Contains(err.Error(), "patient-name-here") {
		t.Errorf("got %v, want a sentence without the input", err)
	}
}

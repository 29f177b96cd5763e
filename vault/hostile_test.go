package vault_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestDirGivesFilesOnly: whoever can write to the store's folder may put there what is no file. A pipe must not hang
// the request, a link not lead out of the folder.
func TestDirGivesFilesOnly(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	ok(t, os.WriteFile(outside, []byte("elsewhere"), 0o600))
	for _, c := range []struct {
		name  string
		plant func(path string) error
	}{
		{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		{"link out of the folder", func(path string) error { return os.Symlink(outside, path) }},
		{"link to a device", func(path string) error { return os.Symlink("/dev/zero", path) }},
		{"folder", func(path string) error { return os.Mkdir(path, 0o700) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			d := openDir(t, root)
			ok(t, c.plant(filepath.Join(root, "objects", "planted")))
			done := make(chan error, 1)
			go func() {
				r, err := d.Get(context.Background(), "planted")
				if err == nil {
					err = r.Close()
				}
				done <- err
			}()
			select {
			case err := <-done:
				wants(t, "getting it", err, vault.ErrAbsent)
			case <-time.After(10 * time.Second):
				t.Fatal("getting it hangs")
			}
		})
	}
}

// greedy gives endless bytes for every object and counts what is taken.
type greedy struct {
	vault.Blobs
	taken int64
}

func (g *greedy) Get(context.Context, string) (io.ReadCloser, error) { return io.NopCloser(g), nil }

func (g *greedy) Read(p []byte) (int, error) {
	g.taken += int64(len(p))
	return len(p), nil
}

// TestEndlessObject: a store that never stops sending costs no more than the object would have.
func TestEndlessObject(t *testing.T) {
	store := &greedy{}
	b := vaulttest.New(t)
	store.Blobs = b.Blobs
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	r := b.Send(t, doctor, b.Capture(t, doctor, b.Patient(t, doctor), vaulttest.Picture(t, 96, 64, 1)))
	b.Work(t)
	b.Cfg.Blobs = store
	b.Reopen(t)
	_, err := b.V.ReadRendition(t.Context(), doctor, vault.PhotoID(r.PhotoID), vault.KindCoveredThumb)
	wants(t, "reading it", err, vault.ErrIntegrity)
	if store.taken > 1<<20 {
		t.Errorf("took %d bytes of an object of a few thousand", store.taken)
	}
}

// TestAlteredCertificateIsNotServed: a certificate that the vault did not sign for this photo is refused and counted.
func TestAlteredCertificateIsNotServed(t *testing.T) {
	w := newWorld(t)
	id, other := w.approved(), w.approved()
	good := string(must(w.V.Certificate(t.Context(), w.privacy, id))(t))
	another := string(must(w.V.Certificate(t.Context(), w.privacy, other))(t))
	for i, c := range []struct{ name, text string }{
		{"another reviewer", strings.Replace(good, string(w.reviewer.Person()), string(w.author.Person()), 1)},
		{"another photo's", another},
		{"cut short", good[:len(good)-1]},
		{"none", ""},
	} {
		w.change(`UPDATE reviews SET certificate = $1 WHERE photo = $2 AND decision = 'approve'`, c.text, string(id))
		got, err := w.V.Certificate(t.Context(), w.privacy, id)
		if !errors.Is(err, vault.ErrIntegrity) || got != nil {
			t.Errorf("%s: got %d bytes and %v, want ErrIntegrity", c.name, len(got), err)
		}
		if n := w.V.IntegrityRefusals(); n != uint64(i+1) {
			t.Errorf("%s: got %d refusals counted, want %d", c.name, n, i+1)
		}
	}
}

// TestClockAheadOpensNothing: a care team that begins tomorrow is not opened by a device that says it is tomorrow.
func TestClockAheadOpensNothing(t *testing.T) {
	w := newWorld(t)
	tomorrow := w.Clock.Now().Add(12 * time.Hour)
	ok(t, w.V.JoinCareTeam(t.Context(), vault.Operator(), w.foreign, w.author.Person(), tomorrow))
	ahead := func(f *seal.CaptureFacts) { f.TakenAt = tomorrow.Add(time.Hour) }
	_, _, err := w.V.Accept(t.Context(), w.author, w.Capture(t, w.author, w.foreign, w.picture, ahead).Request())
	wants(t, "accepting it today", err, vault.ErrNotFound)
	_, _, err = w.V.Accept(t.Context(), w.author, w.Capture(t, w.author, w.patient, w.picture, ahead).Request())
	wants(t, "accepting one's own patient's, with the clock half a day ahead", err, nil)
}

// TestApprovedFilterTakesAnyText: what no database takes is refused before it is asked.
func TestApprovedFilterTakesAnyText(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for _, f := range []vault.ApprovedFilter{
			{Patient: "\x00"}, {Encounter: "a\x00"}, {Query: "\x00"}, {Patient: "\xff"}, {Query: "\xff"},
		} {
			_, err := w.V.ApprovedPhotos(t.Context(), w.records, f)
			wants(t, "searching", err, vault.ErrInvalid)
		}
	})
}

// TestLostKeysAreNotReplaced: whoever deletes the log's key and rewrites history does not get a new key to sign it.
func TestLostKeysAreNotReplaced(t *testing.T) {
	for _, kind := range []string{"intake", "log", "receipt", "certificate"} {
		t.Run(kind, func(t *testing.T) {
			b := vaulttest.New(t)
			b.Exec(t, `DELETE FROM epoch_keys WHERE kind = $1`, kind)
			b.Reopen(t) // the first start may have died between two keys
			b.Person(t, "doctor", vault.RoleClinician)
			b.Exec(t, `DELETE FROM epoch_keys WHERE kind = $1`, kind)
			second := b.Cfg
			second.Beside = true // the first is open still
			v, err := vault.Open(t.Context(), second)
			if err == nil {
				ok(t, v.Close())
			}
			wants(t, "opening a vault without its key", err, vault.ErrIntegrity)
			if err != nil && !strings.Contains(err.Error(), "backup") {
				t.Errorf("got %v, want what to do", err)
			}
		})
	}
}

// TestOneAlteredRowHidesNoOther: facts that were changed in the database are not shown; the other photos are.
func TestOneAlteredRowHidesNoOther(t *testing.T) {
	w := newWorld(t)
	bad, good := w.inReview(), w.inReview()
	w.change(`UPDATE photos SET sealed_facts = (SELECT sealed_facts FROM photos WHERE id = $1) WHERE id = $2`, string(good), string(bad))
	for i, c := range []struct {
		name string
		list func() ([]vault.Photo, error)
	}{
		{"captures", func() ([]vault.Photo, error) { return w.V.MyCaptures(t.Context(), w.author, 10) }},
		{"patient", func() ([]vault.Photo, error) { return w.V.PatientPhotos(t.Context(), w.author, w.patient) }},
	} {
		photos := must(c.list())(t)
		if len(photos) != 2 {
			t.Errorf("%s: got %d photos, want 2", c.name, len(photos))
		}
		for _, p := range photos {
			if refused := strings.Contains(p.Note, "failed its integrity check"); refused != (p.ID == bad) {
				t.Errorf("%s: photo %s has the note %q", c.name, p.ID, p.Note)
			}
		}
		if n := w.V.IntegrityRefusals(); n != uint64(i+1) {
			t.Errorf("%s: got %d refusals counted, want %d", c.name, n, i+1)
		}
		n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'integrity.refused' AND patient <> '' AND photo = $1`, string(bad))
		if n != i+1 {
			t.Errorf("%s: got %d events, want %d", c.name, n, i+1)
		}
	}
	w.verified()
}

package vault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// large is a sealed capture of a few parts. Nothing reads the picture before it is processed.
func (w *world) large(change ...func(*seal.CaptureFacts)) vaulttest.Sealed {
	w.t.Helper()
	picture := make([]byte, 700_000)
	rand.Read(picture)
	copy(picture, w.picture)
	return w.Capture(w.t, w.author, w.patient, picture, change...)
}

func offerOf(s vaulttest.Sealed) vault.UploadOffer {
	return vault.UploadOffer{CaptureID: s.ID, Digest: sha256.Sum256(s.Envelope), Size: int64(len(s.Envelope))}
}

// cut gives the parts of an envelope, each of size bytes but the last.
func cut(envelope []byte, size int) map[int64][]byte {
	parts := map[int64][]byte{}
	for at := 0; at < len(envelope); at += size {
		parts[int64(at)] = envelope[at:min(at+size, len(envelope))]
	}
	return parts
}

func (w *world) begin(s vaulttest.Sealed) vault.CaptureUpload {
	w.t.Helper()
	up, err := w.V.BeginUpload(w.t.Context(), w.author, offerOf(s))
	if err != nil {
		w.t.Fatalf("beginning: %v", err)
	}
	return up
}

func (w *world) keep(s vaulttest.Sealed, offset int64, part []byte) {
	w.t.Helper()
	if err := w.V.KeepPart(w.t.Context(), w.author, s.ID, offset, part); err != nil {
		w.t.Fatalf("keeping %d bytes at %d: %v", len(part), offset, err)
	}
}

func (w *world) keepAll(s vaulttest.Sealed, size int) {
	w.t.Helper()
	for at, part := range cut(s.Envelope, size) {
		w.keep(s, at, part)
	}
}

// partBlobs names the parts in the store.
func (w *world) partBlobs() []string {
	return slices.DeleteFunc(w.Blobs.Names(), func(n string) bool { return !strings.HasPrefix(n, "part/") })
}

func TestUploadInParts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := w.large()
		if up := w.begin(s); len(up.Held) != 0 || up.Receipt != nil || up.Size != int64(len(s.Envelope)) {
			t.Errorf("a new upload: %+v", up)
		}
		parts := cut(s.Envelope, vault.MaxPart)
		w.keep(s, vault.MaxPart, parts[vault.MaxPart])
		_, _, err := w.V.FinishUpload(t.Context(), w.author, s.ID)
		wants(t, "finishing with a part missing", err, vault.ErrConflict)
		want := []vault.CapturePart{{Offset: vault.MaxPart, Size: int64(len(s.Envelope)) - vault.MaxPart}}
		if up := must(w.V.HeldParts(t.Context(), w.author, s.ID))(t); !slices.Equal(up.Held, want) {
			t.Errorf("held %v, want %v", up.Held, want)
		}
		w.Clock.Add(time.Minute)
		if up := w.begin(s); !slices.Equal(up.Held, want) { // from another device, or after a restart
			t.Errorf("begun again: held %v, want %v", up.Held, want)
		}
		w.keep(s, 0, parts[0])
		w.keep(s, 0, parts[0]) // its answer was lost
		if n := len(w.partBlobs()); n != 2 {
			t.Errorf("%d parts in the store, want 2", n)
		}
		back := must(w.V.ReadPart(t.Context(), w.author, s.ID, 0))(t)
		if !bytes.Equal(back, parts[0]) {
			t.Error("the first part came back altered")
		}
		first, created, err := w.V.FinishUpload(t.Context(), w.author, s.ID)
		if err != nil || !created || first.Digest != fmt.Sprintf("%x", sha256.Sum256(s.Envelope)) {
			t.Fatalf("finishing: %+v, created %v, %v", first, created, err)
		}
		again, created, err := w.V.FinishUpload(t.Context(), w.author, s.ID)
		if err != nil || created || again.PhotoID != first.PhotoID || !bytes.Equal(again.Signature, first.Signature) {
			t.Errorf("finishing again: %+v, created %v, %v; want the first receipt", again, created, err)
		}
		if up := w.begin(s); up.Receipt == nil || up.Receipt.PhotoID != first.PhotoID {
			t.Errorf("beginning after the receipt: %+v", up)
		}
		w.keep(s, 0, parts[0]) // late
		if whole, created, err := w.V.Accept(t.Context(), w.author, s.Request()); err != nil || created || whole.PhotoID != first.PhotoID {
			t.Errorf("in one piece afterwards: %+v, created %v, %v", whole, created, err)
		}
		if n := w.count(`SELECT count(*) FROM uploads`) + w.count(`SELECT count(*) FROM upload_parts`); n != 0 {
			t.Errorf("%d rows of the upload are left", n)
		}
		w.sweep()
		if n := len(w.partBlobs()); n != 0 {
			t.Errorf("%d parts left in the store", n)
		}
		if n := w.count(`SELECT count(*) FROM photos`); n != 1 {
			t.Errorf("%d photos, want one", n)
		}
		w.verified()
	})
}

func (w *world) sweep() {
	w.t.Helper()
	if err := w.V.Sweep(w.t.Context(), w.worker); err != nil {
		w.t.Fatalf("sweeping: %v", err)
	}
}

func TestPartsInOtherCuts(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	w.keep(s, 0, s.Envelope[:vault.PartUnit])
	w.keep(s, 3*vault.PartUnit, s.Envelope[3*vault.PartUnit:4*vault.PartUnit])
	w.keep(s, 0, s.Envelope[:vault.MaxPart]) // late, from before the cut was made smaller
	w.keep(s, 2*vault.PartUnit, s.Envelope[2*vault.PartUnit:5*vault.PartUnit])
	w.keep(s, vault.MaxPart, s.Envelope[vault.MaxPart:])
	if n := len(w.partBlobs()); n != 4 {
		t.Errorf("%d parts in the store, want 4: what adds nothing is not stored", n)
	}
	if _, created, err := w.V.FinishUpload(t.Context(), w.author, s.ID); err != nil || !created {
		t.Errorf("finishing: created %v, %v", created, err)
	}
}

func TestPartsRefused(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	size := int64(len(s.Envelope))
	for _, c := range []struct {
		name   string
		offset int64
		part   []byte
		want   error
	}{
		{"empty", 0, nil, vault.ErrInvalid},
		{"before the begin", -vault.PartUnit, make([]byte, vault.PartUnit), vault.ErrInvalid},
		{"off the grid", 1, make([]byte, vault.PartUnit), vault.ErrInvalid},
		{"another length", 0, make([]byte, vault.PartUnit+1), vault.ErrInvalid},
		{"too long", 0, make([]byte, vault.MaxPart+vault.PartUnit), vault.ErrInvalid},
		{"beyond the end", size / vault.PartUnit * vault.PartUnit, make([]byte, vault.PartUnit), vault.ErrInvalid},
		{"behind the end", (size/vault.PartUnit + 1) * vault.PartUnit, make([]byte, vault.PartUnit), vault.ErrInvalid},
		{"offset near overflow", (1<<63 - 1) / vault.PartUnit * vault.PartUnit, make([]byte, vault.PartUnit), vault.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			wants(t, c.name, w.V.KeepPart(t.Context(), w.author, s.ID, c.offset, c.part), c.want)
		})
	}
	wants(t, "no upload", w.V.KeepPart(t.Context(), w.author, vault.CaptureID(strings.Repeat("ab", 16)), 0, s.Envelope[:vault.PartUnit]), vault.ErrNotFound)
	if n := len(w.partBlobs()); n != 0 {
		t.Errorf("%d parts kept, want none", n)
	}
	over := offerOf(s)
	over.Size = vault.DefaultMaxCapture + 1
	_, err := w.V.BeginUpload(t.Context(), w.author, over)
	wants(t, "larger than a capture", err, vault.ErrTooLarge)
	other := offerOf(s)
	other.Digest[0] ^= 1
	_, err = w.V.BeginUpload(t.Context(), w.author, other)
	wants(t, "other bytes under the same number", err, vault.ErrConflict)
}

// TestPartsThatAreNotTheWhole: bytes under a wrong digest are dropped, and the photo can be begun anew.
func TestPartsThatAreNotTheWhole(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	bad := bytes.Clone(s.Envelope)
	bad[600_000] ^= 1
	for at, part := range cut(bad, vault.MaxPart) {
		w.keep(s, at, part)
	}
	_, _, err := w.V.FinishUpload(t.Context(), w.author, s.ID)
	wants(t, "finishing", err, vault.ErrDigest)
	if up := w.begin(s); len(up.Held) != 0 {
		t.Errorf("held %v after parts that were not the whole, want none", up.Held)
	}
	w.keepAll(s, vault.MaxPart)
	if _, created, err := w.V.FinishUpload(t.Context(), w.author, s.ID); err != nil || !created {
		t.Errorf("finishing: created %v, %v", created, err)
	}
}

// TestStoreAltersAPart: the store is not trusted; what it altered or lost has to come again.
func TestStoreAltersAPart(t *testing.T) {
	for _, name := range []string{"altered", "longer", "lost"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.large()
			w.begin(s)
			w.keep(s, 0, s.Envelope[:vault.MaxPart])
			blob := w.partBlobs()[0]
			b := w.Blobs.Bytes(blob)
			switch name {
			case "altered":
				b[7] ^= 1
				w.Blobs.Tamper(blob, b)
			case "longer":
				w.Blobs.Tamper(blob, append(b, 0))
			case "lost":
				if err := w.Blobs.Delete(t.Context(), blob); err != nil {
					t.Fatal(err)
				}
			}
			w.keep(s, vault.MaxPart, s.Envelope[vault.MaxPart:])
			_, _, err := w.V.FinishUpload(t.Context(), w.author, s.ID)
			wants(t, "finishing", err, vault.ErrConflict)
			want := []vault.CapturePart{{Offset: vault.MaxPart, Size: int64(len(s.Envelope)) - vault.MaxPart}}
			if up := must(w.V.HeldParts(t.Context(), w.author, s.ID))(t); !slices.Equal(up.Held, want) {
				t.Fatalf("held %v, want %v", up.Held, want)
			}
			_, err = w.V.ReadPart(t.Context(), w.author, s.ID, 0)
			wants(t, "reading the part", err, vault.ErrNotFound)
			w.keep(s, 0, s.Envelope[:vault.MaxPart])
			if _, created, err := w.V.FinishUpload(t.Context(), w.author, s.ID); err != nil || !created {
				t.Errorf("finishing: created %v, %v", created, err)
			}
		})
	}
}

func TestUploadIsOnePersons(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	w.keep(s, 0, s.Envelope[:vault.MaxPart])
	_, err := w.V.HeldParts(t.Context(), w.colleague, s.ID)
	wants(t, "a colleague asking", err, vault.ErrNotFound)
	_, err = w.V.ReadPart(t.Context(), w.colleague, s.ID, 0)
	wants(t, "a colleague reading", err, vault.ErrNotFound)
	wants(t, "a colleague sending a part", w.V.KeepPart(t.Context(), w.colleague, s.ID, 0, s.Envelope[:vault.PartUnit]), vault.ErrNotFound)
	_, _, err = w.V.FinishUpload(t.Context(), w.colleague, s.ID)
	wants(t, "a colleague finishing", err, vault.ErrNotFound)
	if err := w.V.DropUpload(t.Context(), w.colleague, s.ID); err != nil {
		t.Errorf("a colleague dropping what is not there: %v", err)
	}
	if up, err := w.V.BeginUpload(t.Context(), w.colleague, offerOf(s)); err != nil || len(up.Held) != 0 {
		t.Errorf("a colleague's upload under the same number: %+v, %v; want one of its own", up, err)
	}
	if up := must(w.V.HeldParts(t.Context(), w.author, s.ID))(t); len(up.Held) != 1 {
		t.Errorf("the author's upload holds %v, want its part", up.Held)
	}
}

// TestLeaverIsOutMidUpload: access is decided at each part, and at the end for the patient.
func TestLeaverIsOutMidUpload(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	w.keep(s, 0, s.Envelope[:vault.MaxPart])
	if err := w.V.DisablePerson(t.Context(), w.admin, "author"); err != nil {
		t.Fatal(err)
	}
	wants(t, "the next part", w.V.KeepPart(t.Context(), w.author, s.ID, vault.MaxPart, s.Envelope[vault.MaxPart:]), vault.ErrUnauthenticated)
	_, _, err := w.V.FinishUpload(t.Context(), w.author, s.ID)
	wants(t, "finishing", err, vault.ErrUnauthenticated)
	w.Clock.Add(49 * time.Hour)
	w.sweep()
	if n := len(w.partBlobs()) + w.count(`SELECT count(*) FROM uploads`); n != 0 {
		t.Errorf("%d parts and rows are left after two days", n)
	}
}

func TestAnothersPatientInParts(t *testing.T) {
	w := newWorld(t)
	s := w.large(func(f *seal.CaptureFacts) { f.Patient = string(w.foreign) })
	w.begin(s)
	w.keepAll(s, vault.MaxPart)
	_, _, err := w.V.FinishUpload(t.Context(), w.author, s.ID)
	wants(t, "finishing", err, vault.ErrNotFound)
	if n := w.count(`SELECT count(*) FROM photos`); n != 0 {
		t.Errorf("%d photos, want none", n)
	}
}

func TestUploadRoom(t *testing.T) {
	w := newWorld(t)
	begin := func(i int, size int64) error {
		o := vault.UploadOffer{CaptureID: vault.CaptureID(fmt.Sprintf("%032x", i)), Size: size}
		_, err := w.V.BeginUpload(t.Context(), w.author, o)
		return err
	}
	for i := range 8 {
		if err := begin(i+1, 1000); err != nil {
			t.Fatalf("upload %d: %v", i+1, err)
		}
		w.Clock.Add(time.Second)
	}
	wants(t, "the ninth", begin(9, 1000), vault.ErrUnavailable)
	w.Clock.Add(10*time.Minute - 7*time.Second) // nothing came of the first for as long
	if err := begin(9, 1000); err != nil {
		t.Errorf("the ninth, once the first is quiet: %v", err)
	}
	if n := w.count(`SELECT count(*) FROM uploads`); n != 8 {
		t.Errorf("%d uploads, want 8", n)
	}
	_, err := w.V.HeldParts(t.Context(), w.author, vault.CaptureID(fmt.Sprintf("%032x", 1)))
	wants(t, "the first", err, vault.ErrNotFound)
	w.Exec(t, `DELETE FROM uploads`)
	for i := range 7 {
		if err := begin(i+1, vault.DefaultMaxCapture); err != nil {
			t.Fatalf("large upload %d: %v", i+1, err)
		}
	}
	wants(t, "more than 256 MiB", begin(8, vault.DefaultMaxCapture), vault.ErrUnavailable)
}

// TestUploadFaults breaks the store at each step of an upload: an error is told, and the next try comes to the one photo.
func TestUploadFaults(t *testing.T) {
	for _, fault := range []vaulttest.Fault{vaulttest.Refuse, vaulttest.Lose} {
		for n := 1; ; n++ {
			w := newWorld(t)
			s := w.large()
			w.Blobs.FaultAt(n, fault)
			send := func() error {
				if _, err := w.V.BeginUpload(t.Context(), w.author, offerOf(s)); err != nil {
					return err
				}
				for _, at := range []int64{0, vault.MaxPart} {
					end := min(at+vault.MaxPart, int64(len(s.Envelope)))
					if err := w.V.KeepPart(t.Context(), w.author, s.ID, at, s.Envelope[at:end]); err != nil {
						return err
					}
				}
				_, _, err := w.V.FinishUpload(t.Context(), w.author, s.ID)
				return err
			}
			err := send()
			if w.Blobs.Steps() < n {
				break // the whole way has fewer steps
			}
			if !errors.Is(err, vault.ErrUnavailable) {
				t.Errorf("fault %d at step %d: got %v, want ErrUnavailable", fault, n, err)
			}
			if err := send(); err != nil {
				t.Errorf("after fault %d at step %d: %v", fault, n, err)
			}
			if photos := w.count(`SELECT count(*) FROM photos`); photos != 1 {
				t.Errorf("after fault %d at step %d: %d photos, want one", fault, n, photos)
			}
			w.verified()
			w.sweepTwice()
			if got := w.partBlobs(); len(got) != 0 {
				t.Errorf("after fault %d at step %d: parts %v are left", fault, n, got)
			}
		}
	}
}

// TestStoreCheckKnowsParts: they are nothing to report, with or without their objects.
func TestStoreCheckKnowsParts(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	w.keep(s, 0, s.Envelope[:vault.MaxPart])
	w.Clock.Add(3 * time.Hour)
	check := func() {
		t.Helper()
		r, err := w.V.CheckStore(t.Context(), vault.Operator(), vault.CheckOptions{Deep: true})
		if err != nil || r.Findings != 0 {
			t.Errorf("findings %+v, %v; want none", r.List, err)
		}
	}
	check()
	w.sweepTwice()
	if n := len(w.partBlobs()); n != 1 {
		t.Errorf("%d parts after the sweeps, want the one", n)
	}
	if err := w.Blobs.Delete(t.Context(), w.partBlobs()[0]); err != nil {
		t.Fatal(err)
	}
	check()
}

// TestManyLostPartsAreNoAlarm: parts without rows are deleted however many there are; nobody relies on them.
func TestManyLostPartsAreNoAlarm(t *testing.T) {
	w := newWorld(t)
	for i := range 120 {
		name := fmt.Sprintf("part/%s/%026d", w.Clock.Now().UTC().Format("2006010215"), i)
		if err := w.Blobs.Put(t.Context(), name, strings.NewReader("x"), 1); err != nil {
			t.Fatal(err)
		}
	}
	w.sweepTwice()
	if n := len(w.partBlobs()); n != 0 {
		t.Errorf("%d parts are left", n)
	}
}

func BenchmarkUploadParts(b *testing.B) {
	w := vaulttest.New(b)
	author := w.Person(b, "author", vault.RoleClinician)
	patient := w.Patient(b, author)
	picture := make([]byte, 4<<20)
	rand.Read(picture)
	b.SetBytes(int64(len(picture)))
	for b.Loop() {
		s := w.Capture(b, author, patient, picture)
		if _, err := w.V.BeginUpload(b.Context(), author, offerOf(s)); err != nil {
			b.Fatal(err)
		}
		for at, part := range cut(s.Envelope, vault.MaxPart) {
			if err := w.V.KeepPart(b.Context(), author, s.ID, at, part); err != nil {
				b.Fatal(err)
			}
		}
		if _, _, err := w.V.FinishUpload(b.Context(), author, s.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// meanwhile is a store before whose first answer to Get something else happens.
type meanwhile struct {
	vault.Blobs
	do func()
}

func (m *meanwhile) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return m.Blobs.Get(ctx, name)
}

// TestFinishedOnTwoNodesAtOnce: the node that comes second finds the parts gone, and gives the receipt of the first.
func TestFinishedOnTwoNodesAtOnce(t *testing.T) {
	w := worldOn(t, vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil))
	s := w.large()
	w.begin(s)
	w.keepAll(s, vault.MaxPart)
	var first seal.Receipt
	cfg := w.Cfg
	cfg.Blobs = &meanwhile{w.Blobs, func() {
		var err error
		if first, _, err = w.V.FinishUpload(t.Context(), w.author, s.ID); err != nil {
			t.Errorf("the first node: %v", err)
		}
		w.sweep()
		w.Work(t)
	}}
	other := must(vault.Open(t.Context(), cfg))(t)
	defer other.Close()
	second, created, err := other.FinishUpload(t.Context(), w.author, s.ID)
	if err != nil || created || second.PhotoID != first.PhotoID || !bytes.Equal(second.Signature, first.Signature) {
		t.Errorf("the second node: photo %q, created %v, %v; want the first's receipt, of photo %q", second.PhotoID, created, err, first.PhotoID)
	}
	if n := w.count(`SELECT count(*) FROM photos`); n != 1 || len(w.partBlobs()) != 0 {
		t.Errorf("%d photos and %d parts, want one and none", n, len(w.partBlobs()))
	}
}

// TestReadPartsAcross: what is held is read from where one asks, however it was cut.
func TestReadPartsAcross(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	w.keep(s, 0, s.Envelope[:2*vault.PartUnit])
	w.keep(s, vault.PartUnit, s.Envelope[vault.PartUnit:5*vault.PartUnit])
	for _, at := range []int64{0, 1, vault.PartUnit, 5*vault.PartUnit - 1} {
		end := int64(5 * vault.PartUnit)
		if at < vault.PartUnit {
			end = 2 * vault.PartUnit
		}
		if b, err := w.V.ReadPart(t.Context(), w.author, s.ID, at); err != nil || !bytes.Equal(b, s.Envelope[at:end]) {
			t.Errorf("from %d on: %d bytes, %v; want those up to %d", at, len(b), err, end)
		}
	}
	_, err := w.V.ReadPart(t.Context(), w.author, s.ID, 5*vault.PartUnit)
	wants(t, "behind what is held", err, vault.ErrNotFound)
}

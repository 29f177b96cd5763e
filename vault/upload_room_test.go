package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// numbered is an upload without bytes that means anything.
func numbered(i int) vault.UploadOffer {
	return vault.UploadOffer{CaptureID: vault.CaptureID(fmt.Sprintf("%032x", i)), Size: vault.PartUnit}
}

// TestUploadRoomIsOnePersons: what others have on the way, also under the same number, neither takes one's room nor keeps
// one's uploads awake.
func TestUploadRoomIsOnePersons(t *testing.T) {
	w := newWorld(t)
	for i := range 8 {
		must(w.V.BeginUpload(t.Context(), w.author, numbered(i+1)))(t)
	}
	must(w.V.BeginUpload(t.Context(), w.colleague, numbered(1)))(t)
	w.Clock.Add(9 * time.Minute)
	must(w.V.BeginUpload(t.Context(), w.colleague, numbered(1)))(t)
	w.Clock.Add(61 * time.Second)
	must(w.V.BeginUpload(t.Context(), w.author, numbered(9)))(t)
	_, err := w.V.HeldParts(t.Context(), w.author, numbered(1).CaptureID)
	wants(t, "the author's first, which nothing came of", err, vault.ErrNotFound)
	must(w.V.HeldParts(t.Context(), w.colleague, numbered(1).CaptureID))(t)
}

// TestUploadStaysAwake: who asks for an upload again, or sends a part of it, keeps it from making room for another.
func TestUploadStaysAwake(t *testing.T) {
	for name, stir := range map[string]func(w *world) error{
		"begun again": func(w *world) error {
			_, err := w.V.BeginUpload(t.Context(), w.author, numbered(1))
			return err
		},
		"a part": func(w *world) error {
			return w.V.KeepPart(t.Context(), w.author, numbered(1).CaptureID, 0, make([]byte, vault.PartUnit))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i := range 8 {
				must(w.V.BeginUpload(t.Context(), w.author, numbered(i+1)))(t)
			}
			w.Clock.Add(9 * time.Minute)
			ok(t, stir(w))
			w.Clock.Add(61 * time.Second)
			must(w.V.BeginUpload(t.Context(), w.author, numbered(9)))(t)
			must(w.V.HeldParts(t.Context(), w.author, numbered(1).CaptureID))(t)
			_, err := w.V.HeldParts(t.Context(), w.author, numbered(2).CaptureID)
			wants(t, "the second, which nothing came of", err, vault.ErrNotFound)
		})
	}
}

// TestUploadSweeps: what a sweep drops before its two days are over, and what it leaves.
func TestUploadSweeps(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	if _, created, err := w.V.Accept(t.Context(), w.author, s.Request()); err != nil || !created {
		t.Fatalf("accepting: created %v, %v", created, err)
	}
	o := offerOf(s)
	late := func(person vault.Actor) { // as another node leaves it that begins while the photo arrives on another way
		w.change(`INSERT INTO uploads (capture_id, person, session, digest, size, created_at, touched_at) VALUES ($1, $2, '', $3, $4, $5, $5)`,
			string(o.CaptureID), string(person.Person()), fmt.Sprintf("%x", o.Digest), o.Size, w.Clock.Now().UnixMilli())
	}
	late(w.author)
	late(w.colleague)
	must(w.V.BeginUpload(t.Context(), w.author, numbered(2)))(t)
	w.sweep()
	if n := w.count(`SELECT count(*) FROM uploads WHERE capture_id = '` + string(o.CaptureID) + `'`); n != 1 {
		t.Errorf("%d uploads of a photo that has arrived, want another person's alone", n)
	}
	must(w.V.HeldParts(t.Context(), w.colleague, o.CaptureID))(t)
	must(w.V.HeldParts(t.Context(), w.author, numbered(2).CaptureID))(t)
	w.Exec(t, `UPDATE uploads SET touched_at = touched_at + 172800000 + 60000`) // by a clock that was wrong
	w.sweep()
	if n := w.count(`SELECT count(*) FROM uploads`); n != 0 {
		t.Errorf("%d uploads touched more than two days ahead, want none", n)
	}
}

// TestReceivedIsItsAuthors: another person's photo has no receipt for whoever knows its number.
func TestReceivedIsItsAuthors(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	if _, _, err := w.V.Accept(t.Context(), w.author, s.Request()); err != nil {
		t.Fatal(err)
	}
	up, err := w.V.HeldParts(t.Context(), w.colleague, s.ID)
	wants(t, "a colleague asking", err, vault.ErrNotFound)
	if up.Receipt != nil {
		t.Error("a colleague got the receipt")
	}
}

// TestPartsThatOverlap: parts that overlap too much are refused, whoever else sends under the same number, and the photo
// arrives all the same.
func TestPartsThatOverlap(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	piece := func(unit int64) []byte {
		return s.Envelope[unit*vault.PartUnit : min(unit*vault.PartUnit+vault.MaxPart, int64(len(s.Envelope)))]
	}
	w.begin(s)
	must(w.V.BeginUpload(t.Context(), w.colleague, offerOf(s)))(t)
	for unit := range int64(3) {
		ok(t, w.V.KeepPart(t.Context(), w.colleague, s.ID, unit*vault.PartUnit, piece(unit)))
		w.keep(s, unit*vault.PartUnit, piece(unit))
	}
	wants(t, "one too many", w.V.KeepPart(t.Context(), w.author, s.ID, 3*vault.PartUnit, piece(3)), vault.ErrConflict)
	w.keep(s, 10*vault.PartUnit, piece(10))
	if _, created, err := w.V.FinishUpload(t.Context(), w.author, s.ID); err != nil || !created {
		t.Errorf("finishing: created %v, %v", created, err)
	}
	other := offerOf(s)
	other.CaptureID, other.Size = numbered(3).CaptureID, other.Size+1
	must(w.V.BeginUpload(t.Context(), w.author, other))(t)
	other.Size--
	_, err := w.V.BeginUpload(t.Context(), w.author, other)
	wants(t, "another size under the same number", err, vault.ErrConflict)
}

// TestFinishedTooSoon: parts that are held are not thrown away because the last one is missing.
func TestFinishedTooSoon(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	w.keep(s, 0, s.Envelope[:vault.MaxPart])
	_, _, err := w.V.FinishUpload(t.Context(), w.author, s.ID)
	wants(t, "finishing", err, vault.ErrConflict)
	if up := must(w.V.HeldParts(t.Context(), w.author, s.ID))(t); len(up.Held) != 1 {
		t.Errorf("held %v, want the first part", up.Held)
	}
}

// TestReadAPartThatIsLost: what the store altered is not given out, and is asked for again.
func TestReadAPartThatIsLost(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	w.keep(s, 0, s.Envelope[:vault.MaxPart])
	blob := w.partBlobs()[0]
	b := bytes.Clone(w.Blobs.Bytes(blob))
	b[9] ^= 1
	w.Blobs.Tamper(blob, b)
	_, err := w.V.ReadPart(t.Context(), w.author, s.ID, 0)
	wants(t, "reading", err, vault.ErrNotFound)
	if up := must(w.V.HeldParts(t.Context(), w.author, s.ID))(t); len(up.Held) != 0 {
		t.Errorf("held %v, want none", up.Held)
	}
}

// besides is a store beside whose first Put something else happens, once its object is there.
type besides struct {
	vault.Blobs
	do func()
}

func (b *besides) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	err := b.Blobs.Put(ctx, name, r, size)
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return err
}

// TestPartsBesideEachOther: of a part that comes on two ways at once one copy is kept, and of one whose upload is dropped
// meanwhile none.
func TestPartsBesideEachOther(t *testing.T) {
	tests := []struct {
		name  string
		do    func(w *world, id vault.CaptureID, part []byte) error
		want  error
		parts int
	}{
		{"the same part", func(w *world, id vault.CaptureID, part []byte) error {
			return w.V.KeepPart(t.Context(), w.author, id, 0, part)
		}, nil, 1},
		{"a drop", func(w *world, id vault.CaptureID, _ []byte) error { return w.V.DropUpload(t.Context(), w.author, id) }, vault.ErrNotFound, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			s := w.large()
			w.begin(s)
			part := s.Envelope[:vault.MaxPart]
			w.Cfg.Blobs = &besides{w.Blobs, func() {
				if err := tt.do(w, s.ID, part); err != nil {
					t.Errorf("meanwhile: %v", err)
				}
			}}
			w.Reopen(t)
			wants(t, "keeping", w.V.KeepPart(t.Context(), w.author, s.ID, 0, part), tt.want)
			if n := w.count(`SELECT count(*) FROM upload_parts`); n != tt.parts {
				t.Errorf("%d rows, want %d", n, tt.parts)
			}
			if tt.parts == 0 && len(w.partBlobs()) != 0 {
				t.Errorf("%v are left in the store before any sweep", w.partBlobs())
			}
			w.sweep()
			if n := len(w.partBlobs()); n != tt.parts {
				t.Errorf("%d objects, want %d", n, tt.parts)
			}
		})
	}
}

// generous is a store that gives far more than was put in; it counts what is taken of it.
type generous struct {
	vault.Blobs
	given int64
}

func (e *generous) Get(context.Context, string) (io.ReadCloser, error) { return io.NopCloser(e), nil }

func (e *generous) Read(p []byte) (int, error) {
	if e.given > 4*vault.MaxPart {
		return 0, io.EOF
	}
	e.given += int64(len(p))
	return len(p), nil
}

// TestStoreGivesTooMuch: a store that is not trusted cannot fill the memory with one part.
func TestStoreGivesTooMuch(t *testing.T) {
	w := newWorld(t)
	s := w.large()
	w.begin(s)
	w.keep(s, 0, s.Envelope[:vault.MaxPart])
	store := &generous{Blobs: w.Blobs}
	w.Cfg.Blobs = store
	w.Reopen(t)
	_, err := w.V.ReadPart(t.Context(), w.author, s.ID, 0)
	wants(t, "reading", err, vault.ErrNotFound)
	if store.given > vault.MaxPart+1 {
		t.Errorf("%d bytes were taken, want %d at most", store.given, vault.MaxPart+1)
	}
}

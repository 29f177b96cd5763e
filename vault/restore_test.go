package vault_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestDamagedBackups: whatever is cut off, flipped or added, a backup is refused in one sentence, by verify as by
// restore.
func TestDamagedBackups(t *testing.T) {
	w := newWorld(t)
	w.inReview()
	to, ids := identity(t)
	file, _ := backup(t, w.V, vault.BackupOptions{To: []string{to}})
	random := rand.New(rand.NewPCG(1, 2))
	damaged := map[string][]byte{
		"nothing":      nil,
		"head alone":   file[:200],
		"one byte off": file[:len(file)-1],
		"more":         append(bytes.Clone(file), "more"...),
		"twice":        append(bytes.Clone(file), file...),
		"no backup":    []byte("hello"),
		"other bytes":  bytes.Repeat([]byte{7}, 10000),
	}
	for _, at := range []int{250, 1000, len(file) / 2, len(file) - 20} {
		flipped := bytes.Clone(file)
		flipped[at] ^= 0x20
		damaged["flipped at "+time.Duration(at).String()] = flipped
	}
	for range 20 {
		at := random.IntN(len(file))
		damaged["cut at "+time.Duration(at).String()] = file[:at]
	}
	for name, content := range damaged {
		_, verifyErr := vault.VerifyBackup(bytes.NewReader(content), ids, nil)
		_, _, restoreErr := restoreTo(t, content, ids, w.Cfg)
		for _, err := range []error{verifyErr, restoreErr} {
			if err == nil || !strings.Contains(err.Error(), "use another copy of it") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: got %v, want one sentence that asks for another copy", name, err)
			}
		}
	}
	_, other := identity(t)
	_, err := vault.VerifyBackup(bytes.NewReader(file), other, nil)
	if err == nil || !strings.Contains(err.Error(), "not for this identity") {
		t.Errorf("another identity: got %v", err)
	}
}

// TestBackupUnderLoad: captures, processing and sweeps go on while backups are made; each of them restores whole.
func TestBackupUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.inReview()
	to, ids := identity(t)
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	busy := func(act func(ctx context.Context) error) {
		load.Go(func() {
			for ctx.Err() == nil {
				if err := act(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("under load: %v", err)
					return
				}
			}
		})
	}
	sealed := make([]vaulttest.Sealed, 40)
	for i := range sealed {
		sealed[i] = w.Capture(t, w.author, w.patient, vaulttest.Picture(t, 160, 120, byte(i)))
	}
	next := 0
	busy(func(ctx context.Context) error {
		if next == len(sealed) {
			<-ctx.Done()
			return nil
		}
		next++
		_, _, err := w.V.Accept(ctx, w.author, sealed[next-1].Request())
		return err
	})
	busy(func(ctx context.Context) error {
		j, err := w.V.ClaimJob(ctx, w.worker, time.Minute)
		if err != nil || j == nil {
			return err
		}
		return w.V.ProcessCapture(ctx, w.worker, j)
	})
	busy(func(ctx context.Context) error { return w.V.Sweep(ctx, w.worker) })
	var files [][]byte
	for range 4 {
		file, _ := backup(t, w.V, vault.BackupOptions{To: []string{to}})
		files = append(files, file)
	}
	cancel()
	load.Wait()
	var photos []int64
	for _, file := range files {
		v, _ := restored(t, file, ids, w.Cfg)
		found := sound(t, v)
		photos = append(photos, found.Photos)
	}
	if !slices.IsSorted(photos) {
		t.Errorf("photos of one backup after the other: %v", photos)
	}
	t.Logf("photos in the backups: %v; %d captures were sent", photos, next)
	w.verified()
}

// TestPausedDeletions: while a pause stands Sweep deletes nothing; after its end, or its time, it does.
func TestPausedDeletions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.inReview() // its envelope waits to be deleted
		orphan := blob("object", -30, 'b')
		w.Blobs.Tamper(orphan, []byte("sealed"))
		before := len(w.Blobs.Names())
		twice := func() int { // an orphan goes at the second sight
			ok(t, w.V.Sweep(t.Context(), w.worker))
			w.Clock.Add(61 * time.Minute)
			ok(t, w.V.Sweep(t.Context(), w.worker))
			return len(w.Blobs.Names())
		}
		id, until, err := w.V.PauseDeletions(t.Context(), vault.Operator(), 5*time.Hour)
		ok(t, err)
		if want := w.Clock.Now().Add(5 * time.Hour); !until.Std().Equal(want) {
			t.Errorf("the pause lasts until %s, want %s", until, want)
		}
		if n := twice(); n != before {
			t.Errorf("%d objects are left while deletions are paused, want %d", n, before)
		}
		second, _, err := w.V.PauseDeletions(t.Context(), vault.Operator(), 90*time.Minute)
		ok(t, err)
		ok(t, w.V.ResumeDeletions(t.Context(), vault.Operator(), id))
		if n := twice(); n != before {
			t.Errorf("%d objects are left while the second pause stands, want %d", n, before)
		}
		wants(t, "ending a pause twice", w.V.ResumeDeletions(t.Context(), vault.Operator(), id), vault.ErrNotFound)
		w.Clock.Add(time.Hour)
		wants(t, "ending a pause that ran out", w.V.ResumeDeletions(t.Context(), vault.Operator(), second), vault.ErrNotFound)
		if n := twice(); n != before-2 {
			t.Errorf("%d objects are left after the pauses, want %d", n, before-2)
		}
		for _, d := range []time.Duration{-time.Second, 0, vault.MaxPause + 1} {
			_, _, err := w.V.PauseDeletions(t.Context(), vault.Operator(), d)
			wants(t, "a pause of "+d.String(), err, vault.ErrInvalid)
		}
		if log := must(w.V.VerifyLog(t.Context(), vault.Operator()))(t); !log.OK {
			t.Errorf("the log does not verify: %s", log.Problem)
		}
	})
}

// TestCheckPhotosFinds: each thing that can be wrong with a restored vault is named, with its photo.
func TestCheckPhotosFinds(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		review, waiting := w.inReview(), w.waiting()
		if found := sound(t, w.V); found.Photos != 2 || found.Objects != 6 {
			t.Fatalf("before: %+v, want 2 photos and 6 objects", found)
		}
		row := func(query string, args ...any) (s string) {
			ok(t, w.db().QueryRowContext(t.Context(), query, args...).Scan(&s))
			return s
		}
		object := func(kind string) string {
			return row(`SELECT blob FROM renditions WHERE photo = $1 AND kind = $2`, string(review), kind)
		}
		envelope := row(`SELECT envelope_blob FROM photos WHERE id = $1`, string(waiting))
		thumb, display := object("thumb"), object("display")
		for name, c := range map[string]struct {
			do, undo func()
			want     vault.PhotoProblem
		}{
			"altered": {func() { w.Blobs.Tamper(thumb, append(w.Blobs.Bytes(thumb), 0)) }, nil,
				vault.PhotoProblem{Photo: review, Rendition: "thumb", Problem: "altered"}},
			"swapped": {func() { w.Blobs.Tamper(display, w.Blobs.Bytes(thumb)) }, nil,
				vault.PhotoProblem{Photo: review, Rendition: "display", Problem: "altered"}},
			"absent": {func() { ok(t, w.Blobs.Delete(t.Context(), envelope)) }, nil,
				vault.PhotoProblem{Photo: waiting, Rendition: "envelope", Problem: "absent"}},
			"other version in the row": {func() { w.change(`UPDATE renditions SET version = version + 1 WHERE blob = $1`, thumb) },
				func() { w.change(`UPDATE renditions SET version = version - 1 WHERE blob = $1`, thumb) },
				vault.PhotoProblem{Photo: review, Rendition: "thumb", Problem: "unopened"}},
			"no event": {func() {
				w.change(`UPDATE audit_events SET photo = '' WHERE photo = $1 AND act = 'capture.accept'`, string(waiting))
			},
				func() {
					w.change(`UPDATE audit_events SET photo = $1 WHERE photo = '' AND act = 'capture.accept'`, string(waiting))
				}, vault.PhotoProblem{Photo: waiting, Problem: "unlogged"}},
			"digest of another capture": {func() {
				w.change(`UPDATE photos SET envelope_digest = 'x' || envelope_digest WHERE id = $1`, string(review))
			},
				func() {
					w.change(`UPDATE photos SET envelope_digest = substr(envelope_digest, 2) WHERE id = $1`, string(review))
				},
				vault.PhotoProblem{Photo: review, Problem: "unlogged"}},
			"no row": {func() {
				w.change(`UPDATE audit_events SET photo = 'LOST' WHERE photo = $1 AND act = 'photo.ingest'`, string(review))
				lose(w)
			},
				func() { w.change(`DELETE FROM audit_events WHERE seq = 99999`) }, vault.PhotoProblem{Photo: "GONE", Problem: "absent"}},
		} {
			before := map[string][]byte{}
			for _, n := range w.Blobs.Names() {
				before[n] = w.Blobs.Bytes(n)
			}
			c.do()
			found := must(w.V.CheckPhotos(t.Context(), vault.Operator(), nil))(t)
			if found.Bad != 1 || len(found.Problems) != 1 || found.Problems[0] != c.want {
				t.Errorf("%s: got %+v, want %+v", name, found.Problems, c.want)
			}
			if c.undo != nil {
				c.undo()
			}
			for n, content := range before {
				w.Blobs.Tamper(n, content)
			}
		}
		if found := must(w.V.CheckPhotos(t.Context(), vault.Operator(), nil))(t); found.Bad != 0 {
			t.Errorf("after all is as before: %+v", found)
		}
	})
}

// lose writes an acceptance of a photo that has no row.
func lose(w *world) {
	w.change(`INSERT INTO audit_events (seq, at, actor, act, outcome, patient, photo, entry)
		VALUES (99999, 0, '', 'capture.accept', 'ok', '', 'GONE', '{}')`)
}

// TestStoreFits: an empty store or another vault's, put in place by mistake, is told from a store that lost something.
func TestStoreFits(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ok(t, w.V.StoreFits(ctx, vault.Operator())) // nothing is known, nothing is there
	ok(t, vault.NewStore(ctx, w.Blobs))
	w.inReview()
	ok(t, w.V.StoreFits(ctx, vault.Operator()))
	if err := vault.NewStore(ctx, w.Blobs); err == nil || !strings.Contains(err.Error(), "holds objects already") {
		t.Errorf("a store in use for a new database: got %v", err)
	}
	node := func(blobs vault.Blobs) *vault.Vault {
		cfg := w.Cfg
		cfg.Blobs, cfg.Beside = blobs, true
		v := must(vault.Open(ctx, cfg))(t)
		t.Cleanup(func() { ok(t, v.Close()) })
		return v
	}
	err := node(&vaulttest.Memory{}).StoreFits(ctx, vault.Operator())
	if !errors.Is(err, vault.ErrIntegrity) || !strings.Contains(err.Error(), "the store is empty but the database knows 5 objects") {
		t.Errorf("an empty store: got %v", err)
	}
	other := &vaulttest.Memory{}
	other.Tamper(blob("object", 0, 'x'), []byte("sealed"))
	err = node(other).StoreFits(ctx, vault.Operator())
	if !errors.Is(err, vault.ErrIntegrity) || !strings.Contains(err.Error(), "belongs to another vault") {
		t.Errorf("another store: got %v", err)
	}
	other.OnOp(func(int, vaulttest.Op, string) vaulttest.Fault { return vaulttest.Refuse })
	wants(t, "a store that does not answer", node(other).StoreFits(ctx, vault.Operator()), vault.ErrUnavailable)
	for _, n := range w.Blobs.Names()[1:] {
		ok(t, w.Blobs.Delete(ctx, n))
	}
	w.Blobs.Tamper(w.Blobs.Names()[0], []byte("altered"))
	if err := w.V.StoreFits(ctx, vault.Operator()); err != nil && !strings.Contains(err.Error(), "another vault") {
		t.Errorf("a store that lost nearly all: got %v", err)
	}
}

// TestCheckDatabase: what is no database, or a damaged one, is told before it is used.
func TestCheckDatabase(t *testing.T) {
	dir := t.TempDir()
	good := must(os.ReadFile(vaulttest.SQLite(t)))(t)
	torn := bytes.Clone(good)
	for at := 5 * 4096; at < len(torn) && at < 40*4096; at++ {
		torn[at] = byte(at)
	}
	for _, c := range []struct {
		name    string
		content []byte
		deep    int64
		want    string
	}{
		{"good", good, 1 << 30, ""},
		{"empty", nil, 1 << 30, ""},
		{"text", []byte(strings.Repeat("no database\n", 400)), 1 << 30, "is no SQLite database"},
		{"a few bytes", good[:10], 1 << 30, "is no SQLite database"},
		{"cut", good[:len(good)/2], 1 << 30, "is damaged"},
		{"torn", torn, 1 << 30, "is damaged"},
		{"torn, too large to look", torn, 1000, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-")+".db")
			ok(t, os.WriteFile(path, c.content, 0o600))
			err := vault.CheckDatabase(t.Context(), path, c.deep)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	ok(t, vault.CheckDatabase(t.Context(), filepath.Join(dir, "none.db"), 1))
	if err := vault.CheckDatabase(t.Context(), dir, 1); err == nil {
		t.Error("a folder: got no error")
	}
}

// TestRestoredElsewhere: the event of a restore is written in the vault that the backup is of, and in no other.
func TestRestoredElsewhere(t *testing.T) {
	a, b := vaulttest.New(t), vaulttest.New(t)
	to, ids := identity(t)
	file, report := backup(t, a.V, vault.BackupOptions{To: []string{to}})
	wants(t, "telling another vault", b.V.Restored(t.Context(), vault.Operator(), report.Info), vault.ErrConflict)
	_, _, err := restoreTo(t, file, ids, a.Cfg)
	ok(t, err)
	if _, err := vault.Restore(t.Context(), bytes.NewReader(file), vault.RestoreOptions{Identities: ids, Tenant: "other",
		Database: filepath.Join(t.TempDir(), "v.db")}); err == nil || !strings.Contains(err.Error(), `of tenant "main"`) {
		t.Errorf("another tenant: got %v", err)
	}
	if _, err := vault.Restore(t.Context(), bytes.NewReader(file), vault.RestoreOptions{Identities: ids}); err == nil ||
		!strings.Contains(err.Error(), "PostgreSQL") {
		t.Errorf("a whole backup where there is PostgreSQL: got %v", err)
	}
	objects, _ := backup(t, a.V, vault.BackupOptions{To: []string{to}, ObjectsOnly: true})
	if _, _, err := restoreTo(t, objects, ids, a.Cfg); err == nil || !strings.Contains(err.Error(), "objects alone") {
		t.Errorf("objects alone without a database: got %v", err)
	}
	_, err = b.V.Backup(t.Context(), vault.Actor{}, io.Discard, vault.BackupOptions{To: []string{to}})
	wants(t, "a backup by nobody", err, vault.ErrUnauthenticated)
}

// TestEveryObjectIsBackedUp fails when the schema gets a column for names of objects that backups do not know.
func TestEveryObjectIsBackedUp(t *testing.T) {
	b := vaulttest.New(t)
	rows, err := b.SQL(t).QueryContext(t.Context(), `SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.type = 'TEXT' AND (c.name LIKE '%blob%' OR c.name LIKE '%object%') ORDER BY 1`)
	ok(t, err)
	defer rows.Close()
	known := []string{"photos.envelope_blob", "renditions.blob", // what is backed up
		"erasure_items.blob", "incidents.object", // what is to be gone; what was found
		"upload_parts.blob"} // what devices hold too, and send again
	for rows.Next() {
		var column string
		ok(t, rows.Scan(&column))
		if !slices.Contains(known, column) {
			t.Errorf("column %s: does it name objects that a backup needs?", column)
		}
	}
	ok(t, rows.Err())
}

package vault_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// check runs a check of the store and gives its report and its findings as "found photo rendition repaired".
func (w *world) check(opt vault.CheckOptions) (vault.StoreReport, []string) {
	w.t.Helper()
	r := must(w.V.CheckStore(w.t.Context(), vault.Operator(), opt))(w.t)
	var out []string
	for _, f := range r.List {
		line := string(f.Found)
		if f.Photo != "" {
			line += " " + string(f.Photo) + " " + f.Rendition
		}
		if f.Repaired {
			line += " repaired"
		} else if f.Remedy == "" {
			w.t.Errorf("finding %+v without a remedy", f)
		}
		out = append(out, line)
	}
	if int(r.Findings) != len(out) {
		w.t.Errorf("report counts %d findings and lists %d", r.Findings, len(out))
	}
	return r, out
}

func (w *world) open() (out []vault.Incident) {
	w.t.Helper()
	return slices.DeleteFunc(must(w.V.Incidents(w.t.Context(), w.admin))(w.t), func(i vault.Incident) bool { return i.SettledAt != 0 })
}

// TestCheckOfASoundStore finds nothing, also while photos wait, and says what it looked at.
func TestCheckOfASoundStore(t *testing.T) {
	eachVandal(t, func(t *testing.T, w *world, _ vandal) {
		w.approved()
		w.waiting()
		ok(t, w.V.Sweep(t.Context(), w.worker))
		for _, deep := range []bool{false, true} {
			w.Clock.Add(time.Second)
			r, found := w.check(vault.CheckOptions{Deep: deep, Repair: true})
			if len(found) != 0 || r.Objects != 9 || r.Bytes == 0 || r.Repaired != 0 {
				t.Errorf("deep %v: got %d objects, %d bytes and %q, want 9 and nothing found", deep, r.Objects, r.Bytes, found)
			}
		}
		last := must(w.V.LastStoreCheck(t.Context(), w.admin))(t)
		if !last.Deep || last.Objects != 9 || last.At != vault.TimeOf(w.Clock.Now()) {
			t.Errorf("LastStoreCheck: got %+v, want the deep one, just now", last)
		}
		if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'store.check' AND outcome = 'ok'`); n != 2 {
			t.Errorf("events of the checks: got %d, want 2", n)
		}
		w.verified()
	})
}

// TestDeepCheckFindsWhatReadsRefuse: each way to spoil an object is found without anybody reading it, once, and the
// incident is settled when it is put right.
func TestDeepCheckFindsWhatReadsRefuse(t *testing.T) {
	eachVandal(t, func(t *testing.T, w *world, x vandal) {
		id, other := w.inReview(), w.inReview()
		name := w.name(id, vault.KindOriginal)
		good := x.read(t, name)
		for _, c := range spoils(good, w.picture, map[string][]byte{
			"swapped with another original": x.read(t, w.name(other, vault.KindOriginal)), "another vault's": stranger(t, w.picture)}) {
			t.Run(c.name, func(t *testing.T) {
				w.t = t
				w.spoil(x, name, c.body)
				for range 2 { // an incident is counted on
					_, found := w.check(vault.CheckOptions{Deep: true})
					if len(found) != 1 || !strings.HasSuffix(found[0], string(id)+" original") {
						t.Fatalf("deep check: got %q, want one finding of the original of %s", found, id)
					}
				}
				if open := w.open(); len(open) != 1 || open[0].Count != 2 || !open[0].Grave || open[0].Object != name {
					t.Errorf("open incidents: got %+v, want one, seen twice", open)
				}
				x.write(t, name, good)
				w.Clock.Add(time.Second)
				w.check(vault.CheckOptions{Deep: true, Repair: true}) // takes the versions away, where there are
				if open := w.open(); len(open) != 0 {
					t.Errorf("open incidents with the object put back: got %+v, want none", open)
				}
			})
		}
		w.t = t
		n, findings := w.count(`SELECT count(*) FROM incidents WHERE settled_by = 'check'`), w.count(`SELECT count(*) FROM audit_events WHERE act = 'integrity.found'`)
		if n < 20 || findings < 20 {
			t.Errorf("got %d incidents settled by a check and %d events of findings, want at least 20 each", n, findings)
		}
		w.verified()
	})
}

// TestShallowCheck finds by names and sizes alone what is missing, cut, unknown or left over.
func TestShallowCheck(t *testing.T) {
	eachVandal(t, func(t *testing.T, w *world, x vandal) {
		id := w.inReview()
		thumb, display := w.name(id, vault.KindThumb), w.name(id, vault.KindDisplay)
		body := x.read(t, display)
		x.erase(t, thumb)
		x.write(t, display, body[:len(body)-1])
		x.write(t, "backup/of-somebody", []byte("x"))
		x.write(t, "object/9999123123/"+strings.Repeat("z", 26), []byte("from the future"))
		x.write(t, blob("object", -30, 'q'), []byte("an orphan"))
		x.write(t, blob("object", 0, 'r'), []byte("perhaps under way"))
		w.change(`UPDATE renditions SET wrapped_key = NULL WHERE photo = $1 AND kind = 'covered_thumb'`, string(id))
		_, found := w.check(vault.CheckOptions{})
		slices.Sort(found)
		missing := "absent "
		if _, keeps := x.blobs.(vault.Historian); keeps {
			missing = "hidden "
		}
		want := []string{missing + string(id) + " thumb", "cut " + string(id) + " display", "orphan", "unknown", "unknown"}
		slices.Sort(want)
		if !slices.Equal(found, want) {
			t.Errorf("shallow check: got %q, want %q", found, want)
		}
		w.Clock.Add(3 * time.Hour)
		if _, found := w.check(vault.CheckOptions{}); !slices.Contains(found, "orphan") || len(found) != len(want)+2 {
			t.Errorf("three hours later: got %q, want the young object and the one without a key too", found)
		}
	})
}

// TestRepairOnVersions: on a store that keeps versions, what was overwritten or deleted comes back, and is served.
func TestRepairOnVersions(t *testing.T) {
	for name, store := range map[string]func(testing.TB) vault.MinIOConfig{"minio": vaulttest.MinIO, "versitygw": vaulttest.VersityGW} {
		t.Run(name, func(t *testing.T) { testRepairOnVersions(t, s3Vandal(t, store(t))) })
	}
}

func testRepairOnVersions(t *testing.T, x vandal) {
	w := newWorldOver(t, x.blobs)
	id := w.inReview()
	w.claim(w.reviewer, id)
	read := func(kind string) []byte {
		t.Helper()
		return must(w.V.ReadRendition(t.Context(), w.reviewer, id, kind))(t).Bytes
	}
	kinds := []string{vault.KindOriginal, vault.KindDisplay, vault.KindThumb}
	want := map[string][]byte{}
	for _, k := range kinds {
		want[k] = read(k)
	}
	x.write(t, w.name(id, kinds[0]), []byte("overwritten"))
	x.write(t, w.name(id, kinds[0]), []byte("twice"))
	x.erase(t, w.name(id, kinds[1]))
	x.write(t, w.name(id, kinds[2]), []byte("overwritten and"))
	x.erase(t, w.name(id, kinds[2]))
	orphan := blob("object", -30, 'q')
	x.write(t, orphan, []byte("an orphan"))
	x.write(t, orphan, []byte("twice"))
	_, err := w.V.ReadRendition(t.Context(), w.reviewer, id, kinds[0])
	wants(t, "read of what was overwritten", err, vault.ErrIntegrity)
	r, found := w.check(vault.CheckOptions{Repair: true})
	slices.Sort(found)
	if len(found) < 4 || r.Repaired != r.Findings {
		t.Fatalf("repair: got %d of %d repaired: %q", r.Repaired, r.Findings, found)
	}
	for _, k := range kinds {
		if got := read(k); !bytes.Equal(got, want[k]) {
			t.Errorf("%s after the repair: got %d bytes, want the picture of %d", k, len(got), len(want[k]))
		}
	}
	if open := w.open(); len(open) != 0 {
		t.Errorf("open incidents after the repair: got %+v, want none", open)
	}
	if _, found := w.check(vault.CheckOptions{Deep: true}); len(found) != 0 {
		t.Errorf("check after the repair: got %q, want nothing", found)
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'store.repair' AND photo = $1`, string(id)); n != 3 {
		t.Errorf("events of repairs: got %d, want 3", n)
	}
	w.verified()
}

// TestRepairedCaptureIsProcessed: a photo that was set aside because its capture was altered is processed once the
// store has given the capture back.
func TestRepairedCaptureIsProcessed(t *testing.T) {
	x := minioVandal(t)
	w := newWorldOver(t, x.blobs)
	id := w.waiting()
	x.write(t, w.envelope(id), []byte("overwritten"))
	w.processSpoilt(id)
	if state, reason := w.state(id); state != vault.StateQuarantined {
		t.Fatalf("state: got %s (%s), want quarantined", state, reason)
	}
	if _, found := w.check(vault.CheckOptions{Repair: true}); len(found) != 1 || !strings.HasSuffix(found[0], "envelope repaired") {
		t.Fatalf("repair: got %q, want the envelope repaired", found)
	}
	w.Work(t)
	if state, reason := w.state(id); state != vault.StateInReview || reason != "" {
		t.Errorf("state after the repair: got %s (%s), want in_review", state, reason)
	}
}

// TestRepairKeepsWhatItMay: nothing is deleted that a row speaks of, that is not ours, or while a backup runs.
func TestRepairKeepsWhatItMay(t *testing.T) {
	eachVandal(t, func(t *testing.T, w *world, x vandal) {
		unknown, orphan := "backup/of-somebody", blob("object", -30, 'q')
		x.write(t, unknown, []byte("x"))
		x.write(t, orphan, []byte("an orphan"))
		if r, found := w.check(vault.CheckOptions{Repair: true}); r.Repaired != 0 {
			t.Errorf("first sight of an orphan: got %q, want it left, since it may be under way", found)
		}
		w.Clock.Add(2 * time.Hour)
		id, _, err := w.V.PauseDeletions(t.Context(), vault.Operator(), time.Hour)
		ok(t, err)
		for _, c := range []struct {
			want int64
			then func()
		}{
			{0, func() { ok(t, w.V.ResumeDeletions(t.Context(), vault.Operator(), id)) }},
			{1, func() {}},
		} {
			r, found := w.check(vault.CheckOptions{Repair: true})
			if r.Repaired != c.want || r.Findings != 2 {
				t.Errorf("got %d repaired of %q, want %d of 2", r.Repaired, found, c.want)
			}
			c.then()
		}
		x.read(t, unknown)
		_, err = x.blobs.Get(t.Context(), orphan)
		wants(t, "orphan after the repair", err, vault.ErrAbsent)
	})
}

// TestTidyStore runs once a day, removes leftovers, and leaves what was done to photos for a person to see.
func TestTidyStore(t *testing.T) {
	x := minioVandal(t)
	w := newWorldOver(t, x.blobs)
	id := w.inReview()
	ok(t, w.V.Sweep(t.Context(), w.worker))
	x.write(t, w.name(id, vault.KindThumb), []byte("overwritten"))
	left := blob("object", -30, 'q')
	x.write(t, left, []byte("left"))
	x.erase(t, left)
	x.write(t, "probe/"+strings.Repeat("p", 26), []byte("probe"))
	checks := func() int { return w.count(`SELECT count(*) FROM store_checks`) }
	for _, c := range []struct {
		later time.Duration
		want  int
	}{{0, 0}, {23 * time.Hour, 0}, {2 * time.Hour, 1}, {time.Hour, 1}, {24 * time.Hour, 2}} {
		w.Clock.Add(c.later)
		ok(t, w.V.TidyStore(t.Context(), w.worker))
		if got := checks(); got != c.want {
			t.Errorf("%s later: got %d checks, want %d", c.later, got, c.want)
		}
	}
	w.admin = w.SignIn(t, "admin")
	if open := w.open(); len(open) != 1 || open[0].Photo != id || open[0].Found != vault.FoundForeign {
		t.Errorf("open incidents: got %+v, want the overwritten thumb alone", open)
	}
	n := 0
	ok(t, x.blobs.(vault.Historian).Versions(t.Context(), left, func(vault.Version) error { n++; return nil }))
	if n != 0 {
		t.Errorf("versions of what nobody needs: got %d, want none", n)
	}
}

// TestCheckWithFaults: a store that fails at any step makes the check fail, settles nothing and deletes nothing needed.
func TestCheckWithFaults(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	w.Blobs.Tamper(w.name(id, vault.KindOriginal), []byte("spoilt"))
	w.check(vault.CheckOptions{Deep: true})
	w.Blobs.FaultAt(0, vaulttest.Refuse)
	w.check(vault.CheckOptions{Deep: true, Repair: true})
	steps := w.Blobs.Steps()
	if steps < 6 {
		t.Fatalf("a deep check made %d steps, want at least 6", steps)
	}
	for n := 1; n <= steps; n++ {
		w.Blobs.FaultAt(n, vaulttest.Refuse)
		w.Clock.Add(time.Second)
		if _, err := w.V.CheckStore(t.Context(), vault.Operator(), vault.CheckOptions{Deep: true, Repair: true}); !errors.Is(err, vault.ErrUnavailable) {
			t.Errorf("check whose step %d fails: got %v, want ErrUnavailable", n, err)
		}
		if open := w.open(); len(open) != 1 {
			t.Errorf("check whose step %d fails: got %d open incidents, want the one there was", n, len(open))
		}
	}
	w.Blobs.OnOp(nil)
	if names := w.Blobs.Names(); len(names) != 6 {
		t.Errorf("objects: got %d, want the five renditions and the capture that waits for its deletion", len(names))
	}
}

// TestAlteredRows: a row that was changed past the vault is an incident of its own, found by reads and by the check.
func TestAlteredRows(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	w.change(`UPDATE renditions SET wrapped_key = (SELECT wrapped_key FROM renditions WHERE photo = $1 AND kind = 'thumb')
		WHERE photo = $1 AND kind = 'covered_thumb'`, string(id))
	_, err := w.V.ReadRendition(t.Context(), w.colleague, id, vault.KindCoveredThumb)
	wants(t, "read with another rendition's key", err, vault.ErrIntegrity)
	if open := w.open(); len(open) != 1 || open[0].Found != vault.FoundRow || open[0].Photo != id {
		t.Errorf("open incidents: got %+v, want one of a row of %s", open, id)
	}
	if _, found := w.check(vault.CheckOptions{Deep: true}); len(found) != 1 || found[0] != "row "+string(id)+" covered_thumb" {
		t.Errorf("deep check: got %q, want the row", found)
	}
	w.verified()
}

func TestSettleIncident(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	w.Blobs.Tamper(w.name(id, vault.KindCoveredThumb), []byte("spoilt"))
	_, err := w.V.ReadRendition(t.Context(), w.colleague, id, vault.KindCoveredThumb)
	wants(t, "read of a spoilt object", err, vault.ErrIntegrity)
	i := w.open()[0]
	for name, c := range map[string]struct {
		id     vault.IncidentID
		reason string
		want   error
	}{
		"no reason": {i.ID, "", vault.ErrInvalid}, "two lines": {i.ID, "one\ntwo", vault.ErrInvalid},
		"unknown": {"none", "a good reason", vault.ErrNotFound},
	} {
		wants(t, name, w.V.SettleIncident(t.Context(), w.admin, c.id, c.reason), c.want)
	}
	ok(t, w.V.SettleIncident(t.Context(), w.admin, i.ID, "the disk was replaced"))
	wants(t, "settling twice", w.V.SettleIncident(t.Context(), w.admin, i.ID, "again"), vault.ErrConflict)
	all := must(w.V.Incidents(t.Context(), w.admin))(t)
	if len(all) != 1 || all[0].SettledBy != string(w.admin.Person()) || all[0].Reason != "the disk was replaced" || all[0].SettledAt == 0 {
		t.Errorf("incidents: got %+v, want the settled one with who and why", all)
	}
	// What is still wrong opens a new one.
	_, err = w.V.ReadRendition(t.Context(), w.colleague, id, vault.KindCoveredThumb)
	wants(t, "read of what is still spoilt", err, vault.ErrIntegrity)
	if open := w.open(); len(open) != 1 || open[0].ID == i.ID {
		t.Errorf("open incidents: got %+v, want a new one", open)
	}
	w.Clock.Add(31 * 24 * time.Hour)
	w.admin = w.SignIn(t, "admin")
	if all := must(w.V.Incidents(t.Context(), w.admin))(t); len(all) != 1 {
		t.Errorf("incidents a month later: got %d, want the open one alone", len(all))
	}
}

// TestCheckOnBothDatabases: the same rows and incidents on the other database.
func TestCheckOnBothDatabases(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		id := w.inReview()
		w.Blobs.Tamper(w.name(id, vault.KindOriginal), nil)
		w.Blobs.Tamper(blob("object", -30, 'q'), []byte("orphan"))
		w.check(vault.CheckOptions{Deep: true, Repair: true})
		w.Clock.Add(2 * time.Hour)
		ok(t, w.V.Sweep(t.Context(), w.worker)) // its first sight of the orphan too
		_, found := w.check(vault.CheckOptions{Deep: true, Repair: true})
		slices.Sort(found)
		if want := []string{"absent " + string(id) + " original", "orphan repaired"}; !slices.Equal(found, want) {
			t.Errorf("check: got %q, want %q", found, want)
		}
		if counts := must(w.V.IncidentCounts(t.Context()))(t); counts[vault.FoundAbsent] != 1 || counts[vault.FoundOrphan] != 0 {
			t.Errorf("open incidents: got %v, want one absent", counts)
		}
		w.privacy = w.SignIn(t, "privacy")
		w.verified()
	})
}

// TestCheckBesideWork: while photos come, are processed and swept, a check finds nothing wrong and deletes nothing.
func TestCheckBesideWork(t *testing.T) {
	w := newWorld(t)
	stop, checks := make(chan struct{}), 0
	var checking sync.WaitGroup
	checking.Go(func() {
		for {
			r, err := w.V.CheckStore(context.Background(), vault.Operator(), vault.CheckOptions{Deep: checks%2 == 0})
			if err != nil || r.Findings != 0 {
				t.Errorf("check %d: got %+v and %v, want nothing found", checks, r.List, err)
				return
			}
			checks++
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	for range 3 {
		author := w.SignIn(t, "author")
		for range 2 {
			w.Send(t, author, w.Capture(t, author, w.patient, w.picture))
		}
		w.Work(t)
		w.Clock.Add(3 * time.Hour) // everything is old enough to be an orphan
		ok(t, w.V.Sweep(t.Context(), w.worker))
	}
	close(stop)
	checking.Wait()
	if checks < 2 {
		t.Errorf("only %d checks ran beside the work", checks)
	}
}

// TestRemake: what comes from the original alone is made anew from it on a store without versions, unless the original
// is spoilt too.
func TestRemake(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	w.claim(w.reviewer, id)
	kinds := []string{vault.KindThumb, vault.KindDisplay, vault.KindCoveredThumb, vault.KindCoveredDisplay}
	want := map[string]vault.Picture{}
	for _, k := range kinds {
		want[k] = must(w.V.ReadRendition(t.Context(), w.reviewer, id, k))(t)
		w.Blobs.Tamper(w.name(id, k), []byte("spoilt"))
	}
	w.change(`UPDATE renditions SET wrapped_key = $1 WHERE photo = $2 AND kind = 'display'`, []byte("spoilt too"), string(id))
	original := w.Blobs.Bytes(w.name(id, vault.KindOriginal))
	w.Blobs.Tamper(w.name(id, vault.KindOriginal), []byte("spoilt"))
	if r, found := w.check(vault.CheckOptions{Deep: true, Repair: true}); r.Repaired != 0 || r.Findings != 5 {
		t.Errorf("repair without a good original: got %q, want five findings and none repaired", found)
	}
	w.Blobs.Tamper(w.name(id, vault.KindOriginal), original)
	if r, found := w.check(vault.CheckOptions{Deep: true, Repair: true}); r.Repaired != 4 || r.Findings != 4 {
		t.Errorf("repair with a good original: got %q, want four, all repaired", found)
	}
	for _, k := range kinds {
		got, err := w.V.ReadRendition(t.Context(), w.reviewer, id, k)
		if err != nil || got.Width != want[k].Width || got.Height != want[k].Height || !isJPEG(got.Bytes) {
			t.Errorf("%s after the repair: got %d by %d and %v, want %d by %d", k, got.Width, got.Height, err, want[k].Width, want[k].Height)
		}
	}
	ok(t, w.V.Sweep(t.Context(), w.worker))
	w.Clock.Add(time.Second)
	if _, found := w.check(vault.CheckOptions{Deep: true}); len(found) != 0 {
		t.Errorf("check after the repair: got %q, want nothing", found)
	}
	if open := w.open(); len(open) != 0 {
		t.Errorf("open incidents after the repair: got %+v, want none", open)
	}
	must(w.V.Approve(t.Context(), w.reviewer, id, drawn(must(w.V.PhotoByID(t.Context(), w.reviewer, id))(t).Version)))(t)
	w.verified()
}

// TestLockedForgery: what somebody wrote over an object and locked there cannot be removed, and the check says so.
func TestLockedForgery(t *testing.T) {
	cfg := vaulttest.MinIO(t)
	x := s3Vandal(t, cfg)
	w := newWorldOver(t, x.blobs)
	id := w.inReview()
	name := w.name(id, vault.KindOriginal)
	x.write(t, name, []byte("overwritten"))
	ok(t, x.blobs.(vault.Holder).Hold(t.Context(), name, true))
	if r, found := w.check(vault.CheckOptions{Repair: true}); len(found) != 1 || r.Repaired != 0 {
		t.Errorf("repair of a held forgery: got %q, want it reported and not repaired", found)
	}
	ok(t, x.blobs.(vault.Holder).Hold(t.Context(), name, false))
	if r, found := w.check(vault.CheckOptions{Repair: true}); len(found) != 1 || r.Repaired != 1 {
		t.Errorf("repair after the hold: got %q, want it repaired", found)
	}
}

// TestRepairOfAnotherStore: with the folder or bucket of another vault named by mistake, a repair deletes nothing there,
// however often it is run.
func TestRepairOfAnotherStore(t *testing.T) {
	mine, other := newWorld(t), newWorld(t)
	mine.inReview()
	other.approved()
	before := len(other.Blobs.Names())
	cfg := mine.Cfg
	cfg.Blobs, cfg.Beside = other.Blobs, true
	v := must(vault.Open(t.Context(), cfg))(t)
	for range 3 {
		mine.Clock.Add(4 * time.Hour)
		r := must(v.CheckStore(t.Context(), vault.Operator(), vault.CheckOptions{Repair: true}))(t)
		if left := len(other.Blobs.Names()); left != before || r.Repaired != 0 || r.Findings == 0 {
			t.Errorf("%d findings, %d repaired; the other vault has %d objects left of %d", r.Findings, r.Repaired, left, before)
		}
	}
	ok(t, v.Close())
}

package vault_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// blob is a name as the vault makes them, at an hour relative to Start.
func blob(kind string, hours int, id byte) string {
	hour := vaulttest.Start.Add(time.Duration(hours) * time.Hour).Format("2006010215")
	return kind + "/" + hour + "/" + strings.Repeat(string(id), 26)
}

func sweep(t *testing.T, b *vaulttest.Bench) {
	t.Helper()
	if err := b.V.Sweep(t.Context(), job); err != nil {
		t.Fatalf("Sweep: %v", err)
	}
}

// anHour is how long a sweep must have known an object without a row.
const anHour = time.Hour

// TestSweepSparesAnOlderDatabase: more objects without rows than crashes leave belong to a newer database; none is
// deleted, and health says so until they are few again.
func TestSweepSparesAnOlderDatabase(t *testing.T) {
	b := vaulttest.New(t)
	var names []string
	for i := range 101 {
		name := blob("object", -30, 'a')[:len("object/2026030100/")] + fmt.Sprintf("%026d", i)
		b.Blobs.Tamper(name, []byte("sealed"))
		names = append(names, name)
	}
	for range 3 {
		sweep(t, b)
		b.Clock.Add(anHour)
	}
	if got := len(b.Blobs.Names()); got != len(names) {
		t.Errorf("%d objects left of %d", got, len(names))
	}
	failing := func() bool {
		return slices.ContainsFunc(must(b.V.Health(t.Context(), vault.Operator()))(t), func(p vault.Part) bool { return p.Name == "orphans" && !p.OK })
	}
	if !failing() {
		t.Error("health does not tell of the objects")
	}
	b.Blobs.Tamper(names[0], nil)
	sweep(t, b)
	if got := b.Blobs.Names(); len(got) != 0 {
		t.Errorf("%d objects left of 100 that crashes may have left", len(got))
	}
	if failing() {
		t.Error("health still tells of objects that are gone")
	}
}

// TestSweepDeletesOrphans: objects that a crash left without a row go, once no
// write under way can be theirs; what the vault did not name stays.
func TestSweepDeletesOrphans(t *testing.T) {
	b := vaulttest.New(t)
	old := []string{blob("intake", -2, 'a'), blob("object", -30, 'b')}
	kept := []string{blob("intake", 1, 'c'), blob("intake", 0, 'd'), blob("object", 1, 'e'),
		"intake/2026/other", "object/2026030100/short", "backup/2026030100/" + strings.Repeat("f", 26)}
	for _, name := range append(slices.Clone(old), kept...) {
		b.Blobs.Tamper(name, []byte("sealed"))
	}
	before := logSize(t, b.V)
	sweep(t, b)
	slices.Sort(kept)
	if got, want := b.Blobs.Names(), len(old)+len(kept); len(got) != want {
		t.Errorf("after the first look: got %q, want all %d", got, want)
	}
	b.Clock.Add(anHour)
	sweep(t, b)
	if got := b.Blobs.Names(); !slices.Equal(got, kept) {
		t.Errorf("after Sweep: got %q, want %q", got, kept)
	}
	if n := count(t, b, `SELECT count(*) FROM audit_events WHERE act = 'sweep' AND entry LIKE '%"orphans":"2"%'`); n != 1 {
		t.Errorf("events of the sweep: got %d of %d, want 1", n, logSize(t, b.V)-before)
	}
}

// TestSweepManyOrphans: more than one page of names, on both databases, all spared, and then as many as crashes leave.
func TestSweepManyOrphans(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		name := func(i int) string { return fmt.Sprintf("object/2026030100/%026d", i) }
		for i := range 450 {
			b.Blobs.Tamper(name(i), []byte("sealed"))
		}
		sweep(t, b)
		b.Clock.Add(anHour)
		sweep(t, b)
		if got := b.Blobs.Names(); len(got) != 450 {
			t.Errorf("after Sweep: got %d objects, want all 450", len(got))
		}
		for i := range 350 {
			b.Blobs.Tamper(name(i), nil)
		}
		sweep(t, b)
		if got := b.Blobs.Names(); len(got) != 0 {
			t.Errorf("after Sweep: got %d objects, want none of 100", len(got))
		}
	})
}

// TestSweepKeepsWhatRowsKnow: a capture and its renditions outlive any sweep.
func TestSweepKeepsWhatRowsKnow(t *testing.T) {
	b := vaulttest.New(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	patient := b.Patient(t, doctor)
	b.Send(t, doctor, b.Capture(t, doctor, patient, vaulttest.Picture(t, 64, 48, 1)))
	accepted := b.Blobs.Names()
	b.Clock.Add(48 * time.Hour)
	sweep(t, b)
	if got := b.Blobs.Names(); len(got) != 1 || !slices.Equal(got, accepted) {
		t.Fatalf("after Sweep: got %q, want the accepted capture %q", got, accepted)
	}
	b.Work(t)
	b.Clock.Add(48 * time.Hour)
	sweep(t, b)
	got := b.Blobs.Names()
	if slices.Contains(got, accepted[0]) {
		t.Error("the sealed capture outlives its processing")
	}
	if n := count(t, b, `SELECT count(*) FROM renditions`); n == 0 || int(n) != len(got) {
		t.Errorf("after Sweep: got %d objects, want the %d renditions", len(got), n)
	}
}

func TestSweepCarriesOutDeletions(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		name := blob("intake", 0, 'a')
		b.Blobs.Tamper(name, []byte("sealed"))
		b.Exec(t, fmt.Sprintf(`INSERT INTO jobs (id, kind, subject, state, run_at, created_at)
			VALUES ('D1', 'delete_blob', '%s', 'ready', 0, 0)`, name))
		b.Blobs.OnOp(func(_ int, op vaulttest.Op, _ string) vaulttest.Fault {
			if op == vaulttest.OpDelete {
				return vaulttest.Lose
			}
			return vaulttest.Apply
		})
		if err := b.V.Sweep(t.Context(), job); !errors.Is(err, vault.ErrUnavailable) {
			t.Fatalf("Sweep without a store: got %v, want ErrUnavailable", err)
		}
		if n := count(t, b, `SELECT count(*) FROM jobs WHERE state = 'ready' AND attempts = 1`); n != 1 {
			t.Errorf("after a failed deletion: got %d jobs ready, want 1", n)
		}
		b.Blobs.OnOp(nil)
		b.Clock.Add(time.Minute)
		sweep(t, b)
		if n := count(t, b, `SELECT count(*) FROM jobs WHERE state = 'done' AND done_at > 0`); n != 1 {
			t.Errorf("after the deletion: got %d jobs done, want 1", n)
		}
		if j := claim(t, b.V, time.Minute); j != nil {
			t.Errorf("ClaimJob: got %+v, want deletions left to Sweep", j)
		}
	})
}

// TestSweepSurvivesAStoreFault: at each of its steps.
func TestSweepSurvivesAStoreFault(t *testing.T) {
	for _, fault := range []vaulttest.Fault{vaulttest.Refuse, vaulttest.Lose} {
		b := vaulttest.New(t)
		for n := 1; ; n++ {
			for i := range byte(3) {
				b.Blobs.Tamper(blob("object", -5, 'a'+i), []byte("sealed"))
			}
			sweep(t, b)
			b.Clock.Add(anHour)
			b.Blobs.FaultAt(n, fault)
			err := b.V.Sweep(t.Context(), job)
			if b.Blobs.Steps() < n {
				if err != nil {
					t.Errorf("Sweep without a fault: %v", err)
				}
				break
			}
			if !errors.Is(err, vault.ErrUnavailable) {
				t.Errorf("Sweep with fault %d at step %d: got %v, want ErrUnavailable", fault, n, err)
			}
			b.Blobs.OnOp(nil)
			sweep(t, b)
			if got := b.Blobs.Names(); len(got) != 0 {
				t.Fatalf("Sweep after a fault at step %d: got %q left", n, got)
			}
		}
	}
}

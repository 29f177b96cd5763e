package vault_test

import (
	"context"
	"database/sql"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// interrupted is a store after whose every Put something happens before its
// writer goes on.
type interrupted struct {
	*vaulttest.Memory
	after func()
}

func (s *interrupted) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	err := s.Memory.Put(ctx, name, body, size)
	if s.after != nil {
		s.after()
	}
	return err
}

// TestClockSetDuringWrites: between each object and its row the clock is set by
// hours, forward or back, and a sweep comes at that very moment. No row may be
// left without its object.
func TestClockSetDuringWrites(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": 3 * time.Hour, "days forward": 50 * time.Hour, "back": -3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			store := &interrupted{Memory: &vaulttest.Memory{}}
			b := vaulttest.NewOn(t, "sqlite", vaulttest.SQLite(t), store)
			doctor := b.Person(t, "doctor", vault.RoleClinician)
			b.Send(t, doctor, b.Capture(t, doctor, b.Patient(t, doctor), vaulttest.Picture(t, 64, 48, 1)))
			store.after = func() {
				b.Clock.Jump(by)
				sweep(t, b)
			}
			b.Work(t)
			store.after = nil
			allObjectsStand(t, b.SQL(t), store.Memory, 5)
			if got := verify(t, b.V); !got.OK {
				t.Errorf("the log after the clock was set: %s", got.Problem)
			}
		})
	}
}

// allObjectsStand asserts that there are n renditions and that the store has each.
func allObjectsStand(t *testing.T, db *sql.DB, store *vaulttest.Memory, n int) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT blob FROM renditions`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	there, found := store.Names(), 0
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		found++
		if !slices.Contains(there, name) {
			t.Errorf("object %s of a rendition is gone", name)
		}
	}
	if err := rows.Err(); err != nil || found != n {
		t.Errorf("got %d renditions, want %d: %v", found, n, err)
	}
}

// TestClockSetBack: what was leased, put off or claimed by a clock that ran
// hours ahead does not wait for hours when it is set right.
func TestClockSetBack(t *testing.T) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) {
		doctor := b.Person(t, "doctor", vault.RoleClinician)
		patient := b.Patient(t, doctor)
		send := func(seed byte) {
			b.Send(t, doctor, b.Capture(t, doctor, patient, vaulttest.Picture(t, 64, 48, seed)))
		}
		send(1)
		b.Work(t)
		b.Clock.Jump(9 * time.Hour)
		if p, err := b.V.ClaimNext(t.Context(), b.Person(t, "reviewer", vault.RoleReviewer)); err != nil || p == nil {
			t.Fatalf("claiming for review: got %v, %v", p, err)
		}
		doctor = b.Person(t, "doctor2", vault.RoleClinician)
		b.Tie(t, patient, doctor)
		send(2)
		dead := claim(t, b.V, time.Minute)
		if dead == nil {
			t.Fatal("no job to lease")
		}
		b.Clock.Jump(-9 * time.Hour)
		if j := claim(t, b.V, time.Minute); j == nil || j.ID != dead.ID {
			t.Errorf("job of a dead worker: got %+v, want %s again", j, dead.ID)
		}
		if j := claim(t, b.V, time.Minute); j != nil {
			t.Errorf("a lease of the right clock: got %+v for a second worker, want none", j)
		}
		sweep(t, b)
		if p, err := b.V.ClaimNext(t.Context(), b.Person(t, "reviewer2", vault.RoleReviewer)); err != nil || p == nil {
			t.Errorf("claim of a clock that ran ahead: got %v, %v, want the photo for the next reviewer", p, err)
		}
	})
}

// TestClockForwardKeepsOrphansAnHour: whatever the time of day says, an object
// without a row goes only after an hour that really went by.
func TestClockForwardKeepsOrphansAnHour(t *testing.T) {
	b := vaulttest.New(t)
	b.Blobs.Tamper(blob("object", 0, 'a'), []byte("sealed"))
	for _, step := range []struct {
		name string
		set  func()
		want int
	}{
		{"a minute later", func() { b.Clock.Add(time.Minute) }, 1},
		{"set forward by a day", func() { b.Clock.Jump(24 * time.Hour) }, 1},
		{"half an hour later", func() { b.Clock.Add(30 * time.Minute) }, 1},
		{"set back", func() { b.Clock.Jump(-12 * time.Hour) }, 1},
		{"an hour after the first look", func() { b.Clock.Add(30 * time.Minute) }, 0},
	} {
		step.set()
		sweep(t, b)
		if got := len(b.Blobs.Names()); got != step.want {
			t.Errorf("%s: got %d objects, want %d", step.name, got, step.want)
		}
	}
}

// TestRestartFreesLeases: jobs in which the process died are due at once after
// a restart on a SQLite file, which nobody else can have open.
func TestRestartFreesLeases(t *testing.T) {
	b := vaulttest.New(t)
	doctor := b.Person(t, "doctor", vault.RoleClinician)
	b.Send(t, doctor, b.Capture(t, doctor, b.Patient(t, doctor), vaulttest.Picture(t, 64, 48, 1)))
	dead := claim(t, b.V, time.Minute)
	if dead == nil {
		t.Fatal("no job to lease")
	}
	if j := claim(t, b.V, time.Minute); j != nil {
		t.Fatalf("before the restart: got %+v, want none", j)
	}
	b.Reopen(t)
	j := claim(t, b.V, time.Minute)
	if j == nil || j.ID != dead.ID || j.Attempts != 2 {
		t.Errorf("after the restart: got %+v, want the second attempt of %s", j, dead.ID)
	}
	if err := b.V.ProcessCapture(t.Context(), job, dead); err == nil {
		t.Error("the dead worker's lease still finishes the job")
	}
}

package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// world is a vault with one person for each role and one patient.
type world struct {
	*vaulttest.Bench
	t                                         testing.TB
	author, reviewer, records, privacy, admin vault.Actor
	colleague, outsider, second               vault.Actor // clinician of the same team, of another one; second reviewer
	patient, foreign                          vault.PatientID
	worker                                    vault.Actor
	directory                                 vault.Actor // a hospital's, over SCIM
	picture                                   []byte
}

// newWorld opens a world of its own on SQLite. Hashing eight passwords is slow, so the people are made once, and each
// world begins with a copy of that database.
func newWorld(t testing.TB) *world {
	t.Helper()
	first.Do(func() { keepFirst(t) })
	if first.file == nil {
		t.Fatal("there is no first world")
	}
	path := filepath.Join(t.TempDir(), "vault.db")
	ok(t, os.WriteFile(path, first.file, 0o600))
	w := first.world
	w.Bench, w.t = vaulttest.OpenOn(t, "sqlite", path, nil, first.world.KMS), t
	return &w
}

var first struct {
	sync.Once
	world world
	file  []byte
}

func keepFirst(t testing.TB) {
	w := worldOn(t, vaulttest.New(t))
	copied := filepath.Join(t.TempDir(), "copy.db")
	w.change(`VACUUM INTO '` + copied + `'`)
	first.world, first.file = *w, must(os.ReadFile(copied))(t)
}

func worldOn(t testing.TB, b *vaulttest.Bench) *world {
	t.Helper()
	w := &world{Bench: b, t: t, worker: vault.JobActor("test-worker")}
	w.author = b.Person(t, "author", vault.RoleClinician)
	w.colleague = b.Person(t, "colleague", vault.RoleClinician)
	w.outsider = b.Person(t, "outsider", vault.RoleClinician)
	w.reviewer = b.Person(t, "reviewer", vault.RoleReviewer)
	w.second = b.Person(t, "second", vault.RoleReviewer)
	w.records = b.Person(t, "records", vault.RoleRecords)
	w.privacy = b.Person(t, "privacy", vault.RolePrivacy)
	w.admin = b.Person(t, "admin", vault.RoleAdmin)
	w.directory = directory(t, b.V, "Test directory")
	w.patient = b.Patient(t, w.author, w.colleague)
	w.foreign = b.Patient(t, w.outsider)
	w.picture = vaulttest.Picture(t, 160, 120, 7)
	return w
}

// onBoth runs a test on SQLite and, where it is installed, on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newWorld(t)) })
	t.Run("postgres", func(t *testing.T) {
		test(t, worldOn(t, vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil)))
	})
}

// must fails the test on an error.
func must[T any](value T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// ok fails the test on an error.
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails the test unless err is want.
func wants(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// sweepTwice lets the sweeper see what has no row, and an hour later take it.
func (w *world) sweepTwice() {
	w.t.Helper()
	w.Clock.Add(2*time.Hour + time.Minute)
	ok(w.t, w.V.Sweep(w.t.Context(), w.worker))
	w.Clock.Add(time.Hour)
	ok(w.t, w.V.Sweep(w.t.Context(), w.worker))
}

// waiting is a photo of the author's that was accepted and not processed yet.
func (w *world) waiting() vault.PhotoID {
	w.t.Helper()
	return vault.PhotoID(w.Send(w.t, w.author, w.Capture(w.t, w.author, w.patient, w.picture)).PhotoID)
}

// inReview is a processed photo of the author's.
func (w *world) inReview() vault.PhotoID {
	w.t.Helper()
	id := w.waiting()
	w.Work(w.t)
	return id
}

// claim has a reviewer claim the next photo, which must be id.
func (w *world) claim(a vault.Actor, id vault.PhotoID) *vault.Photo {
	w.t.Helper()
	p := must(w.V.ClaimNext(w.t.Context(), a))(w.t)
	if p == nil || p.ID != id {
		w.t.Fatalf("claimed %v, want photo %s", p, id)
	}
	return p
}

// approved is a released photo with one drawn region.
func (w *world) approved() vault.PhotoID {
	w.t.Helper()
	id := w.inReview()
	p := w.claim(w.reviewer, id)
	must(w.V.Approve(w.t.Context(), w.reviewer, id, drawn(p.Version)))(w.t)
	return id
}

var drawnBox = imaging.Box{X0: 40, Y0: 40, X1: 100, Y1: 90}

// drawn is an approval with one box that the reviewer drew, whatever the detectors make of the rest.
func drawn(version int64) vault.Approval {
	return vault.Approval{Version: version, Force: true, Regions: []vault.ApprovedRegion{{Kind: imaging.KindDrawn, Box: drawnBox}}}
}

// state is the photo's state and reason as its author sees them.
func (w *world) state(id vault.PhotoID) (state, reason string) {
	w.t.Helper()
	for _, p := range must(w.V.MyCaptures(w.t.Context(), w.author, 200))(w.t) {
		if p.ID == id {
			return p.State, p.Reason
		}
	}
	w.t.Fatalf("photo %s is not among its author's captures", id)
	return "", ""
}

// job claims the next job of a kind.
func (w *world) job(kind string) *vault.Job {
	w.t.Helper()
	job := must(w.V.ClaimJob(w.t.Context(), w.worker, time.Minute))(w.t)
	if job == nil || job.Kind != kind {
		w.t.Fatalf("claimed job %v, want one of kind %s", job, kind)
	}
	return job
}

// deliver does one delivery as a chart that keeps what it is given.
func (w *world) deliver() *vault.Delivery {
	w.t.Helper()
	job := w.job(vault.JobDeliver)
	d := must(w.V.Delivery(w.t.Context(), w.worker, job))(w.t)
	ok(w.t, w.V.SaveProgress(w.t.Context(), w.worker, job, json.RawMessage(`{"step":"stored"}`)))
	ok(w.t, w.V.Attached(w.t.Context(), w.worker, job, json.RawMessage(`{"link":"receiver/1"}`), sha256.Sum256(d.Bytes)))
	return d
}

// db is the database itself, past the vault.
func (w *world) db() *sql.DB {
	w.t.Helper()
	name := w.Cfg.Driver
	if name == "postgres" {
		name = "pgx"
	}
	db, err := sql.Open(name, w.Cfg.DSN)
	ok(w.t, err)
	w.t.Cleanup(func() { ok(w.t, db.Close()) })
	return db
}

// count runs a counting query past the vault.
func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	db := w.db()
	var n int
	ok(w.t, db.QueryRowContext(context.Background(), query, args...).Scan(&n))
	return n
}

// change executes a statement past the vault.
func (w *world) change(query string, args ...any) {
	w.t.Helper()
	_, err := w.db().ExecContext(context.Background(), query, args...)
	ok(w.t, err)
}

// verified fails the test unless the whole log verifies.
func (w *world) verified() {
	w.t.Helper()
	if got := must(w.V.VerifyLog(w.t.Context(), w.privacy))(w.t); !got.OK {
		w.t.Errorf("the log does not verify: %+v", got)
	}
}

// events are the acts in the log about a photo, oldest first, with their outcomes.
func (w *world) events(id vault.PhotoID) []string {
	w.t.Helper()
	rows, err := w.db().QueryContext(context.Background(),
		`SELECT act, outcome FROM audit_events WHERE photo = $1 ORDER BY seq`, string(id))
	ok(w.t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var act, outcome string
		ok(w.t, rows.Scan(&act, &outcome))
		out = append(out, act+" "+outcome)
	}
	ok(w.t, rows.Err())
	return out
}

func isJPEG(b []byte) bool { return bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff}) }

package main

import (
	"database/sql"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestKilledAtEachStep kills the real binary with SIGKILL before each step that
// is to last while one photo is accepted, processed, approved and attached, and
// starts it again: every write, sync, link and removal on the folder and the
// SQLite file. By default it takes some of them, one of each kind at least; with
// CLINIVAULT_DRILL all, until a round ends without a kill, and from a drill of
// 1,000 rounds each single page that is written.
func TestKilledAtEachStep(t *testing.T) {
	steps := &vaulttest.Steps{Every: drillRounds(t, 0) >= 1000}
	r := newRig(t, steps, nil)
	r.s.launch = func(cmd *exec.Cmd) error { return steps.Start(cmd, r.s.data) }
	r.start()
	r.everyStep(22)
}

// TestKilledAtEachMessage does the same on PostgreSQL and MinIO: before the
// server gets what would change something, and when it has answered but the
// vault does not know yet.
func TestKilledAtEachMessage(t *testing.T) {
	steps := &vaulttest.Steps{Every: drillRounds(t, 0) >= 1000}
	r, db := newStackRig(t, steps)
	r.start()
	r.afterKill = func() { passLeases(t, db) }
	r.everyStep(20)
}

// TestKilledAtStart kills the service at each step of a start that finds work
// left undone, six times over (a job is given up after eight deaths), and then
// lets it finish.
func TestKilledAtStart(t *testing.T) {
	steps := &vaulttest.Steps{}
	r := newRig(t, steps, nil)
	r.s.launch = func(cmd *exec.Cmd) error { return steps.Start(cmd, r.s.data) }
	r.start()
	killed := true
	for at, most := 1, max(24, drillRounds(t, 0)); killed && at <= most; at++ {
		if at%6 == 1 {
			r.leaveUndone()
		}
		killed = r.cutStart(at)
		if at%6 == 0 || !killed {
			r.s.start()
			r.finish()
		}
	}
	r.settle()
}

// cutStart starts the service, and cuts it at a step of the start or of the
// work that it finds then.
func (r *rig) cutStart(at int) (killed bool) {
	r.t.Helper()
	r.steps.Arm(at, r.cut)
	if r.s.begin() {
		select {
		case <-r.s.done:
		case <-time.After(time.Second):
		}
	}
	_, killed = r.steps.Disarm()
	r.s.kill()
	r.rounds++
	r.kills++
	return killed
}

// leaveUndone has three captures acknowledged and the service cut at once.
func (r *rig) leaveUndone() {
	r.t.Helper()
	for range 3 {
		e := r.clinician.seal(r.patient.ID, r.picture)
		r.insist("a receipt", func() bool { return r.sent(e) })
	}
	r.s.kill()
}

// finish waits until each capture is in review, and takes all of them to the chart.
func (r *rig) finish() {
	r.t.Helper()
	var ids []string
	for id := range maps.Values(r.receipts) {
		if !slices.Contains(r.photos, vault.PhotoID(id)) {
			ids = append(ids, id)
		}
	}
	r.insist("processing", func() bool {
		for _, id := range ids {
			var photo vault.Photo
			status, err := r.clinician.try("GET", "/api/v1/photos/"+id, nil, &photo)
			if err != nil || status != http.StatusOK || photo.State != vault.StateInReview {
				return false
			}
		}
		return true
	})
	for range ids {
		r.finishNext()
	}
}

// finishNext takes the photo that has waited longest for review to the chart.
func (r *rig) finishNext() {
	r.t.Helper()
	var next struct{ Photo *vault.Photo }
	r.insist("a photo to review", func() bool {
		status, err := r.reviewer.try("POST", "/api/v1/review/next", nil, &next)
		return err == nil && status == http.StatusOK && next.Photo != nil
	})
	r.insist("approval", func() bool { return r.approved(next.Photo.ID) })
	r.insist("attaching", func() bool { return r.attach(next.Photo.ID) })
}

// TestKilledAnyTime cuts the service at random moments of a photo's way, as a
// power cut would, on both kinds of store.
func TestKilledAnyTime(t *testing.T) {
	for name, build := range map[string]func(*testing.T) *rig{
		"folder and SQLite": func(t *testing.T) *rig { return newRig(t, &vaulttest.Steps{}, nil) },
		"MinIO and PostgreSQL": func(t *testing.T) *rig {
			r, db := newStackRig(t, &vaulttest.Steps{})
			r.afterKill = func() { passLeases(t, db) }
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := build(t)
			r.start()
			start := time.Now()
			r.round(0)
			usual := time.Since(start)
			for range drillRounds(t, 5) {
				var cut *time.Timer
				done := make(chan struct{})
				r.begun = func() { // the capture is sealed: a cut before would be one of the test's own preparations
					pid := r.s.cmd.Process.Pid
					cut = time.AfterFunc(time.Duration(rand.Int64N(int64(usual))), func() {
						defer close(done)
						_ = syscall.Kill(-pid, syscall.SIGKILL)
					})
				}
				r.round(0)
				if !cut.Stop() {
					<-done
				}
			}
			r.settle()
		})
	}
}

// newStackRig is a rig on PostgreSQL and MinIO behind proxies that count.
func newStackRig(t *testing.T, steps *vaulttest.Steps) (*rig, *sql.DB) {
	t.Helper()
	dsn := vaulttest.Postgres(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return newRig(t, steps, stackConfig(t, steps.Postgres(t, dsn), steps.S3(t, vaulttest.MinIO(t)))), db
}

// stackConfig is the part of a configuration that names a database and a store.
func stackConfig(t testing.TB, dsn string, store vault.MinIOConfig) map[string]any {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return map[string]any{
		"database": map[string]any{"postgres_dsn_file": file("dsn", dsn)},
		"minio": map[string]any{"endpoint": store.Endpoint, "bucket": store.Bucket, "ca_file": store.CAFile,
			"access_key_file": file("access", store.AccessKey), "secret_key_file": file("secret", store.SecretKey)},
	}
}

// passLeases lets the minute pass that the lease of a dead worker lasts.
func passLeases(t testing.TB, db *sql.DB) {
	t.Helper()
	if _, err := db.Exec(`UPDATE jobs SET leased_until = 1 WHERE state = 'leased'`); err != nil {
		t.Fatalf("letting leases run out: %v", err)
	}
}

// everyStep runs a round for each step, or for some of them.
func (r *rig) everyStep(some int) {
	r.t.Helper()
	r.round(0)
	usual := r.seen
	r.t.Logf("%d steps of %d kinds: %s", len(usual), len(kinds(usual)), strings.Join(kinds(usual), ", "))
	if drillRounds(r.t, 0) == 0 {
		for _, at := range spread(usual, some) {
			r.round(at)
		}
	} else {
		for at := 1; at == 1 || r.killed; at++ {
			r.round(at)
		}
	}
	r.settle()
}

func kinds(seen []string) []string { return slices.Compact(slices.Sorted(slices.Values(seen))) }

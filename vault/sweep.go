package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	blobHour  = "2006010215"
	orphanAge = time.Hour // a write under way is younger
	sweepPage = 200
	maxBlobs  = 1000 // deletions in one sweep
	// mostOrphans is how many objects without a row a sweep takes for what crashes left. More of them look like a database
	// that was put back to an earlier state, whose newer photos these are.
	mostOrphans = 100

	// clockWentBack is how much longer than it may a lease or a claim must seem
	// to last before it is taken for one of a clock that was set back since.
	clockWentBack = time.Hour
)

var ownBlob = regexp.MustCompile(`^(intake|object|part)/([0-9]{10})/[a-z0-9]{26}$`)

// Sweep finishes what a crash or an outage left behind: it deletes the sealed
// captures whose photos are processed, drops uploads in parts that nothing came
// of, deletes objects that no row knows and that this process has seen without
// one for an hour, and frees claims that ran out. Run it at start and now and then; it may run on several nodes at once.
func (v *Vault) Sweep(ctx context.Context, a Actor) error {
	freed, err := v.freeClaims(ctx, a)
	if err != nil {
		return fmt.Errorf("freeing claims: %w", err)
	}
	if err := v.clearSignIn(ctx, a); err != nil {
		return fmt.Errorf("clearing sign-ins: %w", err)
	}
	dropped, err := v.sweepUploads(ctx, a)
	if err != nil {
		return err
	}
	deleted, errDelete := v.deleteBlobs(ctx, a)
	orphans, errOrphans := v.deleteOrphans(ctx, a)
	if err := errors.Join(errDelete, errOrphans); err != nil {
		return err
	}
	if freed+dropped+deleted+orphans == 0 {
		return nil
	}
	return v.do(ctx, a, actSweep, object{Kind: "store"}, func(t *tx) error {
		t.detail("claims_freed", strconv.FormatInt(freed, 10))
		t.detail("uploads", strconv.FormatInt(dropped, 10))
		t.detail("deleted", strconv.FormatInt(deleted, 10))
		t.detail("orphans", strconv.FormatInt(orphans, 10))
		return nil
	})
}

func (v *Vault) freeClaims(ctx context.Context, a Actor) (freed int64, err error) {
	err = v.quietly(ctx, a, actSweep, object{Kind: "claim"}, func(t *tx) error {
		res, err := t.ExecContext(ctx,
			`UPDATE photos SET claimed_by = NULL, claimed_until = 0 WHERE claimed_until > 0
			AND (claimed_until <= $1 OR claimed_until > $2)`, // beyond what a claim may last: the clock went back
			t.now, t.now+(v.cfg.ClaimFor+clockWentBack).Milliseconds())
		if err != nil {
			return err
		}
		freed, err = res.RowsAffected()
		return err
	})
	return freed, err
}

// deleteBlobs carries out the delete_blob jobs that are due. The deletion comes
// first and the row after it: deleting twice is harmless.
func (v *Vault) deleteBlobs(ctx context.Context, a Actor) (deleted int64, err error) {
	var jobs []Job
	err = v.quietly(ctx, a, actSweep, object{Kind: "store"}, func(t *tx) (err error) {
		jobs, err = list(ctx, t, func(rows *sql.Rows) (j Job, err error) {
			return j, rows.Scan(&j.ID, &j.Subject, &j.Attempts)
		}, `SELECT id, subject, attempts FROM jobs WHERE kind = 'delete_blob' AND state = 'ready' AND run_at <= $1
			AND NOT EXISTS (SELECT 1 FROM deletion_pauses WHERE ended_at IS NULL AND paused_until > $1)
			ORDER BY run_at LIMIT $2`, t.now, maxBlobs)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reading deletions: %w", err)
	}
	var errs []error
	for _, j := range jobs {
		gone := v.cfg.Blobs.Delete(ctx, j.Subject)
		if err := v.noteDeletion(ctx, a, j, gone); err != nil {
			return deleted, err
		}
		if gone != nil {
			errs = append(errs, fmt.Errorf("deleting object: %w", gone))
			continue
		}
		deleted++
	}
	return deleted, errors.Join(errs...)
}

// noteDeletion ends a deletion, or puts it off when the store refused. It never
// becomes dead: a capture that should be gone must go.
func (v *Vault) noteDeletion(ctx context.Context, a Actor, j Job, gone error) error {
	return v.quietly(ctx, a, actSweep, object{Kind: "store"}, func(t *tx) error {
		if gone == nil {
			_, err := t.ExecContext(ctx, `UPDATE jobs SET state = 'done', done_at = $1, attempts = attempts + 1 WHERE id = $2`,
				t.now, string(j.ID))
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE jobs SET attempts = attempts + 1, run_at = $1, last_error = $2 WHERE id = $3`,
			t.now+backoff(j.Attempts+1).Milliseconds(), causeText(gone), string(j.ID))
		return err
	})
}

// deleteOrphans deletes objects of ours that no row speaks of. Names that are
// not of our making are left alone. The hour in a name spares asking about the
// young; whether an object may go is not left to a clock that can jump.
func (v *Vault) deleteOrphans(ctx context.Context, a Actor) (deleted int64, err error) {
	var old []string // listed first, deleted after: a store may not like both at once
	for _, kind := range []string{blobIntake, blobObject, blobPart} {
		err := v.cfg.Blobs.List(ctx, kind+"/", func(name string, _ int64) error {
			if v.orphanable(name) {
				old = append(old, name)
			}
			return nil
		})
		if err != nil {
			return deleted, fmt.Errorf("listing the store: %w", err)
		}
	}
	v.suspects.forget(old)
	ripe, err := v.unknown(ctx, a, old)
	if err != nil {
		return 0, err
	}
	v.orphansLeft.Store(0)
	photos := func(name string) bool { return !strings.HasPrefix(name, blobPart+"/") } // parts come again; nobody relies on them
	if n := countFunc(ripe, photos); n > mostOrphans {
		v.orphansLeft.Store(int64(n))
		v.cfg.Log.Error("more objects without rows than crashes leave, nothing deleted: is the database older than the store?", "objects", n)
		ripe = slices.DeleteFunc(ripe, photos)
	}
	if ripe, err = v.unknown(ctx, a, ripe); err != nil { // asked once more, right before
		return 0, err
	}
	for _, name := range ripe {
		if err := v.cfg.Blobs.Delete(ctx, name); err != nil {
			return deleted, fmt.Errorf("deleting orphan: %w", err)
		}
		deleted++
	}
	return deleted, nil
}

func countFunc(names []string, is func(string) bool) (n int) {
	for _, name := range names {
		if is(name) {
			n++
		}
	}
	return n
}

// orphanable tells whether the name is one of ours and surely more than an hour
// old: its hour is over since an hour.
func (v *Vault) orphanable(name string) bool {
	m := ownBlob.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	hour, err := time.Parse(blobHour, m[2])
	return err == nil && !v.cfg.Now().Before(hour.Add(time.Hour+orphanAge))
}

// unknown tells which of these objects no row speaks of, since an hour that this process has seen pass.
func (v *Vault) unknown(ctx context.Context, a Actor, names []string) (ripe []string, err error) {
	for page := range slices.Chunk(names, sweepPage) {
		more, err := v.unknownOf(ctx, a, page)
		if err != nil {
			return nil, fmt.Errorf("looking for orphans: %w", err)
		}
		ripe = append(ripe, more...)
	}
	return ripe, nil
}

func (v *Vault) unknownOf(ctx context.Context, a Actor, names []string) (ripe []string, err error) {
	known := map[string]bool{}
	err = v.quietly(ctx, a, actSweep, object{Kind: "store"}, func(t *tx) error {
		clear(known)
		marks, args := make([]string, len(names)), make([]any, len(names))
		for i, n := range names {
			marks[i], args[i] = "$"+strconv.Itoa(i+1), n
		}
		in := "(" + strings.Join(marks, ",") + ")"
		for _, query := range []string{
			`SELECT envelope_blob FROM photos WHERE envelope_blob IN ` + in,
			`SELECT blob FROM renditions WHERE blob IN ` + in,
			`SELECT blob FROM upload_parts WHERE blob IN ` + in,
			`SELECT subject FROM jobs WHERE kind = 'delete_blob' AND state <> 'done' AND subject IN ` + in,
		} {
			found, err := list(ctx, t, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) }, query, args...)
			if err != nil {
				return err
			}
			for _, n := range found {
				known[n] = true
			}
		}
		paused, err := t.deletionsPaused(ctx) // asked last: a pause that is not seen here came after what was read above
		if paused {
			names = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if known[n] {
			v.suspects.clear(n)
		} else if v.suspects.ripe(n, v.cfg.Elapsed()) {
			ripe = append(ripe, n)
		}
	}
	return ripe, nil
}

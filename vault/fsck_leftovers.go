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

// ownProbe are the names under which OpenMinIO tries a store; one may be at it now.
var ownProbe = regexp.MustCompile(`^probe/[a-z0-9]{26}$`)

const probeSize = 5

// leftovers goes through what the store holds and no row spoke of.
func (c *storeChecker) leftovers(ctx context.Context) error {
	var names []string
	for name, at := range c.places {
		if !at.spoken {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for page := range slices.Chunk(names, checkPage) {
		known, err := spokenOf(ctx, c.v.db, page)
		if err != nil {
			return dbError(err)
		}
		for _, name := range page {
			if known[name] {
				continue // its row came meanwhile, or its deletion is due
			}
			if err := c.leftover(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *storeChecker) leftover(ctx context.Context, name string) error {
	if there, err := c.v.there(ctx, name); err != nil || !there {
		return err // deleted since it was listed
	}
	switch {
	case c.v.orphanable(name):
		return c.found(ctx, finding{object: name, found: FoundOrphan}, "a sweep removes it within two hours", func(ctx context.Context) (bool, error) {
			return c.seenBefore(ctx, name)
		})
	case c.v.underWay(name), ownProbe.MatchString(name) && c.places[name].size == probeSize:
		return nil
	}
	return c.found(ctx, finding{object: name, found: FoundUnknown},
		"find out who wrote it, then remove it with the store's own tools: the vault deletes only what it made", nil)
}

// seenBefore deletes an orphan that an earlier check saw more than an hour ago. The hour in its name alone proves
// nothing where a clock was set forward: it may be a write under way, and no write lasts from one check to the next.
func (c *storeChecker) seenBefore(ctx context.Context, name string) (bool, error) {
	var n int64
	err := c.v.db.QueryRowContext(ctx, `SELECT count(*) FROM incidents WHERE object = $1 AND found = 'orphan' AND settled_at IS NULL
		AND first_seen < $2`, name, c.began-orphanAge.Milliseconds()).Scan(&n)
	if err != nil || n == 0 {
		return false, dbError(err)
	}
	return c.deleted(ctx, name)
}

// there tells whether the store has an object now; of a name that cannot be asked for it is believed.
func (v *Vault) there(ctx context.Context, name string) (bool, error) {
	if CheckBlobName(name) != nil {
		return true, nil
	}
	body, err := v.cfg.Blobs.Get(ctx, name)
	if errors.Is(err, ErrAbsent) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, body.Close()
}

// underWay tells whether a name is one that the vault may be writing now.
func (v *Vault) underWay(name string) bool {
	m := ownBlob.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	hour, err := time.Parse(blobHour, m[2])
	return err == nil && hour.Before(v.cfg.Now().Add(orphanAge))
}

// deleted deletes an object of ours that no row speaks of, asked once more right before. While deletions wait for a
// backup, or a store keeps the object, it has not been reached. A store that holds none of what the rows speak of is
// another vault's, to which what looks like an orphan here may be dear: nothing in it is deleted.
func (c *storeChecker) deleted(ctx context.Context, name string) (bool, error) {
	if c.rows > 0 && c.here == 0 {
		return false, nil
	}
	free := false
	err := c.v.quietly(ctx, c.a, actStoreRepair, object{Kind: "store"}, func(t *tx) error {
		known, err := spokenOf(ctx, t, []string{name})
		if err != nil {
			return err
		}
		paused, err := t.deletionsPaused(ctx)
		free = !known[name] && !paused
		return err
	})
	if err != nil || !free {
		return false, err
	}
	err = c.v.cfg.Blobs.Delete(ctx, name)
	if errors.Is(err, ErrKept) {
		return false, nil
	}
	return err == nil, err
}

// spokenOf tells which of the names a row or a deletion speaks of.
func spokenOf(ctx context.Context, q querier, names []string) (map[string]bool, error) {
	marks, args := make([]string, len(names)), make([]any, len(names))
	for i, n := range names {
		marks[i], args[i] = "$"+strconv.Itoa(i+1), n
	}
	in := "(" + strings.Join(marks, ",") + ")"
	known := map[string]bool{}
	for _, query := range []string{
		`SELECT envelope_blob FROM photos WHERE state <> 'erased' AND envelope_blob IN ` + in,
		`SELECT blob FROM renditions WHERE wrapped_key IS NOT NULL AND blob IN ` + in,
		`SELECT blob FROM upload_parts WHERE blob IN ` + in,
		`SELECT subject FROM jobs WHERE kind = 'delete_blob' AND state <> 'done' AND subject IN ` + in, // Sweep's to delete
	} {
		found, err := list(ctx, q, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) }, query, args...)
		if err != nil {
			return nil, fmt.Errorf("looking for owners: %w", err)
		}
		for _, n := range found {
			known[n] = true
		}
	}
	return known, nil
}

// deletions looks for objects that should be gone and are not: the store refuses, or nobody sweeps.
func (c *storeChecker) deletions(ctx context.Context) error {
	type due struct {
		name, lastError string
		photo           PhotoID
	}
	late, err := list(ctx, c.v.db, func(rows *sql.Rows) (d due, err error) {
		return d, rows.Scan(&d.name, &d.lastError, &d.photo)
	}, `SELECT j.subject, j.last_error, coalesce((SELECT min(photo) FROM renditions WHERE blob = j.subject),
			(SELECT min(id) FROM photos WHERE envelope_blob = j.subject), '')
		FROM jobs j WHERE j.kind = 'delete_blob' AND j.state <> 'done' AND (j.attempts >= $1 OR j.run_at < $2) ORDER BY j.subject`,
		overdueTries, c.began-(24*time.Hour).Milliseconds())
	if err != nil {
		return dbError(fmt.Errorf("reading deletions: %w", err))
	}
	for _, d := range late {
		if at, listed := c.places[d.name]; !listed || at.size < 0 {
			continue // gone; the next sweep ends the job
		}
		remedy := "the worker is not sweeping"
		if d.lastError != "" {
			remedy = d.lastError
		}
		err := c.found(ctx, finding{object: d.name, found: FoundOverdue, photo: d.photo}, remedy, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// freeQuarantined sends a photo to be processed that was set aside only because its envelope was missing or altered.
func (v *Vault) freeQuarantined(ctx context.Context, a Actor, w wanted) error {
	if w.kind != kindEnvelope || w.state != StateQuarantined || w.reason != sayMissing && w.reason != sayAltered {
		return nil
	}
	return v.do(ctx, a, actStoreRepair, object{Kind: "store"}, func(t *tx) error {
		t.entry.Photo = shape(string(w.photo))
		t.detail("freed", "quarantine")
		err := exactlyOne(ctx, t, "freeing photo", `UPDATE photos SET state = 'accepted', reason = '', version = version + 1
			WHERE id = $1 AND state = 'quarantined'`, w.photo)
		if err != nil {
			return err
		}
		return t.enqueue(ctx, JobProcess, string(w.photo), t.now)
	})
}

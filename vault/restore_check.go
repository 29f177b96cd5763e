package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/clinivault/clinivault/vault/seal"
)

// maxProblems is how many problems a check lists; more are only counted.
const maxProblems = 1000

// PhotoCheck is what CheckPhotos found. With Bad 0, every photo that the log says was accepted is there, and everything
// that the rows name opens.
type PhotoCheck struct {
	Photos   int64          // rows
	Accepted int64          // photos that the log says were accepted
	Objects  int64          // opened and compared
	Bytes    int64          // of them, sealed
	Bad      int64          // problems, listed or not
	Problems []PhotoProblem // at most 1,000
}

// PhotoProblem is one thing that is not as it was stored.
type PhotoProblem struct {
	Photo     PhotoID
	Rendition string // "envelope", or the kind
	Problem   string // a fixed word: absent, altered, unopened, unknown, unlogged
}

// CheckPhotos goes through the vault photo by photo: the log's event of each acceptance must have its row and each row
// its event; the sealed capture of a photo that waits must be the bytes which that event names; every rendition whose
// key was not destroyed must be the stored bytes and open under its key and binding. Nothing that was opened is handed
// out or kept. It is how a restore is judged, and it may be run beside the server. Errors are those of a database, a
// store or a key service that does not answer.
func (v *Vault) CheckPhotos(ctx context.Context, a Actor, progress func(BackupProgress)) (PhotoCheck, error) {
	c := &photoChecker{v: v, progress: progress}
	err := v.quietly(ctx, a, actCheckPhotos, object{Kind: "vault"}, func(*tx) error { return nil })
	if err != nil {
		return PhotoCheck{}, err
	}
	if err := c.all(ctx); err != nil {
		return PhotoCheck{}, dbError(err)
	}
	return c.found, v.do(ctx, a, actCheckPhotos, object{Kind: "vault"}, func(t *tx) error {
		t.detail("photos", fmt.Sprint(c.found.Photos))
		t.detail("objects", fmt.Sprint(c.found.Objects))
		t.detail("problems", fmt.Sprint(c.found.Bad))
		return nil
	})
}

type photoChecker struct {
	v        *Vault
	found    PhotoCheck
	of       int64
	progress func(BackupProgress)
}

func (c *photoChecker) bad(id PhotoID, rendition, problem string) {
	if c.found.Bad++; c.found.Bad <= maxProblems {
		c.found.Problems = append(c.found.Problems, PhotoProblem{id, rendition, problem})
	}
}

func (c *photoChecker) all(ctx context.Context) (err error) {
	if c.of, err = countObjects(ctx, c.v.db); err != nil {
		return err
	}
	if err := c.lostPhotos(ctx); err != nil {
		return err
	}
	for after := PhotoID(""); ; {
		page, err := list(ctx, c.v.db, func(rows *sql.Rows) (p checkedPhoto, err error) {
			return p, rows.Scan(&p.id, &p.patient, &p.blob, &p.size, &p.digest, &p.deleting, &p.accepted)
		}, `SELECT f.id, f.patient, coalesce(f.envelope_blob, ''), f.envelope_size, f.envelope_digest,
			(SELECT count(*) FROM jobs j WHERE j.kind = 'delete_blob' AND j.subject = f.envelope_blob),
			coalesce((SELECT min(e.entry) FROM audit_events e WHERE e.photo = f.id AND e.act = 'capture.accept' AND e.outcome = 'ok'), '')
			FROM photos f WHERE f.id > $1 ORDER BY f.id LIMIT $2`, string(after), sweepPage)
		if err != nil {
			return fmt.Errorf("reading photos: %w", err)
		}
		for _, p := range page {
			if err := c.photo(ctx, p); err != nil {
				return err
			}
			after = p.id
		}
		if len(page) < sweepPage {
			return nil
		}
	}
}

// lostPhotos finds acceptances in the log whose photos have no row.
func (c *photoChecker) lostPhotos(ctx context.Context) error {
	const accepted = `FROM audit_events e WHERE e.act = 'capture.accept' AND e.outcome = 'ok' AND e.photo <> ''`
	if err := c.v.db.QueryRowContext(ctx, `SELECT count(DISTINCT e.photo) `+accepted).Scan(&c.found.Accepted); err != nil {
		return fmt.Errorf("counting acceptances: %w", err)
	}
	lost, err := list(ctx, c.v.db, func(rows *sql.Rows) (id PhotoID, err error) { return id, rows.Scan(&id) },
		`SELECT DISTINCT e.photo `+accepted+` AND NOT EXISTS (SELECT 1 FROM photos f WHERE f.id = e.photo) ORDER BY e.photo`)
	if err != nil {
		return fmt.Errorf("looking for lost photos: %w", err)
	}
	for _, id := range lost {
		c.bad(id, "", "absent")
	}
	return nil
}

// checkedPhoto is a photo's row with the event of its acceptance.
type checkedPhoto struct {
	id       PhotoID
	patient  PatientID
	blob     string // of the sealed capture; empty once it is processed
	size     int64
	digest   string
	deleting int64
	accepted string // the event's text
}

func (c *photoChecker) photo(ctx context.Context, p checkedPhoto) error {
	c.found.Photos++
	var event logEntry
	if json.Unmarshal([]byte(p.accepted), &event) != nil || event.Detail["digest"] != p.digest {
		c.bad(p.id, "", "unlogged") // no event, or one of another capture
	}
	if p.blob != "" && p.deleting == 0 {
		content, err := c.fetch(ctx, p.id, "envelope", p.blob, p.size, p.digest)
		if err != nil {
			return err
		}
		clear(content)
	}
	return c.renditions(ctx, p)
}

// fetch reads an object and compares it with its row; what is wrong with it is noted, and content is nil then.
func (c *photoChecker) fetch(ctx context.Context, id PhotoID, what, name string, size int64, digest string) ([]byte, error) {
	content, err := c.v.fetch(ctx, name, min(size, maxObject))
	sum := sha256.Sum256(content)
	switch {
	case errors.Is(err, ErrAbsent):
		c.bad(id, what, "absent")
		return nil, nil
	case errors.Is(err, ErrTooLarge), err == nil && hex.EncodeToString(sum[:]) != digest:
		c.bad(id, what, "altered")
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the store: %w", err)
	}
	c.found.Objects++
	c.found.Bytes += int64(len(content))
	if c.progress != nil {
		c.progress(BackupProgress{c.found.Objects, c.of, c.found.Bytes})
	}
	return content, nil
}

// renditions opens everything that was made of a photo.
func (c *photoChecker) renditions(ctx context.Context, p checkedPhoto) error {
	all, err := list(ctx, c.v.db, func(rows *sql.Rows) (rendition, error) {
		r := rendition{photo: p.id, patient: p.patient}
		return r, rows.Scan(&r.id, &r.kind, &r.version, &r.blob, &r.size, &r.hash, &r.wrapped)
	}, `SELECT r.id, r.kind, r.version, r.blob, r.size, r.sealed_hash, r.wrapped_key FROM renditions r WHERE r.photo = $1
		AND r.wrapped_key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'delete_blob' AND j.subject = r.blob)
		ORDER BY r.version, r.kind`, string(p.id))
	if err != nil {
		return fmt.Errorf("reading renditions: %w", err)
	}
	if len(all) == 0 {
		return nil
	}
	key, err := c.v.patientKey(ctx, c.v.db, p.patient)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrIntegrity) {
		c.bad(p.id, "", "unopened")
		return nil
	}
	if err != nil {
		return err
	}
	defer key.Wipe()
	for _, r := range all {
		content, err := c.fetch(ctx, p.id, r.kind, r.blob, r.size, r.hash)
		if err != nil {
			return err
		}
		if content != nil && !c.opens(key, r, content) {
			c.bad(p.id, r.kind, "unopened")
		}
	}
	return nil
}

// opens tells whether a sealed object opens under its key and binding; what is inside is dropped.
func (c *photoChecker) opens(patient seal.Key, r rendition, content []byte) bool {
	b := r.binding(c.v.cfg.Tenant)
	aad, err := b.AAD()
	if err != nil {
		return false
	}
	key, err := seal.Unwrap(patient, r.wrapped, aad)
	if err != nil {
		return false
	}
	defer key.Wipe()
	return seal.OpenObject(io.Discard, bytes.NewReader(content), key, b) == nil
}

// Restored ends a restore inside the restored vault: it writes the event, ends every session (a session, or a person,
// that was ended after the backup was made lives again in it) and every pause. From is the backup's head.
func (v *Vault) Restored(ctx context.Context, a Actor, from BackupInfo) error {
	return v.do(ctx, a, actRestored, object{Kind: "backup", ID: from.ID}, func(t *tx) error {
		own, err := readMark(ctx, t, markVault)
		if err != nil {
			return err
		}
		if own != from.Vault {
			return fmt.Errorf("the backup is of another vault than the database: %w", ErrConflict)
		}
		t.detail("made_at", from.MadeAt.String())
		t.detail("database", fmt.Sprint(from.Whole()))
		for _, change := range []string{
			`UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL`,
			`UPDATE deletion_pauses SET ended_at = $1 WHERE ended_at IS NULL`,
		} {
			if _, err := t.ExecContext(ctx, change, t.now); err != nil {
				return fmt.Errorf("ending what the backup had open: %w", err)
			}
		}
		return nil
	})
}

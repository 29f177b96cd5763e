package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/vault/seal"
)

// Release is a copy of a photo's redacted picture for teaching or publication. It rests on the patient's consent to that
// purpose alone and ends with it. Who takes the copy out of the vault has it for good: each look is in the log.
type Release struct {
	ID             ReleaseID `json:"id"`
	Photo          PhotoID   `json:"photo"`
	Version        int64     `json:"version"` // the photo's that was released
	Purpose        string    `json:"purpose"` // teaching, publication
	Reason         string    `json:"reason"`
	ReleasedBy     PersonID  `json:"released_by"`
	ReleasedByName string    `json:"released_by_name"`
	ReleasedAt     Time      `json:"released_at"`
	EndedAt        Time      `json:"ended_at"`
	EndedWhy       string    `json:"ended_why"` // withdrawn, erased, recalled, retention; empty while it lasts
}

// String keeps reasons out of logs.
func (Release) String() string { return "[redacted]" }

// GoString keeps reasons out of logs.
func (Release) GoString() string { return "[redacted]" }

// Release makes a copy of an approved photo's redacted picture for a purpose, "teaching" or "publication", that the
// patient allows, with a reason of 3 to 500 characters. It is sealed under a key of its own, which ends with the consent.
// Released again at the same version, the copy that is there is given. Errors: ErrInvalid, ErrNotFound, ErrDenied,
// ErrConflict without consent, ErrIntegrity, ErrUnavailable.
func (v *Vault) Release(ctx context.Context, a Actor, id PhotoID, purpose, reason string) (ReleaseID, error) {
	kind, known := releasedKind[purpose]
	var from, copied rendition
	var key seal.Key
	err := v.quietly(ctx, a, actReleaseCopy, onPhoto(id), func(t *tx) (err error) {
		if !known {
			return say(ErrInvalid, "A photo is released for teaching or for publication.")
		}
		if err := errors.Join(checkReason(reason), t.mayRelease(ctx, a, id, purpose)); err != nil {
			return err
		}
		from, key, err = v.findRendition(ctx, t, id, KindRedacted)
		if err != nil {
			return err
		}
		copied = rendition{photo: id, patient: from.patient, kind: kind, mediaType: from.mediaType, width: from.width, height: from.height}
		return t.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) + 1 FROM renditions WHERE photo = $1 AND kind = $2`, id, kind).
			Scan(&copied.version)
	})
	if err != nil {
		return "", err
	}
	p, err := v.openRendition(ctx, a, from, key)
	if err != nil {
		return "", err
	}
	defer clear(p.Bytes)
	if copied, err = v.storePicture(ctx, copied, p.Bytes); err != nil {
		return "", err
	}
	defer copied.own.Wipe()
	var release ReleaseID
	err = v.do(ctx, a, actReleaseCopy, onPhoto(id), func(t *tx) (err error) {
		release, err = t.release(ctx, a, from, copied, purpose, reason)
		return err
	})
	if err != nil {
		return "", err
	}
	return release, nil
}

// mayRelease asks for the patient's consent to the purpose as it is now, and for what a sensitive photo wants beside it.
func (t *tx) mayRelease(ctx context.Context, a Actor, id PhotoID, purpose string) error {
	c, err := consentOf(ctx, t, id)
	if err == nil && !c.allows(purpose) {
		err = say(ErrConflict, "The patient does not allow this photo for that purpose.")
	}
	if err != nil {
		return err
	}
	return t.mayLeave(ctx, a, id, purpose)
}

// release writes the rows of a copy that is durable; when another was faster, the copy is an orphan.
func (t *tx) release(ctx context.Context, a Actor, from, copied rendition, purpose, reason string) (ReleaseID, error) {
	if err := t.mayRelease(ctx, a, from.photo, purpose); err != nil {
		return "", err
	}
	t.purpose(purpose)
	var old ReleaseID
	err := t.QueryRowContext(ctx, `SELECT id FROM releases WHERE photo = $1 AND purpose = $2 AND ended_at IS NULL
		AND version = (SELECT version FROM photos WHERE id = $1)`, from.photo, purpose).Scan(&old)
	if err == nil {
		t.detail("release", string(old))
		return old, t.enqueue(ctx, jobDeleteBlob, copied.blob, t.now)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("looking for a release: %w", err)
	}
	var stands int64 // the approval that was copied is the one that stands
	err = t.QueryRowContext(ctx, `SELECT count(*) FROM photos f JOIN renditions r ON r.photo = f.id WHERE f.id = $1
		AND f.state = 'approved' AND r.id = $2 AND r.version = f.version AND r.wrapped_key IS NOT NULL`, from.photo, from.id).Scan(&stands)
	if err != nil {
		return "", fmt.Errorf("reading photo: %w", err)
	}
	if stands == 0 {
		return "", say(ErrConflict, "The photo has changed meanwhile. Look at it again.")
	}
	words, err := t.keepWords(ctx, from.patient, from.photo, reason)
	if err != nil {
		return "", err
	}
	if err := insertRenditions(ctx, t, []rendition{copied}); err != nil {
		return "", err
	}
	id := ReleaseID(newID())
	_, err = t.ExecContext(ctx, `INSERT INTO releases (id, photo, version, purpose, rendition, reason, released_by, released_at)
		SELECT $1, id, version, $2, $3, $4, $5, $6 FROM photos WHERE id = $7`, id, purpose, copied.id, words, a.person, t.now, from.photo)
	if err != nil {
		return "", fmt.Errorf("writing release: %w", err)
	}
	t.detail("release", string(id))
	return id, nil
}

// endReleases ends the copies of a photo for a purpose, or for all when it is empty. Their keys are the caller's.
func (t *tx) endReleases(ctx context.Context, id PhotoID, purpose, why string) error {
	_, err := t.ExecContext(ctx, `UPDATE releases SET ended_at = $1, ended_why = $2 WHERE photo = $3
		AND (purpose = $4 OR $4 = '') AND ended_at IS NULL`, t.now, why, id, purpose)
	if err != nil {
		return fmt.Errorf("ending releases: %w", err)
	}
	return nil
}

// ReadRelease opens the copy of a photo that was released for a purpose, while the patient allows it. Each look is in the
// log with the purpose. Errors: ErrInvalid, ErrNotFound, ErrDenied, ErrIntegrity, ErrUnavailable.
func (v *Vault) ReadRelease(ctx context.Context, a Actor, id PhotoID, purpose string) (Picture, error) {
	var r rendition
	var key seal.Key
	err := v.do(ctx, a, actReadRelease, onPhoto(id), func(t *tx) (err error) {
		kind, known := releasedKind[purpose]
		if !known {
			return say(ErrInvalid, "A photo is released for teaching or for publication.")
		}
		t.purpose(purpose)
		c, err := consentOf(ctx, t, id)
		if err != nil {
			return err
		}
		if !c.allows(purpose) {
			return ErrNotFound
		}
		err = holds(ctx, t, `SELECT count(*) FROM releases WHERE photo = $1 AND purpose = $2 AND ended_at IS NULL`, id, purpose)
		if err != nil {
			return err
		}
		r, key, err = v.findRendition(ctx, t, id, kind)
		return err
	})
	if err != nil {
		return Picture{}, err
	}
	return v.openRendition(ctx, a, r, key)
}

// Releases lists the copies of a photo that were ever released, newest first. Errors: ErrNotFound, ErrDenied.
func (v *Vault) Releases(ctx context.Context, a Actor, id PhotoID) ([]Release, error) {
	var out []Release
	err := v.do(ctx, a, actReleases, onPhoto(id), func(t *tx) (err error) {
		out, err = list(ctx, t, func(rows *sql.Rows) (r Release, err error) {
			return r, rows.Scan(&r.ID, &r.Photo, &r.Version, &r.Purpose, &r.Reason, &r.ReleasedBy, &r.ReleasedByName, &r.ReleasedAt,
				&r.EndedAt, &r.EndedWhy)
		}, `SELECT r.id, r.photo, r.version, r.purpose, r.reason, r.released_by, u.name, r.released_at, coalesce(r.ended_at, 0),
			r.ended_why FROM releases r JOIN people u ON u.id = r.released_by WHERE r.photo = $1 ORDER BY r.released_at DESC, r.id`, id)
		if err != nil {
			return fmt.Errorf("reading releases: %w", err)
		}
		for i := range out {
			if out[i].Reason, err = t.readWords(ctx, out[i].Reason); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

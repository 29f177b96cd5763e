package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// versions looks at the older versions that a store keeps. The vault writes each name once, so that a second version of
// an object is somebody else's doing, and what is under it is worth looking at.
func (c *storeChecker) versions(ctx context.Context) error {
	h, ok := c.v.cfg.Blobs.(Historian)
	if !ok {
		c.report.Notes = append(c.report.Notes, "the store keeps no older versions: what is overwritten or deleted there is lost")
		return nil
	}
	var touched []string
	var group []Version
	flush := func() {
		if len(group) > 1 || len(group) == 1 && group[0].Deleted {
			touched = append(touched, group[0].Name)
		}
		group = group[:0]
	}
	done := int64(0)
	err := h.Versions(ctx, "", func(v Version) error {
		if len(group) > 0 && group[0].Name != v.Name {
			flush()
		}
		group = append(group, v)
		done++
		c.tell(done, c.report.Objects)
		return nil
	})
	if err != nil {
		return err
	}
	flush()
	for _, name := range touched {
		if err := c.touched(ctx, h, name); err != nil {
			return err
		}
	}
	return c.uploads(ctx, h)
}

// touched looks at an object that has more than the one version the vault wrote.
func (c *storeChecker) touched(ctx context.Context, h Historian, name string) error {
	if !c.places[name].spoken {
		f := finding{object: name, found: FoundVersion}
		if !c.v.orphanable(name) {
			return nil // under way, or not ours: leftovers says so
		}
		return c.found(ctx, f, "run with --repair: it removes them", func(ctx context.Context) (bool, error) {
			return c.deleted(ctx, name)
		})
	}
	w, ok, err := c.v.wantedUnder(ctx, name)
	if err != nil || !ok {
		return err
	}
	f, err := c.v.look(ctx, c.a, w)
	switch {
	case err != nil:
		return err
	case f == "": // good on top: the rest is what somebody else wrote
		return c.found(ctx, w.finding(FoundVersion), "run with --repair: it removes them", func(ctx context.Context) (bool, error) {
			return c.v.bringBack(ctx, w)
		})
	case c.reported(name):
		return nil // the rows' step has said so already
	case f == FoundAbsent:
		f = FoundHidden
	}
	return c.spoilt(ctx, w, f)
}

// absentOrHidden tells an object that is gone from one that somebody deleted and whose versions the store keeps.
func (v *Vault) absentOrHidden(ctx context.Context, name string) (Found, error) {
	h, ok := v.cfg.Blobs.(Historian)
	if !ok {
		return FoundAbsent, nil
	}
	f := FoundAbsent
	err := h.Versions(ctx, name, func(o Version) error {
		if o.Name == name && !o.Deleted {
			f = FoundHidden
		}
		return nil
	})
	return f, err
}

// reported tells whether an object has a finding already.
func (c *storeChecker) reported(name string) bool {
	for i := len(c.report.List) - 1; i >= 0; i-- {
		if c.report.List[i].Object == name {
			return true
		}
	}
	return false
}

// wantedUnder finds the row that speaks of a name.
func (v *Vault) wantedUnder(ctx context.Context, name string) (w wanted, ok bool, err error) {
	found, err := list(ctx, v.db, func(rows *sql.Rows) (w wanted, err error) {
		return w, rows.Scan(&w.id, &w.photo, &w.patient, &w.kind, &w.version, &w.blob, &w.size, &w.hash)
	}, `SELECT r.id, r.photo, f.patient, r.kind, r.version, r.blob, r.size, r.sealed_hash
		FROM renditions r JOIN photos f ON f.id = r.photo WHERE r.blob = $1 AND r.wrapped_key IS NOT NULL`, name)
	if err == nil && len(found) == 0 {
		found, err = list(ctx, v.db, scanEnvelope, envelopeColumns+`WHERE envelope_blob = $1`, name)
	}
	if err != nil || len(found) == 0 {
		return wanted{}, false, dbError(err)
	}
	return found[0], true, nil
}

// bringBack looks among the versions of an object for the one that was stored, and removes all others. It tells
// whether the object is good now.
func (v *Vault) bringBack(ctx context.Context, w wanted) (bool, error) {
	h, ok := v.cfg.Blobs.(Historian)
	if !ok {
		return false, nil
	}
	var all []Version
	err := h.Versions(ctx, w.blob, func(o Version) error {
		if o.Name == w.blob {
			all = append(all, o)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	good := -1
	for i, o := range all {
		if o.Deleted || o.Size != w.size {
			continue
		}
		digest, err := versionDigest(ctx, h, o)
		if err != nil {
			return false, err
		}
		if digest == w.hash {
			good = i
			break
		}
	}
	if good < 0 {
		return false, nil
	}
	for i, o := range all {
		if i == good {
			continue
		}
		if err := h.DeleteVersion(ctx, o.Name, o.ID); err != nil {
			if errors.Is(err, ErrKept) && i > good {
				continue // below the good one it does no harm
			}
			if errors.Is(err, ErrKept) {
				return false, nil // somebody locked what they wrote over it
			}
			return false, err
		}
	}
	digest, err := versionDigest(ctx, h, Version{Name: w.blob})
	return digest == w.hash, err
}

func versionDigest(ctx context.Context, h Historian, o Version) (string, error) {
	body, err := h.GetVersion(ctx, o.Name, o.ID)
	if errors.Is(err, ErrAbsent) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, io.LimitReader(body, maxObject))
	if err := errors.Join(err, body.Close()); err != nil {
		return "", fmt.Errorf("reading version: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// uploads looks for uploads in parts: the vault makes none.
func (c *storeChecker) uploads(ctx context.Context, h Historian) error {
	var old []Upload
	err := h.Uploads(ctx, func(u Upload) error {
		if time.Since(u.Begun) > orphanAge {
			old = append(old, u)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, u := range old {
		err := c.found(ctx, finding{object: u.Name, found: FoundUpload}, "run with --repair: it removes them", func(ctx context.Context) (bool, error) {
			return true, h.AbortUpload(ctx, u)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

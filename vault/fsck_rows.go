package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/clinivault/clinivault/vault/seal"
)

// wanted is an object that a row speaks of.
type wanted struct {
	rendition // of an envelope only photo, patient, kind, blob, size and hash
	state     string
	reason    string
}

func (w wanted) finding(f Found) finding {
	return finding{object: w.blob, found: f, photo: w.photo, rendition: w.kind}
}

// renditions goes through the rows of renditions that have a key, in pages.
func (c *storeChecker) renditions(ctx context.Context) error {
	return c.pages(ctx, func(after string) ([]wanted, error) {
		return list(ctx, c.v.db, func(rows *sql.Rows) (w wanted, err error) {
			return w, rows.Scan(&w.id, &w.photo, &w.patient, &w.kind, &w.version, &w.blob, &w.size, &w.hash)
		}, `SELECT r.id, r.photo, f.patient, r.kind, r.version, r.blob, r.size, r.sealed_hash
			FROM renditions r JOIN photos f ON f.id = r.photo JOIN patients p ON p.id = f.patient
			WHERE r.blob > $1 AND r.wrapped_key IS NOT NULL AND p.wrapped_key IS NOT NULL AND f.state <> 'erased'
			ORDER BY r.blob LIMIT $2`, after, checkPage)
	})
}

// envelopes goes through the sealed captures that are kept.
func (c *storeChecker) envelopes(ctx context.Context) error {
	return c.pages(ctx, func(after string) ([]wanted, error) {
		return list(ctx, c.v.db, scanEnvelope, envelopeColumns+`WHERE envelope_blob > $1 AND state <> 'erased'
			ORDER BY envelope_blob LIMIT $2`, after, checkPage)
	})
}

const envelopeColumns = `SELECT id, patient, state, reason, envelope_blob, envelope_size, envelope_digest FROM photos `

func scanEnvelope(rows *sql.Rows) (w wanted, err error) {
	w.kind = kindEnvelope
	return w, rows.Scan(&w.photo, &w.patient, &w.state, &w.reason, &w.blob, &w.size, &w.hash)
}

// pages calls read for one page after the other, by the name of the object, and checks what is on it.
func (c *storeChecker) pages(ctx context.Context, read func(after string) ([]wanted, error)) error {
	after, done := "", int64(0)
	for {
		page, err := read(after)
		if err != nil {
			return dbError(fmt.Errorf("reading rows: %w", err))
		}
		for _, w := range page {
			if err := c.object(ctx, w); err != nil {
				return err
			}
			done++
			c.tell(done, int64(len(c.places)))
		}
		if len(page) < checkPage {
			return nil
		}
		after = page[len(page)-1].blob
	}
}

// object checks one object that a row speaks of.
func (c *storeChecker) object(ctx context.Context, w wanted) error {
	at, listed := c.places[w.blob]
	c.rows++
	if !listed {
		at.size = -1
	} else {
		c.here++
	}
	at.spoken = true
	c.places[w.blob] = at
	if at.size == w.size {
		c.report.Bytes += w.size
	}
	if at.size == w.size && !c.opt.Deep {
		return nil
	}
	f, err := c.v.look(ctx, c.a, w)
	if err != nil || f == "" {
		return err
	}
	if still, err := c.v.stillWanted(ctx, w); err != nil || !still {
		return err // erased, withdrawn or processed meanwhile
	}
	if f == FoundAbsent {
		if f, err = c.v.absentOrHidden(ctx, w.blob); err != nil {
			return err
		}
	}
	return c.spoilt(ctx, w, f)
}

// spoilt reports an object that is not what was stored. It is brought back where the store still has it, and made anew
// where it comes from the original.
func (c *storeChecker) spoilt(ctx context.Context, w wanted, f Found) error {
	return c.found(ctx, w.finding(f), w.remedy(f), func(ctx context.Context) (bool, error) {
		if f != FoundRow && f != FoundSeal { // the object itself is the one that was stored
			back, err := c.v.bringBack(ctx, w)
			if err != nil {
				return false, err
			}
			if back {
				return true, c.v.freeQuarantined(ctx, c.a, w)
			}
		}
		return c.v.remake(ctx, c.a, w)
	})
}

// remedy says what a person can do.
func (w wanted) remedy(f Found) string {
	switch {
	case w.remade():
		return "run with --repair: it is made anew from the original, when that is good"
	case f == FoundRow:
		return "restore the database from a backup: a row was changed outside the vault"
	case f == FoundHidden:
		return "run with --repair: the store still has the version"
	case w.kind == kindEnvelope:
		return "restore the object from a backup of the store; the author was told that the photo is in quarantine"
	case w.kind == KindOriginal:
		return "restore the object from a backup of the store"
	}
	return "restore the object from a backup of the store; while the original is good, reopening the review makes the released pictures anew"
}

// look reads one object to its end and says what is wrong with it; empty when nothing is.
func (v *Vault) look(ctx context.Context, a Actor, w wanted) (Found, error) {
	body, err := v.cfg.Blobs.Get(ctx, w.blob)
	if errors.Is(err, ErrAbsent) {
		return FoundAbsent, nil
	}
	if err != nil {
		return "", err
	}
	defer body.Close()
	hash := sha256.New()
	src := io.TeeReader(io.LimitReader(body, w.size+1), hash)
	begin := make([]byte, len(objectMagic))
	n, err := io.ReadFull(src, begin)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("reading object: %w", err)
	}
	rest, opened := &counter{from: src}, error(nil)
	if w.kind != kindEnvelope {
		key, err := v.keyOf(ctx, a, w.rendition)
		if errors.Is(err, ErrIntegrity) {
			return FoundRow, nil
		}
		if errors.Is(err, ErrNotFound) {
			return "", nil // its key was destroyed meanwhile
		}
		if err != nil {
			return "", err
		}
		defer key.Wipe()
		opened = seal.OpenObject(io.Discard, io.MultiReader(bytes.NewReader(begin[:n]), rest), key, w.binding(v.cfg.Tenant))
	}
	if _, err := io.Copy(io.Discard, rest); err != nil {
		return "", fmt.Errorf("reading object: %w", err)
	}
	if rest.broken != nil {
		return "", fmt.Errorf("reading object: %w", rest.broken)
	}
	return v.judgeObject(ctx, w, begin[:n], int64(n)+rest.n, hex.EncodeToString(hash.Sum(nil)), opened)
}

// judgeObject names what is wrong with an object of which so much is known.
func (v *Vault) judgeObject(ctx context.Context, w wanted, begin []byte, size int64, digest string, opened error) (Found, error) {
	if digest == w.hash {
		if opened != nil {
			return FoundSeal, nil
		}
		return "", nil
	}
	magic := objectMagic
	if w.kind == kindEnvelope {
		magic = envelopeMagic
	}
	f := lookOf(begin, 0, magic)
	if f == FoundAltered && size < w.size {
		f = FoundCut
	}
	r := refusal{finding: w.finding(f), digest: digest}
	err := v.retry(ctx, false, func(t *tx) error { return r.recognise(ctx, t) })
	return r.found, err
}

// keyOf reads a rendition's key as it is now.
func (v *Vault) keyOf(ctx context.Context, a Actor, r rendition) (key seal.Key, err error) {
	err = v.quietly(ctx, a, actStoreCheck, object{Kind: "store"}, func(t *tx) error {
		var wrapped []byte
		if err := t.QueryRowContext(ctx, `SELECT wrapped_key FROM renditions WHERE id = $1`, r.id).Scan(&wrapped); err != nil {
			return absent(err)
		}
		if len(wrapped) == 0 {
			return ErrNotFound
		}
		patient, err := v.patientKey(ctx, t, r.patient)
		if err != nil {
			return err
		}
		defer patient.Wipe()
		aad, err := r.binding(v.cfg.Tenant).AAD()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrIntegrity, err)
		}
		if key, err = seal.Unwrap(patient, wrapped, aad); err != nil {
			return fmt.Errorf("%w: rendition key: %w", ErrIntegrity, err)
		}
		return nil
	})
	return key, err
}

// stillWanted tells whether the row still speaks of that object.
func (v *Vault) stillWanted(ctx context.Context, w wanted) (bool, error) {
	query := `SELECT count(*) FROM renditions r JOIN photos f ON f.id = r.photo JOIN patients p ON p.id = f.patient
		WHERE r.blob = $1 AND r.wrapped_key IS NOT NULL AND p.wrapped_key IS NOT NULL AND f.state <> 'erased'`
	if w.kind == kindEnvelope {
		query = `SELECT count(*) FROM photos WHERE envelope_blob = $1 AND state <> 'erased'`
	}
	var n int64
	err := v.db.QueryRowContext(ctx, query, w.blob).Scan(&n)
	return n > 0, dbError(err)
}

// counter counts what is read through it and keeps a failure apart from the end.
type counter struct {
	from   io.Reader
	n      int64
	broken error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.broken = err
	}
	return n, err
}

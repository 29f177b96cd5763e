package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/clinivault/clinivault/vault/seal"
)

// maxObject bounds a sealed rendition that is read back, in bytes.
const maxObject = 256 << 20

// How sealed objects begin (FORMAT.md).
const (
	objectMagic   = "CVOBJ1\n\x00"
	envelopeMagic = "CVCAP1\n\x00"
)

const kindEnvelope = "envelope" // what incidents call a sealed capture

// putObject seals plain under key, bound to b, and stores it under name. On
// return the object is durable; size and sealedHash (SHA-256, hex) are of the
// sealed bytes, for the row.
func (v *Vault) putObject(ctx context.Context, b seal.Binding, key seal.Key, plain []byte, name string) (size int64, sealedHash string, err error) {
	sealed, err := seal.SealBytes(plain, key, b)
	if err != nil {
		return 0, "", fmt.Errorf("sealing %s: %w", b.Rendition, err)
	}
	if len(sealed) > maxObject {
		return 0, "", fmt.Errorf("sealing %s: %w", b.Rendition, ErrTooLarge)
	}
	if err := v.cfg.Blobs.Put(ctx, name, bytes.NewReader(sealed), int64(len(sealed))); err != nil {
		return 0, "", fmt.Errorf("storing %s: %w", b.Rendition, err)
	}
	sum := sha256.Sum256(sealed)
	return int64(len(sealed)), hex.EncodeToString(sum[:]), nil
}

// openObject fetches and opens what putObject stored. Bytes that are not what
// was stored, under that name, for that binding, are never returned: the event
// "integrity.refused" and the incident are written first, then comes a *Refused,
// which is ErrIntegrity. An object that the rows know and the store has not is
// such a case too. No more than size bytes, which putObject returned, are read.
func (v *Vault) openObject(ctx context.Context, a Actor, b seal.Binding, key seal.Key, name, sealedHash string, size int64, on object) ([]byte, error) {
	sealed, err := v.fetch(ctx, name, min(size, maxObject))
	if err != nil && !errors.Is(err, ErrAbsent) && !errors.Is(err, ErrTooLarge) {
		return nil, fmt.Errorf("opening %s: %w", b.Rendition, err)
	}
	r := refusal{finding: finding{object: name, photo: PhotoID(b.Photo), rendition: renditionKind(b.Rendition)}, on: on}
	sum := sha256.Sum256(sealed)
	r.digest = hex.EncodeToString(sum[:])
	switch {
	case err != nil:
		r.found, r.digest = foundOf(err), ""
	case subtle.ConstantTimeCompare([]byte(r.digest), []byte(sealedHash)) != 1:
		r.found = lookOf(sealed, size, objectMagic)
	default:
		plain, err := seal.OpenBytes(sealed, key, b)
		if err == nil {
			return plain, nil
		}
		r.found = FoundSeal
	}
	return nil, v.refuseObject(ctx, a, r)
}

// renditionKind is the kind in a rendition's name, "kind/ID".
func renditionKind(rendition string) string {
	kind, _, _ := strings.Cut(rendition, "/")
	return kind
}

// foundOf names what an error of fetch tells about the object.
func foundOf(err error) Found {
	if errors.Is(err, ErrAbsent) {
		return FoundAbsent
	}
	return FoundAltered // longer than what was stored
}

// lookOf names what is wrong with bytes whose digest is another than expected.
func lookOf(got []byte, want int64, magic string) Found {
	switch {
	case len(got) >= len(magic) && !bytes.HasPrefix(got, []byte(magic)):
		return FoundForeign
	case int64(len(got)) < want:
		return FoundCut
	}
	return FoundAltered
}

// refusal is a finding made when an object was to be opened.
type refusal struct {
	finding
	digest string // SHA-256, hex, of what is there; empty when unknown
	on     object
}

// refuseObject reports an object that failed its check: event and incident in
// one transaction. It returns the error for the caller, a *Refused.
func (v *Vault) refuseObject(ctx context.Context, a Actor, r refusal) error {
	v.integrityRefused.Add(1)
	e := newEntry(a, actIntegrity, r.on)
	e.Outcome = outcomeRefused
	e.Photo = shape(string(r.photo))
	e.fact("rendition", r.rendition)
	err := v.retryDetached(ctx, func(ctx context.Context, t *tx) error {
		if r.on.Patient != "" {
			if err := t.patient(ctx, r.on.Patient); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			e.Patient = t.entry.Patient
		}
		if err := r.recognise(ctx, t); err != nil {
			return err
		}
		e.fact("found", string(r.found))
		if _, err := t.incident(ctx, r.finding); err != nil {
			return err
		}
		return t.event(ctx, e)
	})
	v.cfg.Log.Error("stored object refused", "photo", string(r.photo), "rendition", r.rendition, "found", string(r.found))
	if err != nil {
		return fmt.Errorf("writing the audit event: %w", ErrUnavailable)
	}
	return fmt.Errorf("opening %s: %w", r.rendition, &Refused{Photo: r.photo, Rendition: r.rendition, Found: r.found})
}

// recognise looks whether what is there is another object of this vault.
func (r *refusal) recognise(ctx context.Context, t *tx) error {
	if r.digest == "" || r.found == FoundSeal {
		return nil
	}
	var n int64
	err := t.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM renditions WHERE sealed_hash = $1)
		+ (SELECT count(*) FROM photos WHERE envelope_digest = $1)`, r.digest).Scan(&n)
	if err != nil {
		return fmt.Errorf("looking for the object's owner: %w", err)
	}
	if n > 0 {
		r.found = FoundSwapped
	}
	return nil
}

// fetch reads one object whole, at most limit bytes of it.
func (v *Vault) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	r, err := v.cfg.Blobs.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("reading object: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("stored object: %w", ErrTooLarge)
	}
	return body, nil
}

// IntegrityRefusals counts the objects this process refused to serve because
// they were not what had been stored.
func (v *Vault) IntegrityRefusals() uint64 { return uint64(v.integrityRefused.Load()) }

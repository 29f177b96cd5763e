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

	"github.com/clinivault/clinivault/vault/seal"
)

// maxObject bounds a sealed rendition that is read back, in bytes.
const maxObject = 256 << 20

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
// "integrity.refused" is written first, then comes ErrIntegrity. An object that
// the rows know and the store has not is such a case too. No more than size bytes,
// which putObject returned, are read.
func (v *Vault) openObject(ctx context.Context, a Actor, b seal.Binding, key seal.Key, name, sealedHash string, size int64, on object) ([]byte, error) {
	sealed, err := v.fetch(ctx, name, min(size, maxObject))
	if err == nil {
		sum := sha256.Sum256(sealed)
		if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(sealedHash)) != 1 {
			err = fmt.Errorf("sealed bytes differ: %w", ErrIntegrity)
		}
	}
	var plain []byte
	if err == nil {
		if plain, err = seal.OpenBytes(sealed, key, b); err != nil {
			err = fmt.Errorf("%w: %w", ErrIntegrity, err)
		}
	}
	if err == nil {
		return plain, nil
	}
	if !errors.Is(err, ErrIntegrity) && !errors.Is(err, ErrAbsent) && !errors.Is(err, ErrTooLarge) {
		return nil, fmt.Errorf("opening %s: %w", b.Rendition, err)
	}
	return nil, v.refuseObject(ctx, a, b, on, err)
}

// refuseObject reports an object that failed its check, and returns the error
// for the caller.
func (v *Vault) refuseObject(ctx context.Context, a Actor, b seal.Binding, on object, cause error) error {
	v.integrityRefused.Add(1)
	v.cfg.Log.Error("stored object refused", "photo", b.Photo, "rendition", b.Rendition, "error", cause)
	e := newEntry(a, actIntegrity, on)
	e.Outcome = outcomeRefused
	e.Photo = shape(b.Photo)
	e.fact("rendition", b.Rendition)
	switch {
	case errors.Is(cause, ErrAbsent):
		e.fact("found", "absent")
	default:
		e.fact("found", "altered")
	}
	err := v.retryDetached(ctx, func(ctx context.Context, t *tx) error {
		if on.Patient != "" {
			if err := t.patient(ctx, on.Patient); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			e.Patient = t.entry.Patient
		}
		return t.event(ctx, e)
	})
	if err != nil {
		return fmt.Errorf("writing the audit event: %w", ErrUnavailable)
	}
	return fmt.Errorf("opening %s: %w", b.Rendition, ErrIntegrity)
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

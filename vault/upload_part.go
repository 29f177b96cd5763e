package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/clinivault/clinivault/vault/seal"
)

// errPartGone: the store does not give a part back as it came.
var errPartGone = errors.New("part of an upload is gone")

// sayMissing names what a finish without all parts is told.
func sayParts() error {
	return say(ErrConflict, "Parts of the photo are still missing. Ask which are held and send the others.")
}

// KeepPart makes b, the bytes of the capture from offset on, outlive the connection, the process and, where the store
// does, the machine. Offset and length are multiples of PartUnit, but at the capture's end; b has at most MaxPart bytes.
// What is held already is not stored again, whatever its bytes: that the whole is right is checked when it is finished.
// After the photo was accepted it does nothing. Errors: ErrNotFound where no upload was begun by this person,
// ErrInvalid, ErrUnavailable: nothing is kept, send it again.
func (v *Vault) KeepPart(ctx context.Context, a Actor, id CaptureID, offset int64, b []byte) error {
	sum := sha256.Sum256(b)
	p := heldPart{CapturePart: CapturePart{Offset: offset, Size: int64(len(b))}, digest: hex.EncodeToString(sum[:])}
	on, held := onCapture(id), false
	err := v.quietly(ctx, a, actAccept, on, func(t *tx) (err error) {
		held, err = t.holdsPart(ctx, id, a, p.CapturePart)
		return err
	})
	if err != nil || held {
		return err
	}
	p.blob = v.blobName(blobPart)
	if err := v.cfg.Blobs.Put(ctx, p.blob, bytes.NewReader(b), p.Size); err != nil {
		return fmt.Errorf("storing part: %w", tryLater(err))
	}
	err = v.quietly(ctx, a, actAccept, on, func(t *tx) error {
		held, err := t.holdsPart(ctx, id, a, p.CapturePart)
		if err != nil {
			return err
		}
		if held { // the same part came on two ways at once
			return t.enqueue(ctx, jobDeleteBlob, p.blob, t.now)
		}
		_, err = t.ExecContext(ctx, `INSERT INTO upload_parts (blob, capture_id, person, start_at, size, digest)
			VALUES ($1, $2, $3, $4, $5, $6)`, p.blob, id, a.person, p.Offset, p.Size, p.digest)
		if err != nil {
			return fmt.Errorf("writing part: %w", err)
		}
		return t.touchUpload(ctx, id, a.person)
	})
	if err != nil { // also where the row may be there after all: a part that is not comes again
		return errors.Join(err, v.deleteNow(ctx, p.blob))
	}
	return nil
}

// deleteNow deletes an object for somebody who may have gone away.
func (v *Vault) deleteNow(ctx context.Context, blob string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := v.cfg.Blobs.Delete(ctx, blob); err != nil {
		return fmt.Errorf("deleting part: %w", err)
	}
	return nil
}

// holdsPart tells whether all of a part is held, or the photo was accepted; an error where it cannot be a part.
func (t *tx) holdsPart(ctx context.Context, id CaptureID, a Actor, p CapturePart) (bool, error) {
	up, err := t.uploadOrReceipt(ctx, id, a)
	if err != nil {
		return false, err
	}
	if up.Receipt != nil {
		return true, nil
	}
	if !p.in(up.Size) {
		return false, say(ErrInvalid, "A part begins at a multiple of 65,536 bytes and has a multiple of it, 524,288 at most; only the last may be shorter.")
	}
	for _, h := range up.Held {
		if h.Offset <= p.Offset && p.Offset+p.Size <= h.Offset+h.Size {
			return true, nil
		}
	}
	var stored int64
	err = t.QueryRowContext(ctx, `SELECT coalesce(sum(size), 0) FROM upload_parts WHERE capture_id = $1 AND person = $2`, id, a.person).
		Scan(&stored)
	if err != nil {
		return false, fmt.Errorf("counting parts: %w", err)
	}
	if stored+p.Size > 2*up.Size+MaxPart {
		return false, say(ErrConflict, "Too many parts overlap. Ask which are held and send the others.")
	}
	return false, nil
}

// in tells whether p can be a part of a capture of that size.
func (p CapturePart) in(size int64) bool {
	end := p.Offset + p.Size
	return p.Size > 0 && p.Size <= MaxPart && p.Offset >= 0 && p.Offset%PartUnit == 0 && p.Offset < size &&
		(end < size && p.Size%PartUnit == 0 || end == size)
}

// ReadPart gives back what is held from offset on, as far as one part reaches. Errors: ErrNotFound, also where the store
// lost it.
func (v *Vault) ReadPart(ctx context.Context, a Actor, id CaptureID, offset int64) ([]byte, error) {
	var found *heldPart
	err := v.quietly(ctx, a, actAccept, onCapture(id), func(t *tx) error {
		parts, err := t.parts(ctx, id, a.person)
		found = nil
		for _, p := range parts {
			end := p.Offset + p.Size
			if p.Offset <= offset && offset < end && (found == nil || end > found.Offset+found.Size) {
				found = &p
			}
		}
		if err == nil && found == nil {
			err = fmt.Errorf("part of an upload: %w", ErrNotFound)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	b, err := v.readPart(ctx, *found)
	if errors.Is(err, errPartGone) {
		return nil, errors.Join(fmt.Errorf("part of an upload: %w", ErrNotFound), v.losePart(ctx, a, id, *found))
	}
	if err != nil {
		return nil, err
	}
	return b[offset-found.Offset:], nil // as long as its row says, or its digest would be another
}

// FinishUpload accepts the photo that the parts make, as Accept does, and drops them in the same transaction. A second
// call gives the same receipt and created false. Errors: those of Accept, ErrNotFound where no upload was begun by this
// person, ErrConflict where parts are missing, and ErrDigest where the parts are not what was announced: they are
// dropped then, and the upload is to be begun anew.
func (v *Vault) FinishUpload(ctx context.Context, a Actor, id CaptureID) (receipt seal.Receipt, created bool, err error) {
	var up CaptureUpload
	var parts []heldPart
	err = v.quietly(ctx, a, actAccept, onCapture(id), func(t *tx) error {
		if up, err = t.uploadOrReceipt(ctx, id, a); err != nil || up.Receipt != nil {
			return err
		}
		if len(up.Held) != 1 || up.Held[0] != (CapturePart{Size: up.Size}) {
			return sayParts()
		}
		parts, err = t.parts(ctx, id, a.person)
		return err
	})
	if err != nil {
		return seal.Receipt{}, false, err
	}
	if up.Receipt != nil {
		return *up.Receipt, false, nil
	}
	receipt, created, err = v.accept(ctx, a, AcceptRequest{CaptureID: id, Digest: up.Digest, Size: up.Size}, func() ([]byte, error) {
		return v.assemble(ctx, a, up, parts)
	})
	if errors.Is(err, ErrDigest) {
		return receipt, created, errors.Join(err, v.DropUpload(ctx, a, id))
	}
	if errors.Is(err, ErrConflict) { // or the photo was received meanwhile, and its parts are gone for that
		if now, lookErr := v.HeldParts(ctx, a, id); lookErr == nil && now.Receipt != nil {
			return *now.Receipt, false, nil
		}
	}
	return receipt, created, err
}

// assemble puts the parts together. One that the store does not give back as it came is lost: it has to come again.
func (v *Vault) assemble(ctx context.Context, a Actor, up CaptureUpload, parts []heldPart) ([]byte, error) {
	body := make([]byte, 0, up.Size) // within MaxCapture, or the upload had not been opened
	for _, p := range parts {
		have := int64(len(body))
		if p.Offset+p.Size <= have {
			continue
		}
		b, err := v.readPart(ctx, p)
		if errors.Is(err, errPartGone) {
			return nil, errors.Join(sayParts(), v.losePart(ctx, a, up.CaptureID, p))
		}
		if err != nil {
			return nil, err
		}
		if p.Offset > have {
			return nil, sayParts()
		}
		body = append(body, b[have-p.Offset:]...)
	}
	sum := sha256.Sum256(body)
	if int64(len(body)) != up.Size || subtle.ConstantTimeCompare(sum[:], up.Digest[:]) != 1 {
		return nil, fmt.Errorf("sealed capture in parts: %w", ErrDigest)
	}
	return body, nil
}

// readPart reads a part and compares its digest; errPartGone where the store has none or another.
func (v *Vault) readPart(ctx context.Context, p heldPart) (b []byte, err error) {
	body, err := v.cfg.Blobs.Get(ctx, p.blob)
	if errors.Is(err, ErrAbsent) {
		return nil, errPartGone
	}
	if err != nil {
		return nil, fmt.Errorf("reading part: %w", tryLater(err))
	}
	b, err = io.ReadAll(io.LimitReader(body, p.Size+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("reading part: %w", tryLater(err))
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != p.digest {
		return nil, errPartGone
	}
	return b, nil
}

// losePart forgets a part that the store did not give back.
func (v *Vault) losePart(ctx context.Context, a Actor, id CaptureID, p heldPart) error {
	v.cfg.Log.Error("part of an upload is not as it was stored", "capture", string(id), "object", p.blob)
	return v.quietly(ctx, a, actAccept, onCapture(id), func(t *tx) error { return t.dropPart(ctx, p) })
}

func (t *tx) dropPart(ctx context.Context, p heldPart) error {
	if _, err := t.ExecContext(ctx, `DELETE FROM upload_parts WHERE blob = $1`, p.blob); err != nil {
		return fmt.Errorf("dropping part: %w", err)
	}
	return t.enqueue(ctx, jobDeleteBlob, p.blob, t.now)
}

// parts lists the parts of an upload by where they begin.
func (t *tx) parts(ctx context.Context, id CaptureID, person PersonID) ([]heldPart, error) {
	all, err := list(ctx, t, func(rows *sql.Rows) (p heldPart, err error) {
		return p, rows.Scan(&p.Offset, &p.Size, &p.digest, &p.blob)
	}, `SELECT start_at, size, digest, blob FROM upload_parts WHERE capture_id = $1 AND person = $2 ORDER BY start_at, size`, id, person)
	if err != nil {
		return nil, fmt.Errorf("reading parts: %w", err)
	}
	return all, nil
}

// joined is what parts cover together, they being ordered by where they begin.
func joined(parts []heldPart) []CapturePart {
	var out []CapturePart
	for _, p := range parts {
		last := len(out) - 1
		if last < 0 || p.Offset > out[last].Offset+out[last].Size {
			out = append(out, p.CapturePart)
			continue
		}
		out[last].Size = max(out[last].Size, p.Offset+p.Size-out[last].Offset)
	}
	return slices.Clip(out)
}

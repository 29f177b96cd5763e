package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

const (
	// PartUnit is the grid of parts, in bytes: a part begins at a multiple of it and is as long as a multiple of it, but
	// the one that ends the capture.
	PartUnit = 64 << 10
	// MaxPart is the most bytes that one part may have.
	MaxPart = 512 << 10

	maxUploads  = 8         // that one person may have open
	uploadRoom  = 256 << 20 // bytes that they may announce together
	uploadAge   = 48 * time.Hour
	uploadQuiet = 10 * time.Minute // without a part, after which an upload makes room for another of the same person
)

// UploadOffer announces a sealed capture that comes in parts: SHA-256 and length of the whole envelope.
type UploadOffer struct {
	CaptureID CaptureID
	Digest    [sha256.Size]byte
	Size      int64
}

// CaptureUpload is what the vault holds of a sealed capture that comes in parts. Receipt is set when the photo was
// accepted, on whatever way; there are no parts then.
type CaptureUpload struct {
	CaptureID CaptureID
	Digest    [sha256.Size]byte
	Size      int64
	Held      []CapturePart // in order, none touching another
	Receipt   *seal.Receipt
}

// CapturePart is a run of bytes of a sealed capture.
type CapturePart struct {
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
}

// heldPart is a part in the store.
type heldPart struct {
	CapturePart
	digest, blob string
}

func onCapture(id CaptureID) object { return object{Kind: "capture", ID: string(id)} }

// BeginUpload opens an upload in parts, or finds the one that the same person opened before, from whatever device, with
// what is held of it. It is decided like Accept, as each of the calls that follow is; the upload is the person's alone.
// Parts are ciphertext and say nothing of the patient: whether the photo may be taken in is decided when it is whole.
// Errors: ErrInvalid, ErrTooLarge, ErrConflict for other bytes under the same ID, ErrUnavailable when the person has too
// much on the way already.
func (v *Vault) BeginUpload(ctx context.Context, a Actor, o UploadOffer) (CaptureUpload, error) {
	var up CaptureUpload
	digest := hex.EncodeToString(o.Digest[:])
	err := v.quietly(ctx, a, actAccept, onCapture(o.CaptureID), func(t *tx) error {
		up = CaptureUpload{CaptureID: o.CaptureID, Digest: o.Digest, Size: o.Size}
		if err := (AcceptRequest{CaptureID: o.CaptureID, Size: o.Size}).check(v.cfg.MaxCapture); err != nil {
			return err
		}
		old, err := heldCapture(ctx, t, o.CaptureID)
		if err != nil {
			return err
		}
		if old != nil {
			receipt, err := old.again(a, digest)
			up.Receipt = &receipt
			return err
		}
		found, err := t.upload(ctx, o.CaptureID, a.person)
		switch {
		case errors.Is(err, ErrNotFound):
			return t.openUpload(ctx, a, o, digest)
		case err != nil:
			return err
		case found.Digest != o.Digest || found.Size != o.Size:
			return say(ErrConflict, "Another photo is on its way under this number.")
		}
		up = found
		return t.touchUpload(ctx, o.CaptureID, a.person)
	})
	if err != nil {
		return CaptureUpload{}, err
	}
	return up, nil
}

// HeldParts says how far an upload is. A photo that was accepted has a receipt instead. Errors: ErrNotFound, also for
// another person's.
func (v *Vault) HeldParts(ctx context.Context, a Actor, id CaptureID) (CaptureUpload, error) {
	var up CaptureUpload
	err := v.quietly(ctx, a, actAccept, onCapture(id), func(t *tx) (err error) {
		up, err = t.uploadOrReceipt(ctx, id, a)
		return err
	})
	if err != nil {
		return CaptureUpload{}, err
	}
	return up, nil
}

// DropUpload throws away what is held of an upload; of one that is not there it is no error.
func (v *Vault) DropUpload(ctx context.Context, a Actor, id CaptureID) error {
	return v.quietly(ctx, a, actAccept, onCapture(id), func(t *tx) error { return t.dropUpload(ctx, id, a.person) })
}

// upload reads an upload of one person with its parts; ErrNotFound.
func (t *tx) upload(ctx context.Context, id CaptureID, person PersonID) (CaptureUpload, error) {
	up := CaptureUpload{CaptureID: id}
	var digest string
	err := t.QueryRowContext(ctx, `SELECT digest, size FROM uploads WHERE capture_id = $1 AND person = $2`, id, person).
		Scan(&digest, &up.Size)
	if err != nil {
		return CaptureUpload{}, fmt.Errorf("reading upload: %w", absent(err))
	}
	if n, err := hex.Decode(up.Digest[:], []byte(digest)); err != nil || n != sha256.Size {
		return CaptureUpload{}, fmt.Errorf("row of an upload: %w", ErrIntegrity)
	}
	parts, err := t.parts(ctx, id, person)
	up.Held = joined(parts)
	return up, err
}

// uploadOrReceipt is upload, or the receipt where the photo was accepted from the same person.
func (t *tx) uploadOrReceipt(ctx context.Context, id CaptureID, a Actor) (CaptureUpload, error) {
	old, err := heldCapture(ctx, t, id)
	if err != nil {
		return CaptureUpload{}, err
	}
	if old == nil || old.author != a.person {
		return t.upload(ctx, id, a.person)
	}
	r, err := old.again(a, old.digest)
	up := CaptureUpload{CaptureID: id, Size: r.Size, Receipt: &r}
	hex.Decode(up.Digest[:], []byte(old.digest))
	return up, err
}

// openUpload writes the row of a new upload, once there is room for it.
func (t *tx) openUpload(ctx context.Context, a Actor, o UploadOffer, digest string) error {
	if err := t.uploadFits(ctx, a.person, o.Size); err != nil {
		return err
	}
	_, err := t.ExecContext(ctx, `INSERT INTO uploads (capture_id, person, session, digest, size, created_at, touched_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6)`, o.CaptureID, a.person, a.session, digest, o.Size, t.now)
	if err != nil {
		return fmt.Errorf("opening upload: %w", err)
	}
	return nil
}

// uploadFits makes room for another upload of a person: those that nothing came of for a while go first. Nothing is lost
// by it, since no receipt was given.
func (t *tx) uploadFits(ctx context.Context, person PersonID, size int64) error {
	type open struct {
		id            CaptureID
		size, touched int64
	}
	all, err := list(ctx, t, func(rows *sql.Rows) (o open, err error) { return o, rows.Scan(&o.id, &o.size, &o.touched) },
		`SELECT capture_id, size, touched_at FROM uploads WHERE person = $1 ORDER BY touched_at, capture_id`, person)
	if err != nil {
		return fmt.Errorf("reading uploads: %w", err)
	}
	for _, o := range all {
		size += o.size
	}
	for len(all) >= maxUploads || len(all) > 0 && size > uploadRoom {
		if all[0].touched > t.now-uploadQuiet.Milliseconds() {
			return say(ErrUnavailable, "Too many of your photos are on the way at once. This one is kept and goes when there is room.")
		}
		if err := t.dropUpload(ctx, all[0].id, person); err != nil {
			return err
		}
		size -= all[0].size
		all = all[1:]
	}
	return nil
}

func (t *tx) touchUpload(ctx context.Context, id CaptureID, person PersonID) error {
	_, err := t.ExecContext(ctx, `UPDATE uploads SET touched_at = $1 WHERE capture_id = $2 AND person = $3`, t.now, id, person)
	if err != nil {
		return fmt.Errorf("noting upload: %w", err)
	}
	return nil
}

// dropUpload forgets an upload and has its parts deleted from the store.
func (t *tx) dropUpload(ctx context.Context, id CaptureID, person PersonID) error {
	parts, err := t.parts(ctx, id, person)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := t.dropPart(ctx, p); err != nil {
			return err
		}
	}
	if _, err := t.ExecContext(ctx, `DELETE FROM uploads WHERE capture_id = $1 AND person = $2`, id, person); err != nil {
		return fmt.Errorf("dropping upload: %w", err)
	}
	return nil
}

// sweepUploads drops the uploads that nothing came of for two days, and those whose photo has arrived on another way.
// What was touched in the future was so by a clock that has been set back since.
func (v *Vault) sweepUploads(ctx context.Context, a Actor) (dropped int64, err error) {
	type key struct {
		id     CaptureID
		person PersonID
	}
	err = v.quietly(ctx, a, actSweep, object{Kind: "store"}, func(t *tx) error {
		dropped = 0
		old, err := list(ctx, t, func(rows *sql.Rows) (k key, err error) { return k, rows.Scan(&k.id, &k.person) },
			`SELECT capture_id, person FROM uploads u WHERE touched_at <= $1 OR touched_at > $2
			OR EXISTS (SELECT 1 FROM photos p WHERE p.capture_id = u.capture_id AND p.author = u.person) LIMIT $3`,
			t.now-uploadAge.Milliseconds(), t.now+uploadAge.Milliseconds(), sweepPage)
		if err != nil {
			return err
		}
		for _, k := range old {
			if err := t.dropUpload(ctx, k.id, k.person); err != nil {
				return err
			}
			dropped++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("sweeping uploads: %w", err)
	}
	return dropped, nil
}

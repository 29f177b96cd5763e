package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/clinivault/clinivault/vault/seal"
)

// Named is a person as a chart may name them.
type Named struct {
	ID   PersonID `json:"id"`
	Name string   `json:"name"`
}

// Delivery is everything a chart writer needs for one attachment. Bytes is the exact picture to send: for FHIR the
// redacted rendition, for DICOM the same as baseline JPEG with upright pixels and no orientation tag. Progress is what
// SaveProgress kept last, "{}" at first.
type Delivery struct {
	Attachment  AttachmentID
	Target      string
	Photo       PhotoID
	Version     int64
	Progress    json.RawMessage
	Patient     Patient   // without encounters
	Encounter   Encounter // zero when the capture named none
	Author      Named
	Reviewer    Named
	TakenAt     Time
	ApprovedAt  Time
	BodySite    BodySite
	Laterality  string
	MediaType   string
	Bytes       []byte
	Width       int // upright pixels
	Height      int
	Purpose     string // of the consent it rests on
	Certificate []byte // of the release, signed, with the proof that the log holds it: as Vault.Certificate gives it
	Proved      bool   // the proof of the redaction left nothing that the detectors know to see, and nobody had to force it
}

// String keeps deliveries out of logs.
func (Delivery) String() string { return "[redacted]" }

// GoString keeps deliveries out of logs.
func (Delivery) GoString() string { return "[redacted]" }

const (
	maxProgress  = 16 << 10 // bytes of JSON
	maxLastWords = 300      // bytes of an attachment's last error
)

// Delivery reads what the job of kind "deliver" is to deliver. Errors: ErrConflict when there is nothing to deliver any
// more (attached already, reopened, consent withdrawn) or the lease was lost: give the job up with DeliveryFailed.
func (v *Vault) Delivery(ctx context.Context, a Actor, job *Job) (*Delivery, error) {
	d, on, err := v.deliveryObject(ctx, job)
	if err != nil {
		return nil, err
	}
	var r rendition
	var key seal.Key
	err = v.do(ctx, a, actDelivery, on, func(t *tx) error {
		if err := t.holdsJob(ctx, job); err != nil {
			return err
		}
		if err := d.read(ctx, t); err != nil {
			return err
		}
		if err := mayBeRecorded(ctx, t, d.Photo); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `UPDATE attachments SET tried = tried + 1 WHERE id = $1`, d.Attachment); err != nil {
			return fmt.Errorf("noting the try: %w", err)
		}
		t.purpose(d.Purpose)
		t.detail("target", d.Target)
		if d.Certificate, err = t.certificate(ctx, d.Photo); err != nil {
			return err
		}
		r, key, err = v.findRendition(ctx, t, d.Photo, KindRedacted)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := v.addPicture(ctx, a, d, r, key); err != nil {
		return nil, err
	}
	return d, nil
}

// deliveryObject finds out what the job's attachment belongs to, for the deciding.
func (v *Vault) deliveryObject(ctx context.Context, job *Job) (*Delivery, object, error) {
	if job == nil || job.Kind != JobDeliver {
		return nil, object{}, fmt.Errorf("not a delivery job: %w", ErrInvalid)
	}
	d := &Delivery{Attachment: AttachmentID(job.Subject)}
	err := v.db.QueryRowContext(ctx, `SELECT photo FROM attachments WHERE id = $1`, d.Attachment).Scan(&d.Photo)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, object{}, dbError(fmt.Errorf("finding attachment: %w", err))
	}
	return d, object{Kind: "attachment", ID: job.Subject, Photo: d.Photo}, nil
}

// read fills everything but the picture. Only the approval that was asked for is delivered.
func (d *Delivery) read(ctx context.Context, t *tx) error {
	var site, progress, certificate string
	p, e := &d.Patient, &d.Encounter
	err := t.QueryRowContext(ctx, `SELECT x.target, x.version, x.progress, p.id, p.record_number, p.name, p.birth_date,
		coalesce(e.id, ''), coalesce(e.label, ''), coalesce(e.started_at, 0), coalesce(e.ended_at, 0),
		u.id, u.name, w.id, w.name, f.taken_at, v.decided_at, f.body_site, f.laterality, v.certificate
		FROM attachments x JOIN photos f ON f.id = x.photo AND f.version = x.version AND f.state = 'approved'
		JOIN patients p ON p.id = f.patient JOIN people u ON u.id = f.author
		JOIN reviews v ON v.photo = f.id AND v.version = f.version AND v.decision = 'approve'
		JOIN people w ON w.id = v.reviewer LEFT JOIN encounters e ON e.id = f.encounter
		WHERE x.id = $1 AND x.state = 'pending'`, d.Attachment).
		Scan(&d.Target, &d.Version, &progress, &p.ID, &p.RecordNumber, &p.Name, &p.BirthDate, &e.ID, &e.Label, &e.StartedAt,
			&e.EndedAt, &d.Author.ID, &d.Author.Name, &d.Reviewer.ID, &d.Reviewer.Name, &d.TakenAt, &d.ApprovedAt, &site, &d.Laterality,
			&certificate)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("nothing to deliver: %w", ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("reading delivery: %w", err)
	}
	d.Progress, d.Purpose = json.RawMessage(progress), purposeRecord
	d.BodySite, _ = FindBodySite(site)
	d.Proved = releaseProved(certificate)
	return nil
}

// addPicture opens the redacted rendition and gives it the form the target can carry.
func (v *Vault) addPicture(ctx context.Context, a Actor, d *Delivery, r rendition, key seal.Key) error {
	p, err := v.openRendition(ctx, a, r, key)
	if err != nil {
		return err
	}
	d.MediaType, d.Bytes, d.Width, d.Height = p.MediaType, p.Bytes, p.Width, p.Height
	if d.Target != "dicom" {
		return nil
	}
	if v.cfg.Imaging == nil {
		return fmt.Errorf("no imaging pool: %w", ErrUnavailable)
	}
	if d.Bytes, d.Width, d.Height, err = v.cfg.Imaging.Chart(ctx, p.Bytes); err != nil {
		return fmt.Errorf("making the picture for the archive: %w", err)
	}
	return nil
}

// SaveProgress keeps what the receiver holds already, as one JSON object of at most 16 KiB without patient data,
// durable before the next step, so that a retry takes up there. Errors: ErrConflict, ErrInvalid.
func (v *Vault) SaveProgress(ctx context.Context, a Actor, job *Job, progress json.RawMessage) error {
	d, on, err := v.deliveryObject(ctx, job)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actProgress, on, func(t *tx) error {
		return d.saveProgress(ctx, t, job, progress)
	})
}

func (d *Delivery) saveProgress(ctx context.Context, t *tx, job *Job, progress json.RawMessage) error {
	var fields map[string]json.RawMessage
	if len(progress) > maxProgress || json.Unmarshal(progress, &fields) != nil || fields == nil {
		return fmt.Errorf("progress: %w", ErrInvalid)
	}
	if err := t.holdsJob(ctx, job); err != nil {
		return err
	}
	return exactlyOne(ctx, t, "saving progress", `UPDATE attachments SET progress = $1 WHERE id = $2 AND state = 'pending'`,
		string(progress), d.Attachment)
}

// Attached ends a delivery: readBack is the SHA-256 of the picture as it was fetched from the receiver, and the
// attachment becomes attached only if it is that of the picture Delivery gave. Errors: ErrDigest when it is not,
// ErrConflict when the photo was reopened meanwhile or the lease was lost.
func (v *Vault) Attached(ctx context.Context, a Actor, job *Job, progress json.RawMessage, readBack [sha256.Size]byte) error {
	d, on, err := v.deliveryObject(ctx, job)
	if err != nil {
		return err
	}
	var r rendition
	var key seal.Key
	err = v.quietly(ctx, a, actAttached, on, func(t *tx) (err error) {
		if err := d.read(ctx, t); err != nil {
			return err
		}
		r, key, err = v.findRendition(ctx, t, d.Photo, KindRedacted)
		return err
	})
	if err != nil {
		return err
	}
	if err := v.addPicture(ctx, a, d, r, key); err != nil {
		return err
	}
	return v.do(ctx, a, actAttached, on, func(t *tx) error {
		if sha256.Sum256(d.Bytes) != readBack {
			return fmt.Errorf("the receiver's copy differs: %w", ErrDigest)
		}
		if err := d.read(ctx, t); err != nil {
			return err
		}
		if err := d.saveProgress(ctx, t, job, progress); err != nil {
			return err
		}
		err := exactlyOne(ctx, t, "marking attached", `UPDATE attachments SET state = 'attached', attached_at = $1, last_error = ''
			WHERE id = $2 AND state = 'pending'`, t.now, d.Attachment)
		if err != nil {
			return err
		}
		t.detail("target", d.Target)
		return t.finishJob(ctx, job)
	})
}

// DeliveryFailed notes why a delivery did not happen. A permanent failure is shown as failed and waits for
// RetryAttachment; another is tried again later, and shown as failed once the job is dead. The error's text must be
// fit for people and without patient data.
func (v *Vault) DeliveryFailed(ctx context.Context, a Actor, job *Job, cause error, permanent bool) error {
	d, on, err := v.deliveryObject(ctx, job)
	if err != nil {
		return err
	}
	words := lastWords(cause)
	err = v.do(ctx, a, actDeliveryFailed, on, func(t *tx) error {
		if err := t.holdsJob(ctx, job); err != nil {
			return err
		}
		state := AttachmentPending
		if permanent || job.Attempts >= maxAttempts {
			state = AttachmentFailed
		}
		t.detail("state", state)
		_, err := t.ExecContext(ctx, `UPDATE attachments SET state = $1, last_error = $2 WHERE id = $3 AND state = 'pending'`,
			state, words, d.Attachment)
		if err != nil {
			return fmt.Errorf("noting failure: %w", err)
		}
		if state == AttachmentFailed {
			if err := t.notify(ctx, noticeChart, toHolders(RoleRecords, "")); err != nil {
				return err
			}
		}
		if permanent {
			return t.finishJob(ctx, job)
		}
		return nil
	})
	if err != nil || permanent {
		return err
	}
	return v.FailJob(ctx, a, job, cause, false)
}

// lastWords is a cause, cut to what is kept.
func lastWords(cause error) string {
	if cause == nil {
		return ""
	}
	s := cause.Error()
	return strings.ToValidUTF8(s[:min(len(s), maxLastWords)], "")
}

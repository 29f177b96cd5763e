package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/seal"
)

// patience is how many tries a capture gets whose envelope is missing or whose reading ends without an answer, since
// either may pass.
const patience = 3

// sealedCapture is what processing needs of a photo's row.
type sealedCapture struct {
	photo   PhotoID
	patient PatientID
	state   string
	blob    string
	digest  string
	size    int64
	waits   bool // nobody may see it now
}

// waitsInside tells whether a photo stays as it is for now: it was recalled as another patient's, or the patient does not
// allow it in the record. A move to the right patient, or a new consent, asks for it to be processed.
func (t *tx) waitsInside(ctx context.Context, id PhotoID) (bool, error) {
	var withheld string
	if err := t.QueryRowContext(ctx, `SELECT withheld FROM photos WHERE id = $1`, id).Scan(&withheld); err != nil {
		return false, fmt.Errorf("reading photo: %w", absent(err))
	}
	c, err := consentOf(ctx, t, id)
	return withheld != "" || !c.Record, err
}

// ProcessCapture does the job of kind "process": it opens the envelope, has the picture read in a limited child and
// hands it to Ingest, or quarantines the photo with a reason its author can see. A photo that is past it already, or
// withheld from everybody, only has its job finished. An error means: nothing has changed, try again later (FailJob).
func (v *Vault) ProcessCapture(ctx context.Context, a Actor, job *Job) error {
	if job == nil || job.Kind != JobProcess {
		return fmt.Errorf("not a processing job: %w", ErrInvalid)
	}
	c := sealedCapture{photo: PhotoID(job.Subject)}
	err := v.quietly(ctx, a, actProcess, onPhoto(c.photo), func(t *tx) error {
		err := t.QueryRowContext(ctx, `SELECT patient, state, coalesce(envelope_blob, ''), envelope_digest, envelope_size
			FROM photos WHERE id = $1`, c.photo).Scan(&c.patient, &c.state, &c.blob, &c.digest, &c.size)
		if err != nil {
			return fmt.Errorf("reading photo: %w", absent(err))
		}
		if c.waits, err = t.waitsInside(ctx, c.photo); err != nil {
			return err
		}
		if c.state != StateAccepted || c.waits {
			return t.finishJob(ctx, job)
		}
		return t.holdsJob(ctx, job)
	})
	if err != nil || c.state != StateAccepted || c.waits {
		return err
	}
	if v.cfg.Imaging == nil {
		return fmt.Errorf("no imaging pool: %w", ErrUnavailable)
	}
	plain, why, err := v.unsealCapture(ctx, a, job, c)
	defer clear(plain)
	if err != nil {
		return err
	}
	if why != nil {
		return v.quarantine(ctx, a, job, *why)
	}
	reading, err := v.cfg.Imaging.Read(ctx, plain)
	if err != nil {
		if why = unreadable(ctx, job, err); why == nil {
			return fmt.Errorf("reading picture: %w", err)
		}
		return v.quarantine(ctx, a, job, *why)
	}
	return v.Ingest(ctx, a, job, reading.Still, Derived{Regions: reading.Regions, Detectors: reading.Detectors,
		Thumb: reading.Thumb, Display: reading.Display, CoveredThumb: reading.CoveredThumb, CoveredDisplay: reading.CoveredDisplay})
}

// verdict is why a photo is quarantined: a sentence for its author and a word for the log.
type verdict struct{ sentence, word string }

// What is said of a photo whose envelope the store spoilt; mending the envelope lifts the quarantine.
const (
	sayMissing = "The sealed photo is missing from the store. Tell the people who run the vault."
	sayAltered = "The sealed photo was altered in the store. Tell the people who run the vault."
)

// unsealCapture fetches and opens the envelope. A verdict means that no later try will do better.
func (v *Vault) unsealCapture(ctx context.Context, a Actor, job *Job, c sealedCapture) ([]byte, *verdict, error) {
	sealed, err := v.fetch(ctx, c.blob, c.size)
	if errors.Is(err, ErrAbsent) && job.Attempts >= patience {
		return nil, &verdict{sayMissing, "absent"}, v.reportEnvelope(ctx, a, c, FoundAbsent, "")
	}
	if errors.Is(err, ErrTooLarge) {
		return nil, &verdict{sayAltered, "altered"}, v.reportEnvelope(ctx, a, c, FoundAltered, "")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("fetching sealed capture: %w", err)
	}
	sum := sha256.Sum256(sealed)
	if digest := hex.EncodeToString(sum[:]); digest != c.digest {
		return nil, &verdict{sayAltered, "altered"}, v.reportEnvelope(ctx, a, c, lookOf(sealed, c.size, envelopeMagic), digest)
	}
	plain := bytes.NewBuffer(make([]byte, 0, len(sealed)))
	_, err = seal.OpenCapture(plain, bytes.NewReader(sealed), v.intakeKeys(ctx))
	if err == nil {
		return plain.Bytes(), nil, nil
	}
	clear(plain.Bytes())
	if err = envelopeError(err); errors.Is(err, ErrInvalid) {
		return nil, &verdict{"The photo arrived damaged and cannot be opened. Take the photo again.", "unsealable"}, nil
	}
	return nil, nil, err
}

// reportEnvelope counts and records an envelope that is not what was stored; only a failure to record is an error.
func (v *Vault) reportEnvelope(ctx context.Context, a Actor, c sealedCapture, found Found, digest string) error {
	on := onPhoto(c.photo)
	on.Patient = c.patient
	err := v.refuseObject(ctx, a, refusal{finding{c.blob, found, c.photo, kindEnvelope}, digest, on})
	if errors.Is(err, ErrIntegrity) {
		return nil
	}
	return err
}

// unreadable gives the verdict on a picture that imaging refused, or nil when another try may do better.
func unreadable(ctx context.Context, job *Job, err error) *verdict {
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, imaging.ErrChild) && job.Attempts < patience {
		return nil
	}
	for word, known := range map[string]error{"not_a_picture": imaging.ErrNotPicture, "truncated": imaging.ErrTruncated,
		"too_large": imaging.ErrTooLarge, "unsupported": imaging.ErrUnsupported, "malformed": imaging.ErrMalformed,
		"child_died": imaging.ErrChild} {
		if errors.Is(err, known) {
			return &verdict{imaging.Reason(err), word}
		}
	}
	return nil
}

// quarantine sets a photo aside with its reason and finishes the job. The sealed envelope is kept.
func (v *Vault) quarantine(ctx context.Context, a Actor, job *Job, why verdict) error {
	id := PhotoID(job.Subject)
	return v.do(ctx, a, actQuarantine, onPhoto(id), func(t *tx) error {
		err := exactlyOne(ctx, t, "quarantining photo", `UPDATE photos SET state = 'quarantined', reason = $1,
			version = version + 1 WHERE id = $2 AND state = 'accepted'`, why.sentence, id)
		if err != nil {
			return err
		}
		t.detail("because", why.word)
		return t.finishJob(ctx, job)
	})
}

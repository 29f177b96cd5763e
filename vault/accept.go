package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// clockAhead is how far a device's clock may be ahead: a wrong time zone is a day at most.
const clockAhead = 24 * time.Hour

// AcceptRequest is a sealed capture as it arrives. Digest is the SHA-256 and Size the length of the whole envelope.
type AcceptRequest struct {
	CaptureID CaptureID
	Digest    [sha256.Size]byte
	Size      int64
	Body      io.Reader
}

// accepted is a capture that the vault holds already.
type accepted struct {
	author  PersonID
	digest  string
	receipt string
}

// Accept takes a sealed capture and answers with a signed receipt once the envelope, its row, its job and its event
// are durable. It opens the facts, to decide, and never the picture. The same bytes again give the same receipt and
// created false; other bytes under the same ID are ErrConflict. The actor must be the author, and belong to the
// patient's care team now or when the photo was taken. Errors: ErrTooLarge before the body is read to its end,
// ErrDigest, ErrInvalid, ErrConflict, ErrDenied for another's capture, ErrNotFound for a patient the actor does not
// treat, ErrUnavailable: nothing is kept, try again.
func (v *Vault) Accept(ctx context.Context, a Actor, r AcceptRequest) (receipt seal.Receipt, created bool, err error) {
	return v.accept(ctx, a, r, r.read)
}

// accept is Accept of a body that read gives.
func (v *Vault) accept(ctx context.Context, a Actor, r AcceptRequest, read func() ([]byte, error)) (receipt seal.Receipt, created bool, err error) {
	on := onCapture(r.CaptureID)
	var body []byte
	var facts seal.CaptureFacts
	var head seal.CaptureHead
	var old *accepted
	err = v.quietly(ctx, a, actAccept, on, func(t *tx) (err error) {
		old, err = heldCapture(ctx, t, r.CaptureID)
		return errors.Join(err, r.check(v.cfg.MaxCapture))
	})
	if err != nil {
		return seal.Receipt{}, false, err
	}
	if body, err = read(); err == nil && old == nil {
		facts, head, err = v.captureFacts(ctx, body, a, r.CaptureID)
	}
	if err != nil {
		return seal.Receipt{}, false, v.quietly(ctx, a, actAccept, on, func(*tx) error { return err })
	}
	digest := hex.EncodeToString(r.Digest[:])
	if old != nil {
		err = v.quietly(ctx, a, actAccept, on, func(*tx) (err error) {
			receipt, err = old.again(a, digest)
			return err
		})
		return receipt, false, err
	}
	patient, err := survivorOf(ctx, v.db, PatientID(facts.Patient)) // two records may have been merged since the photo was taken
	if err != nil {
		return seal.Receipt{}, false, dbError(fmt.Errorf("finding patient: %w", err))
	}
	facts.Patient = string(patient)
	// The time is the device's word: it may lie back, never ahead, when a care team is asked for.
	on.Patient, on.at = PatientID(facts.Patient), min(facts.TakenAt.UnixMilli(), v.now())
	err = v.quietly(ctx, a, actAccept, on, func(t *tx) error { return checkFacts(ctx, t, facts) })
	if err != nil {
		return seal.Receipt{}, false, err
	}
	return v.keepCapture(ctx, a, on, capture{facts: facts, head: head, digest: digest, body: body})
}

// check says what can be said before the body is read.
func (r AcceptRequest) check(limit int64) error {
	switch {
	case !seal.IsCaptureID(string(r.CaptureID)):
		return fmt.Errorf("capture ID: %w", ErrInvalid)
	case r.Size > limit:
		return fmt.Errorf("sealed capture: %w", ErrTooLarge)
	case r.Size <= 0:
		return fmt.Errorf("sealed capture without a size: %w", ErrInvalid)
	}
	return nil
}

// read reads exactly Size bytes and compares the digest.
func (r AcceptRequest) read() ([]byte, error) {
	if r.Body == nil {
		return nil, fmt.Errorf("sealed capture without a body: %w", ErrInvalid)
	}
	var body bytes.Buffer
	n, err := io.Copy(&body, io.LimitReader(r.Body, r.Size+1))
	if err != nil {
		return nil, fmt.Errorf("%w: reading sealed capture: %w", ErrInvalid, err)
	}
	sum := sha256.Sum256(body.Bytes())
	if n != r.Size || subtle.ConstantTimeCompare(sum[:], r.Digest[:]) != 1 {
		return nil, fmt.Errorf("sealed capture: %w", ErrDigest)
	}
	return body.Bytes(), nil
}

// captureFacts opens the facts and compares them with who sends them. It also says to which intake key they were sealed.
func (v *Vault) captureFacts(ctx context.Context, body []byte, a Actor, id CaptureID) (f seal.CaptureFacts, head seal.CaptureHead, err error) {
	head, err = seal.ReadCaptureHead(bytes.NewReader(body))
	if err == nil {
		f, err = seal.OpenCaptureFacts(bytes.NewReader(body), v.intakeKeys(ctx))
	}
	switch {
	case err != nil:
		err = envelopeError(err)
	case f.CaptureID != string(id):
		err = fmt.Errorf("envelope of another capture: %w", ErrInvalid)
	case PersonID(f.Author) != a.person:
		err = fmt.Errorf("capture of another author: %w", ErrDenied)
	}
	if err != nil {
		return seal.CaptureFacts{}, seal.CaptureHead{}, err
	}
	return f, head, nil
}

// intakeKeys finds intake keys for package seal.
func (v *Vault) intakeKeys(ctx context.Context) func(uint32) (*seal.IntakePrivate, error) {
	return func(epoch uint32) (*seal.IntakePrivate, error) { return v.intakePrivate(ctx, v.db, epoch) }
}

// envelopeError puts what package seal says of an envelope under ErrInvalid and leaves every other cause.
func envelopeError(err error) error {
	for _, known := range []error{seal.ErrFormat, seal.ErrSealed, seal.ErrTruncated, seal.ErrTrailing, seal.ErrEpoch} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w: sealed capture: %w", ErrInvalid, err)
		}
	}
	return fmt.Errorf("opening sealed capture: %w", err)
}

// checkFacts says whether the vault can keep a capture with these facts.
func checkFacts(ctx context.Context, t *tx, f seal.CaptureFacts) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if !f.Consent.Record {
		return say(ErrInvalid, "The patient has not allowed the photo for the record.")
	}
	if f.TakenAt.UnixMilli() > t.now+clockAhead.Milliseconds() {
		return say(ErrInvalid, "The device's clock is far ahead. Set it right and take the photo again.")
	}
	if err := checkSite(f.BodySite, f.Laterality); err != nil {
		return err
	}
	if f.Encounter == "" {
		return nil
	}
	err := holds(ctx, t, `SELECT count(*) FROM encounters WHERE id = $1 AND patient = $2`, f.Encounter, f.Patient)
	if errors.Is(err, ErrNotFound) {
		return say(ErrInvalid, "The encounter is not one of this patient's.")
	}
	return err
}

// heldCapture finds a capture that is held already; nil when there is none.
func heldCapture(ctx context.Context, t querier, id CaptureID) (*accepted, error) {
	var c accepted
	err := t.QueryRowContext(ctx, `SELECT author, envelope_digest, receipt FROM photos WHERE capture_id = $1`, id).
		Scan(&c.author, &c.digest, &c.receipt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for capture: %w", err)
	}
	return &c, nil
}

// again answers a capture that is sent a second time.
func (c *accepted) again(a Actor, digest string) (seal.Receipt, error) {
	if c.author != a.person || c.digest != digest {
		return seal.Receipt{}, say(ErrConflict, "Another photo has arrived under this number.")
	}
	var r seal.Receipt
	if err := json.Unmarshal([]byte(c.receipt), &r); err != nil {
		return seal.Receipt{}, fmt.Errorf("stored receipt: %w", ErrIntegrity)
	}
	return r, nil
}

// capture is a checked capture on its way into the store.
type capture struct {
	facts  seal.CaptureFacts
	head   seal.CaptureHead
	digest string
	body   []byte
	blob   string
}

// keepCapture makes the envelope durable, then in one transaction the row, the consents, the job and the event.
func (v *Vault) keepCapture(ctx context.Context, a Actor, on object, c capture) (receipt seal.Receipt, created bool, err error) {
	c.blob = v.blobName(blobIntake)
	if err := v.cfg.Blobs.Put(ctx, c.blob, bytes.NewReader(c.body), int64(len(c.body))); err != nil {
		return seal.Receipt{}, false, fmt.Errorf("storing sealed capture: %w", tryLater(err))
	}
	id := PhotoID(newID())
	err = v.do(ctx, a, actAccept, on, func(t *tx) error {
		created = false
		old, err := heldCapture(ctx, t, CaptureID(c.facts.CaptureID))
		if err != nil {
			return err
		}
		if old != nil { // the same capture came on two ways at once
			if receipt, err = old.again(a, c.digest); err != nil {
				return err
			}
			return errors.Join(t.dropUpload(ctx, CaptureID(c.facts.CaptureID), a.person), t.enqueue(ctx, jobDeleteBlob, c.blob, t.now))
		}
		if now, err := survivorOf(ctx, t, on.Patient); err != nil || now != on.Patient {
			return errors.Join(fmt.Errorf("the patient's record was merged this moment: %w", ErrUnavailable), err)
		}
		if err := checkFacts(ctx, t, c.facts); err != nil {
			return err
		}
		if err := t.dropUpload(ctx, CaptureID(c.facts.CaptureID), a.person); err != nil { // the parts have done their work
			return err
		}
		receipt, err = v.insertCapture(ctx, t, id, c)
		created = err == nil
		return err
	})
	if err != nil {
		return seal.Receipt{}, false, err
	}
	return receipt, created, nil
}

func (v *Vault) insertCapture(ctx context.Context, t *tx, id PhotoID, c capture) (seal.Receipt, error) {
	f, patient := c.facts, PatientID(c.facts.Patient)
	if err := t.intakeOpens(ctx, c.head.Epoch); err != nil {
		return seal.Receipt{}, err
	}
	key, err := v.patientKey(ctx, t, patient)
	if err != nil {
		return seal.Receipt{}, err
	}
	defer key.Wipe()
	sealed, err := v.sealFacts(key, patient, id, photoFacts{Note: f.Note, MediaType: f.MediaType, Measures: f.Measures})
	if err != nil {
		return seal.Receipt{}, err
	}
	receipt, err := v.signReceipt(ctx, t, seal.Receipt{CaptureID: f.CaptureID, PhotoID: string(id), Digest: c.digest,
		Size: int64(len(c.body)), ReceivedAt: Time(t.now).Std()})
	if err != nil {
		return seal.Receipt{}, err
	}
	text, err := json.Marshal(receipt)
	if err != nil {
		return seal.Receipt{}, fmt.Errorf("encoding receipt: %w", err)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO photos (id, capture_id, patient, encounter, author, device, body_site, laterality,
		state, taken_at, received_at, envelope_digest, envelope_size, envelope_blob, receipt, sealed_facts, intake_epoch, kem)
		VALUES ($1, $2, $3, nullif($4, ''), $5, $6, $7, $8, 'accepted', $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		id, f.CaptureID, patient, f.Encounter, f.Author, f.Device, f.BodySite, f.Laterality,
		TimeOf(f.TakenAt), t.now, c.digest, len(c.body), c.blob, string(text), sealed, int64(c.head.Epoch), c.head.KEM)
	if err != nil {
		return seal.Receipt{}, fmt.Errorf("writing photo: %w", err)
	}
	if err := recordConsent(ctx, t, id, PersonID(f.Author), f.Consent); err != nil {
		return seal.Receipt{}, err
	}
	if err := t.classified(ctx, id, patient, f.BodySite, f.TakenAt.UnixMilli()); err != nil {
		return seal.Receipt{}, err
	}
	t.entry.Photo = string(id)
	t.detail("digest", c.digest)
	t.detail("size", fmt.Sprint(len(c.body)))
	if c.head.KEM != seal.KEMName {
		t.detail("kem", c.head.KEM)
	}
	return receipt, t.enqueue(ctx, JobProcess, string(id), t.now)
}

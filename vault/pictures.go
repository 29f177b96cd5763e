package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/seal"
)

// Picture is an opened rendition.
type Picture struct {
	MediaType string
	Width     int // upright pixels
	Height    int
	Bytes     []byte
}

// String keeps pictures out of logs.
func (Picture) String() string { return "[picture]" }

// GoString keeps pictures out of logs.
func (Picture) GoString() string { return "[picture]" }

const maxReason = 500 // characters of a reason that a person gives

// rendition is a row of renditions.
type rendition struct {
	id            RenditionID
	photo         PhotoID
	patient       PatientID
	kind          string
	version       int64
	blob, hash    string
	size          int64
	wrapped       []byte
	own           seal.Key // of an object just stored, until its row is written; zero otherwise
	mediaType     string
	width, height int
}

// binding is what the sealed object and its wrapped key are bound to.
func (r rendition) binding(tenant string) seal.Binding {
	return seal.Binding{Tenant: tenant, Patient: string(r.patient), Photo: string(r.photo),
		Rendition: r.kind + "/" + string(r.id), Version: uint32(r.version)}
}

// storeRendition seals a picture under a key of its own and makes it durable. The row is the caller's to insert; until
// then the object is an orphan that Sweep may take after an hour.
func (v *Vault) storeRendition(ctx context.Context, r rendition, s *imaging.Still) (rendition, error) {
	if s == nil || s.Format() == "" {
		return rendition{}, fmt.Errorf("%s without a picture: %w", r.kind, ErrInvalid)
	}
	r.mediaType, r.width, r.height = "image/"+s.Format(), s.Width(), s.Height()
	return v.storePicture(ctx, r, s.Bytes())
}

// storePicture is storeRendition for a picture that the vault made and held before, opened and checked.
func (v *Vault) storePicture(ctx context.Context, r rendition, plain []byte) (rendition, error) {
	r.id, r.blob, r.own = RenditionID(newID()), v.blobName(blobObject), seal.NewKey()
	var err error
	r.size, r.hash, err = v.putObject(ctx, r.binding(v.cfg.Tenant), r.own, plain, r.blob)
	return r, tryLater(err)
}

// wipe forgets the keys of renditions whose rows are written, or will not be.
func wipe(made []rendition) {
	for i := range made {
		made[i].own.Wipe()
	}
}

// tryLater makes every failure of the store one that the caller may try again later.
func tryLater(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTooLarge) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// insertRenditions wraps the keys of stored renditions, all of one patient, under the patient's key as it is in this
// transaction, and writes their rows: whoever changes or destroys a patient's key never leaves one behind.
func insertRenditions(ctx context.Context, t *tx, made []rendition) error {
	if len(made) == 0 {
		return nil
	}
	patient, err := t.v.patientKey(ctx, t, made[0].patient)
	if err != nil {
		return err
	}
	defer patient.Wipe()
	for _, r := range made {
		aad, err := r.binding(t.v.cfg.Tenant).AAD()
		if err != nil || r.own.IsZero() || r.patient != made[0].patient {
			return errors.Join(fmt.Errorf("binding %s: %w", r.kind, ErrInvalid), err)
		}
		_, err = t.ExecContext(ctx, `INSERT INTO renditions (id, photo, kind, version, blob, size, sealed_hash, wrapped_key,
			media_type, width, height, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			r.id, r.photo, r.kind, r.version, r.blob, r.size, r.hash, seal.Wrap(patient, r.own, aad), r.mediaType, r.width, r.height, t.now)
		if err != nil {
			return fmt.Errorf("writing rendition: %w", err)
		}
	}
	return nil
}

// findRendition reads the newest rendition of a kind and unwraps its key; without a key there is none. A quiet read sees
// each row as it is at its own moment, so the patient's key may be changed between the two: a second look tells.
func (v *Vault) findRendition(ctx context.Context, t querier, id PhotoID, kind string) (rendition, seal.Key, error) {
	r, key, err := v.readRendition(ctx, t, id, kind)
	if errors.Is(err, ErrIntegrity) {
		r, key, err = v.readRendition(ctx, t, id, kind)
	}
	return r, key, err
}

func (v *Vault) readRendition(ctx context.Context, t querier, id PhotoID, kind string) (rendition, seal.Key, error) {
	found, err := list(ctx, t, func(rows *sql.Rows) (rendition, error) {
		r := rendition{photo: id, kind: kind}
		return r, rows.Scan(&r.id, &r.patient, &r.version, &r.blob, &r.size, &r.hash, &r.wrapped, &r.mediaType, &r.width, &r.height)
	}, `SELECT r.id, f.patient, r.version, r.blob, r.size, r.sealed_hash, r.wrapped_key, r.media_type, r.width, r.height
		FROM renditions r JOIN photos f ON f.id = r.photo WHERE r.photo = $1 AND r.kind = $2
		ORDER BY r.version DESC LIMIT 1`, id, kind)
	if err != nil {
		return rendition{}, seal.Key{}, fmt.Errorf("reading rendition: %w", err)
	}
	if len(found) == 0 || len(found[0].wrapped) == 0 {
		return rendition{}, seal.Key{}, ErrNotFound
	}
	r := found[0]
	patientKey, err := v.patientKey(ctx, t, r.patient)
	if err != nil {
		return rendition{}, seal.Key{}, err
	}
	defer patientKey.Wipe()
	aad, err := r.binding(v.cfg.Tenant).AAD()
	if err != nil {
		return rendition{}, seal.Key{}, err
	}
	key, err := seal.Unwrap(patientKey, r.wrapped, aad)
	if err != nil {
		return rendition{}, seal.Key{}, fmt.Errorf("%w: rendition key: %w", ErrIntegrity, err)
	}
	return r, key, nil
}

// openRendition fetches and opens what findRendition found.
func (v *Vault) openRendition(ctx context.Context, a Actor, r rendition, key seal.Key) (Picture, error) {
	defer key.Wipe()
	on := onPhoto(r.photo)
	on.Patient = r.patient
	plain, err := v.openObject(ctx, a, r.binding(v.cfg.Tenant), key, r.blob, r.hash, r.size, on)
	if err != nil {
		return Picture{}, err
	}
	return Picture{MediaType: r.mediaType, Width: r.width, Height: r.height, Bytes: plain}, nil
}

// seeing says which act looking at a kind of rendition is.
var seeing = map[string]act{
	KindCoveredThumb: actSeeCovered, KindCoveredDisplay: actSeeCovered,
	KindThumb: actSeeDisplay, KindDisplay: actSeeDisplay, KindOriginal: actSeeOriginal,
	KindRedacted: actSeeRedacted, KindRedactedThumb: actSeeRedacted, KindRedactedDisplay: actSeeRedacted,
}

// ReadRendition opens one picture of a photo. The care team sees covered kinds until the photo is approved and
// redacted kinds afterwards; the reviewer who holds the claim sees covered kinds, thumb, display and original; records
// see redacted kinds of approved photos. The event is in the log before the picture is fetched.
// Errors: ErrNotFound, ErrDenied, ErrIntegrity, ErrUnavailable.
func (v *Vault) ReadRendition(ctx context.Context, a Actor, id PhotoID, kind string) (Picture, error) {
	what, known := seeing[kind]
	if !known {
		what = actReadPhoto
	}
	var r rendition
	var key seal.Key
	on := onPhoto(id)
	on.small = strings.HasSuffix(kind, "thumb")
	err := v.do(ctx, a, what, on, func(t *tx) (err error) {
		if !known {
			return say(ErrNotFound, "There is no such kind of picture.")
		}
		t.detail("rendition", kind)
		r, key, err = v.findRendition(ctx, t, id, kind)
		return err
	})
	if err != nil {
		return Picture{}, err
	}
	return v.openRendition(ctx, a, r, key)
}

// Reveal shows the care team a photo without its covers, for a reason of 3 to 500 characters that is kept under the
// patient's key and named in the log by number. Errors: ErrNotFound, ErrInvalid, ErrDenied, ErrIntegrity.
func (v *Vault) Reveal(ctx context.Context, a Actor, id PhotoID, reason string) (Picture, error) {
	var r rendition
	var key seal.Key
	err := v.do(ctx, a, actReveal, onPhoto(id), func(t *tx) (err error) {
		if err := checkReason(reason); err != nil {
			return err
		}
		if r, key, err = v.findRendition(ctx, t, id, KindDisplay); err != nil {
			return err
		}
		t.detail("rendition", KindDisplay)
		return v.keepReason(ctx, t, a, r.patient, id, reason)
	})
	if err != nil {
		return Picture{}, err
	}
	return v.openRendition(ctx, a, r, key)
}

func checkReason(reason string) error {
	if len(reason) < 3 || !isLine(reason, maxReason) {
		return say(ErrInvalid, "Give a reason of one line, 3 to 500 characters.")
	}
	return nil
}

const revealDomain = "clinivault/reveal-reason/v1"

func (v *Vault) revealAAD(patient PatientID, reveal string) []byte {
	return bindText(revealDomain, v.cfg.Tenant, string(patient), reveal)
}

// keepReason keeps the words of a reason where erasing the patient also erases them; the event carries their number.
func (v *Vault) keepReason(ctx context.Context, t *tx, a Actor, patient PatientID, id PhotoID, reason string) error {
	key, err := v.patientKey(ctx, t, patient)
	if err != nil {
		return err
	}
	defer key.Wipe()
	reveal := newID()
	sealed := seal.SealSmall(key, []byte(reason), v.revealAAD(patient, reveal))
	_, err = t.ExecContext(ctx, `INSERT INTO reveals (id, photo, person, sealed_reason, at) VALUES ($1, $2, $3, $4, $5)`,
		reveal, id, a.person, sealed, t.now)
	if err != nil {
		return fmt.Errorf("keeping reason: %w", err)
	}
	t.detail("reveal", reveal)
	return nil
}

// revealReason reads the words of a reason for the audit trail; empty when there is none or the patient is erased.
func (v *Vault) revealReason(ctx context.Context, t querier, reveal string) (string, error) {
	if reveal == "" {
		return "", nil
	}
	var sealed []byte
	var patient PatientID
	err := t.QueryRowContext(ctx, `SELECT r.sealed_reason, f.patient FROM reveals r JOIN photos f ON f.id = r.photo
		WHERE r.id = $1`, reveal).Scan(&sealed, &patient)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading reason: %w", err)
	}
	key, err := v.patientKey(ctx, t, patient)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer key.Wipe()
	plain, err := seal.OpenSmall(key, sealed, v.revealAAD(patient, reveal))
	if err != nil {
		return "", fmt.Errorf("%w: reason: %w", ErrIntegrity, err)
	}
	return string(plain), nil
}

package vault

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/seal"
)

const (
	certificateFormat = "clinivault-certificate-v1"
	certificateDomain = "clinivault/certificate/v1\x00"
	certificatePolicy = "v1" // whole coded units, margins as proposed, a face still seen needs the reviewer's word
	saltDomain        = "clinivault/certificate-salt/v1"
	maxCertificate    = 1 << 20 // bytes
)

// Certificate says what was covered in a photo, by whose decision. Sealed pictures are named by commitments: SHA-256
// of salt ‖ file. The salt of the redacted file stands beside it; that of the original stays sealed in the vault, so
// that nobody can test a guess at the original. LogPosition is the place in the log LogOrigin of the event that
// released the photo.
type Certificate struct {
	Format      string           `json:"format"`
	Photo       PhotoID          `json:"photo"`
	Version     int64            `json:"version"`
	Policy      string           `json:"policy"`
	Original    Commitment       `json:"original"`
	Redacted    Commitment       `json:"redacted"`
	Width       int              `json:"width"`
	Height      int              `json:"height"`
	Masked      []imaging.Box    `json:"masked"`
	Regions     []Region         `json:"regions"`
	Detectors   []string         `json:"detectors"`
	Residual    []imaging.Region `json:"residual"` // what the detectors see on the redacted picture
	Reviewer    PersonID         `json:"reviewer"`
	DecidedAt   Time             `json:"decided_at"`
	LogOrigin   string           `json:"log_origin"`
	LogPosition int64            `json:"log_position"`
}

// Commitment is the SHA-256, in hexadecimal, of salt ‖ file. Salt is 32 bytes in hexadecimal, or empty where it is not
// given away.
type Commitment struct {
	SHA256 string `json:"sha256"`
	Salt   string `json:"salt,omitempty"`
}

// signedCertificate is a certificate as it is stored and handed out. The Ed25519 signature covers a domain text and
// the exact bytes of the member "certificate".
type signedCertificate struct {
	Certificate json.RawMessage `json:"certificate"`
	KeyID       string          `json:"key_id"`
	Signature   []byte          `json:"signature"`
}

func commit(file []byte) (c Commitment, salt []byte) {
	salt = make([]byte, sha256.Size)
	rand.Read(salt) // never fails (crypto/rand)
	sum := sha256.New()
	sum.Write(salt)
	sum.Write(file)
	return Commitment{SHA256: hex.EncodeToString(sum.Sum(nil))}, salt
}

// certify writes the review with its signed certificate.
func (v *Vault) certify(ctx context.Context, t *tx, a Actor, r *reviewing, original Picture, result *imaging.Redacted) error {
	position, err := t.nextSeq(ctx)
	if err != nil {
		return err
	}
	before, salt := commit(original.Bytes)
	after, open := commit(result.Still.Bytes())
	after.Salt = hex.EncodeToString(open)
	c := Certificate{Format: certificateFormat, Photo: r.photo.ID, Version: r.version, Policy: certificatePolicy,
		Original: before, Redacted: after, Width: result.Still.Width(), Height: result.Still.Height(),
		Masked: append([]imaging.Box{}, result.Masked...), Regions: append([]Region{}, r.regions...),
		Residual: append([]imaging.Region{}, result.Residual...), Reviewer: a.person, DecidedAt: Time(t.now),
		LogOrigin: v.cfg.LogOrigin, LogPosition: position}
	if err := json.Unmarshal([]byte(r.photo.detectors), &c.Detectors); err != nil {
		return fmt.Errorf("detectors: %w", ErrIntegrity)
	}
	signed, err := v.sign(c)
	if err != nil {
		return err
	}
	review := newID()
	sealed := seal.SealSmall(r.patient, salt, bindText(saltDomain, v.cfg.Tenant, string(r.photo.ID), review))
	_, err = t.ExecContext(ctx, `INSERT INTO reviews (id, photo, version, reviewer, decision, reason, certificate, sealed_salt,
		decided_at) VALUES ($1, $2, $3, $4, 'approve', '', $5, $6, $7)`, review, r.photo.ID, r.version, a.person,
		string(signed), sealed, t.now)
	if err != nil {
		return fmt.Errorf("writing review: %w", err)
	}
	sum := sha256.Sum256(signed)
	t.detail("certificate", hex.EncodeToString(sum[:]))
	t.detail("masked", fmt.Sprint(len(result.Masked)))
	return nil
}

func (v *Vault) sign(c Certificate) ([]byte, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding certificate: %w", err)
	}
	s := signedCertificate{Certificate: body}
	s.KeyID, s.Signature = v.signCertificate(append([]byte(certificateDomain), body...))
	out, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding certificate: %w", err)
	}
	return out, nil
}

// VerifyCertificate checks that pub signed a certificate as Vault.Certificate hands it out, and reads it. It needs
// neither vault nor network. Errors: ErrInvalid when it is not a certificate, ErrIntegrity when it is not signed so.
func VerifyCertificate(pub ed25519.PublicKey, signed []byte) (Certificate, error) {
	var s signedCertificate
	if len(signed) > maxCertificate || len(pub) != ed25519.PublicKeySize || strictJSON(signed, &s) != nil {
		return Certificate{}, fmt.Errorf("not a certificate: %w", ErrInvalid)
	}
	if again, err := json.Marshal(s); err != nil || !bytes.Equal(again, signed) { // one certificate, one text
		return Certificate{}, fmt.Errorf("not a certificate as the vault writes it: %w", ErrInvalid)
	}
	if s.KeyID != seal.KeyID(pub) || !ed25519.Verify(pub, append([]byte(certificateDomain), s.Certificate...), s.Signature) {
		return Certificate{}, fmt.Errorf("certificate signature: %w", ErrIntegrity)
	}
	var c Certificate
	if err := strictJSON(s.Certificate, &c); err != nil || c.Format != certificateFormat {
		return Certificate{}, fmt.Errorf("not a certificate of a known format: %w", ErrInvalid)
	}
	return c, nil
}

// Fits reports whether file is the redacted picture that the certificate is about.
func (c Certificate) Fits(file []byte) bool {
	salt, err := hex.DecodeString(c.Redacted.Salt)
	if err != nil || len(salt) != sha256.Size {
		return false
	}
	sum := sha256.Sum256(append(salt, file...))
	return hex.EncodeToString(sum[:]) == c.Redacted.SHA256
}

// strictJSON decodes one value without unknown fields and with nothing after it.
func strictJSON(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrInvalid
	}
	return nil
}

// Certificate reads the signed certificate of an approved photo, as JSON; VerifyCertificate checks it.
// Errors: ErrNotFound, ErrDenied.
func (v *Vault) Certificate(ctx context.Context, a Actor, id PhotoID) ([]byte, error) {
	var out string
	err := v.do(ctx, a, actCertificate, onPhoto(id), func(t *tx) error {
		err := t.QueryRowContext(ctx, `SELECT certificate FROM reviews WHERE photo = $1 AND decision = 'approve'
			ORDER BY version DESC LIMIT 1`, id).Scan(&out)
		if err != nil {
			return fmt.Errorf("reading certificate: %w", absent(err))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []byte(out), nil
}

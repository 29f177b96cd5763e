package vault

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/seal"
)

const saltDomain = "clinivault/certificate-salt/v1"

func (v *Vault) saltAAD(id PhotoID, review string) []byte {
	return bindText(saltDomain, v.cfg.Tenant, string(id), review)
}

// certify writes the review with its signed certificate, and the certificate's digest into the act's event, so that
// the proof of that event is a proof of the certificate.
func (v *Vault) certify(ctx context.Context, t *tx, a Actor, r *reviewing, result *imaging.Redacted) error {
	position, err := t.nextSeq(ctx)
	if err != nil {
		return err
	}
	c := newCertificate(result, r.regions)
	c.Photo, c.Version, c.Reviewer, c.DecidedAt = r.photo.ID, r.version, a.person, Time(t.now)
	c.LogOrigin, c.LogPosition, c.Forced = v.cfg.LogOrigin, position, r.forced
	c.Original, c.Redacted = r.before, r.after
	if err := json.Unmarshal([]byte(r.photo.detectors), &c.Detectors); err != nil {
		return fmt.Errorf("detectors: %w", ErrIntegrity)
	}
	key, err := v.signingKey(ctx, t, keyCertificate)
	if err != nil {
		return err
	}
	signed, digest, err := signRedaction(key.private, c)
	if err != nil {
		return err
	}
	salt, err := hex.DecodeString(r.salt)
	if err != nil {
		return fmt.Errorf("salt: %w", err)
	}
	patient, err := v.patientKey(ctx, t, r.original.patient)
	if err != nil {
		return err
	}
	defer patient.Wipe()
	review := newID()
	sealed := seal.SealSmall(patient, salt, v.saltAAD(r.photo.ID, review))
	_, err = t.ExecContext(ctx, `INSERT INTO reviews (id, photo, version, reviewer, decision, reason, certificate, sealed_salt,
		decided_at) VALUES ($1, $2, $3, $4, 'approve', '', $5, $6, $7)`, review, r.photo.ID, r.version, a.person,
		string(signed), sealed, t.now)
	if err != nil {
		return fmt.Errorf("writing review: %w", err)
	}
	t.detail("certificate", digest)
	t.detail("masked", fmt.Sprint(len(result.Masked)))
	if r.forced {
		t.detail("forced", "yes")
	}
	if n := len(slices.DeleteFunc(slices.Clone(r.regions), func(one Region) bool { return one.Fate != fatePassed })); n > 0 {
		t.detail("passed", fmt.Sprint(n))
	}
	return nil
}

// Certificate reads the signed certificate of an approved photo, as JSON with the proof that the log holds the release;
// VerifyCertificate checks it, and has done so here: a row that was changed is refused. Errors: ErrNotFound, ErrDenied,
// ErrIntegrity.
func (v *Vault) Certificate(ctx context.Context, a Actor, id PhotoID) ([]byte, error) {
	var out []byte
	err := v.do(ctx, a, actCertificate, onPhoto(id), func(t *tx) (err error) {
		out, err = t.certificate(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// certificate reads the certificate of a photo's last approval, with its proof, and checks it.
func (t *tx) certificate(ctx context.Context, id PhotoID) ([]byte, error) {
	var s signedCertificate
	var c Certificate
	_, text, err := lastApproval(ctx, t, id)
	if err != nil {
		return nil, err
	}
	if strictJSON([]byte(text), &s) != nil || strictJSON(s.Certificate, &c) != nil {
		return nil, fmt.Errorf("certificate: %w", ErrIntegrity)
	}
	if s.Proof, err = t.prove(ctx, c.LogPosition); err != nil {
		return nil, err
	}
	out, err := canonical(s)
	if err != nil {
		return nil, err
	}
	return out, t.v.ownCertificate(ctx, t, out, s.KeyID, id)
}

// ownCertificate checks that this vault signed the certificate, for this photo, and that the log holds its release.
func (v *Vault) ownCertificate(ctx context.Context, t *tx, text []byte, keyID string, id PhotoID) error {
	log, handovers, err := v.logChain(ctx, t)
	if err != nil {
		return err
	}
	keys, err := v.publicHalves(ctx, t, keyCertificate)
	if err != nil {
		return err
	}
	own := slices.IndexFunc(keys, func(k PublicKey) bool { return k.KeyID == keyID })
	if own < 0 {
		return fmt.Errorf("stored certificate: %w", ErrIntegrity)
	}
	c, err := VerifyCertificate(text, Trust{Key: keys[own].Key, LogVerifier: log.newest(), LogHandovers: handovers})
	if err != nil || c.Photo != id {
		return fmt.Errorf("stored certificate: %w", ErrIntegrity)
	}
	return nil
}

// lastApproval reads the newest approval of a photo: the review's ID and its certificate as it is stored.
func lastApproval(ctx context.Context, t querier, id PhotoID) (review, certificate string, err error) {
	err = t.QueryRowContext(ctx, `SELECT id, certificate FROM reviews WHERE photo = $1 AND decision = 'approve'
		ORDER BY version DESC LIMIT 1`, id).Scan(&review, &certificate)
	if err != nil {
		return "", "", fmt.Errorf("reading certificate: %w", absent(err))
	}
	return review, certificate, nil
}

// OriginalSalt is the salt of a certificate's commitment to the original, in hexadecimal. Who has it and the original
// can show that this original was redacted; who has it and a guess can test the guess. So it is the privacy officer's
// alone, each time with an event. Errors: ErrNotFound, also once the patient is erased, ErrDenied.
func (v *Vault) OriginalSalt(ctx context.Context, a Actor, id PhotoID) (salt string, err error) {
	err = v.do(ctx, a, actOriginalSalt, onPhoto(id), func(t *tx) error {
		review, _, err := lastApproval(ctx, t, id)
		if err != nil {
			return err
		}
		var sealed []byte
		var patient PatientID
		err = t.QueryRowContext(ctx, `SELECT r.sealed_salt, f.patient FROM reviews r JOIN photos f ON f.id = r.photo
			WHERE r.id = $1`, review).Scan(&sealed, &patient)
		if err != nil {
			return fmt.Errorf("reading salt: %w", absent(err))
		}
		key, err := v.patientKey(ctx, t, patient)
		if err != nil {
			return err
		}
		defer key.Wipe()
		plain, err := seal.OpenSmall(key, sealed, v.saltAAD(id, review))
		if err != nil {
			return fmt.Errorf("%w: salt: %w", ErrIntegrity, err)
		}
		salt = hex.EncodeToString(plain)
		return nil
	})
	if err != nil {
		return "", err
	}
	return salt, nil
}

// releaseProved reports whether an approval left nothing to see and was not forced. What cannot be read is not proved.
func releaseProved(stored string) bool {
	var s signedCertificate
	var c Certificate
	return strictJSON([]byte(stored), &s) == nil && strictJSON(s.Certificate, &c) == nil && c.proved()
}

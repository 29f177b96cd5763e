package vault

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/clinivault/clinivault/vault/seal"
)

// sealedColumn is one column whose values are under the keys of patients. rows
// selects of one patient the row's ID, the value, and what its additional data
// are made of.
type sealedColumn struct {
	table, column string
	rows          string
	wraps         bool // the value is a wrapped key, not a small sealed text
	scan          func(rows *sql.Rows, s *sealedRow) error
	aad           func(v *Vault, patient PatientID, s sealedRow) ([]byte, error)
}

// sealedRow is one value of such a column.
type sealedRow struct {
	id     string
	sealed []byte
	photo  PhotoID
	kind   string
	number int64
}

func scanSealed(rows *sql.Rows, s *sealedRow) error { return rows.Scan(&s.id, &s.sealed) }
func scanPhotos(rows *sql.Rows, s *sealedRow) error { return rows.Scan(&s.id, &s.sealed, &s.photo) }

// underPatientKey lists everything that is under the keys of patients: what has
// to be sealed anew when one is rotated, and what is lost when one is erased. A
// test holds the schema against it.
var underPatientKey = []sealedColumn{
	{"renditions", "wrapped_key", `SELECT r.id, r.wrapped_key, r.photo, r.kind, r.version FROM renditions r
		JOIN photos f ON f.id = r.photo WHERE f.patient = $1 AND r.wrapped_key IS NOT NULL`, true,
		func(rows *sql.Rows, s *sealedRow) error {
			return rows.Scan(&s.id, &s.sealed, &s.photo, &s.kind, &s.number)
		},
		func(v *Vault, patient PatientID, s sealedRow) ([]byte, error) {
			r := rendition{id: RenditionID(s.id), photo: s.photo, patient: patient, kind: s.kind, version: s.number}
			return r.binding(v.cfg.Tenant).AAD()
		}},
	{"photos", "sealed_facts", `SELECT id, sealed_facts FROM photos WHERE patient = $1 AND length(sealed_facts) > 0`, false, scanSealed,
		func(v *Vault, patient PatientID, s sealedRow) ([]byte, error) {
			return v.factsAAD(patient, PhotoID(s.id)), nil
		}},
	{"reveals", "sealed_reason", `SELECT r.id, r.sealed_reason FROM reveals r JOIN photos f ON f.id = r.photo
		WHERE f.patient = $1 AND length(r.sealed_reason) > 0`, false, scanSealed,
		func(v *Vault, patient PatientID, s sealedRow) ([]byte, error) {
			return v.revealAAD(patient, s.id), nil
		}},
	{"reviews", "sealed_salt", `SELECT r.id, r.sealed_salt, r.photo FROM reviews r JOIN photos f ON f.id = r.photo
		WHERE f.patient = $1 AND length(r.sealed_salt) > 0`, false, scanPhotos,
		func(v *Vault, _ PatientID, s sealedRow) ([]byte, error) {
			return v.saltAAD(s.photo, s.id), nil
		}},
	{"words", "sealed", `SELECT id, sealed FROM words WHERE patient = $1`, false, scanSealed,
		func(v *Vault, patient PatientID, s sealedRow) ([]byte, error) {
			return v.wordsAAD(patient, s.id), nil
		}},
}

// errKeyMoved says that a patient's key was rotated or wrapped anew between two
// transactions.
var errKeyMoved = errors.New("patient key changed meanwhile")

// rotatePatient gives a patient a new key and seals everything under it anew,
// in one transaction: a reader finds all of it under the old key or all under
// the new one. If anything does not open, nothing is changed: ErrIntegrity.
// within is the work that this is a part of, or empty.
func (v *Vault) rotatePatient(ctx context.Context, a Actor, id PatientID, within string) error {
	for n := 1; ; n++ {
		err := v.tryRotatePatient(ctx, a, id, within)
		if !errors.Is(err, errKeyMoved) {
			return err
		}
		if n == tries {
			return fmt.Errorf("rotating patient key: %w", ErrConflict)
		}
	}
}

func (v *Vault) tryRotatePatient(ctx context.Context, a Actor, id PatientID, within string) error {
	var before []byte
	var old seal.Key
	err := v.quietly(ctx, a, actRotateKey, object{Kind: "patient", ID: string(id)}, func(t *tx) (err error) {
		err = t.QueryRowContext(ctx, `SELECT wrapped_key FROM patients WHERE id = $1 AND wrapped_key IS NOT NULL`, string(id)).Scan(&before)
		if err != nil {
			return fmt.Errorf("reading patient key: %w", absent(err))
		}
		old, err = v.patientKey(ctx, t, id)
		return err
	})
	if err != nil {
		return err
	}
	defer old.Wipe()
	key := seal.NewKey()
	defer key.Wipe()
	wrapped, root, err := v.cfg.KMS.Wrap(ctx, key, v.patientAAD(id))
	if err != nil {
		return fmt.Errorf("wrapping patient key: %w", err)
	}
	return v.do(ctx, a, actRotateKey, onPatient(id), func(t *tx) error {
		var now []byte
		err := t.QueryRowContext(ctx, `SELECT wrapped_key FROM patients WHERE id = $1 AND wrapped_key IS NOT NULL`, string(id)).Scan(&now)
		if err != nil {
			return fmt.Errorf("reading patient key: %w", absent(err))
		}
		if !bytes.Equal(now, before) {
			return fmt.Errorf("%w: %w", ErrConflict, errKeyMoved)
		}
		if err := t.rootStands(ctx, root); err != nil {
			return err
		}
		for _, c := range underPatientKey {
			n, err := t.sealAnew(ctx, c, id, old, key)
			if err != nil {
				return err
			}
			if n > 0 {
				t.detail(c.table, strconv.Itoa(n))
			}
		}
		if within != "" {
			if err := t.advance(ctx, &work{id: within}, 1, string(id)); err != nil {
				return err
			}
		}
		return exactlyOne(ctx, t, "writing patient key", `UPDATE patients SET wrapped_key = $1, root_version = $2 WHERE id = $3`,
			wrapped, int64(root), string(id))
	})
}

// sealAnew opens each value of a column under the old key and seals it under
// the new one, and says how many there were.
func (t *tx) sealAnew(ctx context.Context, c sealedColumn, id PatientID, old, key seal.Key) (int, error) {
	values, err := list(ctx, t, func(rows *sql.Rows) (s sealedRow, err error) { return s, c.scan(rows, &s) }, c.rows, string(id))
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", c.table, err)
	}
	for _, s := range values {
		aad, err := c.aad(t.v, id, s)
		if err != nil {
			return 0, err
		}
		anew, err := c.anew(s.sealed, aad, old, key)
		if err != nil {
			return 0, fmt.Errorf("%s %s of this patient does not open, repair it first: %w", c.table, s.id, ErrIntegrity)
		}
		err = exactlyOne(ctx, t, "writing "+c.table, `UPDATE `+c.table+` SET `+c.column+` = $1 WHERE id = $2`, anew, s.id)
		if err != nil {
			return 0, err
		}
	}
	return len(values), nil
}

func (c sealedColumn) anew(sealed, aad []byte, old, key seal.Key) ([]byte, error) {
	if c.wraps {
		own, err := seal.Unwrap(old, sealed, aad)
		if err != nil {
			return nil, err
		}
		defer own.Wipe()
		return seal.Wrap(key, own, aad), nil
	}
	plain, err := seal.OpenSmall(old, sealed, aad)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return seal.SealSmall(key, plain, aad), nil
}

// rotatePatients gives every patient a new key, one after the other in order of
// their IDs, and goes on where an earlier run ended. Patients added meanwhile
// have a new key anyway.
func (v *Vault) rotatePatients(ctx context.Context, a Actor, progress func(RotationProgress)) (RotationProgress, error) {
	w, err := v.beginWork(ctx, a, RotatePatients, func(t *tx) (w work, err error) {
		err = t.QueryRowContext(ctx, `SELECT count(*) FROM patients WHERE wrapped_key IS NOT NULL`).Scan(&w.total)
		return w, err
	})
	if err != nil {
		return RotationProgress{}, err
	}
	left, report := int64(0), reporter(progress)
	for {
		ids, err := v.patientsAfter(ctx, a, w.last)
		if err != nil {
			return w.progress(), err
		}
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			w.last = string(id)
			switch err := v.rotatePatient(ctx, a, id, w.id); {
			case err == nil:
				w.done++
			case errors.Is(err, ErrIntegrity):
				left++
			case !errors.Is(err, ErrNotFound): // erased meanwhile
				return w.progress(), err
			}
			report(w.progress())
		}
	}
	if err := v.finishWork(ctx, a, &w, left); err != nil {
		return w.progress(), err
	}
	p := w.progress()
	if p.Left = left; left > 0 {
		return p, fmt.Errorf("the keys of %d patients were left as they are, since something under them does not open: %w", left, ErrIntegrity)
	}
	return p, nil
}

func (v *Vault) patientsAfter(ctx context.Context, a Actor, last string) (ids []PatientID, err error) {
	err = v.quietly(ctx, a, actRotateKey, object{Kind: "key", ID: RotatePatients}, func(t *tx) (err error) {
		ids, err = list(ctx, t, scanOne[PatientID], `SELECT id FROM patients WHERE wrapped_key IS NOT NULL AND id > $1
			ORDER BY id LIMIT $2`, last, wrapBatch)
		if err != nil {
			return fmt.Errorf("reading patients: %w", err)
		}
		return nil
	})
	return ids, err
}

package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// SensitivityChange is one change of a photo's class, with who, when and why.
type SensitivityChange struct {
	Old        Sensitivity `json:"old"`
	New        Sensitivity `json:"new"`
	Reason     string      `json:"reason"`
	Person     PersonID    `json:"person"`
	PersonName string      `json:"person_name"`
	At         Time        `json:"at"`
}

// AllowedUse is a use of a sensitive photo that the privacy officer signed.
type AllowedUse struct {
	Purpose       string   `json:"purpose"` // record, teaching, publication
	Reason        string   `json:"reason"`
	AllowedBy     PersonID `json:"allowed_by"`
	AllowedByName string   `json:"allowed_by_name"`
	AllowedAt     Time     `json:"allowed_at"`
	EndedAt       Time     `json:"ended_at"`
}

// PhotoSensitivity is how narrowly a photo is shown now, and how that came.
type PhotoSensitivity struct {
	Class   Sensitivity         `json:"class"`
	Child   bool                `json:"child"` // the patient was under 18 when it was taken
	Changes []SensitivityChange `json:"changes"`
	Uses    []AllowedUse        `json:"uses"`
}

// String keeps reasons out of logs.
func (PhotoSensitivity) String() string { return "[redacted]" }

// GoString keeps reasons out of logs.
func (PhotoSensitivity) GoString() string { return "[redacted]" }

// lookFor is how long a reason opens an intimate photo to who gave it.
const lookFor = 15 * time.Minute

// SetSensitivity changes the class of a photo, with a reason of 3 to 500 characters. Who treats the patient may make it
// narrower; the privacy officer may also make it wider. Errors: ErrInvalid, ErrNotFound, ErrDenied, ErrConflict when it is
// of that class.
func (v *Vault) SetSensitivity(ctx context.Context, a Actor, id PhotoID, to Sensitivity, reason string) error {
	return v.do(ctx, a, actSetSensitivity, onPhoto(id), func(t *tx) error {
		if to.rank() < 0 {
			return say(ErrInvalid, "A photo is normal, child, intimate or forensic.")
		}
		if err := checkReason(reason); err != nil {
			return err
		}
		var old Sensitivity
		var patient PatientID
		err := t.QueryRowContext(ctx, `SELECT sensitivity, patient FROM photos WHERE id = $1 AND state <> 'erased'`, id).Scan(&old, &patient)
		switch {
		case err != nil:
			return fmt.Errorf("reading photo: %w", absent(err))
		case old == to:
			return say(ErrConflict, "The photo is of that class already.")
		case to.rank() < old.rank() && t.entry.ActingAs != string(RolePrivacy):
			return say(ErrDenied, "Only the privacy officer has a photo shown more widely.")
		}
		words, err := t.keepWords(ctx, patient, id, reason)
		if err != nil {
			return err
		}
		t.detail("old", string(old))
		t.detail("new", string(to))
		return t.changes(ctx, "changing sensitivity",
			change{`UPDATE photos SET sensitivity = $1 WHERE id = $2`, []any{string(to), id}},
			change{`INSERT INTO sensitivity_changes (id, photo, old, new, reason, person, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				[]any{newID(), id, string(old), string(to), words, a.person, t.now}})
	})
}

// AllowUse signs a use of a photo that its sensitivity forbids: "record" lets records see a forensic photo, "teaching" and
// "publication" let records release a child's without a representative's word, which another person does. The reason has 3
// to 500 characters. Errors: ErrInvalid, ErrNotFound, ErrDenied, ErrConflict when it is allowed already.
func (v *Vault) AllowUse(ctx context.Context, a Actor, id PhotoID, purpose, reason string) error {
	return v.do(ctx, a, actAllowUse, onPhoto(id), func(t *tx) error {
		if !slices.Contains(Purposes(), purpose) {
			return say(ErrInvalid, "A use is record, teaching or publication.")
		}
		if err := checkReason(reason); err != nil {
			return err
		}
		var patient PatientID
		err := t.QueryRowContext(ctx, `SELECT patient FROM photos WHERE id = $1 AND state <> 'erased'`, id).Scan(&patient)
		if err != nil {
			return fmt.Errorf("reading photo: %w", absent(err))
		}
		err = holds(ctx, t, `SELECT count(*) FROM allowed_uses WHERE photo = $1 AND purpose = $2 AND ended_at IS NULL`, id, purpose)
		if err == nil {
			return say(ErrConflict, "This use is allowed already.")
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		words, err := t.keepWords(ctx, patient, id, reason)
		if err != nil {
			return err
		}
		t.purpose(purpose)
		_, err = t.ExecContext(ctx, `INSERT INTO allowed_uses (id, photo, purpose, reason, allowed_by, allowed_at)
			VALUES ($1, $2, $3, $4, $5, $6)`, newID(), id, purpose, words, a.person, t.now)
		if err != nil {
			return fmt.Errorf("allowing use: %w", err)
		}
		return nil
	})
}

// EndUse takes back what AllowUse allowed; what was attached or released under it stays. Errors: ErrNotFound, ErrDenied,
// ErrConflict when it is not allowed.
func (v *Vault) EndUse(ctx context.Context, a Actor, id PhotoID, purpose string) error {
	return v.do(ctx, a, actEndUse, onPhoto(id), func(t *tx) error {
		t.purpose(shape(purpose))
		return exactlyOne(ctx, t, "ending use", `UPDATE allowed_uses SET ended_at = $1 WHERE photo = $2 AND purpose = $3
			AND ended_at IS NULL`, t.now, id, purpose)
	})
}

// GiveReason opens the pictures of an intimate photo to the actor until the time it answers, 15 minutes ahead, for a
// reason of 3 to 500 characters that the privacy officer can read. Errors: ErrInvalid, ErrNotFound, ErrDenied.
func (v *Vault) GiveReason(ctx context.Context, a Actor, id PhotoID, reason string) (Time, error) {
	var until int64
	err := v.do(ctx, a, actGiveReason, onPhoto(id), func(t *tx) error {
		if err := checkReason(reason); err != nil {
			return err
		}
		var patient PatientID
		if err := t.QueryRowContext(ctx, `SELECT patient FROM photos WHERE id = $1`, id).Scan(&patient); err != nil {
			return absent(err)
		}
		words, err := t.keepWords(ctx, patient, id, reason)
		if err != nil {
			return err
		}
		until = t.now + lookFor.Milliseconds()
		_, err = t.ExecContext(ctx, `INSERT INTO look_reasons (id, photo, person, reason, at, open_until)
			VALUES ($1, $2, $3, $4, $5, $6)`, newID(), id, a.person, words, t.now, until)
		if err != nil {
			return fmt.Errorf("keeping reason: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return Time(until), nil
}

// SensitivityOf reads the class of a photo, with every change and signed use, newest first. Errors: ErrNotFound, ErrDenied.
func (v *Vault) SensitivityOf(ctx context.Context, a Actor, id PhotoID) (PhotoSensitivity, error) {
	var out PhotoSensitivity
	err := v.do(ctx, a, actSensitivity, onPhoto(id), func(t *tx) error {
		out = PhotoSensitivity{}
		var err error
		if out.Class, out.Child, err = t.sensitivityOf(ctx, id); err != nil {
			return err
		}
		out.Changes, err = list(ctx, t, func(rows *sql.Rows) (c SensitivityChange, err error) {
			return c, rows.Scan(&c.Old, &c.New, &c.Reason, &c.Person, &c.PersonName, &c.At)
		}, `SELECT s.old, s.new, s.reason, s.person, u.name, s.at FROM sensitivity_changes s JOIN people u ON u.id = s.person
			WHERE s.photo = $1 ORDER BY s.at DESC, s.id`, id)
		if err != nil {
			return fmt.Errorf("reading changes: %w", err)
		}
		out.Uses, err = list(ctx, t, func(rows *sql.Rows) (l AllowedUse, err error) {
			return l, rows.Scan(&l.Purpose, &l.Reason, &l.AllowedBy, &l.AllowedByName, &l.AllowedAt, &l.EndedAt)
		}, `SELECT l.purpose, l.reason, l.allowed_by, u.name, l.allowed_at, coalesce(l.ended_at, 0) FROM allowed_uses l
			JOIN people u ON u.id = l.allowed_by WHERE l.photo = $1 ORDER BY l.allowed_at DESC, l.id`, id)
		if err != nil {
			return fmt.Errorf("reading uses: %w", err)
		}
		return t.openReasons(ctx, &out)
	})
	if err != nil {
		return PhotoSensitivity{}, err
	}
	return out, nil
}

func (t *tx) openReasons(ctx context.Context, s *PhotoSensitivity) (err error) {
	for i := range s.Changes {
		if s.Changes[i].Reason, err = t.readWords(ctx, s.Changes[i].Reason); err != nil {
			return err
		}
	}
	for i := range s.Uses {
		if s.Uses[i].Reason, err = t.readWords(ctx, s.Uses[i].Reason); err != nil {
			return err
		}
	}
	return nil
}

// sensitivityOf reads a photo's class and whether it shows a child.
func (t *tx) sensitivityOf(ctx context.Context, id PhotoID) (class Sensitivity, child bool, err error) {
	var born string
	var taken int64
	err = t.QueryRowContext(ctx, `SELECT f.sensitivity, p.birth_date, f.taken_at FROM photos f JOIN patients p ON p.id = f.patient
		WHERE f.id = $1`, id).Scan(&class, &born, &taken)
	if err != nil {
		return "", false, fmt.Errorf("reading photo: %w", absent(err))
	}
	return class, class == SensitivityChild || isChild(born, taken), nil
}

// mayLeave asks for what a sensitive photo wants before a copy leaves for teaching or publication: a child's, the word of a
// representative for that purpose, or the privacy officer's signature, who is another person than who releases it.
func (t *tx) mayLeave(ctx context.Context, a Actor, id PhotoID, purpose string) error {
	_, child, err := t.sensitivityOf(ctx, id)
	if err != nil || !child {
		return err
	}
	err = holds(ctx, t, `SELECT count(*) FROM consents c WHERE c.photo = $1 AND c.purpose = $2 AND c.allowed AND c.how = 'representative'
		AND c.version = (SELECT max(n.version) FROM consents n WHERE n.photo = c.photo AND n.purpose = c.purpose)`, id, purpose)
	if errors.Is(err, ErrNotFound) {
		err = holds(ctx, t, `SELECT count(*) FROM allowed_uses WHERE photo = $1 AND purpose = $2 AND ended_at IS NULL AND allowed_by <> $3`,
			id, purpose, a.person)
	}
	if errors.Is(err, ErrNotFound) {
		return say(ErrConflict, "It shows a child: a representative has to consent to this purpose, or the privacy officer signs it.")
	}
	return err
}

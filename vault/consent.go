package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/clinivault/clinivault/vault/seal"
)

// The purposes a patient may allow.
const (
	purposeRecord      = "record"
	purposeTeaching    = "teaching"
	purposePublication = "publication"
)

// Purposes are what a patient may allow a photo for: the record, teaching, publication.
func Purposes() []string { return []string{purposeRecord, purposeTeaching, purposePublication} }

// ConsentWays are the ways in which a patient may have said what they allow: "verbal", "written" on a form, in a
// "letter", through a "representative", or "presumed" where the law allows that. What came with a capture is "capture".
func ConsentWays() []string {
	return []string{"verbal", "written", "letter", "representative", "presumed"}
}

// Consent is what the patient allows for a photo now.
type Consent struct {
	Record      bool `json:"record"`
	Teaching    bool `json:"teaching"`
	Publication bool `json:"publication"`
}

func (c Consent) allows(purpose string) bool {
	return purpose == purposeRecord && c.Record || purpose == purposeTeaching && c.Teaching ||
		purpose == purposePublication && c.Publication
}

// ConsentChange is a patient's new word on one purpose. TakenBy is who heard or read it (empty: the actor), TakenAt when
// (zero: now; not ahead of it). Note has up to 500 characters, Document, the number of a form or letter, up to 120; both
// are sealed under the patient's key.
type ConsentChange struct {
	Purpose  string
	Allowed  bool
	How      string
	Note     string
	Document string
	TakenBy  PersonID
	TakenAt  Time
}

// String keeps evidence out of logs.
func (ConsentChange) String() string { return "[redacted]" }

// GoString keeps evidence out of logs.
func (ConsentChange) GoString() string { return "[redacted]" }

// ConsentVersion is one word of the patient on one purpose, with its evidence.
type ConsentVersion struct {
	Purpose        string   `json:"purpose"`
	Version        int64    `json:"version"` // of the purpose, from 1
	Allowed        bool     `json:"allowed"`
	TakenBy        PersonID `json:"taken_by"`
	TakenByName    string   `json:"taken_by_name"`
	TakenAt        Time     `json:"taken_at"`
	RecordedBy     PersonID `json:"recorded_by"` // as a capture: who took it
	RecordedByName string   `json:"recorded_by_name"`
	RecordedAt     Time     `json:"recorded_at"`
	How            string   `json:"how"`
	Note           string   `json:"note"`
	Document       string   `json:"document"`
}

// String keeps evidence out of logs.
func (ConsentVersion) String() string { return "[redacted]" }

// GoString keeps evidence out of logs.
func (ConsentVersion) GoString() string { return "[redacted]" }

// evidence is what is sealed of a consent.
type evidence struct {
	Note     string `json:"note,omitempty"`
	Document string `json:"document,omitempty"`
}

// recordConsent writes what the patient allowed at the capture.
func recordConsent(ctx context.Context, t *tx, id PhotoID, by PersonID, c seal.Consent) error {
	allowed := Consent(c)
	for _, purpose := range Purposes() {
		_, err := t.ExecContext(ctx, `INSERT INTO consents (photo, purpose, version, allowed, taken_by, taken_at, recorded_at)
			VALUES ($1, $2, 1, $3, $4, $5, $5)`, id, purpose, allowed.allows(purpose), by, t.now)
		if err != nil {
			return fmt.Errorf("recording consent: %w", err)
		}
	}
	return nil
}

// consentOf reads the newest word on each purpose; silence is no.
func consentOf(ctx context.Context, t querier, id PhotoID) (Consent, error) {
	allowed, err := list(ctx, t, func(rows *sql.Rows) (purpose string, err error) { return purpose, rows.Scan(&purpose) },
		`SELECT c.purpose FROM consents c WHERE c.photo = $1 AND c.allowed AND c.version =
		(SELECT max(n.version) FROM consents n WHERE n.photo = c.photo AND n.purpose = c.purpose)`, id)
	if err != nil {
		return Consent{}, fmt.Errorf("reading consent: %w", err)
	}
	return Consent{Record: slices.Contains(allowed, purposeRecord), Teaching: slices.Contains(allowed, purposeTeaching),
		Publication: slices.Contains(allowed, purposePublication)}, nil
}

// check says what is wrong with a change at a time.
func (c ConsentChange) check(now int64) error {
	switch {
	case !slices.Contains(Purposes(), c.Purpose):
		return say(ErrInvalid, "A purpose is record, teaching or publication.")
	case !slices.Contains(ConsentWays(), c.How):
		return say(ErrInvalid, "Say how the patient said it: verbal, written, letter, representative or presumed.")
	case c.Note != "" && !isLine(c.Note, maxReason):
		return say(ErrInvalid, "A note is one line of at most 500 characters.")
	case c.Document != "" && !isLine(c.Document, 120):
		return say(ErrInvalid, "A document is named in one line of at most 120 characters.")
	case int64(c.TakenAt) > now || c.TakenAt < 0:
		return say(ErrInvalid, "The patient cannot have said it in the future.")
	case !utf8.ValidString(string(c.TakenBy)) || shape(string(c.TakenBy)) != string(c.TakenBy):
		return say(ErrInvalid, "Say who heard or read it.")
	}
	return nil
}

// ChangeConsent writes the patient's new word on one purpose, by a clinician of the care team, or by privacy for a patient
// who writes to the hospital. It acts at the next request of anybody. A withdrawal refuses what was made under it,
// destroys its key in the same transaction (under a legal hold it is kept, and refused all the same) and has it deleted;
// of the record it also stops the review and deliveries, and has copies in charts retracted. The original stays sealed,
// seen by nobody; allowed again, the photo is reviewed anew. Purposes do not depend on one another.
// Errors: ErrInvalid, ErrNotFound, ErrDenied, ErrConflict when the photo is erased.
func (v *Vault) ChangeConsent(ctx context.Context, a Actor, id PhotoID, c ConsentChange) (Consent, error) {
	var now Consent
	err := v.do(ctx, a, actChangeConsent, onPhoto(id), func(t *tx) error {
		if err := c.check(t.now); err != nil {
			return err
		}
		patient, err := photoPatient(ctx, t, id)
		if err != nil {
			return err
		}
		if err := t.insertConsent(ctx, a, patient, id, c); err != nil {
			return err
		}
		t.purpose(c.Purpose)
		t.detail("allowed", yesNo(c.Allowed))
		t.detail("how", c.How)
		if c.Allowed {
			err = t.resume(ctx, id, c.Purpose)
		} else {
			err = t.withdraw(ctx, patient, id, c.Purpose)
		}
		if err != nil {
			return err
		}
		now, err = consentOf(ctx, t, id)
		return err
	})
	if err != nil {
		return Consent{}, err
	}
	return now, nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// photoPatient is whose photo it is; an erased one is ErrConflict.
func photoPatient(ctx context.Context, t *tx, id PhotoID) (PatientID, error) {
	var patient PatientID
	var state string
	err := t.QueryRowContext(ctx, `SELECT patient, state FROM photos WHERE id = $1`, id).Scan(&patient, &state)
	if err != nil {
		return "", fmt.Errorf("reading photo: %w", absent(err))
	}
	if state == StateErased {
		return "", say(ErrConflict, "The photo was erased.")
	}
	return patient, nil
}

func (t *tx) insertConsent(ctx context.Context, a Actor, patient PatientID, id PhotoID, c ConsentChange) error {
	if c.TakenBy == "" {
		c.TakenBy = a.person
	}
	if c.TakenAt == 0 {
		c.TakenAt = Time(t.now)
	}
	if err := holds(ctx, t, `SELECT count(*) FROM people WHERE id = $1`, c.TakenBy); errors.Is(err, ErrNotFound) {
		return say(ErrInvalid, "There is nobody of that number who could have heard it.")
	} else if err != nil {
		return err
	}
	words := ""
	if c.Note != "" || c.Document != "" {
		text, err := json.Marshal(evidence{c.Note, c.Document})
		if err != nil {
			return fmt.Errorf("encoding evidence: %w", err)
		}
		if words, err = t.keepWords(ctx, patient, id, string(text)); err != nil {
			return err
		}
	}
	_, err := t.ExecContext(ctx, `INSERT INTO consents (photo, purpose, version, allowed, taken_by, taken_at, how, evidence,
		recorded_by, recorded_at) VALUES ($1, $2, (SELECT coalesce(max(c.version), 0) + 1 FROM consents c WHERE c.photo = $1
		AND c.purpose = $2), $3, $4, $5, $6, $7, $8, $9)`,
		id, c.Purpose, c.Allowed, c.TakenBy, c.TakenAt, c.How, words, a.person, t.now)
	if err != nil {
		return fmt.Errorf("recording consent: %w", err)
	}
	return nil
}

// ConsentHistory lists every word of the patient on a photo, newest first, for the care team and for privacy.
// Errors: ErrNotFound, ErrDenied.
func (v *Vault) ConsentHistory(ctx context.Context, a Actor, id PhotoID) ([]ConsentVersion, error) {
	var out []ConsentVersion
	err := v.do(ctx, a, actConsentHistory, onPhoto(id), func(t *tx) error {
		var words []string
		var err error
		out, err = list(ctx, t, func(rows *sql.Rows) (c ConsentVersion, err error) {
			var w string
			err = rows.Scan(&c.Purpose, &c.Version, &c.Allowed, &c.TakenBy, &c.TakenByName, &c.TakenAt, &c.RecordedBy,
				&c.RecordedByName, &c.RecordedAt, &c.How, &w)
			words = append(words, w)
			return c, err
		}, `SELECT c.purpose, c.version, c.allowed, c.taken_by, u.name, c.taken_at, coalesce(r.id, c.taken_by),
			coalesce(r.name, u.name), c.recorded_at, c.how, c.evidence FROM consents c JOIN people u ON u.id = c.taken_by
			LEFT JOIN people r ON r.id = c.recorded_by WHERE c.photo = $1
			ORDER BY c.recorded_at DESC, c.version DESC, c.purpose`, id)
		if err != nil {
			return fmt.Errorf("reading consents: %w", err)
		}
		for i, w := range words {
			text, err := t.readWords(ctx, w)
			if err != nil {
				return err
			}
			var e evidence
			if text != "" && json.Unmarshal([]byte(text), &e) != nil {
				return fmt.Errorf("evidence: %w", ErrIntegrity)
			}
			out[i].Note, out[i].Document = e.Note, e.Document
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

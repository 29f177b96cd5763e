package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// DefaultBackupsKept is how long backups of the database are kept when nothing else is configured.
const DefaultBackupsKept = 35 * 24 * time.Hour

// The states of an erasure.
const (
	ErasureAsked     = "asked"     // waits for a second person
	ErasureCancelled = "cancelled" // nothing was erased
	ErasureDestroyed = "destroyed" // keys and names are gone; objects and copies are being reached
	ErasureDone      = "done"      // certified
)

// The causes of an erasure.
const (
	causeRequest   = "request"
	causeRetention = "retention"
)

// Erasure is the erasure of one photo, or of a patient with everything. Once it is destroyed it names nobody.
type Erasure struct {
	ID           ErasureID     `json:"id"`
	Patient      PatientID     `json:"patient"`
	Pseudonym    string        `json:"pseudonym"`     // of the patient in the log
	PatientName  string        `json:"patient_name"`  // until the patient is erased
	RecordNumber string        `json:"record_number"` // until the patient is erased
	Photo        PhotoID       `json:"photo"`         // empty: everything of the patient
	Cause        string        `json:"cause"`         // request, retention
	Rule         RuleID        `json:"rule"`          // of a retention
	State        string        `json:"state"`         // asked, cancelled, destroyed, done
	Reason       string        `json:"reason"`        // until it is destroyed
	AskedBy      PersonID      `json:"asked_by"`
	AskedByName  string        `json:"asked_by_name"`
	AskedAt      Time          `json:"asked_at"`
	SignedBy     PersonID      `json:"signed_by"`
	SignedByName string        `json:"signed_by_name"`
	SignedAt     Time          `json:"signed_at"` // and destroyed
	EndedAt      Time          `json:"ended_at"`  // cancelled, or first certified
	BackupsUntil Time          `json:"backups_until"`
	Waiting      int           `json:"waiting"` // objects and copies not reached yet
	Reached      int           `json:"reached"`
	Unreached    int           `json:"unreached"`
	Certificates int           `json:"certificates"` // issued; a later one replaces those before
	Items        []ErasureItem `json:"items,omitempty"`
}

// String keeps reasons and names out of logs.
func (Erasure) String() string { return "[redacted]" }

// GoString keeps reasons and names out of logs.
func (Erasure) GoString() string { return "[redacted]" }

// ErasureItem is one thing that an erasure has to reach: a rendition or a capture in the store, or a copy in a chart.
type ErasureItem struct {
	Kind           string  `json:"kind"` // rendition, capture, copy
	Item           string  `json:"item"` // number of the rendition, the photo or the attachment
	Photo          PhotoID `json:"photo"`
	What           string  `json:"what"`             // kind of rendition, or chart
	State          string  `json:"state"`            // waiting, reached, unreached
	KeyDestroyedAt Time    `json:"key_destroyed_at"` // null for a copy, and for a capture, whose key is not the patient's
	ReachedAt      Time    `json:"reached_at"`
	How            string  `json:"how"`          // deleted, entered-in-error, rejection-note, never-sent
	Why            string  `json:"why"`          // it was not reached yet
	LockedUntil    Time    `json:"locked_until"` // the store keeps the object until then
}

// onErasure is what an act on a patient or one of their photos is about.
func onErasure(patient PatientID, photo PhotoID) object {
	if photo != "" {
		return onPhoto(photo)
	}
	return onPatient(patient)
}

// AskErasure asks for a photo, or with an empty photo everything of a patient, to be erased for good, with a reason of 3 to
// 500 characters. A privacy officer, not the one who asks, signs it. Errors: ErrInvalid, ErrNotFound, ErrDenied,
// ErrConflict under a legal hold, when it is erased, or when it was asked for already.
func (v *Vault) AskErasure(ctx context.Context, a Actor, patient PatientID, photo PhotoID, reason string) (ErasureID, error) {
	id := ErasureID(newID())
	err := v.do(ctx, a, actAskErasure, onErasure(patient, photo), func(t *tx) error {
		if err := checkReason(reason); err != nil {
			return err
		}
		of := patient
		if photo != "" {
			var err error
			if of, err = photoPatient(ctx, t, photo); err != nil {
				return err
			}
			if patient != "" && patient != of {
				return say(ErrInvalid, "The photo is not one of this patient's.")
			}
		}
		if err := t.erasable(ctx, of, photo); err != nil {
			return err
		}
		var open int64
		err := t.QueryRowContext(ctx, `SELECT count(*) FROM erasures WHERE patient = $1 AND coalesce(photo, '') = $2 AND state = 'asked'`,
			of, photo).Scan(&open)
		if err != nil {
			return fmt.Errorf("reading erasures: %w", err)
		}
		if open > 0 {
			return say(ErrConflict, "This erasure was asked for already and waits for a second person.")
		}
		words, err := t.keepWords(ctx, of, photo, reason)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO erasures (id, patient, photo, cause, state, reason, asked_by, asked_at)
			VALUES ($1, $2, nullif($3, ''), 'request', 'asked', $4, $5, $6)`, id, of, photo, words, a.person, t.now)
		if err != nil {
			return fmt.Errorf("asking for erasure: %w", err)
		}
		t.detail("erasure", string(id))
		return t.notify(ctx, noticeSignErasure, toHolders(RolePrivacy, a.person))
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// erasable refuses what is erased already or lies under a hold.
func (t *tx) erasable(ctx context.Context, patient PatientID, photo PhotoID) error {
	err := patientExists(ctx, t, patient)
	if errors.Is(err, ErrNotFound) {
		if known := holds(ctx, t, `SELECT count(*) FROM patients WHERE id = $1`, patient); known == nil {
			err = say(ErrConflict, "The patient was erased already, or the record was merged into another.")
		}
	}
	if err != nil {
		return err
	}
	moving, err := t.merging(ctx, patient)
	if err == nil && moving {
		err = say(ErrConflict, "Two records of this patient are being merged. Try again in a few minutes.")
	}
	if err != nil {
		return err
	}
	held, err := t.held(ctx, patient, photo)
	if err == nil && held {
		err = say(ErrConflict, "A legal hold lies on it. Nothing is erased until two people have lifted the hold.")
	}
	return err
}

// erasureRow is an erasure as the acts on it need it.
type erasureRow struct {
	id       ErasureID
	patient  PatientID
	photo    PhotoID
	state    string
	askedBy  PersonID
	signedAt int64
}

func (e erasureRow) on() object {
	return object{Kind: "erasure", ID: string(e.id), Patient: e.patient, Photo: e.photo}
}

// erasureObject finds out what an erasure is about, for the deciding; of an unknown one it names nothing.
func (v *Vault) erasureObject(ctx context.Context, id ErasureID) (erasureRow, error) {
	e, err := readErasure(ctx, v.db, id)
	if errors.Is(err, ErrNotFound) {
		return erasureRow{id: id}, nil
	}
	return e, dbError(err)
}

func readErasure(ctx context.Context, q querier, id ErasureID) (erasureRow, error) {
	e := erasureRow{id: id}
	err := q.QueryRowContext(ctx, `SELECT patient, coalesce(photo, ''), state, asked_by, coalesce(signed_at, 0) FROM erasures WHERE id = $1`, id).
		Scan(&e.patient, &e.photo, &e.state, &e.askedBy, &e.signedAt)
	if err != nil {
		return erasureRow{}, fmt.Errorf("reading erasure: %w", absent(err))
	}
	return e, nil
}

// CancelErasure takes back a request that nobody has signed. Errors: ErrNotFound, ErrDenied, ErrConflict once it is
// signed: what is destroyed stays so.
func (v *Vault) CancelErasure(ctx context.Context, a Actor, id ErasureID) error {
	e, err := v.erasureObject(ctx, id)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actCancelErasure, e.on(), func(t *tx) error {
		now, err := readErasure(ctx, t, id)
		if err != nil {
			return err
		}
		if now.state != ErasureAsked {
			return say(ErrConflict, "This erasure is no longer a request: it was signed or cancelled.")
		}
		return exactlyOne(ctx, t, "cancelling erasure", `UPDATE erasures SET state = 'cancelled', ended_at = $1
			WHERE id = $2 AND state = 'asked'`, t.now, id)
	})
}

// SignErasure is the second person's word: a privacy officer, not the one who asked, has it done. In one transaction the
// wrapped keys are destroyed, names, numbers, dates, notes and reasons are cleared, claims and jobs stop, and deletions
// and retractions are asked for; FinishErasure follows them to their end and certifies. It cannot be undone. Errors:
// ErrNotFound, ErrDenied for one's own request, ErrConflict under a legal hold or when it is no longer asked for.
func (v *Vault) SignErasure(ctx context.Context, a Actor, id ErasureID) error {
	e, err := v.erasureObject(ctx, id)
	if err != nil {
		return err
	}
	err = v.do(ctx, a, actSignErasure, e.on(), func(t *tx) error {
		now, err := readErasure(ctx, t, id)
		switch {
		case err != nil:
			return err
		case now.state != ErasureAsked:
			return say(ErrConflict, "This erasure is no longer a request: it was signed or cancelled.")
		case now.askedBy == a.person:
			return say(ErrDenied, "You have asked for this yourself. A second person signs the erasure.")
		}
		if now.photo != "" { // a recall may have moved it since
			if now.patient, err = photoPatient(ctx, t, now.photo); err != nil {
				return err
			}
		}
		if err := t.erasable(ctx, now.patient, now.photo); err != nil {
			return err
		}
		t.detail("asked_by", string(now.askedBy))
		return t.erase(ctx, now, a.person)
	})
	if err == nil {
		v.scrub(ctx)
	}
	return err
}

const erasureColumns = `SELECT e.id, e.patient, p.pseudonym, CASE WHEN p.erased_at IS NULL THEN p.name ELSE '' END,
	CASE WHEN p.erased_at IS NULL THEN p.record_number ELSE '' END, coalesce(e.photo, ''), e.cause, e.rule, e.state, e.reason,
	e.asked_by, coalesce(q.name, ''), e.asked_at, e.signed_by, coalesce(s.name, ''), coalesce(e.signed_at, 0), coalesce(e.ended_at, 0),
	(SELECT count(*) FROM erasure_items i WHERE i.erasure = e.id AND i.state = 'waiting'),
	(SELECT count(*) FROM erasure_items i WHERE i.erasure = e.id AND i.state = 'reached'),
	(SELECT count(*) FROM erasure_items i WHERE i.erasure = e.id AND i.state = 'unreached'),
	(SELECT count(*) FROM erasure_certificates c WHERE c.erasure = e.id)
	FROM erasures e JOIN patients p ON p.id = e.patient LEFT JOIN people q ON q.id = e.asked_by LEFT JOIN people s ON s.id = e.signed_by `

func (t *tx) erasures(ctx context.Context, where string, args ...any) ([]Erasure, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (e Erasure, err error) {
		return e, rows.Scan(&e.ID, &e.Patient, &e.Pseudonym, &e.PatientName, &e.RecordNumber, &e.Photo, &e.Cause, &e.Rule, &e.State,
			&e.Reason, &e.AskedBy, &e.AskedByName, &e.AskedAt, &e.SignedBy, &e.SignedByName, &e.SignedAt, &e.EndedAt, &e.Waiting,
			&e.Reached, &e.Unreached, &e.Certificates)
	}, erasureColumns+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading erasures: %w", err)
	}
	for i := range out {
		if out[i].Reason, err = t.readWords(ctx, out[i].Reason); err != nil {
			return nil, err
		}
		if out[i].SignedAt != 0 {
			out[i].BackupsUntil = t.v.backupsUntil(int64(out[i].SignedAt))
		}
	}
	return out, nil
}

// backupsUntil is when the last backup is gone that may hold what was destroyed at a time.
func (v *Vault) backupsUntil(destroyed int64) Time {
	return Time(destroyed + v.cfg.BackupsKept.Milliseconds())
}

// Erasures lists the erasures, those that wait for a second person first, then the newest, at most 500. Errors: ErrDenied.
func (v *Vault) Erasures(ctx context.Context, a Actor) ([]Erasure, error) {
	var out []Erasure
	err := v.do(ctx, a, actErasures, object{Kind: "erasure"}, func(t *tx) (err error) {
		out, err = t.erasures(ctx, `ORDER BY CASE WHEN e.state = 'asked' THEN 0 ELSE 1 END, e.asked_at DESC, e.id LIMIT 500`)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ErasureStatus reads one erasure with everything it has to reach. Errors: ErrNotFound, ErrDenied.
func (v *Vault) ErasureStatus(ctx context.Context, a Actor, id ErasureID) (Erasure, error) {
	e, err := v.erasureObject(ctx, id)
	if err != nil {
		return Erasure{}, err
	}
	var out Erasure
	err = v.do(ctx, a, actErasureStatus, e.on(), func(t *tx) error {
		found, err := t.erasures(ctx, `WHERE e.id = $1`, id)
		if err == nil && len(found) == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		out = found[0]
		out.Items, err = t.erasureItems(ctx, id)
		return err
	})
	if err != nil {
		return Erasure{}, err
	}
	return out, nil
}

func (t *tx) erasureItems(ctx context.Context, id ErasureID) ([]ErasureItem, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (i ErasureItem, err error) {
		return i, rows.Scan(&i.Kind, &i.Item, &i.Photo, &i.What, &i.State, &i.KeyDestroyedAt, &i.ReachedAt, &i.How, &i.Why, &i.LockedUntil)
	}, `SELECT kind, item, photo, what, state, coalesce(key_at, 0), coalesce(reached_at, 0), how, why, coalesce(locked_until, 0)
		FROM erasure_items WHERE erasure = $1 ORDER BY photo, kind, what, item`, id)
	if err != nil {
		return nil, fmt.Errorf("reading what is to be erased: %w", err)
	}
	return out, nil
}

package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Hold is a legal hold on a photo, or on everything of a patient: nothing of it is destroyed while it lasts. It wins over
// erasure, retention and what follows from a withdrawn consent, which refuses the pictures all the same. One person
// places it, two lift it.
type Hold struct {
	ID           HoldID    `json:"id"`
	Patient      PatientID `json:"patient"`
	PatientName  string    `json:"patient_name"`
	RecordNumber string    `json:"record_number"`
	Photo        PhotoID   `json:"photo"` // empty: everything of the patient
	State        string    `json:"state"` // held, lift_asked, lifted
	Reason       string    `json:"reason"`
	PlacedBy     PersonID  `json:"placed_by"`
	PlacedByName string    `json:"placed_by_name"`
	PlacedAt     Time      `json:"placed_at"`
	LiftReason   string    `json:"lift_reason"`
	LiftBy       PersonID  `json:"lift_by"` // who asked for it to be lifted
	LiftByName   string    `json:"lift_by_name"`
	LiftAt       Time      `json:"lift_at"`
	LiftedBy     PersonID  `json:"lifted_by"`
	LiftedByName string    `json:"lifted_by_name"`
	LiftedAt     Time      `json:"lifted_at"`
	Store        string    `json:"store"`   // waiting, held, partly, unsupported, freed: whether the store locks the objects too
	Objects      int64     `json:"objects"` // that the store locks
}

// String keeps reasons out of logs.
func (Hold) String() string { return "[redacted]" }

// GoString keeps reasons out of logs.
func (Hold) GoString() string { return "[redacted]" }

// held reports whether a hold lies on a photo, or on its patient. For an empty photo any hold on anything of the patient
// counts.
func (t *tx) held(ctx context.Context, patient PatientID, photo PhotoID) (bool, error) {
	var n int64
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM holds WHERE patient = $1 AND lifted_at IS NULL
		AND (photo IS NULL OR photo = $2 OR $2 = '')`, patient, photo).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("reading holds: %w", err)
	}
	return n > 0, nil
}

// PlaceHold holds a photo, or with an empty photo everything of the patient, with a reason of 3 to 500 characters that is
// sealed under the patient's key. The store is asked to lock the objects too, by a job. Errors: ErrInvalid, ErrNotFound,
// ErrDenied, ErrConflict when it is erased.
func (v *Vault) PlaceHold(ctx context.Context, a Actor, patient PatientID, photo PhotoID, reason string) (HoldID, error) {
	id := HoldID(newID())
	on := onPatient(patient)
	if photo != "" {
		on = onPhoto(photo)
	}
	err := v.do(ctx, a, actPlaceHold, on, func(t *tx) error {
		if err := checkReason(reason); err != nil {
			return err
		}
		if photo != "" {
			of, err := photoPatient(ctx, t, photo)
			if err != nil {
				return err
			}
			if patient != "" && patient != of {
				return say(ErrInvalid, "The photo is not one of this patient's.")
			}
			patient = of
		}
		if err := patientExists(ctx, t, patient); err != nil {
			return err
		}
		words, err := t.keepWords(ctx, patient, photo, reason)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO holds (id, patient, photo, reason, placed_by, placed_at)
			VALUES ($1, $2, nullif($3, ''), $4, $5, $6)`, id, patient, photo, words, a.person, t.now)
		if err != nil {
			return fmt.Errorf("placing hold: %w", err)
		}
		t.detail("hold", string(id))
		return t.enqueue(ctx, JobHold, string(id), t.now)
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// holdObject is a hold as the object of an act; of an unknown one it names no patient.
func (v *Vault) holdObject(ctx context.Context, id HoldID) (object, error) {
	on := object{Kind: "hold", ID: string(id)}
	err := v.db.QueryRowContext(ctx, `SELECT patient, coalesce(photo, '') FROM holds WHERE id = $1`, id).Scan(&on.Patient, &on.Photo)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return object{}, dbError(fmt.Errorf("finding hold: %w", err))
	}
	return on, nil
}

// AskLiftHold asks for a hold to be lifted, with a reason of 3 to 500 characters; another person does it. Asking again
// replaces the reason and who asked. Errors: ErrInvalid, ErrNotFound, ErrDenied, ErrConflict when it is lifted.
func (v *Vault) AskLiftHold(ctx context.Context, a Actor, id HoldID, reason string) error {
	on, err := v.holdObject(ctx, id)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actAskLiftHold, on, func(t *tx) error {
		if err := checkReason(reason); err != nil {
			return err
		}
		if on.Patient == "" {
			return ErrNotFound
		}
		words, err := t.keepWords(ctx, on.Patient, on.Photo, reason)
		if err != nil {
			return err
		}
		err = exactlyOne(ctx, t, "asking to lift hold", `UPDATE holds SET lift_reason = $1, lift_by = $2, lift_at = $3
			WHERE id = $4 AND lifted_at IS NULL`, words, a.person, t.now, id)
		if err != nil {
			return err
		}
		return t.notify(ctx, noticeSignHold, toHolders(RolePrivacy, a.person))
	})
}

// LiftHold lifts a hold that somebody else asked to be lifted. What was kept although the patient withdrew consent to it is
// destroyed then. Errors: ErrNotFound, ErrDenied for one's own request, ErrConflict when nobody has asked or it is lifted.
func (v *Vault) LiftHold(ctx context.Context, a Actor, id HoldID) error {
	on, err := v.holdObject(ctx, id)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actLiftHold, on, func(t *tx) error {
		var by PersonID
		var lifted int64
		err := t.QueryRowContext(ctx, `SELECT coalesce(lift_by, ''), coalesce(lifted_at, 0) FROM holds WHERE id = $1`, id).Scan(&by, &lifted)
		switch {
		case err != nil:
			return fmt.Errorf("reading hold: %w", absent(err))
		case lifted != 0:
			return say(ErrConflict, "The hold is lifted already.")
		case by == "":
			return say(ErrConflict, "Somebody has to ask for it first: a hold is lifted by two people.")
		case by == a.person:
			return say(ErrDenied, "You have asked for this yourself. A second person lifts the hold.")
		}
		err = exactlyOne(ctx, t, "lifting hold", `UPDATE holds SET lifted_by = $1, lifted_at = $2, store = 'waiting'
			WHERE id = $3 AND lifted_at IS NULL`, a.person, t.now, id)
		if err != nil {
			return err
		}
		t.detail("asked_by", string(by))
		if err := t.freed(ctx, on.Patient, on.Photo); err != nil {
			return err
		}
		return t.enqueue(ctx, JobHold, string(id), t.now)
	})
}

// freed does to each photo that no hold lies on any more what a withdrawn consent asks for.
func (t *tx) freed(ctx context.Context, patient PatientID, photo PhotoID) error {
	ids, err := list(ctx, t, func(rows *sql.Rows) (id PhotoID, err error) { return id, rows.Scan(&id) },
		`SELECT f.id FROM photos f WHERE f.patient = $1 AND (f.id = $2 OR $2 = '') AND f.state <> 'erased' AND NOT EXISTS
		(SELECT 1 FROM holds h WHERE h.patient = f.patient AND h.lifted_at IS NULL AND (h.photo IS NULL OR h.photo = f.id))
		ORDER BY f.id`, patient, photo)
	if err != nil {
		return fmt.Errorf("reading photos: %w", err)
	}
	for _, id := range ids {
		if err := t.destroyWithdrawn(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Holds lists the holds, those that last first, newest first, at most 500; of a patient when one is named.
// Errors: ErrDenied.
func (v *Vault) Holds(ctx context.Context, a Actor, patient PatientID) ([]Hold, error) {
	var out []Hold
	err := v.do(ctx, a, actHolds, object{Kind: "hold"}, func(t *tx) (err error) {
		out, err = list(ctx, t, func(rows *sql.Rows) (h Hold, err error) {
			return h, rows.Scan(&h.ID, &h.Patient, &h.PatientName, &h.RecordNumber, &h.Photo, &h.Reason, &h.PlacedBy, &h.PlacedByName,
				&h.PlacedAt, &h.LiftReason, &h.LiftBy, &h.LiftByName, &h.LiftAt, &h.LiftedBy, &h.LiftedByName, &h.LiftedAt, &h.Store, &h.Objects)
		}, `SELECT h.id, h.patient, p.name, p.record_number, coalesce(h.photo, ''), h.reason, h.placed_by, u.name, h.placed_at, h.lift_reason,
			coalesce(h.lift_by, ''), coalesce(q.name, ''), coalesce(h.lift_at, 0), coalesce(h.lifted_by, ''), coalesce(l.name, ''),
			coalesce(h.lifted_at, 0), h.store, h.objects FROM holds h JOIN patients p ON p.id = h.patient JOIN people u ON u.id = h.placed_by
			LEFT JOIN people q ON q.id = h.lift_by LEFT JOIN people l ON l.id = h.lifted_by WHERE h.patient = $1 OR $1 = ''
			ORDER BY CASE WHEN h.lifted_at IS NULL THEN 0 ELSE 1 END, h.placed_at DESC, h.id LIMIT 500`, patient)
		if err != nil {
			return fmt.Errorf("reading holds: %w", err)
		}
		for i := range out {
			if err := out[i].complete(ctx, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// complete reads the words of a hold and names its state.
func (h *Hold) complete(ctx context.Context, t *tx) (err error) {
	h.State = "held"
	switch {
	case h.LiftedAt != 0:
		h.State = "lifted"
	case h.LiftBy != "":
		h.State = "lift_asked"
	}
	if h.Reason, err = t.readWords(ctx, h.Reason); err != nil {
		return err
	}
	h.LiftReason, err = t.readWords(ctx, h.LiftReason)
	return err
}

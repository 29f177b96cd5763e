package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// GlassID names one time that somebody broke the glass.
type GlassID string

// Emergency is what somebody says who needs to see a patient outside their care team. The full record number and the
// birth date (YYYY-MM-DD) together find one patient and never a list; the reason has 3 to 500 characters.
type Emergency struct {
	RecordNumber string
	BirthDate    string
	Reason       string
}

// String keeps patients out of logs.
func (Emergency) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (Emergency) GoString() string { return "[redacted]" }

// Glass is a break-glass access: who looks at whom, why, and what the review found. Names of the patient are empty once
// the patient is erased. Looks counts the events of the person about the patient while it was open.
type Glass struct {
	ID             GlassID   `json:"id"`
	Person         PersonID  `json:"person"`
	PersonName     string    `json:"person_name"`
	Patient        PatientID `json:"patient"`
	PatientName    string    `json:"patient_name"`
	RecordNumber   string    `json:"record_number"`
	Reason         string    `json:"reason"`
	OpenedAt       Time      `json:"opened_at"`
	OpenUntil      Time      `json:"open_until"`
	EndedAt        Time      `json:"ended_at"`
	Open           bool      `json:"open"`
	Looks          int       `json:"looks"`
	Finding        string    `json:"finding"` // "", justified, not_justified
	Remark         string    `json:"remark"`
	ReviewedBy     PersonID  `json:"reviewed_by"`
	ReviewedByName string    `json:"reviewed_by_name"`
	ReviewedAt     Time      `json:"reviewed_at"`
}

// String keeps patients out of logs.
func (Glass) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (Glass) GoString() string { return "[redacted]" }

// The findings that close a review.
const (
	FindingJustified    = "justified"
	FindingNotJustified = "not_justified"
)

const (
	// DefaultBreakGlassFor is how long a broken glass stays open.
	DefaultBreakGlassFor = time.Hour

	oftenPerDay = 3   // break-glass accesses of one person in a day; from the next on privacy is told so
	maxGlasses  = 500 // of one answer
)

// glassDoor counts the numbers and birth dates that found nobody: after the fifth within an hour it is shut for one.
var glassDoor = doorSort{"break_glass", 4, time.Hour, time.Hour, true}

var ownGlass = scope{"their own", func(ctx context.Context, t *tx, a Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM break_glass WHERE id = $1 AND person = $2`, on.ID, a.person), "It is somebody else’s.")
}}

var othersGlass = scope{"those of others", func(ctx context.Context, t *tx, a Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM break_glass WHERE id = $1 AND person <> $2`, on.ID, a.person), "It is their own.")
}}

// BreakGlass opens one patient outside the actor's care team to them, to look and to change nothing, for
// Config.BreakGlassFor. The privacy officer is told at once and reviews it. Broken again while it is open, the same one is
// answered. Errors: ErrInvalid, ErrNotFound when number and birth date are no patient's (also an erased one's), ErrLocked
// after too many such tries, ErrConflict for the actor's own patient, ErrDenied, ErrStepUp.
func (v *Vault) BreakGlass(ctx context.Context, a Actor, e Emergency) (Glass, error) {
	var id GlassID
	fresh := GlassID(newID())
	tries := []door{doorKey(glassDoor, string(a.person))}
	err := v.quietly(ctx, a, actBreakGlass, object{Kind: "break_glass"}, func(t *tx) error { return t.takeGlass(ctx, e, tries) })
	if err != nil {
		return Glass{}, err
	}
	err = v.do(ctx, a, actBreakGlass, object{Kind: "break_glass"}, func(t *tx) error {
		patient, err := t.emergencyPatient(ctx, e)
		if err != nil {
			return err
		}
		id, err = t.breakGlass(ctx, a, fresh, patient, e.Reason)
		if err != nil {
			return err
		}
		if err := t.giveBack(ctx, tries); err != nil {
			return err
		}
		t.entry.Object = string(id)
		t.purpose(purposeEmergency)
		return t.patient(ctx, patient)
	})
	if errors.Is(err, ErrConflict) { // they knew who it is
		back := v.quietly(ctx, a, actBreakGlass, object{Kind: "break_glass"}, func(t *tx) error { return t.giveBack(ctx, tries) })
		err = errors.Join(err, back)
	}
	if err != nil {
		return Glass{}, err
	}
	mine, err := v.OpenBreakGlass(ctx, a)
	if err != nil {
		return Glass{}, err
	}
	for _, g := range mine {
		if g.ID == id {
			return g, nil
		}
	}
	return Glass{}, ErrConflict // ended meanwhile
}

// takeGlass counts a try before anything is looked up, so that many at once count as many.
func (t *tx) takeGlass(ctx context.Context, e Emergency, tries []door) error {
	_, born := time.Parse(birthShape, e.BirthDate)
	if !isLine(e.RecordNumber, 32) || born != nil {
		return say(ErrInvalid, "Give the whole record number and the birth date.")
	}
	if err := checkReason(e.Reason); err != nil {
		return err
	}
	err := t.takeOne(ctx, tries[0])
	if errors.Is(err, ErrLocked) {
		return say(ErrLocked, "Too many numbers and birth dates that belong to nobody. Wait an hour, or call the privacy officer.")
	}
	return err
}

// emergencyPatient finds the one patient.
func (t *tx) emergencyPatient(ctx context.Context, e Emergency) (PatientID, error) {
	var id PatientID
	err := t.QueryRowContext(ctx, `SELECT p.id FROM patients p WHERE (p.record_number = $1 OR p.id IN (SELECT a.patient FROM patient_aliases a
		WHERE a.record_number = $1)) AND p.birth_date = $2 AND p.erased_at IS NULL AND p.merged_into IS NULL`,
		e.RecordNumber, e.BirthDate).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", say(ErrNotFound, "No patient here has this record number and this birth date.")
	}
	if err != nil {
		return "", fmt.Errorf("finding patient: %w", err)
	}
	return id, nil
}

// breakGlass writes the row, unless one is open, and tells the privacy officer.
func (t *tx) breakGlass(ctx context.Context, a Actor, fresh GlassID, patient PatientID, reason string) (GlassID, error) {
	err := tied(ctx, t, a.person, patient, t.now)
	if err == nil {
		return "", say(ErrConflict, "You treat this patient already: the glass stays whole.")
	}
	if !errors.Is(err, ErrNotFound) {
		return "", err
	}
	var open GlassID
	err = t.QueryRowContext(ctx, `SELECT id FROM break_glass WHERE person = $1 AND patient = $2 AND open_until > $3 AND ended_at IS NULL`,
		a.person, patient, t.now).Scan(&open)
	if err == nil {
		return open, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("looking for a broken glass: %w", err)
	}
	words, err := t.keepWords(ctx, patient, "", reason)
	if err != nil {
		return "", err
	}
	until := t.now + t.v.cfg.BreakGlassFor.Milliseconds()
	_, err = t.ExecContext(ctx, `INSERT INTO break_glass (id, person, patient, reason, opened_at, open_until)
		VALUES ($1, $2, $3, $4, $5, $6)`, fresh, a.person, patient, words, t.now, until)
	if err != nil {
		return "", fmt.Errorf("breaking the glass: %w", err)
	}
	return fresh, t.tellOfGlass(ctx, a.person)
}

// tellOfGlass tells the privacy officer at once, and more urgently of somebody who does it often.
func (t *tx) tellOfGlass(ctx context.Context, person PersonID) error {
	var today int64
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM break_glass WHERE person = $1 AND opened_at > $2`, person,
		t.now-(24*time.Hour).Milliseconds()).Scan(&today)
	if err != nil {
		return fmt.Errorf("counting break-glass: %w", err)
	}
	t.detail("today", fmt.Sprint(today))
	if err := t.notify(ctx, noticeBreakGlass, toHolders(RolePrivacy, person)); err != nil || today <= oftenPerDay {
		return err
	}
	return t.notify(ctx, noticeGlassOften, toHolders(RolePrivacy, person))
}

// EndBreakGlass ends it before its time: the actor their own, the privacy officer anybody's. Errors: ErrNotFound,
// ErrConflict when it is over.
func (v *Vault) EndBreakGlass(ctx context.Context, a Actor, id GlassID) error {
	on, err := v.glassObject(ctx, id)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actEndGlass, on, func(t *tx) error {
		if on.Patient == "" {
			return ErrNotFound
		}
		return exactlyOne(ctx, t, "ending break-glass", `UPDATE break_glass SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL
			AND open_until > $1`, t.now, id)
	})
}

// glassObject is a break-glass access as the object of an act; of an unknown one it names no patient.
func (v *Vault) glassObject(ctx context.Context, id GlassID) (object, error) {
	on := object{Kind: "break_glass", ID: string(id)}
	err := v.db.QueryRowContext(ctx, `SELECT patient FROM break_glass WHERE id = $1`, id).Scan(&on.Patient)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return object{}, dbError(fmt.Errorf("finding break-glass: %w", err))
	}
	return on, nil
}

// endGlasses ends every open break-glass access of somebody who leaves.
func endGlasses(ctx context.Context, t *tx, person PersonID) error {
	_, err := t.ExecContext(ctx, `UPDATE break_glass SET ended_at = $1 WHERE person = $2 AND ended_at IS NULL AND open_until > $1`,
		t.now, person)
	if err != nil {
		return fmt.Errorf("ending break-glass: %w", err)
	}
	return nil
}

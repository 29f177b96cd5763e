package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Sensitivity says how narrowly a photo is shown, beside the rights of every photo. It is set when the capture arrives,
// from body site and birth date, and changed by people with a reason.
type Sensitivity string

// The classes, from the widest to the narrowest. A patient under 18 is a child whatever the class: see childThen.
const (
	SensitivityNormal   Sensitivity = "normal"
	SensitivityChild    Sensitivity = "child"    // no teaching or publication without a representative's word or a signature
	SensitivityIntimate Sensitivity = "intimate" // pictures for direct ties; for others after a reason
	SensitivityForensic Sensitivity = "forensic" // known to author and direct ties alone; to records by the privacy officer's signature
)

// Sensitivities lists the classes, from the widest to the narrowest.
func Sensitivities() []Sensitivity {
	return []Sensitivity{SensitivityNormal, SensitivityChild, SensitivityIntimate, SensitivityForensic}
}

// rank is the place of a class among Sensitivities; -1 for a word that is none.
func (s Sensitivity) rank() int { return slices.Index(Sensitivities(), s) }

const adultAt = 18 // years

// intimateSites are the body sites whose photos are intimate unless a person says otherwise.
var intimateSites = []string{"breast", "buttock", "groin", "genitalia"}

// sensitivityAtFirst is the class of a capture that arrives.
func sensitivityAtFirst(site, birthDate string, takenAt int64) Sensitivity {
	switch {
	case slices.Contains(intimateSites, site):
		return SensitivityIntimate
	case isChild(birthDate, takenAt):
		return SensitivityChild
	}
	return SensitivityNormal
}

// isChild says whether somebody born on a day was under 18 at a time. An unreadable day counts as a child's.
func isChild(birthDate string, at int64) bool {
	born, err := time.Parse(birthShape, birthDate)
	return err != nil || time.UnixMilli(at).UTC().Before(born.AddDate(adultAt, 0, 0))
}

// classified writes the class of a capture that was just kept.
func (t *tx) classified(ctx context.Context, id PhotoID, patient PatientID, site string, takenAt int64) error {
	var born string
	if err := t.QueryRowContext(ctx, `SELECT birth_date FROM patients WHERE id = $1`, patient).Scan(&born); err != nil {
		return fmt.Errorf("reading birth date: %w", absent(err))
	}
	class := sensitivityAtFirst(site, born, takenAt)
	if class == SensitivityNormal {
		return nil
	}
	t.detail("sensitivity", string(class))
	_, err := t.ExecContext(ctx, `UPDATE photos SET sensitivity = $1 WHERE id = $2`, string(class), id)
	if err != nil {
		return fmt.Errorf("classifying photo: %w", err)
	}
	return nil
}

// discretion is what decide needs to know of a sensitive photo.
type discretion struct {
	class  Sensitivity
	author PersonID
}

func discretionOf(ctx context.Context, t *tx, id PhotoID) (d discretion, err error) {
	err = t.QueryRowContext(ctx, `SELECT sensitivity, author FROM photos WHERE id = $1`, id).Scan(&d.class, &d.author)
	if err != nil {
		return d, absent(err)
	}
	return d, nil
}

// near says whether the actor is as close to the photo as a person can be: named for the patient, or tied and the author.
func (d discretion) near(a Actor, on *object) bool {
	return on.tie == tieDirect || a.person == d.author && on.tie != "" && on.tie != tieBreakGlass
}

// reasonNeeded says whether somebody who knows of an intimate photo sees its pictures only after a reason, as shown does.
func (t *tx) reasonNeeded(ctx context.Context, who PersonID, p Photo) (bool, error) {
	how, err := tieOf(ctx, t, who, p.Patient, t.now)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if (discretion{author: p.Author}).near(Actor{person: who}, &object{tie: how}) {
		return false, nil
	}
	err = hasReason(ctx, t, p.ID, who)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	return err != nil, nil
}

// hasReason asks for a reason that was given for the photo a short while ago.
func hasReason(ctx context.Context, t *tx, id PhotoID, who PersonID) error {
	return holds(ctx, t, `SELECT count(*) FROM look_reasons WHERE photo = $1 AND person = $2 AND open_until > $3`, id, who, t.now)
}

// told narrows a scope to photos that the actor's tie lets them know of: of a forensic one, the author and direct ties.
func told(within scope) scope {
	return scope{within.words + " (forensic: only who took it, or is named for the patient)",
		func(ctx context.Context, t *tx, a Actor, on *object) error {
			if err := within.asks(ctx, t, a, on); err != nil || on.Photo == "" {
				return err
			}
			d, err := discretionOf(ctx, t, on.Photo)
			if err == nil && d.class == SensitivityForensic && !d.near(a, on) {
				err = lacks(ErrNotFound, "The photo is forensic: only who took it, or is named for the patient, knows of it.")
			}
			return err
		}}
}

// shown narrows told to pictures: an intimate one needs a reason from those who are tied by a team, a delegation or a
// broken glass, and a forensic one is in no list.
func shown(within scope) scope {
	known := told(within)
	return scope{within.words + " (intimate: after a reason, but for who took it or is named for the patient; forensic: only these, never in lists)",
		func(ctx context.Context, t *tx, a Actor, on *object) error {
			if err := known.asks(ctx, t, a, on); err != nil {
				return err
			}
			d, err := discretionOf(ctx, t, on.Photo)
			switch {
			case err != nil:
				return err
			case d.class == SensitivityForensic && on.small:
				return lacks(ErrNotFound, "The photo is forensic: it is in no list.")
			case d.class != SensitivityIntimate || d.near(a, on):
				return nil
			}
			return or(hasReason(ctx, t, on.Photo, a.person), "The photo is intimate: they have to give a reason first.")
		}}
}

// forRecordsSQL is the condition on photos f that records may know of it: a forensic one by the privacy officer's word.
const forRecordsSQL = `(f.sensitivity <> 'forensic' OR EXISTS (SELECT 1 FROM allowed_uses l WHERE l.photo = f.id
	AND l.purpose = 'record' AND l.ended_at IS NULL))`

// forRecords: the photo is released now, and not forensic unless a privacy officer, and another than the actor, allowed it.
var forRecords = scope{"approved photos (forensic: once a privacy officer who is somebody else signed)", func(ctx context.Context, t *tx, a Actor, on *object) error {
	if err := approved.asks(ctx, t, a, on); err != nil {
		return err
	}
	return or(holds(ctx, t, `SELECT count(*) FROM photos f WHERE f.id = $1 AND (f.sensitivity <> 'forensic'
		OR EXISTS (SELECT 1 FROM allowed_uses l WHERE l.photo = f.id AND l.purpose = 'record' AND l.ended_at IS NULL
			AND l.allowed_by <> $2))`, on.Photo, a.person),
		"The photo is forensic, and no privacy officer but they themselves allowed it for records.")
}}

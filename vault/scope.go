package vault

import (
	"context"
	"errors"
	"fmt"
)

// The scopes. Each reads the database inside the transaction that acts.

func anything(context.Context, *tx, Actor, *object) error { return nil }

// oneself: the act is about the actor.
func oneself(_ context.Context, _ *tx, a Actor, on *object) error {
	if on.Person == "" || on.Person != a.person {
		return ErrDenied
	}
	return nil
}

// ownSession: the session named by on.ID is the actor's.
func ownSession(ctx context.Context, t *tx, a Actor, on *object) error {
	return holds(ctx, t, `SELECT count(*) FROM sessions WHERE id = $1 AND person = $2`, on.ID, a.person)
}

// careTeam: the actor belongs to the patient's care team now.
func careTeam(ctx context.Context, t *tx, a Actor, on *object) error {
	return tied(ctx, t, a.person, on.Patient, t.now)
}

// careTeamThen: the actor belongs to the care team now, or did when the capture was taken. Before the capture is
// opened the patient is not known, and the role alone is asked for.
func careTeamThen(ctx context.Context, t *tx, a Actor, on *object) error {
	if on.Patient == "" {
		return nil
	}
	err := tied(ctx, t, a.person, on.Patient, t.now)
	if err != nil && isRefusal(err) && on.at != 0 {
		err = tied(ctx, t, a.person, on.Patient, on.at)
	}
	if err != nil && isRefusal(err) {
		return unlessErased(ctx, t, a.person, on.Patient, err)
	}
	return err
}

// unlessErased tells somebody who once treated a patient that the patient was erased, so that a capture from an offline
// queue is not tried for ever; to others the refusal stays.
func unlessErased(ctx context.Context, t *tx, person PersonID, patient PatientID, refusal error) error {
	err := holds(ctx, t, `SELECT count(*) FROM care_team c JOIN patients p ON p.id = c.patient
		WHERE c.person = $1 AND c.patient = $2 AND p.erased_at IS NOT NULL`, person, patient)
	if errors.Is(err, ErrNotFound) {
		return refusal
	}
	if err != nil {
		return err
	}
	return say(ErrConflict, "This patient was erased. The vault takes no more photos of them: discard this one.")
}

// careTeamBefore: the care team, while the photo is not released.
func careTeamBefore(ctx context.Context, t *tx, a Actor, on *object) error {
	if err := careTeam(ctx, t, a, on); err != nil {
		return err
	}
	return holds(ctx, t, `SELECT count(*) FROM photos WHERE id = $1 AND state IN ('in_review', 'rejected')`, on.Photo)
}

// careTeamAfter: the care team, once the photo is approved.
func careTeamAfter(ctx context.Context, t *tx, a Actor, on *object) error {
	if err := careTeam(ctx, t, a, on); err != nil {
		return err
	}
	return approved(ctx, t, a, on)
}

// approved: the photo is released now.
func approved(ctx context.Context, t *tx, _ Actor, on *object) error {
	return holds(ctx, t, `SELECT count(*) FROM photos WHERE id = $1 AND state = 'approved'`, on.Photo)
}

// allowed narrows a scope to photos that may be looked at: the patient allows the record now, and the photo was not
// recalled as another patient's. Whatever else a state may say, this is asked at each look.
func allowed(within scope) scope {
	return func(ctx context.Context, t *tx, a Actor, on *object) error {
		if err := unlessRecalled(within)(ctx, t, a, on); err != nil {
			return err
		}
		consent, err := consentOf(ctx, t, on.Photo)
		if err == nil && !consent.Record {
			err = ErrNotFound
		}
		return err
	}
}

// unlessRecalled narrows a scope to photos that are not known to show another patient.
func unlessRecalled(within scope) scope {
	return func(ctx context.Context, t *tx, a Actor, on *object) error {
		if err := within(ctx, t, a, on); err != nil {
			return err
		}
		return holds(ctx, t, `SELECT count(*) FROM photos WHERE id = $1 AND withheld <> 'recall'`, on.Photo)
	}
}

// hasApproved: the patient has a released photo.
func hasApproved(ctx context.Context, t *tx, _ Actor, on *object) error {
	return holds(ctx, t, `SELECT count(*) FROM photos WHERE patient = $1 AND state = 'approved'`, on.Patient)
}

// knownPatient: there is such a patient, and they are not erased.
func knownPatient(ctx context.Context, t *tx, _ Actor, on *object) error {
	return holds(ctx, t, `SELECT count(*) FROM patients WHERE id = $1 AND erased_at IS NULL`, on.Patient)
}

// claimed: the actor holds a live claim on the photo, which is in review, and did not take it.
func claimed(ctx context.Context, t *tx, a Actor, on *object) error {
	return holds(ctx, t, `SELECT count(*) FROM photos WHERE id = $1 AND claimed_by = $2 AND claimed_until > $3
		AND author <> $2 AND state = 'in_review'`, on.Photo, a.person, t.now)
}

// notAuthor: whoever took a photo takes no part in its review. Whether they hold the claim is the act's to check.
func notAuthor(ctx context.Context, t *tx, a Actor, on *object) error {
	var author PersonID
	if err := t.QueryRowContext(ctx, `SELECT author FROM photos WHERE id = $1`, on.Photo).Scan(&author); err != nil {
		return absent(err)
	}
	if author == a.person {
		return fmt.Errorf("reviewing one's own photo: %w", ErrDenied)
	}
	return nil
}

// tied asks for a care-team tie that holds at a time.
func tied(ctx context.Context, t querier, person PersonID, patient PatientID, at int64) error {
	return holds(ctx, t, `SELECT count(*) FROM care_team c JOIN patients p ON p.id = c.patient
		WHERE c.person = $1 AND c.patient = $2 AND p.erased_at IS NULL
		AND c.started_at <= $3 AND (c.ended_at IS NULL OR c.ended_at > $3)`, person, patient, at)
}

// holds runs a count and answers ErrNotFound when it is zero.
func holds(ctx context.Context, t querier, query string, args ...any) error {
	var n int64
	if err := t.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

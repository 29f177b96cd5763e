package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// scope narrows a role to some objects. words say to which, after "may …"; asks answers nil, ErrNotFound (the actor may
// not know of the object) or another sentinel. It reads the database inside the transaction that acts.
type scope struct {
	words string
	asks  func(ctx context.Context, t *tx, a Actor, on *object) error
}

// missing is a refusal that can say to the privacy officer what is missing. Its own text tells no more than the sentinel.
type missing struct {
	error
	why string // a sentence about "they", the person who asked
}

// Unwrap gives the sentinel.
func (m missing) Unwrap() error { return m.error }

func lacks(sentinel error, why string) error { return missing{sentinel, why} }

// or gives a refusal the sentence that says what is missing; every other answer stays.
func or(err error, why string) error {
	var m missing
	if err == nil || !isRefusal(err) || errors.As(err, &m) {
		return err
	}
	return missing{err, why}
}

var anything = scope{"", func(context.Context, *tx, Actor, *object) error { return nil }}

var oneself = scope{"only about themselves", func(_ context.Context, _ *tx, a Actor, on *object) error {
	if on.Person == "" || on.Person != a.person {
		return lacks(ErrDenied, "It is about somebody else.")
	}
	return nil
}}

var ownSession = scope{"only their own session", func(ctx context.Context, t *tx, a Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM sessions WHERE id = $1 AND person = $2`, on.ID, a.person), "It is somebody else’s session.")
}}

const noTie = "They have no tie to this patient now: not of their own, not by a team, not by a delegation."

// careTeam: the actor treats the patient now.
var careTeam = scope{"patients they treat", func(ctx context.Context, t *tx, a Actor, on *object) error {
	how, err := tieOf(ctx, t, a.person, on.Patient, t.now)
	if err == nil && how == tieBreakGlass {
		err = lacks(ErrNotFound, "They broke the glass for this patient; that lets them look and change nothing.")
	}
	on.tie = how
	return or(err, noTie)
}}

// mayLook: the actor treats the patient, or has broken the glass.
var mayLook = scope{"patients they treat, or for whom they broke the glass", func(ctx context.Context, t *tx, a Actor, on *object) error {
	how, err := tieOf(ctx, t, a.person, on.Patient, t.now)
	on.tie = how
	return or(err, noTie)
}}

// whomScanned is mayLook for the patient whose band was scanned; a band of nobody's is the act's to refuse.
var whomScanned = scope{mayLook.words, func(ctx context.Context, t *tx, a Actor, on *object) error {
	if on.Patient == "" {
		return nil
	}
	return mayLook.asks(ctx, t, a, on)
}}

// careTeamThen: the actor treats the patient now, or did when the capture was taken. Before the capture is opened the
// patient is not known, and the role alone is asked for.
var careTeamThen = scope{"patients they treat, or treated when they took the photo", func(ctx context.Context, t *tx, a Actor, on *object) error {
	if on.Patient == "" {
		return nil
	}
	err := careTeam.asks(ctx, t, a, on)
	if err != nil && isRefusal(err) && on.at != 0 {
		err = tied(ctx, t, a.person, on.Patient, on.at)
	}
	if err != nil && isRefusal(err) {
		return unlessErased(ctx, t, a.person, on.Patient, err)
	}
	return err
}}

// unlessErased tells somebody who once treated a patient that the patient was erased, so that a capture from an offline
// queue is not tried for ever; to others the refusal stays.
func unlessErased(ctx context.Context, t *tx, person PersonID, patient PatientID, refusal error) error {
	err := holds(ctx, t, `SELECT count(*) FROM patients p WHERE p.id = $2 AND p.erased_at IS NOT NULL
		AND (`+onceTiedSQL("$1", "p.id")+`)`, person, patient)
	if errors.Is(err, ErrNotFound) {
		return refusal
	}
	if err != nil {
		return err
	}
	return say(ErrConflict, "This patient was erased. The vault takes no more photos of them: discard this one.")
}

// inState narrows a scope to photos in one of the states.
func inState(within scope, words string, states ...string) scope {
	return scope{within.words + ", " + words, func(ctx context.Context, t *tx, a Actor, on *object) error {
		if err := within.asks(ctx, t, a, on); err != nil {
			return err
		}
		var state string
		if err := t.QueryRowContext(ctx, `SELECT state FROM photos WHERE id = $1`, on.Photo).Scan(&state); err != nil {
			return absent(err)
		}
		if !slices.Contains(states, state) {
			return lacks(ErrNotFound, "The photo is in state "+state+".")
		}
		return nil
	}}
}

// unreleased: while the photo is not released; released: once it is approved.
func unreleased(within scope) scope {
	return inState(within, "while the photo is not released", StateInReview, StateRejected)
}

func released(within scope) scope {
	return inState(within, "once the photo is approved", StateApproved)
}

// approved: the photo is released now.
var approved = scope{"approved photos", func(ctx context.Context, t *tx, _ Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM photos WHERE id = $1 AND state = 'approved'`, on.Photo), "The photo is not approved.")
}}

// allowed narrows a scope to photos that may be looked at: the patient allows the record now, and the photo was not
// recalled as another patient's. Whatever else a state may say, this is asked at each look.
func allowed(within scope) scope {
	known := unlessRecalled(within)
	return scope{within.words + ", while the patient allows the photo", func(ctx context.Context, t *tx, a Actor, on *object) error {
		if err := known.asks(ctx, t, a, on); err != nil {
			return err
		}
		consent, err := consentOf(ctx, t, on.Photo)
		if err == nil && !consent.Record {
			err = lacks(ErrNotFound, "The patient withdrew consent to the photo in the record.")
		}
		return err
	}}
}

// unlessRecalled narrows a scope to photos that are not known to show another patient.
func unlessRecalled(within scope) scope {
	return scope{within.words, func(ctx context.Context, t *tx, a Actor, on *object) error {
		if err := within.asks(ctx, t, a, on); err != nil {
			return err
		}
		return or(holds(ctx, t, `SELECT count(*) FROM photos WHERE id = $1 AND withheld <> 'recall'`, on.Photo),
			"The photo was recalled: it shows another patient.")
	}}
}

// hasApproved: the patient has a released photo that records may know of.
var hasApproved = scope{"patients with an approved photo", func(ctx context.Context, t *tx, _ Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM photos f WHERE f.patient = $1 AND f.state = 'approved' AND `+forRecordsSQL, on.Patient),
		"The patient has no approved photo that records may see.")
}}

// knownPatient: there is such a patient, and they are not erased.
var knownPatient = scope{"every patient who is not erased", func(ctx context.Context, t *tx, _ Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM patients WHERE id = $1 AND erased_at IS NULL`, on.Patient), "The patient was erased.")
}}

// claimed: the actor holds a live claim on the photo, which is in review, and did not take it.
var claimed = scope{"the photo they have claimed", func(ctx context.Context, t *tx, a Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM photos WHERE id = $1 AND claimed_by = $2 AND claimed_until > $3
		AND author <> $2 AND state = 'in_review'`, on.Photo, a.person, t.now), "They have not claimed this photo for review, or it is their own.")
}}

// notAuthor: whoever took a photo takes no part in its review. Whether they hold the claim is the act's to check.
var notAuthor = scope{"photos that others took", func(ctx context.Context, t *tx, a Actor, on *object) error {
	var author PersonID
	if err := t.QueryRowContext(ctx, `SELECT author FROM photos WHERE id = $1`, on.Photo).Scan(&author); err != nil {
		return absent(err)
	}
	if author == a.person {
		return lacks(fmt.Errorf("reviewing one's own photo: %w", ErrDenied), "They took this photo themselves.")
	}
	return nil
}}

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

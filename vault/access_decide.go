package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// decide is the one place where access is decided. It reads the session, the person's roles, their ties to the patient
// and the photo inside t, at each call, and says as which role the actor acts. It fills on.Patient and on.tie. Errors:
// ErrUnauthenticated when no live session stands behind a person and what else their sign-in lacks (sessionFit, fresh),
// ErrDenied when no role of theirs may do the act at all, and what the scopes of their roles say: ErrNotFound as a rule,
// so that a refusal does not tell that the object exists.
func (v *Vault) decide(ctx context.Context, t *tx, a Actor, what act, on *object) (actingAs string, err error) {
	if a.kind == byPerson {
		if err := v.sessionFit(ctx, t, a, what); err != nil {
			return "", err
		}
	}
	roles, err := v.rolesNow(ctx, t, a)
	if err != nil {
		return "", err
	}
	as, _, err := weigh(ctx, t, roles, a, what, on)
	if err != nil {
		return "", err
	}
	if a.kind == byPerson {
		if err := v.fresh(ctx, t, a, what); err != nil {
			return "", err
		}
	}
	t.purpose(lookPurpose(what, as, on.tie))
	if on.tie != "" && on.tie != tieDirect {
		t.detail("tie", on.tie)
	}
	return string(as), nil
}

// attemptedGrant is one grant of a role that the actor holds, and why it does not hold here; nil where it does.
type attemptedGrant struct {
	grant
	refusal error
}

// weigh is decide without the session: which of these roles may do the act to the object, as things are in t. Explain
// asks the same function. What was tried comes in the order of the rights, up to the first that holds.
func weigh(ctx context.Context, t *tx, roles []Role, a Actor, what act, on *object) (Role, []attemptedGrant, error) {
	found := fillPatient(ctx, t, on)
	if found != nil && !errors.Is(found, ErrNotFound) {
		return "", nil, found
	}
	refusal := fmt.Errorf("%s: %w", what, ErrDenied)
	var tried []attemptedGrant
	for _, g := range rights[what] {
		if !slices.Contains(roles, g.to) {
			continue
		}
		err := found
		if err == nil {
			err = g.within.asks(ctx, t, a, on)
		}
		if err != nil && !isRefusal(err) {
			return "", nil, err
		}
		tried = append(tried, attemptedGrant{g, err})
		if err == nil {
			return g.to, tried, nil
		}
		on.tie = ""
		refusal = err
	}
	return "", tried, refusal
}

func isRefusal(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDenied)
}

// rolesNow reads as what the actor may act at this moment.
func (v *Vault) rolesNow(ctx context.Context, t *tx, a Actor) ([]Role, error) {
	switch a.kind {
	case byJob, byOperator, byStranger, byFeed:
		return []Role{Role(a.kind)}, nil
	case byProvisioner:
		return []Role{toProvisioner}, provisionerLives(ctx, t, a)
	case byDevice:
		return []Role{toDevice}, v.deviceFit(ctx, t, a)
	case byPerson:
	default:
		return nil, ErrUnauthenticated
	}
	roles, err := rolesOf(ctx, t, a.person)
	if err != nil {
		return nil, err
	}
	return append(roles, toAnyone), nil
}

// rolesOf reads a person's roles, in the order of Roles.
func rolesOf(ctx context.Context, t querier, id PersonID) ([]Role, error) {
	held, err := list(ctx, t, func(rows *sql.Rows) (r Role, err error) { return r, rows.Scan(&r) },
		`SELECT role FROM person_roles WHERE person = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("reading roles: %w", err)
	}
	var out []Role
	for _, r := range Roles() {
		if slices.Contains(held, r) {
			out = append(out, r)
		}
	}
	return out, nil
}

// fillPatient finds the patient of the photo that on is about.
func fillPatient(ctx context.Context, t *tx, on *object) error {
	if on.Photo == "" {
		return nil
	}
	err := t.QueryRowContext(ctx, `SELECT patient FROM photos WHERE id = $1`, on.Photo).Scan(&on.Patient)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// What a read of a photo is for, as its event says. Releases for teaching and publication name their own.
const (
	purposeTreatment = "treatment"
	purposeReview    = "review"
	purposeEmergency = "emergency"
	purposeLearning  = "learning"
	purposeOversight = "oversight"
)

// looks are the acts that show something of a patient or a photo.
var looks = []act{actReadPatient, actScanPatient, actPatientPhotos, actReadPhoto, actSeeCovered, actSeeRedacted, actSeeDisplay, actSeeOriginal,
	actReveal, actCertificate, actOriginalSalt, actAttachments, actConsentHistory, actReadRelease, actLesson}

// lookPurpose is what a look is for; the role and the tie imply it. Empty for everything else.
func lookPurpose(what act, as Role, tie string) string {
	if !slices.Contains(looks, what) {
		return ""
	}
	switch {
	case tie == tieBreakGlass:
		return purposeEmergency
	case as == RoleClinician:
		return purposeTreatment
	case as == RoleReviewer:
		return purposeReview
	case as == RoleRecords:
		return purposeRecord
	case as == RolePrivacy:
		return purposeOversight
	case what == actLesson:
		return purposeLearning
	}
	return ""
}

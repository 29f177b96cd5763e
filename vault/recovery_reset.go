package vault

import (
	"context"
	"fmt"
	"time"
)

// EnrolmentFor is how long an enrolment code is good.
const EnrolmentFor = 24 * time.Hour

const enrolmentDomain = "clinivault/enrolment/v1"

// EnrolmentCode is what whoever reset a person's factors hands to that person: a code, good once and for a day, with which
// the person sets a password that nobody else knows. It prints as [redacted].
type EnrolmentCode struct {
	Code      string `json:"code"`
	ExpiresAt Time   `json:"expires_at"`
}

// String keeps the code out of logs.
func (EnrolmentCode) String() string { return "[redacted]" }

// GoString keeps the code out of logs.
func (EnrolmentCode) GoString() string { return "[redacted]" }

// ResetFactors takes a person's password and factors away, ends their sessions, and makes an enrolment code. The person
// is told. So nobody who helps a person back in can be that person without its showing: the person's own password ends
// to work. For new people it makes the first code. Errors: ErrNotFound, ErrConflict for oneself and whoever is disabled,
// ErrDenied, ErrStepUp.
func (v *Vault) ResetFactors(ctx context.Context, a Actor, login string) (EnrolmentCode, error) {
	id, err := v.personByLogin(ctx, login)
	if err != nil {
		return EnrolmentCode{}, err
	}
	out := EnrolmentCode{Code: newCode()}
	err = v.do(ctx, a, actResetFactors, onPerson(id), func(t *tx) error {
		if id == "" {
			return say(ErrNotFound, "There is nobody with this login.")
		}
		if id == a.person {
			return say(ErrConflict, "Change your own factors on your account page.")
		}
		var disabled bool
		if err := t.QueryRowContext(ctx, `SELECT disabled_at IS NOT NULL FROM people WHERE id = $1`, id).Scan(&disabled); err != nil {
			return absent(err)
		}
		if disabled {
			return say(ErrConflict, "This person is disabled: enable them first.")
		}
		if err := t.forgetFactors(ctx, id); err != nil {
			return err
		}
		out.ExpiresAt = Time(t.now + EnrolmentFor.Milliseconds())
		if err := t.changes(ctx, "making an enrolment code",
			change{`UPDATE people SET password_hash = '' WHERE id = $1`, []any{id}},
			change{`INSERT INTO enrolment_codes (person, code_hash, made_by, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
				[]any{id, codeHash(enrolmentDomain, id, out.Code), a.subject(), t.now, out.ExpiresAt}}); err != nil {
			return err
		}
		if err := endSessions(ctx, t, id); err != nil {
			return err
		}
		return t.notify(ctx, noticeFactor, toPerson(id))
	})
	if err != nil {
		return EnrolmentCode{}, err
	}
	return out, nil
}

// Enrol takes an enrolment code and the password that the person chose, and opens a session in which a second factor can
// be added. Errors: ErrInvalid for the password, ErrUnauthenticated for a wrong login or code, or one that is too old or
// was used, ErrLocked.
func (v *Vault) Enrol(ctx context.Context, login, code, password string, d Door) (Opened, error) {
	who, err := v.account(ctx, login)
	if err != nil {
		return Opened{}, err
	}
	at := Actor{kind: byStranger, person: who.id, remote: d.Remote, request: d.Request}
	tries := doorsOf(login, "", d)
	if err := v.take(ctx, at, actSignInFailed, tries); err != nil {
		return Opened{}, err
	}
	mine := codeHash(enrolmentDomain, who.id, code)
	var fits int
	err = v.db.QueryRowContext(ctx, `SELECT count(*) FROM enrolment_codes WHERE person = $1 AND code_hash = $2 AND expires_at > $3`,
		who.id, mine, v.now()).Scan(&fits)
	if err != nil {
		return Opened{}, dbError(fmt.Errorf("looking for an enrolment code: %w", err))
	}
	if fits == 0 || !who.live || v.localRefused(who.emergency) != nil {
		return Opened{}, v.signInFailed(ctx, at, "")
	}
	wrong := v.passwordRefused(ctx, who.id, password)
	hash := ""
	if wrong == nil {
		hash = hashPassword(password)
	}
	err = v.do(ctx, at, actEnrol, onPerson(who.id), func(t *tx) error {
		if err := t.giveBack(ctx, tries); err != nil {
			return err
		}
		return wrong
	})
	if err != nil {
		return Opened{}, err
	}
	before := who.hash
	who.hash = hash
	return v.enterAfter(ctx, at, who, d, tries[:1], opening{method: MethodEnrolment, strength: StrengthSingle}, func(t *tx) error {
		res, err := t.ExecContext(ctx, `DELETE FROM enrolment_codes WHERE person = $1 AND code_hash = $2 AND expires_at > $3`,
			who.id, mine, t.now)
		if err := oneRow(res, err, errNoTicket); err != nil {
			return err
		}
		return exactlyOne(ctx, t, "setting password", `UPDATE people SET password_hash = $1 WHERE id = $2 AND password_hash = $3`,
			hash, who.id, before)
	})
}

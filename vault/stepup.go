package vault

import (
	"context"
	"errors"
	"fmt"
)

// A session is raised when its person shows a factor: it counts as fresh, and as one with two factors where it was a
// second one. Each time it gets a new token, and the one before opens nothing any more: whoever saw that one, or planted
// it, is left behind.

// raise does an act in which the actor showed a factor, and raises their session in the same transaction.
func (v *Vault) raise(ctx context.Context, a Actor, what act, method string, fn func(t *tx) error) (Opened, error) {
	out := Opened{Token: newToken()}
	err := v.do(ctx, a, what, ownObject(a, what), func(t *tx) (err error) {
		if err := fn(t); err != nil {
			return err
		}
		out.Session, err = t.raiseTo(ctx, a.session, out.Token, method)
		return err
	})
	if err != nil {
		return Opened{}, err
	}
	return out, nil
}

// raiseTo gives a session its new token. Method names the second factor that was shown; MethodPassword is none, and where
// it is empty nothing was shown: the session is no fresher for it.
func (t *tx) raiseTo(ctx context.Context, id SessionID, token, method string) (Session, error) {
	query := `UPDATE sessions SET token_hash = $1, active_at = $2, seen_at = $2`
	args := []any{tokenHash(token), t.now, id}
	if method != "" {
		query += `, fresh_at = $2`
		t.detail("with", method)
	}
	if method != "" && method != MethodPassword {
		query += `, method = CASE WHEN strength = 'single' THEN $4 ELSE method END, strength = 'multi'`
		args = append(args, method)
	}
	if err := exactlyOne(ctx, t, "raising session", query+` WHERE id = $3 AND ended_at IS NULL`, args...); err != nil {
		return Session{}, err
	}
	return readSession(ctx, t, id)
}

// endWeaker ends the person's other sessions that have a password alone behind them, when a second factor comes: whoever
// knew the password could have opened one beforehand, and would add a factor of their own. So could whoever made an
// enrolment code that was not used. Who had a factor before is told of the new one.
func (t *tx) endWeaker(ctx context.Context, a Actor) error {
	err := holds(ctx, t, `SELECT count(*) FROM sessions WHERE id = $1 AND strength = 'multi'`, a.session)
	if err == nil { // it is not their first
		err = t.notify(ctx, noticeFactor, toPerson(a.person))
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return t.changes(ctx, "ending weaker ways in",
		change{`UPDATE sessions SET ended_at = $1 WHERE person = $2 AND id <> $3 AND strength = 'single' AND ended_at IS NULL`,
			[]any{t.now, a.person, a.session}},
		change{`DELETE FROM enrolment_codes WHERE person = $1`, []any{a.person}})
}

func readSession(ctx context.Context, q querier, id SessionID) (Session, error) {
	s := Session{ID: id}
	err := q.QueryRowContext(ctx, `SELECT s.person, p.name, s.device, s.device_id, s.remote, s.strength, s.method, s.created_at,
		s.seen_at, s.fresh_at, coalesce(s.locked_at, 0), s.expires_at FROM sessions s JOIN people p ON p.id = s.person
		WHERE s.id = $1`, id).Scan(&s.Person, &s.Name, &s.Device, &s.DeviceID, &s.Remote, &s.Strength, &s.Method, &s.CreatedAt,
		&s.SeenAt, &s.FreshAt, &s.LockedAt, &s.ExpiresAt)
	if err != nil {
		return Session{}, fmt.Errorf("reading session: %w", absent(err))
	}
	s.Roles, err = rolesOf(ctx, q, s.Person)
	return s, err
}

// sessionDoors are where the tries of somebody who is signed in are counted: their own, so that nobody else's count.
func sessionDoors(a Actor) []door { return []door{doorKey(codeDoor, "session", string(a.session))} }

// StepUpCode raises the session by a code of the authenticator app, or a recovery code. Errors: ErrWrongFactor,
// ErrLocked.
func (v *Vault) StepUpCode(ctx context.Context, a Actor, code string) (Opened, error) {
	return v.showCode(ctx, a, code, actStepUp, actStepUpFailed, func(*tx) error { return nil })
}

// StepUpPassword raises the session by the password, of somebody who has no other factor. Errors: ErrWrongFactor,
// ErrConflict when there is another factor, ErrLocked.
func (v *Vault) StepUpPassword(ctx context.Context, a Actor, password string) (Opened, error) {
	return v.showPassword(ctx, a, password, actStepUp, actStepUpFailed, func(*tx) error { return nil })
}

// showCode checks a code for an act on the actor's own session, counts the tries, and raises the session.
func (v *Vault) showCode(ctx context.Context, a Actor, code string, what, failed act, then func(t *tx) error) (Opened, error) {
	tries := sessionDoors(a)
	if err := v.take(ctx, a, failed, tries); err != nil {
		return Opened{}, err
	}
	shown, err := v.readCode(ctx, a.person, code)
	if err != nil {
		return Opened{}, err
	}
	method := MethodTOTP
	if shown.kind == codeRecovery {
		method = MethodRecovery
	}
	if !shown.fits {
		return Opened{}, v.showedWrong(ctx, a, failed, method)
	}
	return v.raise(ctx, a, what, method, func(t *tx) error {
		if err := t.useCode(ctx, a.person, shown); err != nil {
			return err
		}
		if err := t.passed(ctx, tries); err != nil {
			return err
		}
		return then(t)
	})
}

func (v *Vault) showPassword(ctx context.Context, a Actor, password string, what, failed act, then func(t *tx) error) (Opened, error) {
	tries := sessionDoors(a)
	if err := v.take(ctx, a, failed, tries); err != nil {
		return Opened{}, err
	}
	who, err := v.accountBy(ctx, `p.id = $1`, a.person)
	if err != nil {
		return Opened{}, err
	}
	if who.hash == "" || !passwordFits(who.hash, password) {
		return Opened{}, v.showedWrong(ctx, a, failed, MethodPassword)
	}
	return v.raise(ctx, a, what, MethodPassword, func(t *tx) error {
		has, err := factorsOf(ctx, t, a.person)
		switch {
		case err != nil:
			return err
		case has.second():
			return say(ErrConflict, "Show your passkey or a code.")
		}
		if err := holds(ctx, t, `SELECT count(*) FROM people WHERE id = $1 AND password_hash = $2`, a.person, who.hash); err != nil {
			return errWrongPassword // it was changed meanwhile
		}
		if err := t.passed(ctx, tries); err != nil {
			return err
		}
		return then(t)
	})
}

var errWrongPassword = say(ErrWrongFactor, "The password is wrong.")

// ownObject is what an act of showing a factor is about: the session for a lock, the person otherwise.
func ownObject(a Actor, what act) object {
	if what == actUnlock || what == actUnlockFailed {
		return object{Kind: "session", ID: string(a.session), Person: a.person}
	}
	return onPerson(a.person)
}

// showedWrong leaves the event of a factor that did not fit, and says so.
func (v *Vault) showedWrong(ctx context.Context, a Actor, failed act, method string) error {
	err := v.do(ctx, a, failed, ownObject(a, failed), func(t *tx) error {
		t.detail("with", method)
		return nil
	})
	switch {
	case err != nil:
		return err
	case method == MethodPassword:
		return errWrongPassword
	case method == MethodPasskey:
		return errWrongPasskey
	}
	return errWrongCode
}

package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The lock of the screen. A locked session may do nothing but hand over what was sealed and queued (Accept), sign out,
// and be opened again by its person: by a passkey, by a code, or by a PIN. A PIN is short, so it is good on one device
// alone, only together with that device's proof, and for five wrong tries: then it is gone. Several people may have
// locked sessions on one phone of a ward; whoever opens theirs gets a new token for it.
//
// The lock is here and not in the page, and holds when the page's scripts are stopped.

const (
	minPIN      = 6 // digits
	maxPIN      = 12
	mostWrongPI = 5
)

// LockedSession is somebody's locked session, as shown on the device it is on.
type LockedSession struct {
	ID       SessionID `json:"id"`
	Name     string    `json:"name"`
	LockedAt Time      `json:"locked_at"` // zero: it locked by itself, being left alone
	PIN      bool      `json:"pin"`       // the person has set one for this device
	Passkey  bool      `json:"passkey"`
}

// Lock locks the actor's screen.
func (v *Vault) Lock(ctx context.Context, a Actor) error {
	return v.do(ctx, a, actLock, ownObject(a, actUnlock), func(t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE sessions SET locked_at = $1 WHERE id = $2 AND locked_at IS NULL`, t.now, a.session)
		if err != nil {
			return fmt.Errorf("locking session: %w", err)
		}
		return nil
	})
}

// openScreen takes the lock off, in the transaction that raises the session.
func (t *tx) openScreen(ctx context.Context, id SessionID) error {
	_, err := t.ExecContext(ctx, `UPDATE sessions SET locked_at = NULL, active_at = $1 WHERE id = $2`, t.now, id)
	if err != nil {
		return fmt.Errorf("opening a locked session: %w", err)
	}
	return nil
}

// UnlockCode opens the actor's own locked session by a code of the authenticator app. Errors as StepUpCode.
func (v *Vault) UnlockCode(ctx context.Context, a Actor, code string) (Opened, error) {
	return v.showCode(ctx, a, code, actUnlock, actUnlockFailed, func(t *tx) error { return t.openScreen(ctx, a.session) })
}

// UnlockPassword does so by the password, of somebody who has no other factor. Errors as StepUpPassword.
func (v *Vault) UnlockPassword(ctx context.Context, a Actor, password string) (Opened, error) {
	return v.showPassword(ctx, a, password, actUnlock, actUnlockFailed, func(t *tx) error { return t.openScreen(ctx, a.session) })
}

// BeginPasskeyUnlock asks for a passkey of the actor's, whose session is locked.
func (v *Vault) BeginPasskeyUnlock(ctx context.Context, a Actor) (PasskeyAsk, error) {
	return v.askPasskey(ctx, a, actUnlock, challenge{kind: askPasskeyUnlock, person: a.person, session: a.session}, v.ownPasskeys(ctx, a))
}

// FinishPasskeyUnlock opens the actor's own locked session by the authenticator's answer. Errors as FinishPasskeySignIn.
func (v *Vault) FinishPasskeyUnlock(ctx context.Context, a Actor, ticket string, answer json.RawMessage) (Opened, error) {
	return v.showPasskey(ctx, a, askPasskeyUnlock, ticket, answer, actUnlock, actUnlockFailed,
		func(t *tx) error { return t.openScreen(ctx, a.session) })
}

// SetPIN sets the actor's PIN for the device that the session is bound to. Errors: ErrInvalid for one that is too easy,
// ErrConflict when the session is bound to no device, ErrStepUp.
func (v *Vault) SetPIN(ctx context.Context, a Actor, pin string) error {
	wrong := checkPIN(pin)
	hash := ""
	if wrong == nil {
		hash = hashPassword(pin)
	}
	return v.do(ctx, a, actSetPIN, onPerson(a.person), func(t *tx) error {
		if wrong != nil {
			return wrong
		}
		device, err := pinDevice(ctx, t, a.session)
		if err != nil {
			return err
		}
		return t.changes(ctx, "setting a PIN", change{`INSERT INTO pins (person, device_id, pin_hash, wrong, set_at) VALUES ($1, $2, $3, 0, $4)
			ON CONFLICT (person, device_id) DO UPDATE SET pin_hash = excluded.pin_hash, wrong = 0, set_at = excluded.set_at`,
			[]any{a.person, device, hash, t.now}})
	})
}

func pinDevice(ctx context.Context, t *tx, id SessionID) (DeviceID, error) {
	device, err := sessionDevice(ctx, t, id)
	if err == nil && device == "" {
		err = say(ErrConflict, "A PIN needs a browser that this account is bound to.")
	}
	return device, err
}

// checkPIN refuses what is tried first: one digit over and over, and runs.
func checkPIN(pin string) error {
	easy := len(pin) < minPIN || len(pin) > maxPIN || strings.Trim(pin, "0123456789") != "" ||
		strings.Contains("01234567890123456789", pin) || strings.Contains("98765432109876543210", pin)
	for n := 1; n <= 3 && !easy; n++ { // 111111, 121212, 123123
		easy = len(pin)%n == 0 && strings.Repeat(pin[:n], len(pin)/n) == pin
	}
	if easy {
		return say(ErrInvalid, "A PIN has 6 to 12 digits, and not the same ones over and over or in a row.")
	}
	return nil
}

// RemovePIN takes the actor's PIN for this session's device away. Errors: ErrNotFound.
func (v *Vault) RemovePIN(ctx context.Context, a Actor) error {
	return v.do(ctx, a, actRemovePIN, onPerson(a.person), func(t *tx) error {
		res, err := t.ExecContext(ctx, `DELETE FROM pins WHERE person = $1 AND device_id = (SELECT device_id FROM sessions
			WHERE id = $2)`, a.person, a.session)
		return oneRow(res, err, ErrNotFound)
	})
}

// LockedSessions names who has a locked session on a device, newest first. It takes no actor: the device's proof, for
// the purpose "door", stands for it. Errors: ErrUnauthenticated.
func (v *Vault) LockedSessions(ctx context.Context, proof DeviceProof, d Door) ([]LockedSession, error) {
	at := Actor{kind: byStranger, remote: d.Remote, request: d.Request}
	var out []LockedSession
	err := v.do(ctx, at, actLockedSessions, object{Kind: "device", ID: ownID("device", string(proof.Device))}, func(t *tx) error {
		device, err := t.deviceProves(ctx, proofDoor, "", proof)
		if err != nil {
			return err
		}
		out, err = list(ctx, t, func(rows *sql.Rows) (s LockedSession, err error) {
			return s, rows.Scan(&s.ID, &s.Name, &s.LockedAt, &s.PIN, &s.Passkey)
		}, `SELECT s.id, p.name, coalesce(s.locked_at, 0),
			EXISTS (SELECT 1 FROM pins n WHERE n.person = s.person AND n.device_id = s.device_id),
			EXISTS (SELECT 1 FROM passkeys k WHERE k.person = s.person AND k.suspended_at IS NULL)
			FROM sessions s JOIN people p ON p.id = s.person WHERE s.device_id = $1 AND `+liveSession("$2", "$3")+`
			AND (s.locked_at IS NOT NULL OR s.active_at <= $4) ORDER BY s.seen_at DESC`, device.id, t.now,
			t.now-v.cfg.SessionIdle.Milliseconds(), t.now-v.lockAfter(sessionLock{browser: true, shared: device.shared}).Milliseconds())
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// pinned is a locked session and its person's PIN.
type pinned struct {
	person PersonID
	device DeviceID
	hash   string
}

// UnlockPIN opens a locked session by its person's PIN, on its device, which proves itself for the purpose "unlock" with
// a number asked for at the door. After five wrong tries in a row the PIN is gone. Errors: ErrWrongFactor,
// ErrUnauthenticated.
func (v *Vault) UnlockPIN(ctx context.Context, id SessionID, pin string, proof DeviceProof, d Door) (Opened, error) {
	at := Actor{kind: byStranger, remote: d.Remote, request: d.Request}
	p, err := v.takePIN(ctx, at, id, proof)
	if err != nil {
		return Opened{}, err
	}
	at.person = p.person
	if !passwordFits(p.hash, pin) {
		return Opened{}, v.wrongPIN(ctx, at, id)
	}
	return v.openLocked(ctx, at, id, MethodPassword, func(t *tx) error {
		t.detail("with", "pin")
		res, err := t.ExecContext(ctx, `UPDATE pins SET wrong = 0 WHERE person = $1 AND device_id = $2 AND pin_hash = $3`,
			p.person, p.device, p.hash)
		return oneRow(res, err, errWrongPIN)
	})
}

var errWrongPIN = say(ErrWrongFactor, "The PIN is wrong. After five wrong tries it is gone: then sign in as usual.")

// takePIN uses the device's proof up and counts a try before it is checked.
func (v *Vault) takePIN(ctx context.Context, at Actor, id SessionID, proof DeviceProof) (p pinned, err error) {
	err = v.quietly(ctx, at, actUnlockFailed, object{Kind: "session", ID: ownID("session", string(id))}, func(t *tx) error {
		device, err := t.deviceProves(ctx, proofUnlock, "", proof)
		if err != nil {
			return err
		}
		if p.person, err = v.lockable(ctx, t, id, device.id); err != nil {
			return err
		}
		p.device = device.id
		err = t.QueryRowContext(ctx, `UPDATE pins SET wrong = wrong + 1 WHERE person = $1 AND device_id = $2 AND wrong < $3
			RETURNING pin_hash`, p.person, p.device, mostWrongPI).Scan(&p.hash)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil // there is none: nothing fits
		}
		return err
	})
	return p, err
}

// lockable finds whose live session it is, on the device that proved itself. Errors: ErrUnauthenticated.
func (v *Vault) lockable(ctx context.Context, t *tx, id SessionID, device DeviceID) (person PersonID, err error) {
	err = t.QueryRowContext(ctx, `SELECT s.person FROM sessions s JOIN people p ON p.id = s.person WHERE s.id = $1
		AND s.device_id = $2 AND `+liveSession("$3", "$4"), id, device, t.now, t.now-v.cfg.SessionIdle.Milliseconds()).Scan(&person)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrUnauthenticated
	}
	return person, err
}

func (v *Vault) wrongPIN(ctx context.Context, at Actor, id SessionID) error {
	err := v.do(ctx, at, actUnlockFailed, object{Kind: "session", ID: string(id), Person: at.person}, func(t *tx) error {
		t.detail("with", "pin")
		res, err := t.ExecContext(ctx, `DELETE FROM pins WHERE person = $1 AND wrong >= $2`, at.person, mostWrongPI)
		if err != nil {
			return fmt.Errorf("taking a PIN away: %w", err)
		}
		if n, err := res.RowsAffected(); err == nil && n > 0 {
			t.detail("gone", "yes")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return errWrongPIN
}

// FinishPasskeySwitch opens somebody's locked session on the device that proves itself, by their passkey, for which
// BeginPasskeySignIn asked. Errors as FinishPasskeySignIn.
func (v *Vault) FinishPasskeySwitch(ctx context.Context, id SessionID, ticket string, answer json.RawMessage, proof DeviceProof, d Door) (Opened, error) {
	c, err := v.asked(ctx, ticket, askPasskeySignIn)
	if err != nil {
		return Opened{}, err
	}
	at := Actor{kind: byStranger, remote: d.Remote, request: d.Request}
	k, err := v.checkPasskey(ctx, at, actUnlockFailed, c, nil, answer)
	if err != nil {
		return Opened{}, err
	}
	at.person = k.who.person
	return v.openLocked(ctx, at, id, MethodPasskey, func(t *tx) error {
		device, err := t.deviceProves(ctx, proofUnlock, "", proof)
		if err != nil {
			return err
		}
		person, err := v.lockable(ctx, t, id, device.id)
		if err == nil && person != k.who.person {
			err = ErrUnauthenticated
		}
		if err != nil {
			return err
		}
		return t.usePasskey(ctx, c, k)
	})
}

// openLocked opens a locked session for who passed, with a new token.
func (v *Vault) openLocked(ctx context.Context, at Actor, id SessionID, method string, use func(t *tx) error) (Opened, error) {
	out := Opened{Token: newToken()}
	err := v.do(ctx, at, actUnlock, object{Kind: "session", ID: string(id), Person: at.person}, func(t *tx) (err error) {
		if err := use(t); err != nil {
			return err
		}
		if err := t.openScreen(ctx, id); err != nil {
			return err
		}
		if err := exactlyOne(ctx, t, "opening a locked session", `UPDATE sessions SET token_hash = $1, seen_at = $2, proved_at = $2
			WHERE id = $3 AND ended_at IS NULL`, tokenHash(out.Token), t.now, id); err != nil {
			return err
		}
		if method == MethodPasskey {
			out.Session, err = t.raiseTo(ctx, id, out.Token, method)
			return err
		}
		out.Session, err = readSession(ctx, t, id)
		return err
	})
	if err != nil {
		return Opened{}, err
	}
	return out, nil
}

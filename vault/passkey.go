package vault

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	mostPasskeys = 20 // of one person
	handleSize   = 32 // random bytes; Web Authentication, section 14.6.1
)

// PasskeyAsk is what a page hands to the authenticator (Options, the argument of navigator.credentials), and the ticket
// under which its answer is taken: once, within five minutes, by any node.
type PasskeyAsk struct {
	Ticket  string          `json:"ticket"`
	Options json.RawMessage `json:"options"`
}

// BeginPasskey asks for a new passkey of the actor's. Errors: ErrStepUp, ErrConflict where passkeys are not set up or
// there are twenty.
func (v *Vault) BeginPasskey(ctx context.Context, a Actor) (PasskeyAsk, error) {
	rp, err := v.relyingParty()
	if err != nil {
		return PasskeyAsk{}, v.refuse(ctx, a, actAddPasskey, err)
	}
	raw := make([]byte, handleSize)
	rand.Read(raw) // never fails (crypto/rand)
	out := PasskeyAsk{Ticket: newToken()}
	err = v.do(ctx, a, actAddPasskey, onPerson(a.person), func(t *tx) error {
		t.detail("step", "begin")
		if _, err := t.ExecContext(ctx, `INSERT INTO passkey_handles (person, handle) VALUES ($1, $2) ON CONFLICT (person) DO NOTHING`,
			a.person, inBase64(raw)); err != nil {
			return fmt.Errorf("keeping a handle: %w", err)
		}
		u, err := readPasskeyUser(ctx, t, `p.id = $1`, a.person)
		if err != nil {
			return err
		}
		if len(u.keys) >= mostPasskeys {
			return say(ErrConflict, "You have twenty passkeys. Remove one first.")
		}
		options, remember, err := askNew(rp, u)
		if err != nil {
			return err
		}
		out.Options = options
		return t.ask(ctx, challenge{ticket: out.Ticket, kind: askPasskeyAdd, person: a.person, session: a.session,
			data: string(remember), last: passkeyWithin})
	})
	if err != nil {
		return PasskeyAsk{}, err
	}
	return out, nil
}

// refuse is for what cannot be done whoever asks: it decides first, so that who may not ask learns only that.
func (v *Vault) refuse(ctx context.Context, a Actor, what act, why error) error {
	return v.do(ctx, a, what, ownObject(a, what), func(*tx) error { return why })
}

// FinishPasskey takes what the authenticator made. The passkey is the actor's from then on, under a name of theirs, and
// the session counts as one with two factors. Errors: ErrWrongFactor, ErrConflict when somebody has this passkey already,
// or the question was of another session, took too long or was answered; ErrInvalid for the name.
func (v *Vault) FinishPasskey(ctx context.Context, a Actor, ticket, name string, answer json.RawMessage) (Opened, error) {
	c, err := v.asked(ctx, ticket, askPasskeyAdd)
	if err == nil && c.session != a.session {
		err = errNoTicket
	}
	if err != nil {
		return Opened{}, v.refuse(ctx, a, actAddPasskey, err)
	}
	if !isLine(name, 60) {
		return Opened{}, v.refuse(ctx, a, actAddPasskey, errPasskeyName)
	}
	rp, err := v.relyingParty()
	if err != nil {
		return Opened{}, err
	}
	u, err := readPasskeyUser(ctx, v.db, `p.id = $1`, a.person)
	if err != nil {
		return Opened{}, err
	}
	k, why, wrong := readNew(rp, u, c.data, answer)
	if wrong != nil {
		v.whyRefused(why)
		return Opened{}, errors.Join(v.refuse(ctx, a, actAddPasskey, wrong), v.dropChallenge(ctx, c))
	}
	k.id = newID()
	return v.raise(ctx, a, actAddPasskey, MethodPasskey, func(t *tx) error {
		t.detail("step", "finish")
		t.detail("passkey", k.id)
		if err := t.answered(ctx, c); err != nil {
			return err
		}
		res, err := t.ExecContext(ctx, `INSERT INTO passkeys (id, person, credential_id, public_key, aaguid, transports, name, sign_count,
			backup_eligible, backed_up, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (credential_id) DO NOTHING`, k.id, a.person, k.credentialID, k.publicKey, k.aaguid, k.transports, name,
			k.signCount, k.eligible, k.backedUp, t.now)
		if err := oneRow(res, err, say(ErrConflict, "This passkey is in use already.")); err != nil {
			return fmt.Errorf("keeping a passkey: %w", err)
		}
		return t.endWeaker(ctx, a)
	})
}

var errPasskeyName = say(ErrInvalid, "Give the passkey a name of at most 60 characters.")

// whyRefused tells the operator which check an authenticator's answer did not pass. It holds nothing of the answer.
func (v *Vault) whyRefused(why error) {
	if why != nil {
		v.cfg.Log.Warn("passkey refused", "check", checkOf(why))
	}
}

// RenamePasskey gives a passkey of the actor's another name. Errors: ErrInvalid, ErrNotFound.
func (v *Vault) RenamePasskey(ctx context.Context, a Actor, id, name string) error {
	return v.do(ctx, a, actRenamePasskey, onPerson(a.person), func(t *tx) error {
		if !isLine(name, 60) {
			return errPasskeyName
		}
		res, err := t.ExecContext(ctx, `UPDATE passkeys SET name = $1 WHERE id = $2 AND person = $3`, name, id, a.person)
		return oneRow(res, err, ErrNotFound)
	})
}

// RemovePasskey takes a passkey of the actor's away: it opens nothing any more. Errors: ErrNotFound, ErrStepUp,
// ErrConflict when it is the last factor and one is needed.
func (v *Vault) RemovePasskey(ctx context.Context, a Actor, id string) error {
	return v.do(ctx, a, actRemovePasskey, onPerson(a.person), func(t *tx) error {
		t.detail("passkey", ownID("passkey", id))
		res, err := t.ExecContext(ctx, `DELETE FROM passkeys WHERE id = $1 AND person = $2`, id, a.person)
		if err := oneRow(res, err, ErrNotFound); err != nil {
			return err
		}
		has, err := factorsOf(ctx, t, a.person)
		if err == nil && !has.TOTP && !has.passkey() && !v.cfg.PasswordOnly {
			err = errLastFactor
		}
		if err != nil {
			return err
		}
		return t.notify(ctx, noticeFactor, toPerson(a.person))
	})
}

// BeginPasskeySignIn asks for the passkey of whoever is there, and does not say who that could be. Errors: ErrConflict
// where passkeys are not set up.
func (v *Vault) BeginPasskeySignIn(ctx context.Context, d Door) (PasskeyAsk, error) {
	at := Actor{kind: byStranger, remote: d.Remote, request: d.Request}
	return v.askPasskey(ctx, at, actSignIn, challenge{kind: askPasskeySignIn}, func() (*passkeyUser, error) { return nil, nil })
}

// askPasskey keeps a question for a passkey: of the person that of answers, or of anybody.
func (v *Vault) askPasskey(ctx context.Context, at Actor, what act, c challenge, of func() (*passkeyUser, error)) (PasskeyAsk, error) {
	rp, err := v.relyingParty()
	if err != nil {
		return PasskeyAsk{}, v.refuse(ctx, at, what, err)
	}
	u, err := of()
	if err != nil {
		return PasskeyAsk{}, v.refuse(ctx, at, what, err)
	}
	options, remember, err := askFor(rp, u)
	if err != nil {
		return PasskeyAsk{}, v.refuse(ctx, at, what, err)
	}
	c.ticket, c.data, c.last = newToken(), string(remember), passkeyWithin
	err = v.quietly(ctx, at, what, ownObject(at, what), func(t *tx) error { return t.ask(ctx, c) })
	if err != nil {
		return PasskeyAsk{}, err
	}
	return PasskeyAsk{Ticket: c.ticket, Options: options}, nil
}

// ownPasskeys is for the questions to somebody who is signed in. Errors: ErrConflict when they have none.
func (v *Vault) ownPasskeys(ctx context.Context, a Actor) func() (*passkeyUser, error) {
	return func() (*passkeyUser, error) {
		u, err := readPasskeyUser(ctx, v.db, `p.id = $1`, a.person)
		if errors.Is(err, ErrNotFound) {
			err = say(ErrConflict, "You have no passkey.")
		}
		return u, err
	}
}

// FinishPasskeySignIn takes the authenticator's answer and opens a session with two factors behind it. Errors:
// ErrWrongFactor for an answer that is wrong, of a passkey that is not known, was suspended, or may be a copy;
// ErrUnauthenticated for people who may not be here; ErrConflict for a question that took too long or was answered.
func (v *Vault) FinishPasskeySignIn(ctx context.Context, ticket string, answer json.RawMessage, d Door) (Opened, error) {
	c, err := v.asked(ctx, ticket, askPasskeySignIn)
	if err != nil {
		return Opened{}, err
	}
	at := Actor{kind: byStranger, remote: d.Remote, request: d.Request}
	k, err := v.checkPasskey(ctx, at, actSignInFailed, c, nil, answer)
	if err != nil {
		return Opened{}, err
	}
	at.person = k.who.person
	who, err := v.accountBy(ctx, `p.id = $1`, k.who.person)
	if err != nil {
		return Opened{}, err
	}
	if !who.live || v.localRefused(who.emergency) != nil {
		return Opened{}, errors.Join(v.signInFailed(ctx, at, ""), v.dropChallenge(ctx, c))
	}
	return v.enterAfter(ctx, at, who, d, nil, opening{method: MethodPasskey, strength: StrengthMulti}, func(t *tx) error {
		return t.usePasskey(ctx, c, k)
	})
}

// checkPasskey checks the answer to a question. A wrong one uses the question up, leaves the event failed, and a copy of
// a passkey suspends it. u is whose passkey it must be; nil: whose it says. Errors: ErrWrongFactor.
func (v *Vault) checkPasskey(ctx context.Context, at Actor, failed act, c challenge, u *passkeyUser, answer []byte) (checked, error) {
	rp, err := v.relyingParty()
	if err != nil {
		return checked{}, err
	}
	k, why, wrong := readAnswer(rp, u, c.data, answer, func(handle []byte) (*passkeyUser, error) {
		return readPasskeyUser(ctx, v.db, `h.handle = $1`, inBase64(handle))
	})
	if wrong != nil {
		v.whyRefused(why)
		return checked{}, errors.Join(v.passkeyRefused(ctx, at, failed, wrong), v.dropChallenge(ctx, c))
	}
	if k.cloned {
		at.person = k.who.person
		return checked{}, errors.Join(v.suspend(ctx, at, k), v.dropChallenge(ctx, c))
	}
	return k, nil
}

func (v *Vault) passkeyRefused(ctx context.Context, at Actor, failed act, wrong error) error {
	if !errors.Is(wrong, ErrWrongFactor) {
		return wrong
	}
	err := v.do(ctx, at, failed, ownObject(at, failed), func(t *tx) error {
		t.detail("with", MethodPasskey)
		return nil
	})
	if err != nil {
		return err
	}
	return wrong
}

// suspend refuses a passkey whose counter went back (Web Authentication, section 7.2, step 22): there may be a copy of
// it. Its owner is told.
func (v *Vault) suspend(ctx context.Context, at Actor, k checked) error {
	err := v.do(ctx, at, actClonedPasskey, onPerson(k.who.person), func(t *tx) error {
		t.detail("passkey", k.was.id)
		if _, err := t.ExecContext(ctx, `UPDATE passkeys SET suspended_at = $1 WHERE id = $2 AND suspended_at IS NULL`, t.now,
			k.was.id); err != nil {
			return fmt.Errorf("suspending a passkey: %w", err)
		}
		return t.notify(ctx, noticeFactor, toPerson(k.who.person), toHolders(RoleAdmin, ""))
	})
	if err != nil {
		return err
	}
	return say(ErrWrongFactor, "This passkey was not accepted: there may be a copy of it. Use another one and remove it.")
}

// usePasskey takes the question out and writes the passkey's counter on; whoever comes second is refused.
func (t *tx) usePasskey(ctx context.Context, c challenge, k checked) error {
	if err := t.answered(ctx, c); err != nil {
		return err
	}
	res, err := t.ExecContext(ctx, `UPDATE passkeys SET sign_count = $1, backed_up = $2, used_at = $3 WHERE id = $4
		AND sign_count = $5 AND suspended_at IS NULL`, k.now.signCount, k.now.backedUp, t.now, k.was.id, k.was.signCount)
	if err := oneRow(res, err, errWrongPasskey); err != nil {
		return fmt.Errorf("writing the counter on: %w", err)
	}
	t.detail("passkey", k.was.id)
	return nil
}

// BeginPasskeyStepUp asks for a passkey of the actor's. Errors: ErrConflict when there is none.
func (v *Vault) BeginPasskeyStepUp(ctx context.Context, a Actor) (PasskeyAsk, error) {
	return v.askPasskey(ctx, a, actStepUp, challenge{kind: askPasskeyStepUp, person: a.person, session: a.session}, v.ownPasskeys(ctx, a))
}

// FinishPasskeyStepUp raises the session by the authenticator's answer. Errors as FinishPasskeySignIn.
func (v *Vault) FinishPasskeyStepUp(ctx context.Context, a Actor, ticket string, answer json.RawMessage) (Opened, error) {
	return v.showPasskey(ctx, a, askPasskeyStepUp, ticket, answer, actStepUp, actStepUpFailed, func(*tx) error { return nil })
}

// showPasskey checks a passkey for an act on the actor's own session and raises it.
func (v *Vault) showPasskey(ctx context.Context, a Actor, kind, ticket string, answer []byte, what, failed act,
	then func(t *tx) error) (Opened, error) {
	c, err := v.asked(ctx, ticket, kind)
	if err == nil && c.session != a.session {
		err = errNoTicket
	}
	if err != nil {
		return Opened{}, v.refuse(ctx, a, what, err)
	}
	u, err := readPasskeyUser(ctx, v.db, `p.id = $1`, a.person)
	if err != nil {
		return Opened{}, err
	}
	k, err := v.checkPasskey(ctx, a, failed, c, u, answer)
	if err != nil {
		return Opened{}, err
	}
	return v.raise(ctx, a, what, MethodPasskey, func(t *tx) error {
		if err := t.usePasskey(ctx, c, k); err != nil {
			return err
		}
		return then(t)
	})
}

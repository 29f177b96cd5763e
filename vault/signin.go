package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Sign-in goes in steps, each of which may be slowed down and leaves its event:
//
//	passkey    BeginPasskeySignIn, FinishPasskeySignIn: a session with two factors behind it
//	password   SignInAt: a session, where the person has no other factor; otherwise a ticket
//	ticket     SignInCode: a code of the authenticator app, or a recovery code
//	enrolment  Enrol: the code that an administrator handed over, for a password of one's own
//
// A session that has only a password behind it may do nothing but add a factor (sessionFit), unless Config.PasswordOnly.
// Whether somebody exists shows neither in the answer nor in the work done for it until their password was given.

// Door is where somebody stands who wants in.
type Door struct {
	Device  string // what the client says it is, up to 120 characters
	Browser bool   // a page: its session has to be bound to the device's key, and its screen locks
	Known   string // Opened.Known of an earlier sign-in in this browser; empty: none
	Remote  string // the address it comes from, for the log and for slowing down
	Request string // the request, for the log
}

// Opened is a session that was opened or raised. Token opens it (Authenticate) and is kept nowhere but by who gets it;
// the token before it, if there was one, opens nothing any more. It prints as [redacted].
type Opened struct {
	Token   string
	Session Session
	// Known is for the browser to bring to the next sign-in (Door.Known), for KnownFor: guesses by others elsewhere do not
	// keep out who brings it. Empty where nothing new is to be kept.
	Known string
}

// String keeps the token out of logs.
func (Opened) String() string { return "[redacted]" }

// GoString keeps the token out of logs.
func (Opened) GoString() string { return "[redacted]" }

// SecondStep is how SignInAt says that the password was right and more is wanted. Ticket is for SignInCode, or names
// the sign-in whose passkey is asked for instead; it holds for five minutes and five wrong codes. It is ErrSecondFactor.
type SecondStep struct {
	Ticket   string
	TOTP     bool // a code of the authenticator app will do
	Recovery bool // so will a recovery code
	Passkey  bool // the person has a passkey: BeginPasskeySignIn
}

// Error does not carry the ticket.
func (*SecondStep) Error() string { return ErrSecondFactor.Error() }

// Unwrap gives ErrSecondFactor.
func (*SecondStep) Unwrap() error { return ErrSecondFactor }

const ticketFor = 5 * time.Minute

// SignIn is SignInAt for a program, whose session is bound to no device.
func (v *Vault) SignIn(ctx context.Context, login, password, device, remote, request string) (token string, s Session, err error) {
	opened, err := v.SignInAt(ctx, login, password, Door{Device: device, Remote: remote, Request: request})
	return opened.Token, opened.Session, err
}

// SignInAt checks a password. Who has no other factor gets a session; everybody else a *SecondStep. Errors:
// ErrUnauthenticated for a wrong login or password and for people who may not be here; a *TooManyTries (ErrLocked) when
// this login, address or the whole vault has seen too many wrong ones of late; ErrSecondFactor.
func (v *Vault) SignInAt(ctx context.Context, login, password string, d Door) (Opened, error) {
	who, err := v.account(ctx, login)
	if err != nil {
		return Opened{}, err
	}
	at := Actor{kind: byStranger, person: who.id, remote: d.Remote, request: d.Request}
	known, err := v.knows(ctx, d.Known, who.id)
	if err != nil {
		return Opened{}, err
	}
	tries := doorsOf(login, known, d)
	if err := v.take(ctx, at, actSignInFailed, tries); err != nil {
		return Opened{}, err
	}
	hash := who.hash
	if who.id == "" || hash == "" {
		hash = dummyHash()
	}
	if !passwordFits(hash, password) || who.id == "" || who.hash == "" || !who.live || v.localRefused(who.emergency) != nil {
		return Opened{}, v.signInFailed(ctx, at, "")
	}
	step, err := v.secondStep(ctx, who.id)
	if err != nil {
		return Opened{}, err
	}
	if step != nil {
		return Opened{}, v.askSecond(ctx, at, who, tries, step)
	}
	return v.enter(ctx, at, who, d, tries, opening{method: MethodPassword, strength: StrengthSingle})
}

func (v *Vault) account(ctx context.Context, login string) (account, error) {
	if !loginShape.MatchString(login) { // nobody's; and a database need not take every byte
		login = ""
	}
	return v.accountBy(ctx, `p.login = $1`, login)
}

// accountBy finds who fulfils a condition; an empty account where nobody does.
func (v *Vault) accountBy(ctx context.Context, where string, arg any) (account, error) {
	var p account
	err := v.db.QueryRowContext(ctx, `SELECT p.id, p.name, p.password_hash, p.emergency, `+livePerson("p", "$2")+`
		FROM people p WHERE `+where, arg, v.now()).Scan(&p.id, &p.name, &p.hash, &p.emergency, &p.live)
	if errors.Is(err, sql.ErrNoRows) {
		return account{}, nil
	}
	if err != nil {
		return account{}, dbError(fmt.Errorf("finding account: %w", err))
	}
	return p, nil
}

// signInFailed leaves the event of a wrong try and says what the person at the door may know: nothing.
func (v *Vault) signInFailed(ctx context.Context, at Actor, cause string) error {
	what := actSignInFailed
	if cause != "" {
		what = actSecondFailed
	}
	err := v.do(ctx, at, what, onPerson(at.person), func(t *tx) error {
		if cause != "" {
			t.detail("with", cause)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if cause != "" {
		return errWrongCode
	}
	return say(ErrUnauthenticated, "Login or password is wrong.")
}

// secondStep is what a person has beside the password; nil when there is nothing.
func (v *Vault) secondStep(ctx context.Context, id PersonID) (*SecondStep, error) {
	has, err := factorsOf(ctx, v.db, id)
	if err != nil || !has.second() {
		return nil, err
	}
	return &SecondStep{TOTP: has.TOTP, Recovery: has.RecoveryLeft > 0, Passkey: has.passkey()}, nil
}

// askSecond keeps that the password was right, for the next step.
func (v *Vault) askSecond(ctx context.Context, at Actor, who account, tries []door, step *SecondStep) error {
	step.Ticket = newToken()
	err := v.do(ctx, at, actPasswordShown, onPerson(who.id), func(t *tx) error {
		if err := t.giveBack(ctx, tries); err != nil {
			return err
		}
		return t.ask(ctx, challenge{ticket: step.Ticket, kind: askSignIn, person: who.id, data: who.hash, last: ticketFor})
	})
	if err != nil {
		return err
	}
	return step
}

// SignInCode ends a sign-in with a code of the authenticator app or a recovery code; see SecondStep. Errors:
// ErrWrongFactor for a wrong code, ErrConflict for a ticket that ended or was used, ErrLocked.
func (v *Vault) SignInCode(ctx context.Context, ticket, code string, d Door) (Opened, error) {
	c, err := v.asked(ctx, ticket, askSignIn)
	if err != nil {
		return Opened{}, err
	}
	at := Actor{kind: byStranger, person: c.person, remote: d.Remote, request: d.Request}
	who, err := v.accountBy(ctx, `p.id = $1`, c.person)
	if err != nil {
		return Opened{}, err
	}
	known, err := v.knows(ctx, d.Known, c.person)
	if err != nil {
		return Opened{}, err
	}
	tries := codeDoors(c.person, known, d)
	if err := v.take(ctx, at, actSecondFailed, tries); err != nil {
		return Opened{}, err
	}
	shown, err := v.readCode(ctx, c.person, code)
	if err != nil {
		return Opened{}, err
	}
	if who.hash = c.data; !shown.fits || !who.live { // the password that was shown must still be the one
		return Opened{}, errors.Join(v.wrongAnswer(ctx, at, c), v.signInFailed(ctx, at, shown.kind))
	}
	o := opening{method: MethodTOTP, strength: StrengthMulti, fresh: v.now()}
	if shown.kind == codeRecovery {
		o.method = MethodRecovery
	}
	return v.enterAfter(ctx, at, who, d, tries, o, func(t *tx) error {
		if err := t.answered(ctx, c); err != nil {
			return err
		}
		return t.useCode(ctx, c.person, shown)
	})
}

// enter opens a session for who passed.
func (v *Vault) enter(ctx context.Context, at Actor, who account, d Door, tries []door, o opening) (Opened, error) {
	return v.enterAfter(ctx, at, who, d, tries, o, func(*tx) error { return nil })
}

// enterAfter is enter with something that has to be used up in the same transaction.
func (v *Vault) enterAfter(ctx context.Context, at Actor, who account, d Door, tries []door, o opening,
	use func(t *tx) error) (Opened, error) {
	out := Opened{Token: newToken()}
	fresh := newToken()
	o.device, o.browser, o.remote = d.Device, d.Browser, d.Remote
	err := v.do(ctx, at, actSignIn, onPerson(who.id), func(t *tx) (err error) {
		if err := v.localRefused(who.emergency); err != nil {
			return err
		}
		if err := use(t); err != nil {
			return err
		}
		if err := t.passed(ctx, tries); err != nil {
			return err
		}
		o.fresh = t.now
		if out.Session, err = v.openSession(ctx, t, who, out.Token, o); err != nil {
			return err
		}
		out.Known, err = t.remember(ctx, who.id, d, fresh)
		return err
	})
	if err != nil {
		return Opened{}, err
	}
	return out, nil
}

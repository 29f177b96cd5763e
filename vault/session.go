package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

const (
	seenEvery   = time.Minute      // how often a session's last use is written
	activeEvery = 10 * time.Second // how often a person's last doing is written, by which the screen locks
	tokenSize   = 32               // random bytes
)

// How much stands behind a session.
const (
	StrengthSingle = "single" // a password alone
	StrengthMulti  = "multi"  // a passkey, or a password and something else
)

// How somebody signed in.
const (
	MethodPassword  = "password"
	MethodTOTP      = "password+totp"
	MethodRecovery  = "password+recovery"
	MethodPasskey   = "passkey"
	MethodOIDC      = "oidc"
	MethodEnrolment = "enrolment" // with the code that an administrator handed over
)

// Whether a session is tied to a device's key.
const (
	bindingNone  = "none"  // a program, which holds its token itself
	bindingDue   = "due"   // a browser that has to bind it first
	bindingBound = "bound" // a browser that proves now and then that it holds the key
)

// Session is a sign-in as its owner sees it.
type Session struct {
	ID        SessionID `json:"id"`
	Person    PersonID  `json:"person"`
	Name      string    `json:"name"`
	Roles     []Role    `json:"roles"`
	Device    string    `json:"device"`
	DeviceID  string    `json:"device_id"`
	Remote    string    `json:"remote"`
	Strength  string    `json:"strength"`
	Method    string    `json:"method"`
	CreatedAt Time      `json:"created_at"`
	SeenAt    Time      `json:"seen_at"`
	FreshAt   Time      `json:"fresh_at"`
	LockedAt  Time      `json:"locked_at"`
	ExpiresAt Time      `json:"expires_at"`
}

// account is what sign-in needs to know of a person.
type account struct {
	id        PersonID
	name      string
	hash      string
	live      bool
	emergency bool
}

// livePerson is the condition under which somebody may be here at all: not disabled, and between the dates of a locum.
// people is the alias of the table, now the parameter that holds the present.
func livePerson(people, now string) string {
	return fmt.Sprintf(`(%[1]s.disabled_at IS NULL AND %[1]s.valid_from <= %[2]s
		AND (%[1]s.valid_until IS NULL OR %[1]s.valid_until > %[2]s))`, people, now)
}

// liveSession is the same for session s of person p, seen after the time in idle.
func liveSession(now, idle string) string {
	return ` s.ended_at IS NULL AND s.expires_at > ` + now + ` AND s.seen_at > ` + idle + ` AND ` + livePerson("p", now)
}

// opening is how a session begins.
type opening struct {
	device, method, strength string
	browser                  bool  // has to be bound to a device
	fresh                    int64 // when a factor was shown: unix milliseconds; 0: not known to be fresh
	remote                   string
	issuer, sid, subject     string // of the hospital's provider
}

// openSession writes the session, having looked again whether the person is still as they were when the factors were
// checked: live, and with the same password. The caller made the token (newToken) outside the transaction.
func (v *Vault) openSession(ctx context.Context, t *tx, who account, token string, o opening) (Session, error) {
	var emergency bool
	err := t.QueryRowContext(ctx, `SELECT p.emergency FROM people p WHERE p.id = $1 AND p.password_hash = $2 AND `+
		livePerson("p", "$3"), who.id, who.hash, t.now).Scan(&emergency)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Session{}, ErrUnauthenticated
	case err != nil:
		return Session{}, fmt.Errorf("reading account: %w", err)
	}
	if o.method != MethodOIDC {
		if err := t.tellOfEmergency(ctx, emergency); err != nil {
			return Session{}, err
		}
	}
	if err := t.besideFactor(ctx, who.id, &o); err != nil {
		return Session{}, err
	}
	if !isLine(o.device, 120) {
		o.device = "unnamed"
	}
	s := Session{ID: SessionID(newID()), Person: who.id, Name: who.name, Device: o.device, Remote: o.remote, Method: o.method,
		Strength: o.strength, CreatedAt: Time(t.now), SeenAt: Time(t.now), FreshAt: Time(o.fresh),
		ExpiresAt: Time(t.now + v.cfg.SessionMax.Milliseconds())}
	if s.Roles, err = rolesOf(ctx, t, who.id); err != nil {
		return Session{}, err
	}
	binding := bindingNone
	if o.browser {
		binding = bindingDue
	}
	_, err = t.ExecContext(ctx, `INSERT INTO sessions (token_hash, id, person, device, created_at, seen_at, expires_at, strength,
		method, fresh_at, active_at, binding, remote, oidc_issuer, oidc_sid, oidc_subject)
		VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $5, $10, $11, $12, $13, $14)`, tokenHash(token), s.ID, s.Person, s.Device,
		t.now, s.ExpiresAt, s.Strength, s.Method, o.fresh, binding, o.remote, o.issuer, o.sid, o.subject)
	if err != nil {
		return Session{}, fmt.Errorf("opening session: %w", err)
	}
	t.detail("session", string(s.ID))
	t.detail("method", s.Method)
	t.detail("strength", s.Strength)
	return s, nil
}

// besideFactor looks again at what a session with a password alone behind it stands beside. Where the person has a second
// factor, a local password opens none (the factor came in the moment of the sign-in), and the provider's opens one that
// may do nothing before that factor was shown: whoever has the password alone adds no factor of their own.
func (t *tx) besideFactor(ctx context.Context, id PersonID, o *opening) error {
	if o.strength != StrengthSingle {
		return nil
	}
	has, err := factorsOf(ctx, t, id)
	switch {
	case err != nil:
		return err
	case !has.second():
		return nil
	case o.method != MethodOIDC:
		return errNoTicket
	}
	o.fresh = 0
	return nil
}

func newToken() string {
	raw := make([]byte, tokenSize)
	rand.Read(raw) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Authenticate finds who stands behind a token, and takes the request for something that the person did. It writes no
// event; each act that follows writes its own, and decides again whether the session lives. A screen that was left
// alone for too long is locked. Errors: ErrUnauthenticated, for whatever reason.
func (v *Vault) Authenticate(ctx context.Context, token string) (Actor, error) {
	return v.authenticate(ctx, token, true)
}

// AuthenticateBackground is Authenticate for what a page sends by itself: it does not keep the screen from locking.
func (v *Vault) AuthenticateBackground(ctx context.Context, token string) (Actor, error) {
	return v.authenticate(ctx, token, false)
}

func (v *Vault) authenticate(ctx context.Context, token string, doing bool) (Actor, error) {
	a := Actor{kind: byPerson}
	var seen, active int64
	var locks sessionLock
	state := &a.signIn
	now := v.now()
	err := v.db.QueryRowContext(ctx, `SELECT s.id, s.person, p.name, s.seen_at, s.active_at, `+lockColumns+`, `+stateColumns+`
		FROM sessions s JOIN people p ON p.id = s.person LEFT JOIN devices d ON d.id = s.device_id
		WHERE s.token_hash = $1 AND `+liveSession("$2", "$3"), tokenHash(token), now, now-v.cfg.SessionIdle.Milliseconds()).
		Scan(&a.session, &a.person, &a.name, &seen, &active, &locks.at, &locks.browser, &locks.shared, &state.Method, &state.Strength,
			&state.FreshAt, &state.Passkey, &state.TOTP, &state.Password, &state.PIN)
	if errors.Is(err, sql.ErrNoRows) {
		return Actor{}, ErrUnauthenticated
	}
	if err != nil {
		return Actor{}, dbError(fmt.Errorf("finding session: %w", err))
	}
	if a.roles, err = rolesOf(ctx, v.db, a.person); err != nil {
		return Actor{}, dbError(err)
	}
	state.Locked, state.Shared, state.LockAfter = v.locksBy(locks, active, now), locks.shared, v.lockAfter(locks)
	doing = doing && !state.Locked
	if now-seen >= seenEvery.Milliseconds() || doing && now-active >= activeEvery.Milliseconds() {
		if err := v.noteUse(ctx, a.session, now, doing); err != nil {
			return Actor{}, fmt.Errorf("noting the session's use: %w", err)
		}
	}
	return a, nil
}

// noteUse writes when the session was seen, and when its person did something.
func (v *Vault) noteUse(ctx context.Context, id SessionID, now int64, doing bool) error {
	what := `seen_at = $1 WHERE id = $2 AND seen_at < $1`
	if doing {
		what = `seen_at = $1, active_at = $1 WHERE id = $2 AND active_at < $1 AND locked_at IS NULL`
	}
	return v.retry(ctx, false, func(t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE sessions SET `+what, now, id)
		return err
	})
}

// SignOut ends the actor's own session.
func (v *Vault) SignOut(ctx context.Context, a Actor) error {
	return v.endSession(ctx, a, actSignOut, a.session)
}

// EndSession ends a session of the actor's own; an admin may end anyone's. Errors: ErrNotFound.
func (v *Vault) EndSession(ctx context.Context, a Actor, id SessionID) error {
	return v.endSession(ctx, a, actEndSession, id)
}

func (v *Vault) endSession(ctx context.Context, a Actor, what act, id SessionID) error {
	return v.do(ctx, a, what, object{Kind: "session", ID: string(id)}, func(t *tx) error {
		err := exactlyOne(ctx, t, "ending session", `UPDATE sessions SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL`,
			t.now, id)
		if errors.Is(err, ErrConflict) {
			return ErrNotFound
		}
		return err
	})
}

// endSessions ends every session of a person.
func endSessions(ctx context.Context, t *tx, id PersonID) error {
	_, err := t.ExecContext(ctx, `UPDATE sessions SET ended_at = $1 WHERE person = $2 AND ended_at IS NULL`, t.now, id)
	if err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	return nil
}

// Sessions lists the actor's own live sessions, newest first.
func (v *Vault) Sessions(ctx context.Context, a Actor) ([]Session, error) {
	var out []Session
	err := v.do(ctx, a, actSessions, onPerson(a.person), func(t *tx) error {
		roles, err := rolesOf(ctx, t, a.person)
		if err != nil {
			return err
		}
		out, err = list(ctx, t, func(rows *sql.Rows) (Session, error) {
			s := Session{Person: a.person, Name: a.name, Roles: roles}
			return s, rows.Scan(&s.ID, &s.Device, &s.DeviceID, &s.Remote, &s.Strength, &s.Method, &s.CreatedAt, &s.SeenAt,
				&s.FreshAt, &s.LockedAt, &s.ExpiresAt)
		}, `SELECT s.id, s.device, s.device_id, s.remote, s.strength, s.method, s.created_at, s.seen_at, s.fresh_at,
			coalesce(s.locked_at, 0), s.expires_at FROM sessions s JOIN people p ON p.id = s.person
			WHERE s.person = $1 AND `+liveSession("$2", "$3")+` ORDER BY s.created_at DESC`, a.person, t.now,
			t.now-v.cfg.SessionIdle.Milliseconds())
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

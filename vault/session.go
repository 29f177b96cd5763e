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
	maxFailures = 10               // wrong passwords in a row
	lockFor     = 15 * time.Minute // after the last of them
	seenEvery   = time.Minute      // how often a session's last use is written
	tokenSize   = 32               // random bytes
)

// Session is a sign-in as its owner sees it.
type Session struct {
	ID        SessionID `json:"id"`
	Person    PersonID  `json:"person"`
	Name      string    `json:"name"`
	Roles     []Role    `json:"roles"`
	Device    string    `json:"device"`
	CreatedAt Time      `json:"created_at"`
	SeenAt    Time      `json:"seen_at"`
	ExpiresAt Time      `json:"expires_at"`
}

// account is what sign-in needs to know of a person.
type account struct {
	id          PersonID
	name, hash  string
	lockedUntil int64
	disabled    bool
}

// SignIn checks a password and opens a session; the token opens it again (Authenticate) and is not kept, only its
// SHA-256. device is what the client says it is, up to 120 characters; remote and request
// are where it comes from, for the log. Ten wrong
// passwords in a row lock the account for 15 minutes; a login that nobody has is answered the same way, so that they
// cannot be told apart. Errors: ErrUnauthenticated for a wrong login or password and for disabled people, ErrLocked.
func (v *Vault) SignIn(ctx context.Context, login, password, device, remote, request string) (token string, s Session, err error) {
	who, err := v.account(ctx, login)
	if err != nil {
		return "", Session{}, err
	}
	hash := who.hash
	if who.id == "" {
		hash = dummyHash()
	}
	door := Actor{kind: byStranger, person: who.id, remote: remote, request: request}
	if !passwordFits(hash, password) || who.id == "" || who.disabled {
		return "", Session{}, v.signInFailed(ctx, door, who, login)
	}
	raw := make([]byte, tokenSize)
	rand.Read(raw) // never fails (crypto/rand)
	token = base64.RawURLEncoding.EncodeToString(raw)
	err = v.do(ctx, door, actSignIn, onPerson(who.id), func(t *tx) error {
		s, err = v.openSession(ctx, t, who, token, device)
		return err
	})
	if err != nil {
		return "", Session{}, err
	}
	return token, s, nil
}

func (v *Vault) account(ctx context.Context, login string) (account, error) {
	var p account
	if !loginShape.MatchString(login) { // nobody's; and a database need not take every byte
		return account{}, nil
	}
	err := v.db.QueryRowContext(ctx, `SELECT id, name, password_hash, locked_until, disabled_at IS NOT NULL FROM people
		WHERE login = $1`, login).Scan(&p.id, &p.name, &p.hash, &p.lockedUntil, &p.disabled)
	if errors.Is(err, sql.ErrNoRows) {
		return account{}, nil
	}
	if err != nil {
		return account{}, dbError(fmt.Errorf("finding account: %w", err))
	}
	return p, nil
}

// signInFailed counts the failure and says what the person at the door may know.
func (v *Vault) signInFailed(ctx context.Context, door Actor, who account, login string) error {
	locked := false
	err := v.do(ctx, door, actSignInFailed, onPerson(who.id), func(t *tx) error {
		locked = false
		if who.id == "" || who.disabled {
			return nil
		}
		var failures, until int64
		if err := t.QueryRowContext(ctx, `SELECT failures, locked_until FROM people WHERE id = $1`, who.id).
			Scan(&failures, &until); err != nil {
			return absent(err)
		}
		if locked = until > t.now; locked {
			return nil
		}
		if failures++; failures >= maxFailures {
			failures, until, locked = 0, t.now+lockFor.Milliseconds(), true
			t.detail("locked", "yes")
		}
		_, err := t.ExecContext(ctx, `UPDATE people SET failures = $1, locked_until = $2 WHERE id = $3`,
			failures, until, who.id)
		return err
	})
	if who.id == "" || who.disabled {
		locked = v.strangers.failed(login, v.now())
	}
	switch {
	case err != nil:
		return err
	case locked:
		return errLocked
	}
	return say(ErrUnauthenticated, "Login or password is wrong.")
}

var errLocked = say(ErrLocked, "Too many wrong passwords. Wait 15 minutes, or ask an administrator for a new password.")

// openSession writes the session, having looked again whether the account is open: other tries may have locked it
// while this one's password was being checked.
func (v *Vault) openSession(ctx context.Context, t *tx, who account, token, device string) (Session, error) {
	var until int64
	var disabled bool
	err := t.QueryRowContext(ctx, `SELECT locked_until, disabled_at IS NOT NULL FROM people WHERE id = $1
		AND password_hash = $2`, who.id, who.hash).Scan(&until, &disabled)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && disabled:
		return Session{}, ErrUnauthenticated
	case err != nil:
		return Session{}, err
	case until > t.now:
		return Session{}, errLocked
	}
	if _, err := t.ExecContext(ctx, `UPDATE people SET failures = 0, locked_until = 0 WHERE id = $1`, who.id); err != nil {
		return Session{}, err
	}
	if !isLine(device, 120) {
		device = "unnamed"
	}
	s := Session{ID: SessionID(newID()), Person: who.id, Name: who.name, Device: device, CreatedAt: Time(t.now),
		SeenAt: Time(t.now), ExpiresAt: Time(t.now + v.cfg.SessionMax.Milliseconds())}
	if s.Roles, err = rolesOf(ctx, t, who.id); err != nil {
		return Session{}, err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO sessions (token_hash, id, person, device, created_at, seen_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, tokenHash(token), s.ID, s.Person, s.Device, s.CreatedAt, s.SeenAt, s.ExpiresAt)
	if err != nil {
		return Session{}, fmt.Errorf("opening session: %w", err)
	}
	t.detail("session", string(s.ID))
	return s, nil
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Authenticate finds who stands behind a token. It writes no event; each act that follows writes its own, and decides
// again whether the session lives. Errors: ErrUnauthenticated, for whatever reason.
func (v *Vault) Authenticate(ctx context.Context, token string) (Actor, error) {
	a := Actor{kind: byPerson}
	var seen int64
	now := v.now()
	err := v.db.QueryRowContext(ctx, `SELECT s.id, s.person, p.name, s.seen_at FROM sessions s JOIN people p ON p.id = s.person
		WHERE s.token_hash = $1`+liveSession+`$2 AND s.seen_at > $3`, tokenHash(token), now,
		now-v.cfg.SessionIdle.Milliseconds()).Scan(&a.session, &a.person, &a.name, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return Actor{}, ErrUnauthenticated
	}
	if err != nil {
		return Actor{}, dbError(fmt.Errorf("finding session: %w", err))
	}
	if a.roles, err = rolesOf(ctx, v.db, a.person); err != nil {
		return Actor{}, dbError(err)
	}
	if now-seen >= seenEvery.Milliseconds() {
		err := v.retry(ctx, false, func(t *tx) error {
			_, err := t.ExecContext(ctx, `UPDATE sessions SET seen_at = $1 WHERE id = $2 AND seen_at < $1`, now, a.session)
			return err
		})
		if err != nil {
			return Actor{}, fmt.Errorf("noting the session's use: %w", err)
		}
	}
	return a, nil
}

// liveSession ends with the comparison of expires_at; what follows it is the present.
const liveSession = ` AND s.ended_at IS NULL AND p.disabled_at IS NULL AND s.expires_at > `

// sessionLives is Authenticate's check again, inside the transaction that acts.
func (v *Vault) sessionLives(ctx context.Context, t *tx, id SessionID, person PersonID) error {
	err := holds(ctx, t, `SELECT count(*) FROM sessions s JOIN people p ON p.id = s.person WHERE s.id = $1 AND s.person = $2`+
		liveSession+`$3 AND s.seen_at > $4`, id, person, t.now, t.now-v.cfg.SessionIdle.Milliseconds())
	if errors.Is(err, ErrNotFound) {
		return ErrUnauthenticated
	}
	return err
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
			return s, rows.Scan(&s.ID, &s.Device, &s.CreatedAt, &s.SeenAt, &s.ExpiresAt)
		}, `SELECT s.id, s.device, s.created_at, s.seen_at, s.expires_at FROM sessions s JOIN people p ON p.id = s.person
			WHERE s.person = $1`+liveSession+`$2 AND s.seen_at > $3 ORDER BY s.created_at DESC`, a.person, t.now,
			t.now-v.cfg.SessionIdle.Milliseconds())
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

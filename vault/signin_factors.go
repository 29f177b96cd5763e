package vault

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Factors is what a person can show of who they are, as they see it themselves.
type Factors struct {
	Password     bool      `json:"password"`
	TOTP         bool      `json:"totp"`
	RecoveryLeft int       `json:"recovery_left"`
	Passkeys     []Passkey `json:"passkeys"`
	PIN          bool      `json:"pin"` // on the device of this session
	Strength     string    `json:"strength"`
	Method       string    `json:"method"`
	FreshAt      Time      `json:"fresh_at"`
}

// passkey reports whether there is one that may be used.
func (f Factors) passkey() bool {
	for _, p := range f.Passkeys {
		if p.SuspendedAt == 0 {
			return true
		}
	}
	return false
}

// second reports whether there is a factor that a password alone must not get around. A passkey that was suspended is one:
// who made a copy of it may know the password too.
func (f Factors) second() bool { return f.TOTP || len(f.Passkeys) > 0 }

// Passkey is one of a person's passkeys.
type Passkey struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	BackedUp    bool   `json:"backed_up"` // copied to the person's other devices by their maker
	CreatedAt   Time   `json:"created_at"`
	UsedAt      Time   `json:"used_at"`
	SuspendedAt Time   `json:"suspended_at"` // refused since: there may be a copy of it
}

// Factors lists the actor's own.
func (v *Vault) Factors(ctx context.Context, a Actor) (Factors, error) {
	var out Factors
	err := v.do(ctx, a, actFactors, onPerson(a.person), func(t *tx) (err error) {
		if out, err = factorsOf(ctx, t, a.person); err != nil {
			return err
		}
		return t.QueryRowContext(ctx, `SELECT s.strength, s.method, s.fresh_at, EXISTS (SELECT 1 FROM pins n
			WHERE n.person = s.person AND n.device_id = s.device_id AND s.device_id <> '') FROM sessions s WHERE s.id = $1`,
			a.session).Scan(&out.Strength, &out.Method, &out.FreshAt, &out.PIN)
	})
	if err != nil {
		return Factors{}, err
	}
	return out, nil
}

// factorsOf is Factors without what hangs on a session.
func factorsOf(ctx context.Context, q querier, id PersonID) (Factors, error) {
	var f Factors
	err := q.QueryRowContext(ctx, `SELECT p.password_hash <> '', EXISTS (SELECT 1 FROM totp_secrets s WHERE s.person = p.id
		AND s.confirmed_at IS NOT NULL), (SELECT count(*) FROM recovery_codes c WHERE c.person = p.id AND c.used_at IS NULL)
		FROM people p WHERE p.id = $1`, id).Scan(&f.Password, &f.TOTP, &f.RecoveryLeft)
	if err == nil {
		f.Passkeys, err = list(ctx, q, func(rows *sql.Rows) (p Passkey, err error) {
			return p, rows.Scan(&p.ID, &p.Name, &p.BackedUp, &p.CreatedAt, &p.UsedAt, &p.SuspendedAt)
		}, `SELECT id, name, backed_up, created_at, coalesce(used_at, 0), coalesce(suspended_at, 0) FROM passkeys
			WHERE person = $1 ORDER BY created_at, id`, id)
	}
	if err != nil {
		return Factors{}, dbError(fmt.Errorf("reading factors: %w", absent(err)))
	}
	return f, nil
}

// SignInState is how somebody is signed in, as it was when the actor was authenticated: for choosing what to show, never
// to decide by.
type SignInState struct {
	Method, Strength string
	FreshAt          Time
	Locked, Shared   bool
	LockAfter        time.Duration // of a screen that nobody uses; 0: it does not lock by itself
	// The ways in which this person can show again who they are.
	Passkey, TOTP, Password, PIN bool
}

// SignIn says how the person is signed in; zero for everybody who is no person.
func (a Actor) SignIn() SignInState { return a.signIn }

// stateColumns are SignInState's, of session s; what they need beside lockColumns.
const stateColumns = `s.method, s.strength, s.fresh_at,
	EXISTS (SELECT 1 FROM passkeys k WHERE k.person = s.person AND k.suspended_at IS NULL),
	EXISTS (SELECT 1 FROM totp_secrets k WHERE k.person = s.person AND k.confirmed_at IS NOT NULL), p.password_hash <> '',
	EXISTS (SELECT 1 FROM pins n WHERE n.person = s.person AND n.device_id = s.device_id AND s.device_id <> '')`

// forgetFactors takes everything away by which a person could sign in.
func (t *tx) forgetFactors(ctx context.Context, id PersonID) error {
	var all []change
	for _, table := range strings.Fields(`passkeys totp_secrets recovery_codes enrolment_codes pins known_browsers challenges`) {
		all = append(all, change{`DELETE FROM ` + table + ` WHERE person = $1`, []any{id}})
	}
	return t.changes(ctx, "forgetting factors", all...)
}

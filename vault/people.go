package vault

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NewPerson is what AddPerson needs. Login is 2 to 64 of a-z, 0-9, dot, hyphen, underscore and @; Name 1 to 120
// characters; Password at least 12 characters; at least one role.
type NewPerson struct {
	Login    string
	Name     string
	Password string
	Roles    []Role
}

// Person is somebody who can, or could, sign in.
type Person struct {
	ID          PersonID `json:"id"`
	Login       string   `json:"login"`
	Name        string   `json:"name"`
	Roles       []Role   `json:"roles"`
	CreatedAt   Time     `json:"created_at"`
	DisabledAt  Time     `json:"disabled_at"`
	LockedUntil Time     `json:"locked_until"`
}

var loginShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{1,63}$`)

// String keeps the password out of logs.
func (NewPerson) String() string { return "[redacted]" }

// GoString keeps the password out of logs.
func (NewPerson) GoString() string { return "[redacted]" }

func (n NewPerson) check() error {
	if !loginShape.MatchString(n.Login) {
		return say(ErrInvalid, "A login has 2 to 64 small letters, digits, dots, hyphens or underscores.")
	}
	if !isLine(n.Name, 120) {
		return say(ErrInvalid, "A person needs a name of at most 120 characters.")
	}
	if len(n.Roles) == 0 || slices.ContainsFunc(n.Roles, func(r Role) bool { return !r.valid() }) {
		return say(ErrInvalid, "A person needs at least one of the roles clinician, reviewer, records, privacy, admin.")
	}
	return checkPassword(n.Password)
}

// isLine reports whether s is one line of 1 to limit printable characters.
func isLine(s string, limit int) bool {
	n := utf8.RuneCountInString(s)
	return n > 0 && n <= limit && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// AddPerson adds somebody who can sign in. Errors: ErrInvalid, ErrConflict when the login is taken, ErrDenied.
func (v *Vault) AddPerson(ctx context.Context, a Actor, n NewPerson) (PersonID, error) {
	id := PersonID(newID())
	wrong := n.check()
	hash := ""
	if wrong == nil {
		hash = hashPassword(n.Password)
	}
	err := v.do(ctx, a, actAddPerson, onPerson(id), func(t *tx) error {
		if wrong != nil {
			return wrong
		}
		res, err := t.ExecContext(ctx, `INSERT INTO people (id, login, name, password_hash, created_at)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (login) DO NOTHING`, id, n.Login, n.Name, hash, t.now)
		if err := oneRow(res, err, say(ErrConflict, "This login is taken.")); err != nil {
			return fmt.Errorf("adding person: %w", err)
		}
		for _, r := range n.Roles {
			if _, err := t.ExecContext(ctx, `INSERT INTO person_roles (person, role, source) VALUES ($1, $2, 'local')
				ON CONFLICT (person, role, source) DO NOTHING`, id, string(r)); err != nil {
				return fmt.Errorf("adding role: %w", err)
			}
		}
		t.detail("roles", joinRoles(n.Roles))
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

func joinRoles(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}

// DisablePerson puts somebody out: every session of theirs ends, their claims are released, and their next call
// anywhere is refused. What they did stays. Disabling twice is not an error. Errors: ErrNotFound, ErrDenied.
func (v *Vault) DisablePerson(ctx context.Context, a Actor, login string) error {
	id, err := v.personByLogin(ctx, login)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actDisablePerson, onPerson(id), func(t *tx) error {
		if id == "" {
			return say(ErrNotFound, "There is nobody with this login.")
		}
		if _, err := t.ExecContext(ctx, `UPDATE people SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL`,
			t.now, id); err != nil {
			return fmt.Errorf("disabling person: %w", err)
		}
		if err := endSessions(ctx, t, id); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE photos SET claimed_by = NULL, claimed_until = 0 WHERE claimed_by = $1`, id)
		if err != nil {
			return fmt.Errorf("releasing claims: %w", err)
		}
		return nil
	})
}

// SetPassword gives a person a new password, ends all their sessions and lifts a lock. Admins and the operator may do
// it for anyone, everybody for themselves. Errors: ErrInvalid, ErrNotFound, ErrDenied.
func (v *Vault) SetPassword(ctx context.Context, a Actor, login, password string) error {
	id, err := v.personByLogin(ctx, login)
	if err != nil {
		return err
	}
	wrong := checkPassword(password)
	hash := ""
	if wrong == nil && id != "" {
		hash = hashPassword(password)
	}
	return v.do(ctx, a, actSetPassword, onPerson(id), func(t *tx) error {
		switch {
		case wrong != nil:
			return wrong
		case id == "":
			return say(ErrNotFound, "There is nobody with this login.")
		}
		if err := exactlyOne(ctx, t, "setting password", `UPDATE people SET password_hash = $1, failures = 0,
			locked_until = 0 WHERE id = $2`, hash, id); err != nil {
			return err
		}
		return endSessions(ctx, t, id)
	})
}

// People lists everybody, by login. Errors: ErrDenied.
func (v *Vault) People(ctx context.Context, a Actor) ([]Person, error) {
	var out []Person
	err := v.do(ctx, a, actPeople, object{Kind: "person"}, func(t *tx) error {
		var err error
		out, err = list(ctx, t, func(rows *sql.Rows) (p Person, err error) {
			return p, rows.Scan(&p.ID, &p.Login, &p.Name, &p.CreatedAt, &p.DisabledAt, &p.LockedUntil)
		}, `SELECT id, login, name, created_at, coalesce(disabled_at, 0), locked_until FROM people ORDER BY login`)
		if err != nil {
			return fmt.Errorf("listing people: %w", err)
		}
		for i := range out {
			if out[i].Roles, err = rolesOf(ctx, t, out[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// personByLogin finds a person; the ID is empty when there is none.
func (v *Vault) personByLogin(ctx context.Context, login string) (PersonID, error) {
	ids, err := list(ctx, v.db, func(rows *sql.Rows) (id PersonID, err error) { return id, rows.Scan(&id) },
		`SELECT id FROM people WHERE login = $1`, login)
	if err != nil {
		return "", dbError(fmt.Errorf("finding person: %w", err))
	}
	if len(ids) == 0 {
		return "", nil
	}
	return ids[0], nil
}

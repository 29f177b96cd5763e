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
// characters; at least one role. Password has at least 12 characters, or is empty: then the person comes in by an
// enrolment code (ResetFactors) or by the hospital's provider.
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
	Roles       []Role   `json:"roles"`       // for whatever reason they are held
	LocalRoles  []Role   `json:"local_roles"` // those given here, and not by a directory or at sign-in
	CreatedAt   Time     `json:"created_at"`
	DisabledAt  Time     `json:"disabled_at"`
	LockedUntil Time     `json:"locked_until"`
	ValidFrom   Time     `json:"valid_from"`  // may sign in from then; zero: always could
	ValidUntil  Time     `json:"valid_until"` // and until then; zero: no end is set
	Emergency   bool     `json:"emergency"`   // may sign in here although the hospital's provider is the only way
	Provisioned string   `json:"provisioned"` // "scim", "oidc", or empty for here
	LeftAt      Time     `json:"left_at"`     // deleted by the directory; the login is free again
	Mail        string   `json:"mail"`        // where notices go; may be empty
	State       string   `json:"state"`       // PeopleLive, PeopleOut or PeopleLeft, now
}

// Live reports whether the person may be here at that time.
func (p Person) Live(at Time) bool {
	return p.DisabledAt == 0 && p.ValidFrom <= at && (p.ValidUntil == 0 || p.ValidUntil > at)
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
	return nil
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
	if wrong == nil && n.Password != "" {
		if wrong = v.weakPassword(n.Password, n.Login, n.Name); wrong == nil {
			hash = hashPassword(n.Password)
		}
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
		if err := setRoles(ctx, t, id, sourceLocal, n.Roles); err != nil {
			return err
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

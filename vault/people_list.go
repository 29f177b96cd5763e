package vault

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The states by which people can be looked for.
const (
	PeopleLive = "live" // may sign in now
	PeopleOut  = "out"  // disabled, or outside their dates
	PeopleLeft = "left" // deleted by the directory
)

// maxPeople bounds one page of people.
const maxPeople = 500

// PeopleFilter narrows a list of people. Its zero value takes everybody, page by page.
type PeopleFilter struct {
	Search string // a part of the name or login, in any case; at most 120 characters
	State  string // PeopleLive, PeopleOut, PeopleLeft; empty for all
	Role   Role   // who holds it; empty for all
	After  string // the last login of the page before
	Limit  int    // 1 to 500; 0 is 500
}

// People lists everybody, by login. Errors: ErrDenied.
func (v *Vault) People(ctx context.Context, a Actor) ([]Person, error) {
	return v.people(ctx, a, func(t *tx) ([]Person, error) { return t.people(ctx, "") })
}

// FindPeople lists a page of the people that a filter lets through, by login, and whether there are more.
// Errors: ErrInvalid, ErrDenied.
func (v *Vault) FindPeople(ctx context.Context, a Actor, f PeopleFilter) (page []Person, more bool, err error) {
	page, err = v.people(ctx, a, func(t *tx) ([]Person, error) {
		if err := f.check(); err != nil {
			return nil, err
		}
		where, args := f.where(t.now)
		limit := min(f.Limit, maxPeople)
		if limit == 0 {
			limit = maxPeople
		}
		found, err := t.people(ctx, fmt.Sprintf("%s ORDER BY login LIMIT %d", where, limit+1), args...)
		if more = len(found) > limit; more {
			found = found[:limit]
		}
		return found, err
	})
	return page, more && err == nil, err
}

// PersonByLogin reads one person. Errors: ErrNotFound, ErrDenied.
func (v *Vault) PersonByLogin(ctx context.Context, a Actor, login string) (Person, error) {
	found, err := v.people(ctx, a, func(t *tx) ([]Person, error) {
		found, err := t.people(ctx, " WHERE login = $1", askable(login))
		if err == nil && len(found) == 0 {
			err = ErrNotFound
		}
		return found, err
	})
	if err != nil {
		return Person{}, err
	}
	return found[0], nil
}

func (f PeopleFilter) check() error {
	states := []string{"", PeopleLive, PeopleOut, PeopleLeft}
	if len(f.Search) > 480 || !utf8.ValidString(f.Search) || strings.ContainsRune(f.Search, 0) || len(f.After) > 64 || !utf8.ValidString(f.After) || f.Limit < 0 ||
		!slices.Contains(states, f.State) || f.Role != "" && !f.Role.valid() {
		return say(ErrInvalid, "This is not a way to look for people.")
	}
	return nil
}

func (f PeopleFilter) where(now int64) (string, []any) {
	conditions, args := []string{"login > $1"}, []any{f.After}
	arg := func(value any) string {
		args = append(args, value)
		return fmt.Sprintf("$%d", len(args))
	}
	if f.Search != "" {
		n := arg("%" + likeText(strings.ToLower(f.Search)) + "%")
		conditions = append(conditions, `(lower(name) LIKE `+n+` ESCAPE '\' OR login LIKE `+n+` ESCAPE '\')`)
	}
	switch f.State {
	case PeopleLive:
		conditions = append(conditions, livePerson("people", arg(now)))
	case PeopleOut:
		conditions = append(conditions, "NOT "+livePerson("people", arg(now))+" AND left_at IS NULL")
	case PeopleLeft:
		conditions = append(conditions, "left_at IS NOT NULL")
	}
	if f.Role != "" {
		conditions = append(conditions, `EXISTS (SELECT 1 FROM person_roles r WHERE r.person = people.id AND r.role = `+arg(string(f.Role))+`)`)
	}
	return " WHERE " + strings.Join(conditions, " AND "), args
}

// likeText has LIKE take a text as it is.
func likeText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

func (v *Vault) people(ctx context.Context, a Actor, read func(t *tx) ([]Person, error)) (out []Person, err error) {
	err = v.do(ctx, a, actPeople, object{Kind: "person"}, func(t *tx) error {
		out, err = read(t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// people reads people with their roles; rest is what follows FROM people, and orders them unless it is empty.
func (t *tx) people(ctx context.Context, rest string, args ...any) ([]Person, error) {
	if rest == "" {
		rest = " ORDER BY login"
	}
	out, err := list(ctx, t, func(rows *sql.Rows) (p Person, err error) {
		err = rows.Scan(&p.ID, &p.Login, &p.Name, &p.CreatedAt, &p.DisabledAt, &p.LockedUntil, &p.ValidFrom, &p.ValidUntil,
			&p.Emergency, &p.Provisioned, &p.LeftAt, &p.Mail)
		p.Provisioned, _, _ = strings.Cut(p.Provisioned, ":")
		switch {
		case p.LeftAt != 0:
			p.State = PeopleLeft
		case p.Live(Time(t.now)):
			p.State = PeopleLive
		default:
			p.State = PeopleOut
		}
		return p, err
	}, `SELECT id, login, name, created_at, coalesce(disabled_at, 0), locked_until, valid_from, coalesce(valid_until, 0),
		emergency, provisioned_by, coalesce(left_at, 0), mail FROM people`+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("listing people: %w", err)
	}
	held, err := list(ctx, t, func(rows *sql.Rows) (h heldRole, err error) {
		return h, rows.Scan(&h.person, &h.role, &h.source)
	}, `SELECT person, role, source FROM person_roles`)
	if err != nil {
		return nil, fmt.Errorf("reading roles: %w", err)
	}
	of := map[PersonID][]heldRole{}
	for _, h := range held {
		of[h.person] = append(of[h.person], h)
	}
	for i := range out {
		out[i].Roles, out[i].LocalRoles = split(of[out[i].ID])
	}
	return out, nil
}

// heldRole is a role of somebody's, and why they hold it.
type heldRole struct {
	person PersonID
	role   Role
	source string
}

// split gives all roles, and those that were given here, in the order of Roles.
func split(held []heldRole) (all, local []Role) {
	for _, r := range Roles() {
		for _, h := range held {
			if h.role != r {
				continue
			}
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
			if h.source == sourceLocal {
				local = append(local, r)
			}
		}
	}
	return all, local
}

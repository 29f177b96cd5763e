package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// DirectoryMail is an e-mail address of somebody's, as the directory says it.
type DirectoryMail struct {
	Value   string `json:"value"`
	Type    string `json:"type,omitempty"`
	Primary bool   `json:"primary,omitempty"`
}

// DirectoryUser is a person as the directory knows them (RFC 7643 section 4.1). UserName in lower case is the login.
type DirectoryUser struct {
	ID         PersonID        `json:"-"`
	UserName   string          `json:"user_name"`
	ExternalID string          `json:"-"`
	Display    string          `json:"display,omitempty"`
	Formatted  string          `json:"formatted,omitempty"`
	Given      string          `json:"given,omitempty"`
	Family     string          `json:"family,omitempty"`
	Mails      []DirectoryMail `json:"mails,omitempty"`
	Active     bool            `json:"-"`
	CreatedAt  Time            `json:"-"`
	ChangedAt  Time            `json:"-"`
	Groups     []GroupName     `json:"-"` // read only: follows from the groups
}

// GroupName names a group that somebody is in.
type GroupName struct {
	ID   GroupID
	Name string
}

const (
	maxDirectoryText = 120 // characters of a name
	maxExternalID    = 200 // characters
	maxMails         = 10  // of one person
)

// Name is what others see of the person: the first that there is of display name, whole name, its parts, user name.
func (u DirectoryUser) Name() string {
	for _, name := range []string{u.Display, u.Formatted, strings.TrimSpace(u.Given + " " + u.Family)} {
		if name != "" {
			return name
		}
	}
	return u.UserName
}

func (u DirectoryUser) login() string { return strings.ToLower(u.UserName) }

func (u DirectoryUser) check() error {
	if !loginShape.MatchString(u.login()) {
		return say(ErrInvalid, "userName must have 2 to 64 letters, digits, dots, hyphens, underscores or @.")
	}
	for _, text := range []string{u.Display, u.Formatted, u.Given, u.Family, u.Name()} {
		if text != "" && !isLine(text, maxDirectoryText) {
			return say(ErrInvalid, "A name must be one line of at most 120 characters.")
		}
	}
	if u.ExternalID != "" && !isLine(u.ExternalID, maxExternalID) {
		return say(ErrInvalid, "externalId must be one line of at most 200 characters.")
	}
	if len(u.Mails) > maxMails {
		return say(ErrInvalid, "At most 10 e-mail addresses are kept.")
	}
	for _, m := range u.Mails {
		if !isLine(m.Value, 254) || m.Type != "" && !isLine(m.Type, 40) {
			return say(ErrInvalid, "An e-mail address must be one line of at most 254 characters.")
		}
	}
	return nil
}

// DirectoryQuery narrows what a directory asks for: at most one of its fields is set, and compared as SCIM does.
type DirectoryQuery struct {
	Name       string   // userName of a user, displayName of a group; in any case
	ExternalID string   // exactly
	Member     PersonID // of a group
	Bare       bool     // groups without their members
}

// theirs is which people a directory knows: not the emergency accounts, and not whom it deleted.
const theirs = ` WHERE NOT p.emergency AND p.left_at IS NULL`

// DirectoryUsers lists the people that a directory may know of, by login, or those that a query names. Errors: ErrDenied.
func (v *Vault) DirectoryUsers(ctx context.Context, a Actor, q DirectoryQuery) (out []DirectoryUser, err error) {
	err = v.do(ctx, a, actScimRead, object{Kind: "person"}, func(t *tx) error {
		switch {
		case q.Name != "":
			out, err = t.directoryUsers(ctx, ` AND p.login = $1`, askable(strings.ToLower(q.Name)))
		case q.ExternalID != "":
			out, err = t.directoryUsers(ctx, ` AND p.external_id = $1`, askable(q.ExternalID))
		default:
			out, err = t.directoryUsers(ctx, "")
		}
		t.detail("found", fmt.Sprint(len(out)))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// askable is a text that a database takes; another is nobody's.
func askable(s string) string {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return "\x01"
	}
	return s
}

// DirectoryUser reads one person. Errors: ErrNotFound, ErrDenied.
func (v *Vault) DirectoryUser(ctx context.Context, a Actor, id PersonID) (u DirectoryUser, err error) {
	err = v.do(ctx, a, actScimRead, onPerson(id), func(t *tx) error {
		u, err = t.directoryUser(ctx, id)
		return err
	})
	if err != nil {
		return DirectoryUser{}, err
	}
	return u, nil
}

func (t *tx) directoryUser(ctx context.Context, id PersonID) (DirectoryUser, error) {
	found, err := t.directoryUsers(ctx, ` AND p.id = $1`, string(id))
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return DirectoryUser{}, err
	}
	return found[0], nil
}

func (t *tx) directoryUsers(ctx context.Context, and string, args ...any) ([]DirectoryUser, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (u DirectoryUser, err error) {
		var login, name, more string
		var disabled bool
		if err := rows.Scan(&u.ID, &login, &name, &u.ExternalID, &more, &disabled, &u.CreatedAt, &u.ChangedAt); err != nil {
			return u, err
		}
		if err := json.Unmarshal([]byte(more), &u); err != nil {
			return u, fmt.Errorf("reading what the directory said: %w", ErrIntegrity)
		}
		if !strings.EqualFold(u.UserName, login) { // changed here since
			u.UserName = login
		}
		if u.Name() != name {
			u.Display = name
		}
		u.Active = !disabled
		return u, nil
	}, `SELECT p.id, p.login, p.name, p.external_id, p.directory, p.disabled_at IS NOT NULL, p.created_at,
		CASE WHEN p.changed_at = 0 THEN p.created_at ELSE p.changed_at END FROM people p`+theirs+and+` ORDER BY p.login`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading people: %w", err)
	}
	groups, err := list(ctx, t, func(rows *sql.Rows) (m membership, err error) {
		return m, rows.Scan(&m.person, &m.group.ID, &m.group.Name)
	}, `SELECT m.person, g.id, g.name FROM scim_members m JOIN scim_groups g ON g.id = m.group_id
		JOIN people p ON p.id = m.person`+theirs+and+` ORDER BY g.name_folded`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading groups: %w", err)
	}
	of := map[PersonID][]GroupName{}
	for _, m := range groups {
		of[m.person] = append(of[m.person], m.group)
	}
	for i := range out {
		out[i].Groups = of[out[i].ID]
	}
	return out, nil
}

type membership struct {
	person PersonID
	group  GroupName
}

// AddDirectoryUser brings a person in. They have no password, and the roles that their groups will mean. Errors:
// ErrInvalid, ErrConflict when the user name or external ID is somebody's, ErrDenied.
func (v *Vault) AddDirectoryUser(ctx context.Context, a Actor, u DirectoryUser) (out DirectoryUser, err error) {
	id := PersonID(newID())
	err = v.do(ctx, a, actScimAddUser, onPerson(id), func(t *tx) error {
		if err := u.check(); err != nil {
			return err
		}
		if err := t.freeExternalID(ctx, id, u.ExternalID); err != nil {
			return err
		}
		off := sql.NullInt64{Int64: t.now, Valid: !u.Active}
		res, err := t.ExecContext(ctx, `INSERT INTO people (id, login, name, password_hash, created_at, changed_at, disabled_at, disabled_by,
			external_id, provisioned_by, directory) VALUES ($1, $2, $3, '', $4, $4, $5, 'scim', $6, $7, $8) ON CONFLICT (login) DO NOTHING`,
			id, u.login(), u.Name(), t.now, off, u.ExternalID, provisionedBy(a), u.more())
		if err := oneRow(res, err, errUserName); err != nil {
			return fmt.Errorf("adding person: %w", err)
		}
		if err := t.mailTo(ctx, id, u.Mails); err != nil {
			return err
		}
		out, err = t.directoryUser(ctx, id)
		return err
	})
	if err != nil {
		return DirectoryUser{}, err
	}
	return out, nil
}

var errUserName = say(ErrConflict, "This userName is somebody's already.")

func provisionedBy(a Actor) string { return sourceSCIM + ":" + string(a.client) }

// more is what else the directory says, as its column keeps it.
func (u DirectoryUser) more() string {
	text, _ := json.Marshal(u) // strings and booleans: cannot fail
	return string(text)
}

// freeExternalID refuses an external ID that is somebody else's: sign-in at the hospital's provider finds people by it.
func (t *tx) freeExternalID(ctx context.Context, id PersonID, external string) error {
	if external == "" {
		return nil
	}
	var n int64
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM people WHERE external_id = $1 AND id <> $2 AND left_at IS NULL`, external, id).Scan(&n)
	if err == nil && n > 0 {
		err = say(ErrConflict, "This externalId is somebody's already.")
	}
	return err
}

// ChangeDirectoryUser changes a person to what change makes of them, in one step: when change answers an error nothing
// was done, and it may run more than once. Somebody who becomes inactive is put out at once. Whom an administrator here
// disabled stays so. Errors: those of change, ErrInvalid, ErrNotFound, ErrConflict, ErrDenied.
func (v *Vault) ChangeDirectoryUser(ctx context.Context, a Actor, id PersonID, change func(DirectoryUser) (DirectoryUser, error)) (out DirectoryUser, err error) {
	err = v.do(ctx, a, actScimUser, onPerson(id), func(t *tx) error {
		was, err := t.directoryUser(ctx, id)
		if err != nil {
			return err
		}
		is, err := change(was)
		if err != nil {
			return err
		}
		if err := t.saveDirectoryUser(ctx, a, was, is); err != nil {
			return err
		}
		out, err = t.directoryUser(ctx, id)
		return err
	})
	if err != nil {
		return DirectoryUser{}, err
	}
	return out, nil
}

func (t *tx) saveDirectoryUser(ctx context.Context, a Actor, was, is DirectoryUser) error {
	if err := is.check(); err != nil {
		return err
	}
	if err := t.freeExternalID(ctx, was.ID, is.ExternalID); err != nil {
		return err
	}
	var others int64
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM people WHERE login = $1 AND id <> $2`, is.login(), was.ID).Scan(&others)
	if err == nil && others > 0 {
		err = errUserName
	}
	if err == nil {
		is, err = t.keepsIdentity(ctx, was, is)
	}
	if err != nil {
		return err
	}
	err = exactlyOne(ctx, t, "changing person", `UPDATE people SET login = $1, name = $2, external_id = $3, directory = $4,
		provisioned_by = $5, changed_at = $6 WHERE id = $7`, is.login(), is.Name(), is.ExternalID, is.more(), provisionedBy(a), t.now, was.ID)
	if err != nil {
		return err
	}
	if err := t.mailTo(ctx, was.ID, is.Mails); err != nil {
		return err
	}
	switch {
	case was.Active && !is.Active:
		t.detail("active", "no")
		return t.leave(ctx, was.ID, sourceSCIM)
	case !was.Active && is.Active:
		res, err := t.ExecContext(ctx, `UPDATE people SET disabled_at = NULL WHERE id = $1 AND disabled_by = 'scim'`, was.ID)
		if err != nil {
			return fmt.Errorf("enabling person: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("enabling person: %w", err)
		}
		t.detail("active", yesNo(n == 1)) // not when an administrator here said no
		_, err = t.regroup(ctx, was.ID)
		return err
	}
	return nil
}

// mailTo has notices go to the primary address, or the first. One that is no plain address is told to the directory as it
// came, and not written to.
func (t *tx) mailTo(ctx context.Context, id PersonID, mails []DirectoryMail) error {
	if len(mails) == 0 {
		return nil // an administrator may have said where
	}
	to := mails[0].Value
	for _, m := range mails {
		if m.Primary {
			to = m.Value
		}
	}
	err := t.setMail(ctx, id, to)
	if errors.Is(err, ErrInvalid) {
		err = t.setMail(ctx, id, "")
	}
	return err
}

// DropDirectoryUser takes a person out for good: they are put out, their roles and ties end, their login is free for
// another. What they did stays under their ID and name. check may refuse, with the person as they are. Errors: those of
// check, ErrNotFound, ErrDenied.
func (v *Vault) DropDirectoryUser(ctx context.Context, a Actor, id PersonID, check func(DirectoryUser) error) error {
	return v.do(ctx, a, actScimDropUser, onPerson(id), func(t *tx) error {
		was, err := t.directoryUser(ctx, id)
		if err != nil {
			return err
		}
		if err := check(was); err != nil {
			return err
		}
		if err := t.leave(ctx, id, sourceSCIM); err != nil {
			return err
		}
		return t.changes(ctx, "taking person out",
			change{`UPDATE people SET left_at = $1, login = 'left-' || lower(id), external_id = '', mail = '' WHERE id = $2`, []any{t.now, id}},
			change{`DELETE FROM scim_members WHERE person = $1`, []any{id}},
			change{`DELETE FROM person_roles WHERE person = $1`, []any{id}})
	})
}

package vault

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// DirectoryGroup is a group of the directory (RFC 7643 section 4.2). What it means here the group map says.
type DirectoryGroup struct {
	ID         GroupID
	Name       string // displayName, 1 to 200 characters; unique in any case
	ExternalID string
	Members    []DirectoryMember
	CreatedAt  Time
	ChangedAt  Time
}

// DirectoryMember is somebody in a group.
type DirectoryMember struct {
	ID   PersonID
	Name string // read only
}

// maxMembers bounds a group.
const maxMembers = 10_000

func (g *DirectoryGroup) check() error {
	if !isLine(g.Name, 200) || g.ExternalID != "" && !isLine(g.ExternalID, maxExternalID) {
		return say(ErrInvalid, "displayName and externalId must be one line of at most 200 characters; displayName must not be empty.")
	}
	if len(g.Members) > maxMembers {
		return say(ErrInvalid, "A group has at most 10000 members.")
	}
	return nil
}

// DirectoryGroups lists the groups, by name, or those that a query names. Errors: ErrDenied.
func (v *Vault) DirectoryGroups(ctx context.Context, a Actor, q DirectoryQuery) (out []DirectoryGroup, err error) {
	err = v.do(ctx, a, actScimRead, object{Kind: "group"}, func(t *tx) error {
		switch {
		case q.Name != "":
			out, err = t.directoryGroups(ctx, q.Bare, ` WHERE g.name_folded = $1`, askable(strings.ToLower(q.Name)))
		case q.ExternalID != "":
			out, err = t.directoryGroups(ctx, q.Bare, ` WHERE g.external_id = $1`, askable(q.ExternalID))
		case q.Member != "":
			out, err = t.directoryGroups(ctx, q.Bare, ` WHERE EXISTS (SELECT 1 FROM scim_members o WHERE o.group_id = g.id AND o.person = $1)`,
				askable(string(q.Member)))
		default:
			out, err = t.directoryGroups(ctx, q.Bare, "")
		}
		t.detail("found", fmt.Sprint(len(out)))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DirectoryGroup reads one group. Errors: ErrNotFound, ErrDenied.
func (v *Vault) DirectoryGroup(ctx context.Context, a Actor, id GroupID) (g DirectoryGroup, err error) {
	err = v.do(ctx, a, actScimRead, onGroup(id), func(t *tx) error {
		g, err = t.directoryGroup(ctx, id)
		return err
	})
	if err != nil {
		return DirectoryGroup{}, err
	}
	return g, nil
}

func onGroup(id GroupID) object { return object{Kind: "group", ID: string(id)} }

func (t *tx) directoryGroup(ctx context.Context, id GroupID) (DirectoryGroup, error) {
	found, err := t.directoryGroups(ctx, false, ` WHERE g.id = $1`, string(id))
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return DirectoryGroup{}, err
	}
	return found[0], nil
}

func (t *tx) directoryGroups(ctx context.Context, bare bool, where string, args ...any) ([]DirectoryGroup, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (g DirectoryGroup, err error) {
		return g, rows.Scan(&g.ID, &g.Name, &g.ExternalID, &g.CreatedAt, &g.ChangedAt)
	}, `SELECT g.id, g.name, g.external_id, g.created_at, g.changed_at FROM scim_groups g`+where+` ORDER BY g.name_folded`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading groups: %w", err)
	}
	if bare || len(out) == 0 {
		return out, nil
	}
	type in struct {
		group GroupID
		DirectoryMember
	}
	members, err := list(ctx, t, func(rows *sql.Rows) (m in, err error) { return m, rows.Scan(&m.group, &m.ID, &m.Name) },
		`SELECT g.id, p.id, p.name FROM scim_groups g JOIN scim_members m ON m.group_id = g.id
		JOIN people p ON p.id = m.person`+where+` ORDER BY p.id`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading members: %w", err)
	}
	of := map[GroupID][]DirectoryMember{}
	for _, m := range members {
		of[m.group] = append(of[m.group], m.DirectoryMember)
	}
	for i := range out {
		out[i].Members = of[out[i].ID]
	}
	return out, nil
}

// AddDirectoryGroup brings a group in, with its members. Errors: ErrInvalid also for members that are nobody,
// ErrConflict when there is a group of this name, ErrDenied.
func (v *Vault) AddDirectoryGroup(ctx context.Context, a Actor, g DirectoryGroup) (out DirectoryGroup, err error) {
	id := GroupID(newID())
	err = v.do(ctx, a, actScimAddGroup, onGroup(id), func(t *tx) error {
		if err := g.check(); err != nil {
			return err
		}
		res, err := t.ExecContext(ctx, `INSERT INTO scim_groups (id, name, name_folded, external_id, created_at, changed_at)
			VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING`, id, g.Name, strings.ToLower(g.Name), g.ExternalID, t.now)
		if err := oneRow(res, err, errGroupName); err != nil {
			return fmt.Errorf("adding group: %w", err)
		}
		if err := t.moveMembers(ctx, id, nil, g.Members, false); err != nil {
			return err
		}
		out, err = t.directoryGroup(ctx, id)
		return err
	})
	if err != nil {
		return DirectoryGroup{}, err
	}
	return out, nil
}

var errGroupName = say(ErrConflict, "There is a group of this displayName already.")

// ChangeDirectoryGroup changes a group to what change makes of it, in one step, as ChangeDirectoryUser does. Whoever
// holds less for it is put out of all they have open. Errors: those of change, ErrInvalid, ErrNotFound, ErrConflict,
// ErrDenied.
func (v *Vault) ChangeDirectoryGroup(ctx context.Context, a Actor, id GroupID, change func(DirectoryGroup) (DirectoryGroup, error)) (out DirectoryGroup, err error) {
	err = v.do(ctx, a, actScimGroup, onGroup(id), func(t *tx) error {
		was, err := t.directoryGroup(ctx, id)
		if err != nil {
			return err
		}
		is, err := change(was)
		if err != nil {
			return err
		}
		if err := is.check(); err != nil {
			return err
		}
		var others int64
		err = t.QueryRowContext(ctx, `SELECT count(*) FROM scim_groups WHERE name_folded = $1 AND id <> $2`, strings.ToLower(is.Name), id).Scan(&others)
		if err == nil && others > 0 {
			err = errGroupName
		}
		if err != nil {
			return err
		}
		err = exactlyOne(ctx, t, "changing group", `UPDATE scim_groups SET name = $1, name_folded = $2, external_id = $3, changed_at = $4
			WHERE id = $5`, is.Name, strings.ToLower(is.Name), is.ExternalID, t.now, id)
		if err != nil {
			return err
		}
		if err := t.moveMembers(ctx, id, was.Members, is.Members, !strings.EqualFold(was.Name, is.Name)); err != nil {
			return err
		}
		out, err = t.directoryGroup(ctx, id)
		return err
	})
	if err != nil {
		return DirectoryGroup{}, err
	}
	return out, nil
}

// moveMembers makes is the members of a group, and has the groups of all whom that touches decide anew: all members when
// the group was renamed.
func (t *tx) moveMembers(ctx context.Context, id GroupID, was, is []DirectoryMember, renamed bool) error {
	before, after := memberIDs(was), memberIDs(is)
	out, in := lost(before, after), lost(after, before)
	for _, who := range out {
		if _, err := t.ExecContext(ctx, `DELETE FROM scim_members WHERE group_id = $1 AND person = $2`, id, who); err != nil {
			return fmt.Errorf("taking member: %w", err)
		}
	}
	for _, who := range in {
		res, err := t.ExecContext(ctx, `INSERT INTO scim_members (group_id, person) SELECT $1, p.id FROM people p`+theirs+` AND p.id = $2`,
			id, askable(string(who)))
		if err := oneRow(res, err, say(ErrInvalid, "A member is nobody here: members are users that were brought in before, by their id.")); err != nil {
			return fmt.Errorf("adding member: %w", err)
		}
	}
	t.detail("joined", fmt.Sprint(len(in)))
	t.detail("left", fmt.Sprint(len(out)))
	touched := slices.Concat(out, in)
	if renamed {
		touched = slices.Concat(out, after)
	}
	for _, who := range touched {
		if _, err := t.regroup(ctx, who); err != nil {
			return err
		}
	}
	return nil
}

// memberIDs are who is in a group, each once, in a fixed order.
func memberIDs(members []DirectoryMember) []PersonID {
	ids := make([]PersonID, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// DropDirectoryGroup takes a group away. check may refuse, with the group as it is. Errors: those of check, ErrNotFound,
// ErrDenied.
func (v *Vault) DropDirectoryGroup(ctx context.Context, a Actor, id GroupID, check func(DirectoryGroup) error) error {
	return v.do(ctx, a, actScimDropGroup, onGroup(id), func(t *tx) error {
		was, err := t.directoryGroup(ctx, id)
		if err != nil {
			return err
		}
		if err := check(was); err != nil {
			return err
		}
		if err := t.moveMembers(ctx, id, was.Members, nil, false); err != nil {
			return err
		}
		return exactlyOne(ctx, t, "dropping group", `DELETE FROM scim_groups WHERE id = $1`, id)
	})
}

package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MappedGroup says what a group of the directory, or of a claim at sign-in, means here.
type MappedGroup struct {
	ID        string `json:"id"`
	Name      string `json:"name"`  // as the directory calls it, 1 to 200 characters; in any case
	Roles     []Role `json:"roles"` // may be empty
	Team      string `json:"team"`  // name or external ID of a team; may be empty
	ChangedAt Time   `json:"changed_at"`
	Members   int    `json:"members"` // how many the directory has in it
}

// GroupMap lists what groups mean, by name, and the directory's groups that mean nothing yet: those have no ID.
// Errors: ErrDenied.
func (v *Vault) GroupMap(ctx context.Context, a Actor) (out []MappedGroup, err error) {
	err = v.do(ctx, a, actGroupMap, object{Kind: "group_map"}, func(t *tx) error {
		out, err = t.groupMap(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *tx) groupMap(ctx context.Context) ([]MappedGroup, error) {
	out, err := readGroupMap(ctx, t)
	if err != nil {
		return nil, err
	}
	came, err := list(ctx, t, func(rows *sql.Rows) (m MappedGroup, err error) { return m, rows.Scan(&m.Name, &m.Members) },
		`SELECT g.name, (SELECT count(*) FROM scim_members m WHERE m.group_id = g.id) FROM scim_groups g ORDER BY g.name_folded`)
	if err != nil {
		return nil, fmt.Errorf("reading groups: %w", err)
	}
	for _, g := range came {
		at := slices.IndexFunc(out, func(m MappedGroup) bool { return strings.EqualFold(m.Name, g.Name) })
		if at < 0 {
			out = append(out, g)
		} else {
			out[at].Members = g.Members
		}
	}
	return out, nil
}

func readGroupMap(ctx context.Context, q querier) ([]MappedGroup, error) {
	out, err := list(ctx, q, func(rows *sql.Rows) (m MappedGroup, err error) {
		var roles string
		err = rows.Scan(&m.ID, &m.Name, &roles, &m.Team, &m.ChangedAt)
		for r := range strings.SplitSeq(roles, ",") {
			if Role(r).valid() {
				m.Roles = append(m.Roles, Role(r))
			}
		}
		return m, err
	}, `SELECT id, name, roles, team, changed_at FROM group_map ORDER BY name_folded`)
	if err != nil {
		return nil, fmt.Errorf("reading the group map: %w", err)
	}
	return out, nil
}

// SetGroup says what a group means from now on, for all who are in it already: whoever holds less than before is put
// out of all they have open. Errors: ErrInvalid, ErrDenied; a group that the admin is in cannot be given a role.
func (v *Vault) SetGroup(ctx context.Context, a Actor, m MappedGroup) error {
	return v.do(ctx, a, actSetGroupMap, object{Kind: "group_map"}, func(t *tx) error {
		if !isLine(m.Name, 200) || m.Team != "" && !isLine(m.Team, 120) || slices.ContainsFunc(m.Roles, func(r Role) bool { return !r.valid() }) {
			return say(ErrInvalid, "A group needs a name, and roles that there are.")
		}
		_, err := t.ExecContext(ctx, `INSERT INTO group_map (id, name, name_folded, roles, team, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (name_folded) DO UPDATE SET name = excluded.name, roles = excluded.roles, team = excluded.team, changed_at = excluded.changed_at`,
			newID(), m.Name, strings.ToLower(m.Name), joinRoles(m.Roles), m.Team, t.now)
		if err != nil {
			return fmt.Errorf("changing the group map: %w", err)
		}
		t.detail("roles", joinRoles(m.Roles))
		return t.remap(ctx, a, m.Name)
	})
}

// DropGroup has a group mean nothing any more. Errors: ErrNotFound, ErrDenied.
func (v *Vault) DropGroup(ctx context.Context, a Actor, name string) error {
	return v.do(ctx, a, actSetGroupMap, object{Kind: "group_map"}, func(t *tx) error {
		res, err := t.ExecContext(ctx, `DELETE FROM group_map WHERE name_folded = $1`, strings.ToLower(name))
		if err := oneRow(res, err, ErrNotFound); err != nil {
			return fmt.Errorf("changing the group map: %w", err)
		}
		t.detail("roles", "")
		return t.remap(ctx, a, name)
	})
}

// remap has a changed line of the map reach all who are in the group.
func (t *tx) remap(ctx context.Context, a Actor, group string) error {
	members, err := list(ctx, t, func(rows *sql.Rows) (id PersonID, err error) { return id, rows.Scan(&id) },
		`SELECT m.person FROM scim_members m JOIN scim_groups g ON g.id = m.group_id WHERE g.name_folded = $1 ORDER BY m.person`,
		strings.ToLower(group))
	if err != nil {
		return fmt.Errorf("reading members: %w", err)
	}
	for _, id := range members {
		gained, err := t.regroup(ctx, id)
		if err != nil {
			return err
		}
		if gained && a.kind == byPerson && a.person == id {
			return fmt.Errorf("giving oneself a role: %w", say(ErrDenied, "You are in this group. Another administrator has to give it a role."))
		}
	}
	if err := t.unmapSignIn(ctx); err != nil {
		return err
	}
	return t.keepsAdmin(ctx, a)
}

// mapGroups is what groups mean here together, by the map; a group that nobody mapped means nothing.
func mapGroups(ctx context.Context, q querier, groups []string) (roles []Role, teams []string, err error) {
	known, err := readGroupMap(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	in := map[string]bool{}
	for _, g := range groups {
		in[strings.ToLower(g)] = true
	}
	for _, m := range known {
		if !in[strings.ToLower(m.Name)] {
			continue
		}
		roles = append(roles, m.Roles...)
		if m.Team != "" {
			teams = append(teams, m.Team)
		}
	}
	slices.Sort(roles)
	slices.Sort(teams)
	return slices.Compact(roles), slices.Compact(teams), nil
}

// regroup has the directory's groups that a person is in now decide which roles and teams they hold because of them.
// Who holds less than before is put out of all they have open. gained tells whether they hold a role more.
func (t *tx) regroup(ctx context.Context, id PersonID) (gained bool, err error) {
	groups, err := list(ctx, t, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) },
		`SELECT g.name FROM scim_groups g JOIN scim_members m ON m.group_id = g.id WHERE m.person = $1`, id)
	if err != nil {
		return false, fmt.Errorf("reading groups: %w", err)
	}
	roles, teams, err := mapGroups(ctx, t, groups)
	if err != nil {
		return false, err
	}
	before, err := rolesOf(ctx, t, id)
	if err != nil {
		return false, err
	}
	if err := setRoles(ctx, t, id, sourceSCIM, roles); err != nil {
		return false, err
	}
	after, err := rolesOf(ctx, t, id)
	if err != nil {
		return false, err
	}
	err = holds(ctx, t, `SELECT count(*) FROM people WHERE id = $1 AND disabled_at IS NULL AND (valid_until IS NULL OR valid_until > $2)`, id, t.now)
	if errors.Is(err, ErrNotFound) {
		teams, err = nil, nil // who is gone treats nobody; who is still to come finds their teams
	}
	if err != nil {
		return false, err
	}
	fewer, err := t.moveTeams(ctx, id, teams)
	if err != nil {
		return false, err
	}
	if fewer || len(lost(before, after)) > 0 {
		err = t.cut(ctx, id, "group")
	}
	return len(lost(after, before)) > 0, err
}

// moveTeams puts a person into the teams that the directory's groups mean, and says whether they left one.
func (t *tx) moveTeams(ctx context.Context, id PersonID, teams []string) (fewer bool, err error) {
	const mine = `SELECT DISTINCT team FROM team_members WHERE person = $1 AND source = 'scim' AND (ended_at IS NULL OR ended_at > $2)`
	before, err := list(ctx, t, scanOne[TeamID], mine, id, t.now)
	if err != nil {
		return false, fmt.Errorf("reading memberships: %w", err)
	}
	if err := setTeams(ctx, t, id, sourceSCIM, teams); err != nil {
		return false, err
	}
	after, err := list(ctx, t, scanOne[TeamID], mine, id, t.now)
	if err != nil {
		return false, fmt.Errorf("reading memberships: %w", err)
	}
	return len(lost(before, after)) > 0, nil
}

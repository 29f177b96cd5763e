package vault

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// unmapSignIn takes from people what a group of the provider's gave them at sign-in, and no line of the group map gives
// any more. Which groups they were in is not kept: what another line still gives stays until they sign in again.
func (t *tx) unmapSignIn(ctx context.Context) error {
	lines, err := readGroupMap(ctx, t)
	if err != nil {
		return err
	}
	var roles []Role
	var teams []TeamID
	for _, m := range lines {
		roles = append(roles, m.Roles...)
		if id, err := t.findTeam(ctx, m.Team); err == nil {
			teams = append(teams, id)
		} else if !isRefusal(err) {
			return err
		}
	}
	less := map[PersonID]bool{}
	held, err := list(ctx, t, func(rows *sql.Rows) (h heldRole, err error) { return h, rows.Scan(&h.person, &h.role) },
		`SELECT person, role FROM person_roles WHERE source = 'oidc' ORDER BY person`)
	if err != nil {
		return fmt.Errorf("reading roles: %w", err)
	}
	for _, h := range held {
		if slices.Contains(roles, h.role) {
			continue
		}
		_, err := t.ExecContext(ctx, `DELETE FROM person_roles WHERE person = $1 AND source = 'oidc' AND role = $2`, h.person, string(h.role))
		if err != nil {
			return fmt.Errorf("taking role: %w", err)
		}
		less[h.person] = true
	}
	in, err := list(ctx, t, func(rows *sql.Rows) (m membershipOf, err error) { return m, rows.Scan(&m.person, &m.team) },
		`SELECT DISTINCT person, team FROM team_members WHERE source = 'oidc' AND (ended_at IS NULL OR ended_at > $1) ORDER BY person, team`, t.now)
	if err != nil {
		return fmt.Errorf("reading memberships: %w", err)
	}
	for _, m := range in {
		if slices.Contains(teams, m.team) {
			continue
		}
		if err := t.leaveTeam(ctx, m.team, m.person, sourceOIDC); err != nil {
			return err
		}
		less[m.person] = true
	}
	return t.cutAll(ctx, less)
}

// membershipOf is somebody in a team.
type membershipOf struct {
	person PersonID
	team   TeamID
}

// cutAll puts people out of all they have open, in one order, so that two such acts do not wait for each other.
func (t *tx) cutAll(ctx context.Context, people map[PersonID]bool) error {
	var ids []PersonID
	for id := range people {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := t.cut(ctx, id, "group"); err != nil {
			return err
		}
	}
	return nil
}

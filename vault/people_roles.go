package vault

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// Why somebody holds a role, or is in a team.
const (
	sourceLocal = "local" // given here
	sourceSCIM  = "scim"  // follows from a group of the directory
	sourceOIDC  = "oidc"  // follows from a claim at sign-in
)

// SetRoles gives a person exactly these roles of those that are given here; what a directory or a sign-in gives them
// stays. No role at all is allowed. When they hold fewer than before, they are put out of all they have open. Admins
// cannot give themselves a role. Errors: ErrInvalid, ErrNotFound, ErrConflict when nobody would be left who can
// administer, ErrDenied.
func (v *Vault) SetRoles(ctx context.Context, a Actor, login string, roles []Role) error {
	return v.onLogin(ctx, a, actSetRoles, login, func(t *tx, id PersonID) error {
		if slices.ContainsFunc(roles, func(r Role) bool { return !r.valid() }) {
			return say(ErrInvalid, "The roles are clinician, reviewer, records, privacy, admin.")
		}
		before, err := rolesOf(ctx, t, id)
		if err != nil {
			return err
		}
		if err := setRoles(ctx, t, id, sourceLocal, roles); err != nil {
			return err
		}
		after, err := rolesOf(ctx, t, id)
		if err != nil {
			return err
		}
		if a.kind == byPerson && a.person == id && len(lost(after, before)) > 0 {
			return fmt.Errorf("giving oneself a role: %w", say(ErrDenied, "Another administrator has to give you a role."))
		}
		if _, err := t.ExecContext(ctx, `UPDATE people SET changed_at = $1 WHERE id = $2`, t.now, id); err != nil {
			return fmt.Errorf("changing person: %w", err)
		}
		t.detail("roles", joinRoles(after))
		if len(lost(before, after)) > 0 {
			if err := putOut(ctx, t, id); err != nil {
				return err
			}
		}
		return t.keepsAdmin(ctx, a)
	})
}

// setRoles makes roles the ones that a person holds because of source. What they hold for other reasons stays.
func setRoles(ctx context.Context, t *tx, id PersonID, source string, roles []Role) error {
	held, err := list(ctx, t, scanOne[Role], `SELECT role FROM person_roles WHERE person = $1 AND source = $2`, id, source)
	if err != nil {
		return fmt.Errorf("reading roles: %w", err)
	}
	for _, r := range lost(held, roles) {
		if _, err := t.ExecContext(ctx, `DELETE FROM person_roles WHERE person = $1 AND source = $2 AND role = $3`, id, source, string(r)); err != nil {
			return fmt.Errorf("taking role: %w", err)
		}
	}
	for _, r := range lost(roles, held) {
		if _, err := t.ExecContext(ctx, `INSERT INTO person_roles (person, role, source, since) VALUES ($1, $2, $3, $4)
			ON CONFLICT (person, role, source) DO NOTHING`, id, string(r), source, t.now); err != nil {
			return fmt.Errorf("giving role: %w", err)
		}
	}
	return nil
}

// lost are the ones of before that are not in after.
func lost[T comparable](before, after []T) []T {
	return slices.DeleteFunc(slices.Clone(before), func(one T) bool { return slices.Contains(after, one) })
}

// Terms are from when until when somebody may sign in (a locum's dates), and whether they may although the hospital's
// provider is the only way. Zero times set no bound; ValidUntil itself is out.
type Terms struct {
	ValidFrom, ValidUntil Time
	Emergency             bool
}

// SetTerms sets a person's terms. An end that has come puts them out at once. Errors: ErrInvalid, ErrNotFound,
// ErrConflict when nobody would be left who can administer, ErrDenied; admins cannot make their own an emergency account.
func (v *Vault) SetTerms(ctx context.Context, a Actor, login string, terms Terms) error {
	return v.onLogin(ctx, a, actSetTerms, login, func(t *tx, id PersonID) error {
		if terms.ValidFrom < 0 || terms.ValidUntil < 0 || terms.ValidUntil != 0 && terms.ValidUntil <= terms.ValidFrom {
			return say(ErrInvalid, "The last day must not come before the first.")
		}
		var was bool
		if err := t.QueryRowContext(ctx, `SELECT emergency FROM people WHERE id = $1`, id).Scan(&was); err != nil {
			return absent(err)
		}
		if terms.Emergency && !was && a.kind == byPerson && a.person == id {
			return fmt.Errorf("making one's own an emergency account: %w", say(ErrDenied, "Another administrator has to do this for you."))
		}
		until := sql.NullInt64{Int64: int64(terms.ValidUntil), Valid: terms.ValidUntil != 0}
		err := exactlyOne(ctx, t, "setting terms", `UPDATE people SET valid_from = $1, valid_until = $2, emergency = $3,
			changed_at = $4 WHERE id = $5`, terms.ValidFrom, until, terms.Emergency, t.now, id)
		if err != nil {
			return err
		}
		t.detail("from", terms.ValidFrom.String())
		t.detail("until", terms.ValidUntil.String())
		t.detail("emergency", yesNo(terms.Emergency))
		if err := t.fitTerms(ctx, id, terms); err != nil {
			return err
		}
		return t.keepsAdmin(ctx, a)
	})
}

// fitTerms has new terms take effect at once: whose time is over is gone, whose has not begun has nothing open, and who is
// back has again what the directory's groups mean.
func (t *tx) fitTerms(ctx context.Context, id PersonID, terms Terms) error {
	switch {
	case terms.ValidUntil != 0 && int64(terms.ValidUntil) <= t.now:
		return t.gone(ctx, id)
	case int64(terms.ValidFrom) > t.now:
		return putOut(ctx, t, id)
	}
	_, err := t.regroup(ctx, id)
	return err
}

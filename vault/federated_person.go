package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// expectFederated finds who a sign-in will be for, before the act, so that its event names them also when it is
// refused; a fresh ID for whoever has no account yet. What counts is looked up again in the act.
func (v *Vault) expectFederated(ctx context.Context, f Federated) (PersonID, error) {
	id, _, err := findFederated(ctx, v.db, f)
	if errors.Is(err, ErrNotFound) {
		return PersonID(newID()), nil
	}
	if err != nil {
		return "", dbError(err)
	}
	return id, nil
}

// findFederated finds the person behind a subject: the one it is linked to, else the one of that external ID, or of
// that login. A login alone, which people may change at some providers, finds nobody who was made an administrator or a
// privacy officer here. Whoever was deleted by the directory and brought in again is found anew; nobody else takes the place of
// one who left. Errors: ErrNotFound.
func findFederated(ctx context.Context, q querier, f Federated) (id PersonID, linked bool, err error) {
	var left bool
	err = q.QueryRowContext(ctx, `SELECT p.id, p.left_at IS NOT NULL FROM federated_links l JOIN people p ON p.id = l.person
		WHERE l.issuer = $1 AND l.subject = $2`, f.Issuer, f.Subject).Scan(&id, &left)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return unlinkedFederated(ctx, q, f)
	case err != nil || !left:
		return id, true, err
	}
	again, linked, err := unlinkedFederated(ctx, q, f)
	if errors.Is(err, ErrNotFound) {
		return id, true, nil
	}
	return again, linked, err
}

func unlinkedFederated(ctx context.Context, q querier, f Federated) (PersonID, bool, error) {
	if f.ByExternalID {
		if f.ExternalID == "" {
			return "", false, ErrNotFound
		}
		return oneFederated(ctx, q, `external_id = $1 AND external_id <> ''`, f.ExternalID)
	}
	if !loginShape.MatchString(f.Login) {
		return "", false, ErrNotFound
	}
	return oneFederated(ctx, q, `login = $1 AND NOT EXISTS (SELECT 1 FROM person_roles r WHERE r.person = people.id
		AND r.source = 'local' AND r.role IN ('admin', 'privacy'))`, f.Login)
}

// oneFederated finds the one person that a condition is true of; of two, none.
func oneFederated(ctx context.Context, q querier, where, value string) (PersonID, bool, error) {
	ids, err := list(ctx, q, func(rows *sql.Rows) (id PersonID, err error) { return id, rows.Scan(&id) },
		`SELECT id FROM people WHERE left_at IS NULL AND `+where+` LIMIT 2`, value)
	if err != nil {
		return "", false, fmt.Errorf("finding person: %w", err)
	}
	if len(ids) != 1 {
		return "", false, ErrNotFound
	}
	return ids[0], false, nil
}

// federatedAccount is the account behind a subject, linked to it and with the roles and teams of its groups; one that is
// made where that is allowed. expect is who the act's event names.
func (t *tx) federatedAccount(ctx context.Context, f Federated, expect PersonID) (who account, cut bool, err error) {
	id, linked, err := findFederated(ctx, t, f)
	made := errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !made:
		return account{}, false, fmt.Errorf("finding person: %w", err)
	case !made && id != expect:
		return account{}, false, fmt.Errorf("signing in by the provider: %w", ErrConflict)
	}
	roles, teams, err := mapGroups(ctx, t, f.Groups)
	if err != nil {
		return account{}, false, err
	}
	if made {
		if err := t.makeFederated(ctx, f, expect, roles); err != nil {
			return account{}, false, err
		}
	}
	who = account{id: expect}
	err = t.QueryRowContext(ctx, `SELECT p.name, p.password_hash, p.emergency, `+livePerson("p", "$2")+` FROM people p WHERE p.id = $1`,
		expect, t.now).Scan(&who.name, &who.hash, &who.emergency, &who.live)
	switch {
	case err != nil:
		return account{}, false, fmt.Errorf("reading account: %w", absent(err))
	case !who.live:
		return account{}, false, t.refusedFederated("not-live")
	case who.emergency:
		return account{}, false, t.refusedFederated("emergency")
	}
	if !linked {
		if err := t.linkFederated(ctx, f, expect); err != nil {
			return account{}, false, err
		}
	}
	if _, err := t.ExecContext(ctx, `UPDATE federated_links SET seen_at = $1 WHERE issuer = $2 AND subject = $3`,
		t.now, f.Issuer, f.Subject); err != nil {
		return account{}, false, fmt.Errorf("noting the sign-in: %w", err)
	}
	cut, err = t.regroupFederated(ctx, expect, roles, teams)
	return who, cut, err
}

// linkFederated ties a subject to a person who is tied to no other of that issuer.
func (t *tx) linkFederated(ctx context.Context, f Federated, id PersonID) error {
	if _, err := t.ExecContext(ctx, `DELETE FROM federated_links WHERE issuer = $1 AND subject = $2
		AND person IN (SELECT id FROM people WHERE left_at IS NOT NULL)`, f.Issuer, f.Subject); err != nil {
		return fmt.Errorf("forgetting a link: %w", err)
	}
	res, err := t.ExecContext(ctx, `INSERT INTO federated_links (issuer, subject, person, linked_at, seen_at)
		VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING`, f.Issuer, f.Subject, id, t.now)
	err = oneRow(res, err, ErrConflict)
	if errors.Is(err, ErrConflict) {
		return t.refusedFederated("claimed")
	}
	if err != nil {
		return fmt.Errorf("linking person: %w", err)
	}
	t.detail("linked", "yes")
	return nil
}

// makeFederated makes an account for somebody whom the provider signed in for the first time.
func (t *tx) makeFederated(ctx context.Context, f Federated, id PersonID, roles []Role) error {
	switch {
	case !f.Create:
		return t.refusedFederated("unknown-person")
	case !loginShape.MatchString(f.Login):
		return t.refusedFederated("login")
	case len(roles) == 0:
		return t.refusedFederated("no-role")
	}
	name := f.Name
	if !isLine(name, 120) {
		name = f.Login
	}
	external := f.ExternalID
	if !isLine(external, 200) {
		external = ""
	}
	res, err := t.ExecContext(ctx, `INSERT INTO people (id, login, name, password_hash, created_at, external_id, provisioned_by)
		VALUES ($1, $2, $3, '', $4, $5, 'oidc') ON CONFLICT (login) DO NOTHING`, id, f.Login, name, t.now, external)
	err = oneRow(res, err, ErrConflict)
	if errors.Is(err, ErrConflict) { // of that login, but not by it: found by external ID, or gone
		return t.refusedFederated("claimed")
	}
	if err != nil {
		return fmt.Errorf("adding person: %w", err)
	}
	e := t.entry
	e.Act, e.ObjectKind, e.Object, e.Outcome = string(actAddPerson), "person", string(id), outcomeOK
	e.Detail = map[string]string{"roles": joinRoles(roles), "by": "sign-in"}
	return t.event(ctx, e)
}

// regroupFederated gives the roles and teams that the groups mean, and takes those that they do not mean any more. Who
// holds less than before is put out of all they have open.
func (t *tx) regroupFederated(ctx context.Context, id PersonID, roles []Role, teams []string) (cut bool, err error) {
	before, err := rolesOf(ctx, t, id)
	if err != nil {
		return false, err
	}
	if err := setRoles(ctx, t, id, sourceOIDC, roles); err != nil {
		return false, err
	}
	after, err := rolesOf(ctx, t, id)
	if err != nil {
		return false, err
	}
	if !slices.Equal(before, after) {
		t.detail("roles", joinRoles(after))
	}
	if err := setTeams(ctx, t, id, sourceOIDC, teams); err != nil {
		return false, err
	}
	if len(lost(before, after)) > 0 {
		return true, t.cut(ctx, id, "sign-in")
	}
	return false, nil
}

package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// DelegationID names a delegation.
type DelegationID string

// Delegation lets another clinician treat whom the giver treats, between two times: for a night, a holiday, a locum's
// weeks. It ends sooner by either of them, by the privacy officer, and by leaving. What somebody holds by delegation, or
// by a broken glass, cannot be given on.
type Delegation struct {
	ID        DelegationID `json:"id"`
	Giver     PersonID     `json:"giver"`
	GiverName string       `json:"giver_name"`
	Taker     PersonID     `json:"taker"`
	TakerName string       `json:"taker_name"`
	StartsAt  Time         `json:"starts_at"`
	EndsAt    Time         `json:"ends_at"`
	MadeAt    Time         `json:"made_at"`
	EndedAt   Time         `json:"ended_at"` // sooner than EndsAt; zero otherwise
	State     string       `json:"state"`    // coming, lasting, over
}

const (
	maxDelegation  = 90 * 24 * time.Hour // of one delegation
	maxDelegations = 500                 // of one answer
)

var ownDelegation = scope{"those they gave or hold", func(ctx context.Context, t *tx, a Actor, on *object) error {
	return or(holds(ctx, t, `SELECT count(*) FROM delegations WHERE id = $1 AND (giver = $2 OR taker = $2)`, on.ID, a.person),
		"They neither gave nor hold it.")
}}

// Delegate lets the clinician with a login treat the actor's patients from one time until another, at most 90 days later.
// Errors: ErrInvalid, ErrNotFound when no clinician who may be here has the login, ErrDenied.
func (v *Vault) Delegate(ctx context.Context, a Actor, login string, from, until time.Time) (DelegationID, error) {
	taker, err := v.personByLogin(ctx, login)
	if err != nil {
		return "", err
	}
	id := DelegationID(newID())
	err = v.do(ctx, a, actDelegate, object{Kind: "delegation", ID: string(id), Person: taker}, func(t *tx) error {
		switch {
		case from.IsZero() || !until.After(from) || until.UnixMilli() <= t.now || until.Sub(from) > maxDelegation:
			return say(ErrInvalid, "A delegation begins, and ends at most 90 days later, in the future.")
		case taker == a.person:
			return say(ErrInvalid, "You treat your patients already.")
		}
		err := holds(ctx, t, `SELECT count(*) FROM people p JOIN person_roles r ON r.person = p.id WHERE p.id = $1
			AND r.role = 'clinician' AND `+livePerson("p", "$2"), taker, t.now)
		if errors.Is(err, ErrNotFound) {
			return say(ErrNotFound, "No clinician who works here has this login.")
		}
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO delegations (id, giver, taker, starts_at, ends_at, made_at)
			VALUES ($1, $2, $3, $4, $5, $6)`, id, a.person, taker, max(TimeOf(from), Time(t.now)), TimeOf(until), t.now)
		if err != nil {
			return fmt.Errorf("delegating: %w", err)
		}
		t.detail("taker", string(taker))
		t.detail("until", TimeOf(until).String())
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// EndDelegation ends one now: who gave it, who holds it, the privacy officer. Errors: ErrNotFound, ErrConflict when it is
// over.
func (v *Vault) EndDelegation(ctx context.Context, a Actor, id DelegationID) error {
	return v.do(ctx, a, actEndDelegation, object{Kind: "delegation", ID: string(id)}, func(t *tx) error {
		if err := holds(ctx, t, `SELECT count(*) FROM delegations WHERE id = $1`, id); err != nil {
			return err
		}
		return exactlyOne(ctx, t, "ending delegation", `UPDATE delegations SET ended_at = $1, ended_by = $2 WHERE id = $3
			AND ended_at IS NULL AND ends_at > $1`, t.now, a.person, id)
	})
}

// endDelegations ends what somebody who leaves gave and holds.
func endDelegations(ctx context.Context, t *tx, person PersonID) error {
	_, err := t.ExecContext(ctx, `UPDATE delegations SET ended_at = $1 WHERE (giver = $2 OR taker = $2) AND ended_at IS NULL
		AND ends_at > $1`, t.now, person)
	if err != nil {
		return fmt.Errorf("ending delegations: %w", err)
	}
	return nil
}

// Delegations lists what the actor gave and holds, newest first, at most 500; the privacy officer sees everybody's.
// Errors: ErrDenied.
func (v *Vault) Delegations(ctx context.Context, a Actor) ([]Delegation, error) {
	var out []Delegation
	err := v.do(ctx, a, actDelegations, onPerson(a.person), func(t *tx) (err error) {
		roles, err := rolesOf(ctx, t, a.person)
		if err != nil {
			return err
		}
		out, err = t.delegations(ctx, a.person, slices.Contains(roles, RolePrivacy))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *tx) delegations(ctx context.Context, person PersonID, all bool) ([]Delegation, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (d Delegation, err error) {
		return d, rows.Scan(&d.ID, &d.Giver, &d.GiverName, &d.Taker, &d.TakerName, &d.StartsAt, &d.EndsAt, &d.MadeAt, &d.EndedAt)
	}, `SELECT d.id, d.giver, g.name, d.taker, k.name, d.starts_at, d.ends_at, d.made_at, coalesce(d.ended_at, 0)
		FROM delegations d JOIN people g ON g.id = d.giver JOIN people k ON k.id = d.taker
		WHERE d.giver = $1 OR d.taker = $1 OR $2 ORDER BY d.starts_at DESC, d.id LIMIT `+fmt.Sprint(maxDelegations), person, all)
	if err != nil {
		return nil, fmt.Errorf("reading delegations: %w", err)
	}
	for i := range out {
		d := &out[i]
		switch {
		case d.EndedAt != 0 || int64(d.EndsAt) <= t.now:
			d.State = "over"
		case int64(d.StartsAt) > t.now:
			d.State = "coming"
		default:
			d.State = "lasting"
		}
	}
	return out, nil
}

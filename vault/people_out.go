package vault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Out is out: whoever may no longer be here, or may do less, loses at once what they have open. All of it hangs on rows
// that every node reads at each call, so that there is nothing to tell the nodes.

// DisablePerson puts somebody out: every session of theirs ends, their claims are released, their links and delegations
// are over, and their next call anywhere is refused. What they did stays. Disabling twice is not an error. An admin
// cannot put out the last person who can administer; the operator can. Errors: ErrNotFound, ErrConflict, ErrDenied.
func (v *Vault) DisablePerson(ctx context.Context, a Actor, login string) error {
	return v.onLogin(ctx, a, actDisablePerson, login, func(t *tx, id PersonID) error {
		if err := t.leave(ctx, id, sourceLocal); err != nil {
			return err
		}
		return t.keepsAdmin(ctx, a)
	})
}

// EnablePerson lets somebody in again whom DisablePerson, or the directory, put out. They sign in anew. Who was deleted by
// the directory stays out. Errors: ErrNotFound, ErrConflict, ErrDenied.
func (v *Vault) EnablePerson(ctx context.Context, a Actor, login string) error {
	return v.onLogin(ctx, a, actEnablePerson, login, func(t *tx, id PersonID) error {
		err := exactlyOne(ctx, t, "enabling person", `UPDATE people SET disabled_at = NULL, changed_at = $1
			WHERE id = $2 AND left_at IS NULL`, t.now, id)
		if errors.Is(err, ErrConflict) {
			return say(ErrConflict, "The directory deleted this person. Add them again.")
		}
		if err != nil {
			return err
		}
		_, err = t.regroup(ctx, id)
		return err
	})
}

// onLogin runs an act on the person with a login.
func (v *Vault) onLogin(ctx context.Context, a Actor, what act, login string, fn func(t *tx, id PersonID) error) error {
	id, err := v.personByLogin(ctx, login)
	if err != nil {
		return err
	}
	return v.do(ctx, a, what, onPerson(id), func(t *tx) error {
		if id == "" {
			return say(ErrNotFound, "There is nobody with this login.")
		}
		return fn(t, id)
	})
}

// leave disables somebody and puts them out. What was done here the directory does not undo.
func (t *tx) leave(ctx context.Context, id PersonID, source string) error {
	if _, err := t.ExecContext(ctx, `UPDATE people SET disabled_by = CASE WHEN disabled_at IS NULL OR CAST($3 AS TEXT) = 'local'
		THEN $3 ELSE disabled_by END, disabled_at = coalesce(disabled_at, $1), changed_at = $1 WHERE id = $2`, t.now, id, source); err != nil {
		return fmt.Errorf("disabling person: %w", err)
	}
	return t.gone(ctx, id)
}

// gone is putOut for whoever is not here any more: whom they treated, whom they stood in for, and who for them, the codes
// with which they could come back, and the browsers they were told on are over too.
func (t *tx) gone(ctx context.Context, id PersonID) error {
	for _, end := range []func(context.Context, *tx, PersonID) error{putOut, endDelegations, endTies} {
		if err := end(ctx, t, id); err != nil {
			return err
		}
	}
	return t.changes(ctx, "forgetting ways back in",
		change{`DELETE FROM enrolment_codes WHERE person = $1`, []any{id}},
		change{`DELETE FROM device_codes WHERE made_by = $1`, []any{id}},
		change{`DELETE FROM push_subscriptions WHERE person = $1`, []any{id}})
}

// putOut ends what somebody has open: sessions, and with them device uplinks and what waits for an answer of theirs;
// claims; links; access by break-glass.
func putOut(ctx context.Context, t *tx, id PersonID) error {
	if err := endSessions(ctx, t, id); err != nil {
		return err
	}
	if err := endGlasses(ctx, t, id); err != nil {
		return err
	}
	return t.changes(ctx, "putting out",
		change{`UPDATE photos SET claimed_by = NULL, claimed_until = 0 WHERE claimed_by = $1`, []any{id}},
		change{`UPDATE links SET ended_at = $1 WHERE maker = $2 AND ended_at IS NULL`, []any{t.now, id}},
		change{`DELETE FROM challenges WHERE person = $1`, []any{id}})
}

// cut is putOut in the course of an act about something else, with an event that the person's own trail shows.
func (t *tx) cut(ctx context.Context, id PersonID, why string) error {
	if err := putOut(ctx, t, id); err != nil {
		return err
	}
	e := t.entry
	e.Act, e.ObjectKind, e.Object, e.Outcome = string(actCutPerson), "person", string(id), outcomeOK
	e.Detail = map[string]string{"why": why}
	return t.event(ctx, e)
}

// keepsAdmin refuses an admin's act after which nobody is left who can administer. It is asked after the change.
func (t *tx) keepsAdmin(ctx context.Context, a Actor) error {
	if a.kind != byPerson {
		return nil
	}
	err := holds(ctx, t, `SELECT count(*) FROM people p JOIN person_roles r ON r.person = p.id
		WHERE r.role = 'admin' AND `+livePerson("p", "$1"), t.now)
	if errors.Is(err, ErrNotFound) {
		return say(ErrConflict, "Nobody would be left who can administer. Give somebody else the role first.")
	}
	return err
}

// expireEvery bounds how many people one sweep puts out.
const expireEvery = 200

// ExpirePeople puts out whoever's time here is over and who still has something open. They cannot act any more before
// it ran; it ends what would come to life again with a new date, and gives their claims back. Errors: ErrDenied.
func (v *Vault) ExpirePeople(ctx context.Context, a Actor) error {
	return v.quietly(ctx, a, actExpirePeople, object{Kind: "person"}, func(t *tx) error {
		over, err := list(ctx, t, scanOne[PersonID], `SELECT p.id FROM people p WHERE p.valid_until <= $1 AND (
			EXISTS (SELECT 1 FROM sessions s WHERE s.person = p.id AND s.ended_at IS NULL)
			OR EXISTS (SELECT 1 FROM photos f WHERE f.claimed_by = p.id)
			OR EXISTS (SELECT 1 FROM links l WHERE l.maker = p.id AND l.ended_at IS NULL AND l.expires_at > $1)
			OR EXISTS (SELECT 1 FROM care_team c WHERE c.person = p.id AND (c.ended_at IS NULL OR c.ended_at > $1))
			OR EXISTS (SELECT 1 FROM team_members m WHERE m.person = p.id AND (m.ended_at IS NULL OR m.ended_at > $1))
			OR EXISTS (SELECT 1 FROM delegations d WHERE (d.giver = p.id OR d.taker = p.id) AND d.ended_at IS NULL AND d.ends_at > $1)
			OR EXISTS (SELECT 1 FROM break_glass b WHERE b.person = p.id AND b.ended_at IS NULL AND b.open_until > $1)
			OR EXISTS (SELECT 1 FROM push_subscriptions n WHERE n.person = p.id)
			OR EXISTS (SELECT 1 FROM device_codes c WHERE c.made_by = p.id)
			OR EXISTS (SELECT 1 FROM enrolment_codes e WHERE e.person = p.id)) ORDER BY p.id LIMIT $2`, t.now, expireEvery)
		if err != nil {
			return fmt.Errorf("finding whose time is over: %w", err)
		}
		for _, id := range over {
			if err := t.gone(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// ExpireEvery is how often ExpirePeople is worth asking.
const ExpireEvery = time.Minute

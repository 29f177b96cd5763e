package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The kinds of question that wait for one answer.
const (
	askSignIn        = "sign_in"          // a second factor after the password
	askPasskeySignIn = "passkey_sign_in"  // whose passkey it will be is not known
	askPasskeyAdd    = "passkey_add"      // bound to the session that adds it
	askPasskeyStepUp = "passkey_step_up"  // bound to the session that is raised
	askPasskeyUnlock = "passkey_unlock"   // bound to the session that asks; person and data name the one that is opened
	mostWrongAnswers = 5                  // to one question
	passkeyWithin    = 5 * time.Minute    // from begin to finish
	staleTries       = 2 * 24 * time.Hour // a count that nobody added to for so long says nothing
)

// challenge is a question. It is in the database, so that any node takes the answer, and taken out with it, so that it
// is answered once. The ticket is what names it outside; only its SHA-256 is kept.
type challenge struct {
	ticket  string
	kind    string
	person  PersonID
	session SessionID
	data    string
	last    time.Duration // how long it waits
}

// ask writes a question.
func (t *tx) ask(ctx context.Context, c challenge) error {
	_, err := t.ExecContext(ctx, `INSERT INTO challenges (ticket_hash, kind, person, session, data, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, tokenHash(c.ticket), c.kind, c.person, c.session, c.data, t.now+c.last.Milliseconds())
	if err != nil {
		return fmt.Errorf("keeping a challenge: %w", err)
	}
	return nil
}

var errNoTicket = say(ErrConflict, "This step took too long or was done already. Begin again.")

// asked finds a question that still waits. Errors: ErrConflict.
func (v *Vault) asked(ctx context.Context, ticket, kind string) (challenge, error) {
	c := challenge{ticket: ticket, kind: kind}
	err := v.db.QueryRowContext(ctx, `SELECT person, session, data FROM challenges WHERE ticket_hash = $1 AND kind = $2
		AND expires_at > $3`, tokenHash(ticket), kind, v.now()).Scan(&c.person, &c.session, &c.data)
	if errors.Is(err, sql.ErrNoRows) {
		return challenge{}, errNoTicket
	}
	if err != nil {
		return challenge{}, dbError(fmt.Errorf("finding a challenge: %w", err))
	}
	return c, nil
}

// answered takes the question out; who comes second finds none. Errors: ErrConflict.
func (t *tx) answered(ctx context.Context, c challenge) error {
	res, err := t.ExecContext(ctx, `DELETE FROM challenges WHERE ticket_hash = $1 AND kind = $2 AND expires_at > $3`,
		tokenHash(c.ticket), c.kind, t.now)
	if err := oneRow(res, err, errNoTicket); err != nil {
		return fmt.Errorf("taking a challenge out: %w", err)
	}
	return nil
}

// wrongAnswer counts one; after the fifth the question is gone.
func (v *Vault) wrongAnswer(ctx context.Context, at Actor, c challenge) error {
	return v.quietly(ctx, at, actSecondFailed, onPerson(c.person), func(t *tx) error {
		return t.changes(ctx, "counting a wrong answer",
			change{`UPDATE challenges SET wrong = wrong + 1 WHERE ticket_hash = $1`, []any{tokenHash(c.ticket)}},
			change{`DELETE FROM challenges WHERE ticket_hash = $1 AND wrong >= $2`, []any{tokenHash(c.ticket), mostWrongAnswers}})
	})
}

// dropChallenge takes a question out that was answered wrong and may not be answered again.
func (v *Vault) dropChallenge(ctx context.Context, c challenge) error {
	return v.retry(ctx, false, func(t *tx) error {
		_, err := t.ExecContext(ctx, `DELETE FROM challenges WHERE ticket_hash = $1`, tokenHash(c.ticket))
		return err
	})
}

// clearSignIn forgets what sign-in kept and nobody needs any more.
func (v *Vault) clearSignIn(ctx context.Context, a Actor) error {
	return v.quietly(ctx, a, actSweep, object{Kind: "sign_in"}, func(t *tx) error {
		return t.changes(ctx, "clearing sign-ins",
			change{`DELETE FROM challenges WHERE expires_at <= $1`, []any{t.now}},
			change{`DELETE FROM enrolment_codes WHERE expires_at <= $1`, []any{t.now}},
			change{`DELETE FROM sign_in_tries WHERE last_at < $1 AND open_at <= $2`, []any{t.now - staleTries.Milliseconds(), t.now}},
			change{`DELETE FROM known_browsers WHERE seen_at <= $1`, []any{t.now - KnownFor.Milliseconds()}})
	})
}

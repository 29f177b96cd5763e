package vault

import (
	"context"
	"database/sql"
	"fmt"
)

const glassColumns = `SELECT b.id, b.person, u.name, b.patient, p.name, p.record_number, b.reason, b.opened_at, b.open_until,
	coalesce(b.ended_at, 0), b.finding, b.remark, coalesce(b.reviewed_by, ''), coalesce(r.name, ''), coalesce(b.reviewed_at, 0),
	(SELECT count(*) FROM audit_events e WHERE e.actor = 'person:' || b.person AND e.patient = p.pseudonym AND e.outcome = 'ok'
		AND e.act <> 'break_glass.open' AND e.at >= b.opened_at AND e.at <= coalesce(b.ended_at, b.open_until))
	FROM break_glass b JOIN people u ON u.id = b.person JOIN patients p ON p.id = b.patient LEFT JOIN people r ON r.id = b.reviewed_by `

func (t *tx) glasses(ctx context.Context, where string, args ...any) ([]Glass, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (g Glass, err error) {
		return g, rows.Scan(&g.ID, &g.Person, &g.PersonName, &g.Patient, &g.PatientName, &g.RecordNumber, &g.Reason, &g.OpenedAt,
			&g.OpenUntil, &g.EndedAt, &g.Finding, &g.Remark, &g.ReviewedBy, &g.ReviewedByName, &g.ReviewedAt, &g.Looks)
	}, glassColumns+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading break-glass: %w", err)
	}
	for i := range out {
		g := &out[i]
		g.Open = g.EndedAt == 0 && int64(g.OpenUntil) > t.now
		if g.PatientName == "" {
			g.RecordNumber = "" // of an erased patient it is the ID
		}
		if g.Reason, err = t.readWords(ctx, g.Reason); err != nil {
			return nil, err
		}
		if g.Remark, err = t.readWords(ctx, g.Remark); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// OpenBreakGlass lists the actor's own open break-glass accesses, newest first, for the banner. It leaves no event: what
// is looked at under them leaves its own. Errors: ErrDenied.
func (v *Vault) OpenBreakGlass(ctx context.Context, a Actor) ([]Glass, error) {
	var out []Glass
	err := v.quietly(ctx, a, actMyGlass, onPerson(a.person), func(t *tx) (err error) {
		out, err = t.glasses(ctx, `WHERE b.person = $1 AND b.open_until > $2 AND b.ended_at IS NULL ORDER BY b.opened_at DESC, b.id`,
			a.person, t.now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// BreakGlassReviews lists what was looked at outside the care teams for the privacy officer: what waits for its review
// first, oldest first, then the rest, at most 500. Errors: ErrDenied.
func (v *Vault) BreakGlassReviews(ctx context.Context, a Actor) ([]Glass, error) {
	var out []Glass
	err := v.do(ctx, a, actGlassReviews, object{Kind: "break_glass"}, func(t *tx) (err error) {
		out, err = t.glasses(ctx, `ORDER BY CASE WHEN b.finding = '' THEN b.opened_at ELSE 9223372036854775807 - b.opened_at END, b.id LIMIT `+
			fmt.Sprint(maxGlasses))
		t.detail("found", fmt.Sprint(len(out)))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CloseBreakGlass ends the review of a break-glass access of somebody else, with a finding and words of 3 to 500
// characters; one that is open is ended too. Errors: ErrInvalid, ErrNotFound, ErrDenied, ErrConflict when it is closed.
func (v *Vault) CloseBreakGlass(ctx context.Context, a Actor, id GlassID, finding, remark string) error {
	on, err := v.glassObject(ctx, id)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actCloseGlass, on, func(t *tx) error {
		if finding != FindingJustified && finding != FindingNotJustified {
			return say(ErrInvalid, "Say whether it was justified.")
		}
		if err := checkReason(remark); err != nil {
			return err
		}
		words := ""
		known, err := list(ctx, t, func(rows *sql.Rows) (n int, err error) { return n, rows.Scan(&n) },
			`SELECT 1 FROM patients WHERE id = $1 AND erased_at IS NULL`, on.Patient)
		if err == nil && len(known) > 0 {
			words, err = t.keepWords(ctx, on.Patient, "", remark)
		}
		if err != nil {
			return err
		}
		t.detail("finding", finding)
		return exactlyOne(ctx, t, "closing break-glass", `UPDATE break_glass SET finding = $1, remark = $2, reviewed_by = $3,
			reviewed_at = $4, ended_at = CASE WHEN ended_at IS NULL AND open_until > $4 THEN $4 ELSE ended_at END
			WHERE id = $5 AND finding = ''`, finding, words, a.person, t.now, id)
	})
}

// OpenReviews says how many break-glass accesses wait for their review. It is a figure for operators and asks nobody who
// they are.
func (v *Vault) OpenReviews(ctx context.Context) (int64, error) {
	var n int64
	if err := v.db.QueryRowContext(ctx, `SELECT count(*) FROM break_glass WHERE finding = ''`).Scan(&n); err != nil {
		return 0, dbError(fmt.Errorf("counting reviews: %w", err))
	}
	return n, nil
}

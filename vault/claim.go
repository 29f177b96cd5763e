package vault

import (
	"context"
	"database/sql"
	"fmt"
)

// ClaimNext gives the reviewer the photo they hold already, or the oldest one in review that nobody holds and they did
// not take, for Config.ClaimFor. Nil means that the queue is empty for them. Two reviewers never get the same photo.
func (v *Vault) ClaimNext(ctx context.Context, a Actor) (*Photo, error) {
	var out *Photo
	err := v.do(ctx, a, actClaim, object{Kind: "photo"}, func(t *tx) error {
		out = nil
		id, err := v.claimNext(ctx, t, a)
		if err != nil || id == "" {
			return err
		}
		p, err := v.album(t, a).one(ctx, id)
		if err != nil {
			return err
		}
		t.entry.Object, t.entry.Photo = string(id), string(id)
		out = &p
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// claimNext picks and holds a photo; empty when there is none. Acts follow one another, so nobody picks in between.
func (v *Vault) claimNext(ctx context.Context, t *tx, a Actor) (PhotoID, error) {
	ids, err := list(ctx, t, func(rows *sql.Rows) (id PhotoID, err error) { return id, rows.Scan(&id) },
		`SELECT id FROM photos WHERE state = 'in_review' AND author <> $1
		AND (claimed_by IS NULL OR claimed_by = $1 OR claimed_until <= $2)
		ORDER BY CASE WHEN claimed_by = $1 AND claimed_until > $2 THEN 0 ELSE 1 END, received_at, id LIMIT 1`, a.person, t.now)
	if err != nil {
		return "", fmt.Errorf("picking photo: %w", err)
	}
	if len(ids) == 0 {
		return "", nil
	}
	return ids[0], exactlyOne(ctx, t, "claiming photo", `UPDATE photos SET claimed_by = $1, claimed_until = $2
		WHERE id = $3 AND state = 'in_review'`, a.person, t.now+v.cfg.ClaimFor.Milliseconds(), ids[0])
}

// RenewClaim prolongs a live claim by Config.ClaimFor from now and says until when it holds. Errors: ErrConflict when
// the actor holds no live claim on the photo.
func (v *Vault) RenewClaim(ctx context.Context, a Actor, id PhotoID) (Time, error) {
	var until Time
	err := v.do(ctx, a, actRenewClaim, onPhoto(id), func(t *tx) error {
		until = Time(t.now + v.cfg.ClaimFor.Milliseconds())
		return claimLost(exactlyOne(ctx, t, "renewing claim", `UPDATE photos SET claimed_until = $1 WHERE id = $2
			AND claimed_by = $3 AND claimed_until > $4 AND state = 'in_review'`, until, id, a.person, t.now))
	})
	if err != nil {
		return 0, err
	}
	return until, nil
}

// ReleaseClaim gives a claimed photo back to the queue. Errors: ErrConflict when the actor holds no live claim.
func (v *Vault) ReleaseClaim(ctx context.Context, a Actor, id PhotoID) error {
	return v.do(ctx, a, actRelease, onPhoto(id), func(t *tx) error {
		return claimLost(exactlyOne(ctx, t, "releasing claim", `UPDATE photos SET claimed_by = NULL, claimed_until = 0
			WHERE id = $1 AND claimed_by = $2 AND claimed_until > $3 AND state = 'in_review'`, id, a.person, t.now))
	})
}

// ReviewQueue says how many photos the actor could claim now, and how many others hold.
func (v *Vault) ReviewQueue(ctx context.Context, a Actor) (waiting, claimedByOthers int, err error) {
	err = v.do(ctx, a, actReviewQueue, object{Kind: "photo"}, func(t *tx) error {
		row := t.QueryRowContext(ctx, `SELECT
			coalesce(sum(CASE WHEN author <> $1 AND (claimed_by IS NULL OR claimed_by = $1 OR claimed_until <= $2) THEN 1 ELSE 0 END), 0),
			coalesce(sum(CASE WHEN claimed_by <> $1 AND claimed_until > $2 THEN 1 ELSE 0 END), 0)
			FROM photos WHERE state = 'in_review'`, a.person, t.now)
		if err := row.Scan(&waiting, &claimedByOthers); err != nil {
			return fmt.Errorf("counting photos in review: %w", err)
		}
		return nil
	})
	return waiting, claimedByOthers, err
}

package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/seal"
)

// Approval is a reviewer's decision to release a photo with these regions covered and nothing else: a proposal that is
// not among them is not covered, also a faint one. Version is the photo's as the reviewer saw it. Force confirms that what the detectors still see may stay visible.
type Approval struct {
	Version int64
	Regions []ApprovedRegion
	Force   bool
}

// ApprovedRegion is a box to cover, in upright pixels of the original. ID is that of the proposal it comes from, and
// empty for a box the reviewer drew.
type ApprovedRegion struct {
	ID   RegionID
	Kind imaging.Kind
	Box  imaging.Box
}

const maxRegions = imaging.MaxRegions // as many as detectors propose

// reviewing is what a decision on a photo rests on.
type reviewing struct {
	photo    storedPhoto
	original rendition
	key      seal.Key // of the original
	regions  []Region
	version  int64 // the photo's after the decision
	forced   bool  // the reviewer let something visible stay

	// What the proof of the stored picture adds.
	before, after Commitment
	salt          string // of before
}

// Approve covers the regions in the original, stores the redacted renditions, fetches the redacted picture back, proves
// that one, and then releases the photo in one transaction with its signed certificate. The actor must hold the claim
// and not have taken the photo. Errors: ErrConflict when the claim or the version is gone; a *Visible, which is one
// too, when something is still visible beside a mask, or a face elsewhere, and Force is not set;
// ErrInvalid for regions outside the picture; ErrDenied for one's own photo.
func (v *Vault) Approve(ctx context.Context, a Actor, id PhotoID, decision Approval) (Photo, error) {
	r := reviewing{version: decision.Version + 1}
	err := v.quietly(ctx, a, actApprove, onPhoto(id), func(t *tx) (err error) {
		if r.photo, err = heldPhoto(ctx, t, a, id, decision.Version); err != nil {
			return err
		}
		if r.regions, err = r.decided(ctx, t, decision.Regions); err != nil {
			return err
		}
		r.original, r.key, err = v.findRendition(ctx, t, id, KindOriginal)
		return err
	})
	if err != nil {
		return Photo{}, err
	}
	if v.cfg.Imaging == nil {
		return Photo{}, fmt.Errorf("no imaging pool: %w", ErrUnavailable)
	}
	original, err := v.openRendition(ctx, a, r.original, r.key)
	if err != nil {
		return Photo{}, err
	}
	defer clear(original.Bytes)
	result, err := v.cfg.Imaging.Redact(ctx, original.Bytes, covers(r.regions))
	if err != nil {
		return Photo{}, redactionError(err)
	}
	if r.forced, err = judge(result.Residual, result.Masked, r.regions, decision.Force); err != nil {
		return Photo{}, v.refuseApproval(ctx, a, id, err)
	}
	return v.release(ctx, a, &r, original, result)
}

// heldPhoto reads a photo whose claim the actor holds, at the version they saw.
func heldPhoto(ctx context.Context, t *tx, a Actor, id PhotoID, version int64) (storedPhoto, error) {
	found, err := list(ctx, t, scanPhoto, photoColumns+`WHERE f.id = $1 AND f.state = 'in_review' AND f.claimed_by = $2
		AND f.claimed_until > $3`, id, a.person, t.now)
	switch {
	case err != nil:
		return storedPhoto{}, fmt.Errorf("reading photo: %w", err)
	case len(found) == 0:
		return storedPhoto{}, claimLost(ErrConflict)
	case found[0].Version != version:
		return storedPhoto{}, say(ErrConflict, "The photo has changed meanwhile. Look at it again.")
	}
	return found[0], nil
}

// claimLost puts a missing claim in words.
func claimLost(err error) error {
	if errors.Is(err, ErrConflict) {
		return say(ErrConflict, "You no longer hold this photo. Take the next one.")
	}
	return err
}

// decided compares what the reviewer drew with what was proposed, and says of each region what became of it.
func (r *reviewing) decided(ctx context.Context, t *tx, drawn []ApprovedRegion) ([]Region, error) {
	proposed, err := regionsOf(ctx, t, r.photo.ID)
	if err != nil {
		return nil, err
	}
	if len(drawn) > maxRegions {
		return nil, say(ErrInvalid, fmt.Sprintf("A photo can have at most %d regions.", maxRegions))
	}
	var out []Region
	used := map[RegionID]bool{}
	for _, d := range drawn {
		if err := d.check(r.photo.Width, r.photo.Height); err != nil {
			return nil, err
		}
		if d.ID == "" {
			out = append(out, Region{ID: RegionID(newID()), Kind: d.Kind, Box: d.Box, Score: 1, Source: imaging.SourcePerson, Fate: fateAdded})
			continue
		}
		i := slices.IndexFunc(proposed, func(p Region) bool { return p.ID == d.ID })
		if i < 0 || used[d.ID] {
			return nil, say(ErrInvalid, "A region is not one of this photo's. Look at it again.")
		}
		used[d.ID] = true
		out = append(out, proposed[i].decide(&d))
	}
	for _, p := range proposed {
		if !used[p.ID] {
			out = append(out, p.decide(nil))
		}
	}
	return out, nil
}

func (d ApprovedRegion) check(width, height int) error {
	b := d.Box
	kinds := []imaging.Kind{imaging.KindFace, imaging.KindTattoo, imaging.KindText, imaging.KindDrawn}
	if b.X0 < 0 || b.Y0 < 0 || b.X1 > width || b.Y1 > height || b.X0 >= b.X1 || b.Y0 >= b.Y1 || !slices.Contains(kinds, d.Kind) {
		return say(ErrInvalid, "A region lies outside the photo or has no size.")
	}
	return nil
}

// covers are the boxes to make solid, exactly as the reviewer saw them: margins were added when they were proposed.
func covers(regions []Region) []imaging.Region {
	var out []imaging.Region
	for _, r := range regions {
		if r.covered() {
			out = append(out, imaging.Region{Kind: r.Kind, Box: r.Box, Score: r.Score, Source: imaging.SourcePerson})
		}
	}
	return out
}

// redactionError keeps imaging's own words for people.
func redactionError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("covering regions: %w", err)
	}
	return fmt.Errorf("covering regions: %w: %w", say(ErrUnavailable, imaging.Reason(err)), err)
}

// release makes the redacted renditions durable, proves the stored picture, and then writes everything the release is in one transaction.
func (v *Vault) release(ctx context.Context, a Actor, r *reviewing, original Picture, result *imaging.Redacted) (Photo, error) {
	id := r.photo.ID
	made, err := v.storeAll(ctx, rendition{photo: id, patient: r.original.patient, version: r.version}, []kindOf{
		{KindRedacted, result.Still}, {KindRedactedThumb, result.Thumb}, {KindRedactedDisplay, result.Display}})
	if err != nil {
		return Photo{}, err
	}
	defer wipe(made)
	if err := v.proveStored(ctx, a, r, original, made[0], result); err != nil {
		return Photo{}, err
	}
	var p Photo
	err = v.do(ctx, a, actApprove, onPhoto(id), func(t *tx) error {
		held, err := heldPhoto(ctx, t, a, id, r.version-1)
		if err != nil {
			return err
		}
		if err := insertRenditions(ctx, t, made); err != nil {
			return err
		}
		if err := insertRegions(ctx, t, id, r.version, r.regions); err != nil {
			return err
		}
		r.photo = held
		if err := v.certify(ctx, t, a, r, result); err != nil {
			return err
		}
		if err := setState(ctx, t, id, StateApproved, "", r.version); err != nil {
			return err
		}
		p, err = v.album(t, a).one(ctx, id)
		return err
	})
	if err != nil {
		return Photo{}, err
	}
	return p, nil
}

// setState sets a photo's state and ends the claim.
func setState(ctx context.Context, t *tx, id PhotoID, state, reason string, version int64) error {
	return exactlyOne(ctx, t, "deciding photo", `UPDATE photos SET state = $1, reason = $2, version = $3, claimed_by = NULL,
		claimed_until = 0 WHERE id = $4 AND version = $3 - 1`, state, reason, version, id)
}

// Reject keeps a photo from being released, with a reason of 3 to 500 characters that its author sees. The actor must
// hold the claim and not have taken the photo. Errors: ErrConflict, ErrInvalid, ErrDenied.
func (v *Vault) Reject(ctx context.Context, a Actor, id PhotoID, version int64, reason string) error {
	return v.do(ctx, a, actReject, onPhoto(id), func(t *tx) error {
		if err := checkReason(reason); err != nil {
			return err
		}
		if _, err := heldPhoto(ctx, t, a, id, version); err != nil {
			return err
		}
		if err := insertReview(ctx, t, a, id, version+1, "reject", reason); err != nil {
			return err
		}
		return setState(ctx, t, id, StateRejected, reason, version+1)
	})
}

// Reopen takes an approved photo back into review, with a reason of 3 to 500 characters. Once it is in a chart, or on
// its way there, it cannot be reopened. Errors: ErrNotFound, ErrConflict, ErrInvalid, ErrDenied for one's own photo.
func (v *Vault) Reopen(ctx context.Context, a Actor, id PhotoID, reason string) error {
	return v.do(ctx, a, actReopen, onPhoto(id), func(t *tx) error {
		if err := checkReason(reason); err != nil {
			return err
		}
		var version, attached int64
		var state string
		err := t.QueryRowContext(ctx, `SELECT f.version, f.state, (SELECT count(*) FROM attachments x WHERE x.photo = f.id
			AND x.state <> 'retracted' AND (x.state <> 'failed' OR x.progress <> '{}')) FROM photos f WHERE f.id = $1`, id).Scan(&version, &state, &attached)
		switch {
		case err != nil:
			return fmt.Errorf("reading photo: %w", absent(err))
		case state != StateApproved:
			return say(ErrConflict, "Only an approved photo can be reopened.")
		case attached > 0:
			return say(ErrConflict, "The photo is in the chart or on its way there, so it cannot be reopened.")
		}
		if err := insertReview(ctx, t, a, id, version+1, "reopen", reason); err != nil {
			return err
		}
		return setState(ctx, t, id, StateInReview, reason, version+1)
	})
}

func insertReview(ctx context.Context, t *tx, a Actor, id PhotoID, version int64, decision, reason string) error {
	_, err := t.ExecContext(ctx, `INSERT INTO reviews (id, photo, version, reviewer, decision, reason, decided_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, newID(), id, version, a.person, decision, reason, t.now)
	if err != nil {
		return fmt.Errorf("writing review: %w", err)
	}
	return nil
}

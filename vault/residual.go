package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clinivault/clinivault/imaging"
)

const (
	// visibleScore is from which score on what is still seen needs the reviewer's word: what is fainter was theirs to
	// accept when it was proposed, and asking again for each would teach them to confirm unread.
	visibleScore = imaging.FaintScore
	// besideMask is how near to a mask, in pixels, a thing counts as beside it: one coded unit of common files.
	besideMask = 16
)

// Visible is the refusal to release a photo on which a face or tattoo can still be seen. It is an ErrConflict.
type Visible struct {
	text    string
	regions []imaging.Region
}

func (e *Visible) Error() string { return ErrConflict.Error() + ": " + e.text }

// Unwrap is ErrConflict.
func (e *Visible) Unwrap() error { return ErrConflict }

// Sentence is what may be shown to the person.
func (e *Visible) Sentence() string { return e.text }

// Residual are the regions that are still seen, in upright pixels.
func (e *Visible) Residual() []imaging.Region { return e.regions }

// judge decides on what the detectors still see in a redacted picture. What lies wholly inside one mask is proved to
// be one colour and cannot be more; what they are not sure of is listed and asks nobody, unless it is what is left of a
// face that they were sure of and the reviewer removed, or moved the mask of: masks beside a face can make it hard to
// see, not hard to recognise. A face or tattoo that reaches out of a mask or lies beside one, and a face elsewhere, go back to the
// reviewer, but for a tattoo where they removed one and so have said that it is none. A detector can err, and no wound
// is to be covered for it: the reviewer may confirm what they see, and forced says that they did.
func judge(residual []imaging.Region, masked []imaging.Box, decided []Region, force bool) (forced bool, err error) {
	var beside, open []imaging.Region
	for _, f := range residual {
		switch {
		case inside(f.Box, masked):
		case f.Score < visibleScore:
			if f.Kind == imaging.KindFace && (removed(f, decided) || bared(f, decided)) {
				open = append(open, f)
			}
		case f.Kind == imaging.KindTattoo && removed(f, decided): // the reviewer has said what it is
		case (f.Kind == imaging.KindFace || f.Kind == imaging.KindTattoo) && near(f.Box, masked):
			beside = append(beside, f)
		case f.Kind == imaging.KindFace:
			open = append(open, f)
		}
	}
	seen := append(beside, open...)
	switch {
	case len(seen) == 0:
		return false, nil
	case force:
		return true, nil
	case len(beside) > 0:
		return false, &Visible{text: "Something is still visible beside a covered region. Make the region larger, or confirm that it may stay.",
			regions: seen}
	}
	return false, &Visible{text: "A face is still visible. Cover it, or confirm that it may stay.", regions: seen}
}

// removed reports whether the middle of what is seen lies on a proposal of its kind that was firm and that the reviewer
// removed.
func removed(f imaging.Region, decided []Region) bool {
	return slices.ContainsFunc(decided, func(r Region) bool {
		return r.Fate == fateRemoved && r.Kind == f.Kind && middleOn(f.Box, r.Box)
	})
}

// bared reports whether the middle of what is seen lies where a proposal of its kind was firm, and the box that the
// reviewer moved from there leaves it open.
func bared(f imaging.Region, decided []Region) bool {
	return slices.ContainsFunc(decided, func(r Region) bool {
		return r.Fate == fateMoved && r.from.kind == f.Kind && middleOn(f.Box, r.from.box) && !middleOn(f.Box, r.Box)
	})
}

// middleOn reports whether the middle of b lies on the other box.
func middleOn(b, other imaging.Box) bool {
	x, y := (b.X0+b.X1)/2, (b.Y0+b.Y1)/2
	return other.X0 <= x && x < other.X1 && other.Y0 <= y && y < other.Y1
}

// inside reports whether one mask covers all of b.
func inside(b imaging.Box, masks []imaging.Box) bool {
	return slices.ContainsFunc(masks, func(m imaging.Box) bool {
		return m.X0 <= b.X0 && m.Y0 <= b.Y0 && b.X1 <= m.X1 && b.Y1 <= m.Y1
	})
}

// near reports whether b overlaps a mask or lies beside it.
func near(b imaging.Box, masks []imaging.Box) bool {
	return slices.ContainsFunc(masks, func(m imaging.Box) bool {
		return b.X0 < m.X1+besideMask && m.X0 < b.X1+besideMask && b.Y0 < m.Y1+besideMask && m.Y0 < b.Y1+besideMask
	})
}

// refuseApproval puts a refusal to release on the record.
func (v *Vault) refuseApproval(ctx context.Context, a Actor, id PhotoID, refusal error) error {
	return v.quietly(ctx, a, actApprove, onPhoto(id), func(*tx) error { return refusal })
}

// proveStored fetches the redacted rendition back from the store, opens it, and proves that it is the picture that the
// detectors looked at again, and against the original. What the certificate then commits to is what came back. A
// picture that is not proved is not released.
func (v *Vault) proveStored(ctx context.Context, a Actor, r *reviewing, original Picture, stored rendition, result *imaging.Redacted) error {
	back, err := v.openRendition(ctx, a, stored, stored.own)
	if err != nil {
		return tryLaterUnless(err, ErrIntegrity)
	}
	defer clear(back.Bytes)
	if err := result.ProveBack(original.Bytes, back.Bytes); err != nil {
		v.cfg.Log.Error("stored redaction is not proved", "photo", string(r.photo.ID), "error", err)
		return v.refuseApproval(ctx, a, r.photo.ID, fmt.Errorf("%w: %w", say(ErrIntegrity, imaging.Reason(err)), err))
	}
	r.before, r.salt = commit(original.Bytes)
	r.after, r.after.Salt = commit(back.Bytes)
	return nil
}

// tryLaterUnless is tryLater for all errors but one.
func tryLaterUnless(err, but error) error {
	if errors.Is(err, but) {
		return err
	}
	return tryLater(err)
}

package vault

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/clinivault/clinivault/imaging"
)

// Region is a region as the vault keeps it: Box is what is, or will be, covered, margins included. Model is the SHA-256
// of the cascade that found it and Tuning the version of its thresholds; both are empty for a person's.
type Region struct {
	ID     RegionID     `json:"id"`
	Kind   imaging.Kind `json:"kind"`
	Box    imaging.Box  `json:"box"`
	Score  float64      `json:"score"`
	Source string       `json:"source"`
	Model  string       `json:"model,omitempty"`
	Tuning string       `json:"tuning,omitempty"`
	Fate   string       `json:"fate"`
	Faint  bool         `json:"faint,omitempty"` // in review: covered only if the reviewer accepts it

	proposal RegionID // the proposed region it comes from, of whatever version; empty for one that a person drew
	from     place    // of a firm one that the decision at hand moves: where it was proposed
}

// place is where something of a kind was proposed; the zero place is nowhere.
type place struct {
	kind imaging.Kind
	box  imaging.Box
}

// The fates of a region.
const (
	fateProposed = "proposed" // by a detector
	fateKept     = "kept"     // by the reviewer, as it was; a faint one thereby accepted
	fateMoved    = "moved"    // by the reviewer
	fateAdded    = "added"    // by the reviewer
	fateRemoved  = "removed"  // by the reviewer
	fatePassed   = "passed"   // faint, and not accepted by the reviewer
)

// faint reports whether r is a proposal that its detector is not sure of and nobody has accepted. The scores of
// detectors without a version of their thresholds were on another scale; theirs are taken as sure.
func (r Region) faint() bool {
	return (r.Fate == fateProposed || r.Fate == fatePassed) && r.Tuning != "" && r.Score < imaging.FaintScore
}

// covered reports whether r, as decided, is covered.
func (r Region) covered() bool { return r.Fate != fateRemoved && r.Fate != fatePassed }

// regionsOf reads the newest set of regions of a photo; until it is decided, without those once removed.
func regionsOf(ctx context.Context, t querier, id PhotoID) ([]Region, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (r Region, err error) {
		var state string
		err = rows.Scan(&r.ID, &r.Kind, &r.Box.X0, &r.Box.Y0, &r.Box.X1, &r.Box.Y1, &r.Score, &r.Source, &r.Model, &r.Tuning,
			&r.proposal, &r.Fate, &state)
		r.Faint = state == StateInReview && r.faint()
		return r, err
	}, `SELECT r.id, r.kind, r.x0, r.y0, r.x1, r.y1, r.score, r.source, r.model, r.tuning, r.proposal, r.fate, f.state
		FROM regions r JOIN photos f ON f.id = r.photo WHERE r.photo = $1
		AND r.version = (SELECT max(n.version) FROM regions n WHERE n.photo = r.photo)
		AND (r.fate <> 'removed' OR f.state <> 'in_review') ORDER BY r.y0, r.x0, r.id`, id)
	if err != nil {
		return nil, fmt.Errorf("reading regions: %w", err)
	}
	return out, nil
}

func insertRegions(ctx context.Context, t *tx, id PhotoID, version int64, regions []Region) error {
	for _, r := range regions {
		_, err := t.ExecContext(ctx, `INSERT INTO regions (id, photo, version, kind, x0, y0, x1, y1, score, source, model, tuning,
			proposal, fate) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`, r.ID, id, version, string(r.Kind),
			r.Box.X0, r.Box.Y0, r.Box.X1, r.Box.Y1, r.Score, r.Source, r.Model, r.Tuning, r.proposal, r.Fate)
		if err != nil {
			return fmt.Errorf("writing regions: %w", err)
		}
	}
	return nil
}

// decide makes of a region what the reviewer drew in its place, or did not draw.
func (r Region) decide(d *ApprovedRegion) Region {
	out := r
	out.ID, out.Faint = RegionID(newID()), false
	if r.Fate == fateProposed {
		out.proposal = r.ID
	}
	switch {
	case d == nil && r.faint():
		out.Fate = fatePassed
	case d == nil:
		out.Fate = fateRemoved
	case r.Box == d.Box:
		out.Kind, out.Fate = d.Kind, fateKept
	default:
		if !r.faint() {
			out.from = place{r.Kind, r.Box}
		}
		out.Kind, out.Box, out.Fate = d.Kind, d.Box, fateMoved
		out.Score, out.Source, out.Model, out.Tuning = 1, imaging.SourcePerson, "", ""
	}
	return out
}

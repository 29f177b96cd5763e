package vault

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/clinivault/clinivault/imaging"
)

// Region is a region as the vault keeps it: Box is what is, or will be, covered, margins included.
type Region struct {
	ID     RegionID     `json:"id"`
	Kind   imaging.Kind `json:"kind"`
	Box    imaging.Box  `json:"box"`
	Score  float64      `json:"score"`
	Source string       `json:"source"`
	Fate   string       `json:"fate"`
}

// The fates of a region.
const (
	fateProposed = "proposed" // by a detector
	fateKept     = "kept"     // by the reviewer, as it was
	fateMoved    = "moved"    // by the reviewer
	fateAdded    = "added"    // by the reviewer
	fateRemoved  = "removed"  // by the reviewer
)

// regionsOf reads the newest set of regions of a photo; until it is decided, without those once removed.
func regionsOf(ctx context.Context, t querier, id PhotoID) ([]Region, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (r Region, err error) {
		return r, rows.Scan(&r.ID, &r.Kind, &r.Box.X0, &r.Box.Y0, &r.Box.X1, &r.Box.Y1, &r.Score, &r.Source, &r.Fate)
	}, `SELECT r.id, r.kind, r.x0, r.y0, r.x1, r.y1, r.score, r.source, r.fate FROM regions r
		JOIN photos f ON f.id = r.photo WHERE r.photo = $1
		AND r.version = (SELECT max(n.version) FROM regions n WHERE n.photo = r.photo)
		AND (r.fate <> 'removed' OR f.state <> 'in_review') ORDER BY r.y0, r.x0, r.id`, id)
	if err != nil {
		return nil, fmt.Errorf("reading regions: %w", err)
	}
	return out, nil
}

func insertRegions(ctx context.Context, t *tx, id PhotoID, version int64, regions []Region) error {
	for _, r := range regions {
		_, err := t.ExecContext(ctx, `INSERT INTO regions (id, photo, version, kind, x0, y0, x1, y1, score, source, fate)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, r.ID, id, version, string(r.Kind),
			r.Box.X0, r.Box.Y0, r.Box.X1, r.Box.Y1, r.Score, r.Source, r.Fate)
		if err != nil {
			return fmt.Errorf("writing regions: %w", err)
		}
	}
	return nil
}

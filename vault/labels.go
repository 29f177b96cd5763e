package vault

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/clinivault/clinivault/imaging"
)

// Labels says what reviewers made of the detectors' proposals: each region that they kept, moved, removed, accepted or
// drew is a label. It holds counts alone, of no photo and no patient.
type Labels struct {
	Since  Time         `json:"since"`  // of the decision; null: always
	Photos int          `json:"photos"` // approved since then
	Rows   []LabelCount `json:"rows"`   // by month, newest first, the whole time before them; then kind, then detector
}

// LabelCount counts labels of one kind, of one detector or of all together, in one month or over the whole time.
type LabelCount struct {
	Month    string       `json:"month"`    // of the decision, UTC, such as 2026-11; empty: the whole time
	Kind     imaging.Kind `json:"kind"`     // drawn: what no detector looks for
	Detector string       `json:"detector"` // empty: all of the kind
	Kept     int          `json:"kept"`     // proposed firmly, covered as proposed
	Moved    int          `json:"moved"`    // proposed firmly, covered with another box
	Removed  int          `json:"removed"`  // proposed firmly, not covered
	Accepted int          `json:"accepted"` // proposed faintly, covered
	Passed   int          `json:"passed"`   // proposed faintly, not covered
	Missed   int          `json:"missed"`   // drawn by hand where nothing was proposed; known of whole kinds only
	MissRate Share        `json:"miss_rate"`
	Wrong    Share        `json:"wrong"`
}

// Share is a part of a number, with its 95 % Wilson score interval. MissRate is the share of the covered regions that
// nothing had proposed, Wrong that of the firm proposals that were removed. Of nothing, all is 0 and High is 1.
type Share struct {
	Part int     `json:"part"`
	Of   int     `json:"of"`
	Rate float64 `json:"rate"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// shareOf is part of of, with the interval of Wilson (1927) at z = 1.96.
func shareOf(part, of int) Share {
	if of == 0 {
		return Share{High: 1}
	}
	const z = 1.959964
	n, p := float64(of), float64(part)/float64(of)
	middle, half := (p+z*z/(2*n))/(1+z*z/n), z/(1+z*z/n)*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	thousandth := func(v float64) float64 { return math.Round(1000*min(max(v, 0), 1)) / 1000 }
	return Share{part, of, thousandth(p), thousandth(middle - half), thousandth(middle + half)}
}

// redrawn is how much of both (intersection over union) a drawn box must share with a proposal that was removed to be
// taken for the proposal moved: who deletes a box and draws a better one did not find what was missed.
const redrawn = 0.3

const maxMonths = 1200

// Labels counts the labels of the photos approved in this calendar month (UTC) and those before it, months in all, or
// ever when months is 0; of a photo that was decided more than once, the last decision counts. Errors: ErrInvalid,
// ErrDenied.
func (v *Vault) Labels(ctx context.Context, a Actor, months int) (Labels, error) {
	photos, since, err := v.labelled(ctx, a, actLabels, months)
	if err != nil {
		return Labels{}, err
	}
	counts := map[labelKey]*LabelCount{}
	for _, p := range photos {
		p.count(counts)
	}
	return Labels{Since: since, Photos: len(photos), Rows: labelRows(counts)}, nil
}

// labelled records the act and then reads the labels of the last months, outside of the act's transaction: there can be
// many, and nobody who sends or reviews a photo is to wait for them.
func (v *Vault) labelled(ctx context.Context, a Actor, what act, months int) (photos []*labelledPhoto, since Time, err error) {
	err = v.do(ctx, a, what, object{Kind: "vault"}, func(t *tx) (err error) {
		since, err = t.since(months)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	photos, err = readLabelled(ctx, v.db, since)
	return photos, since, dbError(err)
}

// since is when the last months began, this calendar month included; zero, which is always, for 0 months.
func (t *tx) since(months int) (Time, error) {
	if months < 0 || months > maxMonths {
		return 0, ErrInvalid
	}
	if months == 0 {
		return 0, nil
	}
	now := Time(t.now).Std()
	return TimeOf(time.Date(now.Year(), now.Month()-time.Month(months-1), 1, 0, 0, 0, 0, time.UTC)), nil
}

// labelledPhoto is an approved photo with what was proposed and what was covered.
type labelledPhoto struct {
	id        PhotoID
	decidedAt Time
	proposed  []Region
	covered   []Region
}

// readLabelled reads the photos approved since a time, with their regions, oldest decision first.
func readLabelled(ctx context.Context, t querier, since Time) ([]*labelledPhoto, error) {
	const decided = ` FROM photos f JOIN reviews d ON d.photo = f.id AND d.decision = 'approve' AND d.decided_at >= $1
		AND d.version = (SELECT max(n.version) FROM reviews n WHERE n.photo = f.id AND n.decision = 'approve')`
	byID := map[PhotoID]*labelledPhoto{}
	photos, err := list(ctx, t, func(rows *sql.Rows) (*labelledPhoto, error) {
		p := &labelledPhoto{}
		err := rows.Scan(&p.id, &p.decidedAt)
		byID[p.id] = p
		return p, err
	}, `SELECT f.id, d.decided_at`+decided+` WHERE f.state = 'approved' ORDER BY d.decided_at, f.id`, int64(since))
	if err != nil {
		return nil, fmt.Errorf("reading decisions: %w", err)
	}
	_, err = list(ctx, t, func(rows *sql.Rows) (none struct{}, err error) {
		var id PhotoID
		var r Region
		err = rows.Scan(&id, &r.ID, &r.Kind, &r.Box.X0, &r.Box.Y0, &r.Box.X1, &r.Box.Y1, &r.Score, &r.Source, &r.Model, &r.Tuning,
			&r.proposal, &r.Fate)
		if p := byID[id]; p == nil {
			return none, err
		} else if r.Fate == fateProposed {
			p.proposed = append(p.proposed, r)
		} else {
			p.covered = append(p.covered, r)
		}
		return none, err
	}, `SELECT r.photo, r.id, r.kind, r.x0, r.y0, r.x1, r.y1, r.score, r.source, r.model, r.tuning, r.proposal, r.fate`+decided+`
		JOIN regions r ON r.photo = f.id AND (r.fate = 'proposed' OR r.version = d.version AND r.fate NOT IN ('removed', 'passed'))
		WHERE f.state = 'approved' ORDER BY r.photo, r.id`, int64(since))
	if err != nil {
		return nil, fmt.Errorf("reading labels: %w", err)
	}
	return photos, nil
}

type labelKey struct {
	month    string
	kind     imaging.Kind
	detector string
}

// count adds one photo's labels.
func (p *labelledPhoto) count(counts map[labelKey]*LabelCount) {
	month := p.decidedAt.Std().Format("2006-01")
	add := func(kind imaging.Kind, detector string, field func(*LabelCount) *int) {
		keys := []labelKey{{"", kind, ""}, {month, kind, ""}}
		if detector != "" {
			keys = append(keys, labelKey{"", kind, detector}, labelKey{month, kind, detector})
		}
		for _, k := range keys {
			if counts[k] == nil {
				counts[k] = &LabelCount{Month: k.month, Kind: k.kind, Detector: k.detector}
			}
			*field(counts[k])++
		}
	}
	fates, missed := p.labels()
	for i, r := range p.proposed {
		detector, _, _ := strings.Cut(r.Source, " ")
		add(r.Kind, detector, fates[i])
	}
	for _, r := range missed {
		add(r.Kind, "", func(c *LabelCount) *int { return &c.Missed })
	}
}

// labels gives what became of each proposal, and what was covered that nothing had proposed. A region names the first
// proposal it comes from over all reviews of the photo.
func (p *labelledPhoto) labels() (fates []func(*LabelCount) *int, missed []Region) {
	drawn := slices.Clone(p.covered)
	take := func(fits func(Region) bool) (Region, bool) {
		i := slices.IndexFunc(drawn, fits)
		if i < 0 {
			return Region{}, false
		}
		found := drawn[i]
		drawn = slices.Delete(drawn, i, i+1)
		return found, true
	}
	ends := make([]*Region, len(p.proposed))
	for i, r := range p.proposed { // first those that are tied, so that no drawn box takes their place
		if end, ok := take(func(c Region) bool { return c.proposal == r.ID }); ok {
			ends[i] = &end
		}
	}
	for i, r := range p.proposed {
		if ends[i] != nil {
			continue
		}
		if end, ok := take(func(c Region) bool { return c.proposal == "" && overlap(c.Box, r.Box) >= redrawn }); ok {
			ends[i] = &end
		}
	}
	for i, r := range p.proposed {
		fates = append(fates, fateField(r, ends[i]))
	}
	for _, c := range drawn {
		if c.proposal == "" && c.Fate != fateMoved { // moved of no known proposal: decided before proposals were kept
			missed = append(missed, c)
		}
	}
	return fates, missed
}

// fateField is the count that a proposal belongs to; end is what was covered in its place, nil when nothing was.
func fateField(r Region, end *Region) func(*LabelCount) *int {
	switch faint := r.faint(); {
	case faint && end == nil:
		return func(c *LabelCount) *int { return &c.Passed }
	case faint:
		return func(c *LabelCount) *int { return &c.Accepted }
	case end == nil:
		return func(c *LabelCount) *int { return &c.Removed }
	case end.Box == r.Box:
		return func(c *LabelCount) *int { return &c.Kept }
	}
	return func(c *LabelCount) *int { return &c.Moved }
}

// overlap is the intersection of two boxes over their union.
func overlap(a, b imaging.Box) float64 {
	area := func(b imaging.Box) float64 { return max(0, float64(b.X1-b.X0)) * max(0, float64(b.Y1-b.Y0)) }
	both := imaging.Box{X0: max(a.X0, b.X0), Y0: max(a.Y0, b.Y0), X1: min(a.X1, b.X1), Y1: min(a.Y1, b.Y1)}
	if both.X0 >= both.X1 || both.Y0 >= both.Y1 {
		return 0
	}
	return area(both) / (area(a) + area(b) - area(both))
}

// labelRows completes the counts and puts them in order.
func labelRows(counts map[labelKey]*LabelCount) []LabelCount {
	rows := []LabelCount{}
	for c := range maps.Values(counts) {
		c.Wrong = shareOf(c.Removed, c.Kept+c.Moved+c.Removed)
		c.MissRate = shareOf(0, 0)
		if c.Detector == "" {
			c.MissRate = shareOf(c.Missed, c.Kept+c.Moved+c.Accepted+c.Missed)
		}
		rows = append(rows, *c)
	}
	slices.SortFunc(rows, func(a, b LabelCount) int {
		if (a.Month == "") != (b.Month == "") {
			return cmp.Compare(len(a.Month), len(b.Month))
		}
		return cmp.Or(cmp.Compare(b.Month, a.Month), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Detector, b.Detector))
	})
	return rows
}

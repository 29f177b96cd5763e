package vault

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Found says in a word what is wrong with a stored object. The words stand in the log, in incidents and in metrics.
type Found string

// The findings. Those up to FoundRow keep an object from being opened; the others are untidy or suspicious.
const (
	FoundAbsent  Found = "absent"  // a row speaks of it and the store has not got it
	FoundCut     Found = "cut"     // shorter than what was stored
	FoundAltered Found = "altered" // other bytes than what was stored
	FoundSwapped Found = "swapped" // another object of this vault stands under the name
	FoundForeign Found = "foreign" // not a sealed object at all
	FoundSeal    Found = "seal"    // the bytes that were stored, but they do not open as what the row says
	FoundRow     Found = "row"     // the database's row is not as it was written
	FoundHidden  Found = "hidden"  // somebody deleted it, and the store still has the version
	FoundUnknown Found = "unknown" // an object that is not of the vault's making
	FoundOrphan  Found = "orphan"  // an object of ours that no row speaks of any more
	FoundVersion Found = "version" // older versions that nobody needs
	FoundUpload  Found = "upload"  // the rest of an upload in parts, which the vault never makes
	FoundOverdue Found = "overdue" // should be deleted since an hour, and is not
)

// foundWords say for an operator what a finding means.
var foundWords = map[Found]string{
	FoundAbsent: "is missing from the store", FoundCut: "was cut short", FoundAltered: "was altered",
	FoundSwapped: "was swapped for another object", FoundForeign: "was replaced by something that is not sealed",
	FoundSeal: "does not open with its key", FoundRow: "has an altered row in the database",
	FoundHidden: "was deleted by somebody else", FoundUnknown: "is not of the vault's making",
	FoundOrphan: "belongs to no photo", FoundVersion: "has older versions left over",
	FoundUpload: "is the rest of an upload in parts", FoundOverdue: "should have been deleted",
}

// Sentence says what the finding means, to follow "The object" or the photo's ID.
func (f Found) Sentence() string { return foundWords[f] }

// grave tells whether a photo, or a part of one, cannot be opened because of it.
func (f Found) grave() bool {
	switch f {
	case FoundAbsent, FoundCut, FoundAltered, FoundSwapped, FoundForeign, FoundSeal, FoundRow, FoundHidden:
		return true
	}
	return false
}

// Refused is the error of an object that is not what was stored. errors.Is finds ErrIntegrity.
type Refused struct {
	Photo     PhotoID
	Rendition string // its kind, or "envelope"
	Found     Found
}

func (r *Refused) Error() string {
	return fmt.Sprintf("%s: %s (%s)", ErrIntegrity.Error(), r.Rendition, r.Found)
}

// Unwrap is ErrIntegrity.
func (r *Refused) Unwrap() error { return ErrIntegrity }

// IncidentID names an incident.
type IncidentID string

// Incident is one thing that is wrong with a stored object, open until a person or a later check settles it. It names
// photos by ID only.
type Incident struct {
	ID        IncidentID `json:"id"`
	Found     Found      `json:"found"`
	Meaning   string     `json:"meaning"` // Found in words
	Grave     bool       `json:"grave"`   // a photo or a part of it cannot be opened
	Photo     PhotoID    `json:"photo"`   // empty where no row speaks of the object
	Rendition string     `json:"rendition"`
	Object    string     `json:"object"`
	FirstSeen Time       `json:"first_seen"`
	LastSeen  Time       `json:"last_seen"`
	Count     int64      `json:"count"`
	SettledAt Time       `json:"settled_at"` // zero while it is open
	SettledBy string     `json:"settled_by"` // a person's ID, "check" or "operator"
	Reason    string     `json:"reason"`
}

const (
	settledShown   = 30 * 24 * time.Hour
	maxIncidents   = 500
	maxObjectLabel = 200 // bytes of an object's name that is not ours
)

// incident notes a finding in the transaction of its event, and tells whether it is new: an open one is counted on.
func (t *tx) incident(ctx context.Context, f finding) (fresh bool, err error) {
	var count int64
	err = t.QueryRowContext(ctx, `INSERT INTO incidents (id, object, found, photo, rendition, first_seen, last_seen)
		VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (object, found) WHERE settled_at IS NULL
		DO UPDATE SET last_seen = excluded.last_seen, count = incidents.count + 1 RETURNING count`,
		newID(), f.label(), f.found, f.photo, f.rendition, t.now).Scan(&count)
	if err != nil {
		return false, fmt.Errorf("writing incident: %w", err)
	}
	return count == 1, nil
}

// finding is one thing wrong with one object.
type finding struct {
	object    string
	found     Found
	photo     PhotoID
	rendition string
}

// label is the object's name as it may be written down: whoever writes to the store chooses the names of what they put
// there.
func (f finding) label() string {
	if CheckBlobName(f.object) == nil {
		return f.object
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return '?'
		}
		return r
	}, f.object)
	return clip(name, maxObjectLabel)
}

// Incidents lists the open incidents, the gravest and latest first, then those settled in the last 30 days; at most 500.
func (v *Vault) Incidents(ctx context.Context, a Actor) ([]Incident, error) {
	var out []Incident
	err := v.do(ctx, a, actIncidents, object{Kind: "store"}, func(t *tx) (err error) {
		out, err = list(ctx, t, scanIncident, `SELECT id, found, photo, rendition, object, first_seen, last_seen, count,
			coalesce(settled_at, 0), settled_by, reason FROM incidents WHERE settled_at IS NULL OR settled_at > $1
			ORDER BY CASE WHEN settled_at IS NULL THEN 0 ELSE 1 END,
				CASE WHEN found IN ('absent', 'cut', 'altered', 'swapped', 'foreign', 'seal', 'row', 'hidden') THEN 0 ELSE 1 END,
				last_seen DESC, id LIMIT $2`, t.now-settledShown.Milliseconds(), maxIncidents)
		if err != nil {
			return fmt.Errorf("reading incidents: %w", err)
		}
		return nil
	})
	return out, err
}

func scanIncident(rows *sql.Rows) (i Incident, err error) {
	err = rows.Scan(&i.ID, &i.Found, &i.Photo, &i.Rendition, &i.Object, &i.FirstSeen, &i.LastSeen, &i.Count,
		&i.SettledAt, &i.SettledBy, &i.Reason)
	i.Meaning, i.Grave = i.Found.Sentence(), i.Found.grave()
	return i, err
}

// SettleIncident closes an incident that a person has dealt with, for a reason of 3 to 500 characters. What is still
// wrong opens a new one the next time it is seen. Errors: ErrNotFound, ErrInvalid, ErrConflict when it is settled.
func (v *Vault) SettleIncident(ctx context.Context, a Actor, id IncidentID, reason string) error {
	return v.do(ctx, a, actSettle, object{Kind: "incident", ID: string(id)}, func(t *tx) error {
		if err := checkReason(reason); err != nil {
			return err
		}
		var i Incident
		err := t.QueryRowContext(ctx, `SELECT found, photo FROM incidents WHERE id = $1`, id).Scan(&i.Found, &i.Photo)
		if err != nil {
			return fmt.Errorf("reading incident: %w", absent(err))
		}
		t.detail("found", string(i.Found))
		t.entry.Photo = shape(string(i.Photo))
		by := string(a.person)
		if by == "" {
			by = a.kind
		}
		return exactlyOne(ctx, t, "settling incident", `UPDATE incidents SET settled_at = $1, settled_by = $2, reason = $3
			WHERE id = $4 AND settled_at IS NULL`, t.now, by, reason, id)
	})
}

// IncidentCounts counts the open incidents by what was found, for metrics: numbers only, so no actor is asked for.
func (v *Vault) IncidentCounts(ctx context.Context) (map[Found]int64, error) {
	counts, err := openIncidents(ctx, v.db)
	return counts, dbError(err)
}

func openIncidents(ctx context.Context, q querier) (map[Found]int64, error) {
	type one struct {
		found Found
		n     int64
	}
	rows, err := list(ctx, q, func(rows *sql.Rows) (o one, err error) { return o, rows.Scan(&o.found, &o.n) },
		`SELECT found, count(*) FROM incidents WHERE settled_at IS NULL GROUP BY found`)
	if err != nil {
		return nil, fmt.Errorf("counting incidents: %w", err)
	}
	counts := map[Found]int64{}
	for f := range foundWords {
		counts[f] = 0
	}
	for _, r := range rows {
		counts[r.found] = r.n
	}
	return counts, nil
}

// recordRow writes the event of an act that met an altered row, with its incident.
func (v *Vault) recordRow(ctx context.Context, e logEntry) error {
	f := finding{object: e.Photo, found: FoundRow, photo: PhotoID(e.Photo)}
	if f.object == "" {
		f.object = strings.Trim(e.ObjectKind+" "+e.Object, " ")
	}
	return v.retryDetached(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.incident(ctx, f); err != nil {
			return err
		}
		return t.event(ctx, e)
	})
}

// integrityPart is the line of the health page on open incidents.
func integrityPart(ctx context.Context, t *tx) (Part, error) {
	counts, err := openIncidents(ctx, t)
	if err != nil {
		return Part{}, err
	}
	var words []string
	grave, quiet, total := int64(0), int64(0), int64(0)
	for _, f := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[f]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, f))
			total += n
			if f.grave() {
				grave += n
			}
			if f == FoundOrphan || f == FoundUpload { // a crash leaves such
				quiet += n
			}
		}
	}
	if total == 0 {
		return Part{Name: "integrity", OK: true, Detail: "no open incident"}, nil
	}
	open := "1 open incident"
	if total > 1 {
		open = fmt.Sprintf("%d open incidents", total)
	}
	return Part{Name: "integrity", OK: quiet == total, Warn: true,
		Detail: fmt.Sprintf("%s, %d on photos: %s", open, grave, strings.Join(words, ", "))}, nil
}

package vault

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Retention is what a run would destroy now, and what it would keep. It changes nothing.
type Retention struct {
	At    Time           `json:"at"`
	Rules []RetentionSum `json:"rules"` // by kind, each that has documents or a rule
	Due   []DueDocument  `json:"due"`   // oldest first, at most 500
}

// RetentionSum counts the documents of one kind.
type RetentionSum struct {
	Kind  string `json:"kind"`
	Rule  RuleID `json:"rule"` // empty: none acts, so nothing is due
	Kept  int    `json:"kept"`
	Held  int    `json:"held"` // due, but under a legal hold
	Due   int    `json:"due"`
	First Time   `json:"first"` // when the next one of those kept is due
}

// DueDocument is one that a run would destroy.
type DueDocument struct {
	Kind      string    `json:"kind"`
	Photo     PhotoID   `json:"photo"`
	Patient   PatientID `json:"patient"`
	TakenAt   Time      `json:"taken_at"`
	DueAt     Time      `json:"due_at"`
	Rule      RuleID    `json:"rule"`
	rendition RenditionID
}

// document is what retention looks at.
type document struct {
	kind      string
	photo     PhotoID
	patient   PatientID
	taken     Time
	born      string
	held      bool
	rendition RenditionID
}

const documentsQuery = `SELECT CASE WHEN f.withheld <> '' OR NOT EXISTS (SELECT 1 FROM consents c WHERE c.photo = f.id
		AND c.purpose = 'record' AND c.allowed AND c.version = (SELECT max(n.version) FROM consents n WHERE n.photo = c.photo
		AND n.purpose = c.purpose)) THEN 'withdrawn' WHEN f.state = 'accepted' THEN 'in_review' ELSE f.state END AS kind,
		f.id AS photo, f.patient AS patient, f.taken_at AS taken, f.received_at AS received, '' AS rendition
		FROM photos f WHERE f.state <> 'erased'
	UNION ALL SELECT r.kind, f.id, f.patient, f.taken_at, f.received_at, r.id FROM renditions r JOIN photos f ON f.id = r.photo
		WHERE r.kind IN ('released_teaching', 'released_publication') AND r.wrapped_key IS NOT NULL`

// documents reads every document. The time of the capture is the device's word; one that lies after the arrival is not
// believed.
func documents(ctx context.Context, q querier, where string, args ...any) ([]document, error) {
	out, err := list(ctx, q, func(rows *sql.Rows) (d document, err error) {
		var received Time
		var held int64
		err = rows.Scan(&d.kind, &d.photo, &d.patient, &d.taken, &received, &d.born, &held, &d.rendition)
		d.held = held > 0
		if d.taken > received {
			d.taken = received
		}
		return d, err
	}, `SELECT d.kind, d.photo, d.patient, d.taken, d.received, p.birth_date, (SELECT count(*) FROM holds h
		WHERE h.patient = d.patient AND h.lifted_at IS NULL AND (h.photo IS NULL OR h.photo = d.photo)), d.rendition
		FROM (`+documentsQuery+`) d JOIN patients p ON p.id = d.patient `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading documents: %w", err)
	}
	return out, nil
}

// acting are the rules that act, by kind.
func (t *tx) acting(ctx context.Context) (map[string]Rule, error) {
	all, err := t.rules(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]Rule{}
	for _, r := range all {
		if r.State == "acting" {
			out[r.Kind] = r
		}
	}
	return out, nil
}

// RetentionReport says what a run would destroy now: a dry run. Errors: ErrDenied.
func (v *Vault) RetentionReport(ctx context.Context, a Actor) (Retention, error) {
	var rules map[string]Rule
	var now int64
	err := v.do(ctx, a, actRetentionReport, object{Kind: "vault"}, func(t *tx) (err error) {
		rules, err = t.acting(ctx)
		now = t.now
		return err
	})
	if err != nil {
		return Retention{}, err
	}
	r, _, err := v.due(ctx, rules, now)
	return r, err
}

// due sorts every document by what its rule says, outside of the act's transaction: there can be many.
func (v *Vault) due(ctx context.Context, rules map[string]Rule, now int64) (Retention, []DueDocument, error) {
	all, err := documents(ctx, v.db, "")
	if err != nil {
		return Retention{}, nil, dbError(err)
	}
	sums := map[string]*RetentionSum{}
	for _, kind := range DocumentKinds() {
		sums[kind] = &RetentionSum{Kind: kind, Rule: rules[kind].ID}
	}
	out := Retention{At: Time(now), Rules: []RetentionSum{}, Due: []DueDocument{}}
	var due []DueDocument
	for _, d := range all {
		sum, known := sums[d.kind]
		if !known {
			continue
		}
		if one, is := sum.count(d, rules[d.kind], now); is {
			due = append(due, one)
		}
	}
	for _, kind := range DocumentKinds() {
		if s := sums[kind]; s.Rule != "" || s.Kept+s.Held+s.Due > 0 {
			out.Rules = append(out.Rules, *s)
		}
	}
	slices.SortFunc(due, func(a, b DueDocument) int {
		return cmp.Or(cmp.Compare(a.DueAt, b.DueAt), cmp.Compare(a.Photo, b.Photo), cmp.Compare(a.Kind, b.Kind))
	})
	out.Due = append(out.Due, due[:min(len(due), maxDue)]...)
	return out, due, nil
}

// count adds one document to the sum of its kind, and says whether it is due.
func (s *RetentionSum) count(d document, rule Rule, now int64) (DueDocument, bool) {
	at, ever := rule.until(d.taken, d.born)
	switch {
	case rule.ID == "" || !ever:
		s.Kept++
		return DueDocument{}, false
	case at.UnixMilli() > now:
		s.Kept++
		if s.First == 0 || TimeOf(at) < s.First {
			s.First = TimeOf(at)
		}
		return DueDocument{}, false
	case d.held:
		s.Held++
		return DueDocument{}, false
	}
	s.Due++
	return DueDocument{Kind: d.kind, Photo: d.photo, Patient: d.patient, TakenAt: d.taken, DueAt: TimeOf(at), Rule: rule.ID,
		rendition: d.rendition}, true
}

// RunRetention destroys what is due by the signed rules, each document in an act of its own that looks again: its kind, its
// rule, its age and legal holds as they are then. A photo goes as by an erasure, with its certificate. It also has the store
// asked again about the objects of legal holds. The worker runs it daily; it may run on several nodes. Errors: ErrDenied, ErrUnavailable.
func (v *Vault) RunRetention(ctx context.Context, a Actor) error {
	var rules map[string]Rule
	var now int64
	err := v.quietly(ctx, a, actRetention, object{Kind: "vault"}, func(t *tx) (err error) {
		now = t.now
		if rules, err = t.acting(ctx); err != nil {
			return err
		}
		return t.renewHolds(ctx)
	})
	if err != nil {
		return err
	}
	_, due, err := v.due(ctx, rules, now)
	if err != nil || len(due) == 0 {
		return err
	}
	gone := 0
	for _, d := range due {
		err := v.retire(ctx, a, d)
		if errors.Is(err, ErrConflict) {
			continue // something has changed since: the next run looks again
		}
		if err != nil {
			return err
		}
		gone++
	}
	v.scrub(ctx)
	return v.do(ctx, a, actRetention, object{Kind: "vault"}, func(t *tx) error {
		t.detail("due", fmt.Sprint(len(due)))
		t.detail("destroyed", fmt.Sprint(gone))
		return nil
	})
}

// renewHolds has the store asked again about holds that last: new renditions may have come.
func (t *tx) renewHolds(ctx context.Context) error {
	ids, err := list(ctx, t, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) },
		`SELECT id FROM holds WHERE lifted_at IS NULL ORDER BY id`)
	if err != nil {
		return fmt.Errorf("reading holds: %w", err)
	}
	for _, id := range ids {
		if err := t.enqueue(ctx, JobHold, id, t.now); err != nil {
			return err
		}
	}
	return nil
}

// retire destroys one document. ErrConflict: it is not due any more.
func (v *Vault) retire(ctx context.Context, a Actor, d DueDocument) error {
	return v.do(ctx, a, actRetentionErase, onPhoto(d.Photo), func(t *tx) error {
		rules, err := t.acting(ctx)
		if err != nil {
			return err
		}
		now, err := documents(ctx, t, `WHERE d.photo = $1`, d.Photo)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(now, func(o document) bool { return o.kind == d.Kind && o.rendition == d.rendition })
		if i < 0 {
			return fmt.Errorf("document is not what it was: %w", ErrConflict)
		}
		rule := rules[d.Kind]
		if _, is := (&RetentionSum{}).count(now[i], rule, t.now); !is {
			return fmt.Errorf("document is not due any more: %w", ErrConflict)
		}
		t.detail("rule", string(rule.ID))
		t.detail("rule_version", fmt.Sprint(rule.Version))
		t.detail("kind", d.Kind)
		if d.rendition != "" {
			if err := t.endReleases(ctx, d.Photo, purposeOf(d.Kind), causeRetention); err != nil {
				return err
			}
			return t.destroyMade(ctx, d.Photo, d.Kind)
		}
		e := erasureRow{id: ErasureID(newID()), patient: now[i].patient, photo: d.Photo}
		_, err = t.ExecContext(ctx, `INSERT INTO erasures (id, patient, photo, cause, rule, state, asked_at)
			VALUES ($1, $2, $3, 'retention', $4, 'asked', $5)`, e.id, e.patient, e.photo, rule.ID, t.now)
		if err != nil {
			return fmt.Errorf("writing erasure: %w", err)
		}
		return t.erase(ctx, e, "")
	})
}

// purposeOf is the purpose that a kind of released copy is for.
func purposeOf(kind string) string {
	for purpose, k := range releasedKind {
		if k == kind {
			return purpose
		}
	}
	return ""
}

// RetentionEvery is how often the worker runs retention.
const RetentionEvery = 24 * time.Hour

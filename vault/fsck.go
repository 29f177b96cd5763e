package vault

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// CheckOptions say how the store is checked.
type CheckOptions struct {
	// Deep opens every object and compares every byte; otherwise names and
	// sizes are compared, and only what looks touched is opened.
	Deep bool
	// Repair mends what can be mended without a person: it brings hidden and
	// overwritten objects back, makes thumbnails and covered pictures anew, and
	// removes older versions, the rest of uploads that are older than an hour,
	// and orphans that an earlier check saw already.
	Repair bool
	// Tidy is Repair of leftovers alone: uploads in parts and versions that no
	// row speaks of. What was done to photos is left for a person to see.
	Tidy bool
	// Progress, when not nil, is called now and then.
	Progress func(CheckProgress)
}

// CheckProgress is how far a check is.
type CheckProgress struct {
	Step           string // listing, rows, envelopes, leftovers, versions
	Done, Of       int64  // objects; Of is 0 when it is not known
	Findings       int
	Bytes, Repairs int64
}

// StoreFinding is one thing that a check found.
type StoreFinding struct {
	Found     Found   `json:"found"`
	Meaning   string  `json:"meaning"`
	Photo     PhotoID `json:"photo,omitempty"`
	Rendition string  `json:"rendition,omitempty"`
	Object    string  `json:"object"`
	Repaired  bool    `json:"repaired"`
	Remedy    string  `json:"remedy,omitempty"` // what a person can do; empty when it is repaired
}

// StoreReport is what a check of the store found.
type StoreReport struct {
	StoreCheck
	Repair bool           `json:"repair"`
	List   []StoreFinding `json:"list"` // at most 10,000; Findings counts all
	Notes  []string       `json:"notes,omitempty"`
}

// StoreCheck sums a check up.
type StoreCheck struct {
	At       Time  `json:"at"` // when it ended; zero when the store was never checked
	TookMS   int64 `json:"took_ms"`
	Deep     bool  `json:"deep"`
	Objects  int64 `json:"objects"`
	Bytes    int64 `json:"bytes"`
	Findings int64 `json:"findings"`
	Repaired int64 `json:"repaired"`
}

const (
	maxFindings  = 10000 // listed in a report
	checkPage    = 500
	tellEvery    = time.Second
	overdueTries = 8 // failed deletions, about 20 minutes
)

// spot is what a check knows of a name in the store: about 150 bytes for each object.
type spot struct {
	size   int64 // -1: not listed
	spoken bool  // a row wants the object there
}

// storeChecker is one run of CheckStore.
type storeChecker struct {
	v      *Vault
	a      Actor
	opt    CheckOptions
	began  int64 // unix milliseconds; incidents seen later are this run's
	places map[string]spot
	rows   int64 // objects that rows speak of
	here   int64 // of them, listed
	report StoreReport
	told   time.Time
	step   string
}

// CheckStore compares what the database speaks of with what the store holds, both ways: missing, swapped, cut, altered
// and unknown objects, orphans, deletions that did not happen, versions and uploads that should not be there. It may
// run beside the service and on several nodes. What it finds becomes an event and an open incident, and an incident
// that it no longer finds is settled. A store that cannot be asked is ErrUnavailable, and nothing is settled then.
func (v *Vault) CheckStore(ctx context.Context, a Actor, opt CheckOptions) (StoreReport, error) {
	if err := v.quietly(ctx, a, actStoreCheck, object{Kind: "store"}, func(*tx) error { return nil }); err != nil {
		return StoreReport{}, err
	}
	c := &storeChecker{v: v, a: a, opt: opt, began: v.now(), places: map[string]spot{}, told: time.Now()}
	start := time.Now()
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{{"listing", c.listing}, {"rows", c.renditions}, {"envelopes", c.envelopes}, {"versions", c.versions},
		{"leftovers", c.leftovers}, {"deletions", c.deletions}} {
		c.step = step.name
		if err := step.run(ctx); err != nil {
			return StoreReport{}, fmt.Errorf("checking the store (%s): %w", step.name, err)
		}
	}
	c.report.At, c.report.TookMS = Time(v.now()), time.Since(start).Milliseconds()
	c.report.Deep, c.report.Repair = opt.Deep, opt.Repair
	return c.report, c.finish(ctx)
}

// listing takes down what the store says it holds.
func (c *storeChecker) listing(ctx context.Context) error {
	return c.v.cfg.Blobs.List(ctx, "", func(name string, size int64) error {
		c.places[name] = spot{size: size}
		c.report.Objects++
		c.tell(int64(len(c.places)), 0)
		return ctx.Err()
	})
}

func (c *storeChecker) tell(done, of int64) {
	if c.opt.Progress == nil || time.Since(c.told) < tellEvery {
		return
	}
	c.told = time.Now()
	c.opt.Progress(CheckProgress{Step: c.step, Done: done, Of: of, Findings: int(c.report.Findings),
		Bytes: c.report.Bytes, Repairs: c.report.Repaired})
}

// found notes a finding and, when asked to, repairs it first; mend is nil where nothing can be done.
func (c *storeChecker) found(ctx context.Context, f finding, remedy string, mend func(context.Context) (bool, error)) error {
	one := StoreFinding{Found: f.found, Meaning: f.found.Sentence(), Photo: f.photo, Rendition: f.rendition, Object: f.label(), Remedy: remedy}
	if (c.opt.Repair || c.opt.Tidy && f.photo == "" && (f.found == FoundUpload || f.found == FoundVersion)) && mend != nil {
		mended, err := mend(ctx)
		if err != nil {
			return err
		}
		if mended {
			one.Repaired, one.Remedy = true, ""
			c.report.Repaired++
		}
	}
	c.report.Findings++
	if len(c.report.List) < maxFindings {
		c.report.List = append(c.report.List, one)
	}
	if err := c.record(ctx, f); err != nil {
		return err
	}
	if !one.Repaired {
		return nil
	}
	return c.recordRepair(ctx, f)
}

// record writes the incident, and the event where the incident is new.
func (c *storeChecker) record(ctx context.Context, f finding) error {
	return c.v.retryDetached(ctx, func(ctx context.Context, t *tx) error {
		fresh, err := t.incident(ctx, f)
		if err != nil || !fresh {
			return err
		}
		e := newEntry(c.a, actFinding, object{Kind: "store", Photo: f.photo})
		e.fact("found", string(f.found))
		if f.rendition != "" {
			e.fact("rendition", f.rendition)
		}
		return t.event(ctx, e)
	})
}

// recordRepair writes the event of a repair and settles its incident.
func (c *storeChecker) recordRepair(ctx context.Context, f finding) error {
	return c.v.do(ctx, c.a, actStoreRepair, object{Kind: "store"}, func(t *tx) error {
		t.entry.Photo = shape(string(f.photo))
		t.detail("found", string(f.found))
		if f.rendition != "" {
			t.detail("rendition", f.rendition)
		}
		_, err := t.ExecContext(ctx, `UPDATE incidents SET settled_at = $1, settled_by = 'check', reason = 'repaired'
			WHERE settled_at IS NULL AND object = $2`, t.now, f.label())
		if err != nil {
			return fmt.Errorf("settling incident: %w", err)
		}
		return nil
	})
}

// finish settles what is no longer found, and writes the sum of the check with its event.
func (c *storeChecker) finish(ctx context.Context) error {
	gone := `'absent', 'hidden', 'unknown', 'orphan', 'version', 'upload', 'overdue'`
	if c.opt.Deep {
		gone += `, 'cut', 'altered', 'swapped', 'foreign', 'seal', 'row'`
	}
	return c.v.do(ctx, c.a, actStoreCheck, object{Kind: "store"}, func(t *tx) error {
		res, err := t.ExecContext(ctx, `UPDATE incidents SET settled_at = $1, settled_by = 'check', reason = 'no longer found'
			WHERE settled_at IS NULL AND last_seen < $2 AND found IN (`+gone+`)`, t.now, c.began)
		if err != nil {
			return fmt.Errorf("settling incidents: %w", err)
		}
		settled, err := res.RowsAffected()
		if err != nil {
			return err
		}
		r := c.report.StoreCheck
		for k, n := range map[string]int64{"objects": r.Objects, "findings": r.Findings, "repaired": r.Repaired, "settled": settled} {
			t.detail(k, strconv.FormatInt(n, 10))
		}
		t.detail("deep", strconv.FormatBool(r.Deep))
		_, err = t.ExecContext(ctx, `INSERT INTO store_checks (id, at, took, deep, objects, bytes, findings, repaired)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, newID(), r.At, r.TookMS, r.Deep, r.Objects, r.Bytes, r.Findings, r.Repaired)
		if err != nil {
			return fmt.Errorf("writing the check: %w", err)
		}
		return nil
	})
}

// checkEvery is how often the worker checks the store of its own accord.
const checkEvery = 24 * time.Hour

// TidyStore checks names and sizes once a day, whichever node comes first, and removes leftovers; call it as often as
// you like. A vault's first day has no check.
func (v *Vault) TidyStore(ctx context.Context, a Actor) error {
	var last int64
	err := v.quietly(ctx, a, actStoreCheck, object{Kind: "store"}, func(t *tx) error {
		return t.QueryRowContext(ctx, `SELECT coalesce((SELECT max(at) FROM store_checks),
			(SELECT min(created_at) FROM epoch_keys), $1)`, t.now).Scan(&last)
	})
	if err != nil {
		return fmt.Errorf("reading the last check: %w", err)
	}
	if v.now()-last < checkEvery.Milliseconds() {
		return nil
	}
	_, err = v.CheckStore(ctx, a, CheckOptions{Tidy: true})
	return err
}

// LastStoreCheck sums up the last check of the store; At is zero when there was none.
func (v *Vault) LastStoreCheck(ctx context.Context, a Actor) (StoreCheck, error) {
	var s StoreCheck
	err := v.do(ctx, a, actIncidents, object{Kind: "store"}, func(t *tx) error {
		err := t.QueryRowContext(ctx, `SELECT at, took, deep, objects, bytes, findings, repaired FROM store_checks
			ORDER BY at DESC, id LIMIT 1`).Scan(&s.At, &s.TookMS, &s.Deep, &s.Objects, &s.Bytes, &s.Findings, &s.Repaired)
		if absent(err) == ErrNotFound {
			return nil
		}
		return err
	})
	return s, err
}

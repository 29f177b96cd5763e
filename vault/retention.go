package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The kinds of document that a retention rule can be about. A photo is of one kind: of "withdrawn" when the patient has
// withdrawn the record from it or it was recalled, otherwise of its state. Released copies are kinds of their own.
const (
	docApproved    = "approved"
	docRejected    = "rejected"
	docQuarantined = "quarantined"
	docInReview    = "in_review" // also one that is not processed yet
	docWithdrawn   = "withdrawn"
)

// DocumentKinds lists the kinds of document that a retention rule can be about.
func DocumentKinds() []string {
	return []string{docApproved, docRejected, docQuarantined, docInReview, docWithdrawn, KindReleasedTeaching, KindReleasedPublication}
}

const (
	maxYears = 150
	maxDue   = 500 // documents that a report names
)

// NewRule proposes how long documents of a kind are kept: Years after the capture (0: for good), and those of patients
// younger than ChildUntil at the capture at least until ChildYears after that birthday (ChildUntil 0: nothing more for
// children). Reason, 3 to 500 characters, is the law or the order behind it.
type NewRule struct {
	Kind       string
	Years      int
	ChildUntil int
	ChildYears int
	Reason     string
}

// Rule is one version of a retention rule. The newest signed one of a kind acts, and nothing is due without one.
type Rule struct {
	ID             RuleID   `json:"id"`
	Kind           string   `json:"kind"`
	Version        int64    `json:"version"`
	Years          int      `json:"years"`
	ChildUntil     int      `json:"child_until"`
	ChildYears     int      `json:"child_years"`
	Reason         string   `json:"reason"`
	State          string   `json:"state"` // proposed, acting, replaced, dropped
	ProposedBy     PersonID `json:"proposed_by"`
	ProposedByName string   `json:"proposed_by_name"`
	ProposedAt     Time     `json:"proposed_at"`
	SignedBy       PersonID `json:"signed_by"`
	SignedByName   string   `json:"signed_by_name"`
	SignedAt       Time     `json:"signed_at"`
}

func (n NewRule) check() error {
	switch {
	case !slices.Contains(DocumentKinds(), n.Kind):
		return say(ErrInvalid, "There are no documents of that kind.")
	case n.Years < 0 || n.Years > maxYears || n.ChildUntil < 0 || n.ChildUntil > 30 || n.ChildYears < 0 || n.ChildYears > maxYears:
		return say(ErrInvalid, "Years are whole numbers: 0 to 150 to keep, 0 to 30 for the age of a child.")
	case n.ChildUntil == 0 && n.ChildYears > 0:
		return say(ErrInvalid, "Say until which birthday a patient is a child.")
	}
	return checkReason(n.Reason)
}

// ProposeRule proposes a new version of a rule. It acts once a second person has signed it; a version proposed before and
// not signed is dropped. Errors: ErrInvalid, ErrDenied.
func (v *Vault) ProposeRule(ctx context.Context, a Actor, n NewRule) (RuleID, error) {
	id := RuleID(newID())
	err := v.do(ctx, a, actProposeRule, object{Kind: "rule", ID: string(id)}, func(t *tx) error {
		if err := n.check(); err != nil {
			return err
		}
		t.detail("kind", n.Kind)
		if err := t.notify(ctx, noticeSignRule, toHolders(RolePrivacy, a.person), toHolders(RoleRecords, a.person)); err != nil {
			return err
		}
		return t.changes(ctx, "proposing rule",
			change{`UPDATE retention_rules SET dropped_at = $1 WHERE kind = $2 AND signed_at IS NULL AND dropped_at IS NULL`, []any{t.now, n.Kind}},
			change{`INSERT INTO retention_rules (id, kind, version, years, child_until, child_years, reason, proposed_by, proposed_at)
				VALUES ($1, $2, (SELECT coalesce(max(r.version), 0) + 1 FROM retention_rules r WHERE r.kind = $2), $3, $4, $5, $6, $7, $8)`,
				[]any{id, n.Kind, n.Years, n.ChildUntil, n.ChildYears, n.Reason, a.person, t.now}})
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// SignRule is the second person's word on a proposed rule; from then on it acts. Errors: ErrNotFound, ErrDenied for one's
// own proposal, ErrConflict when it is signed or dropped.
func (v *Vault) SignRule(ctx context.Context, a Actor, id RuleID) error {
	return v.do(ctx, a, actSignRule, object{Kind: "rule", ID: string(id)}, func(t *tx) error {
		var by PersonID
		err := t.QueryRowContext(ctx, `SELECT proposed_by FROM retention_rules WHERE id = $1`, id).Scan(&by)
		if err != nil {
			return fmt.Errorf("reading rule: %w", absent(err))
		}
		if by == a.person {
			return say(ErrDenied, "You have proposed this yourself. A second person signs the rule.")
		}
		t.detail("proposed_by", string(by))
		err = exactlyOne(ctx, t, "signing rule", `UPDATE retention_rules SET signed_by = $1, signed_at = $2
			WHERE id = $3 AND signed_at IS NULL AND dropped_at IS NULL`, a.person, t.now, id)
		if errors.Is(err, ErrConflict) {
			return say(ErrConflict, "The rule is no longer a proposal: it was signed or replaced.")
		}
		return err
	})
}

// DropRule takes a proposed rule back. Errors: ErrNotFound, ErrDenied, ErrConflict once it is signed.
func (v *Vault) DropRule(ctx context.Context, a Actor, id RuleID) error {
	return v.do(ctx, a, actDropRule, object{Kind: "rule", ID: string(id)}, func(t *tx) error {
		if err := holds(ctx, t, `SELECT count(*) FROM retention_rules WHERE id = $1`, id); err != nil {
			return err
		}
		return exactlyOne(ctx, t, "dropping rule", `UPDATE retention_rules SET dropped_at = $1 WHERE id = $2 AND signed_at IS NULL
			AND dropped_at IS NULL`, t.now, id)
	})
}

// RetentionRules lists every version of every rule, by kind, newest first. Errors: ErrDenied.
func (v *Vault) RetentionRules(ctx context.Context, a Actor) ([]Rule, error) {
	var out []Rule
	err := v.do(ctx, a, actRetentionRules, object{Kind: "rule"}, func(t *tx) (err error) {
		out, err = t.rules(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *tx) rules(ctx context.Context) ([]Rule, error) {
	acting := map[string]bool{}
	out, err := list(ctx, t, func(rows *sql.Rows) (r Rule, err error) {
		var dropped int64
		err = rows.Scan(&r.ID, &r.Kind, &r.Version, &r.Years, &r.ChildUntil, &r.ChildYears, &r.Reason, &r.ProposedBy, &r.ProposedByName,
			&r.ProposedAt, &r.SignedBy, &r.SignedByName, &r.SignedAt, &dropped)
		switch {
		case dropped != 0:
			r.State = "dropped"
		case r.SignedAt == 0:
			r.State = "proposed"
		case acting[r.Kind]:
			r.State = "replaced"
		default:
			r.State, acting[r.Kind] = "acting", true
		}
		return r, err
	}, `SELECT r.id, r.kind, r.version, r.years, r.child_until, r.child_years, r.reason, r.proposed_by, u.name, r.proposed_at,
		coalesce(r.signed_by, ''), coalesce(s.name, ''), coalesce(r.signed_at, 0), coalesce(r.dropped_at, 0) FROM retention_rules r
		JOIN people u ON u.id = r.proposed_by LEFT JOIN people s ON s.id = r.signed_by ORDER BY r.kind, r.version DESC`)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	return out, nil
}

// until is when a document of a rule may go: never for 0 years. Calendar years are counted in UTC; who was born on
// February 29 has a birthday on March 1 in other years.
func (r Rule) until(taken Time, birthDate string) (at time.Time, ever bool) {
	if r.Years == 0 {
		return time.Time{}, false
	}
	at = taken.Std().AddDate(r.Years, 0, 0)
	if r.ChildUntil == 0 {
		return at, true
	}
	born, err := time.Parse(birthShape, birthDate)
	if err != nil {
		return time.Time{}, false // nobody knows whether it shows a child: it is kept
	}
	grown := born.AddDate(r.ChildUntil, 0, 0)
	if taken.Std().Before(grown) {
		if end := grown.AddDate(r.ChildYears, 0, 0); end.After(at) {
			at = end
		}
	}
	return at, true
}

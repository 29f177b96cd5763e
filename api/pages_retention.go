package api

import (
	"fmt"

	"github.com/clinivault/clinivault/vault"
)

// documentWords are the kinds of document that a retention rule can be about.
var documentWords = map[string]string{
	"approved": "Approved photos", "rejected": "Rejected photos", "quarantined": "Photos that could not be used",
	"in_review": "Photos not reviewed yet", "withdrawn": "Photos withdrawn from the record or recalled",
	"released_teaching": "Copies released for teaching", "released_publication": "Copies released for publication",
}

// ruleView is a rule in words.
type ruleView struct {
	vault.Rule
	twoPeople
}

// KindText names the documents.
func (r ruleView) KindText() string { return documentWords[r.Kind] }

// Text says how long they are kept.
func (r ruleView) Text() string {
	if r.Years == 0 {
		return "Kept for good."
	}
	out := "Kept for " + years(r.Years) + " after the photo was taken"
	if r.ChildUntil > 0 {
		out += fmt.Sprintf("; of a patient under %d then, at least until %s after their %s birthday", r.ChildUntil, years(r.ChildYears), ordinal(r.ChildUntil))
	}
	return out + "."
}

// ordinal writes 18th, 21st and so on.
func ordinal(n int) string {
	ends := []string{"th", "st", "nd", "rd"}
	if last := n % 10; last < len(ends) && n/10%10 != 1 {
		return fmt.Sprint(n) + ends[last]
	}
	return fmt.Sprint(n) + "th"
}

func years(n int) string {
	if n == 1 {
		return "1 year"
	}
	return fmt.Sprintf("%d years", n)
}

// sumView is one line of the dry run with its bar, in parts of a hundred.
type sumView struct {
	vault.RetentionSum
	Text string // the rule that acts
}

// KindText names the documents.
func (s sumView) KindText() string { return documentWords[s.Kind] }

// All is how many documents there are.
func (s sumView) All() int { return s.Kept + s.Held + s.Due }

func (s sumView) part(n int) int {
	if s.All() == 0 {
		return 0
	}
	return (100*n + s.All() - 1) / s.All()
}

// DueWide and HeldWide are the widths of the bar's first two parts; what is kept fills the rest.
func (s sumView) DueWide() int { return s.part(s.Due) }

// HeldWide is the width of the bar's middle part, after DueWide.
func (s sumView) HeldWide() int { return min(s.part(s.Held), 100-s.DueWide()) }

// choice is one entry of a list to choose from.
type choice struct{ Value, Text string }

func (s *Server) retentionPage(v visit) (sheet, error) {
	rules, err := s.vault.RetentionRules(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	report, err := s.vault.RetentionReport(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	body := struct {
		Proposed, Past []ruleView
		Sums           []sumView
		Report         vault.Retention
		Kinds          []choice
	}{Report: report}
	text := map[vault.RuleID]string{}
	for _, r := range rules {
		view := ruleView{r, twoPeople{r.ProposedBy, v.actor.Person(), true}}
		switch r.State {
		case "proposed":
			body.Proposed = append(body.Proposed, view)
		case "acting":
			text[r.ID] = view.Text()
		default:
			body.Past = append(body.Past, view)
		}
	}
	for _, sum := range report.Rules {
		body.Sums = append(body.Sums, sumView{sum, text[sum.Rule]})
	}
	for _, kind := range vault.DocumentKinds() {
		body.Kinds = append(body.Kinds, choice{kind, documentWords[kind]})
	}
	return sheet{name: "retention", title: "Retention", here: "/retention", body: body}, nil
}

package api

import (
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

// retentionRoutes are how long documents are kept, and photos of the wrong patient.
var retentionRoutes = []route{
	{method: "GET", path: "/api/v1/retention/rules", summary: "Every version of every retention rule", roles: only(privacy, records), out: rulesAnswer{}, do: (*call).retentionRules},
	{method: "POST", path: "/api/v1/retention/rules", summary: "Propose how long documents of a kind are kept; it acts once a second person has signed", roles: only(privacy), in: ruleRequest{}, out: ruleAnswer{}, status: 201, do: (*call).proposeRule},
	{method: "POST", path: "/api/v1/retention/rules/{id}/sign", summary: "Sign a proposed rule as the second person", roles: only(privacy, records), status: 204, do: (*call).signRule},
	{method: "POST", path: "/api/v1/retention/rules/{id}/drop", summary: "Take a proposed rule back", roles: only(privacy), status: 204, do: (*call).dropRule},
	{method: "GET", path: "/api/v1/retention/report", summary: "What the next run would erase: a dry run", roles: only(privacy, records), out: vault.Retention{}, do: (*call).retentionReport},
	{method: "GET", path: "/api/v1/recalls", summary: "Photos reported as being of the wrong patient", roles: only(privacy, records), out: recallsAnswer{}, do: (*call).recalls},
	{method: "POST", path: "/api/v1/recalls", summary: "Report a photo of the wrong patient, with the right one when known", roles: only(clinician, records, privacy), in: recallRequest{}, out: recallAnswer{}, status: 201, do: (*call).askRecall},
	{method: "POST", path: "/api/v1/recalls/{id}/sign", summary: "Sign as the second person: the photo moves, or is shown to nobody any more", roles: only(privacy, records), status: 204, do: (*call).signRecall},
	{method: "POST", path: "/api/v1/recalls/{id}/cancel", summary: "Take back a report that nobody has signed", roles: only(privacy, records), status: 204, do: (*call).cancelRecall},
}

type rulesAnswer struct {
	Rules []vault.Rule `json:"rules"`
}

type ruleRequest struct {
	Kind       string `json:"kind"`
	Years      int    `json:"years"`       // after the capture; 0: for good
	ChildUntil int    `json:"child_until"` // years of age; 0: nothing more for children
	ChildYears int    `json:"child_years"` // after that birthday
	Reason     string `json:"reason"`
}

type ruleAnswer struct {
	ID vault.RuleID `json:"id"`
}

func (c *call) retentionRules() error {
	list, err := c.s.vault.RetentionRules(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(rulesAnswer{some(list)})
}

func (c *call) proposeRule() error {
	var in ruleRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	id, err := c.s.vault.ProposeRule(c.r.Context(), c.actor, vault.NewRule(in))
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, ruleAnswer{id})
}

func (c *call) signRule() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.SignRule(c.r.Context(), c.actor, vault.RuleID(id)); err != nil {
		return err
	}
	return c.done()
}

func (c *call) dropRule() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.DropRule(c.r.Context(), c.actor, vault.RuleID(id)); err != nil {
		return err
	}
	return c.done()
}

func (c *call) retentionReport() error {
	report, err := c.s.vault.RetentionReport(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(report)
}

type recallsAnswer struct {
	Recalls []vault.Recall `json:"recalls"`
}

// recallRequest names the photo and, when it is known, whose it is.
type recallRequest struct {
	Photo  vault.PhotoID   `json:"photo"`
	To     vault.PatientID `json:"to,omitempty"`
	Reason string          `json:"reason"`
}

type recallAnswer struct {
	ID vault.RecallID `json:"id"`
}

func (c *call) recalls() error {
	list, err := c.s.vault.Recalls(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(recallsAnswer{some(list)})
}

func (c *call) askRecall() error {
	var in recallRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	id, err := c.s.vault.AskRecall(c.r.Context(), c.actor, in.Photo, in.To, in.Reason)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, recallAnswer{id})
}

func (c *call) signRecall() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.SignRecall(c.r.Context(), c.actor, vault.RecallID(id)); err != nil {
		return err
	}
	return c.done()
}

func (c *call) cancelRecall() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.CancelRecall(c.r.Context(), c.actor, vault.RecallID(id)); err != nil {
		return err
	}
	return c.done()
}

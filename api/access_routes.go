package api

import "github.com/clinivault/clinivault/vault"

// accessRoutes are who may do what, why, and what goes beyond the care team.
var accessRoutes = []route{
	{method: "GET", path: "/api/v1/access/rights", summary: "The table of who may do what: the one that decides", roles: only(privacy), out: rightsAnswer{}, do: (*call).rights},
	{method: "POST", path: "/api/v1/access/explain", summary: "Whether a person may do an act to a patient or a photo, and why", roles: only(privacy), in: explainRequest{}, out: vault.Explanation{}, do: (*call).explain},
	{method: "GET", path: "/api/v1/access/reports/{quarter}", summary: "Who holds what, for the review of a quarter such as 2026Q4", roles: only(privacy), out: reportAnswer{}, do: (*call).accessReport},
	{method: "GET", path: "/api/v1/access/reports/{quarter}/csv", summary: "The same as a table for a spreadsheet", roles: only(privacy), outType: "text/csv", do: (*call).accessReportCSV},
	{method: "POST", path: "/api/v1/access/reports/{quarter}/sign", summary: "Sign the review of a quarter", roles: only(privacy), in: reviewRequest{}, status: 204, do: (*call).signAccessReview},

	{method: "POST", path: "/api/v1/break-glass", summary: "Look at a patient outside one's care team, for a reason and for a time", roles: only(clinician), in: glassRequest{}, out: vault.Glass{}, status: 201, do: (*call).breakGlass},
	{method: "GET", path: "/api/v1/break-glass", summary: "One's own that are open", roles: only(clinician), out: glassesAnswer{}, do: (*call).openGlasses},
	{method: "GET", path: "/api/v1/break-glass/reviews", summary: "All of them, those that wait for a review first", roles: only(privacy), out: glassesAnswer{}, do: (*call).glassReviews},
	{method: "POST", path: "/api/v1/break-glass/{id}/end", summary: "End one before its time", roles: only(clinician, privacy), status: 204, do: (*call).endGlass},
	{method: "POST", path: "/api/v1/break-glass/{id}/close", summary: "Close the review of one, with a finding", roles: only(privacy), in: closeGlassRequest{}, status: 204, do: (*call).closeGlass},

	{method: "POST", path: "/api/v1/delegations", summary: "Let another clinician treat one's patients for a time", roles: only(clinician), in: delegationRequest{}, out: delegationAnswer{}, status: 201, do: (*call).delegate},
	{method: "GET", path: "/api/v1/delegations", summary: "What one gave and holds; the privacy officer sees all", roles: only(clinician, privacy), out: delegationsAnswer{}, do: (*call).delegations},
	{method: "POST", path: "/api/v1/delegations/{id}/end", summary: "End a delegation now", roles: only(clinician, privacy), status: 204, do: (*call).endDelegation},

	{method: "GET", path: "/api/v1/photos/{id}/sensitivity", summary: "How narrowly a photo is shown, and how that came", roles: only(clinician, privacy), out: vault.PhotoSensitivity{}, do: (*call).sensitivity},
	{method: "POST", path: "/api/v1/photos/{id}/sensitivity", summary: "Change it, with a reason; only the privacy officer makes it wider", roles: only(clinician, privacy), in: sensitivityRequest{}, status: 204, do: (*call).setSensitivity},
	{method: "POST", path: "/api/v1/photos/{id}/look-reason", summary: "Say why one looks at an intimate photo: it opens for 15 minutes", roles: only(clinician), in: reasonRequest{}, out: lookAnswer{}, do: (*call).giveReason},
	{method: "POST", path: "/api/v1/photos/{id}/uses", summary: "Sign a use that a photo's sensitivity forbids", roles: only(privacy), in: useRequest{}, status: 204, do: (*call).allowUse},
	{method: "POST", path: "/api/v1/photos/{id}/uses/{purpose}/end", summary: "Take such a use back", roles: only(privacy), status: 204, do: (*call).endUse},
}

type rightsAnswer struct {
	Rights []rightWords `json:"rights"`
}

type explainRequest struct {
	Login   string        `json:"login"`
	Patient string        `json:"patient,omitempty"`
	Photo   vault.PhotoID `json:"photo,omitempty"`
	Act     string        `json:"act"`
}

// reportAnswer is the report with the digest that signing it takes.
type reportAnswer struct {
	vault.AccessReport
	Digest string `json:"digest"`
}

type reviewRequest struct {
	Digest string `json:"digest"`
	Remark string `json:"remark"`
}

type glassRequest struct {
	RecordNumber string `json:"record_number"`
	BirthDate    string `json:"birth_date"`
	Reason       string `json:"reason"`
}

type glassesAnswer struct {
	BreakGlass []vault.Glass `json:"break_glass"`
}

type closeGlassRequest struct {
	Finding string `json:"finding"`
	Remark  string `json:"remark"`
}

type delegationRequest struct {
	To    string     `json:"to"` // login
	From  vault.Time `json:"from"`
	Until vault.Time `json:"until"`
}

type delegationAnswer struct {
	ID vault.DelegationID `json:"id"`
}

type delegationsAnswer struct {
	Delegations []vault.Delegation `json:"delegations"`
}

type sensitivityRequest struct {
	Class  vault.Sensitivity `json:"class"`
	Reason string            `json:"reason"`
}

type lookAnswer struct {
	OpenUntil vault.Time `json:"open_until"`
}

type useRequest struct {
	Purpose string `json:"purpose"`
	Reason  string `json:"reason"`
}

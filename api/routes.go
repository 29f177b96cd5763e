package api

import (
	"slices"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// route is one call of the API. What is not public needs a session; roles says whom vault lets through, for
// readers and for the test that asks vault (none: everybody with a session).
type route struct {
	method, path string
	summary      string
	public       bool
	local        bool // open to this machine itself
	scim         bool // for a directory, by its token
	device       bool // for an enrolled device, by its certificate, and the session of the person on it
	roles        []vault.Role
	params       []param
	in           any    // a value of the JSON body's type
	inType       string // media type of any other body
	out          any    // a value of the JSON answer's type
	outType      string // media type of any other answer
	status       int    // of success; 0 is 200
	also         int    // another success with the same body
	do           handler
}

type param struct {
	name, in, about string
	required        bool
}

const (
	clinician = vault.RoleClinician
	reviewer  = vault.RoleReviewer
	records   = vault.RoleRecords
	privacy   = vault.RolePrivacy
	admin     = vault.RoleAdmin
)

func only(roles ...vault.Role) []vault.Role { return roles }

// routes is every address but the pages and their files.
var routes = slices.Concat(publicRoutes, signInRoutes, sessionRoutes, accountRoutes, deviceRoutes, captureRoutes, uploadRoutes, photoRoutes, reviewRoutes, chartRoutes, auditRoutes, adminRoutes, incidentRoutes, scimRoutes, peopleRoutes, consentRoutes, erasureRoutes, retentionRoutes, accessRoutes,
	hospitalRoutes, wristbandRoutes, noticeRoutes, linkRoutes, teamRoutes, messageRoutes)

var publicRoutes = []route{
	{method: "GET", path: "/healthz", summary: "The process answers", public: true, outType: "text/plain", do: (*call).healthz},
	{method: "GET", path: "/readyz", summary: "Database, store and key service answer", public: true, out: readyAnswer{}, do: (*call).readyz},
	{method: "GET", path: "/metrics", summary: "Numbers for Prometheus; from this machine, or by an admin", local: true, roles: only(admin), outType: "text/plain", do: (*call).showMetrics},
	{method: "GET", path: "/api/openapi.json", summary: "This document", public: true, outType: "application/vnd.oai.openapi+json", do: (*call).openAPI},
	{method: "GET", path: "/api/v1/keys", summary: "Public keys that check receipts, certificates and the log", public: true, out: vault.PublicKeys{}, do: (*call).keys},
}

var sessionRoutes = []route{
	{method: "GET", path: "/api/v1/session", summary: "Who is signed in", out: sessionAnswer{}, do: (*call).session},
	{method: "DELETE", path: "/api/v1/session", summary: "Sign out", status: 204, do: (*call).signOut},
	{method: "GET", path: "/api/v1/sessions", summary: "One's own live sessions", out: sessionsAnswer{}, do: (*call).sessions},
	{method: "DELETE", path: "/api/v1/sessions/{id}", summary: "End a session", status: 204, do: (*call).endSession},
}

var captureParams = []param{
	{name: "Capture-Id", in: "header", about: "32 lowercase hexadecimal digits, made by the client", required: true},
	{name: "Content-Digest", in: "header", about: "sha-256=:BASE64: of the body (RFC 9530)", required: true},
}

var captureRoutes = []route{
	{method: "GET", path: "/api/v1/intake", summary: "Key to seal captures to, and keys that check receipts", out: vault.IntakeInfo{}, do: (*call).intake},
	{method: "GET", path: "/api/v1/body-sites", summary: "Body sites that a capture may name", out: bodySitesAnswer{}, do: (*call).bodySites},
	{method: "POST", path: "/api/v1/patients/search", summary: "Find patients by name or record number; empty: all one may see", roles: only(clinician, records, privacy), in: searchRequest{}, out: patientsAnswer{}, do: (*call).searchPatients},
	{method: "GET", path: "/api/v1/patients/{id}", summary: "One patient", roles: only(clinician, records, privacy), out: vault.Patient{}, do: (*call).patient},
	{method: "GET", path: "/api/v1/patients/{id}/photos", summary: "Photos of a patient of one's care team", roles: only(clinician), out: photosAnswer{}, do: (*call).patientPhotos},
	{method: "POST", path: "/api/v1/captures", summary: "Send a sealed capture; 201 new, 200 the same bytes again", roles: only(clinician),
		inType: captureType, out: seal.Receipt{}, status: 201, also: 200, do: (*call).takeCapture, params: captureParams},
	{method: "GET", path: "/api/v1/captures", summary: "What one sent, newest first", roles: only(clinician), out: photosAnswer{},
		params: []param{{name: "limit", in: "query", about: "at most 500; 100 if missing"}}, do: (*call).myCaptures},
}

var photoRoutes = []route{
	{method: "GET", path: "/api/v1/photos/{id}", summary: "One photo's record", roles: only(clinician, reviewer, records), out: vault.Photo{}, do: (*call).photo},
	{method: "GET", path: "/api/v1/photos/{id}/renditions/{kind}", summary: "A picture of a photo", roles: only(clinician, reviewer, records), outType: "image/jpeg", do: (*call).rendition},
	{method: "POST", path: "/api/v1/photos/{id}/ghost", summary: "A picture to lay over the viewfinder, sealed to the page", roles: only(clinician, reviewer), in: ghostRequest{}, out: ghostAnswer{}, do: (*call).ghost},
	{method: "POST", path: "/api/v1/photos/{id}/reveal", summary: "See the picture uncovered, with a reason", roles: only(clinician), in: reasonRequest{}, outType: "image/jpeg", do: (*call).reveal},
	{method: "GET", path: "/api/v1/photos/{id}/certificate", summary: "The signed certificate of the redaction, with the proof that the log holds it", roles: only(clinician, reviewer, records, privacy), outType: "application/json", do: (*call).certificate},
	{method: "GET", path: "/api/v1/photos/{id}/certificate/salt", summary: "The salt of the certificate's commitment to the original", roles: only(privacy), out: saltAnswer{}, do: (*call).originalSalt},
}

var reviewRoutes = []route{
	{method: "POST", path: "/api/v1/review/next", summary: "Claim the next photo", roles: only(reviewer), out: nextAnswer{}, do: (*call).nextReview},
	{method: "POST", path: "/api/v1/photos/{id}/claim", summary: "Hold the claim for longer", roles: only(reviewer), out: claimAnswer{}, do: (*call).renewClaim},
	{method: "DELETE", path: "/api/v1/photos/{id}/claim", summary: "Give the claim back", roles: only(reviewer), status: 204, do: (*call).releaseClaim},
	{method: "POST", path: "/api/v1/photos/{id}/approve", summary: "Cover the regions and release the photo", roles: only(reviewer), in: approveRequest{}, out: vault.Photo{}, do: (*call).approve},
	{method: "POST", path: "/api/v1/photos/{id}/reject", summary: "Reject the photo, with a reason", roles: only(reviewer), in: decideRequest{}, status: 204, do: (*call).reject},
	{method: "POST", path: "/api/v1/photos/{id}/reopen", summary: "Take an approved photo back into review", roles: only(reviewer), in: reasonRequest{}, status: 204, do: (*call).reopen},
}

var chartRoutes = []route{
	{method: "POST", path: "/api/v1/approved/search", summary: "Approved photos", roles: only(records), in: approvedRequest{}, out: photosAnswer{}, do: (*call).approvedPhotos},
	{method: "POST", path: "/api/v1/photos/{id}/attachments", summary: "Attach to the chart; no targets means all", roles: only(records), in: attachRequest{}, out: attachmentsAnswer{}, status: 202, do: (*call).attach},
	{method: "GET", path: "/api/v1/photos/{id}/attachments", summary: "How far the chart attachments are", roles: only(records, clinician), out: attachmentsAnswer{}, do: (*call).attachments},
	{method: "POST", path: "/api/v1/attachments/{id}/retry", summary: "Try a failed attachment again", roles: only(records), status: 204, do: (*call).retryAttachment},
}

var auditRoutes = []route{
	{method: "GET", path: "/api/v1/audit", summary: "The log, newest first", roles: only(privacy), out: eventsAnswer{}, do: (*call).auditTrail, params: []param{
		{name: "patient", in: "query", about: "events of this patient (ID)"},
		{name: "person", in: "query", about: "events of this person (ID)"},
		{name: "before", in: "query", about: "only events before this one"},
		{name: "limit", in: "query", about: "at most 500; 100 if missing"},
	}},
	{method: "POST", path: "/api/v1/audit/verify", summary: "Verify the whole log", roles: only(privacy), out: vault.Verification{}, do: (*call).verifyLog},
	{method: "GET", path: "/api/v1/audit/export", summary: "The whole log, for checking elsewhere", roles: only(privacy), outType: "application/jsonl", do: (*call).exportLog},
}

var adminRoutes = []route{
	{method: "GET", path: "/api/v1/people", summary: "Everybody who can or could sign in", roles: only(admin, privacy), out: peopleAnswer{}, do: (*call).people},
	{method: "POST", path: "/api/v1/people", summary: "Add a person", roles: only(admin), in: personRequest{}, out: personAnswer{}, status: 201, do: (*call).addPerson},
	{method: "POST", path: "/api/v1/people/{login}/disable", summary: "Put a person out, at once", roles: only(admin), status: 204, do: (*call).disablePerson},
	{method: "POST", path: "/api/v1/people/{login}/password", summary: "Set one's own password", in: passwordRequest{}, status: 204, do: (*call).setPassword},
	{method: "GET", path: "/api/v1/jobs/dead", summary: "Work that was given up", roles: only(admin), out: jobsAnswer{}, do: (*call).deadJobs},
	{method: "POST", path: "/api/v1/jobs/{id}/retry", summary: "Try given-up work again", roles: only(admin), status: 204, do: (*call).retryJob},
	{method: "GET", path: "/api/v1/health", summary: "Parts and their states", roles: only(admin), out: healthAnswer{}, do: (*call).health},
}

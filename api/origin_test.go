package api

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestEveryEventSaysFromWhere: what people do over HTTP is in the log with the address and the request that it came in,
// sign-ins and refusals too.
func TestEveryEventSaysFromWhere(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	for _, token := range []string{c.doctor, c.author, c.reviewer, c.records, c.privacy} {
		for _, path := range []string{"/api/v1/me", "/api/v1/patients?q=test", "/api/v1/patients/" + string(c.patient), c.at(""), c.at("/certificate"),
			c.at("/renditions/redacted"), "/api/v1/audit", "/api/v1/audit/verify", "/api/v1/health", "/api/v1/jobs/dead", "/api/v1/people"} {
			c.get(t, token, path) // allowed or not: both leave an event
		}
	}
	rows, err := c.SQL(t).QueryContext(t.Context(), `SELECT entry FROM audit_events WHERE actor LIKE 'person:%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	acts := map[string]int{}
	for rows.Next() {
		var text string
		var e struct{ Act, Outcome, Remote, Request, Session string }
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		acts[e.Act+" "+e.Outcome]++
		if e.Remote == "" || e.Request == "" || e.Session == "" && !strings.HasPrefix(e.Act, "session.sign_in") {
			t.Errorf("%s %s: from %q, request %q, session %q", e.Act, e.Outcome, e.Remote, e.Request, e.Session)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"session.sign_in ok", "capture.accept ok", "review.approve ok", "photo.read ok", "patient.read refused", "audit.read refused"} {
		if acts[want] == 0 {
			t.Errorf("no event %q among %v", want, acts)
		}
	}
}

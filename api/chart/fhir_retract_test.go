package chart

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

var retractedAt = time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)

// retract takes the bench's entry back once.
func (b *bench) retract() (string, error) {
	b.t.Helper()
	had := b.kept.last()
	how, err := b.target.retract(b.t.Context(), &retraction{Attachment: b.entry.Attachment, Cause: causeErased, At: retractedAt, Wrote: &had})
	discreet(b.t, err)
	return how, err
}

// delivered is a bench with the entry in the chart.
func delivered(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.admit("", nil)
	if err := b.try(); err != nil {
		t.Fatal(err)
	}
	b.requests = nil
	return b
}

// at asks the server directly.
func (b *bench) at(path string, into any) {
	b.t.Helper()
	resp, err := http.Get(b.server + "/" + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(body, into) != nil {
		b.t.Fatalf("GET %s: %d, %v: %s", path, resp.StatusCode, err, body)
	}
}

// wantRetracted: the chart has a mark without content, and says why.
func (b *bench) wantRetracted() {
	b.t.Helper()
	b.holds(false, true, false)
	var doc map[string]any
	b.at("DocumentReference/"+fhirID(idDocument, b.entry.Attachment), &doc)
	text, _ := json.Marshal(doc)
	if doc["status"] != "entered-in-error" {
		b.t.Errorf("the entry's status is %v", doc["status"])
	}
	for _, left := range []string{"Binary/", "orearm", "14975008", "hash", "ENCOUNTER1"} {
		if bytes.Contains(text, []byte(left)) {
			b.t.Errorf("the marked entry still says %q: %s", left, text)
		}
	}
	if doc["subject"] == nil || doc["author"] == nil || doc["type"] == nil {
		b.t.Errorf("the marked entry does not say whose and what it was: %s", text)
	}
	var prov provenance
	b.at("Provenance/"+fhirID(idRetraction, b.entry.Attachment), &prov)
	if prov.Activity.Coding[0].Code != "NULLIFY" || prov.Reason[0].Text != reasons[causeErased] || !sameTime(prov.Recorded, instant(retractedAt)) {
		b.t.Errorf("the retraction's Provenance is %+v", prov)
	}
}

func TestFHIRRetraction(t *testing.T) {
	b := delivered(t)
	for round := range 2 {
		how, err := b.retract()
		if err != nil || how != howMarked {
			t.Fatalf("round %d: %q, %v", round, how, err)
		}
		b.wantRetracted()
	}
	if n := b.count("PUT", "") + b.count("DELETE", ""); n != 4 {
		t.Errorf("%d writes in two retractions, want 4: mark, Provenance, and two deletions", n)
	}
}

// TestFHIRRetractionFaults breaks each request in each way: no try claims what
// is not so, and the next try finishes.
func TestFHIRRetractionFaults(t *testing.T) {
	for _, step := range []string{"PUT /DocumentReference/", "PUT /Provenance/", "DELETE /Provenance/", "DELETE /Binary/",
		"GET /DocumentReference/", "GET /Provenance/", "GET /Binary/"} {
		for name, what := range map[string]mischief{"refused": refuse, "reply lost": loseReply, "reply cut": cutReply} {
			t.Run(step+" "+name, func(t *testing.T) {
				b := delivered(t)
				method, path, _ := strings.Cut(step, " ")
				b.faults = []*fault{{method: method, path: path, what: what, times: 1}}
				how, err := b.retract()
				done := method != "GET" && what != refuse
				asksAgain := method == "GET" && what == cutReply // as net/http does by itself
				if !asksAgain && done != (err == nil) || err != nil && isPermanent(err) {
					t.Fatalf("first try: %q, %v (permanent %v), want done %v", how, err, isPermanent(err), done)
				}
				if b.unused() != 0 {
					t.Fatal("the fault did not happen")
				}
				if how, err = b.retract(); err != nil || how != howMarked {
					t.Fatalf("second try: %q, %v", how, err)
				}
				b.wantRetracted()
			})
		}
	}
}

// A server that says yes and does nothing is not believed.
func TestFHIRRetractionWithoutEffect(t *testing.T) {
	for _, step := range []string{"PUT /DocumentReference/", "PUT /Provenance/", "DELETE /Binary/", "DELETE /Provenance/"} {
		t.Run(step, func(t *testing.T) {
			b := delivered(t)
			method, path, _ := strings.Cut(step, " ")
			b.faults = []*fault{{method: method, path: path, what: lie, times: 1}}
			if how, err := b.retract(); err == nil || isPermanent(err) {
				t.Fatalf("got %q, %v; want a failure that is tried again", how, err)
			}
		})
	}
}

// Half a delivery left a picture that no entry points to.
func TestFHIRRetractionOfHalfADelivery(t *testing.T) {
	b := newBench(t)
	b.admit("", nil)
	if err := b.target.put(t.Context(), "the picture", "Binary/"+fhirID(idBinary, b.entry.Attachment), b.target.cfg.writeBinary(b.entry, "Patient/x")); err != nil {
		t.Fatal(err)
	}
	b.holds(true, false, false)
	if how, err := b.retract(); err != nil || how != howDeleted {
		t.Fatalf("got %q, %v", how, err)
	}
	b.holds(false, false, false)
	if b.has("Provenance/" + fhirID(idRetraction, b.entry.Attachment)) {
		t.Error("a Provenance speaks of an entry that never was")
	}
}

func TestFHIRRetractionOfNothing(t *testing.T) {
	b := newBench(t)
	if how, err := b.retract(); err != nil || how != howNever {
		t.Fatalf("got %q, %v", how, err)
	}
	if n := b.count("PUT", "") + b.count("DELETE", ""); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

// A server that deletes nothing gets an empty picture in place of the real one.
func TestFHIRRetractionWithoutDeletion(t *testing.T) {
	for _, status := range []int{http.StatusMethodNotAllowed, http.StatusConflict} {
		b := delivered(t)
		b.faults = []*fault{{method: "DELETE", path: "/", what: refuse, times: 99, status: status}}
		for range 2 {
			if how, err := b.retract(); err != nil || how != howMarked {
				t.Fatalf("%d: got %q, %v", status, how, err)
			}
		}
		b.holds(true, true, true) // two husks
		resp, err := http.Get(b.server + "/Binary/" + fhirID(idBinary, b.entry.Attachment))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || bytes.Contains(body, b.entry.Picture[:64]) || !isEmptied(body) {
			t.Errorf("%d: the server gives %d bytes, %v; want the replacement", status, len(body), err)
		}
	}
}

// A server whose profile wants an address keeps the entry as it was, but marked.
func TestFHIRRetractionWhereTheEmptiedFormIsRefused(t *testing.T) {
	b := delivered(t)
	b.faults = []*fault{{method: "PUT", path: "/DocumentReference/", what: refuse, times: 1, status: http.StatusUnprocessableEntity}}
	if how, err := b.retract(); err != nil || how != howMarked {
		t.Fatalf("got %q, %v", how, err)
	}
	b.holds(false, true, false)
	var doc documentReference
	b.at("DocumentReference/"+fhirID(idDocument, b.entry.Attachment), &doc)
	if doc.Status != "entered-in-error" || doc.Context == nil {
		t.Errorf("the entry is %+v, want the old one with the mark", doc)
	}
}

// What the hospital's own people changed in the entry meanwhile stays.
func TestFHIRRetractionOfAChangedEntry(t *testing.T) {
	b := delivered(t)
	path := "/DocumentReference/" + fhirID(idDocument, b.entry.Attachment)
	var doc map[string]any
	b.at(path[1:], &doc)
	doc["subject"] = map[string]any{"reference": "Patient/merged"}
	body, _ := json.Marshal(doc)
	req, _ := http.NewRequest(http.MethodPut, b.server+path, bytes.NewReader(body))
	req.Header.Set("Content-Type", fhirJSON)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if how, err := b.retract(); err != nil || how != howMarked {
		t.Fatalf("got %q, %v", how, err)
	}
	b.at(path[1:], &doc)
	if subject, _ := doc["subject"].(map[string]any); subject["reference"] != "Patient/merged" || doc["status"] != "entered-in-error" {
		t.Errorf("the entry is %v of %v", doc["status"], doc["subject"])
	}
}

// The mark is sent for the version that was read: one that changed in between is
// read again at the next try.
func TestFHIRRetractionOfARace(t *testing.T) {
	b := delivered(t)
	var sent []string
	b.edit = func(r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/DocumentReference/") {
			sent = append(sent, r.Header.Get("If-Match"))
		}
	}
	b.faults = []*fault{{method: "PUT", path: "/DocumentReference/", what: refuse, times: 1, status: http.StatusPreconditionFailed}}
	if _, err := b.retract(); err == nil || isPermanent(err) {
		t.Fatalf("got %v, want another try", err)
	}
	if _, err := b.retract(); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 1 || !strings.HasPrefix(sent[0], `W/"`) {
		t.Errorf("If-Match was %q, want the version that was read", sent)
	}
	b.wantRetracted()
}

// Something else under our identifier is never touched.
func TestFHIRRetractionOfSomethingElse(t *testing.T) {
	b := delivered(t)
	b.faults = []*fault{{method: "GET", path: "/DocumentReference/", what: tamper, times: 1, change: func(body []byte) []byte {
		return bytes.ReplaceAll(body, []byte("urn:uuid:"), []byte("urn:uuid:0"))
	}}}
	if _, err := b.retract(); err == nil || !isPermanent(err) {
		t.Fatalf("got %v, want a permanent failure", err)
	}
	if n := b.count("PUT", "") + b.count("DELETE", ""); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// drillRounds is how many rounds a drill runs: usual, or what CLINIVAULT_DRILL says.
func drillRounds(t testing.TB, usual int) int {
	t.Helper()
	text := os.Getenv("CLINIVAULT_DRILL")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CLINIVAULT_DRILL is %q, want a number of rounds", text)
	}
	return n
}

// rig takes photos all the way through a service that is killed meanwhile, and
// keeps what the service acknowledged, to hold it to its word.
type rig struct {
	t                            testing.TB
	s                            *service
	steps                        *vaulttest.Steps
	clinician, reviewer, records *person
	patient                      vault.Patient
	picture, original            []byte // as sent; as the vault first gave it back
	fhir                         string // the chart's address; empty: none
	afterKill                    func() // does what the passing of time would do
	begun                        func() // is called when a round has its capture sealed
	db                           *sql.DB

	entries  int               // in the chart before the first photo
	errors   int               // of them marked as errors
	erased   int               // photos, that were in the chart
	photos   []vault.PhotoID   // in the chart
	receipts map[string]string // capture → photo, as acknowledged
	seen     []string          // the steps of the last round
	killed   bool              // in the last round
	tally
}

// tally is what a drill reports.
type tally struct {
	rounds, kills, acknowledged, lost, duplicated int
	slowest                                       time.Duration // from a death to the first answer
}

func (n tally) String() string {
	return fmt.Sprintf("%d rounds, %d kills, %d acknowledged, %d lost, %d duplicated, answers again after %s at most",
		n.rounds, n.kills, n.acknowledged, n.lost, n.duplicated, n.slowest.Round(time.Millisecond))
}

// newRig starts the service and signs everybody in; extra is merged into its configuration.
func newRig(t testing.TB, steps *vaulttest.Steps, extra map[string]any) *rig {
	t.Helper()
	r := &rig{t: t, steps: steps, fhir: vaulttest.FHIR(t), receipts: map[string]string{}, picture: vaulttest.Picture(t, 96, 64, 7)}
	config := map[string]any{"chart": map[string]any{
		"fhir": map[string]any{"base_url": r.fhir, "patient_system": "urn:oid:2.999.1", "create_patient": true}}}
	for k, v := range extra {
		config[k] = v
	}
	r.s = newService(t, config)
	makeFolder(t, r.s.data)
	return r
}

func (r *rig) start() {
	r.t.Helper()
	r.s.start()
	r.clinician, r.reviewer, r.records = r.s.signIn("clinician"), r.s.signIn("reviewer"), r.s.signIn("records")
	r.patient = r.clinician.patients()[0]
	r.entries, r.errors = r.chartEntries("current"), r.chartEntries("entered-in-error")
	r.t.Cleanup(func() { r.t.Logf("%s: %s", r.t.Name(), r.tally) })
}

// cut ends the service as a loss of power would, without waiting for its end.
func (r *rig) cut() { _ = syscall.Kill(-r.s.cmd.Process.Pid, syscall.SIGKILL) }

// revive starts the service again if it has died, and lets it run on unharmed.
func (r *rig) revive() {
	r.t.Helper()
	select {
	case <-r.s.done:
	default:
		return
	}
	died := time.Now()
	r.kills++
	r.note()
	if r.afterKill != nil {
		r.afterKill()
	}
	r.s.start()
	r.slowest = max(r.slowest, time.Since(died))
}

// note keeps the steps of the round and counts no more.
func (r *rig) note() {
	if seen, killed := r.steps.Disarm(); len(r.seen) < len(seen) {
		r.seen, r.killed = seen, killed
	}
}

// try sends a request once; a fault of the network is an error.
func (p *person) try(method, path string, body, answer any) (int, error) {
	header := http.Header{}
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return 0, err
		}
		header.Set("Content-Type", "application/json")
	}
	ctx, cancel := context.WithTimeout(p.s.t.Context(), 20*time.Second)
	defer cancel()
	status, got, err := p.request(ctx, method, path, header, text)
	if err == nil && answer != nil && status/100 == 2 {
		err = json.Unmarshal(got, answer)
	}
	return status, err
}

// insist does stage until it is done, over every death of the service.
func (r *rig) insist(what string, stage func() (done bool)) {
	r.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(25 * time.Millisecond) {
		r.revive()
		if stage() {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("waited 90 s for %s; steps: %s", what, strings.Join(r.seen, ", "))
		}
	}
}

// round takes one photo from capture to chart while the service is killed at
// step at, or not at all with 0, and tells how many steps there were.
func (r *rig) round(at int) int {
	r.t.Helper()
	r.answers()
	e := r.clinician.seal(r.patient.ID, r.picture)
	r.seen, r.killed = nil, false
	r.steps.Arm(at, r.cut)
	if r.begun != nil {
		r.begun()
	}
	r.passage(e)
	r.note()
	r.rounds++
	return len(r.seen)
}

// answers waits until the service answers: it may have been cut a moment ago.
func (r *rig) answers() {
	r.t.Helper()
	r.insist("an answer", func() bool {
		status, err := r.clinician.try("GET", "/api/v1/intake", nil, nil)
		return err == nil && status == http.StatusOK
	})
}

// passage is a photo's way: accept, process, claim, approve, attach.
func (r *rig) passage(e envelope) {
	r.t.Helper()
	r.insist("a receipt", func() bool { return r.sent(e) })
	id := r.receipts[e.id]
	r.insist("processing", func() bool {
		var photo vault.Photo
		status, err := r.clinician.try("GET", "/api/v1/photos/"+id, nil, &photo)
		if err == nil && status == http.StatusNotFound {
			r.lose("photo %s of capture %s is gone after its receipt", id, e.id)
		}
		return err == nil && photo.State == vault.StateInReview
	})
	r.insist("approval", func() bool { return r.approved(vault.PhotoID(id)) })
	r.insist("attaching", func() bool { return r.attach(vault.PhotoID(id)) })
}

// lose counts a photo that was acknowledged and is not there.
func (r *rig) lose(format string, args ...any) {
	r.t.Helper()
	r.lost++
	r.t.Fatalf(format+"; steps: "+strings.Join(r.seen, ", "), args...)
}

// sent sends the envelope once; its first receipt binds.
func (r *rig) sent(e envelope) bool {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	status, receipt, err := r.clinician.send(ctx, e)
	if err != nil || status/100 != 2 {
		if err == nil && status != http.StatusServiceUnavailable {
			r.t.Errorf("sending: got status %d, want a receipt or 503", status)
		}
		return false
	}
	if before, ok := r.receipts[e.id]; ok && before != receipt.PhotoID {
		r.duplicated++
		r.t.Errorf("capture %s became photo %s, its first receipt said %s", e.id, receipt.PhotoID, before)
	}
	if r.receipts[e.id] == "" {
		r.acknowledged++
	}
	r.receipts[e.id] = receipt.PhotoID
	return true
}

// approved claims the photo, compares its original, and approves what was proposed.
func (r *rig) approved(id vault.PhotoID) bool {
	r.t.Helper()
	var photo vault.Photo
	if status, err := r.clinician.try("GET", "/api/v1/photos/"+string(id), nil, &photo); err != nil || status != http.StatusOK {
		return false
	}
	if photo.State == vault.StateApproved {
		return true
	}
	var next struct{ Photo *vault.Photo }
	status, err := r.reviewer.try("POST", "/api/v1/review/next", nil, &next)
	if err != nil || status != http.StatusOK || next.Photo == nil {
		return false
	}
	if next.Photo.ID != id {
		r.t.Fatalf("to review: got photo %s, want %s: an older one went back", next.Photo.ID, id)
	}
	status, original, err := r.reviewer.request(r.t.Context(), "GET", "/api/v1/photos/"+string(id)+"/renditions/original", nil, nil)
	if err != nil || status != http.StatusOK {
		return false
	}
	if r.original == nil {
		r.original = original
	}
	if !bytes.Equal(original, r.original) {
		r.t.Errorf("original of photo %s: got %d bytes that differ from the same picture's before", id, len(original))
	}
	decision := map[string]any{"version": next.Photo.Version, "regions": []any{}, "force": true}
	status, err = r.reviewer.try("POST", "/api/v1/photos/"+string(id)+"/approve", decision, nil)
	return err == nil && status == http.StatusOK
}

// attach asks for the photo to be attached, as often as it takes, and tells
// whether the chart is said to hold it.
func (r *rig) attach(id vault.PhotoID) bool {
	r.t.Helper()
	var photo vault.Photo
	status, err := r.records.try("GET", "/api/v1/photos/"+string(id), nil, &photo)
	if err != nil || status != http.StatusOK {
		return false
	}
	if len(photo.Attachments) == 0 {
		_, _ = r.records.try("POST", "/api/v1/photos/"+string(id)+"/attachments", map[string]any{}, nil)
		return false
	}
	if a := photo.Attachments[0]; a.State != vault.AttachmentAttached {
		if a.State == vault.AttachmentFailed {
			r.t.Fatalf("attaching photo %s failed: %s", id, a.LastError)
		}
		return false
	}
	if !slices.Contains(r.photos, id) {
		r.photos = append(r.photos, id)
	}
	return true
}

// chartEntries counts the documents of a status that the chart holds.
func (r *rig) chartEntries(status string) int {
	r.t.Helper()
	var found struct{ Total int }
	getJSON(r.t, r.fhir+"/DocumentReference?_summary=count&_total=accurate&status="+status, &found)
	return found.Total
}

// settle holds the service to all that it acknowledged: each capture is one
// photo, attached with the very bytes that the vault serves; the chart has one
// entry for each; the log verifies; rows and objects agree.
func (r *rig) settle() {
	r.t.Helper()
	r.answers()
	captures := r.clinician.captures()
	for capture, photo := range r.receipts {
		got := captures[capture]
		switch {
		case len(got) == 0 && len(captures) < 200:
			r.lost++
			r.t.Errorf("capture %s, acknowledged as photo %s, is not there", capture, photo)
		case len(got) > 1:
			r.duplicated++
			r.t.Errorf("capture %s became %d photos", capture, len(got))
		}
	}
	if got := r.chartEntries("entered-in-error") - r.errors; got != r.erased {
		r.t.Errorf("the chart calls %d entries errors, want the %d of erased photos", got, r.erased)
	}
	if got, want := r.chartEntries("current")-r.entries, len(r.photos); got != want {
		r.duplicated += max(0, got-want)
		r.t.Errorf("the chart has %d entries for %d photos", got, want)
	}
	for _, id := range r.photos[max(0, len(r.photos)-5):] {
		var photo vault.Photo
		r.records.must("GET", "/api/v1/photos/"+string(id), nil, &photo)
		ours := readAll(r.t, r.records, photo, vault.KindRedacted)[vault.KindRedacted]
		if theirs := fetchBinary(r.t, photo.Attachments[0].Link); !bytes.Equal(ours, theirs) {
			r.t.Errorf("photo %s: the chart's picture is not the vault's", id)
		}
	}
	verifyLog(r.t, r.s)
	r.verifyExport()
	r.checkStore()
}

// verifyExport checks the log as an outsider would, with the offline command.
func (r *rig) verifyExport() {
	r.t.Helper()
	status, export, err := r.s.signIn("privacy").request(r.t.Context(), "GET", "/api/v1/audit/export", nil, nil)
	if err != nil || status != http.StatusOK {
		r.t.Fatalf("exporting the log: status %d, %v", status, err)
	}
	file := filepath.Join(r.t.TempDir(), "log.jsonl")
	if err := os.WriteFile(file, export, 0o600); err != nil {
		r.t.Fatal(err)
	}
	if out, err := runBinary(r.t, "verify-audit", file); err != nil {
		r.t.Errorf("verify-audit: %v: %s", err, out)
	}
}

// checkStore has the vault's own comparison of rows and objects run, once the
// program has it.
func (r *rig) checkStore() {
	r.t.Helper()
	if _, ok := commands["fsck"]; !ok {
		return
	}
	if out, err := runBinary(r.t, "fsck", "--deep", "--config", r.s.config); err != nil {
		r.t.Errorf("fsck: %v\n%s", err, out)
	}
}

// spread chooses n of the steps 1 to all: each kind of step once, then evenly.
func spread(seen []string, n int) []int {
	var chosen []int
	known := map[string]bool{}
	for i, name := range seen {
		if !known[name] && len(chosen) < n {
			known[name] = true
			chosen = append(chosen, i+1)
		}
	}
	for i := 0; len(chosen) < min(n, len(seen)); i++ {
		at := 1 + (i*7919)%len(seen)
		if !slices.Contains(chosen, at) {
			chosen = append(chosen, at)
		}
	}
	return chosen
}

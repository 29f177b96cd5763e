package chart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

const (
	testSystem  = "https://hospital.example/mrn"
	fhirTimeout = 3 * time.Second
)

// bench is a FHIR server behind a proxy, with one patient of its own.
type bench struct {
	*proxy
	t      *testing.T
	target *fhirTarget
	entry  *entry
	kept   *journal
	server string
}

var serial int

// newBench gives each test a patient and an attachment that no other has, as
// the server is shared.
func newBench(t *testing.T, faults ...*fault) *bench {
	t.Helper()
	server := vaulttest.FHIR(t)
	serial++
	b := &bench{t: t, server: server, entry: sample(t, fmt.Sprintf("FHIR%d", serial)), kept: &journal{}}
	b.entry.Patient.RecordNumber = fmt.Sprintf("%s-%d", testNumber, serial)
	var address string
	b.proxy, address = newProxy(t, server, faults...)
	target, err := newFHIR(Config{Timeout: fhirTimeout, FHIR: &FHIRConfig{BaseURL: address, PatientSystem: testSystem,
		PersonSystem: "https://hospital.example/staff", EncounterSystem: "https://hospital.example/encounter"}})
	if err != nil {
		t.Fatal(err)
	}
	b.target = target
	return b
}

// admit makes the patient known to the server, without the proxy.
func (b *bench) admit(id string, change func(*fhirPatient)) {
	b.t.Helper()
	p := fhirPatient{ResourceType: "Patient", ID: fhirID("test", b.entry.Attachment+id), BirthDate: b.entry.Patient.BirthDate,
		Identifier: []identifier{{System: testSystem, Value: b.entry.Patient.RecordNumber}}, Name: []humanName{{Text: testName}}}
	if change != nil {
		change(&p)
	}
	body, _ := json.Marshal(p)
	req, _ := http.NewRequest(http.MethodPut, b.server+"/Patient/"+p.ID, bytes.NewReader(body))
	req.Header.Set("Content-Type", fhirJSON)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		b.t.Fatalf("admitting the patient: status %d", resp.StatusCode)
	}
}

// try delivers once and looks at the error's manners.
func (b *bench) try() error {
	b.t.Helper()
	got, err := b.target.deliver(b.t.Context(), b.entry, b.kept.progress())
	discreet(b.t, err)
	if want := sha(b.entry.Picture); err == nil && got != want {
		b.t.Errorf("delivered with digest %x, want %x", got[:4], want[:4])
	}
	return err
}

// has says whether the server, asked directly, has the resource.
func (b *bench) has(path string) bool {
	b.t.Helper()
	resp, err := http.Get(b.server + "/" + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return true
	case http.StatusNotFound, http.StatusGone:
		return false
	}
	b.t.Fatalf("GET %s: status %d", path, resp.StatusCode)
	return false
}

// holds checks which of the three the server has.
func (b *bench) holds(binary, document, provenance bool) {
	b.t.Helper()
	got := []bool{b.has("Binary/" + fhirID(idBinary, b.entry.Attachment)),
		b.has("DocumentReference/" + fhirID(idDocument, b.entry.Attachment)),
		b.has("Provenance/" + fhirID(idProvenance, b.entry.Attachment))}
	if want := []bool{binary, document, provenance}; fmt.Sprint(got) != fmt.Sprint(want) {
		b.t.Errorf("Binary, DocumentReference, Provenance at the server: %v, want %v", got, want)
	}
}

// entries counts what the chart shows for the patient.
func (b *bench) entries() int {
	b.t.Helper()
	resp, err := http.Get(b.server + "/DocumentReference?_count=50&patient=" + b.kept.last().Patient)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	var found struct {
		Entry []struct{ Resource documentReference }
	}
	if err := json.NewDecoder(resp.Body).Decode(&found); err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("searching: %d, %v", resp.StatusCode, err)
	}
	return len(found.Entry)
}

func TestFHIRDelivery(t *testing.T) {
	b := newBench(t)
	b.admit("", nil)
	if err := b.try(); err != nil {
		t.Fatal(err)
	}
	b.holds(true, true, true)
	if n := b.entries(); n != 1 {
		t.Errorf("the chart shows %d entries, want 1", n)
	}
	p := b.kept.last()
	if !strings.HasSuffix(p.Link, "/DocumentReference/"+fhirID(idDocument, b.entry.Attachment)) || p.Binary == "" || p.Provenance == "" {
		t.Errorf("progress %+v", p)
	}
	// The number is in no address.
	for _, r := range b.requests {
		if strings.Contains(r, "PHI") {
			t.Errorf("request %s names the patient", r)
		}
	}
}

func TestFHIRSecondDeliveryWritesNothing(t *testing.T) {
	b := newBench(t)
	b.admit("", nil)
	for range 2 {
		if err := b.try(); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.count("PUT", ""); n != 3 {
		t.Errorf("%d writes in two deliveries, want 3", n)
	}
	if n := b.entries(); n != 1 {
		t.Errorf("the chart shows %d entries, want 1", n)
	}
}

// TestFHIRFaults breaks each request in each way, once or for the whole first
// try. Whatever happens, nothing is attached falsely, nothing is left half, and
// the next try makes exactly one entry.
func TestFHIRFaults(t *testing.T) {
	for _, resource := range []string{"Binary", "DocumentReference", "Provenance"} {
		for name, what := range map[string]mischief{"refused": refuse, "reply lost": loseReply, "reply cut": cutReply, "success without effect": lie} {
			t.Run(resource+" "+name, func(t *testing.T) {
				b := newBench(t, &fault{method: "PUT", path: "/" + resource + "/", what: what, times: 1})
				b.admit("", nil)
				err := b.try()
				done := what == loseReply || what == cutReply
				switch {
				case done && err != nil:
					t.Fatalf("the server has it, but the delivery says %v", err)
				case !done && err == nil:
					t.Fatal("delivered, although the server never got it")
				case !done && isPermanent(err):
					t.Errorf("%v is permanent, want a retry", err)
				case !done && resource != "Provenance":
					b.holds(false, false, false)
				}
				if b.unused() != 0 {
					t.Error("the fault did not happen")
				}
				if err := b.try(); err != nil {
					t.Fatalf("second try: %v", err)
				}
				b.holds(true, true, true)
				if n := b.entries(); n != 1 {
					t.Errorf("the chart shows %d entries, want 1", n)
				}
			})
		}
	}
}

func TestFHIRTimeOutAfterStoring(t *testing.T) {
	b := newBench(t, &fault{method: "PUT", path: "/DocumentReference/", what: stall, times: 1})
	b.target.client.Timeout = time.Second
	b.admit("", nil)
	if err := b.try(); err != nil {
		t.Fatalf("the server has it, but the delivery says %v", err)
	}
	if n := b.entries(); n != 1 || b.unused() != 0 {
		t.Errorf("the chart shows %d entries, %d faults left; want 1, 0", n, b.unused())
	}
}

func TestFHIRPermanentRefusalLeavesNothing(t *testing.T) {
	for _, resource := range []string{"Binary", "DocumentReference", "Provenance"} {
		t.Run(resource, func(t *testing.T) {
			b := newBench(t, &fault{method: "PUT", path: "/" + resource + "/", what: refuse, status: 422, times: 1})
			b.admit("", nil)
			err := b.try()
			if err == nil || !isPermanent(err) || !strings.Contains(err.Error(), "422") {
				t.Fatalf("got %v, want a permanent failure with 422", err)
			}
			b.holds(false, false, false)
			if err := b.try(); err != nil {
				t.Fatalf("retry by a person: %v", err)
			}
			b.holds(true, true, true)
		})
	}
}

// TestFHIRReadBackDiffers changes what the server gives back.
func TestFHIRReadBackDiffers(t *testing.T) {
	flip := func(body []byte) []byte {
		body[len(body)/2] ^= 1
		return body
	}
	other := func(body []byte) []byte {
		return bytes.Replace(body, []byte(`"subject":{"reference":"Patient/`), []byte(`"subject":{"reference":"Patient/x`), 1)
	}
	for _, c := range []struct {
		name  string
		fault fault
		held  [3]bool
	}{
		{"one bit of the picture", fault{method: "GET", path: "/Binary/", what: tamper, times: 99, change: flip}, [3]bool{}},
		{"the picture is shorter", fault{method: "GET", path: "/Binary/", what: tamper, times: 99, change: func(b []byte) []byte { return b[:len(b)-1] }}, [3]bool{}},
		{"the patient of the entry", fault{method: "GET", path: "/DocumentReference/", what: tamper, times: 99, change: other}, [3]bool{true, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, &c.fault)
			b.admit("", nil)
			err := b.try()
			if err == nil || isPermanent(err) || !strings.Contains(err.Error(), "something else") {
				t.Fatalf("got %v, want a failure that is tried again", err)
			}
			b.holds(c.held[0], c.held[1], c.held[2])
			if b.kept.last().Link != "" {
				t.Error("a link is shown for what was not proved")
			}
		})
	}
}

// When the vault cannot keep the progress the delivery stops there, is not
// counted as the receiver's fault, and removes nothing.
func TestFHIRStopsWithoutTheVault(t *testing.T) {
	for mark, writes := range []int{0, 1, 2, 3} {
		b := newBench(t)
		b.admit("", nil)
		marks := 0
		p := readProgress(nil, func(context.Context, json.RawMessage) error {
			if marks++; marks > mark {
				return errors.New("the vault is away")
			}
			return nil
		})
		_, err := b.target.deliver(t.Context(), b.entry, p)
		if !errors.Is(err, errVault) {
			t.Errorf("mark %d: got %v, want errVault", mark, err)
		}
		if n, removed := b.count("PUT", ""), b.count("DELETE", ""); n != writes || removed != 0 {
			t.Errorf("mark %d: %d writes and %d removals, want %d and none", mark, n, removed, writes)
		}
		if err := b.try(); err != nil || b.entries() != 1 {
			t.Errorf("mark %d: the next try gave %v and %d entries", mark, err, b.entries())
		}
	}
}

// Servers give a Binary back in three ways: native, as a resource whatever was
// asked for, or as a resource only when asked for one.
func TestFHIRFormsOfBinary(t *testing.T) {
	asResource := func(r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/Binary/") {
			r.Header.Set("Accept", fhirJSON)
		}
	}
	notAcceptable := &fault{method: "GET", path: "/Binary/", what: refuse, status: http.StatusNotAcceptable, times: 1}
	for name, c := range map[string]struct {
		edit   func(*http.Request)
		faults []*fault
	}{
		"native": {}, "always as a resource": {edit: asResource}, "406 to native": {faults: []*fault{notAcceptable}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.faults...)
			b.edit = c.edit
			b.admit("", nil)
			if err := b.try(); err != nil {
				t.Fatal(err)
			}
			b.holds(true, true, true)
		})
	}
}

// A picture that comes back as a resource is compared no less.
func TestFHIRResourceReadBackDiffers(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"other bytes": func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"data":"/9j/4AAQ`), []byte(`"data":"/9j/4BBQ`), 1)
		},
		"not base64":   func(b []byte) []byte { return bytes.Replace(b, []byte(`"data":"/`), []byte(`"data":"!`), 1) },
		"no data":      func(b []byte) []byte { return bytes.Replace(b, []byte(`"data":`), []byte(`"atad":`), 1) },
		"another type": func(b []byte) []byte { return bytes.Replace(b, []byte(`"Binary"`), []byte(`"Basic"`), 1) },
		"not JSON":     func([]byte) []byte { return []byte("<html>") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &fault{method: "GET", path: "/Binary/", what: tamper, times: 99, change: change})
			b.edit = func(r *http.Request) {
				if strings.Contains(r.URL.Path, "/Binary/") {
					r.Header.Set("Accept", fhirJSON)
				}
			}
			b.admit("", nil)
			if err := b.try(); err == nil || isPermanent(err) {
				t.Fatalf("got %v, want a failure that is tried again", err)
			}
			b.faults[0].times = 0
			b.holds(false, false, false)
		})
	}
}

// A server that is away during the cleaning keeps what it has; the next try
// takes it up.
func TestFHIRAwayAfterThePicture(t *testing.T) {
	b := newBench(t, &fault{method: "PUT", path: "/DocumentReference/", what: refuse, times: 1},
		&fault{method: "GET", path: "/DocumentReference/", what: refuse, times: 2})
	b.faults[1].times = 0
	b.admit("", nil)
	b.edit = func(r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/Binary/") {
			b.mu.Lock()
			b.faults[1].times = 2
			b.mu.Unlock()
		}
	}
	if err := b.try(); err == nil || isPermanent(err) {
		t.Fatalf("got %v, want a failure that is tried again", err)
	}
	b.holds(true, false, false)
	b.edit = nil
	if err := b.try(); err == nil {
		t.Fatal("delivered although the write was refused")
	}
	b.holds(false, false, false)
	if err := b.try(); err != nil {
		t.Fatal(err)
	}
	b.holds(true, true, true)
}

package chart

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// attached is an office whose photo is in both charts.
func attached(t *testing.T) *office {
	t.Helper()
	o := newOffice(t)
	o.attach()
	o.deliver()
	o.deliver()
	return o
}

// withdraw writes down that the patient no longer allows the record.
func (o *office) withdraw() {
	o.t.Helper()
	_, err := o.V.ChangeConsent(o.t.Context(), o.SignIn(o.t, "clinician"), o.photo,
		vault.ConsentChange{Purpose: "record", Allowed: false, How: "verbal"})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) retract() {
	o.t.Helper()
	job := o.job()
	if job.Kind != vault.JobRetract {
		o.t.Fatalf("the next job is %q, want a retraction", job.Kind)
	}
	if err := o.d.Retract(o.t.Context(), o.V, worker, job); err != nil {
		o.t.Fatal(err)
	}
}

// copies gives the attachments by target as the records office sees those on the way out.
func (o *office) copies() map[string]vault.Attachment {
	o.t.Helper()
	o.records = o.SignIn(o.t, "records")
	list, err := o.V.Retractions(o.t.Context(), o.records)
	if err != nil {
		o.t.Fatal(err)
	}
	out := map[string]vault.Attachment{}
	for _, a := range list {
		out[a.Target] = a
	}
	return out
}

// fromFHIR reads the patient's entries at the server directly.
func (o *office) fromFHIR(path string, into any) int {
	o.t.Helper()
	resp, err := http.Get(o.d.targets[TargetFHIR].(*fhirTarget).base.String() + path)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			o.t.Fatal(err)
		}
	}
	return resp.StatusCode
}

// The certificate that the charts hold verifies offline and fits the picture they hold.
func TestCertificateInCharts(t *testing.T) {
	o := attached(t)
	keys, err := o.V.PublicKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	states := o.states()
	check := func(text, picture []byte) {
		t.Helper()
		got, err := vault.VerifyCertificate(text, vault.Trust{Key: keys.Certificates[0].Key, LogVerifier: keys.LogVerifier})
		if err != nil || !got.InLog || got.Photo != o.photo {
			t.Errorf("the chart's certificate: %+v, %v; want that the log holds the release", got, err)
		}
		if picture != nil && !got.Fits(picture) {
			t.Error("the chart's certificate is of another picture than the chart's")
		}
	}
	var prov provenance
	o.fromFHIR("/Provenance/"+fhirID(idProvenance, string(states[TargetFHIR].ID)), &prov)
	var picture fhirBinary
	o.fromFHIR("/Binary/"+fhirID(idBinary, string(states[TargetFHIR].ID)), &picture)
	if len(prov.Signature) != 1 {
		t.Fatalf("the Provenance has %d signatures", len(prov.Signature))
	}
	check(prov.Signature[0].Data, decode64(t, picture.Data))
	archive := o.d.targets[TargetDICOM].(*dicomTarget)
	file, err := archive.retrieve(t.Context(), archive.writer.uids(&entry{Attachment: string(states[TargetDICOM].ID)}), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	in, err := readInstance(file)
	if err != nil {
		t.Fatal(err)
	}
	check([]byte(in.certificate), nil)
	if bytes.Contains([]byte(in.certificate), []byte("Synthetic Patient")) {
		t.Error("the certificate names the patient")
	}
}

func decode64(t *testing.T, text string) (b []byte) {
	t.Helper()
	if err := json.Unmarshal([]byte(`"`+text+`"`), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRetractBoth(t *testing.T) {
	o := attached(t)
	before := o.states()
	o.withdraw()
	o.retract()
	o.retract()
	if left := o.copies(); len(left) != 0 {
		t.Errorf("still to be taken back: %v", left)
	}
	var doc documentReference
	o.fromFHIR("/DocumentReference/"+fhirID(idDocument, string(before[TargetFHIR].ID)), &doc)
	if doc.Status != "entered-in-error" {
		t.Errorf("the FHIR server's entry is %q", doc.Status)
	}
	if status := o.fromFHIR("/Binary/"+fhirID(idBinary, string(before[TargetFHIR].ID)), nil); status != http.StatusNotFound && status != http.StatusGone {
		t.Errorf("the FHIR server answers %d for the picture", status)
	}
	if job, err := o.V.ClaimJob(t.Context(), worker, time.Minute); job != nil || err != nil {
		t.Errorf("after both retractions there is still %+v, %v", job, err)
	}
	o.wantDiscretion()
}

// A receiver that is away: tried again after pauses, unreached after the eighth
// try, and taken back when somebody asks again.
func TestRetractUnreached(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetFHIR)
	o.deliver()
	o.withdraw()
	o.fhir.faults = []*fault{{method: "GET", path: "/", what: refuse, times: 8}}
	for try := range 8 {
		if a := o.copies()[TargetFHIR]; a.State != vault.AttachmentRetracting {
			t.Fatalf("before try %d it is %q", try, a.State)
		}
		o.retract()
		o.Clock.Add(time.Hour)
	}
	left := o.copies()[TargetFHIR]
	if left.State != vault.AttachmentUnreached || !strings.Contains(left.LastError, "503") {
		t.Fatalf("after eight tries it is %q with %q, want unreached with 503", left.State, left.LastError)
	}
	if err := o.V.RetryRetraction(t.Context(), o.records, left.ID); err != nil {
		t.Fatal(err)
	}
	o.retract()
	if left := o.copies(); len(left) != 0 {
		t.Errorf("still to be taken back: %v", left)
	}
	o.wantDiscretion()
}

// A receiver that says no for good is unreached at once.
func TestRetractRefused(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetFHIR)
	o.deliver()
	o.withdraw()
	o.fhir.faults = []*fault{{method: "PUT", path: "/DocumentReference/", what: refuse, status: http.StatusUnprocessableEntity, times: 2}}
	o.retract()
	if left := o.copies()[TargetFHIR]; left.State != vault.AttachmentUnreached || !strings.Contains(left.LastError, "422") {
		t.Errorf("it is %q with %q, want unreached with 422", left.State, left.LastError)
	}
}

func TestRetractFromAnUnconfiguredReceiver(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetFHIR)
	o.deliver()
	o.withdraw()
	delete(o.d.targets, TargetFHIR)
	o.retract()
	if left := o.copies()[TargetFHIR]; left.State != vault.AttachmentUnreached || !strings.Contains(left.LastError, "no receiver") {
		t.Errorf("it is %q with %q, want unreached", left.State, left.LastError)
	}
}

// A delivery that is under way when consent is withdrawn: its worker loses the
// job, and what it left at the receiver is taken away.
func TestRetractStopsADelivery(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetFHIR)
	job, once := o.job(), false
	o.fhir.edit = func(r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/DocumentReference/") && !once {
			once = true
			o.withdraw()
		}
	}
	if err := o.d.Deliver(t.Context(), o.V, worker, job); err == nil {
		t.Fatal("delivered although consent was withdrawn meanwhile")
	}
	if job, err := o.V.ClaimJob(t.Context(), worker, time.Minute); job != nil || err != nil {
		t.Fatalf("the retraction does not wait for the delivery's last request: %+v, %v", job, err)
	}
	o.Clock.Add(time.Hour)
	o.retract()
	if left := o.copies(); len(left) != 0 {
		t.Errorf("still to be taken back: %v", left)
	}
	var doc documentReference
	o.fromFHIR("/DocumentReference/"+fhirID(idDocument, job.Subject), &doc)
	if doc.Status != "entered-in-error" {
		t.Errorf("the entry is %q", doc.Status)
	}
}

// A worker without the job's lease takes nothing back.
func TestRetractTwice(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetFHIR)
	o.deliver()
	o.withdraw()
	job := o.job()
	if err := o.d.Retract(t.Context(), o.V, worker, job); err != nil {
		t.Fatal(err)
	}
	before := len(o.fhir.requests)
	if err := o.d.Retract(t.Context(), o.V, worker, job); err == nil {
		t.Error("retracted twice with one job")
	}
	if after := len(o.fhir.requests); after != before {
		t.Errorf("%d requests by a worker without a lease, want none", after-before)
	}
}

package chart

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

var worker = vault.JobActor("test-worker")

// office is a real vault with one approved photo and a records officer, in
// front of the real receivers.
type office struct {
	*vaulttest.Bench
	t           *testing.T
	d           *Deliverer
	records     vault.Actor
	photo       vault.PhotoID
	fhir, dicom *proxy
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{Bench: vaulttest.New(t), t: t}
	serial++
	var fhirAddress, dicomAddress string
	o.fhir, fhirAddress = newProxy(t, vaulttest.FHIR(t))
	o.dicom, dicomAddress = newProxy(t, vaulttest.Orthanc(t)+"/dicom-web")
	d, err := New(Config{
		FHIR: &FHIRConfig{BaseURL: fhirAddress, CreatePatient: true, // a system of its own: the server outlives the test
			PatientSystem: fmt.Sprintf("https://hospital.example/mrn/%d", serial)},
		DICOM:   &DICOMConfig{BaseURL: dicomAddress},
		Timeout: 20 * time.Second,
		Log:     slog.New(slog.NewJSONHandler(o.Log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.d = d
	o.approve()
	return o
}

// approve takes a photo all the way to its release.
func (o *office) approve() {
	o.t.Helper()
	clinician := o.Person(o.t, "clinician", vault.RoleClinician)
	reviewer := o.Person(o.t, "reviewer", vault.RoleReviewer)
	o.records = o.Person(o.t, "records", vault.RoleRecords)
	o.Send(o.t, clinician, o.Capture(o.t, clinician, o.Patient(o.t, clinician), vaulttest.Picture(o.t, 200, 120, 7)))
	o.Work(o.t)
	p, err := o.V.ClaimNext(o.t.Context(), reviewer)
	if err != nil || p == nil {
		o.t.Fatalf("claiming the photo: %v, %v", p, err)
	}
	o.photo = p.ID
	if _, err := o.V.Approve(o.t.Context(), reviewer, p.ID, vault.Approval{Version: p.Version}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) attach(targets ...string) {
	o.t.Helper()
	if _, err := o.V.Attach(o.t.Context(), o.records, o.photo, targets); err != nil {
		o.t.Fatal(err)
	}
}

// job claims the next delivery, which must be due.
func (o *office) job() *vault.Job {
	o.t.Helper()
	job, err := o.V.ClaimJob(o.t.Context(), worker, time.Minute)
	if err != nil || job == nil {
		o.t.Fatalf("claiming the delivery: %v, %v", job, err)
	}
	return job
}

func (o *office) deliver() {
	o.t.Helper()
	if err := o.d.Deliver(o.t.Context(), o.V, worker, o.job()); err != nil {
		o.t.Fatal(err)
	}
}

// states gives the attachments by target.
func (o *office) states() map[string]vault.Attachment {
	o.t.Helper()
	list, err := o.V.Attachments(o.t.Context(), o.records, o.photo)
	if err != nil {
		o.t.Fatal(err)
	}
	out := map[string]vault.Attachment{}
	for _, a := range list {
		out[a.Target] = a
	}
	return out
}

func (o *office) want(target, state, words string) {
	o.t.Helper()
	a := o.states()[target]
	if a.State != state || !strings.Contains(a.LastError, words) || words == "" && a.LastError != "" {
		o.t.Errorf("%s is %q with %q, want %q with %q", target, a.State, a.LastError, state, words)
	}
	if (a.Link != "") != (state == vault.AttachmentAttached) {
		o.t.Errorf("%s is %s with link %q", target, state, a.Link)
	}
}

func (o *office) wantDiscretion() {
	o.t.Helper()
	log := o.Log.String()
	for _, word := range []string{"Synthetic Patient", "TEST-0000", "1970-01-01", "Test Person"} {
		if strings.Contains(log, word) {
			o.t.Errorf("the log contains %q", word)
		}
	}
}

func TestDeliverBoth(t *testing.T) {
	o := newOffice(t)
	o.attach()
	o.deliver()
	o.deliver()
	o.want(TargetFHIR, vault.AttachmentAttached, "")
	o.want(TargetDICOM, vault.AttachmentAttached, "")
	if job, err := o.V.ClaimJob(t.Context(), worker, time.Minute); job != nil || err != nil {
		t.Errorf("after both deliveries there is still %+v, %v", job, err)
	}
	o.wantDiscretion()
}

// A receiver that is away: pending, tried again after a pause, then attached.
func TestDeliverLater(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetDICOM)
	o.dicom.faults = []*fault{{method: "GET", path: "/instances/", what: refuse, times: 1}}
	o.deliver()
	o.want(TargetDICOM, vault.AttachmentPending, "503")
	if job, err := o.V.ClaimJob(t.Context(), worker, time.Minute); job != nil || err != nil {
		t.Errorf("tried again without a pause: %+v, %v", job, err)
	}
	o.Clock.Add(time.Hour)
	o.records = o.SignIn(t, "records")
	o.deliver()
	o.want(TargetDICOM, vault.AttachmentAttached, "")
	o.wantDiscretion()
}

// A receiver that says no: failed at once, nothing left there, and a person may
// ask again.
func TestDeliverRefusedAndRetried(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetFHIR)
	o.fhir.faults = []*fault{{method: "PUT", path: "/DocumentReference/", what: refuse, status: 422, times: 1}}
	o.deliver()
	o.want(TargetFHIR, vault.AttachmentFailed, "422")
	if n := o.fhir.count("DELETE", "/Binary/"); n != 1 {
		t.Errorf("the picture was removed %d times, want once", n)
	}
	if err := o.V.RetryAttachment(t.Context(), o.records, o.states()[TargetFHIR].ID); err != nil {
		t.Fatal(err)
	}
	o.deliver()
	o.want(TargetFHIR, vault.AttachmentAttached, "")
	o.wantDiscretion()
}

// The process dies after the picture was stored. The next one takes it up and
// makes one entry.
func TestDeliverAfterACrash(t *testing.T) {
	for _, at := range []string{"/Binary/", "/Provenance/"} {
		t.Run(at, func(t *testing.T) {
			o := newOffice(t)
			o.attach(TargetFHIR)
			ctx, die := context.WithCancel(t.Context())
			o.fhir.edit = func(r *http.Request) {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, at) {
					die()
				}
			}
			if err := o.d.Deliver(ctx, o.V, worker, o.job()); err == nil {
				t.Fatal("delivered although the process ended")
			}
			o.want(TargetFHIR, vault.AttachmentPending, "")
			o.fhir.edit = nil
			o.Clock.Add(time.Hour) // the lease runs out
			o.records = o.SignIn(t, "records")
			o.deliver()
			o.want(TargetFHIR, vault.AttachmentAttached, "")
		})
	}
}

// A worker whose lease is gone, because another has done the job, changes nothing.
func TestDeliverTwice(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetFHIR)
	job := o.job()
	if err := o.d.Deliver(t.Context(), o.V, worker, job); err != nil {
		t.Fatal(err)
	}
	before := len(o.fhir.requests)
	if err := o.d.Deliver(t.Context(), o.V, worker, job); !errors.Is(err, vault.ErrConflict) {
		t.Errorf("the second delivery of one job gave %v, want ErrConflict", err)
	}
	if after := len(o.fhir.requests); after != before {
		t.Errorf("%d requests by a worker without a lease, want none", after-before)
	}
	o.want(TargetFHIR, vault.AttachmentAttached, "")
}

// A worker that was thought dead loses its lease in the middle: it stops, and
// the other one's delivery is the only one.
func TestDeliverLosesItsLease(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetFHIR)
	job := o.job()
	var second *vault.Job
	o.fhir.edit = func(r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/Binary/") && second == nil {
			o.Clock.Add(time.Hour)
			second = o.job()
		}
	}
	if err := o.d.Deliver(t.Context(), o.V, worker, job); !errors.Is(err, errVault) || !errors.Is(err, vault.ErrConflict) {
		t.Fatalf("got %v, want that the lease was lost", err)
	}
	if o.fhir.count("PUT", "/DocumentReference/") != 0 || o.fhir.count("DELETE", "") != 0 {
		t.Error("the first worker went on without its lease")
	}
	if err := o.d.Deliver(t.Context(), o.V, worker, second); err != nil {
		t.Fatal(err)
	}
	o.records = o.SignIn(t, "records")
	o.want(TargetFHIR, vault.AttachmentAttached, "")
}

// wrongDigest is a target that proves something else than what was released.
type wrongDigest struct{ target }

func (w wrongDigest) deliver(ctx context.Context, e *entry, p *progress) ([sha256.Size]byte, error) {
	digest, err := w.target.deliver(ctx, e, p)
	digest[0] ^= 1
	return digest, err
}

// The vault compares once more, whatever this package believes.
func TestDeliverWrongDigest(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetDICOM)
	right := o.d.targets[TargetDICOM]
	o.d.targets[TargetDICOM] = wrongDigest{right}
	o.deliver()
	if a := o.states()[TargetDICOM]; a.State != vault.AttachmentPending || !strings.Contains(a.LastError, "digest") {
		t.Errorf("got %q with %q, want pending", a.State, a.LastError)
	}
	o.d.targets[TargetDICOM] = right
	o.Clock.Add(time.Hour)
	o.records = o.SignIn(t, "records")
	o.deliver()
	o.want(TargetDICOM, vault.AttachmentAttached, "")
}

// After the eighth try the attachment is failed and waits for records. An
// operator who revives the job alone revives nothing.
func TestDeliverGivesUp(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetDICOM)
	o.dicom.faults = []*fault{{method: "GET", path: "/instances/", what: refuse, times: 8}}
	for range 8 {
		o.deliver()
		o.Clock.Add(time.Hour)
	}
	o.records = o.SignIn(t, "records")
	o.want(TargetDICOM, vault.AttachmentFailed, "503")
	dead, err := o.V.DeadJobs(t.Context(), vault.Operator())
	if err != nil || len(dead) != 1 {
		t.Fatalf("dead jobs: %v, %v; want one", dead, err)
	}
	if err := o.V.RetryJob(t.Context(), vault.Operator(), dead[0].ID); err != nil {
		t.Fatal(err)
	}
	before := len(o.dicom.requests)
	job, err := o.V.ClaimJob(t.Context(), worker, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if job != nil {
		if err := o.d.Deliver(t.Context(), o.V, worker, job); err != nil {
			t.Fatal(err)
		}
		if after := len(o.dicom.requests); after != before {
			t.Errorf("%d requests for an attachment that has failed, want none", after-before)
		}
	}
	if o.states()[TargetDICOM].State == vault.AttachmentFailed {
		if err := o.V.RetryAttachment(t.Context(), o.records, o.states()[TargetDICOM].ID); err != nil {
			t.Fatal(err)
		}
	}
	o.deliver()
	o.want(TargetDICOM, vault.AttachmentAttached, "")
}

func TestDeliverToAnUnconfiguredReceiver(t *testing.T) {
	o := newOffice(t)
	o.attach(TargetDICOM)
	delete(o.d.targets, TargetDICOM)
	o.deliver()
	o.want(TargetDICOM, vault.AttachmentFailed, "no receiver")
}

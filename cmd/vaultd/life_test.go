package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// hospital is a running service with a FHIR server and an archive, and two
// privacy officers.
type hospital struct {
	*service
	t                                            *testing.T
	orthanc                                      string
	clinician, reviewer, records, first, privacy *person
}

const secondLogin = "second.privacy"

func newHospital(t *testing.T) *hospital {
	t.Helper()
	h := &hospital{t: t, orthanc: vaulttest.Orthanc(t)}
	h.service = newService(t, map[string]any{"chart": map[string]any{
		"fhir": map[string]any{"base_url": vaulttest.FHIR(t), "patient_system": "urn:oid:2.999.5", "create_patient": true},
		"dicom": map[string]any{"base_url": h.orthanc + "/dicom-web", "institution_name": "Test hospital",
			"delete": "orthanc", "orthanc_url": h.orthanc},
	}})
	h.start()
	h.signIn("admin").must("POST", "/api/v1/people", map[string]any{"login": secondLogin, "name": "Demo Second Privacy",
		"password": vaulttest.Password, "roles": []string{"privacy"}}, nil)
	h.accounts["second"] = vault.DemoAccount{Login: secondLogin, Password: vaulttest.Password, Role: vault.RolePrivacy}
	h.clinician, h.reviewer, h.records = h.signIn("clinician"), h.signIn("reviewer"), h.signIn("records")
	h.first, h.privacy = h.signIn("privacy"), h.signIn("second")
	return h
}

// approve brings the next photo that waits through review.
func (h *hospital) approve() vault.Photo {
	h.t.Helper()
	var next struct {
		Photo *vault.Photo `json:"photo"`
	}
	eventually(h.t, "a photo to review", time.Minute, func() bool {
		h.reviewer.must("POST", "/api/v1/review/next", nil, &next)
		return next.Photo != nil
	})
	var out vault.Photo
	h.reviewer.must("POST", "/api/v1/photos/"+string(next.Photo.ID)+"/approve", map[string]any{"version": next.Photo.Version, "force": true,
		"regions": []map[string]any{{"kind": "face", "x0": 20, "y0": 20, "x1": 90, "y1": 90}}}, &out)
	return out
}

// attached waits until both charts have the photo as it is now.
func (h *hospital) attached(photo vault.Photo) map[string]vault.Attachment {
	h.t.Helper()
	at := "/api/v1/photos/" + string(photo.ID) + "/attachments"
	h.records.must("POST", at, map[string]any{}, nil)
	var list struct {
		Attachments []vault.Attachment `json:"attachments"`
	}
	out := map[string]vault.Attachment{}
	eventually(h.t, "both charts to have the photo", time.Minute, func() bool {
		h.records.must("GET", at, nil, &list)
		clear(out)
		for _, a := range list.Attachments {
			if a.State == vault.AttachmentFailed {
				h.t.Fatalf("attaching to %s: %s", a.Target, a.LastError)
			}
			if a.Version == photo.Version && a.State == vault.AttachmentAttached {
				out[a.Target] = a
			}
		}
		return len(out) == 2
	})
	return out
}

// released sends a photo of a patient and takes it into both charts.
func (h *hospital) released(of vault.Patient, seed byte) (vault.Photo, map[string]vault.Attachment) {
	h.t.Helper()
	status, receipt, err := h.clinician.send(h.t.Context(), h.clinician.seal(of.ID, vaulttest.Picture(h.t, 320, 240, seed)))
	if err != nil || status != http.StatusCreated {
		h.t.Fatalf("sending: status %d, %v", status, err)
	}
	photo := h.approve()
	if string(photo.ID) != receipt.PhotoID {
		h.t.Fatalf("photo %s was released, want %s", photo.ID, receipt.PhotoID)
	}
	return photo, h.attached(photo)
}

// entry is what a chart's FHIR server says of one attachment.
func (h *hospital) entry(a vault.Attachment) (status, patient string) {
	h.t.Helper()
	var doc struct {
		Status  string
		Subject struct{ Reference string }
	}
	getJSON(h.t, a.Link, &doc)
	return doc.Status, doc.Subject.Reference
}

// archived says whether Orthanc has the instance of an attachment.
func (h *hospital) archived(a vault.Attachment) bool {
	h.t.Helper()
	uid := a.Link[strings.LastIndex(a.Link, "/")+1:]
	query, _ := json.Marshal(map[string]any{"Level": "Instance", "Query": map[string]string{"SOPInstanceUID": uid}})
	resp, err := http.Post(h.orthanc+"/tools/find", "application/json", bytes.NewReader(query))
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	var found []string
	if err := json.NewDecoder(resp.Body).Decode(&found); err != nil {
		h.t.Fatal(err)
	}
	return len(found) > 0
}

// takenBack waits until neither chart shows the photo any more.
func (h *hospital) takenBack(copies map[string]vault.Attachment) {
	h.t.Helper()
	eventually(h.t, "both charts to give their copies back", time.Minute, func() bool {
		status, _ := h.entry(copies["fhir"])
		return status == "entered-in-error" && !h.archived(copies["dicom"])
	})
}

// logNames verifies the log offline and fails when it holds any of the words.
func (h *hospital) logNames(words ...string) {
	h.t.Helper()
	status, body, err := h.first.request(h.t.Context(), "GET", "/api/v1/audit/export", nil, nil)
	if err != nil || status != http.StatusOK {
		h.t.Fatalf("exporting the log: status %d, %v", status, err)
	}
	file := filepath.Join(h.t.TempDir(), "log.jsonl")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		h.t.Fatal(err)
	}
	exportStands(h.t, file)
	for _, word := range words {
		if bytes.Contains(body, []byte(word)) {
			h.t.Errorf("the log contains %q", word)
		}
	}
}

// TestErasureThroughThePages is an erasure as people do it: one asks on the page
// with the record number typed, another signs, the charts give their copies
// back, and the certificate verifies without the service.
func TestErasureThroughThePages(t *testing.T) {
	h := newHospital(t)
	patient := h.clinician.patients()[0]
	photo, copies := h.released(patient, 3)
	if !h.archived(copies["dicom"]) {
		t.Fatal("the archive does not have the photo")
	}
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(h.service, "privacy", "/erasures")
	b.look("erasures-1-empty")
	b.run("searching", chromedp.SendKeys("#patient-query", patient.RecordNumber+"\r", chromedp.ByQuery), chromedp.WaitVisible("#patient-results a", chromedp.ByQuery))
	b.look("erasures-2-found")
	b.run("choosing", press("#patient-results a"))
	b.until("chosen", `document.readyState === 'complete' && document.querySelector('#why')`)
	b.run("asking", chromedp.SendKeys("#why", "letter of the patient", chromedp.ByQuery), press(`form[data-post="/api/v1/erasures"] button[type=submit]`),
		chromedp.WaitVisible("#confirm-typed", chromedp.ByQuery), chromedp.SendKeys("#confirm-typed", "something else", chromedp.ByQuery),
		press("#confirm [data-ok]"))
	b.until("not taken", `document.querySelector('#confirm-error').textContent !== ''`)
	b.look("erasures-3-typed-wrong")
	b.run("typing", chromedp.SetValue("#confirm-typed", patient.RecordNumber, chromedp.ByQuery), press("#confirm [data-ok]"))
	b.until("asked", `/another person signs/.test(document.querySelector('main').innerText)`)
	b.look("erasures-4-asked")
	b.signOut()
	b.signIn(h.service, "second", "/erasures")
	b.run("signing", press(`button[data-post$="/sign"]`), chromedp.WaitVisible("#confirm-typed", chromedp.ByQuery))
	b.look("erasures-5-sign")
	b.run("typing", chromedp.SendKeys("#confirm-typed", patient.RecordNumber+"\r", chromedp.ByQuery))
	b.until("signed", `location.pathname.startsWith('/erasures/')`)
	b.look("erasure-1-signed")
	id := strings.TrimPrefix(value[string](b, "number", "location.pathname"), "/erasures/")
	h.takenBack(copies)
	h.certified(id, patient)
	b.run("again", chromedp.Navigate(h.base+"/erasures/"+id), chromedp.WaitVisible(`a[download]`, chromedp.ByQuery))
	b.look("erasure-2-certified")
	b.run("list", chromedp.Navigate(h.base+"/erasures"), chromedp.WaitVisible("main", chromedp.ByQuery))
	b.look("erasures-6-past")
	b.noFaults()
	if status := h.clinician.call("GET", "/api/v1/photos/"+string(photo.ID), nil, nil); status != http.StatusNotFound {
		t.Errorf("the photo of an erased patient answers %d, want 404", status)
	}
	h.logNames(patient.Name, patient.RecordNumber, "letter of the patient")
}

// certified waits for the certificate of an erasure and checks it offline.
func (h *hospital) certified(id string, patient vault.Patient) {
	h.t.Helper()
	var one vault.Erasure
	eventually(h.t, "the certificate", 2*time.Minute, func() bool {
		h.privacy.must("GET", "/api/v1/erasures/"+id, nil, &one)
		return one.State == vault.ErasureDone
	})
	if one.Unreached > 0 || one.Waiting > 0 {
		h.t.Fatalf("the erasure is %s: %d waiting, %d not reached of %d", one.State, one.Waiting, one.Unreached, len(one.Items))
	}
	status, text, err := h.privacy.request(h.t.Context(), "GET", "/api/v1/erasures/"+id+"/certificate", nil, nil)
	if err != nil || status != http.StatusOK {
		h.t.Fatalf("reading the certificate: status %d, %v", status, err)
	}
	for _, word := range []string{patient.Name, patient.RecordNumber, patient.BirthDate} {
		if bytes.Contains(text, []byte(word)) {
			h.t.Errorf("the certificate contains %q", word)
		}
	}
	var keys vault.PublicKeys
	h.privacy.must("GET", "/api/v1/keys", nil, &keys)
	b := newBench(h.t)
	trusted := []string{"--key", base64.StdEncoding.EncodeToString(keys.Certificates[0].Key), "--log-key", keys.LogVerifier}
	out, _ := b.wants(0, append([]string{"verify-erasure", b.put("erased.json", text)}, trusted...)...)
	if !strings.Contains(out, "VERIFIED") || !strings.Contains(out, "2 of 2 copies") || !strings.Contains(out, "objects       8 of 8") {
		h.t.Errorf("verified:\n%s", out)
	}
	forged := bytes.Replace(text, []byte("entered-in-error"), []byte("deleted"), 1)
	b.wants(2, append([]string{"verify-erasure", b.put("forged.json", forged)}, trusted...)...)
}

// TestWrongPatientThroughThePages: a clinician reports on the photo's page whose
// photo it is, records sign, the charts of the wrong patient give their copies
// back, and the photo goes through review again into the right patient's.
func TestWrongPatientThroughThePages(t *testing.T) {
	h := newHospital(t)
	patients := h.clinician.patients()
	wrong, right := patients[0], patients[1]
	photo, copies := h.released(wrong, 4)
	_, before := h.entry(copies["fhir"])
	b := openBrowser(t, vaulttest.ProfileFolder(t), photograph(t))
	b.signIn(h.service, "clinician", "/photos/"+string(photo.ID))
	b.look("photo-1-approved")
	b.run("reporting", press(`button[data-opens="recall-dialog"]`), chromedp.WaitVisible("#right-query", chromedp.ByQuery),
		chromedp.SendKeys("#right-query", right.RecordNumber, chromedp.ByQuery), chromedp.WaitVisible("#right-results button", chromedp.ByQuery))
	b.look("photo-2-whose")
	b.run("choosing", press("#right-results button"), chromedp.WaitVisible("#right-chosen", chromedp.ByQuery),
		chromedp.SendKeys("#recall-reason", "wristband of the neighbour", chromedp.ByQuery))
	b.look("photo-3-report")
	b.run("sending", press("#recall-dialog button[type=submit]"))
	b.until("reported", `!document.querySelector('#recall-dialog').open`)
	b.signOut()
	b.signIn(h.service, "records", "/recalls")
	b.look("recalls-1-waiting")
	b.run("signing", press(`button[data-post$="/sign"]`), chromedp.WaitVisible("#confirm [data-ok]", chromedp.ByQuery))
	b.look("recalls-2-sign")
	b.run("sure", press("#confirm [data-ok]"))
	b.until("signed", `/Moved to its patient/.test(document.querySelector('main').innerText)`)
	b.look("recalls-3-moved")
	b.signOut()
	h.takenBack(copies)
	again := h.approve()
	if again.ID != photo.ID || again.Version <= photo.Version {
		t.Errorf("photo %s version %d was reviewed again, want %s above %d", again.ID, again.Version, photo.ID, photo.Version)
	}
	fresh := h.attached(again)
	status, after := h.entry(fresh["fhir"])
	if status != "current" || after == before || fresh["fhir"].ID == copies["fhir"].ID || !h.archived(fresh["dicom"]) {
		t.Errorf("the new entry is %q of %s (before: %s), archived %v", status, after, before, h.archived(fresh["dicom"]))
	}
	if status, _ := h.entry(copies["fhir"]); status != "entered-in-error" {
		t.Errorf("the wrong patient's entry is %q again", status)
	}
	for _, of := range []vault.Patient{wrong, right} {
		var trail struct {
			Events []vault.Event `json:"events"`
		}
		h.first.must("GET", "/api/v1/audit?limit=500&patient="+string(of.ID), nil, &trail)
		if !tellsOfRecall(trail.Events) {
			t.Errorf("the log of patient %s does not tell of the recall", of.ID)
		}
	}
	b.noFaults()
	h.logNames(wrong.Name, right.Name, wrong.RecordNumber, right.RecordNumber, "wristband of the neighbour")
}

func tellsOfRecall(events []vault.Event) bool {
	for _, e := range events {
		if e.Act == "recall.sign" || e.Act == "recall.receive" {
			return true
		}
	}
	return false
}

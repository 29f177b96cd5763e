package api

import (
	"bytes"
	"encoding/json"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// cast is one photo and everybody who has to do with it.
type cast struct {
	*bench
	doctor, author, reviewer, records, privacy string // tokens
	patient                                    vault.PatientID
	photo                                      vault.PhotoID
}

// newCast sends one capture and lets the worker read it. author is a reviewer too, and took the photo.
func newCast(t *testing.T) *cast {
	t.Helper()
	return castOf(t, vaulttest.Picture(t, 640, 480, 9))
}

// castOf is newCast with a picture of one's own.
func castOf(t *testing.T, picture []byte) *cast {
	t.Helper()
	b := newBench(t)
	author := b.Person(t, "author", clinician, reviewer)
	doctor := b.Person(t, "doctor", clinician)
	c := &cast{bench: b, patient: b.Patient(t, author, doctor)}
	c.doctor, c.author = b.signIn(t, "doctor"), b.signIn(t, "author")
	c.reviewer, c.records, c.privacy = b.as(t, reviewer), b.as(t, records), b.as(t, privacy)
	sealed := b.Capture(t, author, c.patient, picture)
	var receipt struct {
		PhotoID vault.PhotoID `json:"photo_id"`
	}
	b.send(t, captureRequest(c.author, string(sealed.ID), sealed.Envelope)).into(t, http.StatusCreated, &receipt)
	c.photo = receipt.PhotoID
	b.Work(t)
	return c
}

func (c *cast) at(rest string) string { return "/api/v1/photos/" + string(c.photo) + rest }

// approved takes the photo through review with one drawn box.
func (c *cast) approved(t *testing.T) vault.Photo {
	t.Helper()
	var next nextAnswer
	c.post(t, c.reviewer, "/api/v1/review/next", nil).into(t, http.StatusOK, &next)
	if next.Photo == nil || next.Photo.ID != c.photo {
		t.Fatal("the reviewer's next photo is not the one that waits")
	}
	var out vault.Photo
	c.post(t, c.reviewer, c.at("/approve"), approveRequest{Version: next.Photo.Version, Regions: []decidedRegion{
		{Kind: "drawn", X0: 64, Y0: 64, X1: 192, Y1: 160},
	}, Force: true}).into(t, http.StatusOK, &out)
	if out.State != vault.StateApproved {
		t.Fatalf("after approval: got state %q, want approved", out.State)
	}
	return out
}

func TestReviewOverHTTP(t *testing.T) {
	c := newCast(t)
	var none nextAnswer
	c.post(t, c.author, "/api/v1/review/next", nil).into(t, http.StatusOK, &none)
	if none.Photo != nil {
		t.Error("whoever took the photo is offered it for review")
	}
	c.get(t, c.reviewer, c.at("/renditions/original")).refused(t, http.StatusNotFound, "not-found")
	var next nextAnswer
	c.post(t, c.reviewer, "/api/v1/review/next", nil).into(t, http.StatusOK, &next)
	picture := c.get(t, c.reviewer, c.at("/renditions/display"))
	picture.into(t, http.StatusOK, nil)
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(picture.body))
	if err != nil || cfg.Width == 0 || picture.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("display rendition: got %v %v %s, want a JPEG", cfg, err, picture.Header.Get("Content-Type"))
	}
	if csp := picture.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || picture.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a picture must be sandboxed and not stored: got %q, %q", csp, picture.Header.Get("Cache-Control"))
	}
	c.post(t, c.author, c.at("/approve"), approveRequest{Version: next.Photo.Version}).refused(t, http.StatusForbidden, "not-allowed")
	c.post(t, c.reviewer, c.at("/approve"), approveRequest{Version: next.Photo.Version + 1}).refused(t, http.StatusConflict, "conflict")
	c.post(t, c.reviewer, c.at("/approve"), approveRequest{Version: next.Photo.Version, Regions: []decidedRegion{
		{Kind: "drawn", X0: 5000, Y0: 5000, X1: 6000, Y1: 6000},
	}}).refused(t, http.StatusUnprocessableEntity, "invalid")
	var claim claimAnswer
	c.post(t, c.reviewer, c.at("/claim"), nil).into(t, http.StatusOK, &claim)
	if claim.ClaimedUntil.Std().Sub(c.Clock.Now()) != vault.DefaultClaimFor {
		t.Errorf("renewed until %v, want %v from now", claim.ClaimedUntil, vault.DefaultClaimFor)
	}
	c.send(t, request{method: "DELETE", path: c.at("/claim"), token: c.reviewer}).into(t, http.StatusNoContent, nil)
	c.get(t, c.reviewer, c.at("/renditions/display")).refused(t, http.StatusNotFound, "not-found")
	c.approved(t)
	c.post(t, c.reviewer, c.at("/reopen"), reasonRequest{"looked again"}).into(t, http.StatusNoContent, nil)
	c.post(t, c.reviewer, "/api/v1/review/next", nil).into(t, http.StatusOK, &next)
	c.post(t, c.reviewer, c.at("/reject"), decideRequest{next.Photo.Version, strings.Repeat("x", 501)}).refused(t, http.StatusUnprocessableEntity, "invalid")
	c.post(t, c.reviewer, c.at("/reject"), decideRequest{next.Photo.Version, "out of focus"}).into(t, http.StatusNoContent, nil)
	var list photosAnswer
	c.get(t, c.author, "/api/v1/captures").into(t, http.StatusOK, &list)
	if len(list.Photos) != 1 || list.Photos[0].State != vault.StateRejected || list.Photos[0].Reason != "out of focus" {
		t.Errorf("own captures: got %d, want the one, rejected with its reason", len(list.Photos))
	}
}

func TestCareTeamOverHTTP(t *testing.T) {
	c := newCast(t)
	var found patientsAnswer
	c.post(t, c.doctor, "/api/v1/patients/search", searchRequest{"synthetic"}).into(t, http.StatusOK, &found)
	if len(found.Patients) != 1 || found.Patients[0].ID != c.patient {
		t.Fatalf("search: got %d patients, want the one of the care team", len(found.Patients))
	}
	outsider := c.as(t, clinician)
	for _, path := range []string{c.at(""), c.at("/renditions/covered_display"), "/api/v1/patients/" + string(c.patient), "/api/v1/patients/" + string(c.patient) + "/photos"} {
		c.get(t, c.doctor, path).into(t, http.StatusOK, nil)
		c.get(t, outsider, path).refused(t, http.StatusNotFound, "not-found")
	}
	c.post(t, outsider, c.at("/reveal"), reasonRequest{"curious"}).refused(t, http.StatusNotFound, "not-found")
	c.post(t, c.doctor, c.at("/reveal"), reasonRequest{""}).refused(t, http.StatusUnprocessableEntity, "invalid")
	c.post(t, c.doctor, c.at("/reveal"), reasonRequest{"wound not visible under the cover"}).into(t, http.StatusOK, nil)
	c.get(t, c.doctor, c.at("/renditions/original")).refused(t, http.StatusForbidden, "not-allowed")
	c.get(t, c.doctor, c.at("/renditions/nonsense")).refused(t, http.StatusNotFound, "not-found")
}

// TestVisibleOverHTTP: a refusal to release tells what is still seen, and the reviewer's word releases it.
func TestVisibleOverHTTP(t *testing.T) {
	c := castOf(t, vaulttest.Face(t))
	var next nextAnswer
	c.post(t, c.reviewer, "/api/v1/review/next", nil).into(t, http.StatusOK, &next)
	open := c.post(t, c.reviewer, c.at("/approve"), approveRequest{Version: next.Photo.Version}).refused(t, http.StatusConflict, "conflict")
	if len(open.Residual) == 0 || open.Residual[0].Kind != "face" || !strings.Contains(open.Detail, "still visible") {
		t.Fatalf("nothing covered: got %+v, want a face", open)
	}
	b := open.Residual[0].Box
	below := approveRequest{Version: next.Photo.Version, Regions: []decidedRegion{{Kind: "face", X0: b.X0, Y0: b.Y1, X1: b.X1, Y1: b.Y1 + 8}}}
	beside := c.post(t, c.reviewer, c.at("/approve"), below).refused(t, http.StatusConflict, "conflict")
	if len(beside.Residual) == 0 || !strings.Contains(beside.Detail, "beside") {
		t.Errorf("covered below the face alone: got %+v, want the face", beside)
	}
	below.Force = true
	var out vault.Photo
	if c.post(t, c.reviewer, c.at("/approve"), below).into(t, http.StatusOK, &out); out.State != vault.StateApproved {
		t.Errorf("confirmed by the reviewer: got state %s, want approved", out.State)
	}
}

func TestChartOverHTTP(t *testing.T) {
	c := newCast(t)
	c.post(t, c.records, c.at("/attachments"), attachRequest{}).refused(t, http.StatusNotFound, "not-found")
	c.approved(t)
	no := false
	var list photosAnswer
	c.post(t, c.records, "/api/v1/approved/search", approvedRequest{Attached: &no, Patient: c.patient}).into(t, http.StatusOK, &list)
	if len(list.Photos) != 1 || list.Photos[0].ID != c.photo {
		t.Fatalf("approved photos: got %d, want the one", len(list.Photos))
	}
	c.get(t, c.records, c.at("/renditions/redacted_display")).into(t, http.StatusOK, nil)
	c.post(t, c.records, c.at("/attachments"), attachRequest{Targets: []string{"fax"}}).refused(t, http.StatusUnprocessableEntity, "invalid")
	var first, again attachmentsAnswer
	c.post(t, c.records, c.at("/attachments"), attachRequest{}).into(t, http.StatusAccepted, &first)
	c.post(t, c.records, c.at("/attachments"), attachRequest{}).into(t, http.StatusAccepted, &again)
	if len(first.Attachments) != 2 || len(again.Attachments) != 2 || first.Attachments[0].ID != again.Attachments[0].ID {
		t.Errorf("attaching twice: got %d and %d attachments, want the same two", len(first.Attachments), len(again.Attachments))
	}
	for _, a := range first.Attachments {
		if a.State != vault.AttachmentPending {
			t.Errorf("%s: got state %q before any delivery, want pending", a.Target, a.State)
		}
	}
	c.post(t, c.records, "/api/v1/attachments/"+string(first.Attachments[0].ID)+"/retry", nil).refused(t, http.StatusConflict, "conflict")
	cert := c.get(t, c.privacy, c.at("/certificate"))
	cert.into(t, http.StatusOK, nil)
	if !json.Valid(cert.body) || !bytes.Contains(cert.body, []byte(c.photo)) {
		t.Errorf("certificate: got %s, want JSON about the photo", cert.body)
	}
	if got, err := vault.VerifyCertificate(cert.body, vault.Trust{}); err != nil || !got.InLog || got.Photo != c.photo {
		t.Errorf("certificate: verifies as %+v, %v, want the photo's, in the log", got, err)
	}
	var salt saltAnswer
	c.get(t, c.privacy, c.at("/certificate/salt")).into(t, http.StatusOK, &salt)
	if len(salt.OriginalSalt) != 64 {
		t.Errorf("salt of %d digits, want 64", len(salt.OriginalSalt))
	}
	for _, who := range []string{c.records, c.doctor, c.reviewer} {
		c.get(t, who, c.at("/certificate/salt")).refused(t, http.StatusForbidden, "not-allowed")
	}
}

func TestAuditOverHTTP(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	var trail eventsAnswer
	c.get(t, c.privacy, "/api/v1/audit?limit=2&patient="+string(c.patient)).into(t, http.StatusOK, &trail)
	if len(trail.Events) != 2 || trail.Next == 0 {
		t.Fatalf("first page: got %d events, next %d; want 2 and more", len(trail.Events), trail.Next)
	}
	acts := map[string]bool{}
	for trail.Next != 0 {
		for _, e := range trail.Events {
			acts[e.Act] = true
		}
		before := trail.Next
		trail = eventsAnswer{}
		c.get(t, c.privacy, "/api/v1/audit?limit=2&patient="+string(c.patient)+"&before="+itoa(before)).into(t, http.StatusOK, &trail)
	}
	for _, want := range []string{"capture.accept", "review.approve"} {
		if !acts[want] {
			t.Errorf("trail of the patient: got %v, want %s in it", acts, want)
		}
	}
	if err := c.V.Checkpoint(t.Context(), vault.JobActor("test")); err != nil {
		t.Fatal(err)
	}
	var v vault.Verification
	c.post(t, c.privacy, "/api/v1/audit/verify", nil).into(t, http.StatusOK, &v)
	if !v.OK || v.Checkpoints == 0 {
		t.Errorf("verifying: got %+v, want a good log with a checkpoint", v)
	}
	export := c.get(t, c.privacy, "/api/v1/audit/export")
	export.into(t, http.StatusOK, nil)
	if d := export.Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") {
		t.Errorf("export: got disposition %q, want attachment", d)
	}
	var keys vault.PublicKeys
	c.get(t, "", "/api/v1/keys").into(t, http.StatusOK, &keys)
	if v, err := vault.VerifyExport(bytes.NewReader(export.body), keys.LogVerifier); err != nil || !v.OK {
		t.Errorf("export checked offline: got %+v, %v; want a good log", v, err)
	}
	flipped := bytes.Replace(export.body, []byte(`review.approve`), []byte(`review.apprOve`), 1)
	if v, err := vault.VerifyExport(bytes.NewReader(flipped), keys.LogVerifier); err == nil && v.OK {
		t.Error("export with one letter changed: got a good log")
	}
}

// One whole journey, then everything that operators can read is searched for what belongs to the patient.
func TestNothingOfThePatientLeaksIntoLogsAndNumbers(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	c.post(t, c.doctor, "/api/v1/patients/search", searchRequest{"TEST-000001"}).into(t, http.StatusOK, nil)
	c.post(t, c.records, "/api/v1/approved/search", approvedRequest{Q: "Synthetic"}).into(t, http.StatusOK, nil)
	c.get(t, c.doctor, "/api/v1/patients/"+string(c.patient)+"/photos").into(t, http.StatusOK, nil)
	seen := map[string]string{
		"server log": c.lines.String(), "vault log": c.Log.String(), "metrics": string(c.get(t, "", "/metrics").body),
		"audit": string(c.get(t, c.privacy, "/api/v1/audit/export").body),
	}
	for where, text := range seen {
		if where != "vault log" && len(text) < 200 {
			t.Errorf("%s: got %q, too little to search", where, text)
		}
		for _, inner := range []string{"Synthetic Patient", "TEST-0000", c.doctor, c.records, vaulttest.Password, "Demo only-"} {
			if strings.Contains(text, inner) {
				t.Errorf("%s holds %q", where, inner)
			}
		}
		if where != "audit" && strings.Contains(text, string(c.patient)) {
			t.Errorf("%s holds the patient's ID", where)
		}
	}
}

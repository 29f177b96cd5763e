package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// other is a second person of a role, who may sign what the first one asked for.
func (b *bench) other(t *testing.T, role vault.Role) string {
	t.Helper()
	b.addPerson(t, "other-"+string(role), role)
	return b.signIn(t, "other-"+string(role))
}

func TestConsentOverHTTP(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	var now vault.Consent
	c.post(t, c.doctor, c.at("/consents"), consentRequest{Purpose: "teaching", Allowed: true, How: "written", Document: "F-7", Note: "in the ward"}).
		into(t, http.StatusOK, &now)
	if now != (vault.Consent{Record: true, Teaching: true}) {
		t.Errorf("after consent to teaching: %+v", now)
	}
	var made releaseAnswer
	c.post(t, c.records, c.at("/releases"), releaseRequest{Purpose: "teaching", Reason: "lecture on scars"}).into(t, http.StatusCreated, &made)
	c.post(t, c.records, c.at("/releases"), releaseRequest{Purpose: "publication", Reason: "a paper"}).refused(t, http.StatusConflict, "conflict")
	picture := c.get(t, c.records, c.at("/releases/teaching"))
	picture.into(t, http.StatusOK, nil)
	if picture.Header.Get("Content-Type") != "image/jpeg" || picture.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the copy came as %q, %q", picture.Header.Get("Content-Type"), picture.Header.Get("Cache-Control"))
	}
	var list releasesAnswer
	c.get(t, c.privacy, c.at("/releases")).into(t, http.StatusOK, &list)
	if len(list.Releases) != 1 || list.Releases[0].ID != made.ID || list.Releases[0].Reason != "lecture on scars" {
		t.Errorf("releases: %d, want the one made", len(list.Releases))
	}
	// The patient writes to the hospital: it ends at the next request.
	c.post(t, c.privacy, c.at("/consents"), consentRequest{Purpose: "teaching", How: "letter", TakenAt: vault.TimeOf(c.Clock.Now())}).into(t, http.StatusOK, &now)
	if now.Teaching {
		t.Error("teaching is still allowed")
	}
	c.get(t, c.records, c.at("/releases/teaching")).refused(t, http.StatusNotFound, "not-found")
	var words consentsAnswer
	c.get(t, c.doctor, c.at("/consents")).into(t, http.StatusOK, &words)
	if len(words.Consents) != 5 || words.Consents[0].How != "letter" || words.Consents[1].Document != "F-7" {
		t.Errorf("the history has %d words, want 5 with their evidence", len(words.Consents))
	}
	for name, in := range map[string]consentRequest{
		"no purpose":    {How: "verbal"},
		"no way":        {Purpose: "record"},
		"in the future": {Purpose: "record", How: "verbal", TakenAt: vault.TimeOf(c.Clock.Now()) + 60_000},
		"endless note":  {Purpose: "record", How: "verbal", Note: strings.Repeat("x", 501)},
	} {
		got := c.post(t, c.doctor, c.at("/consents"), in)
		if got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: got %d, want 422", name, got.StatusCode)
		}
	}
}

func TestErasureOverHTTP(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	ask := subjectRequest{Patient: c.patient, Reason: "the patient asks for it"}
	var hold holdAnswer
	c.post(t, c.records, "/api/v1/holds", subjectRequest{Patient: c.patient, Reason: "a claim"}).into(t, http.StatusCreated, &hold)
	c.post(t, c.privacy, "/api/v1/erasures", ask).refused(t, http.StatusConflict, "conflict")
	// Two people lift the hold.
	lift := "/api/v1/holds/" + string(hold.ID)
	c.post(t, c.privacy, lift+"/lift", nil).refused(t, http.StatusConflict, "conflict")
	c.post(t, c.privacy, lift+"/ask-lift", reasonRequest{"settled"}).into(t, http.StatusNoContent, nil)
	c.post(t, c.privacy, lift+"/lift", nil).refused(t, http.StatusForbidden, "not-allowed")
	second := c.other(t, privacy)
	c.post(t, second, lift+"/lift", nil).into(t, http.StatusNoContent, nil)
	var holds holdsAnswer
	c.get(t, c.records, "/api/v1/holds?patient="+string(c.patient)).into(t, http.StatusOK, &holds)
	if len(holds.Holds) != 1 || holds.Holds[0].State != "lifted" {
		t.Errorf("holds: %d, want one that is lifted", len(holds.Holds))
	}
	// Two people erase.
	var asked erasureAnswer
	c.post(t, c.privacy, "/api/v1/erasures", ask).into(t, http.StatusCreated, &asked)
	at := "/api/v1/erasures/" + string(asked.ID)
	c.post(t, c.privacy, at+"/sign", nil).refused(t, http.StatusForbidden, "not-allowed")
	c.post(t, c.records, at+"/sign", nil).refused(t, http.StatusForbidden, "not-allowed")
	c.get(t, c.privacy, at+"/certificate").refused(t, http.StatusNotFound, "not-found")
	c.post(t, second, at+"/sign", nil).into(t, http.StatusNoContent, nil)
	c.post(t, c.privacy, at+"/cancel", nil).refused(t, http.StatusConflict, "conflict")
	var one vault.Erasure
	c.get(t, c.privacy, at).into(t, http.StatusOK, &one)
	if one.State != vault.ErasureDestroyed || one.PatientName != "" || one.Waiting == 0 || len(one.Items) != one.Waiting {
		t.Errorf("after the second signature: state %q, name %q, %d waiting", one.State, one.PatientName, one.Waiting)
	}
	c.get(t, c.doctor, c.at("")).refused(t, http.StatusNotFound, "not-found")
	c.finish(t, asked.ID)
	certificate := c.get(t, c.signIn(t, "only-privacy"), at+"/certificate")
	certificate.into(t, http.StatusOK, nil)
	if !strings.Contains(certificate.Header.Get("Content-Disposition"), string(asked.ID)) {
		t.Errorf("the certificate is offered as %q", certificate.Header.Get("Content-Disposition"))
	}
	keys, err := c.V.PublicKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := vault.VerifyErasure(certificate.body, vault.Trust{Key: keys.Certificates[0].Key, LogVerifier: keys.LogVerifier})
	if err != nil || got.LogSize == 0 || got.OwnKey || got.OwnLogKey {
		t.Errorf("the certificate: %+v, %v", got, err)
	}
	if strings.Contains(string(certificate.body), "Synthetic") || strings.Contains(string(certificate.body), "TEST-0") {
		t.Error("the certificate names the patient")
	}
}

// finish does what the worker and the sweep do until the erasure is certified.
func (b *bench) finish(t *testing.T, id vault.ErasureID) {
	t.Helper()
	worker := vault.JobActor("test-worker")
	for range 20 {
		if err := b.V.Sweep(t.Context(), worker); err != nil {
			t.Fatal(err)
		}
		job, err := b.V.ClaimJob(t.Context(), worker, 60e9)
		if err != nil {
			t.Fatal(err)
		}
		if job == nil {
			b.Clock.Add(5 * 60e9)
			continue
		}
		switch job.Kind {
		case vault.JobErase:
			err = b.V.FinishErasure(t.Context(), worker, job)
		case vault.JobHold:
			err = b.V.CarryHold(t.Context(), worker, job)
		default:
			t.Fatalf("job of kind %q is due", job.Kind)
		}
		if err != nil {
			t.Fatal(err)
		}
		one, err := b.V.ErasureStatus(t.Context(), b.SignIn(t, "other-privacy"), id)
		if err != nil {
			t.Fatal(err)
		}
		if one.State == vault.ErasureDone {
			return
		}
	}
	t.Fatal("the erasure does not come to an end")
}

func TestRecallOverHTTP(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	doctor, err := c.V.Authenticate(t.Context(), c.doctor)
	if err != nil {
		t.Fatal(err)
	}
	right := c.Patient(t, doctor)
	var asked recallAnswer
	c.post(t, c.doctor, "/api/v1/recalls", recallRequest{Photo: c.photo, To: c.patient, Reason: "the same patient"}).refused(t, http.StatusUnprocessableEntity, "invalid")
	c.post(t, c.doctor, "/api/v1/recalls", recallRequest{Photo: c.photo, To: right, Reason: "wristband of the neighbour"}).into(t, http.StatusCreated, &asked)
	c.post(t, c.records, "/api/v1/recalls", recallRequest{Photo: c.photo, Reason: "again"}).refused(t, http.StatusConflict, "conflict")
	var list recallsAnswer
	c.get(t, c.privacy, "/api/v1/recalls").into(t, http.StatusOK, &list)
	if len(list.Recalls) != 1 || list.Recalls[0].To != right || list.Recalls[0].State != "asked" {
		t.Fatalf("recalls: %+v, want the one asked for", len(list.Recalls))
	}
	c.post(t, c.records, "/api/v1/recalls/"+string(asked.ID)+"/sign", nil).into(t, http.StatusNoContent, nil)
	c.post(t, c.privacy, "/api/v1/recalls/"+string(asked.ID)+"/cancel", nil).refused(t, http.StatusConflict, "conflict")
	var photo vault.Photo
	c.get(t, c.doctor, c.at("")).into(t, http.StatusOK, &photo)
	if photo.Patient != right || photo.State != vault.StateInReview {
		t.Errorf("the photo is %s of %s, want in review of the right patient", photo.State, photo.Patient)
	}
	c.get(t, c.author, c.at("")).refused(t, http.StatusNotFound, "not-found")
}

func TestRetentionOverHTTP(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	var first, second ruleAnswer
	rule := ruleRequest{Kind: "approved", Years: 10, ChildUntil: 18, ChildYears: 10, Reason: "hospital act, section 1"}
	c.post(t, c.privacy, "/api/v1/retention/rules", rule).into(t, http.StatusCreated, &first)
	c.post(t, c.privacy, "/api/v1/retention/rules/"+string(first.ID)+"/sign", nil).refused(t, http.StatusForbidden, "not-allowed")
	c.post(t, c.privacy, "/api/v1/retention/rules/"+string(first.ID)+"/drop", nil).into(t, http.StatusNoContent, nil)
	c.post(t, c.records, "/api/v1/retention/rules/"+string(first.ID)+"/sign", nil).refused(t, http.StatusConflict, "conflict")
	c.post(t, c.privacy, "/api/v1/retention/rules", rule).into(t, http.StatusCreated, &second)
	c.post(t, c.records, "/api/v1/retention/rules/"+string(second.ID)+"/sign", nil).into(t, http.StatusNoContent, nil)
	var rules rulesAnswer
	c.get(t, c.records, "/api/v1/retention/rules").into(t, http.StatusOK, &rules)
	if len(rules.Rules) != 2 || rules.Rules[0].State != "acting" || rules.Rules[1].State != "dropped" {
		t.Errorf("rules: %+v, want one that acts and one that was dropped", rules.Rules)
	}
	var report vault.Retention
	c.get(t, c.privacy, "/api/v1/retention/report").into(t, http.StatusOK, &report)
	if len(report.Rules) != 1 || report.Rules[0].Kept != 1 || report.Rules[0].Rule != second.ID || len(report.Due) != 0 {
		t.Errorf("the report: %+v, want one photo kept", report)
	}
	rule.Years = 151
	c.post(t, c.privacy, "/api/v1/retention/rules", rule).refused(t, http.StatusUnprocessableEntity, "invalid")
}

func TestIncidentsOverHTTP(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	for _, name := range c.Blobs.Names() {
		object := c.Blobs.Bytes(name)
		object[len(object)/2] ^= 1
		c.Blobs.Tamper(name, object)
	}
	c.get(t, c.doctor, c.at("/renditions/redacted_display")).refused(t, http.StatusInternalServerError, "integrity")
	var list incidentsAnswer
	admins := c.as(t, admin)
	c.get(t, admins, "/api/v1/incidents").into(t, http.StatusOK, &list)
	if len(list.Incidents) != 1 || list.Incidents[0].Photo != c.photo || !list.Incidents[0].Grave {
		t.Fatalf("incidents: %+v, want the one that was met", list.Incidents)
	}
	at := "/api/v1/incidents/" + string(list.Incidents[0].ID) + "/settle"
	page := c.page(t, admins, "/health").sound(t, http.StatusOK)
	for _, want := range []string{"1 finding open", "Cannot be opened", string(c.photo), `data-post="` + at + `"`, "Not in order"} {
		if !strings.Contains(page, want) {
			t.Errorf("the health page does not say %q", want)
		}
	}
	c.post(t, admins, at, reasonRequest{""}).refused(t, http.StatusUnprocessableEntity, "invalid")
	c.post(t, admins, at, reasonRequest{"restored from the second disk"}).into(t, http.StatusNoContent, nil)
	c.post(t, admins, at, reasonRequest{"again"}).refused(t, http.StatusConflict, "conflict")
	if page := c.page(t, admins, "/health").sound(t, http.StatusOK); !strings.Contains(page, "None is open") || !strings.Contains(page, "restored from the second disk") {
		t.Error("the health page does not say that it is settled")
	}
}

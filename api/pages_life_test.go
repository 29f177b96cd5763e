package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// says fails unless a page, for the person, says all of has and nothing of lacks.
func (b *bench) says(t *testing.T, token, path string, has, lacks []string) {
	t.Helper()
	text := b.page(t, token, path).sound(t, http.StatusOK)
	for _, want := range has {
		if !strings.Contains(text, want) {
			t.Errorf("%s: does not say %q", path, want)
		}
	}
	for _, not := range lacks {
		if strings.Contains(text, not) {
			t.Errorf("%s: says %q", path, not)
		}
	}
}

// Before anything was asked for, each page says so and what it is for.
func TestLifePagesWhenEmpty(t *testing.T) {
	b := newBench(t)
	for _, role := range []vault.Role{privacy, records} {
		token := b.as(t, role)
		b.says(t, token, "/erasures", []string{"None. What somebody asks", `data-patient="/erasures?patient={id}#ask"`}, []string{"Sign and erase"})
		b.says(t, token, "/holds", []string{"None. Nothing is held just now."}, []string{"Ask to lift"})
		b.says(t, token, "/recalls", []string{"Waiting for a second person", "None. When consent is withdrawn"}, []string{"Sign</button>"})
		b.says(t, token, "/retention", []string{"There are no documents and no rules yet."}, nil)
	}
	b.says(t, b.as(t, privacy), "/retention", []string{"Propose a rule", "Approved photos", "Copies released for teaching"}, nil)
	b.says(t, b.as(t, records), "/retention", nil, []string{"Propose a rule"})
}

func TestErasurePages(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	patient := string(c.patient)
	c.says(t, c.privacy, "/erasures?patient="+patient, []string{"Synthetic Patient 1", `data-sure-type="TEST-000001"`, `name="patient" value="` + patient + `"`}, nil)
	c.says(t, c.records, "/erasures?patient="+patient+"&photo="+string(c.photo), []string{`value="` + string(c.photo) + `"`}, nil)
	var asked erasureAnswer
	c.post(t, c.privacy, "/api/v1/erasures", subjectRequest{Patient: c.patient, Reason: "letter <of> March"}).into(t, http.StatusCreated, &asked)
	at := "/erasures/" + string(asked.ID)
	c.says(t, c.privacy, "/erasures", []string{"You asked; another person signs.", "letter &lt;of&gt; March", "Call off"}, []string{"Sign and erase", "<of>"})
	c.says(t, c.records, "/erasures", []string{"Call off"}, []string{"Sign and erase"})
	second := c.other(t, privacy)
	c.says(t, second, "/erasures", []string{"Sign and erase", `data-sure-type="TEST-000001"`, "Everything of Synthetic Patient 1, number TEST-000001"}, []string{"You asked"})
	c.says(t, second, at, []string{"Nothing is erased yet"}, []string{"Certificate", "<progress"})
	c.post(t, second, "/api/v1/erasures/"+string(asked.ID)+"/sign", nil).into(t, http.StatusNoContent, nil)
	c.says(t, second, at, []string{"of a patient who is erased", "0 of ", `data-again=`, "<progress", "Original", "On the way", "follows once everything"},
		[]string{"Synthetic", "TEST-0", "of&gt; March"})
	c.finish(t, asked.ID)
	second = c.signIn(t, "other-privacy")
	c.says(t, second, at, []string{"Download the certificate", "Erased and certified", "verify-erasure FILE", "Deleted.", "none does"}, []string{"data-again", "Synthetic", "On the way"})
	c.says(t, second, "/erasures", []string{"Everything of a patient who is erased"}, []string{"Synthetic", "TEST-0"})
	c.says(t, c.signIn(t, "author"), "/captures", nil, []string{"Synthetic", "TEST-0", "/renditions/", string(c.photo)})
}

func TestHoldAndRecallPages(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	var hold holdAnswer
	c.post(t, c.privacy, "/api/v1/holds", subjectRequest{Photo: c.photo, Reason: "a claim"}).into(t, http.StatusCreated, &hold)
	c.says(t, c.privacy, "/holds", []string{"One photo of Synthetic Patient 1", "a claim", "Ask to lift it"}, []string{"/lift\""})
	c.post(t, c.privacy, "/api/v1/holds/"+string(hold.ID)+"/ask-lift", reasonRequest{"closed"}).into(t, http.StatusNoContent, nil)
	c.says(t, c.privacy, "/holds", []string{"You asked; another person lifts it.", "Lifting asked for"}, []string{"/lift\""})
	second := c.other(t, privacy)
	c.says(t, second, "/holds", []string{"/holds/" + string(hold.ID) + "/lift\"", "asks to lift it: “closed”"}, nil)
	c.post(t, second, "/api/v1/holds/"+string(hold.ID)+"/lift", nil).into(t, http.StatusNoContent, nil)
	c.says(t, second, "/holds", []string{"None. Nothing is held", "Lifted (1)"}, nil)

	var recall recallAnswer
	c.post(t, c.records, "/api/v1/recalls", recallRequest{Photo: c.photo, Reason: "another arm"}).into(t, http.StatusCreated, &recall)
	c.says(t, c.records, "/recalls", []string{"You reported it", "another arm", "Filed under Synthetic Patient 1, number TEST-000001"}, []string{"/sign\""})
	c.says(t, c.privacy, "/recalls", []string{"/recalls/" + string(recall.ID) + "/sign\"", "Whose photo it is, is not known"}, nil)
	c.post(t, c.privacy, "/api/v1/recalls/"+string(recall.ID)+"/sign", nil).into(t, http.StatusNoContent, nil)
	c.says(t, c.records, "/recalls", []string{"Shown to nobody"}, []string{"/sign\""})
}

// A copy that the chart did not give back is shown, with what to do about it.
func TestUnreachedCopiesArePutToPeople(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	var list attachmentsAnswer
	c.post(t, c.records, c.at("/attachments"), attachRequest{Targets: []string{"fhir"}}).into(t, http.StatusAccepted, &list)
	worker := vault.JobActor("test-worker")
	claim := func() *vault.Job {
		t.Helper()
		job, err := c.V.ClaimJob(t.Context(), worker, 60e9)
		if err != nil || job == nil {
			t.Fatalf("claiming: %v, %v", job, err)
		}
		return job
	}
	job := claim()
	if _, err := c.V.Delivery(t.Context(), worker, job); err != nil {
		t.Fatal(err)
	}
	c.post(t, c.doctor, c.at("/consents"), consentRequest{Purpose: "record", How: "verbal"}).into(t, http.StatusOK, nil)
	c.says(t, c.records, "/recalls", []string{"Being taken back", "The patient withdrew consent.", "Health record (FHIR)"}, []string{"Try again"})
	c.Clock.Add(10 * 60e9)
	job = claim()
	if err := c.V.RetractionFailed(t.Context(), worker, job, vault.ErrUnavailable, true); err != nil {
		t.Fatal(err)
	}
	at := "/api/v1/retractions/" + job.Subject + "/retry"
	c.says(t, c.records, "/recalls", []string{"Not reached", `data-post="` + at + `"`, "may still be seen in the chart"}, nil)
	c.says(t, c.records, "/records", []string{"1 copy in a chart should have been taken back"}, nil)
	page := "/photos/" + string(c.photo)
	c.says(t, c.doctor, page, []string{"Consent withdrawn", "if the patient allows it again", "shown to nobody"}, []string{"A reviewer rejected it", "/renditions/", "Uncover with a reason"})
	c.says(t, c.doctor, "/patients/"+string(c.patient), []string{"Consent withdrawn"}, []string{"/renditions/"})
	c.says(t, c.author, "/captures", []string{"Consent withdrawn"}, []string{"Take it again"})
	var copies attachmentsAnswer
	c.get(t, c.privacy, "/api/v1/retractions").into(t, http.StatusOK, &copies)
	if len(copies.Attachments) != 1 || copies.Attachments[0].State != vault.AttachmentUnreached {
		t.Errorf("copies: %+v, want one that was not reached", copies.Attachments)
	}
	c.post(t, c.records, at, nil).into(t, http.StatusNoContent, nil)
	c.post(t, c.records, at, nil).refused(t, http.StatusConflict, "conflict")
}

func TestRetentionPage(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	var rule ruleAnswer
	c.post(t, c.privacy, "/api/v1/retention/rules", ruleRequest{Kind: "approved", Years: 1, ChildUntil: 18, ChildYears: 10, Reason: "hospital act"}).into(t, http.StatusCreated, &rule)
	c.says(t, c.privacy, "/retention", []string{"None: nothing is due", "You proposed it", "Take back", "Kept for 1 year after the photo was taken; of a patient under 18 then, at least until 10 years after their 18th birthday."}, []string{"/sign\""})
	c.says(t, c.records, "/retention", []string{"/retention/rules/" + string(rule.ID) + "/sign\""}, []string{"Take back"})
	c.post(t, c.records, "/api/v1/retention/rules/"+string(rule.ID)+"/sign", nil).into(t, http.StatusNoContent, nil)
	c.Clock.Add(400 * 24 * 3600e9)
	c.says(t, c.signIn(t, "only-privacy"), "/retention", []string{`<strong class="refused">1</strong>`, `<rect class="bar-due" width="100"`, string(c.photo), "The documents that are due (1)"}, []string{"Synthetic"})
}

func TestConsentPages(t *testing.T) {
	c := newCast(t)
	c.approved(t)
	page := "/photos/" + string(c.photo)
	c.says(t, c.doctor, page, []string{"Consent withdrawn: record", "Consent given: teaching", `data-opens="recall-dialog"`, `data-shows="recall-reported"`, `id="recall-reported"`, "Every word of the patient", "On a signed form"}, []string{"Release a copy for"})
	c.says(t, c.records, page, []string{"The patient allows neither", "Ask for its erasure", `data-opens="recall-dialog"`}, []string{"consent-dialog"})
	c.post(t, c.doctor, c.at("/consents"), consentRequest{Purpose: "publication", Allowed: true, How: "written", Document: "F-9"}).into(t, http.StatusOK, nil)
	c.says(t, c.records, page, []string{"Release a copy for publication"}, []string{"Release a copy for teaching"})
	c.post(t, c.records, c.at("/releases"), releaseRequest{Purpose: "publication", Reason: "a paper"}).into(t, http.StatusCreated, nil)
	c.says(t, c.records, page, []string{"/releases/publication", "a paper"}, []string{"Release a copy for publication"})
	c.says(t, c.privacy, page+"/consent", []string{"Document: F-9", "Version 2", "With the capture", "Consent withdrawn: publication"}, []string{"Synthetic", "TEST-0", `href="` + page + `"`})
	c.says(t, c.privacy, "/audit", []string{`href="` + page + `/consent"`}, nil)
	c.says(t, c.privacy, "/audit?patient="+string(c.patient), []string{"/erasures?patient=" + string(c.patient), "/holds?patient="}, nil)
}

func TestOrdinals(t *testing.T) {
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 18: "18th", 20: "20th", 21: "21st", 22: "22nd", 30: "30th"} {
		if got := ordinal(n); got != want {
			t.Errorf("ordinal(%d) = %s, want %s", n, got, want)
		}
	}
}

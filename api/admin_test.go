package api

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestPeopleOverHTTP(t *testing.T) {
	b := newBench(t)
	token := b.as(t, admin)
	add := personRequest{Login: "new.person@ward", Name: "Demo New", Password: vaulttest.Password, Roles: []vault.Role{records}}
	var made personAnswer
	b.post(t, token, "/api/v1/people", add).into(t, http.StatusCreated, &made)
	b.post(t, token, "/api/v1/people", add).refused(t, http.StatusConflict, "conflict")
	for name, bad := range map[string]personRequest{
		"short password": {Login: "other", Name: "Demo Other", Password: "short", Roles: []vault.Role{records}},
		"no role":        {Login: "other", Name: "Demo Other", Password: vaulttest.Password},
		"unknown role":   {Login: "other", Name: "Demo Other", Password: vaulttest.Password, Roles: []vault.Role{"king"}},
	} {
		t.Run(name, func(t *testing.T) {
			b.post(t, token, "/api/v1/people", bad).refused(t, http.StatusUnprocessableEntity, "invalid")
		})
	}
	var list peopleAnswer
	b.get(t, token, "/api/v1/people").into(t, http.StatusOK, &list)
	found := false
	for _, p := range list.People {
		found = found || p.ID == made.ID && p.Login == add.Login && p.DisabledAt == 0
	}
	if !found {
		t.Errorf("people: got %d, want the new one among them", len(list.People))
	}
	theirs := b.signIn(t, add.Login)
	b.post(t, theirs, "/api/v1/people/only-admin/password", passwordRequest{"a password of mine"}).refused(t, http.StatusForbidden, "not-allowed")
	b.post(t, theirs, "/api/v1/people/"+add.Login+"/password", passwordRequest{"a password of mine"}).into(t, http.StatusNoContent, nil)
	b.get(t, theirs, "/api/v1/session").refused(t, http.StatusUnauthorized, "not-signed-in")
	b.post(t, token, "/api/v1/people/"+add.Login+"/disable", nil).into(t, http.StatusNoContent, nil)
	b.post(t, token, "/api/v1/people/nobody/disable", nil).refused(t, http.StatusNotFound, "not-found")
	b.post(t, token, "/api/v1/people/a%2Fb/disable", nil).refused(t, http.StatusNotFound, "not-found")
	b.post(t, "", "/api/v1/session", map[string]string{"login": add.Login, "password": "a password of mine"}).refused(t, http.StatusUnauthorized, "wrong-credentials")
}

func TestDeadJobsOverHTTP(t *testing.T) {
	b := newBench(t)
	doctor := b.Person(t, "doctor", clinician)
	b.Send(t, doctor, b.Capture(t, doctor, b.Patient(t, doctor), vaulttest.Picture(t, 64, 48, 4)))
	worker := vault.JobActor("test")
	job, err := b.V.ClaimJob(t.Context(), worker, 1e9)
	if err != nil || job == nil {
		t.Fatalf("claiming: %v, %v", job, err)
	}
	if err := b.V.FailJob(t.Context(), worker, job, vault.ErrInvalid, true); err != nil {
		t.Fatal(err)
	}
	token := b.as(t, admin)
	var list jobsAnswer
	b.get(t, token, "/api/v1/jobs/dead").into(t, http.StatusOK, &list)
	if len(list.Jobs) != 1 || list.Jobs[0].ID != job.ID {
		t.Fatalf("dead jobs: got %+v, want the one", list.Jobs)
	}
	b.post(t, token, "/api/v1/jobs/"+string(job.ID)+"/retry", nil).into(t, http.StatusNoContent, nil)
	b.post(t, token, "/api/v1/jobs/"+string(job.ID)+"/retry", nil).refused(t, http.StatusConflict, "conflict")
	b.get(t, token, "/api/v1/jobs/dead").into(t, http.StatusOK, &list)
	if len(list.Jobs) != 0 {
		t.Errorf("after the retry: got %+v, want none", list.Jobs)
	}
}

// Numbers are for this machine and for admins; a proxy on this machine speaks for somebody else.
func TestMetricsAreNotForStrangers(t *testing.T) {
	b := newBench(t)
	b.get(t, "", "/metrics").into(t, http.StatusOK, nil)
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "Via"} {
		passedOn := request{method: "GET", path: "/metrics", header: map[string]string{header: "192.0.2.1"}}
		b.send(t, passedOn).refused(t, http.StatusUnauthorized, "not-signed-in")
		passedOn.token = b.as(t, records)
		b.send(t, passedOn).refused(t, http.StatusForbidden, "not-allowed")
		passedOn.token = b.as(t, admin)
		b.send(t, passedOn).into(t, http.StatusOK, nil)
	}
}

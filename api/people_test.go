package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// TestPeopleAreChanged: what an administrator does with somebody, from adding to putting out and back.
func TestPeopleAreChanged(t *testing.T) {
	b := newBench(t)
	boss := b.as(t, admin)
	b.post(t, boss, "/api/v1/people", personRequest{Login: "new.person", Name: "New Person", Roles: []vault.Role{reviewer}}).into(t, http.StatusCreated, nil)
	one := "/api/v1/people/new.person"
	var code struct {
		Code      string     `json:"code"`
		ExpiresAt vault.Time `json:"expires_at"`
	}
	b.post(t, boss, one+"/reset", nil).into(t, http.StatusOK, &code)
	if len(code.Code) < 10 || code.ExpiresAt == 0 {
		t.Errorf("reset: got a code of %d characters until %v", len(code.Code), code.ExpiresAt)
	}
	b.post(t, boss, one+"/roles", rolesRequest{[]vault.Role{records, privacy}}).into(t, http.StatusNoContent, nil)
	b.post(t, boss, one+"/roles", map[string]any{"roles": []string{"records"}, "login": "other"}).refused(t, http.StatusBadRequest, "malformed")
	b.post(t, boss, one+"/terms", termsRequest{ValidUntil: vault.TimeOf(b.Clock.Now())}).into(t, http.StatusNoContent, nil)
	var p vault.Person
	b.get(t, boss, one).into(t, http.StatusOK, &p)
	if !slices.Equal(p.Roles, []vault.Role{records, privacy}) || p.State != vault.PeopleOut || p.Provisioned != "" {
		t.Errorf("after roles and terms: got %+v", p)
	}
	b.post(t, boss, one+"/terms", termsRequest{}).into(t, http.StatusNoContent, nil)
	b.post(t, boss, one+"/disable", nil).into(t, http.StatusNoContent, nil)
	var found foundPeopleAnswer
	b.post(t, boss, "/api/v1/people/search", findPeopleRequest{Search: "new", State: vault.PeopleOut}).into(t, http.StatusOK, &found)
	if len(found.People) != 1 || found.More {
		t.Errorf("searching who is out: got %d, more %v, want the one", len(found.People), found.More)
	}
	b.post(t, boss, one+"/enable", nil).into(t, http.StatusNoContent, nil)
	b.get(t, boss, one).into(t, http.StatusOK, &p)
	if p.State != vault.PeopleLive {
		t.Errorf("after enabling: got %s, want live", p.State)
	}
	b.post(t, boss, "/api/v1/people/only-admin/roles", rolesRequest{[]vault.Role{admin, privacy}}).refused(t, http.StatusForbidden, "not-allowed")
	b.post(t, boss, "/api/v1/people/only-admin/disable", nil).refused(t, http.StatusConflict, "conflict")
	b.post(t, boss, "/api/v1/people/nobody/roles", rolesRequest{}).refused(t, http.StatusNotFound, "not-found")
}

// TestGroupsMeanSomething: a directory that was let in over HTTP brings somebody, whose group gives a role.
func TestGroupsMeanSomething(t *testing.T) {
	b := newBench(t)
	boss := b.as(t, admin)
	var client directoryAnswer
	b.post(t, boss, "/api/v1/directories", directoryRequest{"Hospital directory"}).into(t, http.StatusCreated, &client)
	var user object
	b.scim(t, client.Token, "POST", "/Users", `{"userName":"from.there","displayName":"From There"}`).into(t, 201, &user)
	b.scim(t, client.Token, "POST", "/Groups", `{"displayName":"Wound Care","members":[{"value":"`+user["id"].(string)+`"}]}`).into(t, 201, nil)
	var groupMap groupMapAnswer
	b.get(t, boss, "/api/v1/groups").into(t, 200, &groupMap)
	if len(groupMap.Groups) != 1 || groupMap.Groups[0].ID != "" || groupMap.Groups[0].Members != 1 {
		t.Errorf("before it was mapped: got %+v, want the group with its one member", groupMap.Groups)
	}
	b.post(t, boss, "/api/v1/groups", groupRequest{Name: "wound care", Roles: []vault.Role{clinician}}).into(t, 204, nil)
	var p vault.Person
	b.get(t, boss, "/api/v1/people/from.there").into(t, 200, &p)
	if !slices.Equal(p.Roles, []vault.Role{clinician}) || len(p.LocalRoles) != 0 || p.Provisioned != "scim" {
		t.Errorf("once it was mapped: got %+v, want the role from the directory", p)
	}
	w := b.page(t, boss, "/directory").sound(t, http.StatusOK)
	for _, want := range []string{"wound care", "Hospital directory", "/api/v1/directories/" + string(client.ID) + "/end"} {
		if !strings.Contains(w, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(w, client.Token) {
		t.Error("the page tells the token again")
	}
	b.post(t, boss, "/api/v1/groups/drop", groupNameRequest{"WOUND CARE"}).into(t, 204, nil)
	b.get(t, boss, "/api/v1/people/from.there").into(t, 200, &p)
	if len(p.Roles) != 0 {
		t.Errorf("once it means nothing: got %v, want no role", p.Roles)
	}
	b.post(t, boss, "/api/v1/groups/drop", groupNameRequest{"wound care"}).refused(t, 404, "not-found")
	b.post(t, boss, "/api/v1/directories/"+string(client.ID)+"/end", nil).into(t, 204, nil)
	b.scim(t, client.Token, "GET", "/Users", "").scimRefused(t, 401, "")
}

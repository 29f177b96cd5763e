package api

import (
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

// peopleRoutes are what administrators do with people, with what groups mean, and with the directories that bring both.
var peopleRoutes = []route{
	{method: "POST", path: "/api/v1/people/search", summary: "People by name, state or role, page by page", roles: only(admin, privacy), in: findPeopleRequest{}, out: foundPeopleAnswer{}, do: (*call).findPeople},
	{method: "GET", path: "/api/v1/people/{login}", summary: "One person", roles: only(admin, privacy), out: vault.Person{}, do: (*call).person},
	{method: "POST", path: "/api/v1/people/{login}/enable", summary: "Let a person in again", roles: only(admin), status: 204, do: (*call).enablePerson},
	{method: "POST", path: "/api/v1/people/{login}/roles", summary: "The roles that a person holds because they were given here", roles: only(admin), in: rolesRequest{}, status: 204, do: (*call).setRoles},
	{method: "POST", path: "/api/v1/people/{login}/terms", summary: "From when until when a person may sign in; null: no bound", roles: only(admin), in: termsRequest{}, status: 204, do: (*call).setTerms},
	{method: "POST", path: "/api/v1/people/{login}/reset", summary: "Take password and factors away; the code to set new ones, shown once", roles: only(admin), out: vault.EnrolmentCode{}, do: (*call).resetPerson},
	{method: "GET", path: "/api/v1/groups", summary: "What groups of the directory mean here", roles: only(admin, privacy), out: groupMapAnswer{}, do: (*call).groupMap},
	{method: "POST", path: "/api/v1/groups", summary: "Say what a group means, at once for all in it", roles: only(admin), in: groupRequest{}, status: 204, do: (*call).setGroup},
	{method: "POST", path: "/api/v1/groups/drop", summary: "Have a group mean nothing", roles: only(admin), in: groupNameRequest{}, status: 204, do: (*call).dropGroup},
	{method: "GET", path: "/api/v1/directories", summary: "Directories that may bring people in", roles: only(admin), out: directoriesAnswer{}, do: (*call).directories},
	{method: "POST", path: "/api/v1/directories", summary: "Let a directory in; its token, shown once", roles: only(admin), in: directoryRequest{}, out: directoryAnswer{}, status: 201, do: (*call).addDirectory},
	{method: "POST", path: "/api/v1/directories/{id}/end", summary: "Take a directory's token away", roles: only(admin), status: 204, do: (*call).endDirectory},
}

type findPeopleRequest struct {
	Search string     `json:"q"`
	State  string     `json:"state"` // live, out, left, or empty
	Role   vault.Role `json:"role"`
	After  string     `json:"after"` // the last login of the page before
	Limit  int        `json:"limit"`
}

type foundPeopleAnswer struct {
	People []vault.Person `json:"people"`
	More   bool           `json:"more"`
}

func (c *call) findPeople() error {
	var in findPeopleRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	found, more, err := c.s.vault.FindPeople(c.r.Context(), c.actor, vault.PeopleFilter(in))
	if err != nil {
		return err
	}
	return c.ok(foundPeopleAnswer{some(found), more})
}

func (c *call) person() error {
	login, err := c.login()
	if err != nil {
		return err
	}
	p, err := c.s.vault.PersonByLogin(c.r.Context(), c.actor, login)
	if err != nil {
		return err
	}
	return c.ok(p)
}

func (c *call) enablePerson() error {
	login, err := c.login()
	if err != nil {
		return err
	}
	if err := c.s.vault.EnablePerson(c.r.Context(), c.actor, login); err != nil {
		return err
	}
	return c.done()
}

type rolesRequest struct {
	Roles []vault.Role `json:"roles"`
}

func (c *call) setRoles() error {
	login, err := c.login()
	if err != nil {
		return err
	}
	var in rolesRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.s.vault.SetRoles(c.r.Context(), c.actor, login, in.Roles); err != nil {
		return err
	}
	return c.done()
}

type termsRequest struct {
	ValidFrom  vault.Time `json:"valid_from"`
	ValidUntil vault.Time `json:"valid_until"`
	Emergency  bool       `json:"emergency"`
}

func (c *call) setTerms() error {
	login, err := c.login()
	if err != nil {
		return err
	}
	var in termsRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.s.vault.SetTerms(c.r.Context(), c.actor, login, vault.Terms(in)); err != nil {
		return err
	}
	return c.done()
}

func (c *call) resetPerson() error {
	login, err := c.login()
	if err != nil {
		return err
	}
	code, err := c.s.vault.ResetFactors(c.r.Context(), c.actor, login)
	if err != nil {
		return err
	}
	return c.ok(code)
}

type groupMapAnswer struct {
	Groups []vault.MappedGroup `json:"groups"`
}

func (c *call) groupMap() error {
	list, err := c.s.vault.GroupMap(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(groupMapAnswer{some(list)})
}

type groupRequest struct {
	Name  string       `json:"name"`
	Roles []vault.Role `json:"roles"`
	Team  string       `json:"team"`
}

func (c *call) setGroup() error {
	var in groupRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.s.vault.SetGroup(c.r.Context(), c.actor, vault.MappedGroup{Name: in.Name, Roles: in.Roles, Team: in.Team}); err != nil {
		return err
	}
	return c.done()
}

type groupNameRequest struct {
	Name string `json:"name"`
}

func (c *call) dropGroup() error {
	var in groupNameRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.s.vault.DropGroup(c.r.Context(), c.actor, in.Name); err != nil {
		return err
	}
	return c.done()
}

type directoriesAnswer struct {
	Directories []vault.Provisioner `json:"directories"`
}

func (c *call) directories() error {
	list, err := c.s.vault.Provisioners(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(directoriesAnswer{some(list)})
}

type directoryRequest struct {
	Name string `json:"name"`
}

type directoryAnswer struct {
	ID    vault.ProvisionerID `json:"id"`
	Token string              `json:"token"`
}

func (c *call) addDirectory() error {
	var in directoryRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	id, token, err := c.s.vault.AddProvisioner(c.r.Context(), c.actor, in.Name)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, directoryAnswer{id, token.Reveal()})
}

func (c *call) endDirectory() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.EndProvisioner(c.r.Context(), c.actor, vault.ProvisionerID(id)); err != nil {
		return err
	}
	return c.done()
}

package api

import (
	"time"

	"github.com/clinivault/clinivault/vault"
)

var teamRoutes = []route{
	{method: "GET", path: "/api/v1/teams", summary: "Teams, their people, and how many patients each treats", roles: only(admin, privacy), out: teamsAnswer{}, do: (*call).teams},
	{method: "POST", path: "/api/v1/teams", summary: "Make a team", roles: only(admin), in: teamRequest{}, out: teamAnswer{}, status: 201, do: (*call).addTeam},
	{method: "POST", path: "/api/v1/teams/{id}/end", summary: "End a team: it ties nobody to anybody any more", roles: only(admin), status: 204, do: (*call).endTeam},
	{method: "POST", path: "/api/v1/teams/{id}/members", summary: "Put a person into a team, from now or a day on, and until a day", roles: only(admin), in: memberRequest{}, status: 204, do: (*call).joinTeam},
	{method: "DELETE", path: "/api/v1/teams/{id}/members/{person}", summary: "Take a person out of a team, at once", roles: only(admin), status: 204, do: (*call).leaveTeam},
}

type teamsAnswer struct {
	Teams []vault.Team `json:"teams"`
}

type teamRequest struct {
	Name string `json:"name"`
}

type teamAnswer struct {
	ID vault.TeamID `json:"id"`
}

// memberRequest names a person by login. Without From the membership begins now, without Until it has no end.
type memberRequest struct {
	Login string     `json:"login"`
	From  vault.Time `json:"from"`
	Until vault.Time `json:"until"`
}

func (c *call) teams() error {
	list, err := c.s.vault.Teams(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(teamsAnswer{some(list)})
}

func (c *call) addTeam() error {
	var in teamRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	id, err := c.s.vault.AddTeam(c.r.Context(), c.actor, in.Name)
	if err != nil {
		return err
	}
	return c.answer(201, teamAnswer{id})
}

func (c *call) endTeam() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.EndTeam(c.r.Context(), c.actor, vault.TeamID(id)); err != nil {
		return err
	}
	return c.done()
}

func (c *call) joinTeam() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	var in memberRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	from := in.From.Std()
	if from.IsZero() {
		from = time.Now()
	}
	if err := c.s.vault.JoinTeam(c.r.Context(), c.actor, vault.TeamID(id), in.Login, from, in.Until.Std()); err != nil {
		return err
	}
	return c.done()
}

func (c *call) leaveTeam() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	who, err := c.id("person")
	if err != nil {
		return err
	}
	if err := c.s.vault.LeaveTeam(c.r.Context(), c.actor, vault.TeamID(id), vault.PersonID(who)); err != nil {
		return err
	}
	return c.done()
}

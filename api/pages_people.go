package api

import (
	"net/url"

	"github.com/clinivault/clinivault/vault"
)

// peopleShown is how many people one page lists.
const peopleShown = 50

// peopleBody is the list of people with the filter that made it.
type peopleBody struct {
	People []vault.Person
	Roles  []vault.Role
	Self   vault.PersonID
	Filter vault.PeopleFilter
	Next   string // the address of the next page
	First  string // and of the first, on a later one
	States []option
}

// option is one choice of a list.
type option struct{ Value, Text string }

var peopleStates = []option{{"", "Everybody"}, {vault.PeopleLive, "May sign in"}, {vault.PeopleOut, "Disabled, or outside their days"}, {vault.PeopleLeft, "Deleted by the directory"}}

func (s *Server) peoplePage(v visit) (sheet, error) {
	if err := v.must(vault.RoleAdmin); err != nil {
		return sheet{}, err
	}
	q := v.r.URL.Query()
	f := vault.PeopleFilter{Search: q.Get("q"), State: q.Get("state"), Role: vault.Role(q.Get("role")), After: q.Get("after"), Limit: peopleShown}
	people, more, err := s.vault.FindPeople(v.ctx, v.actor, f)
	if err != nil {
		return sheet{}, err
	}
	body := peopleBody{People: people, Roles: vault.Roles(), Self: v.actor.Person(), Filter: f, States: peopleStates}
	page := func(after string) string {
		next := url.Values{"q": {f.Search}, "state": {f.State}, "role": {string(f.Role)}}
		if after != "" {
			next.Set("after", after)
		}
		return "/people?" + next.Encode()
	}
	if more {
		body.Next = page(people[len(people)-1].Login)
	}
	if f.After != "" {
		body.First = page("")
	}
	return sheet{name: "people", title: "People", here: "/people", body: body}, nil
}

// personPage is what an administrator may change of one person.
func (s *Server) personPage(v visit) (sheet, error) {
	if err := v.must(vault.RoleAdmin); err != nil {
		return sheet{}, err
	}
	login, err := (&call{r: v.r}).login()
	if err != nil {
		return sheet{}, err
	}
	p, err := s.vault.PersonByLogin(v.ctx, v.actor, login)
	return sheet{name: "person", title: p.Name, here: "/people", body: struct {
		vault.Person
		All    []vault.Role
		IsSelf bool
	}{p, vault.Roles(), p.ID == v.actor.Person()}}, err
}

// directoryPage is what groups mean, and who may bring people in.
func (s *Server) directoryPage(v visit) (sheet, error) {
	if err := v.must(vault.RoleAdmin); err != nil {
		return sheet{}, err
	}
	var body struct {
		Groups      []vault.MappedGroup
		Directories []vault.Provisioner
		Teams       []string
		Roles       []vault.Role
	}
	var err error
	body.Roles = vault.Roles()
	if body.Groups, err = s.vault.GroupMap(v.ctx, v.actor); err != nil {
		return sheet{}, err
	}
	if body.Directories, err = s.vault.Provisioners(v.ctx, v.actor); err != nil {
		return sheet{}, err
	}
	teams, err := s.vault.Teams(v.ctx, v.actor)
	for _, t := range teams {
		if t.EndedAt == 0 {
			body.Teams = append(body.Teams, t.Name)
		}
	}
	return sheet{name: "directory", title: "Groups and directories", here: "/people", body: body}, err
}

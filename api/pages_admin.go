package api

import (
	"slices"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

// count is a named number.
type count struct {
	Name   string
	Number int64
}

func (s *Server) peoplePage(v visit) (sheet, error) {
	if err := v.must(vault.RoleAdmin); err != nil {
		return sheet{}, err
	}
	people, err := s.vault.People(v.ctx, v.actor)
	return sheet{name: "people", title: "People", here: "/people", body: struct {
		People []vault.Person
		Roles  []vault.Role
		Self   vault.PersonID
	}{people, vault.Roles(), v.actor.Person()}}, err
}

var stateNames = []count{
	{Name: "accepted"}, {Name: "in_review"}, {Name: "approved"}, {Name: "rejected"}, {Name: "quarantined"},
}

func (s *Server) healthPage(v visit) (sheet, error) {
	parts, err := s.vault.Health(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	dead, err := s.vault.DeadJobs(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	open, err := s.vault.Incidents(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	settledAt := slices.IndexFunc(open, func(i vault.Incident) bool { return i.SettledAt != 0 })
	var settled []vault.Incident
	if settledAt >= 0 {
		open, settled = open[:settledAt], open[settledAt:]
	}
	photos, err := s.vault.PhotoCounts(v.ctx)
	if err != nil {
		return sheet{}, err
	}
	size, err := s.vault.LogSize(v.ctx)
	var counts []count
	for _, c := range stateNames {
		counts = append(counts, count{"Photos " + strings.ReplaceAll(c.Name, "_", " "), photos[c.Name]})
	}
	counts = append(counts, count{"Entries in the log", size}, count{"Stored objects refused", int64(s.vault.IntegrityRefusals())})
	return sheet{name: "health", title: "Health", here: "/health", body: struct {
		Parts         []vault.Part
		Counts        []count
		Open, Settled []vault.Incident
		Dead          []vault.JobStatus
	}{parts, counts, open, settled, dead}}, err
}

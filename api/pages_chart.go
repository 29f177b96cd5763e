package api

import (
	"cmp"
	"slices"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

func (s *Server) reviewPage(v visit) (sheet, error) {
	waiting, _, err := s.vault.ReviewQueue(v.ctx, v.actor)
	return sheet{name: "review", title: "Review", here: "/review", body: struct{ Waiting int }{waiting}}, err
}

// chartPhoto is an approved photo with how its attachments stand.
type chartPhoto struct{ photoView }

// Requested reports whether the photo was given to a chart already.
func (p chartPhoto) Requested() bool { return len(p.Attachments) > 0 }

// Tags are what the filter of the page looks for: open, failed, pending, attached. The page's script works them out
// in the same way when something changes.
func (p chartPhoto) Tags() string { return strings.Join(p.tags(), " ") }

func (p chartPhoto) tags() []string {
	in := func(state string) bool {
		return slices.ContainsFunc(p.Attachments, func(a vault.Attachment) bool { return a.State == state })
	}
	var out []string
	if in(vault.AttachmentFailed) {
		out = append(out, "failed")
	}
	if in(vault.AttachmentPending) {
		out = append(out, "pending")
	}
	if len(out) > 0 || len(p.Attachments) == 0 {
		return append(out, "open")
	}
	return []string{"attached"}
}

// chartPatient is a line of the list of patients with approved photos.
type chartPatient struct {
	ID                  vault.PatientID
	Name, RecordNumber  string
	Total, Open, Failed int
	seen                map[string]bool
}

// Tags are those of all the patient's photos.
func (p *chartPatient) Tags() string {
	var out []string
	for _, tag := range []string{"open", "failed", "pending", "attached"} {
		if p.seen[tag] {
			out = append(out, tag)
		}
	}
	return strings.Join(out, " ")
}

// byPatient groups photos; patients with something to attach come first, then by name.
func byPatient(photos []vault.Photo) []*chartPatient {
	var out []*chartPatient
	at := map[vault.PatientID]*chartPatient{}
	for _, p := range photos {
		line := at[p.Patient]
		if line == nil {
			line = &chartPatient{ID: p.Patient, Name: p.PatientName, RecordNumber: p.RecordNumber, seen: map[string]bool{}}
			at[p.Patient] = line
			out = append(out, line)
		}
		tags := chartPhoto{photoView{Photo: p}}.tags()
		line.Total++
		for _, tag := range tags {
			line.seen[tag] = true
		}
		if len(p.Attachments) == 0 {
			line.Open++
		}
		if slices.Contains(tags, "failed") {
			line.Failed++
		}
	}
	slices.SortStableFunc(out, func(a, b *chartPatient) int {
		return cmp.Or(cmp.Compare(b.Failed+b.Open, a.Failed+a.Open), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (s *Server) recordsPage(v visit) (sheet, error) {
	photos, err := s.vault.ApprovedPhotos(v.ctx, v.actor, vault.ApprovedFilter{})
	return sheet{name: "records", title: "Records", here: "/records", body: struct{ Patients []*chartPatient }{byPatient(photos)}}, err
}

// chartEncounter is one visit with its photos.
type chartEncounter struct {
	Label  string
	Photos []chartPhoto
}

// byEncounter groups photos by visit, in the order in which they come.
func byEncounter(photos []vault.Photo) []*chartEncounter {
	var out []*chartEncounter
	at := map[vault.EncounterID]*chartEncounter{}
	for _, p := range photos {
		group := at[p.Encounter]
		if group == nil {
			group = &chartEncounter{Label: cmp.Or(p.EncounterLabel, "Without a visit")}
			at[p.Encounter] = group
			out = append(out, group)
		}
		group.Photos = append(group.Photos, chartPhoto{photoView{Photo: p, forRecords: true}})
	}
	return out
}

func (s *Server) chartPage(v visit) (sheet, error) {
	if err := v.must(vault.RoleRecords); err != nil {
		return sheet{}, err
	}
	id, err := v.param("patient")
	if err != nil {
		return sheet{}, err
	}
	patient, err := s.vault.Patient(v.ctx, v.actor, vault.PatientID(id))
	if err != nil {
		return sheet{}, err
	}
	photos, err := s.vault.ApprovedPhotos(v.ctx, v.actor, vault.ApprovedFilter{Patient: patient.ID})
	return sheet{name: "chart", title: "Chart of a patient", here: "/records", body: struct {
		Patient    vault.Patient
		Encounters []*chartEncounter
	}{patient, byEncounter(photos)}}, err
}

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
		Parts  []vault.Part
		Counts []count
		Dead   []vault.JobStatus
	}{parts, counts, dead}}, err
}

package api

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/clinivault/clinivault/vault"
)

func (s *Server) reviewPage(v visit) (sheet, error) {
	waiting, _, err := s.vault.ReviewQueue(v.ctx, v.actor)
	return sheet{name: "review", title: "Review", here: "/review", body: struct{ Waiting int }{waiting}}, err
}

// chartPhoto is an approved photo with how its attachments stand.
type chartPhoto struct{ photoView }

// Current are the attachments of the photo as it is released now; a photo that was reopened and approved again has
// older ones beside them.
func (p chartPhoto) Current() []vault.Attachment {
	return slices.DeleteFunc(slices.Clone(p.Attachments), func(a vault.Attachment) bool { return a.Version < p.Version })
}

// Requested reports whether the photo as it is now was given to a chart already.
func (p chartPhoto) Requested() bool { return len(p.Current()) > 0 }

// Tags are what the filter of the page looks for: open, failed, pending, attached. The page's script works them out
// in the same way when something changes.
func (p chartPhoto) Tags() string { return strings.Join(p.tags(), " ") }

func (p chartPhoto) tags() []string {
	current := p.Current()
	in := func(state string) bool {
		return slices.ContainsFunc(current, func(a vault.Attachment) bool { return a.State == state })
	}
	var out []string
	if in(vault.AttachmentFailed) {
		out = append(out, "failed")
	}
	if in(vault.AttachmentPending) {
		out = append(out, "pending")
	}
	if len(out) > 0 || len(current) == 0 {
		return append(out, "open")
	}
	return []string{"attached"}
}

// chartPatient is a patient with approved photos, by visit.
type chartPatient struct {
	ID                 vault.PatientID
	Name, RecordNumber string
	Encounters         []*chartEncounter
	open               int // photos on which there is something to do
}

// chartEncounter is one visit with its photos.
type chartEncounter struct {
	id     vault.EncounterID
	Label  string
	Photos []chartPhoto
}

// add puts a photo under its visit.
func (p *chartPatient) add(photo chartPhoto) {
	at := slices.IndexFunc(p.Encounters, func(e *chartEncounter) bool { return e.id == photo.Encounter })
	if at < 0 {
		at = len(p.Encounters)
		p.Encounters = append(p.Encounters, &chartEncounter{id: photo.Encounter, Label: cmp.Or(photo.EncounterLabel, "Without a visit")})
	}
	p.Encounters[at].Photos = append(p.Encounters[at].Photos, photo)
	if slices.ContainsFunc(photo.tags(), func(tag string) bool { return tag == "open" || tag == "failed" }) {
		p.open++
	}
}

// byPatient groups photos by patient and visit; patients on whom there is something to do come first, then by name.
func byPatient(photos []vault.Photo) []*chartPatient {
	var out []*chartPatient
	at := map[vault.PatientID]*chartPatient{}
	for _, p := range photos {
		line := at[p.Patient]
		if line == nil {
			line = &chartPatient{ID: p.Patient, Name: p.PatientName, RecordNumber: p.RecordNumber}
			at[p.Patient] = line
			out = append(out, line)
		}
		line.add(chartPhoto{photoView{Photo: p, forRecords: true}})
	}
	slices.SortStableFunc(out, func(a, b *chartPatient) int {
		return cmp.Or(cmp.Compare(min(b.open, 1), min(a.open, 1)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// recordsPage shows the approved photos of everybody, or of one patient.
func (s *Server) recordsPage(v visit) (sheet, error) {
	var filter vault.ApprovedFilter
	if chi.URLParam(v.r, "patient") != "" {
		id, err := v.param("patient")
		if err != nil {
			return sheet{}, err
		}
		filter.Patient = vault.PatientID(id)
	}
	photos, err := s.vault.ApprovedPhotos(v.ctx, v.actor, filter)
	if err != nil {
		return sheet{}, err
	}
	unreached := 0
	if filter.Patient == "" {
		copies, err := s.vault.Retractions(v.ctx, v.actor)
		if err != nil {
			return sheet{}, err
		}
		for _, a := range copies {
			if a.State == vault.AttachmentUnreached {
				unreached++
			}
		}
	}
	return sheet{name: "records", title: "Records", here: "/records", body: struct {
		One       vault.PatientID
		Patients  []*chartPatient
		Unreached int // copies in charts that could not be taken back
	}{filter.Patient, byPatient(photos), unreached}}, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// checkSite compares site and side with the server's list.
func checkSite(known []bodySite, site, side string) error {
	var codes []string
	for _, s := range known {
		codes = append(codes, clean(s.Code))
		if s.Code != site {
			continue
		}
		if s.Sided && side != "left" && side != "right" && side != "bilateral" {
			return fmt.Errorf("%s needs --side left, right or bilateral", clean(site))
		}
		if !s.Sided && side != "" && side != "midline" {
			return fmt.Errorf("%s takes no --side but midline", clean(site))
		}
		return nil
	}
	return fmt.Errorf("unknown body site: use one of %s", strings.Join(codes, ", "))
}

// patient is one entry of a patient search.
type patient struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	RecordNumber string `json:"record_number"`
	BirthDate    string `json:"birth_date"`
	Encounters   []struct {
		ID    string `json:"id"`
		Label string `json:"label"`
	} `json:"encounters"`
	unseen bool // the server was away: the ID is all that is known
}

// whoIs finds the patient of an order. Without the server an ID does, which no slip of a finger makes another patient's, and
// which a program hands over; a record number does not, nor anything where a person has to see whose photos they will be.
func (r *session) whoIs(ctx context.Context, o order) (patient, error) {
	p, err := r.client.patient(ctx, o.patient)
	switch {
	case err == nil || ctx.Err() != nil || !away(err):
		return p, err
	case o.compared:
		return patient{}, fmt.Errorf("%w; name and birth date cannot be shown without the server, and nobody is photographed unseen: connect and run it again", err)
	case !isPatientID(o.patient):
		return patient{}, fmt.Errorf("%w; without the server --patient takes the patient's ID alone (26 letters and digits, the end of the address of the patient's page)", err)
	}
	return patient{ID: o.patient, unseen: true}, nil
}

// card is what the person compares: is it the right patient?
func (p patient) card() string {
	if p.unseen {
		return "patient: " + p.ID + "; name and birth date cannot be shown without the server: compare them once the photo is received"
	}
	return fmt.Sprintf("patient: %s, born %s, record number %s", clean(p.Name), clean(p.BirthDate), clean(p.RecordNumber))
}

// patient finds the one patient with exactly this record number or ID. A name or half a number is never enough.
func (c *client) patient(ctx context.Context, number string) (patient, error) {
	var found struct {
		Patients []patient `json:"patients"`
	}
	if err := c.call(ctx, http.MethodPost, "/api/v1/patients/search", nil, map[string]string{"q": number}, &found); err != nil {
		return patient{}, fmt.Errorf("finding the patient: %w", err)
	}
	var exact []patient
	for _, p := range found.Patients {
		if strings.EqualFold(p.RecordNumber, number) || p.ID == number {
			exact = append(exact, p)
		}
	}
	if len(exact) == 0 && isPatientID(number) {
		var p patient
		err := c.call(ctx, http.MethodGet, "/api/v1/patients/"+number, nil, nil, &p)
		if err == nil && p.ID == number {
			return p, nil
		}
		var told *refusal
		if err != nil && (!errors.As(err, &told) || told.status != http.StatusNotFound) {
			return patient{}, fmt.Errorf("finding the patient: %w", err)
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0], nil
	case len(exact) > 1:
		return patient{}, errors.New("several patients have this record number: use the patient's ID instead")
	case len(found.Patients) > 0:
		return patient{}, fmt.Errorf("%d patients are similar, none has exactly this record number: give the whole record number", len(found.Patients))
	}
	return patient{}, errors.New("no patient of your care team has this record number: check it, or ask to be added to the care team")
}

// isPatientID reports whether s has the form of an ID made by the vault, of a patient or anything else: 26 letters and digits of base32.
func isPatientID(s string) bool {
	return len(s) == 26 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// encounter finds an encounter of the patient by ID or label; none asked for is none.
func (p patient) encounter(asked string) (string, error) {
	if asked == "" {
		return "", nil
	}
	if p.unseen && isPatientID(asked) {
		return asked, nil
	}
	if p.unseen {
		return "", errors.New("without the server --encounter takes the encounter's ID alone: give that, or leave it out")
	}
	for _, e := range p.Encounters {
		if e.ID == asked || e.Label == asked {
			return e.ID, nil
		}
	}
	var known []string
	for _, e := range p.Encounters {
		known = append(known, clean(e.ID+" ("+e.Label+")"))
	}
	if len(known) == 0 {
		return "", errors.New("the patient has no encounters: leave --encounter out")
	}
	return "", fmt.Errorf("the patient has no such encounter: use one of %s", strings.Join(known, ", "))
}

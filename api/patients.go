package api

import (
	"unicode/utf8"

	"github.com/clinivault/clinivault/vault"
)

const maxQuery = 200 // characters of a search

type searchRequest struct {
	Q string `json:"q"`
}

type patientsAnswer struct {
	Patients []vault.Patient `json:"patients"`
}

// searchPatients is a POST, because an address ends in logs and histories and a name must not.
func (c *call) searchPatients() error {
	var in searchRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if utf8.RuneCountInString(in.Q) > maxQuery {
		return say(vault.ErrInvalid, "The search is too long.")
	}
	found, err := c.s.vault.FindPatients(c.r.Context(), c.actor, in.Q)
	if err != nil {
		return err
	}
	return c.ok(patientsAnswer{some(found)})
}

func (c *call) patient() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	p, err := c.s.vault.Patient(c.r.Context(), c.actor, vault.PatientID(id))
	if err != nil {
		return err
	}
	return c.ok(p)
}

func (c *call) patientPhotos() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	photos, err := c.s.vault.PatientPhotos(c.r.Context(), c.actor, vault.PatientID(id))
	if err != nil {
		return err
	}
	return c.ok(photosAnswer{some(photos)})
}

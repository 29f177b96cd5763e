package api

import (
	"net/http"
	"unicode/utf8"

	"github.com/clinivault/clinivault/vault"
)

// approvedPhotos lists released photos. Its q is a record number or name and so comes in the body of a POST.
type approvedRequest struct {
	Patient   vault.PatientID   `json:"patient,omitempty"`
	Encounter vault.EncounterID `json:"encounter,omitempty"`
	Q         string            `json:"q,omitempty"`
	Attached  *bool             `json:"attached,omitempty"`
}

func (c *call) approvedPhotos() error {
	var in approvedRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if utf8.RuneCountInString(in.Q) > maxQuery {
		return say(vault.ErrInvalid, "The search is too long.")
	}
	photos, err := c.s.vault.ApprovedPhotos(c.r.Context(), c.actor, vault.ApprovedFilter{
		Patient: in.Patient, Encounter: in.Encounter, Query: in.Q, Attached: in.Attached,
	})
	if err != nil {
		return err
	}
	return c.ok(photosAnswer{some(photos)})
}

type attachRequest struct {
	Targets []string `json:"targets,omitempty"`
}

type attachmentsAnswer struct {
	Attachments []vault.Attachment `json:"attachments"`
}

// attach asks for delivery; the answer says "pending", and "attached" comes only after the read-back.
func (c *call) attach() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	var in attachRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	list, err := c.s.vault.Attach(c.r.Context(), c.actor, id, in.Targets)
	if err != nil {
		return err
	}
	return c.answer(http.StatusAccepted, attachmentsAnswer{some(list)})
}

func (c *call) attachments() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	list, err := c.s.vault.Attachments(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.ok(attachmentsAnswer{some(list)})
}

func (c *call) retryAttachment() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.RetryAttachment(c.r.Context(), c.actor, vault.AttachmentID(id)); err != nil {
		return err
	}
	return c.done()
}

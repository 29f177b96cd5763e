package api

import (
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

// erasureRoutes are the acts that two people do together: erasing for good, and holding against it.
var erasureRoutes = []route{
	{method: "GET", path: "/api/v1/erasures", summary: "Erasures, those that wait for a second person first", roles: only(privacy, records), out: erasuresAnswer{}, do: (*call).erasures},
	{method: "POST", path: "/api/v1/erasures", summary: "Ask for a photo, or everything of a patient, to be erased for good", roles: only(privacy, records), in: subjectRequest{}, out: erasureAnswer{}, status: 201, do: (*call).askErasure},
	{method: "GET", path: "/api/v1/erasures/{id}", summary: "One erasure with everything it has to reach", roles: only(privacy, records), out: vault.Erasure{}, do: (*call).erasure},
	{method: "POST", path: "/api/v1/erasures/{id}/sign", summary: "Sign as the second person: the keys are destroyed at once, for good", roles: only(privacy), status: 204, do: (*call).signErasure},
	{method: "POST", path: "/api/v1/erasures/{id}/cancel", summary: "Take back a request that nobody has signed", roles: only(privacy, records), status: 204, do: (*call).cancelErasure},
	{method: "GET", path: "/api/v1/erasures/{id}/certificate", summary: "The signed certificate of an erasure, with the proof that the log holds it", roles: only(privacy, records), outType: "application/json", do: (*call).erasureCertificate},
	{method: "GET", path: "/api/v1/holds", summary: "Legal holds, those that last first", roles: only(privacy, records), out: holdsAnswer{}, do: (*call).holds,
		params: []param{{name: "patient", in: "query", about: "holds of this patient (ID)"}}},
	{method: "POST", path: "/api/v1/holds", summary: "Hold a photo, or everything of a patient, against any destruction", roles: only(privacy, records), in: subjectRequest{}, out: holdAnswer{}, status: 201, do: (*call).placeHold},
	{method: "POST", path: "/api/v1/holds/{id}/ask-lift", summary: "Ask for a hold to be lifted, with a reason", roles: only(privacy, records), in: reasonRequest{}, status: 204, do: (*call).askLiftHold},
	{method: "POST", path: "/api/v1/holds/{id}/lift", summary: "Lift a hold as the second person", roles: only(privacy), status: 204, do: (*call).liftHold},
}

// subjectRequest names a photo, or with an empty photo everything of a patient.
type subjectRequest struct {
	Patient vault.PatientID `json:"patient,omitempty"`
	Photo   vault.PhotoID   `json:"photo,omitempty"`
	Reason  string          `json:"reason"`
}

type erasuresAnswer struct {
	Erasures []vault.Erasure `json:"erasures"`
}

type erasureAnswer struct {
	ID vault.ErasureID `json:"id"`
}

func (c *call) erasures() error {
	list, err := c.s.vault.Erasures(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(erasuresAnswer{some(list)})
}

func (c *call) askErasure() error {
	var in subjectRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	id, err := c.s.vault.AskErasure(c.r.Context(), c.actor, in.Patient, in.Photo, in.Reason)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, erasureAnswer{id})
}

func (c *call) erasureID() (vault.ErasureID, error) {
	id, err := c.id("id")
	return vault.ErasureID(id), err
}

func (c *call) erasure() error {
	id, err := c.erasureID()
	if err != nil {
		return err
	}
	one, err := c.s.vault.ErasureStatus(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.ok(one)
}

func (c *call) signErasure() error {
	id, err := c.erasureID()
	if err != nil {
		return err
	}
	if err := c.s.vault.SignErasure(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.done()
}

func (c *call) cancelErasure() error {
	id, err := c.erasureID()
	if err != nil {
		return err
	}
	if err := c.s.vault.CancelErasure(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.done()
}

// erasureCertificate gives the certificate as a file; "vaultd verify-erasure FILE" checks it offline.
func (c *call) erasureCertificate() error {
	id, err := c.erasureID()
	if err != nil {
		return err
	}
	text, err := c.s.vault.ErasureCertificate(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="clinivault-erasure-`+string(id)+`.json"`)
	c.write(text)
	return nil
}

type holdsAnswer struct {
	Holds []vault.Hold `json:"holds"`
}

type holdAnswer struct {
	ID vault.HoldID `json:"id"`
}

func (c *call) holds() error {
	q, err := c.query("patient")
	if err != nil {
		return err
	}
	if of := q["patient"]; of != "" {
		if _, err := cleanID(of); err != nil {
			return err
		}
	}
	list, err := c.s.vault.Holds(c.r.Context(), c.actor, vault.PatientID(q["patient"]))
	if err != nil {
		return err
	}
	return c.ok(holdsAnswer{some(list)})
}

func (c *call) placeHold() error {
	var in subjectRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	id, err := c.s.vault.PlaceHold(c.r.Context(), c.actor, in.Patient, in.Photo, in.Reason)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, holdAnswer{id})
}

func (c *call) askLiftHold() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	reason, err := c.reason()
	if err != nil {
		return err
	}
	if err := c.s.vault.AskLiftHold(c.r.Context(), c.actor, vault.HoldID(id), reason); err != nil {
		return err
	}
	return c.done()
}

func (c *call) liftHold() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.LiftHold(c.r.Context(), c.actor, vault.HoldID(id)); err != nil {
		return err
	}
	return c.done()
}

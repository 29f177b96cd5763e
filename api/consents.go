package api

import (
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

// consentRoutes are what a patient allows for a photo, and what rests on it: copies for teaching and publication, and
// the copies in charts that have to be taken back when it ends.
var consentRoutes = []route{
	{method: "GET", path: "/api/v1/photos/{id}/consents", summary: "Every word of the patient on a photo, with its evidence, newest first", roles: only(clinician, privacy), out: consentsAnswer{}, do: (*call).consents},
	{method: "POST", path: "/api/v1/photos/{id}/consents", summary: "Write down what the patient allows for one purpose; it acts at the next request", roles: only(clinician, privacy), in: consentRequest{}, out: vault.Consent{}, do: (*call).changeConsent},
	{method: "GET", path: "/api/v1/photos/{id}/releases", summary: "Copies of a photo that were ever released for teaching or publication", roles: only(records, privacy), out: releasesAnswer{}, do: (*call).releases},
	{method: "POST", path: "/api/v1/photos/{id}/releases", summary: "Release a copy for a purpose the patient allows, with a reason", roles: only(records), in: releaseRequest{}, out: releaseAnswer{}, status: 201, do: (*call).release},
	{method: "GET", path: "/api/v1/photos/{id}/releases/{purpose}", summary: "The released copy; each look is in the log with its purpose", roles: only(records), outType: "image/jpeg", do: (*call).readRelease},
	{method: "GET", path: "/api/v1/retractions", summary: "Copies in charts that are being taken back, or could not be reached", roles: only(records, privacy), out: attachmentsAnswer{}, do: (*call).retractions},
	{method: "POST", path: "/api/v1/retractions/{id}/retry", summary: "Ask the chart again to take its copy back", roles: only(records, privacy), status: 204, do: (*call).retryRetraction},
}

type consentsAnswer struct {
	Consents []vault.ConsentVersion `json:"consents"`
}

func (c *call) consents() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	list, err := c.s.vault.ConsentHistory(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.ok(consentsAnswer{some(list)})
}

// consentRequest is the patient's new word on one purpose. TakenBy is who heard or read it (missing: the caller),
// TakenAt when (missing: now).
type consentRequest struct {
	Purpose  string         `json:"purpose"`
	Allowed  bool           `json:"allowed"`
	How      string         `json:"how"`
	Note     string         `json:"note,omitempty"`
	Document string         `json:"document,omitempty"`
	TakenBy  vault.PersonID `json:"taken_by,omitempty"`
	TakenAt  vault.Time     `json:"taken_at,omitempty"`
}

func (c *call) changeConsent() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	var in consentRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	now, err := c.s.vault.ChangeConsent(c.r.Context(), c.actor, id, vault.ConsentChange(in))
	if err != nil {
		return err
	}
	return c.ok(now)
}

type releasesAnswer struct {
	Releases []vault.Release `json:"releases"`
}

func (c *call) releases() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	list, err := c.s.vault.Releases(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.ok(releasesAnswer{some(list)})
}

type releaseRequest struct {
	Purpose string `json:"purpose"`
	Reason  string `json:"reason"`
}

type releaseAnswer struct {
	ID vault.ReleaseID `json:"id"`
}

func (c *call) release() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	var in releaseRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	made, err := c.s.vault.Release(c.r.Context(), c.actor, id, in.Purpose, in.Reason)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, releaseAnswer{made})
}

func (c *call) readRelease() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	purpose, err := c.id("purpose")
	if err != nil {
		return err
	}
	pic, err := c.s.vault.ReadRelease(c.r.Context(), c.actor, id, purpose)
	if err != nil {
		return err
	}
	return c.picture(pic)
}

func (c *call) retractions() error {
	list, err := c.s.vault.Retractions(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(attachmentsAnswer{some(list)})
}

func (c *call) retryRetraction() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.RetryRetraction(c.r.Context(), c.actor, vault.AttachmentID(id)); err != nil {
		return err
	}
	return c.done()
}

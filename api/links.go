package api

import (
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

var linkRoutes = []route{
	{method: "POST", path: "/api/v1/photos/{id}/links", summary: "Make a link to a photo, for colleagues who may see it anyway", roles: only(clinician, records), out: linkAnswer{}, status: 201, do: (*call).makeLink},
	{method: "GET", path: "/api/v1/links", summary: "One's own links that are alive, without their codes", out: linksAnswer{}, do: (*call).links},
	{method: "DELETE", path: "/api/v1/links/{id}", summary: "End a link of one's own", status: 204, do: (*call).endLink},
}

type linkAnswer struct {
	ID        vault.LinkID `json:"id"`
	Path      string       `json:"path"` // of this service; it is told once
	ExpiresAt vault.Time   `json:"expires_at"`
}

func (c *call) makeLink() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	l, err := c.s.vault.MakeLink(c.r.Context(), c.actor, vault.PhotoID(id))
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, linkAnswer{l.ID, "/l/" + l.Code, l.ExpiresAt})
}

type linksAnswer struct {
	Links []vault.Link `json:"links"`
}

func (c *call) links() error {
	list, err := c.s.vault.Links(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(linksAnswer{some(list)})
}

func (c *call) endLink() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.EndLink(c.r.Context(), c.actor, vault.LinkID(id)); err != nil {
		return err
	}
	return c.done()
}

// linkPage follows a link: the photo's own page decides again who sees what.
func (s *Server) linkPage(v visit) (sheet, error) {
	code, err := v.param("code")
	if err != nil {
		return sheet{}, err
	}
	photo, err := s.vault.OpenLink(v.ctx, v.actor, code)
	return sheet{goTo: "/photos/" + string(photo)}, err
}

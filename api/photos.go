package api

import (
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/clinivault/clinivault/vault"
)

const maxReason = 500 // characters

func (c *call) photoID() (vault.PhotoID, error) {
	id, err := c.id("id")
	return vault.PhotoID(id), err
}

func (c *call) photo() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	p, err := c.s.vault.PhotoByID(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.ok(p)
}

func (c *call) rendition() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	kind, err := c.id("kind")
	if err != nil {
		return err
	}
	pic, err := c.s.vault.ReadRendition(c.r.Context(), c.actor, id, kind)
	if err != nil {
		return err
	}
	return c.picture(pic)
}

type reasonRequest struct {
	Reason string `json:"reason"`
}

func (c *call) reason() (string, error) {
	var in reasonRequest
	if err := c.decode(&in); err != nil {
		return "", err
	}
	return in.Reason, checkReason(in.Reason)
}

func checkReason(s string) error {
	if utf8.RuneCountInString(s) > maxReason {
		return say(vault.ErrInvalid, "The reason is too long: at most 500 characters.")
	}
	return nil
}

// reveal shows the picture without its covers; vault asks for the reason and writes it to the log.
func (c *call) reveal() error {
	id, err := c.photoID()
	if err != nil {
		return err
	}
	reason, err := c.reason()
	if err != nil {
		return err
	}
	pic, err := c.s.vault.Reveal(c.r.Context(), c.actor, id, reason)
	if err != nil {
		return err
	}
	return c.picture(pic)
}

// picture sends a rendition. Nothing may keep it (no-store), guess at it (nosniff) or run it.
func (c *call) picture(pic vault.Picture) error {
	h := c.w.Header()
	h.Set("Content-Type", pic.MediaType)
	h.Set("Content-Length", strconv.Itoa(len(pic.Bytes)))
	h.Set("Content-Disposition", "inline")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Picture-Width", strconv.Itoa(pic.Width))
	h.Set("Picture-Height", strconv.Itoa(pic.Height))
	c.w.WriteHeader(http.StatusOK)
	c.write(pic.Bytes)
	return nil
}

package api

import (
	"github.com/clinivault/clinivault/vault"
)

var messageRoutes = []route{
	{method: "GET", path: "/api/v1/messages", summary: "Messages of the patient administration that were not applied; never what they say", roles: only(admin), out: messagesAnswer{}, do: (*call).messages},
	{method: "POST", path: "/api/v1/messages/{id}/retry", summary: "Apply a message again, when what was wrong is put right", roles: only(admin), status: 202, do: (*call).retryMessage},
	{method: "POST", path: "/api/v1/messages/{id}/discard", summary: "Settle a message that is not to be applied, with a reason", roles: only(admin), in: reasonRequest{}, status: 204, do: (*call).discardMessage},
}

type messagesAnswer struct {
	Messages []vault.Message `json:"messages"`
}

func (c *call) messages() error {
	list, err := c.s.vault.Messages(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(messagesAnswer{some(list)})
}

func (c *call) retryMessage() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.RetryMessage(c.r.Context(), c.actor, vault.MessageID(id)); err != nil {
		return err
	}
	c.w.WriteHeader(202)
	return nil
}

func (c *call) discardMessage() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	reason, err := c.reason()
	if err != nil {
		return err
	}
	if err := c.s.vault.DiscardMessage(c.r.Context(), c.actor, vault.MessageID(id), reason); err != nil {
		return err
	}
	return c.done()
}

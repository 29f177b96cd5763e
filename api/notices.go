package api

import (
	"github.com/clinivault/clinivault/vault"
)

var noticeRoutes = []route{
	{method: "GET", path: "/api/v1/notices", summary: "One's own notices, those not seen first, and how one wants to be told", out: vault.Inbox{}, do: (*call).notices},
	{method: "POST", path: "/api/v1/notices/seen", summary: "Mark one's notices seen, up to a time", in: seenRequest{}, status: 204, do: (*call).seeNotices},
	{method: "POST", path: "/api/v1/notices/choices", summary: "Say how to be told of a kind of notice", in: choiceRequest{}, status: 204, do: (*call).chooseNotice},
	{method: "POST", path: "/api/v1/people/{login}/mail", summary: "Set where mail to a person goes; empty: nowhere", roles: only(admin), in: mailRequest{}, status: 204, do: (*call).setMail},
	{method: "GET", path: "/api/v1/push/key", summary: "The key that a browser's push service is to know (RFC 8292)", out: vault.PushKey{}, do: (*call).pushKey},
	{method: "POST", path: "/api/v1/push/subscriptions", summary: "Be told on this browser", in: subscribeRequest{}, out: subscribeAnswer{}, status: 201, do: (*call).subscribe},
	{method: "DELETE", path: "/api/v1/push/subscriptions/{id}", summary: "Be told on that browser no more", status: 204, do: (*call).unsubscribe},
}

func (c *call) notices() error {
	in, err := c.s.vault.Notices(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	in.Notices, in.Choices, in.Subscriptions = some(in.Notices), some(in.Choices), some(in.Subscriptions)
	return c.ok(in)
}

type seenRequest struct {
	Through vault.Time `json:"through"`
}

func (c *call) seeNotices() error {
	var in seenRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.s.vault.SeeNotices(c.r.Context(), c.actor, in.Through); err != nil {
		return err
	}
	return c.done()
}

type choiceRequest struct {
	Kind string `json:"kind"`
	Push bool   `json:"push"`
	Mail bool   `json:"mail"`
}

func (c *call) chooseNotice() error {
	var in choiceRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.s.vault.ChooseNotice(c.r.Context(), c.actor, in.Kind, in.Push, in.Mail); err != nil {
		return err
	}
	return c.done()
}

type mailRequest struct {
	Mail string `json:"mail"`
}

func (c *call) setMail() error {
	login, err := c.login()
	if err != nil {
		return err
	}
	var in mailRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.s.vault.SetMail(c.r.Context(), c.actor, login, in.Mail); err != nil {
		return err
	}
	return c.done()
}

func (c *call) pushKey() error {
	key, err := c.s.vault.PushKey(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(key)
}

type subscribeRequest struct {
	Endpoint string `json:"endpoint"` // as the browser's push service gave it
	Epoch    uint32 `json:"epoch"`    // of the key that the browser was given
}

type subscribeAnswer struct {
	ID vault.SubscriptionID `json:"id"`
}

func (c *call) subscribe() error {
	var in subscribeRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	id, err := c.s.vault.Subscribe(c.r.Context(), c.actor, in.Endpoint, in.Epoch)
	if err != nil {
		return err
	}
	return c.answer(201, subscribeAnswer{id})
}

func (c *call) unsubscribe() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.Unsubscribe(c.r.Context(), c.actor, vault.SubscriptionID(id)); err != nil {
		return err
	}
	return c.done()
}

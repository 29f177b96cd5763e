package api

import (
	"context"
	"encoding/json"

	"github.com/clinivault/clinivault/vault"
)

// waysAnswer says how the person may show again who they are, and open their locked screen on this device.
type waysAnswer struct {
	Passkey  bool   `json:"passkey"`
	Code     bool   `json:"code"`
	Password bool   `json:"password"` // where there is no other factor
	PIN      bool   `json:"pin"`      // to open the screen alone
	Hospital string `json:"hospital"` // what its button says; empty: this session did not come from there
}

// ways reads what came with the session; nothing is decided by it.
func (c *call) ways() error {
	in := c.actor.SignIn()
	out := waysAnswer{Passkey: in.Passkey, Code: in.TOTP, PIN: in.PIN, Password: in.Password && !in.Passkey && !in.TOTP}
	if c.s.hospital != nil && in.Method == vault.MethodOIDC {
		out.Hospital = c.s.hospital.label()
	}
	return c.ok(out)
}

// factorRequest is one factor: a code, the password where there is no other, or a passkey's answer with its ticket.
type factorRequest struct {
	Ticket     secret          `json:"ticket,omitempty"`
	Credential json.RawMessage `json:"credential,omitempty"`
	Code       secret          `json:"code,omitempty"`
	Password   secret          `json:"password,omitempty"`
}

var errOneFactor = say(vault.ErrInvalid, "Show one factor: a passkey, a code, or the password.")

// check refuses anything but one factor of a length that one has.
func (f factorRequest) check() error {
	n := 0
	for _, given := range []bool{len(f.Credential) > 0, f.Code != "", f.Password != ""} {
		if given {
			n++
		}
	}
	if n != 1 || len(f.Code) > maxCode || len(f.Password) > maxSecret || len(f.Ticket) > maxToken {
		return errOneFactor
	}
	return nil
}

func (c *call) beginStepUp() error {
	ask, err := c.s.vault.BeginPasskeyStepUp(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(ask)
}

// stepUp takes a fresh factor. The session goes on under a new token.
func (c *call) stepUp() error {
	v := c.s.vault
	return c.showFactor(v.FinishPasskeyStepUp, v.StepUpCode, v.StepUpPassword)
}

// showFactor reads the one factor of a request and has the vault check it in its own way.
func (c *call) showFactor(passkey func(context.Context, vault.Actor, string, json.RawMessage) (vault.Opened, error),
	code, password func(context.Context, vault.Actor, string) (vault.Opened, error)) error {
	var in factorRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	ctx := c.r.Context()
	return c.show(in, func() (vault.Opened, error) {
		switch {
		case len(in.Credential) > 0:
			return passkey(ctx, c.actor, string(in.Ticket), in.Credential)
		case in.Code != "":
			return code(ctx, c.actor, string(in.Code))
		}
		return password(ctx, c.actor, string(in.Password))
	})
}

// show checks a factor of somebody who is signed in, few at the same time, and hands the raised session over.
func (c *call) show(in factorRequest, check func() (vault.Opened, error)) error {
	if err := in.check(); err != nil {
		return err
	}
	if err := hold(c, c.s.signIns, signInWait); err != nil {
		return err
	}
	defer func() { <-c.s.signIns }()
	opened, err := check()
	if err != nil {
		return err
	}
	return c.welcome(opened)
}

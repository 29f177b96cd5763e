package api

import (
	"encoding/json"

	"github.com/clinivault/clinivault/vault"
)

// maxCode bounds a code that somebody types: of an app, for recovery, for enrolment.
const maxCode = 64 // characters

// ticketRequest answers a question that the server asked before: with a code, or with what an authenticator signed.
type ticketRequest struct {
	Ticket     secret          `json:"ticket"`
	Code       secret          `json:"code,omitempty"`
	Credential json.RawMessage `json:"credential,omitempty"`
}

// signInCode ends a sign-in with a code of the authenticator app or a recovery code.
func (c *call) signInCode() error {
	var in ticketRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Ticket == "" || len(in.Ticket) > maxToken || in.Code == "" || len(in.Code) > maxCode {
		return errFactor
	}
	return c.enter(errFactor, func(d vault.Door) (vault.Opened, error) {
		return c.s.vault.SignInCode(c.r.Context(), string(in.Ticket), string(in.Code), d)
	})
}

// beginPasskey asks whoever is at the door for a passkey. The question is the same for everybody, so it does not tell
// who has one. How many are written down for strangers is bounded by where they are.
func (c *call) beginPasskey() error {
	if wait, ok := c.s.byAsk.take(remoteKey(infoOf(c.r).remote)); !ok {
		return &said{kind: errTooMany, text: "Too many sign-in tries. Please wait a moment and try again.", after: wait}
	}
	ask, err := c.s.vault.BeginPasskeySignIn(c.r.Context(), c.door())
	if err != nil {
		return err
	}
	return c.ok(ask)
}

// signInPasskey opens a session for whom the passkey belongs to.
func (c *call) signInPasskey() error {
	var in ticketRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Ticket == "" || len(in.Ticket) > maxToken || len(in.Credential) == 0 {
		return errFactor
	}
	return c.enter(errFactor, func(d vault.Door) (vault.Opened, error) {
		return c.s.vault.FinishPasskeySignIn(c.r.Context(), string(in.Ticket), in.Credential, d)
	})
}

type enrolmentRequest struct {
	Login    string `json:"login"`
	Code     secret `json:"code"`
	Password secret `json:"password"`
}

// enrol takes the code that an administrator handed over, and a password that only the person knows.
func (c *call) enrol() error {
	var in enrolmentRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Login == "" || len(in.Login) > maxLogin || in.Code == "" || len(in.Code) > maxCode || len(in.Password) > maxSecret {
		return errFactor
	}
	return c.enter(errFactor, func(d vault.Door) (vault.Opened, error) {
		return c.s.vault.Enrol(c.r.Context(), in.Login, string(in.Code), string(in.Password), d)
	})
}

package api

import (
	"encoding/json"
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

// account is what a person sees of their own ways in.
func (c *call) account() error {
	f, err := c.s.vault.Factors(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	f.Passkeys = some(f.Passkeys)
	return c.ok(f)
}

func (c *call) beginAddPasskey() error {
	ask, err := c.s.vault.BeginPasskey(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(ask)
}

type newPasskeyRequest struct {
	Ticket     secret          `json:"ticket"`
	Name       string          `json:"name"`
	Credential json.RawMessage `json:"credential"`
}

// addPasskey keeps a new passkey. The session counts as one with two factors from then on, under a new token.
func (c *call) addPasskey() error {
	var in newPasskeyRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	opened, err := c.s.vault.FinishPasskey(c.r.Context(), c.actor, string(in.Ticket), in.Name, in.Credential)
	if err != nil {
		return err
	}
	return c.welcome(opened)
}

type nameRequest struct {
	Name string `json:"name"`
}

func (c *call) renamePasskey() error {
	var in nameRequest
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.s.vault.RenamePasskey(c.r.Context(), c.actor, id, in.Name); err != nil {
		return err
	}
	return c.done()
}

func (c *call) removePasskey() error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.s.vault.RemovePasskey(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.done()
}

// appAnswer is the key for an authenticator app: as text, as the address that such apps read, and as a picture of it.
type appAnswer struct {
	Secret secret `json:"secret"` // base32
	URI    secret `json:"uri"`    // otpauth://
	QR     secret `json:"qr"`     // SVG
}

func (c *call) beginApp() error {
	made, err := c.s.vault.BeginTOTP(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	picture, err := qrPicture(made.URI)
	if err != nil {
		return err
	}
	return c.ok(appAnswer{secret(made.Secret), secret(made.URI), secret(picture)})
}

type appCodeRequest struct {
	Code secret `json:"code"`
}

func (c *call) confirmApp() error {
	var in appCodeRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if len(in.Code) > maxCode {
		return vault.ErrInvalid
	}
	opened, err := c.s.vault.ConfirmTOTP(c.r.Context(), c.actor, string(in.Code))
	if err != nil {
		return err
	}
	return c.welcome(opened)
}

func (c *call) removeApp() error {
	if err := c.s.vault.RemoveTOTP(c.r.Context(), c.actor); err != nil {
		return err
	}
	return c.done()
}

type recoveryAnswer struct {
	Codes []secret `json:"codes"`
}

func (c *call) renewRecovery() error {
	codes, err := c.s.vault.RenewRecoveryCodes(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	var out recoveryAnswer
	for _, code := range codes {
		out.Codes = append(out.Codes, secret(code))
	}
	return c.answer(http.StatusCreated, out)
}

// changePassword ends one's other sessions; this one goes on under a new token.
func (c *call) changePassword() error {
	var in passwordRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if len(in.Password) > maxSecret {
		return vault.ErrInvalid
	}
	if err := hold(c, c.s.signIns, signInWait); err != nil {
		return err
	}
	defer func() { <-c.s.signIns }()
	opened, err := c.s.vault.ChangePassword(c.r.Context(), c.actor, string(in.Password))
	if err != nil {
		return err
	}
	return c.welcome(opened)
}

type pinRequest struct {
	PIN secret `json:"pin"`
}

func (c *call) setPIN() error {
	var in pinRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if len(in.PIN) > maxCode {
		return vault.ErrInvalid
	}
	if err := hold(c, c.s.signIns, signInWait); err != nil {
		return err
	}
	defer func() { <-c.s.signIns }()
	if err := c.s.vault.SetPIN(c.r.Context(), c.actor, string(in.PIN)); err != nil {
		return err
	}
	return c.done()
}

func (c *call) removePIN() error {
	if err := c.s.vault.RemovePIN(c.r.Context(), c.actor); err != nil {
		return err
	}
	return c.done()
}

// accountPage shows a person their own ways in. It is where a session with a password alone is led.
func (s *Server) accountPage(v visit) (sheet, error) {
	f, err := s.vault.Factors(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	sessions, err := s.vault.Sessions(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	return sheet{name: "account", title: "Your account", here: "/account", body: struct {
		vault.Factors
		Sessions []vault.Session
		Here     string
		Needs    bool
	}{f, sessions, string(v.actor.Session()), v.r.URL.Query().Has("add") && f.Strength == vault.StrengthSingle}}, nil
}

package api

import (
	"errors"
	"net/http"

	"github.com/clinivault/clinivault/vault"
)

// maxLogoutForm bounds a back-channel logout, in bytes.
const maxLogoutForm = maxRawToken + 1024

var hospitalRoutes = []route{
	{method: "POST", path: logoutPath, summary: "The hospital's provider ends sessions (OpenID Connect Back-Channel Logout 1.0)",
		public: true, inType: "application/x-www-form-urlencoded", do: (*call).hospitalLogout},
}

// hospitalLogout takes a logout token from the provider: it must be signed by it, for us, now, once, and be a logout
// token; it ends just the sessions that it names. Refusals are 400, as section 2.8 has it; what the provider should
// try again is 503.
func (c *call) hospitalLogout() error {
	h := c.s.hospital
	if h == nil {
		return errNoRoute
	}
	if err := c.tryHospital(); err != nil {
		return err
	}
	if err := takes(c.r, "application/x-www-form-urlencoded"); err != nil {
		return err
	}
	err := c.endByToken(h)
	var ours *refusedSignIn
	var vaults *vault.FederatedRefused
	switch {
	case errors.As(err, &vaults): // the vault has written its event
		c.s.log.Warn("hospital logout refused", "cause", vaults.Cause, "request", infoOf(c.r).id)
		return errLogout
	case errors.As(err, &ours):
		c.s.log.Warn("hospital logout refused", "cause", ours.cause, "request", infoOf(c.r).id)
		return errors.Join(c.s.vault.RefuseFederated(c.r.Context(), ours.cause, c.door()), errLogout)
	case err != nil:
		return err
	}
	c.s.byRemote.giveBack(remoteKey(infoOf(c.r).remote))
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func (c *call) endByToken(h *hospital) error {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxLogoutForm)
	if err := c.r.ParseForm(); err != nil {
		return refuseSignIn("malformed")
	}
	raw := c.r.PostForm["logout_token"]
	if len(raw) != 1 {
		return refuseSignIn("malformed")
	}
	p, err := h.provider(c.r.Context())
	if err != nil {
		return err
	}
	payload, err := p.opened(c.r.Context(), raw[0])
	if err != nil {
		return err
	}
	token, err := h.expects().logoutToken(payload)
	if err != nil {
		return err
	}
	ended, err := c.s.vault.EndFederated(c.r.Context(), vault.FederatedLogout{
		Issuer: token.Issuer, Subject: token.Subject, SID: token.SID, ID: token.ID, IssuedAt: token.Issued.Time,
	}, c.door())
	if err == nil {
		c.s.log.Info("the hospital's provider ended sessions", "ended", ended, "request", infoOf(c.r).id)
	}
	return err
}

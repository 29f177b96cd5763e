package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
)

const (
	hospitalPath = "/sign-in/hospital"
	backPath     = hospitalPath + "/back"
	logoutPath   = hospitalPath + "/logout"

	// flowCookie binds a sign-in under way to one browser. It has to come back from the provider's site, which Strict
	// cookies do not (RFC 6265bis section 5.2).
	flowCookie = "__Host-clinivault-hospital"
	flowAge    = 10 * time.Minute

	maxAnswer = 4096 // characters of a code and of a state
)

// toHospital sends the browser to the provider: to sign in, or with raise=1 to show again who is signed in.
func (s *Server) toHospital(w http.ResponseWriter, r *http.Request) {
	if s.hospital == nil {
		s.problem(w, r, errNoRoute)
		return
	}
	c := &call{s: s, w: w, r: r}
	if to := s.hospital.elsewhere(r); to != "" {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	to, err := c.beginHospital()
	if err != nil {
		s.refuseHospital(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// elsewhere is the same request under the name that the provider sends people back to, if it came under another: the
// cookie of the way there would not be there on the way back. It is asked once, for a proxy may change names.
func (h *hospital) elsewhere(r *http.Request) string {
	u, err := url.Parse(h.cfg.Address)
	if err != nil || r.Host == u.Host || r.URL.Query().Get("here") != "" {
		return ""
	}
	q := url.Values{"next": {safeNext(r.URL.Query().Get("next"))}, "here": {"1"}}
	if r.URL.Query().Get("raise") == "1" {
		q.Set("raise", "1")
	}
	return h.cfg.Address + hospitalPath + "?" + q.Encode()
}

// beginHospital writes the flow down, sets its cookie, and says where the browser goes.
func (c *call) beginHospital() (string, error) {
	h := c.s.hospital
	if err := c.tryHospital(); err != nil {
		return "", err
	}
	p, err := h.provider(c.r.Context())
	if err != nil {
		return "", err
	}
	browser := ""
	if cookie, err := c.r.Cookie(flowCookie); err == nil && len(cookie.Value) <= maxToken {
		browser = cookie.Value
	}
	next := safeNext(c.r.URL.Query().Get("next"))
	extra := h.cfg.ask()
	var flow vault.FederatedFlow
	if c.r.URL.Query().Get("raise") == "1" {
		actor, err := c.s.authenticate(c.r)
		if err != nil {
			return "", err
		}
		extra["prompt"], extra["max_age"] = "login", "0"
		flow, err = c.s.vault.BeginFederatedRaise(c.r.Context(), actor, browser, next)
		if err != nil {
			return "", err
		}
	} else if flow, err = c.s.vault.BeginFederated(c.r.Context(), browser, next, c.door()); err != nil {
		return "", err
	}
	http.SetCookie(c.w, &http.Cookie{Name: flowCookie, Value: flow.Browser, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: int(flowAge / time.Second)})
	return p.address(flow.State, flow.Nonce, flow.Verifier, extra), nil
}

// tryHospital counts a try of the remote address.
func (c *call) tryHospital() error {
	if wait, ok := c.s.byRemote.take(remoteKey(infoOf(c.r).remote)); !ok {
		return &said{kind: errTooMany, text: "Too many sign-in tries. Please wait a moment and try again.", after: wait}
	}
	return nil
}

// fromHospital takes the browser back: it opens the session, or raises the one that asked, and goes on by a page of
// ours. A redirect would not do: the session's cookie is sent with nothing that another site began.
func (s *Server) fromHospital(w http.ResponseWriter, r *http.Request) {
	if s.hospital == nil {
		s.problem(w, r, errNoRoute)
		return
	}
	c := &call{s: s, w: w, r: r}
	flow, opened, err := c.endHospital()
	if err != nil {
		s.refuseHospital(w, r, err)
		return
	}
	c.setSession(opened)
	title := "Signed in"
	if flow.Session != "" {
		title = "Confirmed"
	}
	s.show(w, r, http.StatusOK, "hospital", web.View{Title: title, Page: struct {
		Next   string
		Raised bool
	}{flow.Next, flow.Session != ""}})
}

// setSession sets the cookies of a session that was opened or raised.
func (c *call) setSession(o vault.Opened) {
	http.SetCookie(c.w, sessionCookie(o.Token))
	if o.Known != "" {
		known := sessionCookie(o.Known)
		known.Name, known.MaxAge = knownCookie, int(vault.KnownFor/time.Second)
		http.SetCookie(c.w, known)
	}
}

// endHospital checks what came back, step by step; the flow is spent by then, whatever comes of it.
func (c *call) endHospital() (vault.FederatedFlow, vault.Opened, error) {
	h, none := c.s.hospital, vault.Opened{}
	if err := c.tryHospital(); err != nil {
		return vault.FederatedFlow{}, none, err
	}
	flow, err := c.spendFlow()
	if err != nil {
		return flow, none, err
	}
	p, err := h.provider(c.r.Context())
	if err != nil {
		return flow, none, err
	}
	code, err := c.answerOf(p)
	if err != nil {
		return flow, none, err
	}
	raw, info, err := p.redeem(c.r.Context(), code, flow.Verifier, h.cfg.UserInfo)
	if err != nil {
		return flow, none, err
	}
	payload, err := p.opened(c.r.Context(), raw)
	if err != nil {
		return flow, none, err
	}
	want := asked{nonce: flow.Nonce, age: h.cfg.maxAge(), acr: h.cfg.RequireACR, amr: h.cfg.RequireAMR}
	if flow.Session != "" || h.cfg.AlwaysAsk {
		want.after = flow.BegunAt
	}
	token, err := h.expects().idToken(payload, want)
	if err != nil {
		return flow, none, err
	}
	who, err := h.cfg.identity(token, payload, info)
	if err != nil {
		return flow, none, err
	}
	d := c.door()
	d.Browser, d.Known = true, flow.Known
	opened, err := c.s.vault.SignInFederated(c.r.Context(), who, flow.Session, d)
	if err == nil {
		for range 2 { // the way there and the way back
			c.s.byRemote.giveBack(remoteKey(infoOf(c.r).remote))
		}
	}
	return flow, opened, err
}

// expects is what the provider's tokens are compared with now.
func (h *hospital) expects() expected {
	return expected{issuer: h.cfg.Issuer, client: h.cfg.ClientID, skew: h.cfg.skew(), now: h.now()}
}

// spendFlow finds the flow by its state and the browser's cookie.
func (c *call) spendFlow() (vault.FederatedFlow, error) {
	state, err := one(c.r.URL.Query(), "state")
	if err != nil {
		return vault.FederatedFlow{}, err
	}
	cookie, err := c.r.Cookie(flowCookie)
	if err != nil {
		cookie = &http.Cookie{} // which no flow has
	}
	if state == "" {
		return vault.FederatedFlow{}, refuseSignIn("state")
	}
	return c.s.vault.TakeFederated(c.r.Context(), state, cookie.Value, c.door())
}

// answerOf is the code that came back, from this provider and no other (RFC 9207 section 2.4).
func (c *call) answerOf(p *provider) (string, error) {
	q := c.r.URL.Query()
	issuer, err := one(q, "iss")
	switch {
	case err != nil:
		return "", err
	case issuer != "" && issuer != p.issuer, issuer == "" && p.tellsIs:
		return "", refuseSignIn("issuer-parameter")
	case q.Get("error") != "":
		return "", refuseSignIn("declined")
	}
	code, err := one(q, "code")
	if err == nil && code == "" {
		err = refuseSignIn("no-code")
	}
	return code, err
}

// one is a parameter that may be there once.
func one(q url.Values, name string) (string, error) {
	if len(q[name]) > 1 || len(q.Get(name)) > maxAnswer {
		return "", refuseSignIn("malformed")
	}
	return q.Get(name), nil
}

// refuseHospital tells a refusal, once to the person, once to the log of the operators and once to the audit log.
func (s *Server) refuseHospital(w http.ResponseWriter, r *http.Request, err error) {
	var ours *refusedSignIn
	var vaults *vault.FederatedRefused
	c := &call{s: s, w: w, r: r}
	switch {
	case errors.As(err, &ours):
		s.log.Warn("hospital sign-in refused", "cause", ours.cause, "request", infoOf(r).id)
		if err := s.vault.RefuseFederated(r.Context(), ours.cause, c.door()); err != nil {
			s.problem(w, r, fmt.Errorf("writing down a refused sign-in: %w", err))
			return
		}
	case errors.As(err, &vaults): // the vault has written its event
		s.log.Warn("hospital sign-in refused", "cause", vaults.Cause, "request", infoOf(r).id)
		err = fmt.Errorf("%w: %w", errHospital, err)
	case errors.Is(err, errProviderDown):
		s.log.Warn("hospital sign-in refused", "cause", "down", "request", infoOf(r).id)
	}
	s.problem(w, r, err)
}

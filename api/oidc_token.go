package api

import (
	"crypto/subtle"
	"encoding/json"
	"math"
	"slices"
	"time"
)

// What a token must say to be believed: OpenID Connect Core 1.0 section 3.1.3.7 for ID tokens, OpenID Connect
// Back-Channel Logout 1.0 section 2.6 for logout tokens.

const (
	maxSubject   = 255             // characters of sub (Core section 2)
	maxTokenID   = 255             // of jti and sid
	logoutRecent = 5 * time.Minute // how old a logout token may be, besides the clocks' difference
	logoutEvent  = "http://schemas.openid.net/event/backchannel-logout"
)

// tokenClaims are the claims that decide; each is what the provider signed.
type tokenClaims struct {
	Issuer    string                     `json:"iss"`
	Subject   string                     `json:"sub"`
	Audience  audience                   `json:"aud"`
	Party     string                     `json:"azp"`
	Expires   moment                     `json:"exp"`
	NotBefore moment                     `json:"nbf"`
	Issued    moment                     `json:"iat"`
	Shown     moment                     `json:"auth_time"`
	Nonce     *string                    `json:"nonce"`
	ACR       string                     `json:"acr"`
	AMR       []string                   `json:"amr"`
	SID       string                     `json:"sid"`
	ID        string                     `json:"jti"`
	Events    map[string]json.RawMessage `json:"events"`
}

// audience is one client or a list of them (RFC 7519 section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// moment is a NumericDate (RFC 7519 section 2); the zero moment is one that is missing.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	if seconds > 0 && seconds < math.MaxInt32*4 {
		m.Time = time.UnixMilli(int64(seconds * 1000))
	}
	return nil
}

// expected is what tokens are compared with.
type expected struct {
	issuer, client string
	skew           time.Duration
	now            time.Time
}

// common checks what both kinds of token must say.
func (e expected) common(payload []byte) (tokenClaims, error) {
	var c tokenClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, refuseSignIn("malformed")
	}
	switch {
	case c.Issuer != e.issuer:
		return c, refuseSignIn("issuer")
	case !slices.Contains(c.Audience, e.client):
		return c, refuseSignIn("audience")
	case c.Party != "" && c.Party != e.client, c.Party == "" && len(c.Audience) > 1:
		return c, refuseSignIn("party")
	case c.Issued.IsZero() || c.Expires.IsZero():
		return c, refuseSignIn("malformed")
	case c.Issued.After(e.now.Add(e.skew)) || c.NotBefore.After(e.now.Add(e.skew)):
		return c, refuseSignIn("clock")
	case !c.Expires.After(e.now.Add(-e.skew)):
		return c, refuseSignIn("expired")
	case len(c.Subject) > maxSubject || len(c.SID) > maxTokenID || len(c.ID) > maxTokenID:
		return c, refuseSignIn("malformed")
	}
	return c, nil
}

// asked is what the ID token must answer to.
type asked struct {
	nonce string
	after time.Time     // when step-up began: the person must have shown who they are since; zero: no step-up
	age   time.Duration // how long ago they may have, otherwise
	acr   []string      // one of these
	amr   []string      // all of these
}

// idToken checks the claims of an ID token.
func (e expected) idToken(payload []byte, a asked) (tokenClaims, error) {
	c, err := e.common(payload)
	if err != nil {
		return c, err
	}
	switch {
	case c.Subject == "":
		return c, refuseSignIn("subject")
	case c.Nonce == nil || subtle.ConstantTimeCompare([]byte(*c.Nonce), []byte(a.nonce)) != 1:
		return c, refuseSignIn("nonce")
	case c.Shown.IsZero():
		return c, refuseSignIn("auth-time")
	case c.Shown.After(e.now.Add(e.skew)):
		return c, refuseSignIn("clock")
	case !a.after.IsZero() && c.Shown.Before(a.after.Truncate(time.Second).Add(-e.skew)),
		a.after.IsZero() && c.Shown.Before(e.now.Add(-a.age-e.skew)):
		return c, refuseSignIn("auth-time")
	case len(a.acr) > 0 && !slices.Contains(a.acr, c.ACR):
		return c, refuseSignIn("acr")
	}
	for _, method := range a.amr {
		if !slices.Contains(c.AMR, method) {
			return c, refuseSignIn("amr")
		}
	}
	return c, nil
}

// logoutToken checks the claims of a logout token.
func (e expected) logoutToken(payload []byte) (tokenClaims, error) {
	c, err := e.common(payload)
	if err != nil {
		return c, err
	}
	event, is := c.Events[logoutEvent]
	switch {
	case !is || len(event) == 0 || event[0] != '{':
		return c, refuseSignIn("events")
	case c.Nonce != nil:
		return c, refuseSignIn("logout-nonce")
	case c.ID == "":
		return c, refuseSignIn("token-id")
	case c.Subject == "" && c.SID == "":
		return c, refuseSignIn("no-target")
	case c.Issued.Before(e.now.Add(-logoutRecent - e.skew)):
		return c, refuseSignIn("expired")
	}
	return c, nil
}

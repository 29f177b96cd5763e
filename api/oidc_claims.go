package api

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clinivault/clinivault/vault"
)

const (
	maxGroups    = 500 // of one person
	maxGroupName = 256 // bytes
)

// identity is what the provider's claims say about a person, in the vault's words.
func (c OIDCConfig) identity(token tokenClaims, payload json.RawMessage, info *userInfoAnswer) (vault.Federated, error) {
	claims := map[string]json.RawMessage{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return vault.Federated{}, refuseSignIn("malformed")
	}
	if info != nil {
		if info.subject != token.Subject { // OpenID Connect Core 1.0 section 5.3.2
			return vault.Federated{}, refuseSignIn("userinfo")
		}
		more := info.claims
		maps.Copy(more, claims) // what is signed comes first
		claims = more
	}
	groups, err := groupsOf(claims, c.Claims.Groups)
	if err != nil {
		return vault.Federated{}, err
	}
	login := strings.TrimSuffix(smallLetters(claimText(claims, c.Claims.Login)), smallLetters(c.Claims.TrimDomain))
	f := vault.Federated{
		Issuer: token.Issuer, Subject: token.Subject, SID: token.SID, Login: login, Name: claimText(claims, c.Claims.Name),
		Groups: groups, Multi: len(c.RequireACR)+len(c.RequireAMR) > 0, Create: c.Create,
		ShownAt: token.Shown.Time, IssuedAt: token.Issued.Time,
	}
	if len(c.RequireACR) > 0 { // then it is a word of our own configuration
		f.ACR = token.ACR
	}
	if c.Claims.ExternalID != "" {
		if f.ExternalID = claimText(claims, c.Claims.ExternalID); f.ExternalID == "" {
			return vault.Federated{}, refuseSignIn("claims")
		}
		f.ByExternalID = true
	}
	if f.Login == "" {
		return vault.Federated{}, refuseSignIn("claims")
	}
	return f, nil
}

// smallLetters is a login in small letters, of A to Z alone: Unicode has others whose small form is one of a to z (the
// Kelvin sign, the dotted I), by which one login at the provider would be another's here.
func smallLetters(login string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, login)
}

// claimText is a claim that is a line of text, or nothing.
func claimText(claims map[string]json.RawMessage, name string) string {
	var s string
	if json.Unmarshal(claims[name], &s) != nil || !utf8.ValidString(s) {
		return ""
	}
	return strings.TrimSpace(s)
}

// groupsOf reads the claim that lists groups: a list of names, or one name. A provider that says that the list is
// somewhere else (OpenID Connect Core 1.0 section 5.6.2; Entra does with more than 200 groups) is refused: rights
// would be taken from people because of where it was put.
func groupsOf(claims map[string]json.RawMessage, name string) ([]string, error) {
	var elsewhere map[string]json.RawMessage
	if raw, given := claims["_claim_names"]; given && json.Unmarshal(raw, &elsewhere) == nil {
		if _, is := elsewhere[name]; is {
			return nil, refuseSignIn("groups-overage")
		}
	}
	raw, given := claims[name]
	if !given || string(raw) == "null" {
		return nil, nil
	}
	var groups []string
	var one string
	if json.Unmarshal(raw, &one) == nil {
		groups = []string{one}
	} else if json.Unmarshal(raw, &groups) != nil {
		return nil, refuseSignIn("claims")
	}
	if len(groups) > maxGroups {
		return nil, refuseSignIn("groups-overage")
	}
	for _, g := range groups {
		if len(g) > maxGroupName || !utf8.ValidString(g) {
			return nil, refuseSignIn("claims")
		}
	}
	return groups, nil
}

// ask is what the provider is asked for besides the code.
func (c OIDCConfig) ask() map[string]string {
	extra := map[string]string{"max_age": strconv.Itoa(int(c.maxAge() / time.Second))}
	if len(c.ACRValues) > 0 {
		extra["acr_values"] = strings.Join(c.ACRValues, " ")
	}
	if c.AlwaysAsk {
		extra["prompt"] = "login"
	}
	return extra
}

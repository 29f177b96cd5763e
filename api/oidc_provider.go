package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// The one file that knows the OpenID and OAuth modules. They fetch, parse and check signatures; what a token must say
// to be believed is decided in oidc_token.go, cause by cause.

// maxRawToken bounds a signed token, in characters.
const maxRawToken = 64 << 10

// algorithms are those a token may be signed with. "none" and the HS family, with which whoever knows a public key or
// our secret could sign, are not among them.
var algorithms = []string{oidc.RS256, oidc.PS256, oidc.ES256, oidc.EdDSA}

// provider is the hospital's provider as its discovery document describes it.
type provider struct {
	issuer  string
	oauth   oauth2.Config
	found   *oidc.Provider
	client  *http.Client
	keys    oidc.KeySet
	tellsIs bool // its answers carry iss (RFC 9207 section 3)
}

// metadata is what we need of the discovery document and the module does not keep.
type metadata struct {
	Auth     string `json:"authorization_endpoint"`
	Token    string `json:"token_endpoint"`
	Keys     string `json:"jwks_uri"`
	UserInfo string `json:"userinfo_endpoint"`
	TellsIs  bool   `json:"authorization_response_iss_parameter_supported"`
}

// discover reads the discovery document (OpenID Connect Discovery 1.0 section 4).
func discover(ctx context.Context, c OIDCConfig, key secret, client *http.Client, now func() time.Time) (*provider, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, client), c.Issuer)
	var other *oidc.IssuerMismatchError
	switch {
	case errors.As(err, &other):
		return nil, fmt.Errorf("%w: it names itself otherwise than \"issuer\" in the configuration does", errProviderDown)
	case errors.Is(err, errProviderDown):
		return nil, err
	case err != nil: // its text quotes the answer
		return nil, fmt.Errorf("%w: its discovery document cannot be read", errProviderDown)
	}
	var m metadata
	if err := found.Claims(&m); err != nil {
		return nil, fmt.Errorf("%w: its discovery document cannot be read", errProviderDown)
	}
	for _, address := range []string{m.Auth, m.Token, m.Keys} {
		if !trusted(address) || strings.HasPrefix(c.Issuer, "https:") && !strings.HasPrefix(address, "https:") {
			return nil, fmt.Errorf("%w: its discovery document names an address that is not https", errProviderDown)
		}
	}
	style := oauth2.AuthStyleInHeader
	if c.ClientAuth == "post" {
		style = oauth2.AuthStyleInParams
	}
	keysClient := &http.Client{Timeout: client.Timeout, CheckRedirect: client.CheckRedirect,
		Transport: &keysTransport{inner: client.Transport, now: now}}
	return &provider{
		issuer: c.Issuer, found: found, client: client, tellsIs: m.TellsIs,
		keys: oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), keysClient), m.Keys),
		oauth: oauth2.Config{
			ClientID: c.ClientID, ClientSecret: string(key), RedirectURL: c.redirect(),
			Endpoint: oauth2.Endpoint{AuthURL: m.Auth, TokenURL: m.Token, AuthStyle: style},
			Scopes:   append([]string{oidc.ScopeOpenID}, slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return s == oidc.ScopeOpenID })...),
		},
	}, nil
}

// address is where the browser goes to sign in. extra are further parameters.
func (p *provider) address(state, nonce, verifier string, extra map[string]string) string {
	options := []oauth2.AuthCodeOption{oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)}
	for name, value := range extra {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	return p.oauth.AuthCodeURL(state, options...)
}

// redeem exchanges the code for the ID token (RFC 6749 section 4.1.3), and gives what userinfo says, if asked for.
// Errors: errProviderDown, a *refusedSignIn.
func (p *provider) redeem(ctx context.Context, code, verifier string, userInfo bool) (idToken string, info *userInfoAnswer, err error) {
	ctx = oidc.ClientContext(ctx, p.client)
	got, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.Is(err, errProviderDown):
		return "", nil, err
	case errors.As(err, &refused) && refused.ErrorCode == "invalid_grant":
		return "", nil, refuseSignIn("code")
	case errors.As(err, &refused) && refused.ErrorCode == "invalid_client":
		return "", nil, refuseSignIn("client")
	case err != nil: // its text quotes the answer
		return "", nil, refuseSignIn("exchange")
	}
	idToken, _ = got.Extra("id_token").(string)
	if idToken == "" {
		return "", nil, refuseSignIn("no-id-token")
	}
	if !userInfo {
		return idToken, nil, nil
	}
	said, err := p.found.UserInfo(ctx, oauth2.StaticTokenSource(got))
	if errors.Is(err, errProviderDown) {
		return "", nil, err
	}
	if err != nil {
		return "", nil, refuseSignIn("userinfo")
	}
	info = &userInfoAnswer{subject: said.Subject}
	if err := said.Claims(&info.claims); err != nil {
		return "", nil, refuseSignIn("userinfo")
	}
	return idToken, info, nil
}

// userInfoAnswer is what the userinfo endpoint says, and of whom.
type userInfoAnswer struct {
	subject string
	claims  map[string]json.RawMessage
}

// opened is the payload of a token that the provider signed, whatever it says. Errors: errProviderDown when its keys
// cannot be had, a *refusedSignIn.
func (p *provider) opened(ctx context.Context, raw string) (json.RawMessage, error) {
	alg, err := algorithmOf(raw)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(algorithms, alg) {
		return nil, refuseSignIn("algorithm")
	}
	keys := &watchedKeys{inner: p.keys}
	checked := &oidc.Config{SupportedSigningAlgs: algorithms, // the claims are checked in oidc_token.go
		SkipClientIDCheck: true, SkipExpiryCheck: true, SkipIssuerCheck: true}
	token, err := oidc.NewVerifier(p.issuer, keys, checked).Verify(ctx, raw)
	switch {
	case errors.Is(keys.err, errProviderDown):
		return nil, fmt.Errorf("fetching its keys: %w", keys.err)
	case keys.err != nil:
		return nil, refuseSignIn("signature")
	case err != nil:
		return nil, refuseSignIn("malformed")
	}
	var payload json.RawMessage
	if err := token.Claims(&payload); err != nil {
		return nil, refuseSignIn("malformed")
	}
	return payload, nil
}

// watchedKeys keeps the error of the keys, which the module flattens to text.
type watchedKeys struct {
	inner oidc.KeySet
	err   error // of the one call
}

func (w *watchedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := w.inner.VerifySignature(ctx, jwt)
	w.err = err
	return payload, err
}

// algorithmOf reads the header of a signed token (RFC 7515 section 4.1.1).
func algorithmOf(raw string) (string, error) {
	head, _, signed := strings.Cut(raw, ".")
	if !signed || len(raw) > maxRawToken {
		return "", refuseSignIn("malformed")
	}
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		Alg string `json:"alg"`
	}
	if err != nil || json.Unmarshal(text, &header) != nil {
		return "", refuseSignIn("malformed")
	}
	return header.Alg, nil
}

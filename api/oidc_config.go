package api

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Defaults and bounds of OIDCConfig.
const (
	DefaultClockSkew = time.Minute
	MaxClockSkew     = 5 * time.Minute
	DefaultMaxAge    = 12 * time.Hour
)

// OIDCConfig names the hospital's OpenID provider, and says what of it is believed.
type OIDCConfig struct {
	// Issuer is the provider's address, exactly as it names itself; https, but for a provider on this machine.
	// Discovery is at Issuer/.well-known/openid-configuration. Required.
	Issuer string `json:"issuer"`
	// ClientID is what the provider calls this service. Required.
	ClientID string `json:"client_id"`
	// ClientSecretFile holds the client's secret and nothing else. Required.
	ClientSecretFile string `json:"client_secret_file"`
	// ClientAuth is how the secret is told: "basic" (default) or "post" (RFC 6749 section 2.3.1).
	ClientAuth string `json:"client_auth"`
	// Address is where people's browsers find this service, such as https://photos.hospital.example. The provider
	// is to know Address/sign-in/hospital/back as redirect address and Address/sign-in/hospital/logout for the
	// back-channel logout. Required.
	Address string `json:"address"`
	// CAFile holds the certificates (PEM) that the provider's is checked against; default the system's.
	CAFile string `json:"ca_file"`
	// Label is what the button on the sign-in page says; default "Use my hospital account".
	Label string `json:"label"`
	// Scopes are asked for besides openid; default profile.
	Scopes []string `json:"scopes"`
	// Claims name where the provider says what.
	Claims ClaimNames `json:"claims"`
	// UserInfo has claims that the ID token lacks fetched from the provider's userinfo endpoint.
	UserInfo bool `json:"userinfo"`
	// ACRValues are asked for; the provider need not heed them, RequireACR and RequireAMR are what is enforced.
	ACRValues []string `json:"acr_values"`
	// RequireACR: the ID token's acr must be one of these.
	RequireACR []string `json:"require_acr"`
	// RequireAMR: the ID token's amr must name all of these (RFC 8176). With either rule a sign-in counts as one with
	// a second factor; without both it counts as a password, and the vault asks for a factor of its own.
	RequireAMR []string `json:"require_amr"`
	// MaxAgeMinutes is how long ago the person may have shown the provider who they are; default 720.
	MaxAgeMinutes int `json:"max_age_minutes"`
	// AlwaysAsk has the provider ask for the password at each sign-in, as suits shared devices.
	AlwaysAsk bool `json:"always_ask"`
	// ClockSkewSeconds is by how much the provider's clock may differ from ours; default 60, at most 300.
	ClockSkewSeconds int `json:"clock_skew_seconds"`
	// Create makes an account for whoever the provider signs in and who has none; a group must give it a role.
	Create bool `json:"create"`
	// Only refuses every local sign-in but that of emergency accounts.
	Only bool `json:"only"`
}

// ClaimNames name claims of the ID token.
type ClaimNames struct {
	// Login finds the person by login; default preferred_username. What follows an @ can be cut off with TrimDomain.
	Login string `json:"login"`
	// TrimDomain, not empty, is the part from the @ on that logins of the provider have and ours have not.
	TrimDomain string `json:"trim_domain"`
	// Name is the display name; default name.
	Name string `json:"name"`
	// ExternalID finds the person by what the directory calls them (SCIM's externalId); default none. Where it is
	// named, it is what finds people, and the login does not.
	ExternalID string `json:"external_id"`
	// Groups lists the groups that group_map turns into roles and care teams; default groups.
	Groups string `json:"groups"`
}

// withDefaults is a copy with the defaults put in.
func (c OIDCConfig) withDefaults() OIDCConfig {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.ClientAuth, "basic")
	set(&c.Label, "Use my hospital account")
	set(&c.Claims.Login, "preferred_username")
	set(&c.Claims.Name, "name")
	set(&c.Claims.Groups, "groups")
	if c.Scopes == nil {
		c.Scopes = []string{"profile"}
	}
	c.Address = strings.TrimSuffix(c.Address, "/")
	return c
}

// Check says in a sentence what is wrong with the configuration. It reads no file and asks nobody.
func (c OIDCConfig) Check() error {
	switch {
	case c.Issuer == "" || c.ClientID == "" || c.ClientSecretFile == "" || c.Address == "":
		return errors.New(`"oidc" needs "issuer", "client_id", "client_secret_file" and "address"`)
	case !trusted(c.Issuer) || strings.ContainsAny(c.Issuer, "?#"):
		return errors.New(`"oidc": "issuer" must be an https address without query; plain http only on this machine itself`)
	case !trusted(c.Address) || strings.ContainsAny(c.Address, "?#"):
		return errors.New(`"oidc": "address" must be the https address of this service; plain http only on this machine itself`)
	case c.ClientAuth != "" && c.ClientAuth != "basic" && c.ClientAuth != "post":
		return errors.New(`"oidc": "client_auth" must be "basic" or "post"`)
	case c.ClockSkewSeconds < 0 || c.skew() > MaxClockSkew:
		return errors.New(`"oidc": "clock_skew_seconds" may be at most 300: set the clocks (NTP) instead`)
	case c.MaxAgeMinutes < 0:
		return errors.New(`"oidc": "max_age_minutes" must not be negative`)
	case c.Claims.TrimDomain != "" && !strings.HasPrefix(c.Claims.TrimDomain, "@"):
		return errors.New(`"oidc": "trim_domain" must begin with @`)
	case len(c.RequireAMR) == 1 && c.RequireAMR[0] == "pwd":
		return errors.New(`"oidc": "require_amr" of pwd alone is no second factor: name what is, such as mfa, otp or hwk`)
	}
	for _, text := range slices.Concat(c.Scopes, c.ACRValues, c.RequireACR, c.RequireAMR) {
		if text == "" || strings.ContainsAny(text, " \t\r\n") {
			return errors.New(`"oidc": scopes, acr and amr values are words without spaces`)
		}
	}
	return nil
}

// trusted says whether an address is https, or on this machine itself.
func trusted(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && here
}

func (c OIDCConfig) skew() time.Duration {
	if c.ClockSkewSeconds == 0 {
		return DefaultClockSkew
	}
	return time.Duration(c.ClockSkewSeconds) * time.Second
}

func (c OIDCConfig) maxAge() time.Duration {
	if c.MaxAgeMinutes == 0 {
		return DefaultMaxAge
	}
	return time.Duration(c.MaxAgeMinutes) * time.Minute
}

func (c OIDCConfig) redirect() string { return c.Address + backPath }

// readSecret reads the client's secret.
func (c OIDCConfig) readSecret() (secret, error) {
	text, err := os.ReadFile(c.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("reading the client secret of the hospital sign-in: %w", err)
	}
	s := strings.TrimSpace(string(text))
	if s == "" || strings.ContainsAny(s, "\r\n") {
		return "", fmt.Errorf("the client secret file %s must hold one line", c.ClientSecretFile)
	}
	return secret(s), nil
}

// client is what the provider is asked through.
func (c OIDCConfig) client() (*http.Client, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificates of the hospital sign-in: %w", err)
		}
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the file %s holds no certificate", c.CAFile)
		}
	}
	return providerClient(tlsConfig), nil
}

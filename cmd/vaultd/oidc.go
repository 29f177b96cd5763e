package main

import (
	"context"
	"errors"
	"net/url"

	"github.com/clinivault/clinivault/api"
	"github.com/clinivault/clinivault/vault"
)

// What "oidc" of the configuration adds to the rest: the hospital's OpenID provider, at which people sign in.

// oidcFiles are the file names in it.
func (c *Config) oidcFiles() []*string {
	if c.OIDC == nil {
		return nil
	}
	return []*string{&c.OIDC.ClientSecretFile, &c.OIDC.CAFile}
}

// checkOIDC says what is wrong with it.
func (c *Config) checkOIDC() error {
	if c.OIDC == nil {
		return nil
	}
	return c.OIDC.Check()
}

// oidcHosts is the name under which the provider sends people back.
func (c *Config) oidcHosts() []string {
	if c.OIDC == nil {
		return nil
	}
	u, err := url.Parse(c.OIDC.Address)
	if err != nil {
		return nil
	}
	return []string{u.Host}
}

// oidcOnly reports whether people sign in at the provider alone.
func (c *Config) oidcOnly() bool { return c.OIDC != nil && c.OIDC.Only }

// oidc asks the provider; where it is the only way in, there must be an emergency account for when it is down.
func (d *doctor) oidc(ctx context.Context) (string, error) {
	if d.c.OIDC == nil {
		return "none is configured", nil
	}
	if err := api.CheckOIDC(ctx, *d.c.OIDC); err != nil {
		return "", err
	}
	if !d.c.oidcOnly() || d.p == nil || d.p.vault == nil {
		return "the provider answers, and its clock agrees", nil
	}
	people, err := d.p.vault.People(ctx, vault.Operator())
	if err != nil {
		return "", err
	}
	for _, p := range people {
		if p.Emergency && p.DisabledAt == 0 {
			return "the provider answers, its clock agrees, and there is an emergency account", nil
		}
	}
	return "", errors.New("there is no emergency account: nobody could sign in while the provider is down")
}

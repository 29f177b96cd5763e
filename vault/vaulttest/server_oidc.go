package vaulttest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// OIDCAccount is one of a provider's people, all of them made up.
type OIDCAccount struct {
	Login    string   `json:"login"`
	Password string   `json:"password"`
	Name     string   `json:"name"`
	Groups   []string `json:"groups"`
	ACR      string   `json:"acr,omitempty"` // what their sign-ins are worth
	AMR      []string `json:"amr,omitempty"`
}

// OIDCClient is a service that the provider knows, at an address.
type OIDCClient struct {
	ID      string `json:"id"`
	Secret  string `json:"secret"`
	Address string `json:"address"`
	Alg     string `json:"alg,omitempty"` // its ID tokens are signed with; default RS256
}

// OIDCSetup is what a provider is started with.
type OIDCSetup struct {
	Port     int           `json:"port"` // 0: a free one
	Clients  []OIDCClient  `json:"clients"`
	Accounts []OIDCAccount `json:"accounts"`
	UserInfo bool          `json:"userinfo"` // profile claims are at userinfo, not in the ID token
}

// OIDCProvider is a running OpenID provider: the npm package oidc-provider, with login pages of its own
// (scripts/oidc-provider.mjs).
type OIDCProvider struct {
	Issuer string
	setup  OIDCSetup
	p      *process
}

// OIDC starts a provider for a test, on loopback, and stops it with the test.
func OIDC(t testing.TB, setup OIDCSetup) *OIDCProvider {
	t.Helper()
	if setup.Port == 0 {
		setup.Port = FreePort(t)
	}
	o := &OIDCProvider{Issuer: fmt.Sprintf("http://127.0.0.1:%d", setup.Port), setup: setup}
	o.Start(t)
	t.Cleanup(o.Stop)
	return o
}

// Start starts the provider again after Stop. It has new keys then, and has forgotten who was signed in.
func (o *OIDCProvider) Start(t testing.TB) {
	t.Helper()
	node, scripts := RequireModule(t, "oidc-provider")
	text, err := json.Marshal(o.setup)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "oidc.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if o.p, err = spawn(exec.Command(node, filepath.Join(scripts, "oidc-provider.mjs"), file)); err != nil {
		t.Fatal(err)
	}
	if err := o.p.await(func() error { return answers(o.Issuer + "/.well-known/openid-configuration") }); err != nil {
		t.Fatalf("starting the OpenID provider: %v", err)
	}
}

// Stop ends the provider, as when it is down. Stopping twice is not an error.
func (o *OIDCProvider) Stop() {
	if o.p != nil {
		o.p.stop()
		o.p = nil
	}
}

// Log is the last of what the provider printed.
func (o *OIDCProvider) Log() string {
	if o.p == nil {
		return ""
	}
	return o.p.log.String()
}

// FreePort is a loopback TCP port that was free a moment ago, for a configuration that has to name one.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

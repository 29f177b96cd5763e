package main

import (
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// SignInConfig is what people have to show when they sign in.
type SignInConfig struct {
	// PasswordOnly lets people work without a second factor or a passkey. For trying out: it is taken only where Listen
	// is on loopback.
	PasswordOnly bool `json:"password_only"`
	// RPID is the host name that passkeys are bound to; default the first name of Hosts, or localhost. Once people have
	// passkeys, another name makes all of them useless.
	RPID string `json:"rp_id"`
	// Origins are the addresses of the pages that may use passkeys, with scheme; default those of Hosts, and this server's own.
	Origins []string `json:"origins"`
	// Name is how authenticators call the service; default Clinivault.
	Name string `json:"name"`
	// StepUpMinutes is for how long a factor that was shown lets people approve, release, erase and administer; default 15.
	StepUpMinutes int `json:"step_up_minutes"`
	// LockMinutes and SharedLockSeconds lock a screen that nobody uses, on a person's own device and on one that is marked
	// as shared; defaults 5 and 60.
	LockMinutes       int `json:"lock_minutes"`
	SharedLockSeconds int `json:"shared_lock_seconds"`
	// ProofMinutes is how often a browser proves that it holds the key its session is bound to; default 5.
	ProofMinutes int `json:"proof_minutes"`
	// RequireDevice takes photos in from devices alone that an administrator approved.
	RequireDevice bool `json:"require_device"`
	// BreachedPasswordsFile lists passwords that attackers know, sorted: lines of SHA-1 as Have I Been Pwned gives them out,
	// or of passwords. Nobody may choose one of them; without it none is checked.
	BreachedPasswordsFile string `json:"breached_passwords_file"`
}

func (c *Config) checkSignIn() error {
	s := c.SignIn
	switch {
	case s == nil:
		return nil
	case s.PasswordOnly && !c.loopback():
		return errors.New(`"sign_in": "password_only" is for trying out on this machine: "listen" must be on loopback`)
	case s.StepUpMinutes < 0 || s.LockMinutes < 0 || s.SharedLockSeconds < 0 || s.ProofMinutes < 0:
		return errors.New(`"sign_in": times must not be negative`)
	case net.ParseIP(s.RPID) != nil || strings.ContainsAny(s.RPID, ":/"):
		return errors.New(`"sign_in": "rp_id" is a host name without scheme and port; passkeys do not work with addresses`)
	}
	for _, o := range s.Origins {
		if scheme, rest, ok := strings.Cut(o, "://"); !ok || scheme != "https" && scheme != "http" || strings.Contains(rest, "/") {
			return errors.New(`"sign_in": "origins" are addresses such as https://photos.example.org, without a path`)
		}
	}
	return nil
}

// signIn puts what the configuration says of sign-in into the vault's.
func (c *Config) signIn(v vault.Config) vault.Config {
	s := c.SignIn
	if s == nil {
		s = &SignInConfig{}
	}
	v.PasswordOnly, v.BreachedPasswords, v.RequireDevice = s.PasswordOnly, s.BreachedPasswordsFile, s.RequireDevice
	v.StepUpFor, v.ProofEvery = time.Duration(s.StepUpMinutes)*time.Minute, time.Duration(s.ProofMinutes)*time.Minute
	v.LockAfter, v.SharedLockAfter = time.Duration(s.LockMinutes)*time.Minute, time.Duration(s.SharedLockSeconds)*time.Second
	v.WebAuthn = vault.WebAuthnConfig{RPID: s.RPID, Name: s.Name, Origins: slices.Clone(s.Origins)}
	names := c.publicNames()
	if v.WebAuthn.RPID == "" && len(names) > 0 {
		v.WebAuthn.RPID, _, _ = strings.Cut(names[0], ":")
	}
	if v.WebAuthn.RPID == "" && c.loopback() {
		v.WebAuthn.RPID = "localhost"
	}
	if len(s.Origins) == 0 {
		for _, name := range names {
			v.WebAuthn.Origins = append(v.WebAuthn.Origins, "https://"+name)
		}
	}
	return v
}

// publicNames are Hosts without those that are addresses.
func (c *Config) publicNames() []string {
	return slices.DeleteFunc(slices.Clone(c.Hosts), func(host string) bool {
		name := host
		if h, _, err := net.SplitHostPort(host); err == nil {
			name = h
		}
		return net.ParseIP(strings.Trim(name, "[]")) != nil || name == ""
	})
}

// ownOrigins are the addresses under which pages of this server itself may use passkeys; base is what it says of itself.
func (c *Config) ownOrigins(base string) []string {
	if c.SignIn != nil && len(c.SignIn.Origins) > 0 {
		return nil
	}
	scheme, rest, _ := strings.Cut(base, "://")
	_, port, err := net.SplitHostPort(rest)
	if err != nil {
		return nil
	}
	var out []string
	for _, name := range append(c.publicNames(), "localhost") {
		if _, _, err := net.SplitHostPort(name); err != nil {
			name = net.JoinHostPort(name, port)
		}
		out = append(out, scheme+"://"+name)
	}
	return out
}

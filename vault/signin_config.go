package vault

import (
	"errors"
	"time"
)

// Defaults of what sign-in asks for.
const (
	DefaultStepUpFor       = 15 * time.Minute
	DefaultProofEvery      = 5 * time.Minute
	DefaultLockAfter       = 5 * time.Minute
	DefaultSharedLockAfter = time.Minute
)

// WebAuthnConfig is what passkeys are bound to. Without an RPID there are none.
type WebAuthnConfig struct {
	// RPID is the host name that passkeys belong to, without scheme and port
	// (Web Authentication, section 5.1.2): "localhost", or the hospital's own. An address will not do.
	RPID string
	// Name is how authenticators call the service; default "Clinivault".
	Name string
	// Origins are the pages that may use them: "https://photos.example.org". More are added with ServesAt.
	Origins []string
}

func (c *Config) setSignInDefaults() {
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&c.StepUpFor, DefaultStepUpFor}, {&c.ProofEvery, DefaultProofEvery},
		{&c.LockAfter, DefaultLockAfter}, {&c.SharedLockAfter, DefaultSharedLockAfter},
	} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	if c.WebAuthn.Name == "" {
		c.WebAuthn.Name = "Clinivault"
	}
}

// wantsMore reports whether err asks who acts for another proof of who they are.
func wantsMore(err error) bool {
	return errors.Is(err, ErrStepUp) || errors.Is(err, ErrSecondFactor) || errors.Is(err, ErrSessionLocked) ||
		errors.Is(err, ErrDeviceProof)
}

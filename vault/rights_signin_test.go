package vault_test

import (
	"context"
	"errors"

	"github.com/clinivault/clinivault/vault"
)

const everybody = "cxrdpa"

// signInOperations are the rights to one's own session and factors, and to those of others.
var signInOperations = []operation{
	{"BeginPasskey", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.BeginPasskey(ctx, a)
		return notSetUp(err)
	}},
	{"BeginPasskeyStepUp", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.BeginPasskeyStepUp(ctx, a)
		return notSetUp(err)
	}},
	{"BeginPasskeyUnlock", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.BeginPasskeyUnlock(ctx, a)
		return notSetUp(err)
	}},
	{"BeginTOTP", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.BeginTOTP(ctx, a)
		return err
	}},
	{"ChangePassword", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ChangePassword(ctx, a, "short")
		return err
	}},
	{"ConfirmTOTP", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ConfirmTOTP(ctx, a, "000000")
		return err
	}},
	{"Factors", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Factors(ctx, a)
		return err
	}},
	{"FinishPasskey", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.FinishPasskey(ctx, a, "none", "name", nil)
		return err
	}},
	{"FinishPasskeyStepUp", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.FinishPasskeyStepUp(ctx, a, "none", nil)
		return err
	}},
	{"FinishPasskeyUnlock", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.FinishPasskeyUnlock(ctx, a, "none", nil)
		return err
	}},
	{"Lock", everybody, "", nil}, // TestLock: whoever is locked can do nothing more
	{"RemovePIN", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		return nothingThere(s.v.RemovePIN(ctx, a))
	}},
	{"RemovePasskey", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		return nothingThere(s.v.RemovePasskey(ctx, a, "none"))
	}},
	{"RemoveTOTP", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		return nothingThere(s.v.RemoveTOTP(ctx, a))
	}},
	{"RenamePasskey", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		return nothingThere(s.v.RenamePasskey(ctx, a, "none", "name"))
	}},
	{"RenewRecoveryCodes", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.RenewRecoveryCodes(ctx, a)
		return err
	}},
	{"ResetFactors", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ResetFactors(ctx, a, "leaver")
		return err
	}},
	{"SetPIN", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error { return s.v.SetPIN(ctx, a, "1") }},
	{"SetPassword", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SetPassword(ctx, a, "leaver", "short")
	}},
	{"StepUpCode", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.StepUpCode(ctx, a, "000000")
		return err
	}},
	{"StepUpPassword", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.StepUpPassword(ctx, a, "wrong")
		return err
	}},
	{"UnlockCode", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.UnlockCode(ctx, a, "000000")
		return err
	}},
	{"UnlockPassword", everybody, "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.UnlockPassword(ctx, a, "wrong")
		return err
	}},
}

// signInDoor are the methods at the door: they take no actor.
var signInDoor = []string{"AuthenticateBackground", "BeginPasskeySignIn", "Enrol", "FinishPasskeySignIn", "FinishPasskeySwitch",
	"LockedSessions", "ServesAt", "SignInAt", "SignInCode", "UnlockPIN"}

// notSetUp lets pass that passkeys are not set up here, or that there is none.
func notSetUp(err error) error {
	if errors.Is(err, vault.ErrConflict) {
		return nil
	}
	return err
}

// nothingThere lets pass that there is nothing to take away.
func nothingThere(err error) error {
	if errors.Is(err, vault.ErrNotFound) && !errors.Is(err, vault.ErrDenied) {
		return nil
	}
	return err
}

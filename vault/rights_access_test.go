package vault_test

import (
	"context"
	"time"

	"github.com/clinivault/clinivault/vault"
)

var accessOperations = []operation{
	{"Rights", "po", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Rights(ctx, a)
		return err
	}},
	{"Explain", "po", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Explain(ctx, a, vault.Question{Login: "author", Photo: s.review, Act: "photo.read"})
		return err
	}},
	{"AccessReport", "po", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AccessReport(ctx, a, "2026Q4")
		return err
	}},
	{"SignAccessReview", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SignAccessReview(ctx, a, "2026Q4", "", "")
	}},
	{"BreakGlass", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.BreakGlass(ctx, a, vault.Emergency{})
		return err
	}},
	{"OpenBreakGlass", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.OpenBreakGlass(ctx, a)
		return err
	}},
	{"BreakGlassReviews", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.BreakGlassReviews(ctx, a)
		return err
	}},
	{"CloseBreakGlass", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.CloseBreakGlass(ctx, a, s.glass, "", "")
	}},
	{"EndBreakGlass", "p", "cx", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.EndBreakGlass(ctx, a, s.glass)
	}},
	{"Delegate", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Delegate(ctx, a, "author", time.Time{}, time.Time{})
		return err
	}},
	{"Delegations", "cxp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Delegations(ctx, a)
		return err
	}},
	{"EndDelegation", "p", "cx", func(ctx context.Context, s scene, a vault.Actor) error {
		err := s.v.EndDelegation(ctx, a, "none")
		if a.Has(vault.RolePrivacy) {
			return past(err)
		}
		return err
	}},
	{"SetSensitivity", "cp", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SetSensitivity(ctx, a, s.review, "secret", "")
	}},
	{"SensitivityOf", "cp", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.SensitivityOf(ctx, a, s.review)
		return err
	}},
	{"AllowUse", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.AllowUse(ctx, a, s.review, "", "")
	}},
	{"EndUse", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.EndUse(ctx, a, s.review, "record")
	}},
	{"GiveReason", "c", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.GiveReason(ctx, a, s.review, "")
		return err
	}},
}

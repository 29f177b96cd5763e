package vault_test

import (
	"context"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// careOperations are the rights to teams, the feed of a patient administration, and imports. f is the feed.
var careOperations = []operation{
	{"AddTeam", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AddTeam(ctx, a, "")
		return err
	}},
	{"ApplyCare", "f", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ApplyCare(ctx, a, vault.FeedMessage{}, vault.CareEvent{})
		return err
	}},
	{"DiscardMessage", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.DiscardMessage(ctx, a, "none", ""))
	}},
	{"EndTeam", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.EndTeam(ctx, a, "none"))
	}},
	{"ForgetMessages", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.ForgetMessages(ctx, a)
	}},
	{"ImportCare", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ImportCare(ctx, a, nil, true)
		return err
	}},
	{"JoinTeam", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.JoinTeam(ctx, a, "none", "nobody", time.Time{}, time.Time{}))
	}},
	{"KeepMessage", "f", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.KeepMessage(ctx, a, vault.FeedMessage{}, nil, vault.CareProblem{})
		return err
	}},
	{"LeaveTeam", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.LeaveTeam(ctx, a, "none", "nobody")
	}},
	{"MessageTried", "f", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.MessageTried(ctx, a, lost(vault.JobMessage, "none"))
	}},
	{"Messages", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Messages(ctx, a)
		return err
	}},
	{"MovePatient", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.MovePatient(ctx, a, lost(vault.JobMerge, "none"))
	}},
	{"OpenMessage", "f", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.OpenMessage(ctx, a, lost(vault.JobMessage, "none"))
		return err
	}},
	{"RetryMessage", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.RetryMessage(ctx, a, "none"))
	}},
	{"ShowMessage", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ShowMessage(ctx, a, "none", "")
		return err
	}},
	{"Teams", "pao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Teams(ctx, a)
		return err
	}},
}

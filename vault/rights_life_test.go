package vault_test

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/clinivault/clinivault/vault"
)

// lost is a job of a kind whose lease nobody holds.
func lost(kind string, subject string) *vault.Job {
	return &vault.Job{ID: "none", Kind: kind, Subject: subject, Lease: "none"}
}

// lifeOperations are the rights to consent, holds, retention, erasure and recall.
var lifeOperations = []operation{
	{"AskErasure", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AskErasure(ctx, a, s.patient, "", "")
		return err
	}},
	{"AskLiftHold", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.AskLiftHold(ctx, a, "none", "")
	}},
	{"AskRecall", "cdp", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.AskRecall(ctx, a, s.approved, "", "")
		return err
	}},
	{"CancelErasure", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.CancelErasure(ctx, a, "none"))
	}},
	{"CancelRecall", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.CancelRecall(ctx, a, "none"))
	}},
	{"CarryHold", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.CarryHold(ctx, a, lost(vault.JobHold, "none"))
	}},
	{"ChangeConsent", "cp", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ChangeConsent(ctx, a, s.approved, vault.ConsentChange{})
		return err
	}},
	{"ConsentHistory", "cp", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ConsentHistory(ctx, a, s.approved)
		return err
	}},
	{"DropRule", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.DropRule(ctx, a, "none"))
	}},
	{"ErasureCertificate", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ErasureCertificate(ctx, a, "none")
		return past(err)
	}},
	{"ErasureStatus", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ErasureStatus(ctx, a, "none")
		return past(err)
	}},
	{"Erasures", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Erasures(ctx, a)
		return err
	}},
	{"FinishErasure", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.FinishErasure(ctx, a, lost(vault.JobErase, "none"))
	}},
	{"Holds", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Holds(ctx, a, "")
		return err
	}},
	{"LiftHold", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.LiftHold(ctx, a, "none"))
	}},
	{"PlaceHold", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.PlaceHold(ctx, a, s.patient, "", "")
		return err
	}},
	{"ProposeRule", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ProposeRule(ctx, a, vault.NewRule{})
		return err
	}},
	{"ReadRelease", "d", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ReadRelease(ctx, a, s.approved, "record")
		return err
	}},
	{"Recalls", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Recalls(ctx, a)
		return err
	}},
	{"Release", "d", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Release(ctx, a, s.approved, "record", "a reason")
		return err
	}},
	{"Releases", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Releases(ctx, a, s.approved)
		return err
	}},
	{"RetentionReport", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.RetentionReport(ctx, a)
		return err
	}},
	{"RetentionRules", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.RetentionRules(ctx, a)
		return err
	}},
	{"Retracted", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.Retracted(ctx, a, lost(vault.JobRetract, string(s.attachment)), json.RawMessage(`{}`), "deleted")
	}},
	{"Retraction", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Retraction(ctx, a, lost(vault.JobRetract, string(s.attachment)))
		return err
	}},
	{"RetractionFailed", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.RetractionFailed(ctx, a, lost(vault.JobRetract, string(s.attachment)), errors.New("test"), true)
	}},
	{"Retractions", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Retractions(ctx, a)
		return err
	}},
	{"RetryRetraction", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.RetryRetraction(ctx, a, s.attachment)
	}},
	{"RunRetention", "j", "", func(ctx context.Context, s scene, a vault.Actor) error { return s.v.RunRetention(ctx, a) }},
	{"SaveRetraction", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SaveRetraction(ctx, a, lost(vault.JobRetract, string(s.attachment)), json.RawMessage(`{}`))
	}},
	{"SignErasure", "p", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.SignErasure(ctx, a, "none"))
	}},
	{"SignRecall", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.SignRecall(ctx, a, "none"))
	}},
	{"SignRule", "dp", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.SignRule(ctx, a, "none"))
	}},
}

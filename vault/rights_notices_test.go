package vault_test

import (
	"context"
	"errors"

	"github.com/clinivault/clinivault/vault"
)

// noticeOperations are the rights to notices, the browsers that people are told on, and links.
var noticeOperations = []operation{
	{"ChooseNotice", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.ChooseNotice(ctx, a, "no such kind", true, true)
	}},
	{"EndLink", "", "cxrdpa", func(ctx context.Context, s scene, a vault.Actor) error { return s.v.EndLink(ctx, a, "no link") }},
	{"Links", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Links(ctx, a)
		return err
	}},
	{"MakeLink", "cd", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.MakeLink(ctx, a, s.approved)
		return err
	}},
	{"NoticeCount", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.NoticeCount(ctx, a)
		return err
	}},
	{"NoticeTold", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.NoticeTold(ctx, a, noticeJob, &vault.NoticeWork{}, nil)
	}},
	{"NoticeWork", "j", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.NoticeWork(ctx, a, noticeJob)
		return err
	}},
	{"Notices", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Notices(ctx, a)
		return err
	}},
	{"OpenLink", "", "cxrd", func(ctx context.Context, s scene, a vault.Actor) error { // who may: TestLinks
		_, err := s.v.OpenLink(ctx, a, "no code")
		return err
	}},
	{"PushKey", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.PushKey(ctx, a)
		return err
	}},
	{"SeeNotices", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error { return s.v.SeeNotices(ctx, a, 0) }},
	{"SetMail", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SetMail(ctx, a, "leaver", "no address")
	}},
	{"Subscribe", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Subscribe(ctx, a, "no address", 1)
		return err
	}},
	{"TidyNotices", "jo", "", func(ctx context.Context, s scene, a vault.Actor) error { return s.v.TidyNotices(ctx, a) }},
	{"Unsubscribe", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		err := s.v.Unsubscribe(ctx, a, "no browser")
		if errors.Is(err, vault.ErrNotFound) { // theirs to do, and there is none
			return nil
		}
		return err
	}},
}

var noticeJob = &vault.Job{ID: "none", Kind: vault.JobNotify, Subject: "none", Lease: "none"}

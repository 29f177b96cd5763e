package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// NoticesConfig says how people are told outside the pages that something waits. What leaves says nothing else.
type NoticesConfig struct {
	// Address is how people reach the pages, https://host; it stands in mail. Required with "smtp".
	Address string `json:"address"`
	// Contact is how the operators of push services reach whoever runs this vault, mailto:… or https:…; push messages are
	// sent when it is set (RFC 8292 section 2.1).
	Contact string `json:"contact"`
	// PushHosts are the push services that browsers may use; default those of the big browsers. "*.example.org" stands for
	// every name below it.
	PushHosts []string `json:"push_hosts"`
	// SMTP is the mail server; without it no mail is sent.
	SMTP *SMTPConfig `json:"smtp"`
}

// defaultPushHosts are the services of Chrome and Android, Firefox, Safari, and Edge on Windows.
var defaultPushHosts = []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com"}

// tellFor bounds the sending of one message.
const tellFor = 15 * time.Second

func (c *NoticesConfig) check() error {
	if c == nil {
		return nil
	}
	if c.Contact != "" && !strings.HasPrefix(c.Contact, "mailto:") && !strings.HasPrefix(c.Contact, "https://") {
		return errors.New(`"notices": "contact" must begin with mailto: or https://`)
	}
	if len(c.PushHosts) > 0 && c.Contact == "" {
		return errors.New(`"notices": "push_hosts" needs "contact"`)
	}
	if slices.ContainsFunc(c.PushHosts, func(h string) bool { return h == "" || h == "*" || strings.ContainsAny(h, "/@ ") }) {
		return errors.New(`"notices": each of "push_hosts" is a host, host:port, or *.domain`)
	}
	if c.SMTP == nil {
		return nil
	}
	u, err := url.Parse(c.Address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return errors.New(`"notices": "smtp" needs "address", such as https://clinivault.example.org`)
	}
	return c.SMTP.check()
}

// forVault is the vault's part of it.
func (c *NoticesConfig) forVault() vault.NoticeConfig {
	if c == nil {
		return vault.NoticeConfig{}
	}
	out := vault.NoticeConfig{Contact: c.Contact, Mail: c.SMTP != nil}
	if c.Contact != "" {
		if out.PushHosts = c.PushHosts; len(out.PushHosts) == 0 {
			out.PushHosts = defaultPushHosts
		}
	}
	return out
}

// notifier sends notices: what to whom is the vault's to say.
type notifier struct {
	push *pusher
	mail *mailer // nil: no mail
	log  *slog.Logger
}

func newNotifier(c *Config, log *slog.Logger) (*notifier, error) {
	n := &notifier{push: newPusher(c.Notices.forVault().PushHosts), log: log}
	if c.Notices == nil || c.Notices.SMTP == nil {
		return n, nil
	}
	var err error
	if n.mail, err = newMailer(*c.Notices.SMTP, c.Notices.Address); err != nil {
		return nil, fmt.Errorf("preparing mail: %w", err)
	}
	return n, nil
}

// deliver does one job of kind "notify". That a service does not answer is noted with the job, and is no error of the
// worker's.
func (n *notifier) deliver(ctx context.Context, v *vault.Vault, a vault.Actor, job *vault.Job) error {
	w, err := v.NoticeWork(ctx, a, job)
	if err != nil {
		return err
	}
	var told []vault.Told
	for _, p := range w.Pushes {
		one := n.push.send(ctx, p)
		one.Push = p.ID
		told = append(told, one)
	}
	if w.Mail != "" && n.mail != nil {
		told = append(told, n.mail.send(ctx, w.Mail))
	}
	for _, one := range told {
		if one.Outcome == vault.TellLater || one.Outcome == vault.TellRefused {
			n.log.Warn("a notice was not taken", "job", string(job.ID), "outcome", string(one.Outcome), "error", one.Cause)
		}
	}
	return v.NoticeTold(ctx, a, job, w, told)
}

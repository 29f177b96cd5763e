package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// JobNotify sends a notice; subject: notice. See NoticeWork.
const JobNotify = "notify"

// Push is one message to one browser. It carries nothing but that there is one: no body is ever sent.
type Push struct {
	ID            SubscriptionID
	Endpoint      string // where the browser's push service takes it
	Authorization string // of the vault to that service
}

// NoticeWork is what a job of kind "notify" is to send.
type NoticeWork struct {
	Pushes []Push
	Mail   string // address; empty: none

	notice NoticeID
	told   int64 // which asking this is the answer to
}

// String keeps addresses and tokens out of logs.
func (NoticeWork) String() string { return "[redacted]" }

// GoString keeps addresses and tokens out of logs.
func (NoticeWork) GoString() string { return "[redacted]" }

// Told is how the sending of one message went. An empty Push is the mail.
type Told struct {
	Push    SubscriptionID
	Outcome TellOutcome
	Cause   error // of Later and Refused, without addresses
}

// TellOutcome says what became of a message.
type TellOutcome string

// The outcomes.
const (
	TellSent    TellOutcome = "sent"
	TellGone    TellOutcome = "gone"    // the push service knows the browser no more (RFC 8030 section 7.3)
	TellRefused TellOutcome = "refused" // and will not be taken later
	TellLater   TellOutcome = "later"   // not taken now
)

// NoticeWork reads what a job is to send, leaving out what was sent before. Nothing is left to send once the notice was
// seen, or its person has gone. Errors: ErrConflict when the lease was lost.
func (v *Vault) NoticeWork(ctx context.Context, a Actor, job *Job) (*NoticeWork, error) {
	if job == nil || job.Kind != JobNotify {
		return nil, fmt.Errorf("not a notice's job: %w", ErrInvalid)
	}
	w := &NoticeWork{}
	err := v.quietly(ctx, a, actSendNotice, object{Kind: "notice", ID: job.Subject}, func(t *tx) error {
		*w = NoticeWork{notice: NoticeID(job.Subject)}
		if err := t.holdsJob(ctx, job); err != nil {
			return err
		}
		return w.read(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (w *NoticeWork) read(ctx context.Context, t *tx) error {
	var person PersonID
	var kind noticeKind
	var mail string
	err := t.QueryRowContext(ctx, `SELECT n.person, n.kind, n.told_at, p.mail FROM notices n JOIN people p ON p.id = n.person
		WHERE n.id = $1 AND n.seen_at IS NULL AND `+livePerson("p", "$2"), w.notice, t.now).Scan(&person, &kind, &w.told, &mail)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading notice: %w", err)
	}
	choice, err := choiceOf(ctx, t, kind, person)
	if err != nil {
		return err
	}
	if choice.Mail && mail != "" && t.v.cfg.Notices.Mail {
		err := holds(ctx, t, `SELECT count(*) FROM notice_sends WHERE notice = $1 AND channel = 'mail' AND at >= $2`, w.notice, w.told)
		if errors.Is(err, ErrNotFound) {
			w.Mail, err = mail, nil
		}
		if err != nil {
			return err
		}
	}
	if !choice.Push || len(t.v.cfg.Notices.PushHosts) == 0 {
		return nil
	}
	return w.pushes(ctx, t, person)
}

// pushes adds a message for each browser of the person that was given the newest key and was not told yet.
func (w *NoticeWork) pushes(ctx context.Context, t *tx, person PersonID) error {
	key, epoch, err := t.v.pushKey(ctx, t)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := list(ctx, t, func(rows *sql.Rows) (p Push, err error) { return p, rows.Scan(&p.ID, &p.Endpoint) },
		`SELECT s.id, s.endpoint FROM push_subscriptions s WHERE s.person = $1 AND s.epoch = $2 AND NOT EXISTS (SELECT 1
			FROM notice_sends d WHERE d.notice = $3 AND d.channel = 'push' AND d.target = s.id AND d.at >= $4) ORDER BY s.id`,
		person, int64(epoch), w.notice, w.told)
	if err != nil {
		return fmt.Errorf("reading browsers: %w", err)
	}
	for _, p := range all {
		if !t.v.cfg.Notices.allows(p.Endpoint) { // the configuration may have changed since
			continue
		}
		if p.Authorization, err = t.v.vapid(key, p.Endpoint); err != nil {
			return err
		}
		w.Pushes = append(w.Pushes, p)
	}
	return nil
}

// NoticeTold notes how the sending of w went. Browsers that are gone are forgotten; what could not be sent is tried again
// later, and given up like any job. Errors: ErrConflict when the lease was lost: what was sent may then be sent twice.
func (v *Vault) NoticeTold(ctx context.Context, a Actor, job *Job, w *NoticeWork, all []Told) error {
	if job == nil || job.Kind != JobNotify || w == nil {
		return fmt.Errorf("not a notice's job: %w", ErrInvalid)
	}
	return v.do(ctx, a, actSendNotice, object{Kind: "notice", ID: job.Subject}, func(t *tx) error {
		counts := map[TellOutcome]int{}
		var later error
		for _, one := range all {
			counts[one.Outcome]++
			if err := t.told(ctx, w, one); err != nil {
				return fmt.Errorf("noting what was sent: %w", err)
			}
			if one.Outcome == TellLater && later == nil {
				later = one.Cause
			}
		}
		for outcome, n := range counts {
			t.detail(string(outcome), fmt.Sprint(n))
		}
		if counts[TellLater] > 0 {
			return t.failJob(ctx, job, later, false)
		}
		var told int64
		err := t.QueryRowContext(ctx, `SELECT told_at FROM notices WHERE id = $1`, w.notice).Scan(&told)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("reading notice: %w", err)
		}
		if told <= w.told || w.told == 0 {
			return t.finishJob(ctx, job)
		}
		return exactlyOne(ctx, t, "sending again", `UPDATE jobs SET state = 'ready', attempts = 0, run_at = $1, lease = '', leased_until = 0
			WHERE id = $2 AND lease = $3 AND state = 'leased'`, t.now, string(job.ID), job.Lease)
	})
}

// told notes one message.
func (t *tx) told(ctx context.Context, w *NoticeWork, one Told) error {
	switch one.Outcome {
	case TellLater:
		return nil
	case TellGone:
		return t.changes(ctx, "forgetting browser", change{`DELETE FROM push_subscriptions WHERE id = $1`, []any{one.Push}})
	}
	channel := "push"
	if one.Push == "" {
		channel = "mail"
	}
	return t.changes(ctx, "noting message",
		change{`INSERT INTO notice_sends (notice, channel, target, state, at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (notice, channel, target) DO UPDATE SET state = excluded.state, at = excluded.at`,
			[]any{w.notice, channel, one.Push, string(one.Outcome), w.told}},
		change{`UPDATE push_subscriptions SET last_sent_at = $2 WHERE id = $1 AND $3 = 'sent'`, []any{one.Push, t.now, string(one.Outcome)}})
}

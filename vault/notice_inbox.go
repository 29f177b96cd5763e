package vault

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

const (
	noticesShown = 200                 // in an inbox
	noticesKept  = 30 * 24 * time.Hour // after they were seen, and links after they ended
)

// NoticeID names a notice.
type NoticeID string

// Notice is one line of a person's inbox. It says nothing of patients or photos: Page is where what waits is seen.
type Notice struct {
	ID      NoticeID `json:"id"`
	Kind    string   `json:"kind"`
	Text    string   `json:"text"`
	Page    string   `json:"page"`
	Count   int64    `json:"count"` // how often since it was last seen
	FirstAt Time     `json:"first_at"`
	LastAt  Time     `json:"last_at"`
	SeenAt  Time     `json:"seen_at"`
}

// NoticeChoice is how a person wants to be told of a kind outside the pages. The inbox shows every kind.
type NoticeChoice struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
	Push bool   `json:"push"`
	Mail bool   `json:"mail"`
}

// Inbox is a person's notices, those not seen first and newest first, and how they want to be told.
type Inbox struct {
	Notices       []Notice           `json:"notices"`
	Choices       []NoticeChoice     `json:"choices"`
	Subscriptions []PushSubscription `json:"subscriptions"`
	PushOn        bool               `json:"push_on"` // this vault sends push messages at all
	MailOn        bool               `json:"mail_on"` // and mail
	Mail          string             `json:"mail"`    // where mail to the person goes; empty: nowhere
}

// Notices is the actor's own inbox: at most 200 notices. Reading it does not mark them seen. Errors: ErrDenied for
// whoever is no person.
func (v *Vault) Notices(ctx context.Context, a Actor) (Inbox, error) {
	var out Inbox
	err := v.do(ctx, a, actNotices, onPerson(a.person), func(t *tx) (err error) {
		out = Inbox{PushOn: len(v.cfg.Notices.PushHosts) > 0, MailOn: v.cfg.Notices.Mail}
		out.Notices, err = list(ctx, t, scanNotice, `SELECT id, kind, count, first_at, last_at, coalesce(seen_at, 0) FROM notices
			WHERE person = $1 ORDER BY CASE WHEN seen_at IS NULL THEN 0 ELSE 1 END, last_at DESC, id LIMIT $2`, a.person, noticesShown)
		if err != nil {
			return fmt.Errorf("reading notices: %w", err)
		}
		if out.Choices, err = choices(ctx, t, a.person); err != nil {
			return err
		}
		if out.Subscriptions, err = subscriptions(ctx, t, a.person); err != nil {
			return err
		}
		return t.QueryRowContext(ctx, `SELECT mail FROM people WHERE id = $1`, a.person).Scan(&out.Mail)
	})
	if err != nil {
		return Inbox{}, err
	}
	return out, nil
}

func scanNotice(rows *sql.Rows) (n Notice, err error) {
	err = rows.Scan(&n.ID, &n.Kind, &n.Count, &n.FirstAt, &n.LastAt, &n.SeenAt)
	sort, _ := noticeSortOf(noticeKind(n.Kind))
	n.Text, n.Page = sort.text, sort.page
	return n, err
}

// choices are a person's, for every kind that their roles may bring.
func choices(ctx context.Context, t *tx, person PersonID) ([]NoticeChoice, error) {
	roles, err := rolesOf(ctx, t, person)
	if err != nil {
		return nil, err
	}
	var out []NoticeChoice
	for _, s := range noticeSorts {
		if len(s.roles) > 0 && !slices.ContainsFunc(s.roles, func(r Role) bool { return slices.Contains(roles, r) }) {
			continue
		}
		c, err := choiceOf(ctx, t, s.kind, person)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// NoticeCount is how many notices wait unseen for the actor, for the bar of every page. It leaves no event: Notices does.
func (v *Vault) NoticeCount(ctx context.Context, a Actor) (n int64, err error) {
	err = v.quietly(ctx, a, actNotices, onPerson(a.person), func(t *tx) error {
		return t.QueryRowContext(ctx, `SELECT count(*) FROM notices WHERE person = $1 AND seen_at IS NULL`, a.person).Scan(&n)
	})
	return n, err
}

// SeeNotices marks the actor's notices seen that came at or before through; what came later keeps waiting.
func (v *Vault) SeeNotices(ctx context.Context, a Actor, through Time) error {
	return v.do(ctx, a, actSeeNotices, onPerson(a.person), func(t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE notices SET seen_at = $1 WHERE person = $2 AND seen_at IS NULL AND last_at <= $3`,
			t.now, a.person, through)
		if err != nil {
			return fmt.Errorf("marking notices seen: %w", err)
		}
		return nil
	})
}

// ChooseNotice says how the actor wants to be told of a kind outside the pages. Errors: ErrInvalid for a kind that there
// is not.
func (v *Vault) ChooseNotice(ctx context.Context, a Actor, kind string, push, mail bool) error {
	return v.do(ctx, a, actChooseNotice, onPerson(a.person), func(t *tx) error {
		if _, known := noticeSortOf(noticeKind(kind)); !known {
			return say(ErrInvalid, "There are no notices of this kind.")
		}
		t.detail("kind", kind)
		_, err := t.ExecContext(ctx, `INSERT INTO notice_choices (person, kind, push, mail) VALUES ($1, $2, $3, $4)
			ON CONFLICT (person, kind) DO UPDATE SET push = excluded.push, mail = excluded.mail`, a.person, kind, push, mail)
		if err != nil {
			return fmt.Errorf("keeping choice: %w", err)
		}
		return nil
	})
}

// TidyNotices deletes notices that were seen 30 days ago, and links that ended or ran out as long ago. It is run now and
// then.
func (v *Vault) TidyNotices(ctx context.Context, a Actor) error {
	return v.quietly(ctx, a, actTidyNotices, object{Kind: "notice"}, func(t *tx) error {
		before := t.now - noticesKept.Milliseconds()
		return t.changes(ctx, "tidying notices",
			change{`DELETE FROM notice_sends WHERE notice IN (SELECT id FROM notices WHERE seen_at < $1)`, []any{before}},
			change{`DELETE FROM notices WHERE seen_at < $1`, []any{before}},
			change{`DELETE FROM links WHERE expires_at < $1 OR ended_at < $1`, []any{before}})
	})
}

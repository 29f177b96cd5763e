package vault

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// A message of a feed that cannot be applied is kept whole, for people to see what went wrong. It names a patient whom the
// vault may not know, so it is sealed under a key of its own kind (epoch_keys 'inbox', wrapped by the root key), bound to
// its row. Administrators see when it came, from where and what is wrong with it, never what it says.

// MessageID names a message of a feed.
type MessageID string

const (
	keyInbox    = "inbox"
	inboxDomain = "clinivault/inbox/v1"

	maxMessage     = 1 << 20             // bytes
	messagesKept   = 30 * 24 * time.Hour // after a message is settled
	maxMessageList = 500
	maxWaiting     = 10_000 // messages that wait for somebody to settle them
)

// FeedMessage is a message as its sender names it. Digest is the SHA-256 of its bytes, hex.
type FeedMessage struct {
	Sender    string // 1 to 200 characters
	ControlID string // 1 to 200 characters
	Digest    string
	Event     string // such as A01; empty when it could not be read
	Peer      string // address, or name in the certificate
}

// FeedAnswer is what a sender is told: Code is AA (applied), AE (kept, not applied) or AR (refused), and the rest is of the
// first error. Again: this very message was answered before, and nothing was done now.
type FeedAnswer struct {
	Code    string
	Problem CareProblem
	Again   bool
}

// Message is a message of the feed as an administrator sees it: no word of what it says.
type Message struct {
	ID         MessageID `json:"id"`
	Sender     string    `json:"sender"`
	ControlID  string    `json:"control_id"`
	Event      string    `json:"event"`
	Peer       string    `json:"peer"`
	ReceivedAt Time      `json:"received_at"`
	State      string    `json:"state"` // failed, applied (by a retry), discarded
	ErrorCode  string    `json:"error_code"`
	ErrorPlace string    `json:"error_place"`
	ErrorText  string    `json:"error_text"`
	Attempts   int       `json:"attempts"`
	Kept       bool      `json:"kept"` // whether its content still is
	SettledAt  Time      `json:"settled_at"`
	SettledBy  string    `json:"settled_by"`
	SettledWhy string    `json:"settled_why"`
}

// KeptMessage is a message with its content. It prints as [redacted].
type KeptMessage struct {
	FeedMessage
	ID      MessageID
	Content []byte
}

// String keeps patients out of logs.
func (KeptMessage) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (KeptMessage) GoString() string { return "[redacted]" }

func onMessage(id MessageID) object { return object{Kind: "message", ID: string(id)} }

func (m FeedMessage) check() error {
	if !isLine(m.Sender, 200) || !isLine(m.ControlID, 200) || len(m.Digest) != 64 || len(m.Event) > 16 || len(m.Peer) > 200 {
		return fmt.Errorf("names of a message: %w", ErrInvalid)
	}
	return nil
}

// messageRow is what is known of a message.
type messageRow struct {
	id      MessageID
	state   string
	answer  FeedAnswer
	settled bool
}

func (t *tx) findMessage(ctx context.Context, m FeedMessage) (r messageRow, err error) {
	err = t.QueryRowContext(ctx, `SELECT id, state, answer, error_code, error_place, error_text, settled_at IS NOT NULL FROM feed_messages
		WHERE sender = $1 AND control_id = $2 AND digest = $3`, m.Sender, m.ControlID, m.Digest).
		Scan(&r.id, &r.state, &r.answer.Code, &r.answer.Problem.Code, &r.answer.Problem.Place, &r.answer.Problem.Text, &r.settled)
	if errors.Is(err, sql.ErrNoRows) {
		return messageRow{}, nil
	}
	if err != nil {
		return messageRow{}, fmt.Errorf("looking for message: %w", err)
	}
	return r, nil
}

// ApplyCare does what a message of the feed says, in one transaction with the row by which the message is known: whatever
// comes twice is done once, and answered as before. Errors: a *CareProblem, which is ErrInvalid, when it cannot be applied:
// then nothing was done, and KeepMessage keeps it; ErrConflict and ErrUnavailable when the sender may send it again.
func (v *Vault) ApplyCare(ctx context.Context, a Actor, m FeedMessage, e CareEvent) (FeedAnswer, error) {
	key, err := v.careKeyFor(ctx, e.Number)
	if err != nil {
		return FeedAnswer{}, err
	}
	id := MessageID(newID())
	var answer FeedAnswer
	var problem *CareProblem
	err = v.do(ctx, a, actApplyCare, onMessage(id), func(t *tx) error {
		answer, problem = FeedAnswer{Code: "AA"}, nil
		if err := m.check(); err != nil {
			return err
		}
		old, err := t.findMessage(ctx, m)
		if err != nil {
			return err
		}
		if old.state == "applied" {
			answer, answer.Again = old.answer, true
			t.detail("effect", "again")
			return nil
		}
		if err := t.otherMessage(ctx, m); err != nil {
			problem = problemOf(err)
			return err
		}
		patient, effect, err := t.applyEvent(ctx, e, careFeed, key)
		if err != nil {
			problem = problemOf(err)
			return err
		}
		t.detail("event", m.Event)
		if t.entry.Detail["effect"] == "" {
			t.detail("effect", effect)
		}
		return t.keepApplied(ctx, id, old, m, patient)
	})
	if problem != nil && errors.Is(err, ErrInvalid) {
		return FeedAnswer{Code: "AE", Problem: *problem}, problem
	}
	return answer, err
}

// otherMessage refuses a number under which the sender sent another message that was applied.
func (t *tx) otherMessage(ctx context.Context, m FeedMessage) error {
	err := holds(ctx, t, `SELECT coalesce(sum(CASE WHEN state = 'applied' THEN 1 ELSE 0 END), 0) FROM feed_messages
		WHERE sender = $1 AND control_id = $2 AND digest <> $3`, m.Sender, m.ControlID, m.Digest)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		err = &CareProblem{careDuplicate, "MSH-10", "another message came under this control ID"}
	}
	return err
}

// keepApplied writes that a message was applied.
func (t *tx) keepApplied(ctx context.Context, id MessageID, old messageRow, m FeedMessage, patient PatientID) error {
	if old.id == "" {
		_, err := t.ExecContext(ctx, `INSERT INTO feed_messages (id, sender, control_id, digest, event, peer, received_at, state, answer,
			patient, settled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'applied', 'AA', nullif($8, ''), $7)`,
			id, m.Sender, m.ControlID, m.Digest, m.Event, m.Peer, t.now, patient)
		if err != nil {
			return fmt.Errorf("keeping message: %w", err)
		}
		return nil
	}
	t.detail("message", string(old.id))
	return exactlyOne(ctx, t, "settling message", `UPDATE feed_messages SET state = 'applied', answer = 'AA', error_code = '',
		error_place = '', error_text = '', patient = nullif($1, ''), settled_at = $2, settled_by = 'feed', attempts = attempts + 1 WHERE id = $3`,
		patient, t.now, old.id)
}

// KeepMessage keeps a message that could not be applied, sealed, with what is wrong with it, and answers what its sender is
// told. The same message again only counts up. Errors: ErrInvalid, ErrTooLarge over 1 MiB, ErrUnavailable: then it is not
// kept, and the sender has to keep it.
func (v *Vault) KeepMessage(ctx context.Context, a Actor, m FeedMessage, content []byte, p CareProblem) (FeedAnswer, error) {
	if err := v.ensureInboxKey(ctx); err != nil {
		return FeedAnswer{}, err
	}
	key, err := v.inboxKey(ctx, v.db)
	if err != nil {
		return FeedAnswer{}, err
	}
	defer key.Wipe()
	id := MessageID(newID())
	err = v.do(ctx, a, actKeepMessage, onMessage(id), func(t *tx) error {
		if err := m.check(); err != nil {
			return err
		}
		if len(content) > maxMessage {
			return fmt.Errorf("message: %w", ErrTooLarge)
		}
		t.detail("event", m.Event)
		t.detail("code", p.Code)
		t.detail("place", p.Place)
		old, err := t.findMessage(ctx, m)
		if err != nil {
			return err
		}
		if old.id != "" {
			t.detail("message", string(old.id))
			return exactlyOne(ctx, t, "counting message", `UPDATE feed_messages SET attempts = attempts + 1, state = 'failed', answer = 'AE',
				error_code = $1, error_place = $2, error_text = $3, settled_at = NULL, settled_by = '', settled_why = '' WHERE id = $4`,
				p.Code, p.Place, p.Text, old.id)
		}
		if err := t.roomForMessage(ctx); err != nil {
			return err
		}
		sealed := seal.SealSmall(key, content, v.inboxAAD(id))
		_, err = t.ExecContext(ctx, `INSERT INTO feed_messages (id, sender, control_id, digest, event, peer, received_at, state, answer,
			error_code, error_place, error_text, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, 'failed', 'AE', $8, $9, $10, $11)`,
			id, m.Sender, m.ControlID, m.Digest, m.Event, m.Peer, t.now, p.Code, p.Place, p.Text, sealed)
		if err != nil {
			return fmt.Errorf("keeping message: %w", err)
		}
		return t.notify(ctx, noticeFeed, toHolders(RoleAdmin, ""))
	})
	if err != nil {
		return FeedAnswer{}, err
	}
	return FeedAnswer{Code: "AE", Problem: p}, nil
}

// roomForMessage refuses more messages than anybody will look at: a sender that is told so stops and waits.
func (t *tx) roomForMessage(ctx context.Context) error {
	var n int64
	if err := t.QueryRowContext(ctx, `SELECT count(*) FROM feed_messages WHERE state = 'failed'`).Scan(&n); err != nil {
		return fmt.Errorf("counting messages: %w", err)
	}
	if n >= maxWaiting {
		return fmt.Errorf("%d messages wait already: %w", n, ErrUnavailable)
	}
	return nil
}

// inboxAAD is what the content of a message is bound to.
func (v *Vault) inboxAAD(id MessageID) []byte { return bindText(inboxDomain, v.cfg.Tenant, string(id)) }

// ensureInboxKey makes the key of kept messages when there is none.
func (v *Vault) ensureInboxKey(ctx context.Context) error {
	id := epochID{keyInbox, 1}
	known, err := epochAlive(ctx, v.db, id)
	if err != nil || known {
		return dbError(err)
	}
	private := make([]byte, seal.KeySize)
	rand.Read(private) // never fails (crypto/rand)
	defer clear(private)
	s, err := v.sealEpoch(ctx, id, private, false)
	if err != nil {
		return err
	}
	entry := logEntry{Act: string(actMakeKey), Actor: byFeed, ObjectKind: "key", Object: id.String()}
	return v.retry(ctx, true, func(t *tx) error {
		made, err := t.insertEpoch(ctx, freshEpoch{s, []byte{}, private})
		if err != nil || !made {
			return err
		}
		return t.event(ctx, entry)
	})
}

func (v *Vault) inboxKey(ctx context.Context, q querier) (seal.Key, error) {
	half, destroyed, err := v.readEpochKey(ctx, q, epochID{keyInbox, 1})
	if err != nil {
		return seal.Key{}, err
	}
	defer clear(half)
	if destroyed {
		return seal.Key{}, fmt.Errorf("inbox key: %w", ErrIntegrity)
	}
	return seal.KeyFromBytes(half)
}

package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/vault/seal"
)

// Messages lists the messages that were not applied, those that wait first, then what was settled within 30 days, newest
// first, at most 500. Errors: ErrDenied.
func (v *Vault) Messages(ctx context.Context, a Actor) ([]Message, error) {
	var out []Message
	err := v.do(ctx, a, actMessages, object{Kind: "message"}, func(t *tx) (err error) {
		out, err = list(ctx, t, func(rows *sql.Rows) (m Message, err error) {
			return m, rows.Scan(&m.ID, &m.Sender, &m.ControlID, &m.Event, &m.Peer, &m.ReceivedAt, &m.State, &m.ErrorCode, &m.ErrorPlace,
				&m.ErrorText, &m.Attempts, &m.Kept, &m.SettledAt, &m.SettledBy, &m.SettledWhy)
		}, `SELECT id, sender, control_id, event, peer, received_at, state, error_code, error_place, error_text, attempts, sealed IS NOT NULL,
			coalesce(settled_at, 0), settled_by, settled_why FROM feed_messages WHERE state <> 'applied' OR sealed IS NOT NULL
			ORDER BY CASE WHEN state = 'failed' THEN 0 ELSE 1 END, received_at DESC, id LIMIT `+fmt.Sprint(maxMessageList))
		if err != nil {
			return fmt.Errorf("listing messages: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RetryMessage has a message applied again, by a job: after what was missing was put right. Errors: ErrNotFound, ErrDenied,
// ErrConflict when it does not wait any more.
func (v *Vault) RetryMessage(ctx context.Context, a Actor, id MessageID) error {
	return v.do(ctx, a, actRetryMessage, onMessage(id), func(t *tx) error {
		if err := t.waitingMessage(ctx, id); err != nil {
			return err
		}
		return t.enqueue(ctx, JobMessage, string(id), t.now)
	})
}

// DiscardMessage settles a message that is not to be applied, with a reason of 3 to 500 characters that names no patient.
// Errors: ErrInvalid, ErrNotFound, ErrDenied, ErrConflict when it does not wait any more.
func (v *Vault) DiscardMessage(ctx context.Context, a Actor, id MessageID, reason string) error {
	return v.do(ctx, a, actDiscardMessage, onMessage(id), func(t *tx) error {
		if err := checkReason(reason); err != nil {
			return err
		}
		if err := t.waitingMessage(ctx, id); err != nil {
			return err
		}
		if err := t.stopJob(ctx, JobMessage, string(id)); err != nil {
			return err
		}
		return exactlyOne(ctx, t, "discarding message", `UPDATE feed_messages SET state = 'discarded', settled_at = $1, settled_by = $2,
			settled_why = $3 WHERE id = $4 AND state = 'failed'`, t.now, a.subject(), reason, id)
	})
}

// waitingMessage asks for a message that waits to be settled.
func (t *tx) waitingMessage(ctx context.Context, id MessageID) error {
	var state string
	if err := t.QueryRowContext(ctx, `SELECT state FROM feed_messages WHERE id = $1`, id).Scan(&state); err != nil {
		return fmt.Errorf("reading message: %w", absent(err))
	}
	if state != "failed" {
		return say(ErrConflict, "This message is settled already.")
	}
	return nil
}

// OpenMessage opens a message for the job of kind "message", which applies it again and ends with MessageTried. A nil
// message: it is settled, and the job is done. Errors: ErrConflict when the lease was lost, ErrIntegrity.
func (v *Vault) OpenMessage(ctx context.Context, a Actor, job *Job) (*KeptMessage, error) {
	if job == nil || job.Kind != JobMessage {
		return nil, fmt.Errorf("not a message job: %w", ErrInvalid)
	}
	return v.openMessage(ctx, a, actOpenMessage, MessageID(job.Subject), func(t *tx, settled bool) error {
		if settled {
			return t.endMessageJob(ctx, job)
		}
		return nil
	})
}

// MessageTried ends the job of a message that was tried again, however it went.
func (v *Vault) MessageTried(ctx context.Context, a Actor, job *Job) error {
	return v.quietly(ctx, a, actOpenMessage, onMessage(MessageID(job.Subject)), func(t *tx) error { return t.endMessageJob(ctx, job) })
}

func (t *tx) endMessageJob(ctx context.Context, job *Job) error {
	if err := t.holdsJob(ctx, job); err != nil {
		return err
	}
	return t.finishJob(ctx, job)
}

// ShowMessage opens a message for whoever operates the machine, with a reason of 3 to 500 characters that the log keeps.
// Errors: ErrInvalid, ErrNotFound, also when its content is not kept any more, ErrDenied, ErrIntegrity.
func (v *Vault) ShowMessage(ctx context.Context, a Actor, id MessageID, reason string) (*KeptMessage, error) {
	m, err := v.openMessage(ctx, a, actShowMessage, id, func(t *tx, _ bool) error {
		t.detail("reason", reason)
		return checkReason(reason)
	})
	if err == nil && m == nil {
		err = ErrNotFound
	}
	return m, err
}

// openMessage opens what is kept of a message; nil when it is settled and nothing is. also is asked in the transaction.
func (v *Vault) openMessage(ctx context.Context, a Actor, what act, id MessageID, also func(t *tx, settled bool) error) (*KeptMessage, error) {
	var m *KeptMessage
	var sealed []byte
	err := v.do(ctx, a, what, onMessage(id), func(t *tx) error {
		m = &KeptMessage{ID: id}
		var state string
		err := t.QueryRowContext(ctx, `SELECT sender, control_id, digest, event, peer, state, sealed FROM feed_messages WHERE id = $1`, id).
			Scan(&m.Sender, &m.ControlID, &m.Digest, &m.Event, &m.Peer, &state, &sealed)
		settled := errors.Is(err, sql.ErrNoRows) || state != "failed" && what == actOpenMessage || len(sealed) == 0
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("reading message: %w", err)
		}
		if settled {
			m = nil
		}
		return also(t, settled)
	})
	if err != nil || m == nil {
		return nil, err
	}
	key, err := v.inboxKey(ctx, v.db)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	if m.Content, err = seal.OpenSmall(key, sealed, v.inboxAAD(id)); err != nil {
		return nil, fmt.Errorf("%w: message: %w", ErrIntegrity, err)
	}
	return m, nil
}

// ForgetMessages forgets what was settled more than 30 days ago: content, and the rows by which a message that comes twice
// is known. It says nothing in the log when there is nothing to forget.
func (v *Vault) ForgetMessages(ctx context.Context, a Actor) error {
	var n int64
	err := v.quietly(ctx, a, actForgetMessages, object{Kind: "message"}, func(t *tx) error {
		return t.QueryRowContext(ctx, `SELECT count(*) FROM feed_messages WHERE settled_at < $1`, t.now-messagesKept.Milliseconds()).Scan(&n)
	})
	if err != nil || n == 0 {
		return err
	}
	return v.do(ctx, a, actForgetMessages, object{Kind: "message"}, func(t *tx) error {
		res, err := t.ExecContext(ctx, `DELETE FROM feed_messages WHERE settled_at < $1`, t.now-messagesKept.Milliseconds())
		if err != nil {
			return fmt.Errorf("forgetting messages: %w", err)
		}
		n, err := res.RowsAffected()
		t.detail("forgotten", fmt.Sprint(n))
		return err
	})
}

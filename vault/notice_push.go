package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// NoticeConfig says how notices leave the house. The zero value keeps them inside.
type NoticeConfig struct {
	// PushHosts are the push services (RFC 8030) that browsers may name, as host or host:port; "*.example.org" stands
	// for every name below it. A service is asked over https alone, but for a loopback address that is named with its
	// port, as tests do. Empty: no push messages.
	PushHosts []string
	// Contact is how the operator of a push service reaches whoever runs this vault: a mailto: or https: address (RFC 8292
	// section 2.1). Needed with PushHosts.
	Contact string
	// Mail says that mail can be sent.
	Mail bool
}

const (
	maxEndpoint      = 1024 // characters
	maxSubscriptions = 20   // of one person; the oldest makes room
)

// SubscriptionID names a browser that a person may be told on.
type SubscriptionID string

// PushSubscription is a browser that a person may be told on, as they see it. Stale: the vault's push key was replaced
// since, and the browser must be switched on again.
type PushSubscription struct {
	ID         SubscriptionID `json:"id"`
	Device     string         `json:"device"`
	Stale      bool           `json:"stale"`
	CreatedAt  Time           `json:"created_at"`
	LastSentAt Time           `json:"last_sent_at"`
}

// allows tells whether a browser may name this address as its push service: who chooses it chooses where this machine
// sends requests to.
func (c NoticeConfig) allows(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || len(endpoint) > maxEndpoint || u.User != nil || u.Fragment != "" || u.Opaque != "" || u.Hostname() == "" {
		return false
	}
	host := strings.ToLower(u.Host)
	ip := net.ParseIP(u.Hostname())
	loopback := ip != nil && ip.IsLoopback() && u.Port() != "" && slices.Contains(c.PushHosts, host)
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return false
	}
	return slices.ContainsFunc(c.PushHosts, func(allowed string) bool {
		below, every := strings.CutPrefix(allowed, "*")
		return host == allowed || every && strings.HasPrefix(below, ".") && strings.HasSuffix(host, below) && ip == nil
	})
}

// Subscribe notes that the actor may be told on the browser whose push service gave endpoint (RFC 8030 section 4), under
// the vault's push key of that epoch. The same browser again takes the place of what was there, whoever used it before.
// Errors: ErrInvalid for a service that this vault does not use, ErrConflict when the key was replaced meanwhile.
func (v *Vault) Subscribe(ctx context.Context, a Actor, endpoint string, epoch uint32) (SubscriptionID, error) {
	id := SubscriptionID(newID())
	err := v.do(ctx, a, actSubscribe, onPerson(a.person), func(t *tx) error {
		if !v.cfg.Notices.allows(endpoint) {
			return say(ErrInvalid, "This browser’s push service is not one that Clinivault may use here.")
		}
		newest, err := newestEpoch(ctx, t, keyPush)
		if err != nil || newest != epoch {
			return say(ErrConflict, "The key for push messages was replaced meanwhile. Load the page again.")
		}
		sum := sha256.Sum256([]byte(endpoint))
		device, err := deviceOf(ctx, t, a.session)
		if err != nil {
			return err
		}
		t.detail("subscription", string(id))
		return t.changes(ctx, "subscribing",
			change{`DELETE FROM push_subscriptions WHERE endpoint_hash = $1`, []any{hex.EncodeToString(sum[:])}},
			change{`INSERT INTO push_subscriptions (id, person, device, endpoint, endpoint_hash, epoch, created_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				[]any{id, a.person, device, endpoint, hex.EncodeToString(sum[:]), int64(epoch), t.now}},
			change{`DELETE FROM push_subscriptions WHERE person = $1 AND id NOT IN (SELECT s.id FROM push_subscriptions s
				WHERE s.person = $1 ORDER BY s.created_at DESC, s.id LIMIT $2)`, []any{a.person, maxSubscriptions}})
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// deviceOf is what a session's device is called.
func deviceOf(ctx context.Context, t *tx, id SessionID) (name string, err error) {
	if err := t.QueryRowContext(ctx, `SELECT device FROM sessions WHERE id = $1`, id).Scan(&name); err != nil {
		return "", fmt.Errorf("reading session: %w", absent(err))
	}
	return name, nil
}

// Unsubscribe forgets one of the actor's own browsers. Errors: ErrNotFound.
func (v *Vault) Unsubscribe(ctx context.Context, a Actor, id SubscriptionID) error {
	return v.do(ctx, a, actUnsubscribe, onPerson(a.person), func(t *tx) error {
		res, err := t.ExecContext(ctx, `DELETE FROM push_subscriptions WHERE id = $1 AND person = $2`, id, a.person)
		if err := oneRow(res, err, ErrNotFound); err != nil {
			return fmt.Errorf("forgetting browser: %w", err)
		}
		t.detail("subscription", string(id))
		return nil
	})
}

func subscriptions(ctx context.Context, t *tx, person PersonID) ([]PushSubscription, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (s PushSubscription, err error) {
		return s, rows.Scan(&s.ID, &s.Device, &s.CreatedAt, &s.LastSentAt, &s.Stale)
	}, `SELECT id, device, created_at, coalesce(last_sent_at, 0), epoch <> (SELECT coalesce(max(epoch), 0) FROM epoch_keys
		WHERE kind = 'push' AND retired_at IS NULL) FROM push_subscriptions WHERE person = $1 ORDER BY created_at DESC, id`, person)
	if err != nil {
		return nil, fmt.Errorf("reading browsers: %w", err)
	}
	return out, nil
}

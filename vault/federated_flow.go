package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

const (
	flowFor  = 10 * time.Minute // from the way to the provider to the way back
	maxFlows = 20_000           // under way at once; more are refused
	maxNext  = 2048             // bytes of the address to go on to
)

// FederatedFlow is a sign-in under way at the hospital's provider. State, Nonce, Verifier and Browser are secrets of 256
// bits; Browser is for the cookie that binds the flow to the browser that began it, and whose value of a flow before may
// be used again.
type FederatedFlow struct {
	State, Nonce, Verifier, Browser string
	Known                           string    // Door.Known at the beginning: that cookie does not come back from another site
	Next                            string    // path of ours to go on to
	Session                         SessionID // to be raised; empty: a new one
	BegunAt                         time.Time
}

// String keeps the secrets out of logs.
func (FederatedFlow) String() string { return "[redacted]" }

// GoString keeps the secrets out of logs.
func (FederatedFlow) GoString() string { return "[redacted]" }

// BeginFederated writes down a sign-in that begins at the provider, so that whichever node the browser comes back to
// can go on. browser is the cookie's value of a flow before, or empty. Errors: ErrInvalid, ErrUnavailable when very many
// are under way.
func (v *Vault) BeginFederated(ctx context.Context, browser, next string, d Door) (FederatedFlow, error) {
	door := Actor{kind: byStranger, remote: d.Remote, request: d.Request}
	return v.beginFederated(ctx, door, FederatedFlow{Browser: browser, Next: next, Known: d.Known})
}

// BeginFederatedRaise is BeginFederated for who is signed in and has to show again who they are.
func (v *Vault) BeginFederatedRaise(ctx context.Context, a Actor, browser, next string) (FederatedFlow, error) {
	return v.beginFederated(ctx, a, FederatedFlow{Browser: browser, Next: next, Session: a.session})
}

func (v *Vault) beginFederated(ctx context.Context, a Actor, flow FederatedFlow) (FederatedFlow, error) {
	flow.State, flow.Nonce, flow.Verifier, flow.BegunAt = secretText(), secretText(), secretText(), v.cfg.Now()
	if len(flow.Browser) != len(flow.State) {
		flow.Browser = secretText()
	}
	err := v.quietly(ctx, a, actFederatedBegin, onPerson(a.person), func(t *tx) error {
		if flow.Next == "" || len(flow.Next) > maxNext || len(flow.Known) > maxNext {
			return fmt.Errorf("beginning a sign-in: %w", ErrInvalid)
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM federated_flows WHERE expires_at <= $1`, t.now); err != nil {
			return fmt.Errorf("forgetting old sign-ins: %w", err)
		}
		var under int64
		if err := t.QueryRowContext(ctx, `SELECT count(*) FROM federated_flows`).Scan(&under); err != nil {
			return fmt.Errorf("counting sign-ins: %w", err)
		}
		if under >= maxFlows {
			return fmt.Errorf("too many sign-ins are under way: %w", ErrUnavailable)
		}
		_, err := t.ExecContext(ctx, `INSERT INTO federated_flows (state_hash, browser_hash, nonce, verifier, next, session, known, begun_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, flowHash(flow.State), flowHash(flow.Browser), flow.Nonce, flow.Verifier,
			flow.Next, flow.Session, flow.Known, t.now, t.now+flowFor.Milliseconds())
		if err != nil {
			return fmt.Errorf("beginning a sign-in: %w", err)
		}
		return nil
	})
	if err != nil {
		return FederatedFlow{}, err
	}
	return flow, nil
}

// TakeFederated gives back what BeginFederated wrote down, once, to the browser that began it. Errors: a
// *FederatedRefused with the cause "state" (unknown, over or used) or "browser".
func (v *Vault) TakeFederated(ctx context.Context, state, browser string, d Door) (FederatedFlow, error) {
	flow := FederatedFlow{State: state, Browser: browser}
	door := Actor{kind: byStranger, remote: d.Remote, request: d.Request}
	err := v.quietly(ctx, door, actFederatedTake, onPerson(""), func(t *tx) error {
		var begun int64
		err := t.QueryRowContext(ctx, `DELETE FROM federated_flows WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3
			RETURNING nonce, verifier, next, session, known, begun_at`, flowHash(state), flowHash(browser), t.now).
			Scan(&flow.Nonce, &flow.Verifier, &flow.Next, &flow.Session, &flow.Known, &begun)
		switch {
		case err == nil:
			flow.BegunAt = time.UnixMilli(begun)
			return nil
		case !errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("finding the sign-in: %w", err)
		}
		err = holds(ctx, t, `SELECT count(*) FROM federated_flows WHERE state_hash = $1 AND expires_at > $2`, flowHash(state), t.now)
		switch {
		case err == nil:
			return t.refusedFederated("browser")
		case errors.Is(err, ErrNotFound):
			return t.refusedFederated("state")
		}
		return err
	})
	if err != nil {
		return FederatedFlow{}, err
	}
	return flow, nil
}

// secretText is 256 random bits as 43 characters, as many as a PKCE verifier has at least (RFC 7636 section 4.1).
func secretText() string {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func flowHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

package vault

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
)

// A hospital's directory says who works there (SCIM 2.0, RFC 7644). It is known by a token, may touch people and groups
// and nothing else, and never sees a patient. What its groups mean here, admins say in the group map; a group that
// nobody mapped means nothing. Local emergency accounts are not the directory's: it is told of no such person, so that
// a directory that is down, or taken over, cannot shut everybody out.

// Provisioner is a directory that may bring people in.
type Provisioner struct {
	ID        ProvisionerID `json:"id"`
	Name      string        `json:"name"`
	CreatedAt Time          `json:"created_at"`
	SeenAt    Time          `json:"seen_at"`
	EndedAt   Time          `json:"ended_at"`
}

// ProvisionerToken opens the provisioning calls to its bearer. It prints as [redacted]; Reveal is the only way to it.
type ProvisionerToken struct{ text string }

// Reveal gives the token itself, to hand it over once.
func (t ProvisionerToken) Reveal() string { return t.text }

func (ProvisionerToken) String() string   { return "[redacted]" }
func (ProvisionerToken) GoString() string { return "[redacted]" }

// LogValue keeps it out of logs.
func (ProvisionerToken) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// provisionerMark begins each token, so that one that lies about can be recognised for what it is.
const provisionerMark = "clinivault-scim-"

// AddProvisioner lets a directory in, under a name of 1 to 80 characters, and gives its token, of which only the
// SHA-256 is kept. Errors: ErrInvalid, ErrConflict when the name is taken, ErrDenied.
func (v *Vault) AddProvisioner(ctx context.Context, a Actor, name string) (ProvisionerID, ProvisionerToken, error) {
	raw := make([]byte, tokenSize)
	rand.Read(raw) // never fails (crypto/rand)
	token := ProvisionerToken{provisionerMark + base64.RawURLEncoding.EncodeToString(raw)}
	id := ProvisionerID(newID())
	err := v.do(ctx, a, actAddProvisioner, object{Kind: "scim_client", ID: string(id)}, func(t *tx) error {
		if !isLine(name, 80) {
			return say(ErrInvalid, "A directory needs a name of at most 80 characters.")
		}
		res, err := t.ExecContext(ctx, `INSERT INTO scim_clients (id, name, token_hash, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name) DO NOTHING`, id, name, tokenHash(token.text), t.now)
		if err := oneRow(res, err, say(ErrConflict, "There was a directory of this name already; give another name.")); err != nil {
			return fmt.Errorf("adding directory: %w", err)
		}
		return nil
	})
	if err != nil {
		return "", ProvisionerToken{}, err
	}
	return id, token, nil
}

// EndProvisioner takes a directory's token away, at once. The people it brought in stay. Errors: ErrNotFound, ErrDenied.
func (v *Vault) EndProvisioner(ctx context.Context, a Actor, id ProvisionerID) error {
	return v.do(ctx, a, actEndProvisioner, object{Kind: "scim_client", ID: string(id)}, func(t *tx) error {
		err := exactlyOne(ctx, t, "ending directory", `UPDATE scim_clients SET ended_at = $1 WHERE id = $2
			AND ended_at IS NULL`, t.now, id)
		if errors.Is(err, ErrConflict) {
			return ErrNotFound
		}
		return err
	})
}

// Provisioners lists the directories, those that were ended too. Errors: ErrDenied.
func (v *Vault) Provisioners(ctx context.Context, a Actor) (out []Provisioner, err error) {
	err = v.do(ctx, a, actProvisioners, object{Kind: "scim_client"}, func(t *tx) error {
		out, err = list(ctx, t, func(rows *sql.Rows) (p Provisioner, err error) {
			return p, rows.Scan(&p.ID, &p.Name, &p.CreatedAt, &p.SeenAt, &p.EndedAt)
		}, `SELECT id, name, created_at, seen_at, coalesce(ended_at, 0) FROM scim_clients ORDER BY name`)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// AuthenticateProvisioner finds the directory behind a token. It writes no event; each act that follows writes its own
// and looks again whether the token holds. Errors: ErrUnauthenticated, for whatever reason.
func (v *Vault) AuthenticateProvisioner(ctx context.Context, token string) (Actor, error) {
	a := Actor{kind: byProvisioner}
	var seen int64
	err := v.db.QueryRowContext(ctx, `SELECT id, name, seen_at FROM scim_clients WHERE token_hash = $1 AND ended_at IS NULL`,
		tokenHash(token)).Scan(&a.client, &a.name, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return Actor{}, ErrUnauthenticated
	}
	if err != nil {
		return Actor{}, dbError(fmt.Errorf("finding directory: %w", err))
	}
	if now := v.now(); now-seen >= seenEvery.Milliseconds() {
		err := v.retry(ctx, false, func(t *tx) error {
			_, err := t.ExecContext(ctx, `UPDATE scim_clients SET seen_at = $1 WHERE id = $2 AND seen_at < $1`, now, a.client)
			return err
		})
		if err != nil {
			return Actor{}, fmt.Errorf("noting the directory's use: %w", err)
		}
	}
	return a, nil
}

// provisionerLives is AuthenticateProvisioner's check again, inside the transaction that acts.
func provisionerLives(ctx context.Context, t *tx, a Actor) error {
	err := holds(ctx, t, `SELECT count(*) FROM scim_clients WHERE id = $1 AND ended_at IS NULL`, a.client)
	if errors.Is(err, ErrNotFound) {
		return ErrUnauthenticated
	}
	return err
}

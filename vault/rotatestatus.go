package vault

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/clinivault/clinivault/vault/seal"
)

// KeyStatus is where the vault's keys stand, for an operator. It holds no key.
type KeyStatus struct {
	Root      RootStatus     `json:"root"`
	Epochs    []EpochStatus  `json:"epochs"` // newest first of each kind
	Patients  int64          `json:"patients"`
	Rotations []RotationWork `json:"rotations"` // newest first, at most 20
}

// RootStatus is the root key as the key service has it, and what is wrapped
// under which version.
type RootStatus struct {
	Oldest   uint32        `json:"oldest"`
	Newest   uint32        `json:"newest"`
	Versions []RootVersion `json:"versions"`
}

// Unused reports whether older versions are there that nothing needs.
func (r RootStatus) Unused() bool {
	return r.Oldest < r.Newest && len(r.Versions) == 1 && r.Versions[0].Version == r.Newest
}

// RootVersion counts the keys under one version of the root key.
type RootVersion struct {
	Version uint32 `json:"version"`
	Keys    int64  `json:"keys"`
}

// EpochStatus is one key of the vault itself. Waiting counts the kept envelopes
// that only this intake key opens.
type EpochStatus struct {
	Kind        string `json:"kind"`
	Epoch       uint32 `json:"epoch"`
	KeyID       string `json:"key_id"`
	CreatedAt   Time   `json:"created_at"`
	RetiredAt   Time   `json:"retired_at"`
	DestroyedAt Time   `json:"destroyed_at"`
	Waiting     int64  `json:"waiting"`
}

// RotationWork is one rotation of many keys, finished or not.
type RotationWork struct {
	Kind       string `json:"kind"`
	Done       int64  `json:"done"`
	Total      int64  `json:"total"`
	StartedAt  Time   `json:"started_at"`
	FinishedAt Time   `json:"finished_at"`
}

// KeysStatus says where the vault's keys stand. Errors: ErrDenied,
// ErrUnavailable when the key service does not answer.
func (v *Vault) KeysStatus(ctx context.Context, a Actor) (KeyStatus, error) {
	oldest, newest, asked := v.cfg.KMS.Versions(ctx)
	var out KeyStatus
	err := v.do(ctx, a, actKeyStatus, object{Kind: "key"}, func(t *tx) (err error) {
		if asked != nil {
			return fmt.Errorf("asking the key service: %w", asked)
		}
		out = KeyStatus{Root: RootStatus{Oldest: oldest, Newest: newest}}
		if out.Root.Versions, err = rootVersions(ctx, t); err != nil {
			return fmt.Errorf("counting keys: %w", err)
		}
		if out.Epochs, err = epochs(ctx, t); err != nil {
			return fmt.Errorf("reading keys: %w", err)
		}
		if out.Rotations, err = rotations(ctx, t); err != nil {
			return fmt.Errorf("reading rotations: %w", err)
		}
		return t.QueryRowContext(ctx, `SELECT count(*) FROM patients WHERE wrapped_key IS NOT NULL`).Scan(&out.Patients)
	})
	if err != nil {
		return KeyStatus{}, err
	}
	return out, nil
}

func rootVersions(ctx context.Context, q querier) ([]RootVersion, error) {
	return list(ctx, q, func(rows *sql.Rows) (r RootVersion, err error) { return r, rows.Scan(&r.Version, &r.Keys) },
		`SELECT root_version, count(*) FROM (SELECT root_version FROM patients WHERE wrapped_key IS NOT NULL
		UNION ALL SELECT root_version FROM epoch_keys UNION ALL SELECT root_version FROM totp_secrets) AS under GROUP BY root_version ORDER BY root_version`)
}

func epochs(ctx context.Context, q querier) ([]EpochStatus, error) {
	return list(ctx, q, func(rows *sql.Rows) (e EpochStatus, err error) {
		var public []byte
		err = rows.Scan(&e.Kind, &e.Epoch, &public, &e.CreatedAt, &e.RetiredAt, &e.DestroyedAt, &e.Waiting)
		e.KeyID = seal.KeyID(public)
		return e, err
	}, `SELECT e.kind, e.epoch, e.public_key, e.created_at, COALESCE(e.retired_at, 0), COALESCE(e.destroyed_at, 0),
		(SELECT count(*) FROM photos f WHERE e.kind = 'intake' AND f.envelope_blob IS NOT NULL
		AND (f.intake_epoch = e.epoch OR f.intake_epoch = 0)) FROM epoch_keys e ORDER BY e.kind, e.epoch DESC`)
}

func rotations(ctx context.Context, q querier) ([]RotationWork, error) {
	return list(ctx, q, func(rows *sql.Rows) (r RotationWork, err error) {
		return r, rows.Scan(&r.Kind, &r.Done, &r.Total, &r.StartedAt, &r.FinishedAt)
	}, `SELECT kind, done, total, started_at, COALESCE(finished_at, 0) FROM key_rotations WHERE kind <> 'forget'
		ORDER BY started_at DESC, id LIMIT 20`)
}

package vault

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/vault/seal"
)

// A private key of the vault is sealed under a key of its own, which the root
// key wraps: u16 length ‖ wrapped key ‖ sealed private key, both bound to
// tenant, kind and epoch. So the KMS only ever wraps 32-byte keys.

// intakePrivate returns the intake key of an epoch; seal.ErrEpoch when there is
// none. Another node may have begun an epoch, so the database is asked too.
func (v *Vault) intakePrivate(ctx context.Context, epoch uint32) (*seal.IntakePrivate, error) {
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	if key, ok := v.keys.intake[epoch]; ok {
		return key, nil
	}
	private, err := v.readEpochKey(ctx, keyIntake, epoch)
	if errors.Is(err, ErrNotFound) {
		return nil, seal.ErrEpoch
	}
	if err != nil {
		return nil, err
	}
	if err := v.keys.hold(keyIntake, epoch, private); err != nil {
		return nil, err
	}
	return v.keys.intake[epoch], nil
}

// epochKey reads the newest key of a kind; ErrNotFound when there is none.
func (v *Vault) epochKey(ctx context.Context, kind string) (epoch uint32, private []byte, err error) {
	err = v.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(epoch), 0) FROM epoch_keys WHERE kind = $1 AND retired_at IS NULL`,
		kind).Scan(&epoch)
	if err != nil {
		return 0, nil, dbError(fmt.Errorf("reading keys: %w", err))
	}
	if epoch == 0 {
		return 0, nil, ErrNotFound
	}
	private, err = v.readEpochKey(ctx, kind, epoch)
	return epoch, private, err
}

// readEpochKey unwraps one private key. A root key that does not fit is said so
// in words an operator can act on.
func (v *Vault) readEpochKey(ctx context.Context, kind string, epoch uint32) ([]byte, error) {
	var stored []byte
	var root int64
	err := v.db.QueryRowContext(ctx, `SELECT wrapped_private, root_version FROM epoch_keys WHERE kind = $1 AND epoch = $2`,
		kind, int64(epoch)).Scan(&stored, &root)
	if err != nil {
		return nil, dbError(fmt.Errorf("reading key: %w", absent(err)))
	}
	if len(stored) < 2 || len(stored) < 2+int(binary.BigEndian.Uint16(stored)) {
		return nil, fmt.Errorf("stored key: %w", ErrIntegrity)
	}
	cut := 2 + int(binary.BigEndian.Uint16(stored))
	aad := v.epochAAD(kind, epoch)
	key, err := v.cfg.KMS.Unwrap(ctx, stored[2:cut], uint32(root), aad)
	if errors.Is(err, ErrIntegrity) {
		return nil, fmt.Errorf("the root key does not belong to this database (or the tenant differs): %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("unwrapping: %w", err)
	}
	defer key.Wipe()
	private, err := seal.OpenSmall(key, stored[cut:], aad)
	if err != nil {
		return nil, fmt.Errorf("stored key: %w", ErrIntegrity)
	}
	return private, nil
}

// makeEpochKey makes and stores a pair, unless another node was faster, or may
// refuses in the same transaction.
func (v *Vault) makeEpochKey(ctx context.Context, kind string, epoch uint32, may func(*tx) error) error {
	public, private, err := newEpochKey(kind, epoch)
	if err != nil {
		return fmt.Errorf("making key: %w", err)
	}
	defer clear(private)
	aad := v.epochAAD(kind, epoch)
	key := seal.NewKey()
	defer key.Wipe()
	wrapped, root, err := v.cfg.KMS.Wrap(ctx, key, aad)
	if err != nil {
		return fmt.Errorf("wrapping: %w", err)
	}
	stored := binary.BigEndian.AppendUint16(nil, uint16(len(wrapped)))
	stored = append(stored, wrapped...)
	stored = append(stored, seal.SealSmall(key, private, aad)...)
	entry := logEntry{Act: "key.make", Actor: byOperator, ObjectKind: "key", Object: fmt.Sprintf("%s:%d", kind, epoch)}
	return v.retry(ctx, true, func(t *tx) error {
		if err := may(t); err != nil {
			return err
		}
		res, err := t.ExecContext(ctx, `INSERT INTO epoch_keys (kind, epoch, public_key, wrapped_private, root_version, created_at)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, epoch) DO NOTHING`,
			kind, int64(epoch), public, stored, int64(root), t.now)
		if err != nil {
			return fmt.Errorf("storing key: %w", err)
		}
		made, err := res.RowsAffected()
		if err != nil || made == 0 {
			return err
		}
		return t.event(ctx, entry)
	})
}

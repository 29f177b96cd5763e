package vault

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/clinivault/clinivault/vault/seal"
)

// A private key of the vault is sealed under a key of its own, which the root
// key wraps: u16 length ‖ wrapped key ‖ sealed private key, both bound to
// tenant, kind and epoch. So the KMS only ever wraps 32-byte keys. When the
// private key is destroyed, the public key stands sealed in its place, in the
// same way and bound to another domain.

// epochAAD is what the stored form of a key is bound to.
func (v *Vault) epochAAD(id epochID, destroyed bool) []byte {
	domain := epochKeyDomain
	if destroyed {
		domain = epochPublicDomain
	}
	return bindText(domain, v.cfg.Tenant, id.kind, strconv.FormatUint(uint64(id.epoch), 10))
}

func scanOne[T any](rows *sql.Rows) (one T, err error) { return one, rows.Scan(&one) }

// newestEpoch is the epoch of a kind that is in use; ErrNotFound when there is none.
func newestEpoch(ctx context.Context, q querier, kind string) (uint32, error) {
	var epoch int64
	err := q.QueryRowContext(ctx, `SELECT COALESCE(MAX(epoch), 0) FROM epoch_keys WHERE kind = $1 AND retired_at IS NULL`,
		kind).Scan(&epoch)
	if err != nil {
		return 0, fmt.Errorf("reading keys: %w", err)
	}
	if epoch == 0 {
		return 0, ErrNotFound
	}
	return uint32(epoch), nil
}

// epochAlive tells whether a key is there and not destroyed.
func epochAlive(ctx context.Context, q querier, id epochID) (bool, error) {
	var n int
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM epoch_keys WHERE kind = $1 AND epoch = $2 AND destroyed_at IS NULL`,
		id.kind, int64(id.epoch)).Scan(&n)
	return n == 1, err
}

// intakeOpens refuses a capture whose intake key is gone: it could be kept, and never be opened.
func (t *tx) intakeOpens(ctx context.Context, epoch uint32) error {
	alive, err := epochAlive(ctx, t, epochID{keyIntake, epoch})
	if err == nil && !alive {
		return envelopeError(seal.ErrEpoch)
	}
	return err
}

// sealedEpoch is the stored form of a key before or after its way through the KMS.
type sealedEpoch struct {
	id        epochID
	stored    []byte
	root      uint32
	destroyed bool // what is sealed is the public half
}

// split cuts the stored form into the wrapped key and the sealed half.
func (s sealedEpoch) split() (wrapped, half []byte, err error) {
	if len(s.stored) < 2 || len(s.stored) < 2+int(binary.BigEndian.Uint16(s.stored)) {
		return nil, nil, fmt.Errorf("stored key: %w", ErrIntegrity)
	}
	cut := 2 + int(binary.BigEndian.Uint16(s.stored))
	return s.stored[2:cut], s.stored[cut:], nil
}

// findEpoch reads the stored form of one key; ErrNotFound when there is none.
func findEpoch(ctx context.Context, q querier, id epochID) (sealedEpoch, error) {
	s := sealedEpoch{id: id}
	var root int64
	err := q.QueryRowContext(ctx, `SELECT wrapped_private, root_version, destroyed_at IS NOT NULL FROM epoch_keys
		WHERE kind = $1 AND epoch = $2`, id.kind, int64(id.epoch)).Scan(&s.stored, &root, &s.destroyed)
	if err != nil {
		return s, dbError(fmt.Errorf("reading key: %w", absent(err)))
	}
	s.root = uint32(root)
	return s, nil
}

// readEpochKey opens one key: its private half, or what is left when that is
// destroyed, its public half. A root key that does not fit is said so in words
// an operator can act on.
func (v *Vault) readEpochKey(ctx context.Context, q querier, id epochID) (half []byte, destroyed bool, err error) {
	s, err := findEpoch(ctx, q, id)
	if err != nil {
		return nil, false, err
	}
	key, err := v.unwrapEpoch(ctx, s)
	if err != nil {
		return nil, false, err
	}
	defer key.Wipe()
	_, sealed, err := s.split()
	if err != nil {
		return nil, false, err
	}
	half, err = seal.OpenSmall(key, sealed, v.epochAAD(id, s.destroyed))
	if err != nil {
		return nil, false, fmt.Errorf("stored key: %w", ErrIntegrity)
	}
	return half, s.destroyed, nil
}

func (v *Vault) unwrapEpoch(ctx context.Context, s sealedEpoch) (seal.Key, error) {
	wrapped, _, err := s.split()
	if err != nil {
		return seal.Key{}, err
	}
	key, err := v.cfg.KMS.Unwrap(ctx, wrapped, s.root, v.epochAAD(s.id, s.destroyed))
	switch {
	case errors.Is(err, ErrIntegrity):
		return seal.Key{}, fmt.Errorf("the root key does not belong to this database (or the tenant differs): %w", err)
	case errors.Is(err, ErrNotFound):
		return seal.Key{}, rootAway(s.root)
	case err != nil:
		return seal.Key{}, fmt.Errorf("unwrapping: %w", err)
	}
	return key, nil
}

// sealEpoch puts one half of a key into its stored form.
func (v *Vault) sealEpoch(ctx context.Context, id epochID, half []byte, destroyed bool) (sealedEpoch, error) {
	aad := v.epochAAD(id, destroyed)
	key := seal.NewKey()
	defer key.Wipe()
	wrapped, root, err := v.cfg.KMS.Wrap(ctx, key, aad)
	if err != nil {
		return sealedEpoch{}, fmt.Errorf("wrapping: %w", err)
	}
	return sealedEpoch{id, storedEpoch(wrapped, seal.SealSmall(key, half, aad)), root, destroyed}, nil
}

func storedEpoch(wrapped, half []byte) []byte {
	return append(append(binary.BigEndian.AppendUint16(nil, uint16(len(wrapped))), wrapped...), half...)
}

// freshEpoch is a new pair whose private half is sealed already.
type freshEpoch struct {
	sealedEpoch
	public, private []byte // clear private after use
}

func (v *Vault) makeEpoch(ctx context.Context, id epochID) (freshEpoch, error) {
	fresh := newEpochKey
	if id.kind == keyDevice {
		fresh = func(_ string, epoch uint32) ([]byte, []byte, error) { return v.newDeviceCA(epoch) }
	}
	public, private, err := fresh(id.kind, id.epoch)
	if err != nil {
		return freshEpoch{}, fmt.Errorf("making key: %w", err)
	}
	s, err := v.sealEpoch(ctx, id, private, false)
	if err != nil {
		clear(private)
		return freshEpoch{}, err
	}
	return freshEpoch{s, public, private}, nil
}

// insertEpoch writes a new pair's row, unless another node was faster: then it answers false.
func (t *tx) insertEpoch(ctx context.Context, f freshEpoch) (bool, error) {
	if err := t.rootStands(ctx, f.root); err != nil {
		return false, err
	}
	res, err := t.ExecContext(ctx, `INSERT INTO epoch_keys (kind, epoch, public_key, wrapped_private, root_version, created_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, epoch) DO NOTHING`,
		f.id.kind, int64(f.id.epoch), f.public, f.stored, int64(f.root), t.now)
	if err != nil {
		return false, fmt.Errorf("storing key: %w", err)
	}
	made, err := res.RowsAffected()
	return made == 1, err
}

// firstKey makes the first key of a kind, unless another node was faster, in a database in which nothing but the
// making of keys has happened.
func (v *Vault) firstKey(ctx context.Context, kind string) error {
	fresh, err := v.makeEpoch(ctx, epochID{kind, 1})
	if err != nil {
		return err
	}
	defer clear(fresh.private)
	entry := logEntry{Act: string(actMakeKey), Actor: byOperator, ObjectKind: "key", Object: fresh.id.String()}
	return v.retry(ctx, true, func(t *tx) error {
		var acts, keys int64
		err := t.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM audit_events WHERE act <> $2),
			(SELECT count(*) FROM epoch_keys WHERE kind = $1)`, kind, string(actMakeKey)).Scan(&acts, &keys)
		if err != nil {
			return err
		}
		if acts > 0 && keys == 0 {
			return fmt.Errorf("the database holds a history but has lost this key, restore it from its backup: %w", ErrIntegrity)
		}
		made, err := t.insertEpoch(ctx, fresh)
		if err != nil || !made {
			return err
		}
		return t.event(ctx, entry)
	})
}

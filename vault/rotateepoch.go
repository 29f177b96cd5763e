package vault

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// DefaultIntakeGrace is how long after its end an intake epoch still opens what
// devices had queued under it.
const DefaultIntakeGrace = 30 * 24 * time.Hour

// rotateEpoch begins a new epoch of one of the vault's own keys.
func (v *Vault) rotateEpoch(ctx context.Context, a Actor, kind string) (RotationProgress, error) {
	var now uint32
	err := v.quietly(ctx, a, actRotateKey, object{Kind: "key", ID: kind}, func(t *tx) (err error) {
		now, err = newestEpoch(ctx, t, kind)
		return err
	})
	if err != nil {
		return RotationProgress{}, err
	}
	old := epochID{kind, now}
	public, err := v.sealedPublic(ctx, old)
	if err != nil {
		return RotationProgress{}, err
	}
	fresh, err := v.makeEpoch(ctx, epochID{kind, now + 1})
	if err != nil {
		return RotationProgress{}, err
	}
	defer clear(fresh.private)
	err = v.do(ctx, a, actRotateKey, object{Kind: "key", ID: fresh.id.String()}, func(t *tx) error {
		return v.succeed(ctx, t, public, fresh)
	})
	if err != nil {
		return RotationProgress{}, err
	}
	if err := v.keys.hold(fresh.id, fresh.private); err != nil {
		return RotationProgress{}, err
	}
	v.keys.forgetSigner(old)
	return RotationProgress{Kind: kind, Done: 1, Total: 1}, nil
}

// sealedPublic is what stands in the place of a signing key's private half when
// that is destroyed. An intake key is not destroyed at once, and nobody needs
// its public half afterwards.
func (v *Vault) sealedPublic(ctx context.Context, id epochID) (sealedEpoch, error) {
	if id.kind == keyIntake {
		return sealedEpoch{id: id}, nil
	}
	if id.kind == keyDevice {
		ca, err := v.signingDeviceCA(ctx, v.db)
		if err != nil {
			return sealedEpoch{}, dbError(err)
		}
		return v.sealEpoch(ctx, id, ca.cert.Raw, true)
	}
	pub, err := v.publicHalf(ctx, v.db, id, nil)
	if err != nil {
		return sealedEpoch{}, dbError(err)
	}
	return v.sealEpoch(ctx, id, pub.Key, true)
}

// succeed puts fresh in the place of old, in one transaction.
func (v *Vault) succeed(ctx context.Context, t *tx, old sealedEpoch, fresh freshEpoch) error {
	now, err := newestEpoch(ctx, t, old.id.kind)
	if err != nil {
		return err
	}
	if now != old.id.epoch {
		return fmt.Errorf("another process has begun an epoch of this key: %w", ErrConflict)
	}
	if old.id.kind == keyLog { // while the old key still is the newest
		if err := t.handOverLog(ctx, fresh.id.epoch, ed25519.NewKeyFromSeed(fresh.private)); err != nil {
			return err
		}
	}
	if made, err := t.insertEpoch(ctx, fresh); err != nil || !made {
		return errors.Join(fmt.Errorf("beginning an epoch: %w", ErrConflict), err)
	}
	if err := exactlyOne(ctx, t, "retiring key", `UPDATE epoch_keys SET retired_at = $1 WHERE kind = $2 AND epoch = $3
		AND retired_at IS NULL`, t.now, old.id.kind, int64(old.id.epoch)); err != nil {
		return err
	}
	t.detail("retired", old.id.String())
	if old.id.kind == keyIntake {
		return nil
	}
	return t.destroyEpoch(ctx, old)
}

// destroyEpoch puts the sealed public half in the place of a private half.
func (t *tx) destroyEpoch(ctx context.Context, s sealedEpoch) error {
	if err := t.rootStands(ctx, s.root); err != nil {
		return err
	}
	return exactlyOne(ctx, t, "destroying key", `UPDATE epoch_keys SET wrapped_private = $1, root_version = $2, destroyed_at = $3
		WHERE kind = $4 AND epoch = $5 AND destroyed_at IS NULL`, s.stored, int64(s.root), t.now, s.id.kind, int64(s.id.epoch))
}

// DestroyRetiredKeys destroys the private halves of intake epochs that ended
// longer ago than the grace for devices that were offline, and to which no kept
// envelope is sealed any more. It is run now and then. What a device still has
// queued under such an epoch is refused from then on and cannot be opened by
// anybody.
func (v *Vault) DestroyRetiredKeys(ctx context.Context, a Actor) error {
	var due []epochID
	err := v.quietly(ctx, a, actDestroyKeys, object{Kind: "key", ID: keyIntake}, func(t *tx) (err error) {
		due, err = v.retiredIntake(ctx, t)
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range due {
		errs = append(errs, v.destroyIntake(ctx, a, id))
	}
	return errors.Join(errs...)
}

// retiredIntake are the intake epochs that may be destroyed now.
func (v *Vault) retiredIntake(ctx context.Context, t *tx) ([]epochID, error) {
	epochs, err := list(ctx, t, scanOne[int64], `SELECT e.epoch FROM epoch_keys e WHERE e.kind = $1 AND e.destroyed_at IS NULL
		AND e.retired_at <= $2 AND NOT EXISTS (SELECT 1 FROM photos f WHERE f.envelope_blob IS NOT NULL
		AND (f.intake_epoch = e.epoch OR f.intake_epoch = 0))`, keyIntake, t.now-v.cfg.IntakeGrace.Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	ids := make([]epochID, len(epochs))
	for i, e := range epochs {
		ids[i] = epochID{keyIntake, uint32(e)}
	}
	return ids, nil
}

func (v *Vault) destroyIntake(ctx context.Context, a Actor, id epochID) error {
	nothing, err := v.sealEpoch(ctx, id, nil, true)
	if err != nil {
		return err
	}
	err = v.do(ctx, a, actDestroyKeys, object{Kind: "key", ID: id.String()}, func(t *tx) error {
		due, err := v.retiredIntake(ctx, t)
		if err != nil {
			return err
		}
		for _, d := range due {
			if d == id {
				return t.destroyEpoch(ctx, nothing)
			}
		}
		return fmt.Errorf("intake epoch %s is in use: %w", strconv.FormatUint(uint64(id.epoch), 10), ErrConflict)
	})
	if err == nil {
		v.keys.forgetIntake(id.epoch)
	}
	return err
}

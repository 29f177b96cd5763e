package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/clinivault/clinivault/vault/seal"
)

const (
	wrapBatch   = 500 // patient keys in one transaction
	wrapAtOnce  = 50  // of them in one statement
	wrapWorkers = 8   // calls to the key service at once
)

// wrapped is a key under the root key: that of a patient, or of an epoch.
type wrapped struct {
	id   string // of the patient
	key  []byte
	root uint32
	aad  []byte
	anew []byte // under the newest version; nil when it does not open
}

// rotateRoot makes a new version of the root key and wraps anew what an older
// one wraps. An unfinished rotation is gone on with; its version is made only
// once.
func (v *Vault) rotateRoot(ctx context.Context, a Actor, progress func(RotationProgress)) (RotationProgress, error) {
	_, newest, err := v.cfg.KMS.Versions(ctx)
	if err != nil {
		return RotationProgress{}, fmt.Errorf("asking the key service: %w", err)
	}
	if err := v.rootNewEnough(ctx, a, newest); err != nil {
		return RotationProgress{}, err
	}
	w, err := v.beginWork(ctx, a, RotateRoot, func(t *tx) (w work, err error) {
		w = work{from: newest, to: newest + 1}
		err = t.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM patients WHERE wrapped_key IS NOT NULL)
			+ (SELECT count(*) FROM epoch_keys) + (SELECT count(*) FROM totp_secrets)`).Scan(&w.total)
		return w, err
	})
	if err != nil {
		return RotationProgress{}, err
	}
	if newest <= w.from { // not made yet, also when a run before this one ended here
		if newest, err = v.cfg.KMS.Rotate(ctx); err != nil {
			return w.progress(), fmt.Errorf("making a version of the root key: %w", err)
		}
	}
	left, err := v.rewrapEpochs(ctx, a, &w, newest)
	if err != nil {
		return w.progress(), err
	}
	for _, rewrap := range []func(context.Context, Actor, *work, uint32, func(RotationProgress)) (int64, error){
		v.rewrapSecrets, v.rewrapPatients,
	} {
		more, err := rewrap(ctx, a, &w, newest, reporter(progress))
		if err != nil {
			return w.progress(), err
		}
		left += more
	}
	if err := v.finishWork(ctx, a, &w, left); err != nil {
		return w.progress(), err
	}
	p := w.progress()
	if p.Left = left; left > 0 {
		return p, fmt.Errorf("%d keys do not open and were left as they are: %w", left, ErrIntegrity)
	}
	return p, nil
}

// rootNewEnough refuses a root key that is older than what is wrapped under it: an old copy of the key file would give
// the number of a version that is in use to another key.
func (v *Vault) rootNewEnough(ctx context.Context, a Actor, newest uint32) error {
	var used int64
	err := v.quietly(ctx, a, actRotateKey, object{Kind: "key", ID: RotateRoot}, func(t *tx) error {
		return t.QueryRowContext(ctx, `SELECT coalesce(max(used), 0) FROM (SELECT max(root_version) AS used FROM patients
			WHERE wrapped_key IS NOT NULL UNION ALL SELECT max(root_version) FROM epoch_keys
			UNION ALL SELECT max(root_version) FROM totp_secrets) AS all_kinds`).Scan(&used)
	})
	if err == nil && used > int64(newest) {
		err = rootAway(uint32(used))
	}
	return err
}

// rewrapPatients wraps patient keys anew until none is left under another
// version: a patient may be added under the old one while this runs.
func (v *Vault) rewrapPatients(ctx context.Context, a Actor, w *work, newest uint32, progress func(RotationProgress)) (left int64, err error) {
	for last := w.last; ; {
		batch, err := v.olderKeys(ctx, a, newest, last)
		if err != nil {
			return left, err
		}
		if len(batch) == 0 && last == "" {
			return left, nil
		}
		if len(batch) == 0 { // from the start again, for those that came behind
			if last = ""; left > 0 {
				return left, nil
			}
			continue
		}
		if err := v.wrapAnew(ctx, batch, newest); err != nil {
			return left, err
		}
		changed, bad, err := v.storeAnew(ctx, a, w, batch, newest)
		if err != nil {
			return left, err
		}
		last, w.done, left = batch[len(batch)-1].id, w.done+changed, left+bad
		progress(w.progress())
	}
}

// olderKeys are the next patients whose keys are under another version.
func (v *Vault) olderKeys(ctx context.Context, a Actor, newest uint32, after string) (batch []wrapped, err error) {
	err = v.quietly(ctx, a, actRotateKey, object{Kind: "key", ID: RotateRoot}, func(t *tx) (err error) {
		batch, err = list(ctx, t, func(rows *sql.Rows) (k wrapped, err error) {
			return k, rows.Scan(&k.id, &k.key, &k.root)
		}, `SELECT id, wrapped_key, root_version FROM patients WHERE wrapped_key IS NOT NULL AND root_version <> $1 AND id > $2
			ORDER BY id LIMIT $3`, int64(newest), after, wrapBatch)
		if err != nil {
			return fmt.Errorf("reading patient keys: %w", err)
		}
		return nil
	})
	for i := range batch {
		batch[i].aad = v.patientAAD(PatientID(batch[i].id))
	}
	return batch, err
}

// wrapAnew asks the key service outside any transaction, several at once. A key
// that does not open keeps no successor; a service that does not answer is an error.
func (v *Vault) wrapAnew(ctx context.Context, batch []wrapped, newest uint32) error {
	next := make(chan *wrapped)
	var all sync.WaitGroup
	errs := make([]error, wrapWorkers)
	for i := range errs {
		all.Go(func() {
			for k := range next {
				if errs[i] == nil {
					errs[i] = v.wrapOne(ctx, k, newest)
				}
			}
		})
	}
	for i := range batch {
		next <- &batch[i]
	}
	close(next)
	all.Wait()
	return errors.Join(errs...)
}

func (v *Vault) wrapOne(ctx context.Context, k *wrapped, newest uint32) error {
	key, err := v.cfg.KMS.Unwrap(ctx, k.key, k.root, k.aad)
	if errors.Is(err, ErrIntegrity) || errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unwrapping: %w", err)
	}
	defer key.Wipe()
	anew, version, err := v.cfg.KMS.Wrap(ctx, key, k.aad)
	if err != nil {
		return fmt.Errorf("wrapping: %w", err)
	}
	if version != newest {
		return fmt.Errorf("the root key was rotated by another meanwhile: %w", ErrConflict)
	}
	k.anew = anew
	return nil
}

// storeAnew writes one batch. A key that was changed or destroyed meanwhile is
// left alone.
func (v *Vault) storeAnew(ctx context.Context, a Actor, w *work, batch []wrapped, newest uint32) (changed, bad int64, err error) {
	err = v.do(ctx, a, actRotateKey, object{Kind: "key", ID: RotateRoot}, func(t *tx) error {
		changed, bad = 0, 0
		for _, k := range batch {
			if k.anew == nil {
				bad++
			}
		}
		for some := range slices.Chunk(batch, wrapAtOnce) {
			n, err := t.rewrap(ctx, some, newest)
			if err != nil {
				return fmt.Errorf("writing patient keys: %w", err)
			}
			changed += n
		}
		t.detail("step", "patients")
		t.detail("version", strconv.FormatUint(uint64(newest), 10))
		t.detail("changed", strconv.FormatInt(changed, 10))
		t.detail("left", strconv.FormatInt(bad, 10))
		return t.advance(ctx, w, changed, batch[len(batch)-1].id)
	})
	return changed, bad, err
}

// rewrap writes several keys in one statement: one for each takes about twice
// as long.
func (t *tx) rewrap(ctx context.Context, some []wrapped, newest uint32) (int64, error) {
	args := []any{int64(newest)}
	var keys, were strings.Builder
	for _, k := range some {
		if k.anew == nil {
			continue
		}
		n := len(args)
		fmt.Fprintf(&keys, " WHEN $%d THEN $%d", n+1, n+2)
		fmt.Fprintf(&were, " OR (id = $%d AND wrapped_key = $%d)", n+1, n+3)
		args = append(args, k.id, k.anew, k.key)
	}
	if len(args) == 1 {
		return 0, nil
	}
	res, err := t.ExecContext(ctx, `UPDATE patients SET root_version = $1, wrapped_key = CASE id`+keys.String()+` ELSE wrapped_key END
		WHERE `+strings.TrimPrefix(were.String(), " OR "), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// rewrapEpochs wraps the vault's own keys anew, each in a transaction.
func (v *Vault) rewrapEpochs(ctx context.Context, a Actor, w *work, newest uint32) (left int64, err error) {
	var older []sealedEpoch
	err = v.quietly(ctx, a, actRotateKey, object{Kind: "key", ID: RotateRoot}, func(t *tx) (err error) {
		older, err = list(ctx, t, func(rows *sql.Rows) (s sealedEpoch, err error) {
			return s, rows.Scan(&s.id.kind, &s.id.epoch, &s.stored, &s.root, &s.destroyed)
		}, `SELECT kind, epoch, wrapped_private, root_version, destroyed_at IS NOT NULL FROM epoch_keys
			WHERE root_version <> $1 ORDER BY kind, epoch`, int64(newest))
		if err != nil {
			return fmt.Errorf("reading keys: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, s := range older {
		changed, err := v.rewrapEpoch(ctx, a, w, s, newest)
		switch {
		case errors.Is(err, ErrIntegrity):
			left++
		case err != nil:
			return left, err
		default:
			w.done += changed
		}
	}
	return left, nil
}

func (v *Vault) rewrapEpoch(ctx context.Context, a Actor, w *work, s sealedEpoch, newest uint32) (changed int64, err error) {
	key, half, err := seal.Key{}, []byte(nil), error(nil)
	if key, err = v.unwrapEpoch(ctx, s); err != nil {
		return 0, err
	}
	defer key.Wipe()
	if _, half, err = s.split(); err != nil {
		return 0, err
	}
	anew, version, err := v.cfg.KMS.Wrap(ctx, key, v.epochAAD(s.id, s.destroyed))
	if err != nil {
		return 0, fmt.Errorf("wrapping: %w", err)
	}
	if version != newest {
		return 0, fmt.Errorf("the root key was rotated by another meanwhile: %w", ErrConflict)
	}
	err = v.do(ctx, a, actRotateKey, object{Kind: "key", ID: s.id.String()}, func(t *tx) error {
		res, err := t.ExecContext(ctx, `UPDATE epoch_keys SET wrapped_private = $1, root_version = $2
			WHERE kind = $3 AND epoch = $4 AND wrapped_private = $5`,
			storedEpoch(anew, half), int64(newest), s.id.kind, int64(s.id.epoch), s.stored)
		if err != nil {
			return fmt.Errorf("writing key: %w", err)
		}
		if changed, err = res.RowsAffected(); err != nil {
			return err
		}
		t.detail("step", "epoch")
		t.detail("version", strconv.FormatUint(uint64(newest), 10))
		return t.advance(ctx, w, changed, "")
	})
	return changed, err
}

// ForgetRoot gives up all versions of the root key but the newest, for good. It
// is refused while anything is wrapped under one of them. Backups of the
// database from before the rotation need them: keep a copy of the key file, or
// its shares, as long as such backups are kept. Errors: ErrConflict.
func (v *Vault) ForgetRoot(ctx context.Context, a Actor) error {
	oldest, newest, err := v.cfg.KMS.Versions(ctx)
	if err != nil {
		return fmt.Errorf("asking the key service: %w", err)
	}
	err = v.do(ctx, a, actForgetRoot, object{Kind: "key", ID: RotateRoot}, func(t *tx) error {
		var rows, open int64
		err := t.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM patients WHERE wrapped_key IS NOT NULL AND root_version < $1)
			+ (SELECT count(*) FROM epoch_keys WHERE root_version < $1) + (SELECT count(*) FROM totp_secrets WHERE root_version < $1),
			(SELECT count(*) FROM key_rotations WHERE kind = 'root' AND finished_at IS NULL)`, int64(newest)).Scan(&rows, &open)
		switch {
		case err != nil:
			return fmt.Errorf("counting keys: %w", err)
		case open > 0:
			return say(ErrConflict, "A rotation of the root key is not finished: run keys rotate root first.")
		case rows > 0:
			return say(ErrConflict, strconv.FormatInt(rows, 10)+" keys are still under an older version: run keys rotate root first.")
		case oldest == newest:
			return say(ErrConflict, "There is no older version of the root key.")
		}
		t.detail("versions", fmt.Sprintf("%d-%d", oldest, newest-1))
		_, err = t.ExecContext(ctx, `INSERT INTO key_rotations (id, kind, from_version, to_version, started_at, finished_at)
			VALUES ($1, 'forget', $2, $3, $4, $4)`, newID(), int64(oldest), int64(newest), t.now)
		return err
	})
	if err != nil {
		return err
	}
	if err := v.cfg.KMS.Forget(ctx, newest); err != nil {
		return fmt.Errorf("giving up older versions: %w", err)
	}
	return nil
}

// rootStands refuses what was wrapped under a version of the root key that was
// given up meanwhile: it would be written and never opened.
func (t *tx) rootStands(ctx context.Context, version uint32) error {
	var floor int64
	err := t.QueryRowContext(ctx, `SELECT COALESCE(MAX(to_version), 0) FROM key_rotations WHERE kind = 'forget'`).Scan(&floor)
	if err != nil {
		return fmt.Errorf("reading rotations: %w", err)
	}
	if int64(version) < floor {
		return fmt.Errorf("wrapped under version %d of the root key, which was given up: %w", version, ErrUnavailable)
	}
	return nil
}

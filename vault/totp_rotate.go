package vault

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
)

// rewrapSecrets wraps the secrets of authenticator apps under the newest version of the root key, until none is left
// under another one. What does not open is left as it is: its person signs in by a recovery code.
func (v *Vault) rewrapSecrets(ctx context.Context, a Actor, w *work, newest uint32, progress func(RotationProgress)) (left int64, err error) {
	for last := ""; ; {
		batch, err := v.olderSecrets(ctx, a, newest, last)
		if err != nil || len(batch) == 0 {
			return left, err
		}
		if err := v.wrapAnew(ctx, batch, newest); err != nil {
			return left, err
		}
		changed, bad, err := v.storeSecrets(ctx, a, w, batch, newest)
		if err != nil {
			return left, err
		}
		last, w.done, left = batch[len(batch)-1].id, w.done+changed, left+bad
		progress(w.progress())
	}
}

func (v *Vault) olderSecrets(ctx context.Context, a Actor, newest uint32, after string) (batch []wrapped, err error) {
	err = v.quietly(ctx, a, actRotateKey, object{Kind: "key", ID: RotateRoot}, func(t *tx) (err error) {
		batch, err = list(ctx, t, func(rows *sql.Rows) (k wrapped, err error) {
			var person PersonID
			err = rows.Scan(&k.id, &person, &k.key, &k.root)
			k.aad = v.totpAAD(person, k.id)
			return k, err
		}, `SELECT id, person, wrapped_secret, root_version FROM totp_secrets WHERE root_version <> $1 AND id > $2 ORDER BY id LIMIT $3`,
			int64(newest), after, wrapBatch)
		if err != nil {
			return fmt.Errorf("reading secrets: %w", err)
		}
		return nil
	})
	return batch, err
}

// storeSecrets writes one batch. A secret that was taken away meanwhile stays away.
func (v *Vault) storeSecrets(ctx context.Context, a Actor, w *work, batch []wrapped, newest uint32) (changed, bad int64, err error) {
	err = v.do(ctx, a, actRotateKey, object{Kind: "key", ID: RotateRoot}, func(t *tx) error {
		changed, bad = 0, 0
		for _, k := range batch {
			if k.anew == nil {
				bad++
				continue
			}
			res, err := t.ExecContext(ctx, `UPDATE totp_secrets SET wrapped_secret = $1, root_version = $2 WHERE id = $3 AND wrapped_secret = $4`,
				k.anew, int64(newest), k.id, k.key)
			if err != nil {
				return fmt.Errorf("writing a secret: %w", err)
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			changed += n
		}
		t.detail("step", "secrets")
		t.detail("version", strconv.FormatUint(uint64(newest), 10))
		t.detail("changed", strconv.FormatInt(changed, 10))
		t.detail("left", strconv.FormatInt(bad, 10))
		return t.advance(ctx, w, changed, w.last)
	})
	return changed, bad, err
}

package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// CarryHold does the job of kind "hold": it has the store lock, or free, each object that a hold is about, where the store
// can do that. The vault's own refusal to destroy does not depend on it. An object is freed only when no other hold lies on
// it. A store that does not answer is an error: try again later.
func (v *Vault) CarryHold(ctx context.Context, a Actor, job *Job) error {
	if job == nil || job.Kind != JobHold {
		return fmt.Errorf("not a hold job: %w", ErrInvalid)
	}
	id := HoldID(job.Subject)
	on, err := v.holdObject(ctx, id)
	if err != nil {
		return err
	}
	var lock, free []string
	err = v.quietly(ctx, a, actCarryHold, on, func(t *tx) (err error) {
		if err := t.holdsJob(ctx, job); err != nil {
			return err
		}
		lock, free, err = t.holdObjects(ctx, id)
		return err
	})
	if err != nil {
		return err
	}
	store, locked, err := v.askStore(ctx, lock, free)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actCarryHold, on, func(t *tx) error {
		if err := t.holdsJob(ctx, job); err != nil {
			return err
		}
		// A hold lifted meanwhile has a job made ready after this one.
		err := exactlyOne(ctx, t, "noting what the store holds", `UPDATE holds SET store = $1, objects = $2 WHERE id = $3`, store, locked, id)
		if err != nil {
			return err
		}
		t.detail("store", store)
		t.detail("objects", fmt.Sprint(locked))
		now, _, err := t.holdObjects(ctx, id)
		if err != nil {
			return err
		}
		if (len(now) > 0) != (len(lock) > 0) {
			return exactlyOne(ctx, t, "giving back job", `UPDATE jobs SET state = 'ready', attempts = 0, run_at = $1, lease = '', leased_until = 0
				WHERE id = $2 AND lease = $3`, t.now, string(job.ID), job.Lease)
		}
		return t.finishJob(ctx, job)
	})
}

// holdObjects lists the objects that a hold is about: those to lock while any hold lies on them, and those to free. An
// object whose picture was sealed anew for the patient with whom the record was merged is to go.
func (t *tx) holdObjects(ctx context.Context, id HoldID) (lock, free []string, err error) {
	_, err = list(ctx, t, func(rows *sql.Rows) (none struct{}, err error) {
		var blob string
		var held int64
		if err := rows.Scan(&blob, &held); err != nil {
			return none, err
		}
		if held > 0 {
			lock = append(lock, blob)
		} else {
			free = append(free, blob)
		}
		return none, nil
	}, `SELECT o.blob, (SELECT count(*) FROM holds n WHERE o.stays = 1 AND n.patient = o.patient AND n.lifted_at IS NULL
			AND (n.photo IS NULL OR n.photo = o.photo))
		FROM (SELECT r.blob AS blob, f.id AS photo, f.patient AS patient, 1 AS stays FROM renditions r JOIN photos f ON f.id = r.photo
			WHERE r.wrapped_key IS NOT NULL
			UNION ALL SELECT r.blob, f.id, f.patient, 0 FROM renditions r JOIN photos f ON f.id = r.photo
			JOIN jobs j ON j.kind = 'delete_blob' AND j.subject = r.blob AND j.state <> 'done' WHERE r.wrapped_key IS NULL
			UNION ALL SELECT f.envelope_blob, f.id, f.patient, 1 FROM photos f WHERE f.envelope_blob IS NOT NULL) o
		JOIN holds h ON h.patient = o.patient AND (h.photo IS NULL OR h.photo = o.photo) WHERE h.id = $1 ORDER BY o.blob`, id)
	if err != nil {
		return nil, nil, fmt.Errorf("reading held objects: %w", err)
	}
	return lock, free, nil
}

// askStore has the store lock and free objects, and says in a word what it did.
func (v *Vault) askStore(ctx context.Context, lock, free []string) (word string, locked int64, err error) {
	holder, can := v.cfg.Blobs.(Holder)
	if !can {
		return "unsupported", 0, nil
	}
	for _, name := range free {
		if err := holder.Hold(ctx, name, false); err != nil && !errors.Is(err, ErrAbsent) && !errors.Is(err, errors.ErrUnsupported) {
			return "", 0, fmt.Errorf("freeing object: %w", err)
		}
	}
	for _, name := range lock {
		err := holder.Hold(ctx, name, true)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return "unsupported", 0, nil
		case errors.Is(err, ErrAbsent):
			continue
		case err != nil:
			return "", 0, fmt.Errorf("holding object: %w", err)
		}
		locked++
	}
	switch {
	case len(lock) == 0 && len(free) > 0:
		return "freed", 0, nil
	case locked < int64(len(lock)):
		return "partly", locked, nil
	}
	return "held", locked, nil
}

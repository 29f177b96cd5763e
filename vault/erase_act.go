package vault

import (
	"context"
	"fmt"
	"time"
)

// erase destroys what an erasure is about, in the transaction of its second signature, and writes down what has to be
// reached afterwards. From here on nothing opens it: every sealed thing of a patient hangs on the wrapped key, every
// picture of a photo on its own. One thing does not: a capture that waits to be processed is sealed to the intake key,
// which others need, so its object has to be reached.
func (t *tx) erase(ctx context.Context, e erasureRow, by PersonID) error {
	photos := onePhoto(e.photo)
	if e.photo == "" {
		photos = photosOf(e.patient)
	}
	n, err := t.erasePhotos(ctx, e.id, photos)
	if err != nil {
		return err
	}
	if e.photo == "" {
		if err := t.listLeftovers(ctx, e); err != nil {
			return err
		}
		if err := t.erasePatient(ctx, e.patient); err != nil {
			return err
		}
	}
	position, err := t.nextSeq(ctx)
	if err != nil {
		return err
	}
	err = exactlyOne(ctx, t, "signing erasure", `UPDATE erasures SET state = 'destroyed', reason = '', patient = $1, signed_by = $2,
		signed_at = $3, destroyed_in = $4 WHERE id = $5 AND state = 'asked'`, e.patient, by, t.now, position, e.id)
	if err != nil {
		return err
	}
	t.detail("erasure", string(e.id))
	t.detail("photos", fmt.Sprint(n))
	return t.enqueue(ctx, JobErase, string(e.id), t.now)
}

// change is one statement of many.
type change struct {
	query string
	args  []any
}

func (t *tx) changes(ctx context.Context, what string, all ...change) error {
	for _, c := range all {
		if _, err := t.ExecContext(ctx, c.query, c.args...); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// erasePhotos destroys photos: keys, sealed facts, words, regions, certificates, claims, jobs; it says how many. The rows
// stay, so that their numbers are known, and say nothing of the patient. The receipts stay too: a device that never got one
// may ask again, and then drops its sealed copy. Each step is one statement for all, since everybody else waits meanwhile.
func (t *tx) erasePhotos(ctx context.Context, e ErasureID, photos photoSet) (n int64, err error) {
	if _, err := t.retractAttachments(ctx, photos, causeErased); err != nil {
		return 0, err
	}
	if err := t.listItems(ctx, e, photos); err != nil {
		return 0, err
	}
	of, arg := ` IN (`+photos.query+`)`, photos.arg
	err = t.changes(ctx, "erasing photos",
		change{`UPDATE jobs SET state = 'done', done_at = $2, lease = '', leased_until = 0 WHERE kind = 'process' AND state <> 'done'
			AND subject` + of, []any{arg, t.now}},
		change{`UPDATE releases SET ended_at = $2, ended_why = 'erased' WHERE ended_at IS NULL AND photo` + of, []any{arg, t.now}},
		change{`UPDATE renditions SET wrapped_key = NULL, destroyed_at = coalesce(destroyed_at, $2) WHERE photo` + of, []any{arg, t.now}},
		change{`DELETE FROM regions WHERE photo` + of, []any{arg}},
		change{`DELETE FROM words WHERE photo` + of, []any{arg}},
		change{`UPDATE reviews SET reason = '', certificate = '', sealed_salt = NULL WHERE photo` + of, []any{arg}},
		change{`UPDATE reveals SET sealed_reason = $2 WHERE photo` + of, []any{arg, []byte{}}},
		change{`UPDATE consents SET evidence = '' WHERE photo` + of, []any{arg}},
		change{`UPDATE attachments SET progress = '{}' WHERE state = 'retracted' AND photo` + of, []any{arg}},
		change{`UPDATE erasures SET state = 'cancelled', reason = '', ended_at = $2 WHERE state = 'asked' AND id <> $3 AND photo` + of,
			[]any{arg, t.now, e}},
		change{`UPDATE recalls SET state = 'cancelled', ended_at = $2 WHERE state = 'asked' AND photo` + of, []any{arg, t.now}},
	)
	if err != nil {
		return 0, err
	}
	res, err := t.ExecContext(ctx, `UPDATE photos SET state = 'erased', withheld = '', reason = '', encounter = NULL, device = '',
		body_site = '', laterality = '', taken_at = 0, envelope_blob = NULL, sealed_facts = $2, width = 0, height = 0, detectors = '[]',
		version = version + 1, claimed_by = NULL, claimed_until = 0 WHERE id`+of, arg, []byte{})
	if err != nil {
		return 0, fmt.Errorf("erasing photos: %w", err)
	}
	return res.RowsAffected()
}

// listItems writes down the objects and copies of photos, and has the objects deleted. The objects of keys that were
// destroyed before are looked at again.
func (t *tx) listItems(ctx context.Context, e ErasureID, photos photoSet) error {
	of := ` IN (` + photos.query + `)`
	return t.changes(ctx, "listing what is to be erased",
		change{`INSERT INTO erasure_items (erasure, kind, item, photo, what, blob, state, key_at)
			SELECT e.id, 'rendition', r.id, r.photo, r.kind, r.blob, 'waiting', coalesce(r.destroyed_at, $3)
			FROM renditions r JOIN erasures e ON e.id = $2 WHERE r.photo` + of, []any{photos.arg, e, t.now}},
		change{`INSERT INTO erasure_items (erasure, kind, item, photo, what, blob, state)
			SELECT e.id, 'capture', f.id, f.id, 'capture', f.envelope_blob, 'waiting'
			FROM photos f JOIN erasures e ON e.id = $2 WHERE f.envelope_blob IS NOT NULL AND f.id` + of, []any{photos.arg, e}},
		change{`INSERT INTO erasure_items (erasure, kind, item, photo, what, state, reached_at, how)
			SELECT e.id, 'copy', x.id, x.photo, x.target, CASE WHEN x.state = 'retracted' THEN 'reached' ELSE 'waiting' END, x.retracted_at,
			x.retract_how FROM attachments x JOIN erasures e ON e.id = $2 WHERE x.photo` + of, []any{photos.arg, e}},
		change{`INSERT INTO jobs (id, kind, subject, state, run_at, created_at)
			SELECT i.item, 'delete_blob', i.blob, 'ready', e.asked_at, e.asked_at FROM erasure_items i JOIN erasures e ON e.id = i.erasure
			WHERE i.erasure = $1 AND i.blob <> ''
			ON CONFLICT (kind, subject) DO UPDATE SET state = 'ready', attempts = 0, run_at = excluded.run_at, lease = '', leased_until = 0,
			last_error = '', done_at = NULL WHERE jobs.state IN ('done', 'dead')`, []any{e}},
	)
}

// listLeftovers adds to a patient's erasure what earlier acts have not reached: objects and copies of photos that were erased
// before, and copies in this patient's chart of photos that were moved to another patient since. What their receivers told of
// the patient is forgotten with them.
func (t *tx) listLeftovers(ctx context.Context, e erasureRow) error {
	const moved = `photo IN (SELECT r.photo FROM recalls r WHERE r.from_patient = $1 AND r.state = 'moved')`
	return t.changes(ctx, "listing what is left",
		change{`INSERT INTO erasure_items (erasure, kind, item, photo, what, blob, state, key_at)
			SELECT $2, i.kind, i.item, i.photo, i.what, i.blob, 'waiting', i.key_at FROM erasure_items i JOIN erasures o ON o.id = i.erasure
			WHERE o.patient = $1 AND o.id <> $2 AND i.state <> 'reached' ON CONFLICT DO NOTHING`, []any{e.patient, e.id}},
		change{`INSERT INTO erasure_items (erasure, kind, item, photo, what, state)
			SELECT $2, 'copy', x.id, x.photo, x.target, 'waiting' FROM attachments x
			WHERE x.state IN ('retracting', 'unreached') AND x.retract_cause = 'recalled' AND x.` + moved + ` ON CONFLICT DO NOTHING`,
			[]any{e.patient, e.id}},
		change{`UPDATE attachments SET retract_cause = 'erased' WHERE retract_cause = 'recalled' AND ` + moved, []any{e.patient}},
		change{`UPDATE attachments SET progress = '{}' WHERE state = 'retracted' AND retract_cause = 'erased' AND ` + moved, []any{e.patient}},
	)
}

// erasePatient destroys the patient's key and clears what names them. The row keeps number and pseudonym, so that the log
// still verifies, and tells nobody whose it was. Ties to the care team end; they name staff.
func (t *tx) erasePatient(ctx context.Context, id PatientID) error {
	return t.changes(ctx, "erasing patient",
		change{`UPDATE patients SET wrapped_key = NULL, record_number = id, name = '', name_search = '', birth_date = '', erased_at = $2
			WHERE id = $1`, []any{id, t.now}},
		change{`UPDATE encounters SET label = '', started_at = 0, ended_at = 0, external_id = '' WHERE patient = $1`, []any{id}},
		change{`UPDATE team_patients SET ended_at = $2 WHERE patient = $1 AND (ended_at IS NULL OR ended_at > $2)`, []any{id, t.now}},
		change{`DELETE FROM patient_aliases WHERE patient = $1`, []any{id}},
		change{`DELETE FROM patient_identifiers WHERE patient = $1`, []any{id}},
		change{`UPDATE feed_messages SET sealed = NULL, patient = NULL, settled_at = coalesce(settled_at, $2),
			settled_why = CASE WHEN state = 'failed' THEN 'erased' ELSE settled_why END,
			state = CASE WHEN state = 'failed' THEN 'discarded' ELSE state END WHERE patient = $1`, []any{id, t.now}},
		change{`UPDATE care_team SET ended_at = $2 WHERE patient = $1 AND (ended_at IS NULL OR ended_at > $2)`, []any{id, t.now}},
		change{`DELETE FROM words WHERE patient = $1`, []any{id}},
		change{`UPDATE recalls SET state = 'cancelled', ended_at = $2 WHERE (to_patient = $1 OR from_patient = $1) AND state = 'asked'`,
			[]any{id, t.now}},
	)
}

const scrubTimeout = 30 * time.Second

// scrub has the database forget what it keeps of changed rows: SQLite's write-ahead log goes into the file, where what is
// replaced is overwritten (secure_delete), and PostgreSQL frees the old rows. Copies elsewhere, such as archived logs and
// backups, end when they are no longer kept. It is help, not proof: a failure is logged, and a caller who has gone is not waited for.
func (v *Vault) scrub(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scrubTimeout)
	defer cancel()
	statements := []string{`PRAGMA wal_checkpoint(TRUNCATE)`}
	if v.cfg.Driver == driverPostgres {
		statements = []string{`VACUUM patients`, `VACUUM patient_identifiers`, `VACUUM renditions`, `VACUUM words`, `VACUUM photos`}
	}
	for _, s := range statements {
		if _, err := v.db.ExecContext(ctx, s); err != nil {
			v.cfg.Log.Warn("database not scrubbed", "error", err)
		}
	}
}

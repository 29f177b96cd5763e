package vault

import (
	"context"
	"database/sql"
	"fmt"
)

// erase destroys what an erasure is about, in the transaction of its second signature, and writes down what has to be
// reached afterwards. From here on nothing opens it: every sealed thing of a patient hangs on the wrapped key, every
// picture of a photo on its own. One thing does not: a capture that waits to be processed is sealed to the intake key,
// which others need, so its object has to be reached.
func (t *tx) erase(ctx context.Context, e erasureRow, by PersonID) error {
	photos := []PhotoID{e.photo}
	if e.photo == "" {
		var err error
		photos, err = list(ctx, t, func(rows *sql.Rows) (id PhotoID, err error) { return id, rows.Scan(&id) },
			`SELECT id FROM photos WHERE patient = $1 AND state <> 'erased' ORDER BY id`, e.patient)
		if err != nil {
			return fmt.Errorf("reading photos: %w", err)
		}
	}
	for _, id := range photos {
		if err := t.erasePhoto(ctx, e.id, id); err != nil {
			return err
		}
	}
	if e.photo == "" {
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
	t.detail("photos", fmt.Sprint(len(photos)))
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

// erasePhoto destroys one photo: keys, sealed facts, words, regions, certificates, claims, jobs. The row stays, so that its
// number is known, and says nothing of the patient. The receipt stays too: a device that never got it may ask again, and
// then drops its sealed copy.
func (t *tx) erasePhoto(ctx context.Context, e ErasureID, id PhotoID) error {
	if err := t.stopJob(ctx, JobProcess, string(id)); err != nil {
		return err
	}
	if _, err := t.retractAttachments(ctx, id, causeErased); err != nil {
		return err
	}
	if err := t.listItems(ctx, e, id); err != nil {
		return err
	}
	if err := t.endReleases(ctx, id, "", causeErased); err != nil {
		return err
	}
	return t.changes(ctx, "erasing photo",
		change{`UPDATE renditions SET wrapped_key = NULL, destroyed_at = coalesce(destroyed_at, $2) WHERE photo = $1`, []any{id, t.now}},
		change{`UPDATE photos SET state = 'erased', withheld = '', reason = '', encounter = NULL, device = '', body_site = '',
			laterality = '', taken_at = 0, envelope_blob = NULL, sealed_facts = $2, width = 0, height = 0, detectors = '[]',
			version = version + 1, claimed_by = NULL, claimed_until = 0 WHERE id = $1`, []any{id, []byte{}}},
		change{`DELETE FROM regions WHERE photo = $1`, []any{id}},
		change{`DELETE FROM words WHERE photo = $1`, []any{id}},
		change{`UPDATE reviews SET reason = '', certificate = '', sealed_salt = NULL WHERE photo = $1`, []any{id}},
		change{`UPDATE reveals SET sealed_reason = $2 WHERE photo = $1`, []any{id, []byte{}}},
		change{`UPDATE consents SET evidence = '' WHERE photo = $1`, []any{id}},
		change{`UPDATE attachments SET progress = '{}' WHERE photo = $1 AND state = 'retracted'`, []any{id}},
		change{`UPDATE erasures SET state = 'cancelled', reason = '', ended_at = $2 WHERE photo = $1 AND state = 'asked' AND id <> $3`,
			[]any{id, t.now, e}},
		change{`UPDATE recalls SET state = 'cancelled', ended_at = $2 WHERE photo = $1 AND state = 'asked'`, []any{id, t.now}},
	)
}

// listItems writes down the objects and copies of a photo, and has the objects deleted. The objects of keys that were
// destroyed before are looked at again.
func (t *tx) listItems(ctx context.Context, e ErasureID, id PhotoID) error {
	err := t.changes(ctx, "listing what is to be erased",
		change{`INSERT INTO erasure_items (erasure, kind, item, photo, what, blob, state, key_at)
			SELECT $1, 'rendition', id, photo, kind, blob, 'waiting', coalesce(destroyed_at, $2) FROM renditions WHERE photo = $3`,
			[]any{e, t.now, id}},
		change{`INSERT INTO erasure_items (erasure, kind, item, photo, what, blob, state)
			SELECT $1, 'capture', id, id, 'capture', envelope_blob, 'waiting' FROM photos WHERE id = $2 AND envelope_blob IS NOT NULL`,
			[]any{e, id}},
		change{`INSERT INTO erasure_items (erasure, kind, item, photo, what, state, reached_at, how)
			SELECT $1, 'copy', id, photo, target, CASE WHEN state = 'retracted' THEN 'reached' ELSE 'waiting' END, retracted_at, retract_how
			FROM attachments WHERE photo = $2`, []any{e, id}},
	)
	if err != nil {
		return err
	}
	blobs, err := list(ctx, t, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) },
		`SELECT blob FROM erasure_items WHERE erasure = $1 AND photo = $2 AND blob <> '' ORDER BY blob`, e, id)
	if err != nil {
		return fmt.Errorf("reading objects: %w", err)
	}
	for _, blob := range blobs {
		if err := t.enqueue(ctx, jobDeleteBlob, blob, t.now); err != nil {
			return err
		}
	}
	return nil
}

// erasePatient destroys the patient's key and clears what names them. The row keeps number and pseudonym, so that the log
// still verifies, and tells nobody whose it was. Ties to the care team end; they name staff.
func (t *tx) erasePatient(ctx context.Context, id PatientID) error {
	return t.changes(ctx, "erasing patient",
		change{`UPDATE patients SET wrapped_key = NULL, record_number = id, name = '', name_search = '', birth_date = '', erased_at = $2
			WHERE id = $1`, []any{id, t.now}},
		change{`UPDATE encounters SET label = '', started_at = 0, ended_at = 0 WHERE patient = $1`, []any{id}},
		change{`UPDATE care_team SET ended_at = $2 WHERE patient = $1 AND (ended_at IS NULL OR ended_at > $2)`, []any{id, t.now}},
		change{`DELETE FROM words WHERE patient = $1`, []any{id}},
		change{`UPDATE recalls SET state = 'cancelled', ended_at = $2 WHERE (to_patient = $1 OR from_patient = $1) AND state = 'asked'`,
			[]any{id, t.now}},
	)
}

// scrub has the database forget what it keeps of changed rows: SQLite's write-ahead log goes into the file, where what is
// replaced is overwritten (secure_delete), and PostgreSQL frees the old rows. Copies elsewhere, such as archived logs and
// backups, end when they are no longer kept. It is help, not proof: a failure is logged.
func (v *Vault) scrub(ctx context.Context) {
	statements := []string{`PRAGMA wal_checkpoint(TRUNCATE)`}
	if v.cfg.Driver == driverPostgres {
		statements = []string{`VACUUM patients`, `VACUUM renditions`, `VACUUM words`, `VACUUM photos`}
	}
	for _, s := range statements {
		if _, err := v.db.ExecContext(ctx, s); err != nil {
			v.cfg.Log.Warn("database not scrubbed", "error", err)
		}
	}
}

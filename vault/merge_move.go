package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/clinivault/clinivault/vault/seal"
)

// heldKinds are the renditions that move with a photo under a legal hold: all there may be.
var heldKinds = slices.Concat(keptKinds, redactedKinds, []string{KindReleasedTeaching, KindReleasedPublication})

// MovePatient does the job of kind "merge": photo by photo it seals the pictures of the record that ended for the patient
// who stays, durable, and then moves the photo in one transaction; when none is left the old record's key is destroyed. It
// may stop anywhere and go on. A photo that does not open stays where it is, and the job fails: the others have moved.
func (v *Vault) MovePatient(ctx context.Context, a Actor, job *Job) error {
	if job == nil || job.Kind != JobMerge {
		return fmt.Errorf("not a merge job: %w", ErrInvalid)
	}
	m, err := readMerge(ctx, v.db, MergeID(job.Subject))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return dbError(err)
	}
	m.id = MergeID(job.Subject)
	for {
		var photos []PhotoID
		err := v.quietly(ctx, a, actMergePatient, m.on(), func(t *tx) (err error) {
			if err := t.holdsJob(ctx, job); err != nil {
				return err
			}
			if m, err = readMerge(ctx, t, m.id); err != nil {
				return err
			}
			if m.state != "moving" {
				return t.finishJob(ctx, job)
			}
			photos, err = t.nextPhotos(ctx, m.from)
			return err
		})
		if err != nil || m.state != "moving" {
			return err
		}
		if len(photos) == 0 {
			return v.finishMerge(ctx, a, job, m)
		}
		if err := v.movePhotos(ctx, a, job, m, photos); err != nil {
			return err
		}
	}
}

// movePhotos moves those that can be moved.
func (v *Vault) movePhotos(ctx context.Context, a Actor, job *Job, m mergeRow, photos []PhotoID) error {
	var bad error
	for _, id := range photos {
		err := v.movePhoto(ctx, a, job, m, id)
		if errors.Is(err, ErrIntegrity) {
			bad = err
			continue
		}
		if err != nil {
			return err
		}
	}
	return bad
}

func (v *Vault) movePhoto(ctx context.Context, a Actor, job *Job, m mergeRow, id PhotoID) error {
	r := recallRow{photo: id, from: m.from, to: m.to}
	moving := mover{v: v}
	on := m.on()
	on.Photo = id
	var held bool
	err := v.quietly(ctx, a, actMergePatient, on, func(t *tx) (err error) {
		if held, err = t.movable(ctx, job, m, id); err != nil {
			return err
		}
		moving.kinds = keptKinds
		if held {
			moving.kinds = heldKinds
		}
		return moving.read(ctx, t, r)
	})
	if err != nil {
		return err
	}
	defer moving.wipe()
	if err := moving.reseal(ctx, a); err != nil {
		return err
	}
	return v.do(ctx, a, actMergePatient, on, func(t *tx) error {
		still, err := t.movable(ctx, job, m, id)
		if err != nil {
			return err
		}
		if still != held {
			return fmt.Errorf("a hold was placed or lifted meanwhile: %w", ErrConflict)
		}
		t.detail("merge", string(m.id))
		return moving.merge(ctx, t, m, r, held)
	})
}

// movable tells whether a photo is still to be moved by this job, and whether a legal hold lies on it.
func (t *tx) movable(ctx context.Context, job *Job, m mergeRow, id PhotoID) (held bool, err error) {
	if err := t.holdsJob(ctx, job); err != nil {
		return false, err
	}
	now, err := readMerge(ctx, t, m.id)
	if err != nil {
		return false, err
	}
	of, err := photoPatient(ctx, t, id)
	if err != nil {
		return false, err
	}
	if now != m || of != m.from {
		return false, fmt.Errorf("merged or moved meanwhile: %w", ErrConflict)
	}
	return t.held(ctx, m.from, id)
}

// merge moves a photo whose pictures are sealed for the patient who stays. What an approval or a release made ends with
// it, since both named the old record; under a legal hold it is kept, and moves along unseen.
func (m *mover) merge(ctx context.Context, t *tx, of mergeRow, r recallRow, held bool) error {
	if _, err := t.retractAttachments(ctx, onePhoto(r.photo), causeRecalled); err != nil {
		return err
	}
	if err := t.endReleases(ctx, r.photo, "", causeRecalled); err != nil {
		return err
	}
	if held {
		t.detail("kept", "hold")
	}
	for i := range m.old {
		_, err := t.ExecContext(ctx, `UPDATE releases SET rendition = $1 WHERE rendition = $2`, m.made[i].id, m.old[i].id)
		if err != nil {
			return fmt.Errorf("moving release: %w", err)
		}
	}
	if err := t.destroyMade(ctx, r.photo, heldKinds...); err != nil {
		return err
	}
	err := exactlyOne(ctx, t, "moving photo", `UPDATE photos SET patient = $1, version = version + 1, claimed_by = NULL, claimed_until = 0,
		reason = CASE WHEN state = 'approved' THEN $2 ELSE reason END, state = CASE WHEN state = 'approved' THEN 'in_review' ELSE state END
		WHERE id = $3 AND version = $4 AND state <> 'erased'`, r.to, reasonMerged, r.photo, m.version)
	if err != nil {
		return err
	}
	if err := insertRenditions(ctx, t, m.made); err != nil {
		return err
	}
	if err := t.rekeyPhoto(ctx, r); err != nil {
		return err
	}
	err = t.changes(ctx, "moving photo",
		change{`UPDATE holds SET patient = $1 WHERE photo = $2`, []any{r.to, r.photo}},
		change{`UPDATE merges SET moved = moved + 1 WHERE id = $1`, []any{of.id}})
	if err != nil {
		return err
	}
	return errors.Join(t.enqueueWaiting(ctx, r.photo), t.tellMerge(ctx, r.to, string(of.id)))
}

// finishMerge ends a merge when every photo has moved: what else hung on the old record is the other's now, and its key,
// name and number are destroyed.
func (v *Vault) finishMerge(ctx context.Context, a Actor, job *Job, m mergeRow) error {
	err := v.do(ctx, a, actMerged, m.on(), func(t *tx) error {
		if err := t.holdsJob(ctx, job); err != nil {
			return err
		}
		now, err := readMerge(ctx, t, m.id)
		if err != nil {
			return err
		}
		left, err := t.nextPhotos(ctx, m.from)
		if err != nil {
			return err
		}
		if now != m || len(left) > 0 {
			return fmt.Errorf("merged or photographed meanwhile: %w", ErrConflict)
		}
		if err := t.moveRest(ctx, m); err != nil {
			return err
		}
		if err := t.enqueueHolds(ctx, m.to); err != nil {
			return err
		}
		t.detail("merge", string(m.id))
		return errors.Join(t.tellMerge(ctx, m.to, string(m.id)), t.finishJob(ctx, job))
	})
	if err == nil {
		v.scrub(ctx)
	}
	return err
}

// moveRest moves what hangs on the patient and on no photo. An open glass was broken for the old record, and ends.
func (t *tx) moveRest(ctx context.Context, m mergeRow) error {
	if err := t.rekeyWords(ctx, m.from, m.to); err != nil {
		return err
	}
	return t.changes(ctx, "ending the old record",
		change{`UPDATE photos SET patient = $1 WHERE patient = $2`, []any{m.to, m.from}},
		change{`UPDATE words SET patient = $1 WHERE patient = $2`, []any{m.to, m.from}},
		change{`UPDATE holds SET lifted_at = $2 WHERE patient = $1 AND photo IS NULL AND lifted_at IS NULL`, []any{m.from, t.now}},
		change{`UPDATE holds SET patient = $1 WHERE patient = $2`, []any{m.to, m.from}},
		change{`UPDATE erasures SET patient = $1 WHERE patient = $2`, []any{m.to, m.from}},
		change{`UPDATE recalls SET from_patient = $1 WHERE from_patient = $2`, []any{m.to, m.from}},
		change{`UPDATE recalls SET to_patient = $1 WHERE to_patient = $2`, []any{m.to, m.from}},
		change{`UPDATE break_glass SET ended_at = $2 WHERE patient = $1 AND ended_at IS NULL AND open_until > $2`, []any{m.from, t.now}},
		change{`UPDATE break_glass SET patient = $1 WHERE patient = $2`, []any{m.to, m.from}},
		change{`UPDATE feed_messages SET patient = $1 WHERE patient = $2`, []any{m.to, m.from}},
		change{`UPDATE care_team SET ended_at = $2 WHERE patient = $1 AND (ended_at IS NULL OR ended_at > $2)`, []any{m.from, t.now}},
		change{`UPDATE team_patients SET ended_at = $2 WHERE patient = $1 AND (ended_at IS NULL OR ended_at > $2)`, []any{m.from, t.now}},
		change{`UPDATE patients SET wrapped_key = NULL, record_number = id, name = '', name_search = '', birth_date = '' WHERE id = $1`,
			[]any{m.from}},
		change{`UPDATE merges SET state = 'done', done_at = $1 WHERE id = $2`, []any{t.now, m.id}},
	)
}

// rekeyWords seals what people said of a patient for another.
func (t *tx) rekeyWords(ctx context.Context, from, to PatientID) error {
	words, err := list(ctx, t, func(rows *sql.Rows) (w movedValue, err error) { return w, rows.Scan(&w.id, &w.sealed) },
		`SELECT id, sealed FROM words WHERE patient = $1 ORDER BY id`, from)
	if err != nil || len(words) == 0 {
		return err
	}
	old, err := t.v.patientKey(ctx, t, from)
	if err != nil {
		return err
	}
	defer old.Wipe()
	anew, err := t.v.patientKey(ctx, t, to)
	if err != nil {
		return err
	}
	defer anew.Wipe()
	for _, w := range words {
		plain, err := seal.OpenSmall(old, w.sealed, t.v.wordsAAD(from, w.id))
		if err != nil {
			return fmt.Errorf("%w: words: %w", ErrIntegrity, err)
		}
		sealed := seal.SealSmall(anew, plain, t.v.wordsAAD(to, w.id))
		clear(plain)
		if err := exactlyOne(ctx, t, "moving words", `UPDATE words SET sealed = $1 WHERE id = $2`, sealed, w.id); err != nil {
			return err
		}
	}
	return nil
}

// enqueueHolds has the store told again what is held of a patient.
func (t *tx) enqueueHolds(ctx context.Context, id PatientID) error {
	holds, err := list(ctx, t, scanOne[string], `SELECT id FROM holds WHERE patient = $1 AND lifted_at IS NULL ORDER BY id`, id)
	if err != nil {
		return fmt.Errorf("reading holds: %w", err)
	}
	for _, h := range holds {
		if err := t.enqueue(ctx, JobHold, h, t.now); err != nil {
			return err
		}
	}
	return nil
}

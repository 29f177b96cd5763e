package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// MergeID names the merge of two records of one patient.
type MergeID string

// reasonMerged is what is said of a photo whose approval named the record that ended.
const reasonMerged = "Two records of the patient were merged. The photo is reviewed anew."

// applyMerge says that a record number (Prior) turned out to be that of another patient (Number). Where the vault knows one
// of both, the number moves; where it knows both, the photos of the one move to the other, by a job. The number that ends
// finds the patient from now on.
func (t *tx) applyMerge(ctx context.Context, e CareEvent, source string) (PatientID, string, error) {
	from, err := patientByNumber(ctx, t, e.Prior)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", "", err
	}
	to, err := patientByNumber(ctx, t, e.Number)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", "", err
	}
	switch {
	case from == "" && to == "":
		return "", CareNothing, nil
	case from == "":
		t.detail("effect", "alias")
		return to, CareApplied, errors.Join(t.patient(ctx, to), t.alias(ctx, e.Prior, to))
	case to == "" || from == to:
		t.detail("effect", "renumbered")
		return from, CareApplied, errors.Join(t.patient(ctx, from), t.renumber(ctx, from, e))
	}
	if err := t.patient(ctx, from); err != nil {
		return "", "", err
	}
	if err := t.startMerge(ctx, from, to, e.Prior, source); err != nil {
		return "", "", err
	}
	return to, CareApplied, t.renameTold(ctx, to, e)
}

// alias lets a record number find a patient.
func (t *tx) alias(ctx context.Context, number string, id PatientID) error {
	_, err := t.ExecContext(ctx, `INSERT INTO patient_aliases (record_number, patient, since) VALUES ($1, $2, $3)
		ON CONFLICT (record_number) DO UPDATE SET patient = excluded.patient, since = excluded.since`, number, id, t.now)
	if err != nil {
		return fmt.Errorf("keeping the old record number: %w", err)
	}
	return nil
}

// renumber gives a patient the number that stays; the one before finds them too.
func (t *tx) renumber(ctx context.Context, id PatientID, e CareEvent) error {
	var old string
	if err := t.QueryRowContext(ctx, `SELECT record_number FROM patients WHERE id = $1`, id).Scan(&old); err != nil {
		return fmt.Errorf("reading patient: %w", absent(err))
	}
	err := t.changes(ctx, "changing record number",
		change{`DELETE FROM patient_aliases WHERE record_number = $1`, []any{e.Number}},
		change{`UPDATE patients SET record_number = id WHERE record_number = $1 AND merged_into IS NOT NULL`, []any{e.Number}},
		change{`UPDATE patients SET record_number = $1 WHERE id = $2`, []any{e.Number, id}})
	if err != nil {
		return err
	}
	for _, number := range []string{old, e.Prior} {
		if number == e.Number {
			continue
		}
		if err := t.alias(ctx, number, id); err != nil {
			return err
		}
	}
	return t.renameTold(ctx, id, e)
}

// startMerge lets the record that ends find the one that stays, in one step for everybody: numbers, visits and ties are
// the other patient's from now on, claims and deliveries stop, requests to erase or recall that named the old record end.
// Photos follow one by one, by a job; until theirs has moved, who was tied to the old record sees it as before.
func (t *tx) startMerge(ctx context.Context, from, to PatientID, prior, source string) error {
	var number string // prior may be an earlier one
	if err := t.QueryRowContext(ctx, `SELECT record_number FROM patients WHERE id = $1`, from).Scan(&number); err != nil {
		return fmt.Errorf("reading patient: %w", absent(err))
	}
	if err := errors.Join(t.alias(ctx, prior, to), t.alias(ctx, number, to)); err != nil {
		return err
	}
	id := newID()
	err := t.changes(ctx, "merging patients",
		change{`UPDATE patient_aliases SET patient = $1 WHERE patient = $2`, []any{to, from}},
		change{`UPDATE patient_identifiers SET patient = $1 WHERE patient = $2`, []any{to, from}},
		change{`UPDATE patients SET merged_into = $1 WHERE id = $2 OR merged_into = $2`, []any{to, from}},
		change{`UPDATE merges SET to_patient = $1 WHERE to_patient = $2 AND state = 'moving'`, []any{to, from}},
		change{`INSERT INTO merges (id, from_patient, to_patient, state, source, asked_at) VALUES ($1, $2, $3, 'moving', $4, $5)`,
			[]any{id, from, to, source, t.now}},
		change{`UPDATE encounters SET external_id = '' WHERE patient = $2 AND external_id IN
			(SELECT e.external_id FROM encounters e WHERE e.patient = $1)`, []any{to, from}},
		change{`UPDATE encounters SET patient = $1 WHERE patient = $2`, []any{to, from}},
		change{`UPDATE photos SET claimed_by = NULL, claimed_until = 0 WHERE patient = $1`, []any{from}},
		change{`UPDATE erasures SET state = 'cancelled', reason = '', ended_at = $2 WHERE patient = $1 AND state = 'asked'`, []any{from, t.now}},
		change{`UPDATE recalls SET state = 'cancelled', ended_at = $2 WHERE (from_patient = $1 OR to_patient = $1) AND state = 'asked'`,
			[]any{from, t.now}},
	)
	if err != nil {
		return err
	}
	if _, err := t.retractAttachments(ctx, photosOf(from), causeRecalled); err != nil {
		return err
	}
	if err := t.copyTies(ctx, from, to); err != nil {
		return err
	}
	if err := t.placeHoldsAlso(ctx, from, to); err != nil {
		return err
	}
	t.detail("merge", id)
	return errors.Join(t.tellMerge(ctx, to, id), t.enqueue(ctx, JobMerge, id, t.now))
}

// copyTies ties whoever treats one patient to another as well, for the same time.
func (t *tx) copyTies(ctx context.Context, from, to PatientID) error {
	_, err := t.ExecContext(ctx, `INSERT INTO care_team (patient, person, started_at, ended_at, source, encounter)
		SELECT $1, person, started_at, ended_at, source, encounter FROM care_team WHERE patient = $2
		ON CONFLICT (patient, person, started_at) DO UPDATE SET ended_at = CASE
			WHEN care_team.ended_at IS NULL OR excluded.ended_at IS NULL THEN NULL
			WHEN care_team.ended_at > excluded.ended_at THEN care_team.ended_at ELSE excluded.ended_at END`, to, from)
	if err != nil {
		return fmt.Errorf("copying ties: %w", err)
	}
	rows, err := list(ctx, t, scanOne[string], `SELECT id FROM team_patients WHERE patient = $1 ORDER BY id`, from)
	if err != nil {
		return fmt.Errorf("reading ties: %w", err)
	}
	for _, row := range rows {
		_, err := t.ExecContext(ctx, `INSERT INTO team_patients (id, team, patient, encounter, source, started_at, ended_at)
			SELECT $1, team, $2, encounter, source, started_at, ended_at FROM team_patients WHERE id = $3`, newID(), to, row)
		if err != nil {
			return fmt.Errorf("copying ties: %w", err)
		}
	}
	return nil
}

// placeHoldsAlso extends the holds on everything of one patient to another: what has moved is held like what has not. The
// words of the hold stay where they are until the last photo has moved.
func (t *tx) placeHoldsAlso(ctx context.Context, from, to PatientID) error {
	held, err := list(ctx, t, scanOne[string], `SELECT id FROM holds WHERE patient = $1 AND photo IS NULL AND lifted_at IS NULL ORDER BY id`, from)
	if err != nil {
		return fmt.Errorf("reading holds: %w", err)
	}
	for _, h := range held {
		id := newID()
		_, err := t.ExecContext(ctx, `INSERT INTO holds (id, patient, photo, reason, placed_by, placed_at)
			SELECT $1, $2, NULL, reason, placed_by, placed_at FROM holds WHERE id = $3`, id, to, h)
		if err != nil {
			return fmt.Errorf("extending hold: %w", err)
		}
		if err := t.enqueue(ctx, JobHold, id, t.now); err != nil {
			return err
		}
		t.detail("held", "yes")
	}
	return nil
}

// tellMerge writes the event that the trail of the patient who stays shows. The act's own shows in that of the other.
func (t *tx) tellMerge(ctx context.Context, to PatientID, merge string) error {
	own := t.entry
	if err := t.patient(ctx, to); err != nil {
		return err
	}
	e := t.entry
	t.entry = own
	e.Act = string(actMergeTo)
	e.Detail = map[string]string{"merge": merge}
	e.Outcome = outcomeOK
	return t.event(ctx, e)
}

// mergeRow is a merge as its job needs it.
type mergeRow struct {
	id       MergeID
	from, to PatientID
	state    string
}

func readMerge(ctx context.Context, q querier, id MergeID) (mergeRow, error) {
	m := mergeRow{id: id}
	err := q.QueryRowContext(ctx, `SELECT from_patient, to_patient, state FROM merges WHERE id = $1`, id).Scan(&m.from, &m.to, &m.state)
	if err != nil {
		return mergeRow{}, fmt.Errorf("reading merge: %w", absent(err))
	}
	return m, nil
}

func (m mergeRow) on() object {
	return object{Kind: "merge", ID: string(m.id), Patient: m.from}
}

// merging tells whether photos are on their way to or from a patient.
func (t *tx) merging(ctx context.Context, id PatientID) (bool, error) {
	err := holds(ctx, t, `SELECT count(*) FROM merges WHERE state = 'moving' AND (from_patient = $1 OR to_patient = $1)`, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// nextPhotos are photos of a record that ended, oldest first.
func (t *tx) nextPhotos(ctx context.Context, from PatientID) ([]PhotoID, error) {
	ids, err := list(ctx, t, func(rows *sql.Rows) (id PhotoID, err error) { return id, rows.Scan(&id) },
		`SELECT id FROM photos WHERE patient = $1 AND state <> 'erased' ORDER BY received_at, id LIMIT 200`, from)
	if err != nil {
		return nil, fmt.Errorf("reading photos: %w", err)
	}
	return ids, nil
}

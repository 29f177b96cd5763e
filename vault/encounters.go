package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Why a visit, or a tie, is there.
const (
	careLocal  = "local"
	careFeed   = "feed"
	careImport = "import"
)

// careKey is a patient's key that was wrapped before the transaction in which it may be needed.
type careKey struct {
	id      PatientID
	wrapped []byte
	root    int64
}

// careKeyFor makes a key where a patient with that record number may have to be added.
func (v *Vault) careKeyFor(ctx context.Context, number string) (*careKey, error) {
	_, err := patientByNumber(ctx, v.db, number)
	if !errors.Is(err, ErrNotFound) {
		return nil, dbError(err)
	}
	id := PatientID(newID())
	wrapped, root, err := v.newPatientKey(ctx, id)
	if err != nil {
		return nil, err
	}
	return &careKey{id, wrapped, root}, nil
}

// patientByNumber finds the patient that a record number leads to, also one from before a merge. Errors: ErrNotFound.
func patientByNumber(ctx context.Context, q querier, number string) (id PatientID, err error) {
	err = q.QueryRowContext(ctx, `SELECT id FROM patients WHERE record_number = $1 AND erased_at IS NULL AND merged_into IS NULL
		UNION ALL SELECT patient FROM patient_aliases WHERE record_number = $1 LIMIT 1`, number).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("finding patient: %w", absent(err))
	}
	return id, nil
}

// survivorOf is who a patient turned out to be; the patient themselves where nobody merged them.
func survivorOf(ctx context.Context, q querier, id PatientID) (PatientID, error) {
	var into PatientID
	err := q.QueryRowContext(ctx, `SELECT coalesce(merged_into, id) FROM patients WHERE id = $1`, id).Scan(&into)
	if errors.Is(err, sql.ErrNoRows) {
		return id, nil
	}
	return into, err
}

// applyEvent makes the rows what an event says; source is why. It says whose patient it was and what became of it.
func (t *tx) applyEvent(ctx context.Context, e CareEvent, source string, key *careKey) (PatientID, string, error) {
	if err := e.check(t.now); err != nil {
		return "", "", err
	}
	if e.Kind == CareMerge {
		return t.applyMerge(ctx, e, source)
	}
	id, err := patientByNumber(ctx, t, e.Number)
	switch {
	case errors.Is(err, ErrNotFound) && e.Visit == nil:
		return "", CareNothing, nil
	case errors.Is(err, ErrNotFound):
		if id, err = t.addTold(ctx, e, key); err != nil {
			return "", "", err
		}
	case err != nil:
		return "", "", err
	default:
		if err := t.renameTold(ctx, id, e); err != nil {
			return "", "", err
		}
	}
	if err := t.patient(ctx, id); err != nil {
		return "", "", err
	}
	if e.Visit == nil {
		return id, CareApplied, nil
	}
	effect, err := t.applyVisit(ctx, id, e, source)
	return id, effect, err
}

// addTold adds a patient that was told of.
func (t *tx) addTold(ctx context.Context, e CareEvent, key *careKey) (PatientID, error) {
	switch {
	case e.Name == "":
		return "", &CareProblem{careRequired, "PID-5", "the patient is not known, and there is no name"}
	case e.BirthDate == "":
		return "", &CareProblem{careRequired, "PID-7", "the patient is not known, and there is no birth date"}
	case key == nil: // erased, or merged, since the key was asked for
		return "", fmt.Errorf("adding patient: %w", ErrConflict)
	}
	if err := t.rootStands(ctx, uint32(key.root)); err != nil {
		return "", err
	}
	res, err := t.ExecContext(ctx, `INSERT INTO patients (id, record_number, name, name_search, birth_date, pseudonym,
		wrapped_key, root_version, created_at, told_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (record_number) DO NOTHING`, key.id, e.Number, e.Name, searchForm(e.Name), e.BirthDate, newID(),
		key.wrapped, key.root, t.now, TimeOf(e.At))
	if err := oneRow(res, err, ErrConflict); err != nil {
		return "", fmt.Errorf("adding patient: %w", err)
	}
	t.detail("added", "yes")
	return key.id, t.tellNumbers(ctx, key.id, e.Numbers)
}

// renameTold changes name and birth date of a patient to what was told, unless something newer was.
func (t *tx) renameTold(ctx context.Context, id PatientID, e CareEvent) error {
	var name, birth string
	var told int64
	err := t.QueryRowContext(ctx, `SELECT name, birth_date, told_at FROM patients WHERE id = $1`, id).Scan(&name, &birth, &told)
	if err != nil {
		return fmt.Errorf("reading patient: %w", absent(err))
	}
	if e.At.UnixMilli() < told {
		return nil
	}
	if e.Name != "" && e.Name != name {
		name = e.Name
		t.detail("renamed", "yes")
	}
	if e.BirthDate != "" && e.BirthDate != birth {
		birth = e.BirthDate
		t.detail("birth_date_changed", "yes")
	}
	err = exactlyOne(ctx, t, "changing patient", `UPDATE patients SET name = $1, name_search = $2, birth_date = $3, told_at = $4
		WHERE id = $5`, name, searchForm(name), birth, TimeOf(e.At), id)
	if err != nil {
		return err
	}
	return t.tellNumbers(ctx, id, e.Numbers)
}

// visitRow is a visit as it is known.
type visitRow struct {
	id     EncounterID
	toldAt int64
	ended  bool
}

func (t *tx) readVisit(ctx context.Context, patient PatientID, number string) (r visitRow, err error) {
	err = t.QueryRowContext(ctx, `SELECT id, told_at, ended_at IS NOT NULL FROM encounters WHERE patient = $1 AND external_id = $2`,
		patient, number).Scan(&r.id, &r.toldAt, &r.ended)
	if errors.Is(err, sql.ErrNoRows) {
		return visitRow{}, nil
	}
	if err != nil {
		return visitRow{}, fmt.Errorf("reading visit: %w", err)
	}
	return r, nil
}

// applyVisit makes a visit, and the ties that follow from it, what an event says.
func (t *tx) applyVisit(ctx context.Context, patient PatientID, e CareEvent, source string) (string, error) {
	c, at := *e.Visit, e.At.UnixMilli()
	r, err := t.readVisit(ctx, patient, c.Number)
	if err != nil {
		return "", err
	}
	if r.id != "" && at < r.toldAt {
		return CareOlder, nil
	}
	w := visitTies{patient: patient, encounter: r.id, source: source, from: min(at, t.now), until: int64(TimeOf(e.TiesUntil))}
	if start := int64(TimeOf(c.Start)); r.id == "" && start != 0 { // told late: it was so since then
		w.from = min(start, w.from)
	}
	switch {
	case e.Kind == CareOut && w.until == 0:
		w.until = w.from
	case e.Kind == CareNever:
		c.Teams, c.Doctors = nil, nil
		w.until = min(at, t.now)
	case e.Kind == CareUpdate && r.ended:
		_, err := t.ExecContext(ctx, `UPDATE encounters SET told_at = $1 WHERE id = $2`, at, r.id)
		return CareApplied, err
	}
	if w.encounter, err = t.writeVisit(ctx, patient, r, e, source); err != nil {
		return "", err
	}
	t.detail("encounter", string(w.encounter))
	if w.teams, err = t.visitTeams(ctx, c.Teams); err != nil {
		return "", err
	}
	if w.people, err = t.visitDoctors(ctx, c.Doctors); err != nil {
		return "", err
	}
	return CareApplied, t.tieVisit(ctx, w)
}

// writeVisit adds the visit's row or changes it.
func (t *tx) writeVisit(ctx context.Context, patient PatientID, r visitRow, e CareEvent, source string) (EncounterID, error) {
	start, end := int64(TimeOf(e.Visit.Start)), int64(0)
	switch e.Kind {
	case CareOut:
		if end = int64(TimeOf(e.Visit.End)); end == 0 {
			end = e.At.UnixMilli()
		}
	case CareNever:
		end = e.At.UnixMilli()
	}
	if r.id == "" {
		if start == 0 {
			start = e.At.UnixMilli()
		}
		id := EncounterID(newID())
		_, err := t.ExecContext(ctx, `INSERT INTO encounters (id, patient, label, started_at, ended_at, external_id, source, told_at)
			VALUES ($1, $2, $3, $4, nullif(CAST($5 AS BIGINT), 0), $6, $7, $8)`, id, patient, e.Visit.Label, start, end, e.Visit.Number, source, TimeOf(e.At))
		if err != nil {
			return "", fmt.Errorf("adding visit: %w", err)
		}
		return id, nil
	}
	err := exactlyOne(ctx, t, "changing visit", `UPDATE encounters SET label = $1, started_at = CASE WHEN CAST($2 AS BIGINT) > 0 THEN $2 ELSE started_at END,
		ended_at = nullif(CAST($3 AS BIGINT), 0), told_at = $4 WHERE id = $5`, e.Visit.Label, start, end, TimeOf(e.At), r.id)
	return r.id, err
}

// visitTeams finds the teams of a visit, and makes those that are not there. One that was ended stays so.
func (t *tx) visitTeams(ctx context.Context, names []string) (ids []TeamID, err error) {
	for _, name := range names {
		id, err := t.ensureTeam(ctx, name)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// visitDoctors finds people by their external ID or login; who is gone is tied to nobody.
func (t *tx) visitDoctors(ctx context.Context, names []string) (ids []PersonID, err error) {
	for _, name := range names {
		found, err := list(ctx, t, scanOne[PersonID], `SELECT id FROM people WHERE (external_id = $1 OR login = $2) AND disabled_at IS NULL
			AND (valid_until IS NULL OR valid_until > $3) ORDER BY CASE WHEN external_id = $1 THEN 0 ELSE 1 END, id LIMIT 1`,
			name, strings.ToLower(name), t.now)
		if err != nil {
			return nil, fmt.Errorf("finding doctor: %w", err)
		}
		for _, id := range found {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

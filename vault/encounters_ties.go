package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// visitTies is who is to be tied to a patient because of a visit: from a time on, and until another where that is not
// zero. What followed from the visit before and is not wanted any more ends.
type visitTies struct {
	patient     PatientID
	encounter   EncounterID
	source      string
	from, until int64
	teams       []TeamID
	people      []PersonID
}

// visitTie is one tie that follows from a visit.
type visitTie struct {
	row     string // of team_patients
	who     string // team or person
	started int64
}

// tieVisit makes the ties what is wanted.
func (t *tx) tieVisit(ctx context.Context, w visitTies) error {
	if err := t.tieTeams(ctx, w); err != nil {
		return err
	}
	return t.tieDoctors(ctx, w)
}

// liveTies reads the ties of the visit that are not over; what a discharge ended lately may be opened again.
func (t *tx) liveTies(ctx context.Context, query string, w visitTies) ([]visitTie, error) {
	have, err := list(ctx, t, func(rows *sql.Rows) (x visitTie, err error) {
		return x, rows.Scan(&x.row, &x.who, &x.started)
	}, query, w.encounter, w.patient, t.now)
	if err != nil {
		return nil, fmt.Errorf("reading ties: %w", err)
	}
	return have, nil
}

// tiedBefore tells whether a tie that is over already is known as it is: what is told twice is not written twice.
func (t *tx) tiedBefore(ctx context.Context, w visitTies, query, who string) (bool, error) {
	if w.until == 0 || w.until > t.now {
		return false, nil
	}
	err := holds(ctx, t, query, w.encounter, w.patient, who, w.until)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (t *tx) tieTeams(ctx context.Context, w visitTies) error {
	have, err := t.liveTies(ctx, `SELECT id, team, started_at FROM team_patients WHERE encounter = $1 AND patient = $2
		AND (ended_at IS NULL OR ended_at > $3)`, w)
	if err != nil {
		return err
	}
	missing := slices.Clone(w.teams)
	for _, x := range have {
		until := max(w.from, x.started)
		if slices.Contains(w.teams, TeamID(x.who)) {
			if until = w.until; until != 0 {
				until = max(until, x.started)
			}
			missing = slices.DeleteFunc(missing, func(id TeamID) bool { return string(id) == x.who })
		}
		err := exactlyOne(ctx, t, "changing tie", `UPDATE team_patients SET ended_at = nullif(CAST($1 AS BIGINT), 0) WHERE id = $2`, until, x.row)
		if err != nil {
			return err
		}
	}
	for _, id := range missing {
		known, err := t.tiedBefore(ctx, w, `SELECT count(*) FROM team_patients WHERE encounter = $1 AND patient = $2 AND team = $3 AND ended_at = $4`, string(id))
		if err != nil {
			return err
		}
		if known {
			continue
		}
		_, err = t.ExecContext(ctx, `INSERT INTO team_patients (id, team, patient, encounter, source, started_at, ended_at)
			VALUES ($1, $2, $3, $4, $5, $6, nullif(CAST($7 AS BIGINT), 0))`, newID(), id, w.patient, w.encounter, w.source, w.from, w.until)
		if err != nil {
			return fmt.Errorf("tying team: %w", err)
		}
	}
	return nil
}

func (t *tx) tieDoctors(ctx context.Context, w visitTies) error {
	have, err := t.liveTies(ctx, `SELECT '', person, started_at FROM care_team WHERE encounter = $1 AND patient = $2
		AND (ended_at IS NULL OR ended_at > $3)`, w)
	if err != nil {
		return err
	}
	missing := slices.Clone(w.people)
	for _, x := range have {
		until := max(w.from, x.started)
		if slices.Contains(w.people, PersonID(x.who)) {
			if until = w.until; until != 0 {
				until = max(until, x.started)
			}
			missing = slices.DeleteFunc(missing, func(id PersonID) bool { return string(id) == x.who })
		}
		err := exactlyOne(ctx, t, "changing tie", `UPDATE care_team SET ended_at = nullif(CAST($1 AS BIGINT), 0) WHERE patient = $2 AND person = $3
			AND started_at = $4`, until, w.patient, x.who, x.started)
		if err != nil {
			return err
		}
	}
	for _, id := range missing {
		known, err := t.tiedBefore(ctx, w, `SELECT count(*) FROM care_team WHERE encounter = $1 AND patient = $2 AND person = $3 AND ended_at = $4`, string(id))
		if err != nil {
			return err
		}
		if known {
			continue
		}
		_, err = t.ExecContext(ctx, `INSERT INTO care_team (patient, person, started_at, ended_at, source, encounter)
			VALUES ($1, $2, $3, nullif(CAST($4 AS BIGINT), 0), $5, $6) ON CONFLICT (patient, person, started_at) DO UPDATE
			SET ended_at = excluded.ended_at, source = excluded.source, encounter = excluded.encounter WHERE care_team.source <> 'local'
			AND care_team.ended_at IS NOT NULL`, w.patient, id, w.from, w.until, w.source, w.encounter)
		if err != nil {
			return fmt.Errorf("tying doctor: %w", err)
		}
	}
	return nil
}

package vault

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// MaxImport bounds the rows of one import.
const MaxImport = 20_000

// ImportRow is one line of an import with the number of that line, for errors.
type ImportRow struct {
	Line   int
	Event  CareEvent  // of a patient
	Member TeamMember // of a team: Login, StartedAt, EndedAt
	Team   string     // the team's name; empty for a patient
}

// String keeps patients out of logs.
func (ImportRow) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (ImportRow) GoString() string { return "[redacted]" }

// Imported says what an import did, or would do.
type Imported struct {
	Rows     int `json:"rows"`
	Patients int `json:"patients"` // added
	Visits   int `json:"visits"`   // added
	Teams    int `json:"teams"`    // made
	Members  int `json:"members"`  // memberships begun
	Ties     int `json:"ties"`     // of teams and doctors to patients, begun
}

// LineError says which line of an import cannot be done. Its text holds no value.
type LineError struct {
	Line int
	Err  error
}

// Error is the line's number and the cause.
func (e *LineError) Error() string { return "line " + strconv.Itoa(e.Line) + ": " + e.Err.Error() }

// Unwrap is the cause.
func (e *LineError) Unwrap() error { return e.Err }

// ImportCare does what the rows say, all or nothing: patients with their visits, and the people of teams. What is there
// already stays, so the same import twice changes nothing more. A dry run does it all and then undoes it. Errors: a
// *LineError, ErrTooLarge over MaxImport rows, ErrDenied.
func (v *Vault) ImportCare(ctx context.Context, a Actor, rows []ImportRow, dryRun bool) (Imported, error) {
	keys, err := v.importKeys(ctx, a, rows)
	if err != nil {
		return Imported{}, err
	}
	var out Imported
	err = v.do(ctx, a, actImportCare, object{Kind: "vault"}, func(t *tx) error {
		before, err := t.countCare(ctx)
		if err != nil {
			return err
		}
		if dryRun {
			if _, err := t.ExecContext(ctx, `SAVEPOINT dry_run`); err != nil {
				return fmt.Errorf("beginning dry run: %w", err)
			}
		}
		for _, r := range rows {
			if err := t.importRow(ctx, r, keys); err != nil {
				return &LineError{r.Line, err}
			}
		}
		after, err := t.countCare(ctx)
		if err != nil {
			return err
		}
		out = after.less(before)
		out.Rows = len(rows)
		if dryRun {
			if _, err := t.ExecContext(ctx, `ROLLBACK TO SAVEPOINT dry_run`); err != nil {
				return fmt.Errorf("undoing dry run: %w", err)
			}
		}
		t.entry.Patient, t.entry.Detail = "", nil // of all, not of the last
		t.detail("dry_run", yesNo(dryRun))
		t.detail("rows", strconv.Itoa(out.Rows))
		t.detail("patients", strconv.Itoa(out.Patients))
		return nil
	})
	if err != nil {
		return Imported{}, err
	}
	return out, nil
}

// importKeys makes the keys of the patients who are to be added, before the transaction.
func (v *Vault) importKeys(ctx context.Context, a Actor, rows []ImportRow) (map[string]*careKey, error) {
	err := v.quietly(ctx, a, actImportCare, object{Kind: "vault"}, func(*tx) error {
		if len(rows) > MaxImport {
			return fmt.Errorf("an import of more than %d rows: %w", MaxImport, ErrTooLarge)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	keys := map[string]*careKey{}
	for _, r := range rows {
		if r.Team != "" || keys[r.Event.Number] != nil {
			continue
		}
		if keys[r.Event.Number], err = v.careKeyFor(ctx, r.Event.Number); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (t *tx) importRow(ctx context.Context, r ImportRow, keys map[string]*careKey) error {
	if r.Team != "" {
		return t.importMember(ctx, r)
	}
	if r.Event.Visit == nil {
		return t.importPatient(ctx, r.Event, keys[r.Event.Number])
	}
	_, _, err := t.applyEvent(ctx, r.Event, careImport, keys[r.Event.Number])
	return err
}

// importPatient adds a patient without a visit, or changes name and birth date.
func (t *tx) importPatient(ctx context.Context, e CareEvent, key *careKey) error {
	if err := e.check(t.now); err != nil {
		return err
	}
	id, err := patientByNumber(ctx, t, e.Number)
	if errors.Is(err, ErrNotFound) {
		_, err = t.addTold(ctx, e, key)
		return err
	}
	if err != nil {
		return err
	}
	return t.renameTold(ctx, id, e)
}

func (t *tx) importMember(ctx context.Context, r ImportRow) error {
	var who PersonID
	err := t.QueryRowContext(ctx, `SELECT id FROM people WHERE login = $1 AND disabled_at IS NULL`, r.Member.Login).Scan(&who)
	if err = absent(err); errors.Is(err, ErrNotFound) {
		return fmt.Errorf("nobody has this login: %w", ErrInvalid)
	}
	if err != nil {
		return err
	}
	team, err := t.ensureTeam(ctx, r.Team)
	if err != nil {
		return err
	}
	from, until := r.Member.StartedAt.Std(), r.Member.EndedAt.Std()
	if from.IsZero() {
		from = time.UnixMilli(t.now)
	}
	if !until.IsZero() && !until.After(from) {
		return fmt.Errorf("the membership ends before it starts: %w", ErrInvalid)
	}
	return t.joinTeam(ctx, team, who, memberLocal, from.UnixMilli(), int64(TimeOf(until)))
}

// countCare counts what an import can add.
func (t *tx) countCare(ctx context.Context) (n Imported, err error) {
	err = t.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM patients), (SELECT count(*) FROM encounters), (SELECT count(*) FROM teams),
		(SELECT count(*) FROM team_members), (SELECT count(*) FROM team_patients) + (SELECT count(*) FROM care_team)`).
		Scan(&n.Patients, &n.Visits, &n.Teams, &n.Members, &n.Ties)
	if err != nil {
		return Imported{}, fmt.Errorf("counting: %w", err)
	}
	return n, nil
}

func (n Imported) less(before Imported) Imported {
	return Imported{Patients: n.Patients - before.Patients, Visits: n.Visits - before.Visits, Teams: n.Teams - before.Teams,
		Members: n.Members - before.Members, Ties: n.Ties - before.Ties}
}

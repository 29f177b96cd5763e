package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// NewPatient is what AddPatient needs: the hospital's record number (1 to 32 characters, unique), the name (1 to 120)
// and the birth date as YYYY-MM-DD.
type NewPatient struct {
	RecordNumber string
	Name         string
	BirthDate    string
}

// String keeps patients out of logs.
func (NewPatient) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (NewPatient) GoString() string { return "[redacted]" }

// Patient is a patient as somebody who may know of them sees them.
type Patient struct {
	ID           PatientID   `json:"id"`
	RecordNumber string      `json:"record_number"`
	Name         string      `json:"name"`
	BirthDate    string      `json:"birth_date"`
	Encounters   []Encounter `json:"encounters"`
}

// Encounter is one visit or stay, newest first in a Patient. EndedAt is zero while it lasts.
type Encounter struct {
	ID        EncounterID `json:"id"`
	Label     string      `json:"label"`
	StartedAt Time        `json:"started_at"`
	EndedAt   Time        `json:"ended_at"`
}

// String keeps patients out of logs.
func (Patient) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (Patient) GoString() string { return "[redacted]" }

const (
	maxFound   = 50  // patients in one answer
	maxQuery   = 120 // characters
	birthShape = "2006-01-02"
)

// AddPatient adds a patient with a key of their own and a random pseudonym for the log.
// Errors: ErrInvalid, ErrConflict when the record number is known, ErrDenied.
func (v *Vault) AddPatient(ctx context.Context, a Actor, n NewPatient) (PatientID, error) {
	id := PatientID(newID())
	_, birth := time.Parse(birthShape, n.BirthDate)
	var wrong error
	if !isLine(n.RecordNumber, 32) || !isLine(n.Name, 120) || birth != nil {
		wrong = say(ErrInvalid, "A patient needs a record number, a name and a birth date as YYYY-MM-DD.")
	}
	wrapped, version, err := v.newPatientKey(ctx, id)
	if err != nil {
		return "", err
	}
	pseudonym := newID()
	err = v.do(ctx, a, actAddPatient, object{Kind: "patient", ID: string(id)}, func(t *tx) error {
		if wrong != nil {
			return wrong
		}
		if err := t.rootStands(ctx, uint32(version)); err != nil {
			return err
		}
		if err := t.freeNumber(ctx, n.RecordNumber); err != nil {
			return err
		}
		res, err := t.ExecContext(ctx, `INSERT INTO patients (id, record_number, name, name_search, birth_date, pseudonym,
			wrapped_key, root_version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (record_number) DO NOTHING`, id, n.RecordNumber, n.Name, searchForm(n.Name), n.BirthDate, pseudonym,
			wrapped, version, t.now)
		if err := oneRow(res, err, say(ErrConflict, "This record number is known already.")); err != nil {
			return fmt.Errorf("adding patient: %w", err)
		}
		return t.patient(ctx, id)
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// freeNumber refuses a record number that leads to a patient whose records were merged.
func (t *tx) freeNumber(ctx context.Context, number string) error {
	err := holds(ctx, t, `SELECT count(*) FROM patient_aliases WHERE record_number = $1`, number)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		err = say(ErrConflict, "This record number is known already.")
	}
	return err
}

// searchForm is a name in small letters without anything but letters, digits and single spaces.
func searchForm(name string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return ' '
	}, name)
	return strings.Join(strings.Fields(plain), " ")
}

// AddEncounter adds a visit or stay that began at start. Label has 1 to 120 characters. Errors: ErrInvalid, ErrNotFound.
func (v *Vault) AddEncounter(ctx context.Context, a Actor, id PatientID, label string, start time.Time) (EncounterID, error) {
	enc := EncounterID(newID())
	err := v.do(ctx, a, actAddEncounter, onPatient(id), func(t *tx) error {
		if !isLine(label, 120) || start.IsZero() {
			return say(ErrInvalid, "An encounter needs a label and a start.")
		}
		if err := patientExists(ctx, t, id); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `INSERT INTO encounters (id, patient, label, started_at) VALUES ($1, $2, $3, $4)`,
			enc, id, label, TimeOf(start))
		if err != nil {
			return fmt.Errorf("adding encounter: %w", err)
		}
		t.detail("encounter", string(enc))
		return nil
	})
	if err != nil {
		return "", err
	}
	return enc, nil
}

func patientExists(ctx context.Context, t *tx, id PatientID) error {
	return holds(ctx, t, `SELECT count(*) FROM patients WHERE id = $1 AND erased_at IS NULL AND merged_into IS NULL`, id)
}

// JoinCareTeam names a person for a patient from a time on: they see and photograph them, also when a team or a delegation
// that ties them as well is over. Who is named already, without an end, stays so.
// Errors: ErrNotFound for an unknown patient or person.
func (v *Vault) JoinCareTeam(ctx context.Context, a Actor, id PatientID, who PersonID, from time.Time) error {
	return v.do(ctx, a, actJoinCareTeam, careTie(id, who), func(t *tx) error {
		if err := patientExists(ctx, t, id); err != nil {
			return err
		}
		if err := holds(ctx, t, `SELECT count(*) FROM people WHERE id = $1 AND disabled_at IS NULL`, who); err != nil {
			return err
		}
		err := holds(ctx, t, `SELECT count(*) FROM care_team WHERE patient = $1 AND person = $2 AND started_at <= $3 AND ended_at IS NULL`,
			id, who, max(t.now, from.UnixMilli()))
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO care_team (patient, person, started_at) VALUES ($1, $2, $3)
			ON CONFLICT (patient, person, started_at) DO UPDATE SET ended_at = NULL`, id, who, TimeOf(from))
		if err != nil {
			return fmt.Errorf("joining care team: %w", err)
		}
		return nil
	})
}

// LeaveCareTeam ends a person's ties to a patient now; they are out at their next call. No tie is not an error.
func (v *Vault) LeaveCareTeam(ctx context.Context, a Actor, id PatientID, who PersonID) error {
	return v.do(ctx, a, actLeaveCareTeam, careTie(id, who), func(t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE care_team SET ended_at = $1 WHERE patient = $2 AND person = $3
			AND (ended_at IS NULL OR ended_at > $1)`, t.now, id, who)
		if err != nil {
			return fmt.Errorf("leaving care team: %w", err)
		}
		return nil
	})
}

func careTie(id PatientID, who PersonID) object {
	on := onPatient(id)
	on.Person = who
	return on
}

// FindPatients finds patients by the start of a record number or by parts of the name, at most 50, by name; an empty
// query finds all one may know of. A clinician finds the patients of their care team, records those with an approved
// photo, privacy everyone. The query itself is not logged. Errors: ErrInvalid, ErrDenied.
func (v *Vault) FindPatients(ctx context.Context, a Actor, query string) ([]Patient, error) {
	var out []Patient
	err := v.do(ctx, a, actFindPatients, object{Kind: "patient"}, func(t *tx) error {
		if query != "" && !isLine(strings.TrimSpace(query), maxQuery) {
			return say(ErrInvalid, "Search by a name or a record number.")
		}
		roles, err := rolesOf(ctx, t, a.person)
		if err != nil {
			return err
		}
		if out, err = findPatients(ctx, t, a.person, roles, strings.TrimSpace(query)); err != nil {
			return fmt.Errorf("finding patients: %w", err)
		}
		t.detail("found", fmt.Sprint(len(out)))
		return addEncounters(ctx, t, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// findPatients asks for those of any of the roles.
func findPatients(ctx context.Context, t *tx, who PersonID, roles []Role, query string) ([]Patient, error) {
	number, name := like(strings.ToLower(query))+"%", "%"+like(searchForm(query))+"%"
	if query != "" && searchForm(query) == "" {
		name = "" // nothing but marks: no name is like it
	}
	args := []any{number, name}
	var known []string
	if slices.Contains(roles, RoleClinician) {
		args = append(args, who, t.now)
		known = append(known, tieSQL("$3", "p.id", "$4"))
	}
	if slices.Contains(roles, RoleRecords) {
		known = append(known, hasReleased)
	}
	if slices.Contains(roles, RolePrivacy) {
		known = append(known, "p.id = p.id")
	}
	return list(ctx, t, scanPatient, patientColumns+`WHERE (lower(p.record_number) LIKE $1 ESCAPE '!'
		OR p.name_search LIKE $2 ESCAPE '!' OR EXISTS (SELECT 1 FROM patient_aliases o WHERE o.patient = p.id
		AND lower(o.record_number) LIKE $1 ESCAPE '!')) AND p.erased_at IS NULL AND p.merged_into IS NULL AND (`+strings.Join(known, " OR ")+`)
		ORDER BY p.name, p.id LIMIT `+fmt.Sprint(maxFound), args...)
}

const (
	patientColumns = `SELECT p.id, p.record_number, p.name, p.birth_date FROM patients p `
	hasReleased    = `EXISTS (SELECT 1 FROM photos f WHERE f.patient = p.id AND f.state = 'approved' AND ` + forRecordsSQL + `)`
)

// like escapes a text for LIKE … ESCAPE '!'.
func like(s string) string { return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s) }

func scanPatient(rows *sql.Rows) (p Patient, err error) {
	return p, rows.Scan(&p.ID, &p.RecordNumber, &p.Name, &p.BirthDate)
}

// addEncounters reads the encounters of each patient.
func addEncounters(ctx context.Context, t querier, patients []Patient) error {
	for i := range patients {
		var err error
		patients[i].Encounters, err = list(ctx, t, func(rows *sql.Rows) (e Encounter, err error) {
			return e, rows.Scan(&e.ID, &e.Label, &e.StartedAt, &e.EndedAt)
		}, `SELECT id, label, started_at, coalesce(ended_at, 0) FROM encounters WHERE patient = $1
			ORDER BY started_at DESC, id`, patients[i].ID)
		if err != nil {
			return fmt.Errorf("reading encounters: %w", err)
		}
	}
	return nil
}

// Patient reads one patient with encounters. Errors: ErrNotFound, ErrDenied.
func (v *Vault) Patient(ctx context.Context, a Actor, id PatientID) (Patient, error) {
	var p Patient
	err := v.do(ctx, a, actReadPatient, onPatient(id), func(t *tx) error {
		found, err := list(ctx, t, scanPatient, patientColumns+`WHERE p.id = $1`, id)
		if err == nil && len(found) == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("reading patient: %w", err)
		}
		if err := addEncounters(ctx, t, found); err != nil {
			return err
		}
		p = found[0]
		return nil
	})
	if err != nil {
		return Patient{}, err
	}
	return p, nil
}

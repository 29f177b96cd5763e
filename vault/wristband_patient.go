package vault

import (
	"context"
	"errors"
	"fmt"
)

// BandNumber is a number of a patient that a wristband may carry beside the record number: BandGSRN or BandNHS.
type BandNumber struct {
	Kind  BandKind `json:"kind"`
	Value string   `json:"value"`
}

// String keeps patients out of logs.
func (BandNumber) String() string { return "[redacted]" }

// GoString keeps patients out of logs.
func (BandNumber) GoString() string { return "[redacted]" }

const maxBandNumbers = 8 // told at once

// checkNumbers says which number cannot be one.
func checkNumbers(numbers []BandNumber) error {
	if len(numbers) > maxBandNumbers {
		return &CareProblem{careDataType, "PID-3", "too many numbers for one patient"}
	}
	for _, n := range numbers {
		switch {
		case n.Kind == BandGSRN && (len(n.Value) != 18 || !gs1Check(n.Value)):
			return &CareProblem{careDataType, "PID-3", "a GSRN has 18 digits, and the last is their check digit"}
		case n.Kind == BandNHS && !nhsCheck(n.Value):
			return &CareProblem{careDataType, "PID-3", "an NHS number has ten digits, and the last is their check digit"}
		case n.Kind != BandGSRN && n.Kind != BandNHS:
			return &CareProblem{careDataType, "PID-3", "this kind of number is not read"}
		}
	}
	return nil
}

// tellNumbers gives a patient the numbers that were told. A person has one NHS number, and a new one replaces it; a hospital
// may give another GSRN at each stay. Whoever's number it is already keeps it, and the event cannot be applied.
func (t *tx) tellNumbers(ctx context.Context, id PatientID, numbers []BandNumber) error {
	for _, n := range numbers {
		whose, err := patientByBand(ctx, t, Band{Kind: n.Kind, Value: n.Value})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if whose == id {
			continue
		}
		if whose != "" {
			return &CareProblem{careDuplicate, "PID-3", "another patient has this number: one of both records is wrong"}
		}
		if n.Kind == BandNHS {
			_, err := t.ExecContext(ctx, `DELETE FROM patient_identifiers WHERE patient = $1 AND kind = $2`, id, n.Kind)
			if err != nil {
				return fmt.Errorf("replacing a number: %w", err)
			}
		}
		_, err = t.ExecContext(ctx, `INSERT INTO patient_identifiers (kind, value, patient, since) VALUES ($1, $2, $3, $4)`,
			n.Kind, n.Value, id, t.now)
		if err != nil {
			return fmt.Errorf("adding a number: %w", err)
		}
		t.detail("numbered", string(n.Kind))
	}
	return nil
}

// patientByBand finds the patient whom a band names. Errors: ErrNotFound.
func patientByBand(ctx context.Context, q querier, b Band) (id PatientID, err error) {
	if b.Kind == BandRecord {
		return patientByNumber(ctx, q, b.Value)
	}
	err = q.QueryRowContext(ctx, `SELECT i.patient FROM patient_identifiers i JOIN patients p ON p.id = i.patient
		WHERE i.kind = $1 AND i.value = $2 AND p.erased_at IS NULL AND p.merged_into IS NULL`, b.Kind, b.Value).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("finding patient: %w", absent(err))
	}
	return id, nil
}

// notTheirs is what somebody is told who scans the band of a patient whom they do not treat, or of nobody.
const notTheirs = "This is not one of your patients. Ask the ward to add you to their team, or break the glass."

// ScanPatient finds the patient whose wristband was scanned: symbology and text as for ParseBand. A clinician finds the
// patients of their care team, and those for whom they broke the glass; whoever else wears the band, or nobody, the answer
// is the same. Errors: ErrInvalid with a sentence that says what the code is instead, ErrNotFound, ErrDenied.
func (v *Vault) ScanPatient(ctx context.Context, a Actor, symbology, text string) (Patient, error) {
	band, wrong := ParseBand(symbology, text, v.cfg.PlainBands)
	on := object{Kind: "patient"}
	if wrong == nil {
		id, err := patientByBand(ctx, v.db, band)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Patient{}, dbError(err)
		}
		if id != "" {
			on = onPatient(id)
		}
	}
	var p Patient
	err := v.do(ctx, a, actScanPatient, on, func(t *tx) error {
		if wrong != nil {
			return wrong
		}
		t.detail("band", string(band.Kind))
		now, err := patientByBand(ctx, t, band) // merged or renumbered this moment, the band leads to nobody they were asked about
		if err == nil && now != on.Patient {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		found, err := list(ctx, t, scanPatient, patientColumns+`WHERE p.id = $1`, now)
		if err != nil || len(found) == 0 {
			return errors.Join(err, fmt.Errorf("reading patient: %w", ErrNotFound))
		}
		if err := addEncounters(ctx, t, found); err != nil {
			return err
		}
		p = found[0]
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return Patient{}, say(ErrNotFound, notTheirs)
	}
	if err != nil {
		return Patient{}, err
	}
	return p, nil
}

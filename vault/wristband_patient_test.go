package vault_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// Numbers of the demonstration prefix 950, and invented NHS numbers, all with their check digits.
const (
	gsrnOne = "950110123456700172"
	gsrnTwo = "950110153000040126"
	nhsOne  = "9990123454"
	nhsTwo  = "9990123462"
)

func numbers(pairs ...string) func(*vault.CareEvent) {
	return func(e *vault.CareEvent) {
		for i := 0; i < len(pairs); i += 2 {
			e.Numbers = append(e.Numbers, vault.BandNumber{Kind: vault.BandKind(pairs[i]), Value: pairs[i+1]})
		}
	}
}

func (w *world) scan(a vault.Actor, symbology, text string) (vault.Patient, error) {
	return w.V.ScanPatient(w.t.Context(), a, symbology, text)
}

// scans tells whether a person finds a patient by a band.
func (w *world) scans(a vault.Actor, symbology, text string, want vault.PatientID) {
	w.t.Helper()
	p, err := w.scan(a, symbology, text)
	if want == "" {
		wants(w.t, "scanning", err, vault.ErrNotFound)
		return
	}
	if err != nil || p.ID != want {
		w.t.Errorf("%s scans %s: got patient %s, %v, want %s", a.Name(), symbology, p.ID, err, want)
	}
}

// TestScanPatient: a band leads to its patient for those who treat them, and to nobody for everybody else, in the same words.
func TestScanPatient(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := w.feeder()
		f.ward("Ward 3B", "author")
		f.must(f.told(vault.CareIn, "ADM-1", "V1", numbers("gsrn", gsrnOne, "nhs", nhsOne)))
		known, _ := f.found(w.privacy, "ADM-1")
		w.scans(w.author, "]d2", "8018"+gsrnOne, known.ID)
		w.scans(w.author, "]C1", "8018"+gsrnOne+"\x1d80193", known.ID)
		w.scans(w.author, "]C0", "ADM-1", known.ID)
		w.scans(w.author, "", "]d28018"+gsrnOne, known.ID)
		w.scans(w.outsider, "]d2", "8018"+gsrnOne, "")
		w.scans(w.author, "]d2", "8018"+gsrnTwo, "")
		_, others := w.scan(w.outsider, "]d2", "8018"+gsrnOne)
		_, nobodys := w.scan(w.outsider, "]d2", "8018"+gsrnTwo)
		if others.Error() != nobodys.Error() {
			t.Errorf("somebody else's band: %q, nobody's: %q", others, nobodys)
		}
		var told interface{ Sentence() string }
		if !errors.As(others, &told) || !strings.Contains(told.Sentence(), "not one of your patients") {
			t.Errorf("refusal without its sentence: %v", others)
		}
		must(w.V.BreakGlass(t.Context(), w.outsider, vault.Emergency{RecordNumber: "ADM-1", BirthDate: "1961-02-03", Reason: "found unconscious"}))(t)
		w.scans(w.outsider, "]d2", "8018"+gsrnOne, known.ID)
		_, err := w.scan(w.author, "]d2", "010950600013435217280131")
		wants(t, "a medicine", err, vault.ErrInvalid)
		_, err = w.scan(w.records, "]d2", "8018"+gsrnOne)
		wants(t, "records", err, vault.ErrDenied)
		if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'patient.read_band' AND entry LIKE '%` + gsrnOne + `%'`); n != 0 {
			t.Errorf("%d events hold the number", n)
		}
		w.verified()
	})
}

// TestPlainBandsAreConfigured: where bands carry NHS numbers, a plain code is one.
func TestPlainBandsAreConfigured(t *testing.T) {
	w := newWorld(t)
	f := w.feeder()
	f.ward("Ward 3B", "author")
	f.must(f.told(vault.CareIn, "ADM-1", "V1", numbers("nhs", nhsOne)))
	_, err := w.scan(w.author, "]C0", nhsOne)
	wants(t, "an NHS number where nothing is configured", err, vault.ErrInvalid)
	known, _ := f.found(w.privacy, "ADM-1")
	w.Cfg.PlainBands = vault.PlainBands(vault.BandNHS)
	w.Reopen(t)
	w.scans(w.author, "]C0", nhsOne, known.ID)
	w.scans(w.author, "]C0", nhsTwo, "")
	_, err = w.scan(w.author, "]C0", "ADM-1")
	wants(t, "a record number where bands carry NHS numbers", err, vault.ErrInvalid)
}

// TestNumbersTold: a number is one patient's, a wrong one changes nothing, and a new NHS number replaces the old.
func TestNumbersTold(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := w.feeder()
		f.ward("Ward 3B", "author")
		f.must(f.told(vault.CareIn, "ADM-1", "V1", numbers("gsrn", gsrnOne, "nhs", nhsOne)))
		f.must(f.told(vault.CareUpdate, "ADM-1", "V1", numbers("gsrn", gsrnOne)))
		first, _ := f.found(w.privacy, "ADM-1")
		taken := f.send(f.told(vault.CareIn, "ADM-2", "V2", numbers("gsrn", gsrnOne)))
		var problem *vault.CareProblem
		if !errors.As(taken, &problem) || problem.Code != "205" || problem.Place != "PID-3" || strings.Contains(taken.Error(), gsrnOne) {
			t.Errorf("another patient's number: got %v, want 205 at PID-3 without it", taken)
		}
		if _, known := f.found(w.privacy, "ADM-2"); known {
			t.Error("the refused message added its patient")
		}
		for name, change := range map[string]func(*vault.CareEvent){
			"GSRN with a wrong check digit": numbers("gsrn", gsrnOne[:17]+"0"),
			"GSRN cut":                      numbers("gsrn", gsrnOne[:17]),
			"NHS with a wrong check digit":  numbers("nhs", nhsOne[:9]+"0"),
			"another kind":                  numbers("record_number", "X"),
			"too many":                      numbers("nhs", nhsOne, "nhs", nhsOne, "nhs", nhsOne, "nhs", nhsOne, "nhs", nhsOne, "nhs", nhsOne, "nhs", nhsOne, "nhs", nhsOne, "nhs", nhsOne),
		} {
			err := f.send(f.told(vault.CareIn, "ADM-3", "V3", change))
			if !errors.As(err, &problem) || problem.Code != "102" || problem.Place != "PID-3" {
				t.Errorf("%s: got %v, want 102 at PID-3", name, err)
			}
		}
		f.must(f.told(vault.CareIn, "ADM-1", "V1", numbers("gsrn", gsrnTwo, "nhs", nhsTwo)))
		w.scans(w.author, "]d2", "8018"+gsrnOne, first.ID)
		w.scans(w.author, "]d2", "8018"+gsrnTwo, first.ID)
		if got := w.texts(`SELECT value FROM patient_identifiers WHERE kind = 'nhs'`); len(got) != 1 || got[0] != nhsTwo {
			t.Errorf("%d NHS numbers, want the new one alone", len(got))
		}
		late := f.told(vault.CareUpdate, "ADM-1", "V1", numbers("nhs", nhsOne))
		late.At = late.At.Add(-24 * time.Hour)
		f.must(late)
		if got := w.texts(`SELECT value FROM patient_identifiers WHERE kind = 'nhs'`); len(got) != 1 || got[0] != nhsTwo {
			t.Error("an older message changed the number")
		}
	})
}

// TestMergeMovesNumbers: the bands of both records lead to the patient who stays, at once.
func TestMergeMovesNumbers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := w.feeder()
		f.ward("Ward 3B", "author")
		f.must(f.told(vault.CareIn, "ADM-1", "V1", numbers("gsrn", gsrnOne)))
		f.must(f.told(vault.CareIn, "ADM-2", "V2", numbers("gsrn", gsrnTwo)))
		stays, _ := f.found(w.privacy, "ADM-2")
		f.merge("ADM-1", "ADM-2")
		for _, text := range []string{"8018" + gsrnOne, "8018" + gsrnTwo} {
			w.scans(w.author, "]d2", text, stays.ID)
		}
		w.Work(t)
		w.scans(w.author, "]d2", "8018"+gsrnOne, stays.ID)
		w.scans(w.author, "]C0", "ADM-1", stays.ID)
	})
}

// TestErasureForgetsNumbers: what a band carried is gone with the patient, and may be another's.
func TestErasureForgetsNumbers(t *testing.T) {
	w := newWorld(t)
	ctx, f := t.Context(), w.feeder()
	f.ward("Ward 3B", "author")
	f.must(f.told(vault.CareIn, "ADM-1", "V1", numbers("gsrn", gsrnOne, "nhs", nhsOne)))
	known, _ := f.found(w.privacy, "ADM-1")
	id := must(w.V.AskErasure(ctx, w.records, known.ID, "", "request of the patient"))(t)
	ok(t, w.V.SignErasure(ctx, w.privacy, id))
	w.Work(t)
	for table, text := range w.dump() {
		if strings.Contains(text, gsrnOne) || strings.Contains(text, nhsOne) {
			t.Errorf("table %s still holds a number", table)
		}
	}
	w.scans(w.author, "]d2", "8018"+gsrnOne, "")
	f.must(f.told(vault.CareIn, "ADM-9", "V9", numbers("gsrn", gsrnOne)))
	other, _ := f.found(w.privacy, "ADM-9")
	w.scans(w.author, "]d2", "8018"+gsrnOne, other.ID)
}

// TestImportNumbers: a row of an import may name numbers, and a wrong one undoes it all.
func TestImportNumbers(t *testing.T) {
	w := newWorld(t)
	row := func(line int, number string, change func(*vault.CareEvent)) vault.ImportRow {
		e := vault.CareEvent{Kind: vault.CareUpdate, At: w.Clock.Now(), Number: number, Name: "Sample Import", BirthDate: "1950-01-01"}
		change(&e)
		return vault.ImportRow{Line: line, Event: e}
	}
	_, err := w.V.ImportCare(t.Context(), vault.Operator(), []vault.ImportRow{row(2, "IMP-1", numbers("gsrn", gsrnOne)), row(3, "IMP-2", numbers("gsrn", gsrnOne))}, false)
	var line *vault.LineError
	if !errors.As(err, &line) || line.Line != 3 || w.count(`SELECT count(*) FROM patient_identifiers`) != 0 {
		t.Errorf("one number twice: got %v, want line 3 and nothing done", err)
	}
	must(w.V.ImportCare(t.Context(), vault.Operator(), []vault.ImportRow{row(2, "IMP-1", numbers("gsrn", gsrnOne)), row(3, "IMP-2", numbers("nhs", nhsOne))}, false))(t)
	p := must(w.V.FindPatients(t.Context(), w.privacy, "IMP-1"))(t)[0]
	ok(t, w.V.JoinCareTeam(t.Context(), vault.Operator(), p.ID, w.author.Person(), w.Clock.Now()))
	w.scans(w.author, "]d2", "8018"+gsrnOne, p.ID)
}

// TestScanIsLogged: each scan is written down, found or refused, with the kind of the number and never the number.
func TestScanIsLogged(t *testing.T) {
	w := newWorld(t)
	f := w.feeder()
	f.ward("Ward 3B", "author")
	f.must(f.told(vault.CareIn, "ADM-1", "V1", numbers("gsrn", gsrnOne)))
	known, _ := f.found(w.privacy, "ADM-1")
	events := func() int { return w.count(`SELECT count(*) FROM audit_events WHERE act = 'patient.read_band'`) }
	before := events()
	w.scans(w.author, "]d2", "8018"+gsrnOne, known.ID)
	if n := events() - before; n != 1 {
		t.Errorf("%d events of a scan, want 1", n)
	}
	w.scans(w.outsider, "]d2", "8018"+gsrnOne, "")
	if n := events() - before; n != 2 {
		t.Errorf("%d events once another was refused, want 2", n)
	}
	w.verified()
}

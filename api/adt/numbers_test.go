package adt

import (
	"errors"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// TestNumbersOfWristbands: PID-3 names them by their assigning authority, and a scan then finds the patient.
func TestNumbersOfWristbands(t *testing.T) {
	const gsrn, nhs, other = "950110123456700172", "9990123454", "9990123462"
	r := newRig(t)
	rules := testRules
	rules.GSRNAuthority = "HOSPBAND"
	feed, err := New(Config{Vault: r.V, Rules: rules, Now: r.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	r.feed = feed
	const first = "ADT-100^^^HOSP^MR~77^^^SSA^SS"
	r.accepted(r.message("A01", "n1", first, gsrn+"^^^HOSPBAND^PI~999 012 3454^^^NHS^NH~"+first))
	known, _ := r.patient("ADT-100")
	scan := func(symbology, text string, want vault.PatientID) {
		t.Helper()
		p, err := r.V.ScanPatient(t.Context(), r.nurse, symbology, text)
		if p.ID != want || want == "" && !errors.Is(err, vault.ErrNotFound) {
			t.Errorf("scanning %s: got patient %q, %v, want %q", symbology, p.ID, err, want)
		}
	}
	scan("]d2", "8018"+gsrn, known.ID)
	scan("]C0", "ADT-100", known.ID)
	r.accepted(r.message("A08", "n2", first, other+"^^^NHS^NH~"+first))
	tests := map[string]struct{ ids, code string }{
		"GSRN with a wrong check digit":       {gsrn[:17] + "0^^^HOSPBAND~" + first, "102"},
		"NHS number with a wrong check digit": {nhs[:9] + "0^^^NHS^NH~" + first, "102"},
		"another patient's GSRN":              {gsrn + "^^^HOSPBAND~ADT-200^^^HOSP^MR", "205"},
		"nothing but a GSRN":                  {gsrn + "^^^HOSPBAND", "101"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			msa, errs := r.take(r.message("A01", "x "+name, first, test.ids))
			if msa[1] != "AE" || len(errs) < 4 || errs[2] != "PID^1^3" || errs[3][:3] != test.code {
				t.Errorf("got %v %v, want %s at PID-3", msa, errs, test.code)
			}
		})
	}
	waiting, err := r.V.Messages(t.Context(), r.admin)
	if err != nil || len(waiting) != len(tests) {
		t.Errorf("%d messages wait, want %d: %v", len(waiting), len(tests), err)
	}
	if _, known := r.patient("ADT-200"); known {
		t.Error("a refused message added its patient")
	}
	r.accepted(r.message("A01", "n3", first, nhs+"^^^SSA^SS~ADT-300^^^HOSP^MR")) // of another authority: no NHS number
	scan("]d2", "8018"+gsrn, known.ID)
}

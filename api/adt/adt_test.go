package adt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// rig is a real vault with a feed.
type rig struct {
	*vaulttest.Bench
	t       testing.TB
	feed    *Feed
	privacy vault.Actor
	admin   vault.Actor
	nurse   vault.Actor // in team Ward 3B
}

var testRules = Rules{Teams: map[string]string{"3B": "Ward 3B", "4*": "Ward 4", "service:DER": "Dermatology"}, TieDays: 7, Ignore: []string{"A05"}}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{Bench: vaulttest.New(t), t: t}
	r.privacy = r.Person(t, "privacy", vault.RolePrivacy)
	r.admin = r.Person(t, "admin", vault.RoleAdmin)
	r.nurse = r.Person(t, "nurse", vault.RoleClinician)
	team, err := r.V.AddTeam(t.Context(), r.admin, "Ward 3B")
	if err == nil {
		err = r.V.JoinTeam(t.Context(), r.admin, team, "nurse", r.Clock.Now(), time.Time{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.feed, err = New(Config{Vault: r.V, Rules: testRules, Now: r.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	return r
}

// stamp is the rig's time as HL7 writes it.
func (r *rig) stamp() string { return r.Clock.Now().UTC().Format("20060102150405") + "+0000" }

// message is an ADT message of an event about a synthetic patient. Each of change replaces the first string by the second.
func (r *rig) message(event, control string, change ...string) []byte {
	text := strings.Join([]string{
		`MSH|^~\&|ADM|HOSP|VAULT|HOSP|` + r.stamp() + `||ADT^` + event + `|` + control + `|P|2.5.1`,
		`EVN|` + event + `|` + r.stamp(),
		`PID|1||ADT-100^^^HOSP^MR~77^^^SSA^SS||Sample^Thistle^Mae||19610203|F`,
		`PV1|1|I|3B^12^2^HOSP||||77001^Test^Doctor|||DER|||||||||V-100|||||||||||||||||||||||||` + r.stamp(),
	}, "\r") + "\r"
	if len(change)%2 != 0 {
		r.t.Fatal("changes come in pairs")
	}
	for i := 0; i < len(change); i += 2 {
		if !strings.Contains(text, change[i]) {
			r.t.Fatalf("nothing to change at change %d", i/2)
		}
		text = strings.Replace(text, change[i], change[i+1], 1)
	}
	return []byte(text)
}

// take sends a message and gives the fields of MSA and ERR of the one answer.
func (r *rig) take(raw []byte) (msa, err []string) {
	r.t.Helper()
	answers := r.feed.Take(r.t.Context(), raw, "test")
	if len(answers) != 1 {
		r.t.Fatalf("%d answers, want one", len(answers))
	}
	return segmentsOf(r.t, answers[0])
}

func segmentsOf(t testing.TB, raw []byte) (msa, err []string) {
	t.Helper()
	m, f := parse(raw)
	if f != nil {
		t.Fatalf("the answer is no message: %v", f)
	}
	a, _ := m.find("MSA")
	e, _ := m.find("ERR")
	return a.fields, e.fields
}

func (r *rig) accepted(raw []byte) {
	r.t.Helper()
	r.Clock.Add(time.Second)
	if msa, err := r.take(raw); msa[1] != "AA" {
		r.t.Fatalf("answer %v %v, want AA", msa, err)
	}
}

// patient is who the privacy officer finds by a record number.
func (r *rig) patient(number string) (vault.Patient, bool) {
	r.t.Helper()
	return r.seenBy(r.privacy, number)
}

func (r *rig) seenBy(a vault.Actor, number string) (vault.Patient, bool) {
	r.t.Helper()
	all, err := r.V.FindPatients(r.t.Context(), a, number)
	if err != nil {
		r.t.Fatal(err)
	}
	if len(all) == 0 {
		return vault.Patient{}, false
	}
	return all[0], true
}

// TestEvents takes a patient through the hospital: each event does what it says, and the ward sees the patient as long as
// they are there.
func TestEvents(t *testing.T) {
	r := newRig(t)
	sees := func(step string, want bool) {
		t.Helper()
		if _, got := r.seenBy(r.nurse, "ADT-100"); got != want {
			t.Errorf("%s: the ward finds the patient: %v, want %v", step, got, want)
		}
	}
	r.accepted(r.message("A01", "1"))
	sees("admitted", true)
	p, _ := r.patient("ADT-100")
	if p.Name != "Thistle Mae Sample" || p.BirthDate != "1961-02-03" || len(p.Encounters) != 1 || p.Encounters[0].Label != "Inpatient, 3B" {
		t.Errorf("read: birth date %q, %d visits", p.BirthDate, len(p.Encounters))
	}
	r.accepted(r.message("A02", "2", "3B^12^2", "41^1^1"))
	sees("transferred", false)
	r.accepted(r.message("A12", "3"))
	sees("transfer cancelled", true)
	r.accepted(r.message("A08", "4", "Sample^Thistle^Mae", "Sample^Renamed", "19610203", "19610204"))
	if p, _ := r.patient("ADT-100"); p.Name != "Renamed Sample" || p.BirthDate != "1961-02-04" {
		t.Error("the update did not change name and birth date")
	}
	r.accepted(r.message("A03", "5"))
	sees("discharged, within seven days", true)
	if p, _ := r.patient("ADT-100"); p.Encounters[0].EndedAt == 0 {
		t.Error("the visit goes on after the discharge")
	}
	r.accepted(r.message("A13", "6"))
	if p, _ := r.patient("ADT-100"); p.Encounters[0].EndedAt != 0 {
		t.Error("the visit is over after the discharge was cancelled")
	}
	r.accepted(r.message("A11", "7"))
	sees("admission cancelled", false)
	r.accepted(r.message("A04", "8", "|I|", "|O|", "V-100", "V-101"))
	sees("registered as an outpatient", true)
	r.accepted(r.message("A31", "9", "Sample^Thistle^Mae", "Sample^Person"))
	if p, _ := r.patient("ADT-100"); p.Name != "Person Sample" {
		t.Error("the update of the person did not change the name")
	}
	r.accepted(r.message("A05", "10", "ADT-100^", "IGNORED-1^"))
	if _, known := r.patient("IGNORED-1"); known {
		t.Error("an event that is ignored added a patient")
	}
	r.accepted(r.message("A40", "11", "PV1|", "MRG|OLD-7^^^HOSP^MR\rPV1|"))
	if p, known := r.patient("OLD-7"); !known || p.RecordNumber != "ADT-100" {
		t.Error("the number of the merge does not find the patient")
	}
}

// TestBrokenMessages: each is refused with its code, segment and field, and kept, and no answer holds a word of it.
func TestBrokenMessages(t *testing.T) {
	r := newRig(t)
	tests := map[string]struct {
		raw              []byte
		answer, code, at string
	}{
		"no header":          {[]byte("Thistle"), "AE", "100", "MSH"},
		"header cut":         {[]byte("MSH|^~"), "AE", "100", "MSH"},
		"no marks":           {[]byte("MSH||||ADM|||"), "AE", "101", "MSH-2"},
		"marks alike":        {r.message("A01", "b1", `^~\&`, `^^\&`), "AE", "102", "MSH-2"},
		"no segment":         {r.message("A01", "b2", "PV1|", "pv1|"), "AE", "100", "MSH"},
		"no control ID":      {r.message("A01", "b3", "|b3|", "||"), "AE", "101", "MSH-10"},
		"no version":         {r.message("A01", "b4", "|2.5.1", "|"), "AE", "101", "MSH-12"},
		"other version":      {r.message("A01", "b5", "|2.5.1", "|2.9"), "AR", "203", "MSH-12"},
		"other message":      {r.message("A01", "b6", "ADT^A01", "ORU^R01"), "AR", "200", "MSH-9"},
		"other event":        {r.message("A60", "b7"), "AR", "201", "MSH-9"},
		"test system":        {r.message("A01", "b8", "|P|", "|T|"), "AR", "202", "MSH-11"},
		"other characters":   {r.message("A01", "b9", "|2.5.1", "|2.5.1||||||ISO IR87"), "AE", "103", "MSH-18"},
		"not UTF-8":          {r.message("A01", "c1", "Thistle", "Thist\xffle"), "AE", "103", "MSH-18"},
		"not ASCII":          {r.message("A01", "c2", "Thistle", "Thístle", "|2.5.1", "|2.5.1||||||ASCII"), "AE", "103", "MSH-18"},
		"no PID":             {r.message("A01", "c3", "PID|", "ZID|"), "AE", "100", "PID"},
		"no record number":   {r.message("A01", "c4", "ADT-100^^^HOSP^MR~77^^^SSA^SS", ""), "AE", "101", "PID-3"},
		"number null":        {r.message("A01", "c5", "ADT-100^^^HOSP^MR~77^^^SSA^SS", `""`), "AE", "101", "PID-3"},
		"number too long":    {r.message("A01", "c6", "ADT-100", strings.Repeat("9", 40)), "AE", "102", "PID-3"},
		"no name":            {r.message("A01", "c7", "Sample^Thistle^Mae", ""), "AE", "101", "PID-5"},
		"no birth date":      {r.message("A01", "c8", "19610203", ""), "AE", "101", "PID-7"},
		"birth date wrong":   {r.message("A01", "c9", "19610203", "19611331"), "AE", "102", "PID-7"},
		"year alone":         {r.message("A01", "d1", "19610203", "1961"), "AE", "102", "PID-7"},
		"no PV1":             {r.message("A01", "d2", "PV1|", "ZV1|"), "AE", "100", "PV1"},
		"no visit number":    {r.message("A01", "d3", "V-100", ""), "AE", "101", "PV1-19"},
		"visit too long":     {r.message("A01", "d4", "V-100", strings.Repeat("8", 70)), "AE", "102", "PV1-19"},
		"event time wrong":   {r.message("A01", "d5", "EVN|A01|", "EVN|A01|yesterday"), "AE", "102", "EVN-2"},
		"event in future":    {r.message("A01", "d6", "EVN|A01|"+r.stamp(), "EVN|A01|20990101000000"), "AE", "102", "EVN-2"},
		"admitted when":      {r.message("A01", "d7", "|V-100|||||||||||||||||||||||||"+r.stamp(), "|V-100|||||||||||||||||||||||||soon"), "AE", "102", "PV1-44"},
		"no MRG":             {r.message("A40", "d8"), "AE", "100", "MRG"},
		"MRG empty":          {r.message("A40", "d9", "PV1|", "MRG|\rPV1|"), "AE", "101", "MRG-1"},
		"two merges":         {r.message("A40", "e1", "PV1|", "MRG|X1\rMRG|X2\rPV1|"), "AE", "100", "MRG"},
		"merged with itself": {r.message("A40", "e2", "PV1|", "MRG|ADT-100\rPV1|"), "AE", "205", "MRG-1"},
		"segments":           {append(r.message("A01", "e3"), strings.Repeat("ZZZ|1\r", 501)...), "AE", "104", "MSH"},
		"fields":             {r.message("A01", "e4", "PID|", "ZZZ"+strings.Repeat("|", 400)+"\rPID|"), "AE", "104", "ZZZ"},
		"long field":         {r.message("A01", "e5", "Thistle", strings.Repeat("Thistle", 12000)), "AE", "104", "PID-5"},
		"too long":           {append(r.message("A01", "e6"), strings.Repeat("x", MaxMessage)...), "AE", "104", "MSH"},
	}
	kept := 0
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r.t = t
			msa, err := r.take(test.raw)
			if msa[1] != test.answer || len(err) < 4 {
				t.Fatalf("answer %v %v, want %s", msa, err, test.answer)
			}
			place := strings.TrimSuffix(strings.Replace(err[2], "^1^", "-", 1), "-")
			if code, _, _ := strings.Cut(err[3], "^"); code != test.code || place != test.at {
				t.Errorf("got code %s at %s, want %s at %s", code, place, test.code, test.at)
			}
			holdsNone(t, "the answer", strings.Join(msa, "|")+strings.Join(err, "|"))
		})
		if len(test.raw) <= MaxMessage {
			kept++
		}
	}
	r.t = t
	messages, err := r.V.Messages(t.Context(), r.admin)
	if err != nil || len(messages) != kept {
		t.Fatalf("%d messages are kept, want %d: %v", len(messages), kept, err)
	}
	if _, known := r.patient("ADT-100"); known {
		t.Error("a broken message added the patient")
	}
	holdsNone(t, "the list of messages", fmt.Sprintf("%+v", messages))
}

// holdsNone fails where a text holds something of the patient in the messages.
func holdsNone(t *testing.T, what, text string) {
	t.Helper()
	for _, word := range []string{"Thistle", "ADT-100", "1961", "V-100"} {
		if strings.Contains(text, word) {
			t.Errorf("%s holds what the message says: %s", what, word)
		}
	}
}

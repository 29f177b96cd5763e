package chart

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
)

const fhirJSON = "application/fhir+json"

type bundle struct {
	ResourceType string `json:"resourceType"`
	Entry        []struct {
		Resource fhirPatient `json:"resource"`
	} `json:"entry"`
}

// findPatient returns the reference of the one patient who has the record
// number. None, two, or one with another birth date is a permanent failure: a
// photo in a stranger's chart is worse than no photo.
//
// The number travels in the body (R4 section 3.1.1.1, search by POST), because
// addresses end up in access logs.
func (t *fhirTarget) findPatient(ctx context.Context, e *entry) (string, error) {
	found, err := t.searchPatient(ctx, e)
	if err != nil {
		return "", err
	}
	if len(found) == 0 && t.cfg.CreatePatient {
		return t.createPatient(ctx, e)
	}
	switch {
	case len(found) == 0:
		return "", never("%s does not know the patient's record number", t.name)
	case len(found) > 1:
		return "", never("%s has more than one patient with this record number", t.name)
	}
	p := found[0]
	switch {
	case p.ID == "":
		return "", later("%s named a patient without an id", t.name)
	case p.Active != nil && !*p.Active:
		return "", never("%s has this patient's record as no longer in use", t.name)
	case p.BirthDate != "" && e.Patient.BirthDate != "" && p.BirthDate != e.Patient.BirthDate:
		return "", never("%s has another birth date for this record number", t.name)
	}
	return "Patient/" + p.ID, nil
}

// searchPatient returns the patients who really carry the identifier: a server
// that does not know the parameter may answer with everyone (R4 section 3.1.1.3).
func (t *fhirTarget) searchPatient(ctx context.Context, e *entry) ([]fhirPatient, error) {
	query := url.Values{
		"identifier": {escapeToken(t.cfg.PatientSystem) + "|" + escapeToken(e.Patient.RecordNumber)},
		"_count":     {"10"},
	}
	header := http.Header{"Accept": {fhirJSON}, "Content-Type": {"application/x-www-form-urlencoded"}}
	got, err := t.call(ctx, http.MethodPost, "/Patient/_search", header, []byte(query.Encode()), maxResource)
	if err != nil {
		return nil, err
	}
	if !got.ok() {
		return nil, t.refused("the search for the patient", got)
	}
	var b bundle
	if json.Unmarshal(got.body, &b) != nil || b.ResourceType != "Bundle" {
		return nil, later("%s answered the search for the patient with something else than a Bundle", t.name)
	}
	var found []fhirPatient
	for _, entry := range b.Entry {
		if entry.Resource.ResourceType == "Patient" && t.carries(entry.Resource, e.Patient.RecordNumber) {
			found = append(found, entry.Resource)
		}
	}
	return found, nil
}

func (t *fhirTarget) carries(p fhirPatient, number string) bool {
	return slices.ContainsFunc(p.Identifier, func(id identifier) bool {
		return id.System == t.cfg.PatientSystem && id.Value == number && id.Use != "old"
	})
}

// escapeToken escapes the characters that mean something in a token parameter
// (R4 section 3.1.1.5.5).
func escapeToken(s string) string {
	out := make([]rune, 0, len(s))
	for _, c := range s {
		if c == '\\' || c == ',' || c == '|' || c == '$' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}

// createPatient makes the patient under an id that follows from the vault's ID.
func (t *fhirTarget) createPatient(ctx context.Context, e *entry) (string, error) {
	active := true
	p := fhirPatient{
		ResourceType: "Patient", ID: fhirID(idPatient, e.Patient.ID), Active: &active,
		Identifier: []identifier{{Use: "usual", System: t.cfg.PatientSystem, Value: e.Patient.RecordNumber}},
		Name:       []humanName{{Text: e.Patient.Name}}, BirthDate: e.Patient.BirthDate,
	}
	err := t.ensure(ctx, t.resource("the patient", "Patient/"+p.ID, p, func(body []byte) bool {
		var got fhirPatient
		return json.Unmarshal(body, &got) == nil && got.ID == p.ID && t.carries(got, e.Patient.RecordNumber)
	}))
	if err != nil {
		return "", err
	}
	return "Patient/" + p.ID, nil
}

package chart

import (
	"encoding/json"
	"testing"
)

var fullFHIR = FHIRConfig{
	PatientSystem: "https://hospital.example/mrn", PersonSystem: "https://hospital.example/staff",
	EncounterSystem: "https://hospital.example/encounter", Custodian: "Test Hospital", Confidentiality: "V",
	ExtraType: &Code{System: "http://snomed.info/sct", Code: "371525003", Display: "Clinical procedure report"},
	Profiles:  []string{"http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference"},
}

func goldenJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, name, append(b, '\n'))
}

func TestFHIRGoldens(t *testing.T) {
	e := sample(t, "GOLDEN")
	least := sample(t, "LEAST")
	least.Site, least.Laterality, least.Encounter = site{}, "", ""
	bare := FHIRConfig{PatientSystem: "https://hospital.example/mrn"}
	goldenJSON(t, "document-full.json", fullFHIR.writeDocument(e, "Patient/p1"))
	goldenJSON(t, "document-least.json", bare.writeDocument(least, "Patient/p1"))
	goldenJSON(t, "provenance-full.json", fullFHIR.writeProvenance(e))
	b := bare.writeBinary(e, "Patient/p1")
	b.Data = b.Data[:32]
	goldenJSON(t, "binary-head.json", b)
}

// TestProfiles holds what US Core, UK Core and MHD Minimal ask of a
// DocumentReference beyond FHIR R4; CONFORMANCE.md lists the clauses.
func TestProfiles(t *testing.T) {
	for name, doc := range map[string]documentReference{
		"full": fullFHIR.writeDocument(sample(t, "PROFILE"), "Patient/p1"),
		"bare": (&FHIRConfig{}).writeDocument(sample(t, "PROFILE"), "Patient/p1"),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			var m map[string]any
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			for _, forbidden := range []string{"docStatus", "modifierExtension", "contained"} {
				if m[forbidden] != nil {
					t.Errorf("%s is present", forbidden)
				}
			}
			for _, one := range []string{"category", "content", "identifier", "author", "securityLabel"} {
				if l, _ := m[one].([]any); len(l) != 1 {
					t.Errorf("%s has %d entries, want 1", one, len(l))
				}
			}
			context := m["context"].(map[string]any)
			if context["encounter"] != nil {
				t.Error("context.encounter is present, which MHD before 4.2 forbids")
			}
			attachment := m["content"].([]any)[0].(map[string]any)["attachment"].(map[string]any)
			for _, needed := range []string{"contentType", "url", "size", "hash", "title", "creation"} {
				if attachment[needed] == nil {
					t.Errorf("attachment.%s is absent", needed)
				}
			}
			if attachment["data"] != nil {
				t.Error("attachment.data is present, want url alone")
			}
			if m["status"] != "current" || doc.MasterIdentifier.Use != "usual" || doc.Identifier[0].Use != "official" {
				t.Errorf("status %v, masterIdentifier %+v, identifier %+v", m["status"], doc.MasterIdentifier, doc.Identifier)
			}
		})
	}
}

func TestComparisonSeesEachChange(t *testing.T) {
	r := &receiver{}
	r.base, _ = parseBase("https://ehr.example/fhir")
	sent := fullFHIR.writeDocument(sample(t, "COMPARE"), "Patient/p1")
	copyOf := func() documentReference {
		var d documentReference
		b, _ := json.Marshal(sent)
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	for name, c := range map[string]struct {
		change func(*documentReference)
		want   bool
	}{
		"nothing":               {func(*documentReference) {}, true},
		"absolute subject":      {func(d *documentReference) { d.Subject.Reference = "https://ehr.example/fhir/Patient/p1" }, true},
		"absolute url":          {func(d *documentReference) { a := &d.Content[0].Attachment; a.URL = "https://ehr.example/fhir/" + a.URL }, true},
		"time in another zone":  {func(d *documentReference) { d.Date = "2026-03-02T09:00:00+01:00" }, true},
		"another patient":       {func(d *documentReference) { d.Subject.Reference = "Patient/p2" }, false},
		"patient elsewhere":     {func(d *documentReference) { d.Subject.Reference = "https://evil.example/fhir/Patient/p1" }, false},
		"no subject":            {func(d *documentReference) { d.Subject = nil }, false},
		"another picture":       {func(d *documentReference) { d.Content[0].Attachment.URL = "Binary/x" }, false},
		"second content":        {func(d *documentReference) { d.Content = append(d.Content, d.Content[0]) }, false},
		"data inside":           {func(d *documentReference) { d.Content[0].Attachment.Data = "AAAA" }, false},
		"hash":                  {func(d *documentReference) { d.Content[0].Attachment.Hash = "AAAA" }, false},
		"size":                  {func(d *documentReference) { d.Content[0].Attachment.Size++ }, false},
		"title":                 {func(d *documentReference) { d.Content[0].Attachment.Title = "x" }, false},
		"creation":              {func(d *documentReference) { d.Content[0].Attachment.Creation = d.Date }, false},
		"content type":          {func(d *documentReference) { d.Content[0].Attachment.ContentType = "image/png" }, false},
		"status":                {func(d *documentReference) { d.Status = "superseded" }, false},
		"type":                  {func(d *documentReference) { d.Type.Coding[0].Code = "x" }, false},
		"category":              {func(d *documentReference) { d.Category = nil }, false},
		"confidentiality":       {func(d *documentReference) { d.SecurityLabel[0].Coding[0].Code = "N" }, false},
		"author":                {func(d *documentReference) { d.Author[0].Display = "x" }, false},
		"author's identifier":   {func(d *documentReference) { d.Author[0].Identifier.Value = "x" }, false},
		"date":                  {func(d *documentReference) { d.Date = "2026-03-03T08:00:00Z" }, false},
		"id":                    {func(d *documentReference) { d.ID = "x" }, false},
		"unique id":             {func(d *documentReference) { d.MasterIdentifier.Value = "x" }, false},
		"no unique id":          {func(d *documentReference) { d.MasterIdentifier = nil }, false},
		"another resource type": {func(d *documentReference) { d.ResourceType = "OperationOutcome" }, false},
	} {
		got := copyOf()
		c.change(&got)
		if same := r.sameDocument(sent, got); same != c.want {
			t.Errorf("%s: same %v, want %v", name, same, c.want)
		}
	}
}

func TestProvenanceComparison(t *testing.T) {
	r := &receiver{}
	r.base, _ = parseBase("https://ehr.example/fhir")
	sent := fullFHIR.writeProvenance(sample(t, "COMPARE"))
	for name, c := range map[string]struct {
		change func(*provenance)
		want   bool
	}{
		"nothing":        {func(*provenance) {}, true},
		"target":         {func(p *provenance) { p.Target[0].Reference = "DocumentReference/x" }, false},
		"fewer targets":  {func(p *provenance) { p.Target = p.Target[:1] }, false},
		"recorded":       {func(p *provenance) { p.Recorded = "" }, false},
		"reviewer":       {func(p *provenance) { p.Agent[1].Who.Display = "x" }, false},
		"reviewer's job": {func(p *provenance) { p.Agent[1].Type.Coding[0].Code = "author" }, false},
		"source":         {func(p *provenance) { p.Entity[0].What.Identifier.Value = "x" }, false},
		"no source":      {func(p *provenance) { p.Entity = nil }, false},
		"id":             {func(p *provenance) { p.ID = "x" }, false},
	} {
		var got provenance
		b, _ := json.Marshal(sent)
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		c.change(&got)
		if same := r.sameProvenance(sent, got); same != c.want {
			t.Errorf("%s: same %v, want %v", name, same, c.want)
		}
	}
}

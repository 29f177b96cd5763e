package chart

import "encoding/base64"

// Code systems and codes; CONFORMANCE.md says why these.
const (
	systemLOINC      = "http://loinc.org"
	systemSNOMED     = "http://snomed.info/sct"
	systemDCM        = "http://dicom.nema.org/resources/ontology/DCM"
	systemUSCategory = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
	systemFormat     = "http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem"
	systemConfid     = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	systemAgent      = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
	systemOperation  = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
	systemURI        = "urn:ietf:rfc:3986"
	systemSignature  = "urn:iso-astm:E1762-95:2013"

	jpegType = "image/jpeg"
)

var confidentialityNames = map[string]string{"N": "normal", "R": "restricted", "V": "very restricted"}

func coded(system, code, display string) *concept {
	return &concept{Coding: []coding{{System: system, Code: code, Display: display}}}
}

// writeBinary is the picture as a resource. The patient is its security
// context, so that a server guards it before any DocumentReference exists.
func (c *FHIRConfig) writeBinary(e *entry, patientRef string) fhirBinary {
	return fhirBinary{
		ResourceType: "Binary", ID: fhirID(idBinary, e.Attachment), ContentType: jpegType,
		SecurityContext: &reference{Reference: patientRef},
		Data:            base64.StdEncoding.EncodeToString(e.Picture),
	}
}

// writeDocument is the entry in the chart.
func (c *FHIRConfig) writeDocument(e *entry, patientRef string) documentReference {
	id := fhirID(idDocument, e.Attachment)
	doc := documentReference{
		ResourceType:     "DocumentReference",
		ID:               id,
		MasterIdentifier: &identifier{Use: "usual", System: systemURI, Value: "urn:uuid:" + fhirID(idBinary, e.Attachment)},
		Identifier:       []identifier{{Use: "official", System: systemURI, Value: "urn:uuid:" + id}},
		Status:           "current",
		Type:             coded(systemLOINC, "72170-4", "Photographic image"),
		Category:         []concept{*coded(systemUSCategory, "clinical-note", "Clinical Note")},
		Subject:          &reference{Reference: patientRef, Type: "Patient"},
		Date:             instant(e.ApprovedAt),
		Author:           []reference{c.practitioner(e.Author)},
		Description:      e.title() + ". Identifying regions were reviewed by a person before release.",
		SecurityLabel:    []concept{c.confidentiality()},
		Content: []docContent{{
			Attachment: fhirAttachment{
				ContentType: jpegType, URL: "Binary/" + fhirID(idBinary, e.Attachment),
				Size: int64(len(e.Picture)), Hash: sha1Base64(e.Picture),
				Title: e.title(), Creation: instant(e.TakenAt),
			},
			Format: &coding{System: systemFormat, Code: "urn:ihe:iti:xds:2017:mimeTypeSufficient", Display: "mimeType Sufficient"},
		}},
		Context: c.writeContext(e, patientRef),
	}
	if len(c.Profiles) > 0 {
		doc.Meta = &meta{Profile: c.Profiles}
	}
	if x := c.ExtraType; x != nil {
		doc.Type.Coding = append(doc.Type.Coding, coding{System: x.System, Code: x.Code, Display: x.Display})
	}
	if c.Custodian != "" {
		doc.Custodian = &reference{Type: "Organization", Display: c.Custodian}
	}
	return doc
}

// writeContext says when and of what. DocumentReference has no bodySite in R4;
// MHD and XDS-I.b put anatomy and modality into context.event (eventCodeList).
func (c *FHIRConfig) writeContext(e *entry, patientRef string) *docContext {
	taken := instant(e.TakenAt)
	ctx := &docContext{
		Event:             []concept{*coded(systemDCM, "XC", "External-camera Photography")},
		Period:            &period{Start: taken, End: taken},
		SourcePatientInfo: &reference{Reference: patientRef, Type: "Patient"},
	}
	if e.Site.SNOMED != "" {
		at := coded(systemSNOMED, e.Site.SNOMED, e.Site.Label)
		at.Text = e.place()
		ctx.Event = append(ctx.Event, *at)
	}
	if c.EncounterSystem != "" && e.Encounter != "" {
		ctx.Related = []reference{{Type: "Encounter", Identifier: &identifier{System: c.EncounterSystem, Value: e.Encounter}}}
	}
	return ctx
}

// writeProvenance says who took the photo, who released it and what made the
// released copy, and from what.
func (c *FHIRConfig) writeProvenance(e *entry) provenance {
	who := func(code, display string, ref reference) agent {
		return agent{Type: coded(systemAgent, code, display), Who: ref}
	}
	out := provenance{
		ResourceType: "Provenance",
		ID:           fhirID(idProvenance, e.Attachment),
		Target: []reference{
			{Reference: "DocumentReference/" + fhirID(idDocument, e.Attachment)},
			{Reference: "Binary/" + fhirID(idBinary, e.Attachment)},
		},
		Recorded: instant(e.ApprovedAt),
		Activity: coded(systemOperation, "CREATE", "create"),
		Agent: []agent{
			who("author", "Author", c.practitioner(e.Author)),
			who("verifier", "Verifier", c.practitioner(e.Reviewer)),
			who("assembler", "Assembler", reference{Type: "Device", Display: "Clinivault"}),
		},
		Entity: []provEntity{{Role: "source", What: reference{
			Identifier: &identifier{System: systemURI, Value: "urn:uuid:" + fhirID("photo", e.Photo)},
			Display:    "Original photograph, kept in Clinivault and not released; in the released copy the regions that the reviewer marked are covered",
		}}},
	}
	if len(e.Certificate) > 0 {
		out.Signature = []signature{{
			Type: []coding{{System: systemSignature, Code: "1.2.840.10065.1.12.1.14", Display: "Source Signature"}},
			When: instant(e.ApprovedAt), Who: reference{Type: "Device", Display: "Clinivault"},
			TargetFormat: jpegType, SigFormat: "application/json", Data: e.Certificate,
		}}
	}
	return out
}

func (c *FHIRConfig) practitioner(p person) reference {
	ref := reference{Type: "Practitioner", Display: p.Name}
	if c.PersonSystem != "" {
		ref.Identifier = &identifier{System: c.PersonSystem, Value: p.ID}
	}
	return ref
}

func (c *FHIRConfig) confidentiality() concept {
	code := c.Confidentiality
	if code == "" {
		code = "R"
	}
	return *coded(systemConfid, code, confidentialityNames[code])
}

package chart

import (
	"bytes"
	"fmt"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// explicitLittle is Explicit VR Little Endian (PS3.5 A.2).
const explicitLittle = "1.2.840.10008.1.2.1"

// rejections are the titles of rejection notes (PS3.16 CID 7010; IHE RAD TF,
// Imaging Object Change Management): either asks the archive to give the object
// to nobody any more, and the second lets it delete the object.
var rejections = map[string]struct{ code, meaning string }{
	causeRecalled:  {"113037", "Rejected for Patient Safety Reasons"},
	causeWithdrawn: {"113039", "Data Retention Policy Expired"},
	causeErased:    {"113039", "Data Retention Policy Expired"},
}

// copied are the attributes of patient and study that the note has from the
// object it rejects (PS3.3 C.7.1.1, C.7.2.1): the archive puts it beside that
// object, and here the patient may be known no more.
var copied = []struct {
	tag  tag.Tag
	name string
}{
	{tag.PatientName, "00100010"}, {tag.PatientID, "00100020"}, {tag.PatientBirthDate, "00100030"}, {tag.PatientSex, "00100040"},
	{tag.StudyDate, "00080020"}, {tag.StudyTime, "00080030"}, {tag.ReferringPhysicianName, "00080090"},
	{tag.StudyID, "00200010"}, {tag.AccessionNumber, "00080050"},
}

// writeNote makes a rejection note: a Key Object Selection Document (PS3.3
// A.35.4) that names one object and says why it is rejected.
func (c *objectWriter) writeNote(r *retraction, id, note uids, about *dataset) ([]byte, error) {
	title, ok := rejections[r.Cause]
	if !ok {
		title = rejections[causeRecalled]
	}
	at := r.At.In(c.zone)
	s := &elements{}
	s.add(tag.FileMetaInformationVersion, []byte{0, 1})
	s.text(tag.MediaStorageSOPClassUID, keyObject)
	s.text(tag.MediaStorageSOPInstanceUID, note.instance)
	s.text(tag.TransferSyntaxUID, explicitLittle)
	s.text(tag.ImplementationClassUID, implementationUID)
	s.text(tag.ImplementationVersionName, "CLINIVAULT_1")
	s.text(tag.SpecificCharacterSet, "ISO_IR 192")
	s.text(tag.SOPClassUID, keyObject)
	s.text(tag.SOPInstanceUID, note.instance)
	s.text(tag.TimezoneOffsetFromUTC, at.Format("-0700"))
	for _, one := range copied {
		s.text(one.tag, cut(plain(about.text(one.name)), maxLO))
	}
	if issuer := about.text("00100021"); issuer != "" {
		s.text(tag.IssuerOfPatientID, longString(issuer))
	}
	s.text(tag.StudyInstanceUID, id.study)
	s.text(tag.Modality, "KO")
	s.text(tag.SeriesInstanceUID, note.series)
	s.text(tag.SeriesNumber, "2")
	s.text(tag.SeriesDescription, title.meaning)
	s.sequence(tag.ReferencedPerformedProcedureStepSequence)
	s.text(tag.Manufacturer, "Clinivault")
	s.text(tag.InstanceNumber, "1")
	s.text(tag.ContentDate, date(at))
	s.text(tag.ContentTime, clock(at))
	addRejection(s, r, id, codeItem(title.code, "DCM", title.meaning))
	if s.err != nil {
		return nil, s.err
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, dicom.Dataset{Elements: s.done()}); err != nil {
		return nil, fmt.Errorf("writing the rejection note: %w", err)
	}
	return out.Bytes(), nil
}

// addRejection adds Key Object Document (PS3.3 C.17.6.2) and SR Document Content
// (C.17.3) by template 2010 of PS3.16: title, words, and the object.
func addRejection(s *elements, r *retraction, id uids, title *elements) {
	object := func() *elements {
		one := &elements{}
		one.text(tag.ReferencedSOPClassUID, vlPhotographic)
		one.text(tag.ReferencedSOPInstanceUID, id.instance)
		return one
	}
	series := &elements{}
	series.text(tag.SeriesInstanceUID, id.series)
	series.sequence(tag.ReferencedSOPSequence, object())
	evidence := &elements{}
	evidence.text(tag.StudyInstanceUID, id.study)
	evidence.sequence(tag.ReferencedSeriesSequence, series)
	s.sequence(tag.CurrentRequestedProcedureEvidenceSequence, evidence)

	s.text(tag.ValueType, "CONTAINER")
	s.text(tag.ContinuityOfContent, "SEPARATE")
	s.sequence(tag.ConceptNameCodeSequence, title)
	template := &elements{}
	template.text(tag.MappingResource, "DCMR")
	template.text(tag.TemplateIdentifier, "2010")
	s.sequence(tag.ContentTemplateSequence, template)

	words := &elements{}
	words.text(tag.RelationshipType, "CONTAINS")
	words.text(tag.ValueType, "TEXT")
	words.sequence(tag.ConceptNameCodeSequence, codeItem("113012", "DCM", "Key Object Description"))
	words.text(tag.TextValue, r.reason())
	picture := &elements{}
	picture.text(tag.RelationshipType, "CONTAINS")
	picture.text(tag.ValueType, "IMAGE")
	picture.sequence(tag.ReferencedSOPSequence, object())
	s.sequence(tag.ContentSequence, words, picture)
}

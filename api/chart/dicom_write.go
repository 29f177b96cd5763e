package chart

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/frame"
	"github.com/suyashkumar/dicom/pkg/tag"
)

const (
	// vlPhotographic is VL Photographic Image Storage (PS3.4 B.5).
	vlPhotographic = "1.2.840.10008.5.1.4.1.1.77.1.4"
	// jpegBaseline is JPEG Baseline (Process 1), 8 bit (PS3.5 A.4.1).
	jpegBaseline = "1.2.840.10008.1.2.4.50"

	maxLO = 64 // characters of a long string, and of a component group of a person name (PS3.5 6.2)
)

// uids names one attachment at an archive.
type uids struct{ study, series, instance string }

func (c *objectWriter) uids(e *entry) uids {
	return uids{
		study:    dicomUID(c.cfg.Root, idStudy, e.Attachment),
		series:   dicomUID(c.cfg.Root, idSeries, e.Attachment),
		instance: dicomUID(c.cfg.Root, idInstance, e.Attachment),
	}
}

// objectWriter writes DICOM objects for one archive.
type objectWriter struct {
	cfg  DICOMConfig
	zone *time.Location // of all dates and times
}

// elements collects data elements; mistakes are kept for the end.
type elements struct {
	list []*dicom.Element
	err  error
}

func (s *elements) add(t tag.Tag, value any) {
	e, err := dicom.NewElement(t, value)
	if err != nil {
		s.err = errors.Join(s.err, fmt.Errorf("element %v: %w", t, err))
		return
	}
	s.list = append(s.list, e)
}

func (s *elements) text(t tag.Tag, v ...string) { s.add(t, v) }
func (s *elements) number(t tag.Tag, v int)     { s.add(t, []int{v}) }

// sequence adds a sequence of the items.
func (s *elements) sequence(t tag.Tag, items ...*elements) {
	value := make([][]*dicom.Element, len(items))
	for i, item := range items {
		value[i] = item.done()
		s.err = errors.Join(s.err, item.err)
	}
	s.add(t, value)
}

// done returns the elements in the order that PS3.5 7.1 asks for.
func (s *elements) done() []*dicom.Element {
	slices.SortFunc(s.list, func(a, b *dicom.Element) int {
		return a.Tag.Compare(b.Tag)
	})
	return s.list
}

// write makes the DICOM file of the attachment: the baseline JPEG
// inside a VL Photographic Image (PS3.3 A.32.4). The same entry gives the same
// bytes.
func (c *objectWriter) write(e *entry) ([]byte, error) {
	head, err := readJPEGHead(e.Picture)
	if err != nil {
		return nil, &refusal{text: "the picture does not fit into a DICOM object", permanent: true, cause: err}
	}
	if n := []rune(e.Patient.RecordNumber); len(n) == 0 || len(n) > maxLO || plain(e.Patient.RecordNumber) != e.Patient.RecordNumber {
		return nil, never("the record number cannot be written as a DICOM Patient ID")
	}
	taken, approved := e.TakenAt.In(c.zone), e.ApprovedAt.In(c.zone)
	s := &elements{}
	c.addMeta(s, e)
	c.addPatientAndStudy(s, e, taken)
	c.addSeriesAndEquipment(s, e, taken, approved)
	addImage(s, taken, head, len(e.Picture))
	addSite(s, e)
	addProved(s, e)
	addCertificate(s, e)
	addPixels(s, e.Picture)
	if s.err != nil {
		return nil, s.err
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, dicom.Dataset{Elements: s.done()}); err != nil {
		return nil, fmt.Errorf("writing the DICOM object: %w", err)
	}
	return out.Bytes(), nil
}

// addMeta adds file meta information (PS3.10 7.1) and SOP Common (PS3.3 C.12.1).
func (c *objectWriter) addMeta(s *elements, e *entry) {
	id := c.uids(e)
	s.add(tag.FileMetaInformationVersion, []byte{0, 1})
	s.text(tag.MediaStorageSOPClassUID, vlPhotographic)
	s.text(tag.MediaStorageSOPInstanceUID, id.instance)
	s.text(tag.TransferSyntaxUID, jpegBaseline)
	s.text(tag.ImplementationClassUID, implementationUID)
	s.text(tag.ImplementationVersionName, "CLINIVAULT_1")
	s.text(tag.SpecificCharacterSet, "ISO_IR 192") // UTF-8
	s.text(tag.SOPClassUID, vlPhotographic)
	s.text(tag.SOPInstanceUID, id.instance)
}

// addPatientAndStudy adds Patient (C.7.1.1) and General Study (C.7.2.1).
func (c *objectWriter) addPatientAndStudy(s *elements, e *entry, taken time.Time) {
	s.text(tag.PatientName, personName(e.Patient.Name))
	s.text(tag.PatientID, e.Patient.RecordNumber)
	if c.cfg.PatientIssuer != "" {
		s.text(tag.IssuerOfPatientID, longString(c.cfg.PatientIssuer))
	}
	s.text(tag.PatientBirthDate, strings.ReplaceAll(e.Patient.BirthDate, "-", ""))
	s.text(tag.PatientSex, "")
	s.text(tag.PatientIdentityRemoved, "NO")
	s.text(tag.StudyInstanceUID, c.uids(e).study)
	s.text(tag.StudyDate, date(taken))
	s.text(tag.StudyTime, clock(taken))
	s.text(tag.ReferringPhysicianName, "")
	s.text(tag.StudyID, "")
	s.text(tag.AccessionNumber, "")
	s.text(tag.StudyDescription, "Clinical photograph")
	s.text(tag.TimezoneOffsetFromUTC, taken.Format("-0700"))
}

// addSeriesAndEquipment adds General Series (C.7.3.1), General Equipment
// (C.7.5.1) and, as contributing equipment (C.12.1), the redaction.
func (c *objectWriter) addSeriesAndEquipment(s *elements, e *entry, taken, approved time.Time) {
	s.text(tag.Modality, "XC")
	s.text(tag.SeriesInstanceUID, c.uids(e).series)
	s.text(tag.SeriesNumber, "1")
	s.text(tag.SeriesDate, date(taken))
	s.text(tag.SeriesTime, clock(taken))
	s.text(tag.SeriesDescription, longString(e.title()))
	s.text(tag.OperatorsName, personName(e.Author.Name))
	s.text(tag.Manufacturer, "Clinivault")
	s.text(tag.ManufacturerModelName, "Clinivault")
	s.text(tag.SoftwareVersions, "1")
	if c.cfg.InstitutionName != "" {
		s.text(tag.InstitutionName, longString(c.cfg.InstitutionName))
	}
	by := &elements{}
	by.sequence(tag.PurposeOfReferenceCodeSequence, codeItem("109103", "DCM", "Modifying Equipment"))
	by.text(tag.Manufacturer, "Clinivault")
	by.text(tag.OperatorsName, personName(e.Reviewer.Name))
	by.text(tag.ContributionDateTime, stamp(approved))
	by.text(tag.ContributionDescription, "Regions marked by the reviewer were covered")
	s.sequence(tag.ContributingEquipmentSequence, by)
}

// addImage adds General Image (C.7.6.1), Image Pixel (C.7.6.3), Acquisition
// Context (C.7.6.14) and VL Image (C.8.12.1).
func addImage(s *elements, taken time.Time, h jpegHead, size int) {
	s.text(tag.InstanceNumber, "1")
	s.text(tag.PatientOrientation, "")
	s.text(tag.ContentDate, date(taken))
	s.text(tag.ContentTime, clock(taken))
	s.text(tag.AcquisitionDateTime, stamp(taken))
	s.text(tag.ImageType, "DERIVED", "PRIMARY")
	s.text(tag.DerivationDescription, "Rendition released by a reviewer; regions marked by the reviewer are covered")
	s.text(tag.BurnedInAnnotation, "NO")
	s.text(tag.LossyImageCompression, "01")
	s.text(tag.LossyImageCompressionRatio, fmt.Sprintf("%.2f", float64(h.width*h.height*h.components)/float64(size)))
	s.text(tag.LossyImageCompressionMethod, "ISO_10918_1")
	s.number(tag.SamplesPerPixel, h.components)
	s.text(tag.PhotometricInterpretation, photometric(h))
	if h.components == 3 {
		s.number(tag.PlanarConfiguration, 0)
	}
	s.number(tag.Rows, h.height)
	s.number(tag.Columns, h.width)
	s.number(tag.BitsAllocated, 8)
	s.number(tag.BitsStored, 8)
	s.number(tag.HighBit, 7)
	s.number(tag.PixelRepresentation, 0)
	s.sequence(tag.AcquisitionContextSequence)
}

// addProved says what the proof of the redaction showed, and nothing where it
// showed less: Recognizable Visual Features (PS3.3 C.7.6.1) and the option of
// PS3.15 E.3.2 by which they were removed (CID 7050), as De-identification Method
// Code (C.7.1.1). The patient stays named, so Patient Identity Removed stays NO.
func addProved(s *elements, e *entry) {
	if !e.Proved {
		return
	}
	s.text(tag.RecognizableVisualFeatures, "NO")
	s.sequence(tag.DeidentificationMethodCodeSequence, codeItem("113102", "DCM", "Clean Recognizable Visual Features Option"))
}

// photometric is YBR_FULL_422 for YCbCr whatever the subsampling in the stream
// (PS3.5 8.2.1 after CP-1653; C.8.12.1.1 does not allow YBR_FULL).
func photometric(h jpegHead) string {
	switch {
	case h.components == 1:
		return "MONOCHROME2"
	case h.rgb:
		return "RGB"
	}
	return "YBR_FULL_422"
}

// addPixels encapsulates the frame (PS3.5 A.4): an empty offset table, one
// fragment, padded to an even length after the end-of-image marker.
func addPixels(s *elements, jpeg []byte) {
	s.add(tag.PixelData, dicom.PixelDataInfo{
		IsEncapsulated: true,
		Frames:         []*frame.Frame{{Encapsulated: true, EncapsulatedData: frame.EncapsulatedFrame{Data: padded(jpeg)}}},
	})
	last := s.list[len(s.list)-1]
	last.RawValueRepresentation, last.ValueLength = "OB", tag.VLUndefinedLength
}

func padded(b []byte) []byte {
	if len(b)%2 == 0 {
		return b
	}
	return append(slices.Clone(b), 0)
}

// plain replaces what DICOM text may not hold: control characters and the
// backslash, which separates values (PS3.5 6.1.2.3).
func plain(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\\' || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s))
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return strings.TrimSpace(string(r[:n]))
	}
	return s
}

func longString(s string) string { return cut(plain(s), maxLO) }

// personName is PN (PS3.5 6.2): "Family, Given" becomes Family^Given; any other
// form is kept whole as the family name, because which word is which is not
// ours to guess.
func personName(s string) string {
	s = strings.NewReplacer("^", " ", "=", " ").Replace(plain(s))
	family, given, _ := strings.Cut(s, ",")
	family, given = strings.TrimSpace(family), strings.TrimSpace(given)
	if given == "" {
		return cut(family, maxLO)
	}
	return cut(family+"^"+given, maxLO)
}

func date(t time.Time) string  { return t.Format("20060102") }
func clock(t time.Time) string { return t.Format("150405.000") }
func stamp(t time.Time) string { return t.Format("20060102150405.000-0700") }

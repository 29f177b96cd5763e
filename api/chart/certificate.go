package chart

import (
	"bytes"
	"encoding/json"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// certificateBlock is the Private Creator of our block in a DICOM object (PS3.5
// 7.8.1); the certificate is its first element.
const certificateBlock = "CLINIVAULT"

var (
	tagBlock       = tag.Tag{Group: 0x0063, Element: 0x0010}
	tagCertificate = tag.Tag{Group: 0x0063, Element: 0x1001}
)

// addCertificate puts the release's certificate, with its proof, into a private
// block as unlimited text, so that who has the object can check the release
// without us. Private elements are not known to the library's dictionary.
func addCertificate(s *elements, e *entry) {
	if len(e.Certificate) == 0 {
		return
	}
	add := func(t tag.Tag, vr string, text string) {
		value, err := dicom.NewValue([]string{text})
		if err != nil {
			s.err = err
			return
		}
		s.list = append(s.list, &dicom.Element{Tag: t, ValueRepresentation: tag.VRStringList, RawValueRepresentation: vr, Value: value})
	}
	add(tagBlock, "LO", certificateBlock)
	add(tagCertificate, "UT", string(e.Certificate))
}

// keeps says whether the object's certificate, when it has one, is that of the
// release. Some archives drop private elements; the picture is no less right.
func (in instance) keeps(sent []byte) bool {
	return in.creator != certificateBlock || in.certificate == "" || sameCertificate(sent, []byte(in.certificate))
}

// sameCertificate compares two certificates by what is signed. The proof beside
// it may be another: any checkpoint that covers the release will do.
func sameCertificate(sent, got []byte) bool {
	if bytes.Equal(sent, got) {
		return true
	}
	type signed struct {
		Certificate json.RawMessage `json:"certificate"`
		Signature   string          `json:"signature"`
	}
	var a, b signed
	return json.Unmarshal(sent, &a) == nil && json.Unmarshal(got, &b) == nil && a.Signature != "" &&
		a.Signature == b.Signature && bytes.Equal(a.Certificate, b.Certificate)
}

// fate is what became of the certificate at the receiver, for the progress.
func fate(e *entry, kept bool) string {
	switch {
	case len(e.Certificate) == 0:
		return ""
	case kept:
		return "kept"
	}
	return "dropped"
}

package chart

import (
	"encoding/binary"
	"errors"
	"strings"
)

// errNotInstance says that what an archive gave back is not the kind of object
// that was sent.
var errNotInstance = errors.New("not a DICOM file in JPEG Baseline that can be read")

const (
	undefinedLength = 0xFFFFFFFF
	maxNesting      = 8
)

// instance is what is compared after the read-back.
type instance struct {
	class, sop, study, series, patient string
	creator, certificate               string // of the private block, empty when it is not there
	frame                              []byte // all fragments, padding included
}

// The elements that are compared.
const (
	elTransferSyntax = 0x00020010
	elSOPClass       = 0x00080016
	elSOPInstance    = 0x00080018
	elPatientID      = 0x00100020
	elStudy          = 0x0020000D
	elSeries         = 0x0020000E
	elBlock          = 0x00630010
	elCertificate    = 0x00631001
	elPixelData      = 0x7FE00010

	elItem              = 0xFFFEE000
	elItemDelimiter     = 0xFFFEE00D
	elSequenceDelimiter = 0xFFFEE0DD
)

// dicomReader walks a DICOM file (PS3.10 7.1) in Explicit VR Little Endian
// (PS3.5 7.1.2), which all encapsulated transfer syntaxes use. Lengths are
// checked against what is there, and nothing is allocated by them. It shares no
// code with the writer.
type dicomReader struct {
	rest []byte
	err  error
}

// readInstance reads what the comparison needs; it fails on anything but a
// whole file in JPEG Baseline.
func readInstance(b []byte) (instance, error) {
	var in instance
	if len(b) < 132 || string(b[128:132]) != "DICM" {
		return in, errNotInstance
	}
	r := &dicomReader{rest: b[132:]}
	texts := map[uint32]*string{
		elSOPClass: &in.class, elSOPInstance: &in.sop, elPatientID: &in.patient, elStudy: &in.study, elSeries: &in.series,
		elBlock: &in.creator, elCertificate: &in.certificate,
	}
	syntax, last := "", uint32(0)
	for r.err == nil && len(r.rest) > 0 {
		tag, vr, length := r.header()
		if r.err != nil || tag <= last {
			return in, errNotInstance
		}
		last = tag
		switch {
		case tag == elPixelData:
			if syntax != jpegBaseline || length != undefinedLength || in.frame != nil {
				return in, errNotInstance
			}
			in.frame = r.fragments()
		case length == undefinedLength:
			r.skipSequence(vr, 0)
		case tag == elTransferSyntax:
			syntax = trimText(r.take(length))
		case texts[tag] != nil:
			*texts[tag] = trimText(r.take(length))
		default:
			r.take(length)
		}
	}
	if r.err != nil || in.frame == nil {
		return in, errNotInstance
	}
	return in, nil
}

func trimText(b []byte) string { return strings.TrimRight(string(b), " \x00") }

func (r *dicomReader) take(n uint32) []byte {
	if r.err != nil || uint64(n) > uint64(len(r.rest)) {
		r.err = errNotInstance
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

// header reads a tag, its value representation and the length that follows.
func (r *dicomReader) header() (tag uint32, vr string, length uint32) {
	head := r.take(8)
	if r.err != nil {
		return 0, "", 0
	}
	tag = uint32(binary.LittleEndian.Uint16(head))<<16 | uint32(binary.LittleEndian.Uint16(head[2:]))
	if tag>>16 == elItem>>16 {
		return tag, "", binary.LittleEndian.Uint32(head[4:])
	}
	vr = string(head[4:6])
	switch vr {
	case "OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV":
		long := r.take(4)
		if r.err != nil {
			return 0, "", 0
		}
		return tag, vr, binary.LittleEndian.Uint32(long)
	}
	return tag, vr, uint32(binary.LittleEndian.Uint16(head[6:]))
}

// fragments reads encapsulated pixel data (PS3.5 A.4): the offset table, then
// the fragments of the one frame.
func (r *dicomReader) fragments() []byte {
	frame := []byte{}
	for first := true; ; first = false {
		tag, _, length := r.header()
		switch {
		case r.err != nil:
			return nil
		case tag == elSequenceDelimiter && !first && length == 0:
			return frame
		case tag != elItem || length == undefinedLength:
			r.err = errNotInstance
			return nil
		}
		part := r.take(length)
		if !first {
			frame = append(frame, part...)
		}
	}
}

// skipSequence passes over a sequence of undefined length (PS3.5 7.5).
func (r *dicomReader) skipSequence(vr string, depth int) {
	if vr != "SQ" || depth > maxNesting {
		r.err = errNotInstance
	}
	for r.err == nil {
		tag, _, length := r.header()
		switch {
		case tag == elSequenceDelimiter && length == 0:
			return
		case tag != elItem:
			r.err = errNotInstance
		case length == undefinedLength:
			r.skipItem(depth)
		default:
			r.take(length)
		}
	}
}

// skipItem passes over an item of undefined length.
func (r *dicomReader) skipItem(depth int) {
	for r.err == nil {
		tag, vr, length := r.header()
		switch {
		case tag == elItemDelimiter && length == 0:
			return
		case tag>>16 == elItem>>16:
			r.err = errNotInstance
		case length == undefinedLength:
			r.skipSequence(vr, depth+1)
		default:
			r.take(length)
		}
	}
}

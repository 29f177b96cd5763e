package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// source is what a survey of a file found beside its pixels.
type source struct {
	facts   Facts
	profile profileKind
	removed []string
}

// drop notes, once, that something is not carried over.
func (s *source) drop(names ...string) {
	for _, n := range names {
		if !slices.Contains(s.removed, n) {
			s.removed = append(s.removed, n)
		}
	}
}

// exif reads a TIFF block into the facts.
func (s *source) exif(tiff []byte) {
	var found exifSurvey
	s.facts, found = readFacts(tiff)
	s.drop("camera data (EXIF)")
	s.drop(found.names...)
}

// Marker codes (ITU-T T.81 table B.1).
const (
	markSOF0  = 0xc0
	markSOF1  = 0xc1
	markSOF2  = 0xc2
	markDHT   = 0xc4
	markRST0  = 0xd0
	markRST7  = 0xd7
	markSOI   = 0xd8
	markEOI   = 0xd9
	markSOS   = 0xda
	markDQT   = 0xdb
	markDRI   = 0xdd
	markAPP0  = 0xe0
	markAPP1  = 0xe1
	markAPP2  = 0xe2
	markAPP11 = 0xeb
	markAPP13 = 0xed
	markAPP14 = 0xee
	markAPP15 = 0xef
	markCOM   = 0xfe
)

var (
	headExif     = []byte("Exif\x00\x00")
	headXMP      = []byte("http://ns.adobe.com/xap/1.0/\x00")
	headXMPMore  = []byte("http://ns.adobe.com/xmp/extension/\x00")
	headICC      = []byte("ICC_PROFILE\x00")
	headMPF      = []byte("MPF\x00")
	headPhotoIRB = []byte("Photoshop 3.0\x00")
	headAdobe    = []byte("Adobe")
	headJFIF     = []byte("JFIF\x00")
)

// maxProfile bounds a colour profile that is put together to be recognised; larger ones are dropped.
const maxProfile = 64 << 10

// surveyJPEG walks the marker segments up to the first scan. It decides nothing about the pixels: the codec
// reads the file by itself. Damage here is the codec's to judge, so the walk just ends.
func surveyJPEG(data []byte, lim Limits) (source, error) {
	s := source{facts: Facts{Orientation: 1}}
	var icc []byte
	at := 2
	for n := 0; ; n++ {
		if n > lim.MaxSegments {
			return s, fmt.Errorf("%w: too many segments", ErrTooLarge)
		}
		for at < len(data) && data[at] != 0xff {
			at++ // bytes between segments: skipped here, counted by the codec
		}
		for at < len(data) && data[at] == 0xff {
			at++
		}
		if at+3 > len(data) {
			break
		}
		mark := data[at]
		at++
		if mark == 0 || mark == 0x01 || (mark >= markRST0 && mark <= markSOI) {
			continue // without parameters (B.1.1.3)
		}
		size := int(binary.BigEndian.Uint16(data[at:]))
		if mark == markSOS || mark == markEOI || size < 2 || at+size > len(data) {
			break
		}
		icc = s.segment(mark, data[at+2:at+size], icc)
		at += size
	}
	s.useProfile(icc)
	return s, nil
}

// segment notes one segment, and gathers the colour profile.
func (s *source) segment(mark byte, body, icc []byte) []byte {
	has := func(head []byte) bool { return bytes.HasPrefix(body, head) }
	switch {
	case mark == markAPP0 && has(headJFIF):
		if len(body) > 14 {
			s.drop("thumbnail")
		}
	case mark == markAPP1 && has(headExif):
		if !slices.Contains(s.removed, "camera data (EXIF)") {
			s.exif(body[len(headExif):])
		}
	case mark == markAPP1 && (has(headXMP) || has(headXMPMore)):
		s.xmp(body)
	case mark == markAPP2 && has(headICC):
		if len(body) > 14 && len(icc)+len(body) <= maxProfile {
			return append(icc, body[14:]...) // chunk number and count (ICC.1 B.4); out of order is not recognised
		}
		s.drop("colour profile")
	case mark == markAPP2 && has(headMPF):
		s.drop("second picture")
	case mark == markAPP11:
		s.drop("provenance record")
	case mark == markAPP13 && has(headPhotoIRB):
		s.drop("IPTC")
	case mark == markAPP14 && has(headAdobe):
		// read by the codec
	case mark >= markAPP0 && mark <= markAPP15:
		s.drop("application data")
	case mark == markCOM:
		s.drop("comment")
	}
	return icc
}

// xmp notes a packet and whether it speaks of faces or a position.
func (s *source) xmp(packet []byte) {
	s.drop("XMP")
	if bytes.Contains(packet, []byte("mwg-rs:")) || bytes.Contains(packet, []byte("MPReg:")) ||
		bytes.Contains(packet, []byte("PersonDisplayName")) {
		s.facts.HadFaceTags = true
		s.drop("face tags")
	}
	if bytes.Contains(packet, []byte("exif:GPSL")) {
		s.facts.HadGPS = true
		s.drop("GPS position")
	}
}

// useProfile recognises a colour profile, and notes when it is not kept as one of ours.
func (s *source) useProfile(icc []byte) {
	if len(icc) == 0 {
		return
	}
	s.profile = recogniseProfile(icc)
	s.drop("colour profile")
}

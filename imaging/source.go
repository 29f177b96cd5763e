//go:build !js

package imaging

import (
	"bytes"
	"fmt"
	"slices"
)

// source is what a survey of a file found beside its pixels.
type source struct {
	facts   Facts
	profile profileKind
	foreign *rgbSpace // the colours of the pixels, when they are to be converted
	removed []string
	adobe   bool        // Exif says Adobe RGB
	hollow  error       // why there is nothing to decode, if there is not
	inspect *Inspection // also told, when somebody asked
}

func newSource(in *Inspection) source {
	return source{facts: Facts{Orientation: 1}, inspect: in}
}

// drop notes, once, that something is not carried over.
func (s *source) drop(names ...string) {
	for _, n := range names {
		if !slices.Contains(s.removed, n) {
			s.removed = append(s.removed, n)
		}
	}
}

// found notes that something is there, which is not carried over.
func (s *source) found(where, what string, value func() string) {
	s.drop(what)
	s.inspect.add(where, what, value)
}

// size is the value of things that are not text.
func size(b []byte) func() string {
	return func() string { return fmt.Sprintf("%d bytes", len(b)) }
}

// exif reads a TIFF block into the facts. Only the first block is read; of others it is noted that they are there.
func (s *source) exif(where string, tiff []byte) {
	const what = "camera data (EXIF)"
	again := slices.Contains(s.removed, what)
	s.found(where, what, size(tiff))
	if again {
		return
	}
	var survey exifSurvey
	s.facts, survey = readFacts(tiff, func(in, what string, value func() string) {
		if !unnamed(what) && !technical[what] && in != "Exif GPS" {
			s.drop(what)
		}
		s.inspect.add(in, what, value)
	})
	s.adobe = survey.adobe
}

// xmp notes a packet and whether it speaks of faces or a position.
func (s *source) xmp(where string, packet []byte) {
	s.found(where, "XMP", size(packet))
	has := func(mark string) bool { return bytes.Contains(packet, []byte(mark)) }
	if has("mwg-rs:") || has("MPReg:") || has("PersonDisplayName") {
		s.facts.HadFaceTags = true
		s.found(where, "face tags", nil)
	}
	if has("exif:GPSL") {
		s.facts.HadGPS = true
		s.found(where, "GPS position", nil)
	}
	if has("xmpGImg:image") || has("GImage:Data") || has("GDepth:") || has("hdrgm:") {
		s.found(where, "second picture", nil)
	}
}

// tail names what stands behind the end of a picture.
func (s *source) tail(where string, rest []byte) {
	s.found(where, "trailing bytes", size(rest))
	if bytes.Contains(rest, []byte{0xff, markSOI, 0xff}) || bytes.Contains(rest, []byte("\x89PNG\r\n")) {
		s.found(where, "second picture", nil)
	}
	if bytes.Contains(rest, []byte("ftyp")) {
		s.found(where, "motion video", nil)
	}
}

// useProfile decides on the colours: one of our own profiles where the source's is one of those or means the same
// to the eye, conversion where it can be computed, and otherwise, with a word in the record, none.
func (s *source) useProfile(where string, icc []byte) {
	if len(icc) == 0 {
		if s.adobe {
			s.profile = profileAdobe
		}
		return
	}
	s.found(where, "colour profile", func() string { return profileName(icc) })
	var ok bool
	if s.profile, s.foreign, ok = chooseProfile(icc); !ok {
		s.drop("colour meaning (profile not understood)")
	}
}

//go:build !js

package imaging

import (
	"bytes"
	"strings"
	"time"
	"unicode"

	"github.com/rwcarlsen/goexif/exif"
)

// Facts is what the source said about the capture. TakenAt is "2006-01-02T15:04:05" in the camera's own clock,
// or empty; no zone is guessed. Make and Model are at most 64 printable characters. Orientation is the one
// found, 1 to 8. HadGPS and HadFaceTags say that a position or named faces were present, never which.
type Facts struct {
	TakenAt     string `json:"taken_at,omitempty"`
	Make        string `json:"make,omitempty"`
	Model       string `json:"model,omitempty"`
	Orientation int    `json:"orientation"`
	HadGPS      bool   `json:"had_gps"`
	HadFaceTags bool   `json:"had_face_tags"`
}

const maxFactRunes = 64

// readFacts reads a TIFF block: the survey always, the text only where the survey found it sound.
func readFacts(tiff []byte, note noteFunc) (Facts, exifSurvey) {
	s := surveyExif(tiff, note)
	f := Facts{Orientation: s.orientation, HadGPS: s.gps}
	switch {
	case !s.sound:
	case s.next == 0:
		readFactText(tiff, &f)
	default:
		// goexif would follow the next directory, so it gets a copy that names none. What stood there may be part
		// of something else, so the copy is surveyed as well.
		alone := bytes.Clone(tiff)
		copy(alone[s.nextAt:], "\x00\x00\x00\x00")
		if surveyExif(alone, nil).sound {
			readFactText(alone, &f)
		}
	}
	return f, s
}

// readFactText asks goexif. The recover is for its sake: facts are a courtesy, and no picture is refused
// for want of them.
func readFactText(tiff []byte, f *Facts) {
	defer func() { _ = recover() }()
	x, err := exif.Decode(bytes.NewReader(tiff))
	if x == nil || (err != nil && exif.IsCriticalError(err)) {
		return
	}
	if tag, err := x.Get(exif.Orientation); err == nil {
		if o, err := tag.Int(0); err == nil && o >= 1 && o <= 8 && o != f.Orientation {
			return // it sees another directory than we do
		}
	}
	text := func(name exif.FieldName) string {
		tag, err := x.Get(name)
		if err != nil {
			return ""
		}
		s, err := tag.StringVal()
		if err != nil {
			return ""
		}
		return cleanFact(s)
	}
	f.Make, f.Model = text(exif.Make), text(exif.Model)
	for _, name := range []exif.FieldName{exif.DateTimeOriginal, exif.DateTimeDigitized, exif.DateTime} {
		if at, err := time.Parse("2006:01:02 15:04:05", text(name)); err == nil {
			f.TakenAt = at.Format("2006-01-02T15:04:05")
			return
		}
	}
}

// cleanFact keeps the printable characters of s, at most maxFactRunes of them.
func cleanFact(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == maxFactRunes {
			break
		}
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			continue
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// clean bounds facts that came from a child process.
func (f Facts) clean() Facts {
	if _, err := time.Parse("2006-01-02T15:04:05", f.TakenAt); err != nil {
		f.TakenAt = ""
	}
	f.Make, f.Model = cleanFact(f.Make), cleanFact(f.Model)
	if f.Orientation < 1 || f.Orientation > 8 {
		f.Orientation = 1
	}
	return f
}

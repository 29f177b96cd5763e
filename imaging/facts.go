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

const (
	maxFactRunes = 64
	// maxFactBlock bounds the block that goexif is given; its values together cannot be larger by much,
	// since surveyExif has checked each against the block.
	maxFactBlock = 64 << 10
	maxFactNames = 2048
)

// readFacts reads a TIFF block: the survey always, the text only where the survey found it sound.
func readFacts(tiff []byte) (Facts, exifSurvey) {
	s := surveyExif(tiff)
	f := Facts{Orientation: s.orientation, HadGPS: s.gps}
	if s.sound && len(tiff) <= maxFactBlock && len(s.names) <= maxFactNames {
		readFactText(tiff, &f)
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

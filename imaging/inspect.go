//go:build !js

package imaging

import (
	"strings"
	"unicode"
)

// Finding is one thing that a file carries beside its picture: where it stands, what it is in a few words, and its
// value as text of at most 120 printable characters, empty where there is none to show. A value is personal data.
type Finding struct {
	Where string `json:"where"`
	What  string `json:"what"`
	Value string `json:"value,omitempty"`
}

// Inspection is what a file carries. Width and Height are as stored, before any turning. More says that the list
// of findings was cut at 512.
type Inspection struct {
	Format   string    `json:"format"`
	Bytes    int64     `json:"bytes"`
	Width    int       `json:"width"`
	Height   int       `json:"height"`
	Findings []Finding `json:"findings"`
	More     bool      `json:"more,omitempty"`
}

const (
	maxFindings     = 512
	maxFindingRunes = 120
)

// Inspect tells what a file of an accepted format carries, without decoding its picture. It refuses what Read's
// gate refuses, with the same errors, and bounds the file by the default limits.
func Inspect(data []byte) (in Inspection, err error) {
	return inspectWithin(data, DefaultLimits())
}

func inspectWithin(data []byte, lim Limits) (in Inspection, err error) {
	defer rescue(&err)
	kind, err := gate(data, lim)
	if err != nil {
		return Inspection{}, err
	}
	in = Inspection{Bytes: int64(len(data)), Findings: []Finding{}}
	switch kind {
	case jpegFile:
		in.Format = "JPEG"
		_, err = surveyJPEG(data, lim, &in)
	case pngFile:
		in.Format = "PNG"
		_, err = surveyPNG(data, lim, &in)
	case heicFile:
		in.Format = "HEIC"
		_, err = surveyHEIC(data, lim, &in)
	}
	if err != nil {
		return Inspection{}, err
	}
	return in, nil
}

// WithoutValues is a copy that names things and tells no value.
func (in Inspection) WithoutValues() Inspection {
	list := make([]Finding, len(in.Findings))
	for i, f := range in.Findings {
		list[i] = Finding{Where: f.Where, What: f.What}
	}
	in.Findings = list
	return in
}

// String keeps values out of logs.
func (in Inspection) String() string { return "[inspection]" }

// GoString keeps values out of logs.
func (in Inspection) GoString() string { return "[inspection]" }

// String keeps values out of logs.
func (f Finding) String() string { return f.Where + ": " + f.What }

// GoString keeps values out of logs.
func (f Finding) GoString() string { return f.String() }

// add notes a finding. A nil Inspection is told nothing.
func (in *Inspection) add(where, what string, value func() string) {
	if in == nil {
		return
	}
	if len(in.Findings) == maxFindings {
		in.More = true
		return
	}
	f := Finding{Where: where, What: what}
	if value != nil {
		f.Value = printable(value())
	}
	in.Findings = append(in.Findings, f)
}

// size notes the size of the first picture.
func (in *Inspection) size(w, h int64) {
	if in != nil && in.Width == 0 {
		in.Width, in.Height = int(min(w, 1<<31-1)), int(min(h, 1<<31-1))
	}
}

// printable keeps the first printable characters of s.
func printable(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == maxFindingRunes {
			b.WriteRune('…')
			break
		}
		if r != unicode.ReplacementChar && unicode.IsPrint(r) {
			b.WriteRune(r)
			n++
		}
	}
	return strings.TrimSpace(b.String())
}

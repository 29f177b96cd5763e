package seal

import (
	"math"
	"slices"
)

// Bounds of what is measured on a frame.
const (
	minPixelsPerMM = 0.1
	maxPixelsPerMM = 1000
	maxColour      = 16 // of a member of the matrix, either sign
)

// overrulable are the warnings of the viewfinder that a person may overrule, in the order in which they are written.
var overrulable = []string{"blur", "dark", "eyes", "face", "far", "glare", "tattoo", "text", "wristband"}

// Measures is what the client measured on the frame that it sealed, and which warnings the person overruled. Nothing of it
// is drawn into the picture. Zero and nil mean that it was not measured.
type Measures struct {
	// PixelsPerMM is 0.1 to 1000, on the plane of the printed scale.
	PixelsPerMM float64 `json:"pixels_per_mm,omitzero"`
	// Colour is the correction that the colour patches of the scale ask for: a matrix of 3 rows and 4 columns, row by
	// row, on linear sRGB and 1; members from -16 to 16.
	Colour *[12]float64 `json:"colour,omitempty"`
	// Sharpness is 0 (blurred) to 1.
	Sharpness *float64 `json:"sharpness,omitempty"`
	// Overruled is sorted and without doubles: blur, dark, eyes, face, far, glare, tattoo, text, wristband.
	Overruled []string `json:"overruled,omitempty"`
}

var measureNames = []string{"pixels_per_mm", "colour", "sharpness", "overruled"}

// validate says which value is outside what the format allows.
func (m *Measures) validate() error {
	if m == nil {
		return nil
	}
	if m.PixelsPerMM != 0 && !within(m.PixelsPerMM, minPixelsPerMM, maxPixelsPerMM) {
		return formatErr("pixels_per_mm must be 0.1 to 1000")
	}
	if m.Colour != nil {
		for _, x := range m.Colour {
			if !within(x, -maxColour, maxColour) {
				return formatErr("colour must be 12 numbers from -16 to 16")
			}
		}
	}
	if m.Sharpness != nil && !within(*m.Sharpness, 0, 1) {
		return formatErr("sharpness must be 0 to 1")
	}
	for i, w := range m.Overruled {
		if !slices.Contains(overrulable, w) || i > 0 && m.Overruled[i-1] >= w {
			return formatErr("overruled must be warnings, sorted and without doubles")
		}
	}
	return nil
}

// within is false for what is no number.
func within(x, least, most float64) bool { return !math.IsNaN(x) && x >= least && x <= most }

// parseMeasures reads them strictly; nothing at all is none.
func parseMeasures(b []byte) (*Measures, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var w struct {
		PixelsPerMM *float64  `json:"pixels_per_mm"`
		Colour      []float64 `json:"colour"`
		Sharpness   *float64  `json:"sharpness"`
		Overruled   []string  `json:"overruled"`
	}
	if err := strictObject(b, nil, measureNames, &w); err != nil {
		return nil, err
	}
	m := Measures{Sharpness: w.Sharpness, Overruled: w.Overruled}
	if w.PixelsPerMM != nil {
		if m.PixelsPerMM = *w.PixelsPerMM; m.PixelsPerMM == 0 {
			return nil, formatErr("pixels_per_mm must be 0.1 to 1000")
		}
	}
	if w.Colour != nil {
		if len(w.Colour) != len(m.Colour) {
			return nil, formatErr("colour must be 12 numbers from -16 to 16")
		}
		m.Colour = (*[12]float64)(w.Colour)
	}
	return &m, nil
}

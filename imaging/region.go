package imaging

import (
	"image"
	"math"
)

// Kind says what a region covers.
type Kind string

// The kinds of region. KindDrawn is a box a person drew for a reason of their own.
const (
	KindFace   Kind = "face"
	KindTattoo Kind = "tattoo"
	KindText   Kind = "text"
	KindDrawn  Kind = "drawn"
)

// SourcePerson is the Source of a region that a person drew, moved or resized.
const SourcePerson = "person"

// MaxRegions is how many regions a picture may have.
const MaxRegions = 512

// Box is a rectangle in upright pixels: X0, Y0 inside, X1, Y1 just outside.
type Box struct {
	X0 int `json:"x0"`
	Y0 int `json:"y0"`
	X1 int `json:"x1"`
	Y1 int `json:"y1"`
}

func boxOf(r image.Rectangle) Box { return Box{r.Min.X, r.Min.Y, r.Max.X, r.Max.Y} }

func (b Box) rect() image.Rectangle {
	return image.Rectangle{image.Pt(b.X0, b.Y0), image.Pt(b.X1, b.Y1)}
}

// clip cuts b to a picture of w × h; what lies outside becomes empty.
func (b Box) clip(w, h int) Box {
	return Box{min(max(b.X0, 0), w), min(max(b.Y0, 0), h), min(max(b.X1, 0), w), min(max(b.Y1, 0), h)}
}

func (b Box) empty() bool { return b.X0 >= b.X1 || b.Y0 >= b.Y1 }

// Region is a rectangle of the original, found by a detector or drawn by a person. A detector's Box is what it
// saw, before any margin. Score is 0 to 1 and means little across detectors; from FaintScore up it is worth drawing
// firmly. Source names who found it: a detector, or SourcePerson. Model is the SHA-256 (hex) of the cascade that the
// detector learned, if any, and Tuning the version of its thresholds.
type Region struct {
	Kind   Kind    `json:"kind"`
	Box    Box     `json:"box"`
	Score  float64 `json:"score"`
	Source string  `json:"source"`
	Model  string  `json:"model,omitempty"`
	Tuning string  `json:"tuning,omitempty"`
}

// Margin is the box that must be covered for r in a picture of w × h upright pixels. Detectors frame eyes to
// chin, so a face grows by half its width to each side, half its height down and 60 % up to take in hair and
// ears; everything else grows by 10 % a side. The result is clipped to the picture.
func Margin(r Region, w, h int) Box {
	side, up := 0.10, 0.10
	if r.Kind == KindFace {
		side, up = 0.50, 0.60
	}
	b := r.Box.clip(w, h)
	if b.empty() {
		return Box{}
	}
	bw, bh := float64(b.X1-b.X0), float64(b.Y1-b.Y0)
	grow := func(size, share float64) int { return int(math.Ceil(size * share)) }
	return Box{b.X0 - grow(bw, side), b.Y0 - grow(bh, up), b.X1 + grow(bw, side), b.Y1 + grow(bh, side)}.clip(w, h)
}

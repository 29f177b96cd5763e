package imaging

import (
	"image"
	"math"
)

// tuning is the version of the thresholds and of the search, kept with each region they propose.
const tuning = "t2"

// FaintScore is the score under which a proposal is drawn faint: worth a look, likely nothing.
const FaintScore = 0.5

// finding is a rectangle in pixels of the picture that was searched, before any margin.
type finding struct {
	kind           Kind
	x0, y0, x1, y1 float64
	score          float64 // 0 to 1; FaintScore and more is drawn firmly
	source         string
	model          *model // nil: nothing was learned
	tuning         string // version of the thresholds and of the search
}

// region scales f to a picture of w × h upright pixels; nothing is left of what lies outside it.
func (f finding) region(scale float64, w, h int) (Region, bool) {
	b := Box{
		int(math.Floor(f.x0 * scale)), int(math.Floor(f.y0 * scale)),
		int(math.Ceil(f.x1 * scale)), int(math.Ceil(f.y1 * scale)),
	}.clip(w, h)
	r := Region{Kind: f.kind, Box: b, Score: math.Round(1000*f.score) / 1000, Source: f.source, Tuning: f.tuning}
	if f.model != nil {
		r.Model = f.model.digest
	}
	return r, !b.empty()
}

// model is a cascade as pigo reads it, with the SHA-256 of the file that its thresholds were measured with.
type model struct {
	name   string
	digest string // lower-case hex
	unpack func() (cascade, error)
}

// cascade judges windows of a picture by comparing pixels. There are two: pigo's, and the forest that a browser loads.
type cascade interface {
	// windows judges squares of least to most pixels a side, each scale times the one before, a share shift of their side
	// apart, and gives those taken for the target with a score over 0. Centres are whole pixels.
	windows(gray *image.Gray, least, most int, shift, scale float64) []hit
}

package imaging

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"math"
	"sync"

	pigo "github.com/esimov/pigo/core"
)

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
	unpack func() (*pigo.Pigo, error)
}

// newModel names an embedded cascade. It is unpacked once, after its digest was compared: the unpacker panics on
// a damaged file.
func newModel(name, digest string, data []byte) *model {
	return &model{name: name, digest: digest,
		unpack: sync.OnceValues(func() (*pigo.Pigo, error) { return unpackCascade(name, digest, data) })}
}

func unpackCascade(name, digest string, data []byte) (*pigo.Pigo, error) {
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("imaging: cascade %s is not the one that was measured", name)
	}
	cascade, err := pigo.NewPigo().Unpack(data)
	if err != nil {
		return nil, fmt.Errorf("imaging: unpacking cascade %s: %w", name, err)
	}
	return cascade, nil
}

// params are pigo's parameters for a square search of a grey picture.
func params(gray *image.Gray, least, most int, shift, scale float64) pigo.CascadeParams {
	return pigo.CascadeParams{MinSize: least, MaxSize: most, ShiftFactor: shift, ScaleFactor: scale,
		ImageParams: pigo.ImageParams{Pixels: gray.Pix, Rows: gray.Rect.Dy(), Cols: gray.Rect.Dx(), Dim: gray.Stride}}
}

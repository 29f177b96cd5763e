package imaging

import (
	_ "embed"
	"image"

	pigo "github.com/esimov/pigo/core"
)

//go:embed cascade/tattoo
var tattooCascade []byte

// tattooModel is the cascade that the thresholds below were chosen with; see cascade/README.md.
var tattooModel = newModel("tattoo", "2308d861168b003036ebd297e2cf775f469c45aea1075bada074e0fae962b666", tattooCascade)

const (
	tattooSource = "clinivault/tattoo"
	tattooTuning = "t1"
	// tattooFloor is the least heat of a place that is shown, tattooFirm that of one drawn firmly.
	tattooFloor = 30.0
	tattooFirm  = 60.0
)

// searchTattoos proposes the tattoos of an upright picture of any size, in its pixels.
func searchTattoos(rgb *image.RGBA) ([]finding, error) {
	cascade, err := tattooModel.unpack()
	if err != nil {
		return nil, err
	}
	v := ViewTattoos(rgb)
	found := v.group(v.judge(cascade), tattooFloor)
	for i := range found {
		found[i].model = tattooModel
	}
	return found, nil
}

// tattooHit is a window that a cascade took for a tattoo, and how surely.
type tattooHit struct {
	TattooWindow
	q float32
}

// mosaicTiles is how many tiles pigo is given at a time: few enough to stay in the processor's cache.
const mosaicTiles = 64

// judge has pigo search a mosaic of tiles, one below the other, at one size and without overlap. Pigo keeps its
// window's centre 17 pixels from every edge, so that the mosaic has a border of one pixel.
func (v *TattooView) judge(cascade *pigo.Pigo) (hits []tattooHit) {
	const width = TileSide + 2
	mosaic := &image.Gray{Pix: make([]uint8, width*(mosaicTiles*TileSide+2)), Stride: width}
	windows := v.Windows()
	var tile [TileSize]byte
	for len(windows) > 0 {
		batch := windows[:min(mosaicTiles, len(windows))]
		windows = windows[len(batch):]
		for i, w := range batch {
			v.Tile(w, &tile)
			for row := range TileSide {
				copy(mosaic.Pix[(1+i*TileSide+row)*width+1:][:TileSide], tile[row*TileSide:])
			}
		}
		mosaic.Rect = image.Rect(0, 0, width, len(batch)*TileSide+2)
		for _, d := range cascade.RunCascade(params(mosaic, TileSide, TileSide, 1, 2), 0) {
			hits = append(hits, tattooHit{batch[d.Row/TileSide], d.Q})
		}
	}
	return hits
}

// DetectTattoos proposes the tattoos of an upright picture, before any margin, and looks for nothing else.
func DetectTattoos(rgb *image.RGBA) (regions []Region, err error) {
	defer rescue(&err)
	found, err := searchTattoos(rgb)
	for _, f := range found {
		if r, ok := f.region(1, rgb.Rect.Dx(), rgb.Rect.Dy()); ok {
			regions = append(regions, r)
		}
	}
	return regions, err
}

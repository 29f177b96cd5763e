package imaging

import "image"

const (
	tattooSource = "clinivault/tattoo"
	tattooTuning = "t1"
	// tattooFloor is the least heat of a place that is shown, tattooFirm that of one drawn firmly.
	tattooFloor = 30.0
	tattooFirm  = 60.0
)

// findTattoos proposes the tattoos of an upright picture of any size, in its pixels, as a cascade of tiles sees them.
func findTattoos(rgb *image.RGBA, m *model, floor float32) ([]finding, error) {
	cascade, err := m.unpack()
	if err != nil {
		return nil, err
	}
	v := ViewTattoos(rgb)
	found := v.group(v.judge(cascade), floor)
	for i := range found {
		found[i].model = m
	}
	return found, nil
}

// tattooHit is a window that a cascade took for a tattoo, and how surely.
type tattooHit struct {
	TattooWindow
	q float32
}

// mosaicTiles is how many tiles a cascade is given at a time: few enough to stay in the processor's cache.
const mosaicTiles = 64

// judge has the cascade search a mosaic of tiles, one below the other, at one size and without overlap. It keeps its
// window's centre 17 pixels from every edge, so that the mosaic has a border of one pixel.
func (v *TattooView) judge(cascade cascade) (hits []tattooHit) {
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
		for _, w := range cascade.windows(mosaic, TileSide, TileSide, 1, 2) {
			hits = append(hits, tattooHit{batch[int(w.y)/TileSide], float32(w.q)})
		}
	}
	return hits
}

package imaging

import "image"

const (
	tattooSide  = 640 // longest side searched, in pixels
	tattooLeast = 64  // a shorter side is lengthened to this by repeating the edge
	tattooBlock = 2   // side of the squares in which measurements are summed
)

// TattooView is a picture measured for the search of tattoos. A tattoo has no fixed layout, so that comparing
// pixels finds none. What it has is ink: darker than the skin around it, less red or more blue, with edges and
// texture that skin lacks. The view measures these against the skin tone of the neighbourhood, and describes any
// window of the picture by a tile of TileSize bytes, which a cascade of comparisons then judges as if the tile
// were a picture. Training and search describe windows by this same code.
type TattooView struct {
	w, h   int     // pixels measured
	bw, bh int     // blocks
	scale  float64 // pixels of the picture given for one measured
	tone   *toneMap
	sums   []uint32 // (bw+1)·(bh+1)·tattooChannels: sums over the blocks above and to the left
	whole  [tattooChannels]uint8
}

// TattooWindow is a square of a view: its corner and the side of its cells in blocks of 2 × 2 measured pixels.
type TattooWindow struct{ bx, by, cell int }

// ViewTattoos measures an upright picture of any size, at 640 pixels a side at most.
func ViewTattoos(rgb *image.RGBA) *TattooView {
	small, scale := tattooPicture(rgb)
	w, h := small.Rect.Dx(), small.Rect.Dy()
	v := &TattooView{w: w, h: h, bw: w / tattooBlock, bh: h / tattooBlock, scale: scale}
	p := newPlanes(small)
	v.tone = newToneMap(p)
	p.ink(v.tone)
	v.sum(p)
	return v
}

// tattooPicture shrinks a picture to tattooSide and lengthens short sides to tattooLeast.
func tattooPicture(rgb *image.RGBA) (*image.RGBA, float64) {
	w, h := rgb.Rect.Dx(), rgb.Rect.Dy()
	if w < 1 || h < 1 {
		return image.NewRGBA(image.Rect(0, 0, tattooLeast, tattooLeast)), 1
	}
	scale := 1.0
	if longest := max(w, h); longest > tattooSide {
		scale = float64(longest) / tattooSide
		w, h = max(1, int(float64(w)/scale)), max(1, int(float64(h)/scale))
		rgb = boxRGBA(rgb, w, h)
	}
	if min(w, h) >= tattooLeast && rgb.Rect.Min == (image.Point{}) {
		return rgb, scale
	}
	out := image.NewRGBA(image.Rect(0, 0, max(w, tattooLeast), max(h, tattooLeast)))
	for y := range out.Rect.Dy() {
		src := rgb.Pix[min(y, h-1)*rgb.Stride:]
		for x := range out.Rect.Dx() {
			copy(out.Pix[y*out.Stride+4*x:][:4], src[4*min(x, w-1):][:4])
		}
	}
	return out, scale
}

// sum builds the table from which the mean of every channel over any rectangle of blocks is read.
func (v *TattooView) sum(p *planes) {
	stride := (v.bw + 1) * tattooChannels
	v.sums = make([]uint32, (v.bh+1)*stride)
	for by := range v.bh {
		above, here := v.sums[by*stride:][:stride], v.sums[(by+1)*stride:][:stride]
		var row [tattooChannels]uint32
		for bx := range v.bw {
			p.block(bx*tattooBlock, by*tattooBlock, &row)
			at := (bx + 1) * tattooChannels
			up, dst := above[at:at+tattooChannels:at+tattooChannels], here[at:at+tattooChannels:at+tattooChannels]
			for c := range row {
				dst[c] = up[c] + row[c]
			}
		}
	}
	v.means(0, 0, v.bw, v.bh, &v.whole)
}

// corner is the sums of all channels left of bx and above by.
func (v *TattooView) corner(bx, by int) *[tattooChannels]uint32 {
	at := (by*(v.bw+1) + bx) * tattooChannels
	return (*[tattooChannels]uint32)(v.sums[at:])
}

// means gives the mean of each channel over a rectangle of blocks, times the channel's gain, 0 to 255.
func (v *TattooView) means(x0, y0, x1, y1 int, out *[tattooChannels]uint8) {
	a, b, c, d := v.corner(x0, y0), v.corner(x1, y0), v.corner(x0, y1), v.corner(x1, y1)
	area := uint32((x1 - x0) * (y1 - y0) * tattooBlock * tattooBlock)
	unit := (1<<24 + area - 1) / area
	for i := range out {
		mean := uint64(d[i]-b[i]-c[i]+a[i]) * uint64(unit) * uint64(tattooGain[i]) >> 24
		out[i] = uint8(min(mean, 255))
	}
}

// tattooCells are the sides of the cells of a window, in blocks: windows have 6 × 6 cells, 48 to 528 pixels.
var tattooCells = []int{4, 5, 6, 8, 10, 13, 17, 22, 28, 36, 44}

// Windows lists the windows searched: squares of 48 to 528 measured pixels, a quarter of their side apart, and
// flush with the right and lower edge.
func (v *TattooView) Windows() []TattooWindow {
	var all []TattooWindow
	for _, cell := range tattooCells {
		side := tileCells * cell
		if side > min(v.bw, v.bh) && cell != tattooCells[0] {
			break
		}
		for _, by := range starts(v.bh-side, side/4) {
			for _, bx := range starts(v.bw-side, side/4) {
				all = append(all, TattooWindow{bx, by, cell})
			}
		}
	}
	return all
}

// starts gives 0, step, 2·step … and the end itself; nothing when the end is negative.
func starts(end, step int) (at []int) {
	for x := 0; x < end; x += step {
		at = append(at, x)
	}
	if end >= 0 {
		at = append(at, end)
	}
	return at
}

// Window gives the window searched that lies nearest to a square of the picture given: its corner and side in
// pixels of that picture. It reports false when no window fits into the picture.
func (v *TattooView) Window(x, y, side float64) (TattooWindow, bool) {
	cell := int(side/v.scale/(tattooBlock*tileCells) + 0.5)
	cell = min(max(cell, tattooCells[0]), tattooCells[len(tattooCells)-1], min(v.bw, v.bh)/tileCells)
	n := cell * tileCells
	grown := (float64(n*tattooBlock)*v.scale - side) / 2
	snap := func(at float64, most int) int {
		return min(max(int((at-grown)/v.scale/tattooBlock+0.5), 0), most)
	}
	return TattooWindow{snap(x, v.bw-n), snap(y, v.bh-n), cell}, cell > 0
}

// Bounds gives the corners of a window in pixels of the picture given.
func (v *TattooView) Bounds(w TattooWindow) (x0, y0, x1, y1 float64) {
	unit := float64(tattooBlock) * v.scale
	side := float64(w.cell * tileCells)
	return float64(w.bx) * unit, float64(w.by) * unit, (float64(w.bx) + side) * unit, (float64(w.by) + side) * unit
}

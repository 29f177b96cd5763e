package imaging

import (
	"image"
	"math"
)

// The channels in which a window is described. Those relative to the skin tone of the neighbourhood are 128 where
// the pixel is of that tone.
const (
	chLuma     = iota // luma relative to the skin tone
	chBlue            // Cb relative to the skin tone
	chRed             // Cr relative to the skin tone
	chInk             // darkness, loss of Cr and gain of Cb, together
	chSkin            // likelihood of skin by colour alone
	chEdge            // gradient of the luma
	chEdge0           // its energy by direction: across, rising, down, falling
	chEdge45          //
	chEdge90          //
	chEdge135         //
	chInkEdge         // gradient of the ink
	chContrast        // luma against that four pixels away
	chChroma          // distance of the colour from the skin tone
	chTexture         // luma against that of the next pixels
	chDark            // luma itself
	chVivid           // distance of the colour from grey
	tattooChannels
)

// tattooGain stretches channels whose means are small.
var tattooGain = [tattooChannels]uint8{1, 1, 1, 1, 1, 3, 5, 5, 5, 5, 3, 3, 2, 4, 1, 2}

// planes is a picture in luma and colour differences (BT.601, full range), with its ink.
type planes struct {
	w, h       int
	y, cb, cr  []uint8
	skin, inks []uint8
	tone       *toneMap
}

// newPlanes converts a picture at the origin. Colours are smoothed over 2 × 2 pixels, as the JPEG that most
// pictures come from stores them.
func newPlanes(rgb *image.RGBA) *planes {
	w, h := rgb.Rect.Dx(), rgb.Rect.Dy()
	buf := make([]uint8, 5*w*h)
	cut := func(i int) []uint8 { return buf[i*w*h : (i+1)*w*h : (i+1)*w*h] }
	p := &planes{w: w, h: h, y: cut(0), cb: cut(1), cr: cut(2), skin: cut(3), inks: cut(4)}
	for y := range h {
		src := rgb.Pix[y*rgb.Stride:][:4*w]
		for x := range w {
			r, g, b := int32(src[4*x]), int32(src[4*x+1]), int32(src[4*x+2])
			i := y*w + x
			p.y[i] = uint8((19595*r + 38470*g + 7471*b + 1<<15) >> 16)
			p.cb[i] = clampByte((-11056*r - 21712*g + 32768*b + 257<<15 - 1) >> 16)
			p.cr[i] = clampByte((32768*r - 27440*g - 5328*b + 257<<15 - 1) >> 16)
			p.skin[i] = skinLikelihood(p.y[i], p.cb[i], p.cr[i])
		}
	}
	return p
}

func clampByte(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

// skinTable is the likelihood of skin by Cb and Cr, a quarter of their resolution each: an ellipse along the line
// on which skin of all tones lies, lighter or darker, paler or redder.
var skinTable = func() (t [64 * 64]uint8) {
	for i := range t {
		cb, cr := float64(i/64*4+2), float64(i%64*4+2)
		along, across := (cr-cb-40)/24, (cr+cb-258)/12
		t[i] = uint8(255 * math.Exp(-(along*along+across*across)/2))
	}
	return t
}()

// skinLikelihood is 0 to 255. In the dark colours mean little, so that it fades there.
func skinLikelihood(y, cb, cr uint8) uint8 {
	s := skinTable[int(cb>>2)<<6|int(cr>>2)]
	if y < 48 {
		s = uint8(int(s) * int(y) / 48)
	}
	return s
}

// ink measures every pixel against the tone: darker than the skin around, less red, more blue.
func (p *planes) ink(tone *toneMap) {
	p.tone = tone
	for y := range p.h {
		for x := range p.w {
			t, i := tone.at(x, y), y*p.w+x
			dark := (int32(t.y) - int32(p.y[i])) * 112 / int32(max(t.y, 40))
			red := int32(t.cr) - int32(p.cr[i])
			blue := int32(p.cb[i]) - int32(t.cb)
			p.inks[i] = clampByte(max(dark, 0) + red + blue)
		}
	}
}

// around gives a value of a plane, the edge repeated beyond it.
func around(plane []uint8, w, h, x, y int) int32 {
	return int32(plane[min(max(y, 0), h-1)*w+min(max(x, 0), w-1)])
}

// block adds the channels of the four pixels from x, y on.
func (p *planes) block(x, y int, sum *[tattooChannels]uint32) {
	for j := y; j < y+tattooBlock; j++ {
		for i := x; i < x+tattooBlock; i++ {
			p.pixel(i, j, sum)
		}
	}
}

// pixel adds the channels of one pixel.
func (p *planes) pixel(x, y int, sum *[tattooChannels]uint32) {
	at, w := y*p.w+x, p.w
	l, cb, cr := int32(p.y[at]), int32(p.cb[at]), int32(p.cr[at])
	t := p.tone.at(x, y)
	blue, red := cb-int32(t.cb), cr-int32(t.cr)
	sum[chLuma] += uint32(clampByte(128 + (l-int32(t.y))*112/int32(max(t.y, 40))))
	sum[chBlue] += uint32(clampByte(128 + 2*blue))
	sum[chRed] += uint32(clampByte(128 + 2*red))
	sum[chInk] += uint32(p.inks[at])
	sum[chSkin] += uint32(p.skin[at])
	sum[chChroma] += uint32(min(abs32(blue)+abs32(red), 255))
	sum[chDark] += uint32(l)
	sum[chVivid] += uint32(min(abs32(cb-128)+abs32(cr-128), 255))
	var left, right, up, down, dx, dy, idx, idy, far int32
	if x >= 4 && y >= 4 && x < w-4 && y < p.h-4 {
		left, right, up, down = int32(p.y[at-1]), int32(p.y[at+1]), int32(p.y[at-w]), int32(p.y[at+w])
		idx, idy = int32(p.inks[at+1])-int32(p.inks[at-1]), int32(p.inks[at+w])-int32(p.inks[at-w])
		far = int32(p.y[at-4]) + int32(p.y[at+4]) + int32(p.y[at-4*w]) + int32(p.y[at+4*w])
	} else {
		left, right = around(p.y, w, p.h, x-1, y), around(p.y, w, p.h, x+1, y)
		up, down = around(p.y, w, p.h, x, y-1), around(p.y, w, p.h, x, y+1)
		idx = around(p.inks, w, p.h, x+1, y) - around(p.inks, w, p.h, x-1, y)
		idy = around(p.inks, w, p.h, x, y+1) - around(p.inks, w, p.h, x, y-1)
		far = around(p.y, w, p.h, x-4, y) + around(p.y, w, p.h, x+4, y) + around(p.y, w, p.h, x, y-4) + around(p.y, w, p.h, x, y+4)
	}
	dx, dy = right-left, down-up
	energy := uint32(min((abs32(dx)+abs32(dy))/2, 255))
	sum[chEdge] += energy
	sum[direction(dx, dy)] += energy
	sum[chInkEdge] += uint32(min((abs32(idx)+abs32(idy))/2, 255))
	sum[chContrast] += uint32(min(abs32(l-far/4), 255))
	sum[chTexture] += uint32(min(abs32(l-(left+right+up+down)/4), 255))
}

// direction bins a gradient into four directions, 45° apart.
func direction(dx, dy int32) int {
	ax, ay := abs32(dx), abs32(dy)
	switch {
	case 5*ay < 2*ax:
		return chEdge0
	case 5*ax < 2*ay:
		return chEdge90
	case (dx < 0) == (dy < 0):
		return chEdge45
	}
	return chEdge135
}

func abs32(v int32) int32 { return max(v, -v) }

package jpegcoef

import (
	"image"
	"image/color"
	"slices"
)

// Mask covers every MCU that r touches with one colour, given as red, green and
// blue: a constant DC and no AC in each of their blocks, also in those that pad
// the picture's edge. It returns the rectangle really covered, in pixels, clipped
// to the picture; it is empty when r touches nothing. The colour is as near as
// the quantisation tables allow.
//
// A decoder that smooths chroma between samples may tint the pixels along the
// edge of a mask with their neighbours' colour, on both sides; luma and thus
// shape never cross it.
func (c *Coefficients) Mask(r image.Rectangle, colour [3]uint8) image.Rectangle {
	mcus := c.touched(r)
	if mcus.Empty() {
		return image.Rectangle{}
	}
	for i, level := range c.levels(colour) {
		p := &c.comps[i]
		dc := p.constant(level)
		p.each(mcus, func(block int) bool {
			p.flat(block, dc)
			return true
		})
	}
	return c.pixels(mcus)
}

// levels returns the sample value of each component for a colour.
func (c *Coefficients) levels(rgb [3]uint8) []uint8 {
	y, cb, cr := color.RGBToYCbCr(rgb[0], rgb[1], rgb[2])
	switch c.transform {
	case Gray:
		return []uint8{y}
	case RGB:
		return rgb[:]
	default:
		return []uint8{y, cb, cr}
	}
}

// constant returns the DC coefficient of a block whose samples all are level:
// eight times the level shifted by 128, A.3.1 and A.3.3, quantised.
func (p *component) constant(level uint8) int16 {
	v, q := 8*(int(level)-128), int(p.quant[0])
	half := q / 2
	if v < 0 {
		half = -half
	}
	return int16(min(max((v+half)/q, minDC), maxDC))
}

// touched returns the rectangle of MCUs, counted in MCUs, that r touches.
func (c *Coefficients) touched(r image.Rectangle) image.Rectangle {
	r = r.Intersect(c.bounds())
	if r.Empty() {
		return image.Rectangle{}
	}
	w, h := c.MCUSize()
	return image.Rect(r.Min.X/w, r.Min.Y/h, ceilDiv(r.Max.X, w), ceilDiv(r.Max.Y, h))
}

// pixels returns a rectangle of MCUs in pixels, clipped to the picture.
func (c *Coefficients) pixels(mcus image.Rectangle) image.Rectangle {
	w, h := c.MCUSize()
	return image.Rect(mcus.Min.X*w, mcus.Min.Y*h, mcus.Max.X*w, mcus.Max.Y*h).Intersect(c.bounds())
}

// each calls f for the blocks of a rectangle of MCUs until f returns false, and
// reports whether it never did.
func (p *component) each(mcus image.Rectangle, f func(block int) bool) bool {
	for y := mcus.Min.Y * p.v; y < mcus.Max.Y*p.v; y++ {
		for x := mcus.Min.X * p.h; x < mcus.Max.X*p.h; x++ {
			if !f(y*p.blocksW + x) {
				return false
			}
		}
	}
	return true
}

// MaskedSolid reports whether every MCU that r touches is one constant: no AC
// coefficient anywhere and one DC for each component. It is false when r touches
// nothing of the picture.
func (c *Coefficients) MaskedSolid(r image.Rectangle) bool {
	mcus := c.touched(r)
	if mcus.Empty() {
		return false
	}
	for i := range c.comps {
		p := &c.comps[i]
		first := p.block(mcus.Min.Y*p.v*p.blocksW + mcus.Min.X*p.h)
		want := [blockSize]int16{0: first[0]}
		if !p.each(mcus, func(block int) bool { return *p.block(block) == want }) {
			return false
		}
	}
	return true
}

// EqualOutside reports whether c and o have the same size, sampling, colours and
// quantisation, and the same coefficients in every MCU that none of the masked
// rectangles touches. With no rectangles it tells whether they are one picture.
func (c *Coefficients) EqualOutside(o *Coefficients, masked []image.Rectangle) bool {
	if !c.sameFrame(o) {
		return false
	}
	skip := make([]bool, c.mcusW*c.mcusH)
	for _, r := range masked {
		mcus := c.touched(r)
		for y := mcus.Min.Y; y < mcus.Max.Y; y++ {
			for x := mcus.Min.X; x < mcus.Max.X; x++ {
				skip[y*c.mcusW+x] = true
			}
		}
	}
	for i := range c.comps {
		p, q := &c.comps[i], &o.comps[i]
		for y := range p.blocksH {
			for x := range p.blocksW {
				b := y*p.blocksW + x
				if !skip[y/p.v*c.mcusW+x/p.h] && *p.block(b) != *q.block(b) {
					return false
				}
			}
		}
	}
	return true
}

// sameFrame reports whether all but the coefficients is equal.
func (c *Coefficients) sameFrame(o *Coefficients) bool {
	return c.width == o.width && c.height == o.height && c.transform == o.transform &&
		slices.EqualFunc(c.comps, o.comps, func(p, q component) bool {
			return p.h == q.h && p.v == q.v && p.quant == q.quant
		})
}

package jpegcoef

import (
	"image"
	"slices"
)

// Transform says what the components of a picture mean.
type Transform uint8

const (
	// Gray is one component: luma.
	Gray Transform = iota + 1
	// YCbCr is luma and two chroma components, as JFIF defines them.
	YCbCr
	// RGB is red, green and blue.
	RGB
)

// String returns "Gray", "YCbCr" or "RGB".
func (t Transform) String() string {
	switch t {
	case Gray:
		return "Gray"
	case YCbCr:
		return "YCbCr"
	case RGB:
		return "RGB"
	}
	return "unknown"
}

// component is one plane of blocks.
type component struct {
	id    uint8
	h, v  int               // sampling factors, 1 to 4
	tq    uint8             // which quantisation table the frame header names
	quant [blockSize]uint16 // the table as it was at the first scan, zig-zag order

	// blocksW and blocksH count the blocks kept: whole MCUs.
	blocksW, blocksH int
	// realW and realH count the blocks that hold samples of the picture, A.2.4;
	// the rest pads the last MCUs and is invisible.
	realW, realH int

	coef []int16  // blocksW × blocksH blocks of 64, zig-zag order
	nz   []uint64 // per block: bit k is set when the AC coefficient k is not 0
}

// block returns the coefficients of block i.
func (p *component) block(i int) *[blockSize]int16 {
	return (*[blockSize]int16)(p.coef[i*blockSize:])
}

// flat makes block i a constant: this DC and no AC.
func (p *component) flat(i int, dc int16) {
	*p.block(i) = [blockSize]int16{0: dc}
	p.nz[i] = 0
}

// settlePadding gives the invisible blocks that pad the last MCUs one fixed
// content: the DC of their visible neighbour in the same MCU and no AC. What a
// file hid there is gone, and two files of one picture have equal coefficients
// whether or not their scans carried the padding.
func (p *component) settlePadding() {
	for y := range p.realH {
		for i := y*p.blocksW + p.realW; i < (y+1)*p.blocksW; i++ {
			p.flat(i, p.coef[(i-1)*blockSize])
		}
	}
	for i := p.realH * p.blocksW; i < p.blocksH*p.blocksW; i++ {
		p.flat(i, p.coef[(i-p.blocksW)*blockSize])
	}
}

// Coefficients are the quantised DCT coefficients of one picture. Only Read
// makes them; they are not safe for concurrent use while Mask runs.
type Coefficients struct {
	width, height int
	hmax, vmax    int
	mcusW, mcusH  int
	comps         []component
	transform     Transform
	progressive   bool
	trailing      int
	skipped       int
}

// Width returns the width in pixels.
func (c *Coefficients) Width() int { return c.width }

// Height returns the height in pixels.
func (c *Coefficients) Height() int { return c.height }

// Components returns the number of components, 1 or 3.
func (c *Coefficients) Components() int { return len(c.comps) }

// MCUSize returns the size in pixels of the smallest unit that Mask can cover:
// 8, 16, 24 or 32 a side.
func (c *Coefficients) MCUSize() (w, h int) { return 8 * c.hmax, 8 * c.vmax }

// Progressive reports whether the file that was read was progressive.
func (c *Coefficients) Progressive() bool { return c.progressive }

// Sampling returns the sampling factors, 1 to 4, of component i, which counts
// from 0. They are 1, 1 for a picture of one component, whatever its file said,
// and 0, 0 for a component that is not there.
func (c *Coefficients) Sampling(i int) (h, v int) {
	if i < 0 || i >= len(c.comps) {
		return 0, 0
	}
	return c.comps[i].h, c.comps[i].v
}

// ColorTransform returns what the components mean.
func (c *Coefficients) ColorTransform() Transform { return c.transform }

// Trailing returns how many bytes followed the end of the picture in the file.
func (c *Coefficients) Trailing() int { return c.trailing }

// Skipped returns how many bytes of the file stood between segments or scans
// where nothing belongs.
func (c *Coefficients) Skipped() int { return c.skipped }

// Clone returns a copy that shares nothing with c.
func (c *Coefficients) Clone() *Coefficients {
	o := *c
	o.comps = slices.Clone(c.comps)
	for i := range o.comps {
		o.comps[i].coef = slices.Clone(c.comps[i].coef)
		o.comps[i].nz = slices.Clone(c.comps[i].nz)
	}
	return &o
}

// bounds returns the picture's rectangle.
func (c *Coefficients) bounds() image.Rectangle { return image.Rect(0, 0, c.width, c.height) }

// layOut derives the geometry of all components from the size and the sampling
// factors, A.1.1 and A.2.4.
func (c *Coefficients) layOut() {
	if len(c.comps) == 1 {
		// A single component is never interleaved, so its factors say nothing.
		c.comps[0].h, c.comps[0].v = 1, 1
	}
	c.hmax, c.vmax = 1, 1
	for _, p := range c.comps {
		c.hmax, c.vmax = max(c.hmax, p.h), max(c.vmax, p.v)
	}
	c.mcusW = ceilDiv(c.width, 8*c.hmax)
	c.mcusH = ceilDiv(c.height, 8*c.vmax)
	for i := range c.comps {
		p := &c.comps[i]
		p.blocksW, p.blocksH = c.mcusW*p.h, c.mcusH*p.v
		p.realW = ceilDiv(ceilDiv(c.width*p.h, c.hmax), 8)
		p.realH = ceilDiv(ceilDiv(c.height*p.v, c.vmax), 8)
	}
}

// eachBlock calls f for each block of a scan in the order of the scan, A.2.2
// and A.2.3: f gets the place of the component in the scan and the index of the
// block, and before each MCU mcu gets its number. Components are given by index.
func (c *Coefficients) eachBlock(scan []int, mcu func(n int) error, f func(s, block int) error) error {
	if len(scan) == 1 {
		return c.comps[scan[0]].eachReal(mcu, f)
	}
	n := 0
	for my := range c.mcusH {
		for mx := range c.mcusW {
			if err := mcu(n); err != nil {
				return err
			}
			n++
			for s, ci := range scan {
				p := &c.comps[ci]
				for v := range p.v {
					row := (my*p.v+v)*p.blocksW + mx*p.h
					for h := range p.h {
						if err := f(s, row+h); err != nil {
							return err
						}
					}
				}
			}
		}
	}
	return nil
}

// eachReal is eachBlock for a scan of one component: only the blocks that hold
// samples, row by row.
func (p *component) eachReal(mcu func(n int) error, f func(s, block int) error) error {
	n := 0
	for y := range p.realH {
		for x := range p.realW {
			if err := mcu(n); err != nil {
				return err
			}
			n++
			if err := f(0, y*p.blocksW+x); err != nil {
				return err
			}
		}
	}
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

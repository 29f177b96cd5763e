package jpegcoef

import (
	"fmt"
	"image"
)

// Decode returns the pixels: an *image.Gray, an *image.YCbCr with the sampling
// of the file where Go has a name for it (else 4:4:4), or an *image.NRGBA for
// RGB.
func (c *Coefficients) Decode() (image.Image, error) { return c.DecodeScaled(1) }

// DecodeScaled is Decode at 1, 1/2, 1/4 or 1/8 of the size, sides rounded up; any
// other denominator is an ErrOptions. It computes only the samples it returns.
func (c *Coefficients) DecodeScaled(denom int) (image.Image, error) {
	switch denom {
	case 1, 2, 4, 8:
	default:
		return nil, fmt.Errorf("%w: pictures are decoded at 1, 1/2, 1/4 or 1/8", ErrOptions)
	}
	size := 8 / denom
	bounds := image.Rect(0, 0, ceilDiv(c.width, denom), ceilDiv(c.height, denom))
	planes := make([]plane, len(c.comps))
	for i := range c.comps {
		planes[i] = c.comps[i].plane(size)
	}
	switch c.transform {
	case Gray:
		return &image.Gray{Pix: planes[0].pix, Stride: planes[0].stride, Rect: bounds}, nil
	case RGB:
		return interleave(c.fullSize(planes, size), bounds), nil
	}
	ratio, ok := c.subsampling()
	if !ok {
		planes = c.fullSize(planes, size)
		ratio = image.YCbCrSubsampleRatio444
	}
	return &image.YCbCr{
		Y: planes[0].pix, Cb: planes[1].pix, Cr: planes[2].pix,
		YStride: planes[0].stride, CStride: planes[1].stride,
		SubsampleRatio: ratio, Rect: bounds,
	}, nil
}

// plane is the samples of one component.
type plane struct {
	pix    []uint8
	stride int
}

// plane computes all samples of a component, size a side for each block.
func (p *component) plane(size int) plane {
	stride := p.blocksW * size
	pix := make([]uint8, stride*p.blocksH*size)
	for y := range p.blocksH {
		for x := range p.blocksW {
			i := y*p.blocksW + x
			samples(pix[y*size*stride+x*size:], stride, size, p.block(i), p.nz[i], &p.quant)
		}
	}
	return plane{pix, stride}
}

// subsampling returns Go's name for the sampling of a YCbCr picture.
func (c *Coefficients) subsampling() (image.YCbCrSubsampleRatio, bool) {
	y, cb, cr := &c.comps[0], &c.comps[1], &c.comps[2]
	if cb.h != cr.h || cb.v != cr.v || y.h%cb.h != 0 || y.v%cb.v != 0 {
		return 0, false
	}
	ratio, ok := map[[2]int]image.YCbCrSubsampleRatio{
		{1, 1}: image.YCbCrSubsampleRatio444,
		{1, 2}: image.YCbCrSubsampleRatio440,
		{2, 1}: image.YCbCrSubsampleRatio422,
		{2, 2}: image.YCbCrSubsampleRatio420,
		{4, 1}: image.YCbCrSubsampleRatio411,
		{4, 2}: image.YCbCrSubsampleRatio410,
	}[[2]int{y.h / cb.h, y.v / cb.v}]
	return ratio, ok
}

// fullSize repeats the samples of subsampled planes until all are as large as
// the largest.
func (c *Coefficients) fullSize(planes []plane, size int) []plane {
	w, h := c.mcusW*c.hmax*size, c.mcusH*c.vmax*size
	out := make([]plane, len(planes))
	for i, src := range planes {
		p := &c.comps[i]
		if p.h == c.hmax && p.v == c.vmax {
			out[i] = src
			continue
		}
		dst := plane{make([]uint8, w*h), w}
		for y := range h {
			row := src.pix[y*p.v/c.vmax*src.stride:]
			for x := range w {
				dst.pix[y*w+x] = row[x*p.h/c.hmax]
			}
		}
		out[i] = dst
	}
	return out
}

// interleave makes an opaque picture of red, green and blue planes of one size.
func interleave(planes []plane, bounds image.Rectangle) *image.NRGBA {
	m := image.NewNRGBA(bounds)
	for y := range bounds.Dy() {
		at := y * planes[0].stride
		for x := range bounds.Dx() {
			copy(m.Pix[m.PixOffset(x, y):], []uint8{
				planes[0].pix[at+x], planes[1].pix[at+x], planes[2].pix[at+x], 255,
			})
		}
	}
	return m
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"

	"github.com/clinivault/clinivault/imaging"
)

// kindColours are the colours of the review room.
var kindColours = map[imaging.Kind]color.RGBA{
	imaging.KindFace:   {0xff, 0xd1, 0x66, 0xff},
	imaging.KindTattoo: {0xf7, 0x8f, 0xb3, 0xff},
	imaging.KindText:   {0x9a, 0xd0, 0xff, 0xff},
	imaging.KindDrawn:  {0xb7, 0xf2, 0x8f, 0xff},
}

// drawing is the picture as a JPEG, upright, with a thick box for each region,
// dashed when it is faint, and a thin one for what its margin would cover.
func (s *searcher) drawing(ctx context.Context, d *imaging.Detection) ([]byte, error) {
	upright, _, _, err := s.pool.Chart(ctx, d.Still.Bytes())
	if err != nil {
		return nil, fmt.Errorf("turning the picture: %w", err)
	}
	picture, err := jpeg.Decode(bytes.NewReader(upright)) // package imaging made and checked these bytes
	if err != nil {
		return nil, fmt.Errorf("decoding the picture: %w", err)
	}
	canvas := image.NewRGBA(picture.Bounds())
	draw.Draw(canvas, canvas.Bounds(), picture, picture.Bounds().Min, draw.Src)
	w, h := d.Still.Width(), d.Still.Height()
	p := pen{canvas, max(2, max(w, h)/400)}
	for _, r := range d.Regions {
		p.box(imaging.Margin(r, w, h), kindColours[r.Kind], 1, false)
	}
	for _, r := range d.Regions {
		faint := r.Score < imaging.FaintScore
		p.box(r.Box, color.RGBA{A: 0xff}, p.width+2, faint)
		p.box(r.Box, kindColours[r.Kind], p.width, faint)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, canvas, &jpeg.Options{Quality: 90}); err != nil {
		return nil, fmt.Errorf("encoding the drawing: %w", err)
	}
	return out.Bytes(), nil
}

// pen draws boxes; dashes are eight widths long with as long a gap.
type pen struct {
	canvas *image.RGBA
	width  int
}

// box draws the outline of b, width pixels wide and inside it where there is room.
func (p pen) box(b imaging.Box, c color.RGBA, width int, dashed bool) {
	for i := range width {
		x0, y0, x1, y1 := b.X0+i, b.Y0+i, b.X1-1-i, b.Y1-1-i
		if x0 > x1 || y0 > y1 {
			return
		}
		for x := x0; x <= x1; x++ {
			p.dot(x, y0, x-b.X0, c, dashed)
			p.dot(x, y1, x-b.X0, c, dashed)
		}
		for y := y0; y <= y1; y++ {
			p.dot(x0, y, y-b.Y0, c, dashed)
			p.dot(x1, y, y-b.Y0, c, dashed)
		}
	}
}

// dot sets one pixel, unless it falls into the gap of a dashed line; along is
// how far along its side it is.
func (p pen) dot(x, y, along int, c color.RGBA, dashed bool) {
	if !dashed || along/(8*p.width)%2 == 0 {
		p.canvas.SetRGBA(x, y, c) // does nothing outside the picture
	}
}

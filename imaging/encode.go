//go:build !js

package imaging

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

const (
	fullQuality   = 95 // of pictures encoded anew in place of the source
	renderQuality = 85 // of thumbnails and display renditions
)

// encodePixels encodes upright pixels and reads them back as coefficients, so that every file we make comes
// from the one writer and passes the one checker. Colours at full quality are not subsampled, unless they come that
// way.
func encodePixels(img image.Image, quality int) (*jpegcoef.Coefficients, error) {
	m, colours := img.(*image.RGBA)
	if !colours || quality < fullQuality {
		return encodePlane(img, quality)
	}
	var planes [3]*jpegcoef.Coefficients
	plane := image.NewGray(image.Rect(0, 0, m.Rect.Dx(), m.Rect.Dy()))
	for n := range planes {
		for y := range m.Rect.Dy() {
			row, out := m.Pix[y*m.Stride:], plane.Pix[y*plane.Stride:]
			for x := range m.Rect.Dx() {
				var v [3]uint8
				v[0], v[1], v[2] = color.RGBToYCbCr(row[4*x], row[4*x+1], row[4*x+2])
				out[x] = v[n]
			}
		}
		var err error
		if planes[n], err = encodePlane(plane, quality); err != nil {
			return nil, err
		}
	}
	c, err := jpegcoef.Join(planes[0], planes[1], planes[2])
	if err != nil {
		return nil, fmt.Errorf("%w: joining planes: %w", ErrMalformed, err)
	}
	return c, nil
}

// encodePlane encodes with the standard library.
func encodePlane(img image.Image, quality int) (*jpegcoef.Coefficients, error) {
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("%w: encoding pixels", ErrMalformed)
	}
	lim := jpegcoef.DefaultLimits()
	b := img.Bounds()
	lim.MaxBytes = int64(buf.Len())
	lim.MaxPixels = max(lim.MaxPixels, int64(b.Dx())*int64(b.Dy()))
	lim.MaxSide = max(lim.MaxSide, b.Dx(), b.Dy())
	c, err := jpegcoef.Read(buf.Bytes(), lim)
	if err != nil {
		return nil, codecError(err)
	}
	return c, nil
}

// flatten gives opaque pixels: transparency shows white, as on paper. Grey stays grey.
func flatten(img image.Image) image.Image {
	switch m := img.(type) {
	case *image.YCbCr:
		return m
	case *image.Gray:
		return m
	}
	b := img.Bounds()
	r := image.Rect(0, 0, b.Dx(), b.Dy())
	if img.ColorModel() == color.Gray16Model {
		g := image.NewGray(r)
		draw.Draw(g, r, img, b.Min, draw.Src)
		return g
	}
	out := image.NewRGBA(r)
	draw.Draw(out, r, image.White, image.Point{}, draw.Src)
	draw.Draw(out, r, img, b.Min, draw.Over)
	return out
}

// opaqueRGBA gives an RGBA picture at the origin. The common scaler answers in NRGBA, which is the same bytes
// when nothing is transparent, and nothing here is.
func opaqueRGBA(img image.Image) *image.RGBA {
	switch m := img.(type) {
	case *image.RGBA:
		if m.Rect.Min == (image.Point{}) {
			return m
		}
	case *image.NRGBA:
		if m.Rect.Min == (image.Point{}) && m.Opaque() {
			return &image.RGBA{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect}
		}
	}
	b := img.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(out, out.Rect, img, b.Min, draw.Src)
	return out
}

package imaging

import "image"

// The orientation values of TIFF 6.0 tag 274 (Exif 2.32 4.6.4 A) say where the stored row 0 and column 0 are
// shown. Turning by o maps the stored picture to the upright one.

// inverseTurn is the orientation that undoes o.
func inverseTurn(o int) int {
	switch o {
	case 6:
		return 8
	case 8:
		return 6
	}
	return o
}

// turnedSize is the size of a w × h picture after turning by o.
func turnedSize(o, w, h int) (int, int) {
	if o >= 5 && o <= 8 {
		return h, w
	}
	return w, h
}

// turnBox maps a box of a w × h picture to where it is after turning by o.
func turnBox(o, w, h int, b Box) Box {
	mx := Box{w - b.X1, b.Y0, w - b.X0, b.Y1} // mirrored left to right
	my := Box{b.X0, h - b.Y1, b.X1, h - b.Y0} // mirrored top to bottom
	switch o {
	case 2:
		return mx
	case 3:
		return Box{mx.X0, my.Y0, mx.X1, my.Y1}
	case 4:
		return my
	case 5:
		return Box{b.Y0, b.X0, b.Y1, b.X1}
	case 6:
		return Box{my.Y0, b.X0, my.Y1, b.X1}
	case 7:
		return Box{my.Y0, mx.X0, my.Y1, mx.X1}
	case 8:
		return Box{b.Y0, mx.X0, b.Y1, mx.X1}
	}
	return b
}

// turnPix turns a w × h picture of n bytes a pixel by o.
func turnPix(o int, pix []byte, stride, w, h, n int) []byte {
	tw, th := turnedSize(o, w, h)
	out := make([]byte, tw*th*n)
	for y := range h {
		// Where pixel (0, y) goes and how far apart the pixels of this row land: the map is linear in x.
		first := turnBox(o, w, h, Box{0, y, 1, y + 1})
		at := (first.Y0*tw + first.X0) * n
		step := 0
		if w > 1 {
			second := turnBox(o, w, h, Box{1, y, 2, y + 1})
			step = (second.Y0*tw+second.X0)*n - at
		}
		row := pix[y*stride : y*stride+w*n]
		for x := 0; x < len(row); x += n {
			copy(out[at:at+n], row[x:x+n])
			at += step
		}
	}
	return out
}

func turnGray(o int, m *image.Gray) *image.Gray {
	if o == 1 {
		return m
	}
	w, h := turnedSize(o, m.Rect.Dx(), m.Rect.Dy())
	return &image.Gray{Pix: turnPix(o, m.Pix, m.Stride, m.Rect.Dx(), m.Rect.Dy(), 1), Stride: w, Rect: image.Rect(0, 0, w, h)}
}

func turnRGBA(o int, m *image.RGBA) *image.RGBA {
	if o == 1 {
		return m
	}
	w, h := turnedSize(o, m.Rect.Dx(), m.Rect.Dy())
	return &image.RGBA{Pix: turnPix(o, m.Pix, m.Stride, m.Rect.Dx(), m.Rect.Dy(), 4), Stride: 4 * w, Rect: image.Rect(0, 0, w, h)}
}

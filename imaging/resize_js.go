package imaging

import "image"

// boxGray gives a picture of w × h pixels, each the mean of those it stands for.
func boxGray(m *image.Gray, w, h int) *image.Gray {
	return &image.Gray{Pix: boxBytes(m.Pix, m.Stride, 1, m.Rect.Dx(), m.Rect.Dy(), w, h), Stride: w, Rect: image.Rect(0, 0, w, h)}
}

// boxRGBA is boxGray in colour, for a picture without transparency.
func boxRGBA(m *image.RGBA, w, h int) *image.RGBA {
	return &image.RGBA{Pix: boxBytes(m.Pix, m.Stride, 4, m.Rect.Dx(), m.Rect.Dy(), w, h), Stride: 4 * w, Rect: image.Rect(0, 0, w, h)}
}

// doubleGray gives a picture of twice the size.
func doubleGray(m *image.Gray) *image.Gray { return twice(m) }

//go:build !js

package imaging

import (
	"image"

	dimaging "github.com/disintegration/imaging"
)

// boxGray gives a picture of w × h pixels, each the mean of those it stands for.
func boxGray(m *image.Gray, w, h int) *image.Gray {
	return grayOf(dimaging.Resize(m, w, h, dimaging.Box))
}

// boxRGBA is boxGray in colour, for a picture without transparency.
func boxRGBA(m *image.RGBA, w, h int) *image.RGBA {
	small := dimaging.Resize(m, w, h, dimaging.Box)
	return &image.RGBA{Pix: small.Pix, Stride: small.Stride, Rect: small.Rect}
}

// doubleGray gives a picture of twice the size.
func doubleGray(m *image.Gray) *image.Gray {
	return grayOf(dimaging.Resize(m, 2*m.Rect.Dx(), 2*m.Rect.Dy(), dimaging.Linear))
}

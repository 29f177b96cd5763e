package imaging

import "image"

// The browser's module leaves the common scaler out, which brings readers of six formats along. What it needs of one is
// here, and a test holds it against that scaler.

// boxBytes scales a picture of w × h pixels with n bytes each down to toW × toH, each the mean of the area it stands for.
func boxBytes(pix []byte, stride, n, w, h, toW, toH int) []byte {
	out := make([]byte, n*toW*toH)
	sums := make([]int, n)
	const unit = 256 // parts of a pixel
	for y := range toH {
		y0, y1 := y*h*unit/toH, (y+1)*h*unit/toH
		for x := range toW {
			x0, x1 := x*w*unit/toW, (x+1)*w*unit/toW
			clear(sums)
			area := 0
			for sy := y0 / unit; sy*unit < y1; sy++ {
				high := min(y1, (sy+1)*unit) - max(y0, sy*unit)
				for sx := x0 / unit; sx*unit < x1; sx++ {
					part := high * (min(x1, (sx+1)*unit) - max(x0, sx*unit))
					area += part
					for c := range n {
						sums[c] += part * int(pix[sy*stride+n*sx+c])
					}
				}
			}
			for c, s := range sums {
				out[n*(y*toW+x)+c] = uint8((s + area/2) / max(1, area))
			}
		}
	}
	return out
}

// twice gives a picture of twice the size, with pixels between the four nearest.
func twice(m *image.Gray) *image.Gray {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewGray(image.Rect(0, 0, 2*w, 2*h))
	for y := range 2 * h {
		near, far := y/2, min(max(y/2+2*(y%2)-1, 0), h-1) // a quarter of the way from near to far
		a, b := m.Pix[near*m.Stride:][:w], m.Pix[far*m.Stride:][:w]
		row := out.Pix[y*out.Stride:][:2*w]
		for x := range row {
			i, j := x/2, min(max(x/2+2*(x%2)-1, 0), w-1)
			row[x] = uint8((9*int(a[i]) + 3*int(a[j]) + 3*int(b[i]) + int(b[j]) + 8) / 16)
		}
	}
	return out
}

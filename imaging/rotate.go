package imaging

import (
	"image"
	"math"
)

// pad adds n pixels on each side, repeating the edge.
func pad(m *image.Gray, n int) *image.Gray {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewGray(image.Rect(0, 0, w+2*n, h+2*n))
	for y := range h + 2*n {
		src := m.Pix[min(max(y-n, 0), h-1)*m.Stride:][:w]
		dst := out.Pix[y*out.Stride:][:w+2*n]
		copy(dst[n:], src)
		for x := range n {
			dst[x], dst[n+w+x] = src[0], src[w-1]
		}
	}
	return out
}

// rotateGray turns a picture clockwise by degrees about its centre and gives the way back for a point. Quarter
// turns are exact; others sample the nearest pixel onto a canvas that holds the whole picture, grey outside.
func rotateGray(m *image.Gray, degrees int) (*image.Gray, func(x, y float64) (float64, float64)) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if degrees%90 == 0 {
		o := map[int]int{0: 1, 90: 6, 180: 3, 270: 8}[degrees]
		fw, fh := float64(w), float64(h)
		back := map[int]func(x, y float64) (float64, float64){
			1: func(x, y float64) (float64, float64) { return x, y },
			6: func(x, y float64) (float64, float64) { return y, fh - x },
			3: func(x, y float64) (float64, float64) { return fw - x, fh - y },
			8: func(x, y float64) (float64, float64) { return fw - y, x },
		}[o]
		return turnGray(o, m), back
	}
	sin, cos := math.Sincos(float64(degrees) * math.Pi / 180)
	fw, fh := float64(w), float64(h)
	ow := int(math.Ceil(fw*math.Abs(cos) + fh*math.Abs(sin)))
	oh := int(math.Ceil(fw*math.Abs(sin) + fh*math.Abs(cos)))
	cx, cy := float64(ow)/2, float64(oh)/2
	back := func(x, y float64) (float64, float64) {
		dx, dy := x-cx, y-cy
		return fw/2 + dx*cos + dy*sin, fh/2 - dx*sin + dy*cos
	}
	out := image.NewGray(image.Rect(0, 0, ow, oh))
	// Fixed point: 16 bits of fraction, stepping along each row.
	stepX, stepY := int(math.Round(cos*65536)), int(math.Round(-sin*65536))
	for y := range oh {
		fx, fy := back(0.5, float64(y)+0.5)
		sx, sy := int(fx*65536), int(fy*65536)
		row := out.Pix[y*out.Stride:][:ow]
		for x := range row {
			px, py := sx>>16, sy>>16
			if uint(px) < uint(w) && uint(py) < uint(h) {
				row[x] = m.Pix[py*m.Stride+px]
			} else {
				row[x] = 128
			}
			sx, sy = sx+stepX, sy+stepY
		}
	}
	return out, back
}

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
// turns are exact; others interpolate onto a canvas that holds the whole picture, grey outside.
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
		sx, sy := int((fx-0.5)*65536), int((fy-0.5)*65536)
		row := out.Pix[y*out.Stride:][:ow]
		for x := range row {
			row[x] = between(m, sx, sy)
			sx, sy = sx+stepX, sy+stepY
		}
	}
	return out, back
}

// between gives the luma at a point in 65536ths of a pixel, between the four pixels around it; grey outside.
func between(m *image.Gray, x, y int) uint8 {
	px, py := x>>16, y>>16
	if px < 0 || py < 0 || px+1 >= m.Rect.Dx() || py+1 >= m.Rect.Dy() {
		return 128
	}
	fx, fy := x>>8&0xff, y>>8&0xff
	up := m.Pix[py*m.Stride+px : py*m.Stride+px+2]
	low := m.Pix[(py+1)*m.Stride+px : (py+1)*m.Stride+px+2]
	a := int(up[0])<<8 + fx*(int(up[1])-int(up[0]))
	b := int(low[0])<<8 + fx*(int(low[1])-int(low[0]))
	return uint8((a<<8 + fy*(b-a) + 1<<15) >> 16)
}

// fitGray gives a picture whose longest side is at most longest.
func fitGray(m *image.Gray, longest int) *image.Gray {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if max(w, h) <= longest {
		return m
	}
	if w >= h {
		w, h = longest, max(1, h*longest/w)
	} else {
		w, h = max(1, w*longest/h), longest
	}
	return boxGray(m, w, h)
}

// halve gives a picture of half the size: the mean of each four pixels.
func halve(m *image.Gray) *image.Gray {
	w, h := m.Rect.Dx()/2, m.Rect.Dy()/2
	out := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		up, low := m.Pix[2*y*m.Stride:], m.Pix[(2*y+1)*m.Stride:]
		row := out.Pix[y*out.Stride:][:w]
		for x := range row {
			row[x] = uint8((int(up[2*x]) + int(up[2*x+1]) + int(low[2*x]) + int(low[2*x+1]) + 2) / 4)
		}
	}
	return out
}

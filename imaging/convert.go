//go:build !js

package imaging

import (
	"image"
	"math"
	"sync"
)

// lightSteps is how finely light is divided when it is given its number again: the darkest steps of the sRGB curve
// are 1/(12.92 × 255) of full light apart.
const lightSteps = 1 << 14

// encodeSRGB gives the number from 0 to 255 of an amount of light (IEC 61966-2-1; Display P3 has the same curve).
var encodeSRGB = sync.OnceValue(func() *[lightSteps + 1]uint8 {
	t := new([lightSteps + 1]uint8)
	for i := range t {
		x := float64(i) / lightSteps
		if x <= 0.0031308 {
			x *= 12.92
		} else {
			x = 1.055*math.Pow(x, 1/2.4) - 0.055
		}
		t[i] = uint8(math.Round(255 * x))
	}
	return t
})

// convert gives the pixels of a space in the space that target names, sRGB or Display P3. Colours beyond it are
// clipped, channel by channel (relative colorimetric).
func (s *rgbSpace) convert(img image.Image, to profileKind) image.Image {
	encode := encodeSRGB()
	number := func(light float64) uint8 { return encode[int(min(max(light, 0), 1)*lightSteps+0.5)] }
	if s.grey {
		g, ok := img.(*image.Gray)
		if !ok {
			return img
		}
		var table [256]uint8
		for v := range table {
			table[v] = number(s.linear[0][v])
		}
		out := image.NewGray(image.Rect(0, 0, g.Rect.Dx(), g.Rect.Dy()))
		for y := range g.Rect.Dy() {
			for x := range g.Rect.Dx() {
				out.Pix[y*out.Stride+x] = table[g.Pix[y*g.Stride+x]]
			}
		}
		return out
	}
	m := multiply(invert(knownSpaces()[to].primaries), s.primaries)
	in := opaqueRGBA(img)
	out := image.NewRGBA(in.Rect)
	for i := 0; i+4 <= len(in.Pix); i += 4 {
		r, g, b := s.linear[0][in.Pix[i]], s.linear[1][in.Pix[i+1]], s.linear[2][in.Pix[i+2]]
		for j := range 3 {
			out.Pix[i+j] = number(r*m[0][j] + g*m[1][j] + b*m[2][j])
		}
		out.Pix[i+3] = 255
	}
	return out
}

// invert and multiply take colourants as the rows of a matrix that rows of numbers are multiplied with.
func invert(c colourants) (out colourants) {
	det := 0.0
	for i := range 3 {
		det += c[0][i] * (c[1][(i+1)%3]*c[2][(i+2)%3] - c[1][(i+2)%3]*c[2][(i+1)%3])
	}
	for i := range 3 {
		for j := range 3 {
			a, b := c[(j+1)%3], c[(j+2)%3]
			out[i][j] = (a[(i+1)%3]*b[(i+2)%3] - a[(i+2)%3]*b[(i+1)%3]) / det
		}
	}
	return out
}

// multiply gives the rows of first times then, for numbers that go through first and then through then.
func multiply(then, first colourants) (out colourants) {
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				out[i][j] += first[i][k] * then[k][j]
			}
		}
	}
	return out
}

// lab is CIE 1976 L*a*b* under D50 (CIE 15:2004 8.2.1).
func lab(v [3]float64) [3]float64 {
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	x, y, z := f(v[0]/0.9642), f(v[1]), f(v[2]/0.8249)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// difference is CIEDE2000 (ISO/CIE 11664-6) with all weights 1.
func difference(p, q [3]float64) float64 {
	const pow7 = 6103515625 // 25^7
	mean := (math.Hypot(p[1], p[2]) + math.Hypot(q[1], q[2])) / 2
	m7 := math.Pow(mean, 7)
	g := 0.5 * (1 - math.Sqrt(m7/(m7+pow7)))
	c1, h1 := polar((1+g)*p[1], p[2])
	c2, h2 := polar((1+g)*q[1], q[2])
	dl, dc, dh, sum := q[0]-p[0], c2-c1, h2-h1, h1+h2
	switch {
	case c1*c2 == 0:
		dh = 0
	case dh > 180:
		dh -= 360
	case dh < -180:
		dh += 360
	}
	h := sum / 2
	if c1*c2 == 0 {
		h = sum
	} else if math.Abs(h1-h2) > 180 {
		h = math.Mod(h+180, 360)
	}
	cos := func(deg float64) float64 { return math.Cos(deg * math.Pi / 180) }
	dH := 2 * math.Sqrt(c1*c2) * math.Sin(dh*math.Pi/360)
	t := 1 - 0.17*cos(h-30) + 0.24*cos(2*h) + 0.32*cos(3*h+6) - 0.20*cos(4*h-63)
	l50, cm := math.Pow((p[0]+q[0])/2-50, 2), (c1+c2)/2
	sl, sc, sh := 1+0.015*l50/math.Sqrt(20+l50), 1+0.045*cm, 1+0.015*cm*t
	c7 := math.Pow(cm, 7)
	rt := -2 * math.Sqrt(c7/(c7+pow7)) * math.Sin(60*math.Exp(-math.Pow((h-275)/25, 2))*math.Pi/180)
	return math.Sqrt(dl*dl/sl/sl + dc*dc/sc/sc + dH*dH/sh/sh + rt*dc/sc*dH/sh)
}

// polar is chroma, and hue in degrees from 0 to 360.
func polar(a, b float64) (c, h float64) {
	h = math.Atan2(b, a) * 180 / math.Pi
	if h < 0 {
		h += 360
	}
	return math.Hypot(a, b), h
}

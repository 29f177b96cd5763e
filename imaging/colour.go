//go:build !js

package imaging

import (
	"encoding/binary"
	"math"
	"sync"
)

// A colour profile is understood when it is a matrix and three curves, or one curve for grey (ICC.1 F.2, F.3).
// What it means is then computed, not believed from its name: when no colour differs from one of our own spaces by
// more than the eye can tell, the picture keeps its coefficients and names ours; otherwise its pixels are converted.
// Profiles that are tables of colours are not understood.

// noticeable is the difference (CIEDE2000) up to which two colour spaces are one.
const noticeable = 1.0

// rgbSpace is what numbers from 0 to 255 mean: a curve each, then colourants in XYZ under D50.
type rgbSpace struct {
	grey      bool
	linear    [3][256]float64
	primaries colourants
}

// knownSpaces are our own, the one without a profile first.
var knownSpaces = sync.OnceValue(func() map[profileKind]*rgbSpace {
	sRGB, gamma := parseCurve(curveSRGB()), parseCurve(curveGamma(0x0233))
	return map[profileKind]*rgbSpace{
		profileNone:  newSpace(colourantsSRGB, [3]curve{sRGB, sRGB, sRGB}),
		profileP3:    newSpace(colourantsP3, [3]curve{sRGB, sRGB, sRGB}),
		profileAdobe: newSpace(colourantsRG, [3]curve{gamma, gamma, gamma}),
	}
})

// greyAxis maps a grey value to the D50 white of the profile connection space (ICC.1 7.2.16).
var greyAxis = colourants{{0.9642 / 3, 1.0 / 3, 0.8249 / 3}, {0.9642 / 3, 1.0 / 3, 0.8249 / 3}, {0.9642 / 3, 1.0 / 3, 0.8249 / 3}}

func newSpace(c colourants, curves [3]curve) *rgbSpace {
	s := &rgbSpace{primaries: c}
	for i, f := range curves {
		for v := range 256 {
			s.linear[i][v] = f(float64(v) / 255)
		}
	}
	return s
}

// chooseProfile gives the space of ours that a profile equals, or the space to convert the pixels from, or false
// when it is not understood.
func chooseProfile(icc []byte) (profileKind, *rgbSpace, bool) {
	s := parseSpace(icc)
	if s == nil {
		return profileNone, nil, false
	}
	candidates := knownSpaces()
	if s.grey {
		sRGB, gamma := parseCurve(curveSRGB()), parseCurve(curveGamma(0x0233))
		candidates = map[profileKind]*rgbSpace{
			profileNone: newSpace(greyAxis, [3]curve{sRGB, sRGB, sRGB}),
			profileGray: newSpace(greyAxis, [3]curve{gamma, gamma, gamma}),
		}
	}
	best, least := profileNone, math.Inf(1)
	for kind, known := range candidates {
		if d := s.distance(known); d < least {
			best, least = kind, d
		}
	}
	if least <= noticeable {
		return best, nil, true
	}
	if s.grey {
		return profileNone, s, true
	}
	return s.target(), s, true
}

// parseSpace reads a matrix or grey profile; nil when it is none, or has tables that would count instead.
func parseSpace(icc []byte) *rgbSpace {
	if len(icc) < profileHeaderBytes+4 || string(icc[36:40]) != "acsp" || string(icc[20:24]) != "XYZ " {
		return nil
	}
	tags := profileTags(icc)
	if tags["A2B0"] != nil || tags["A2B1"] != nil || tags["D2B0"] != nil || tags["D2B1"] != nil {
		return nil
	}
	switch string(icc[16:20]) {
	case "GRAY":
		f := parseCurve(tags["kTRC"])
		if f == nil {
			return nil
		}
		s := newSpace(greyAxis, [3]curve{f, f, f})
		s.grey = true
		return s
	case "RGB ":
		var c colourants
		var curves [3]curve
		for i, name := range []string{"r", "g", "b"} {
			t := tags[name+"XYZ"]
			if curves[i] = parseCurve(tags[name+"TRC"]); curves[i] == nil || len(t) < 20 || string(t[:4]) != "XYZ " {
				return nil
			}
			for j := range 3 {
				c[i][j] = fixed(t[8+4*j:])
			}
		}
		return newSpace(c, curves)
	}
	return nil
}

func fixed(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) / 65536 }

// curve maps a device value to light, both 0 to 1.
type curve func(float64) float64

// parseCurve reads a curve: an exponent, a table (ICC.1 10.6) or one of five formulas (10.18); nil when it is none.
func parseCurve(t []byte) curve {
	if len(t) < 12 {
		return nil
	}
	switch string(t[:4]) {
	case "curv":
		n := int64(binary.BigEndian.Uint32(t[8:]))
		if n > 1<<16 || int64(len(t)) < 12+2*n {
			return nil
		}
		return tableCurve(t[12 : 12+2*n])
	case "para":
		kind := binary.BigEndian.Uint16(t[8:])
		count := []int{1, 3, 4, 5, 7}
		if int(kind) >= len(count) || len(t) < 12+4*count[kind] {
			return nil
		}
		var p [7]float64
		for i := range count[kind] {
			p[i] = fixed(t[12+4*i:])
		}
		return formulaCurve(kind, p)
	}
	return nil
}

func tableCurve(t []byte) curve {
	at := func(i int) float64 { return float64(binary.BigEndian.Uint16(t[2*i:])) }
	switch last := len(t)/2 - 1; last {
	case -1:
		return func(x float64) float64 { return x }
	case 0:
		g := at(0) / 256
		return func(x float64) float64 { return math.Pow(x, g) }
	default:
		return func(x float64) float64 {
			x *= float64(last)
			i := min(int(x), last-1)
			return (at(i) + (at(i+1)-at(i))*(x-float64(i))) / 65535
		}
	}
}

func formulaCurve(kind uint16, p [7]float64) curve {
	g, a, b, c, d, e, f := p[0], p[1], p[2], p[3], p[4], p[5], p[6]
	switch kind {
	case 0:
		a, b, c, d, e, f = 1, 0, 0, 0, 0, 0
	case 1:
		if a == 0 {
			return nil
		}
		c, d, e, f = 0, -b/a, 0, 0
	case 2:
		if a == 0 {
			return nil
		}
		c, d, e, f = 0, -b/a, p[3], p[3]
	case 3:
		e, f = 0, 0
	}
	return func(x float64) float64 {
		y := c*x + f
		if x >= d {
			y = math.Pow(max(0, a*x+b), g) + e
		}
		return min(max(y, 0), 1) // also when it is not a number
	}
}

// xyz is the colour of three values under D50.
func (s *rgbSpace) xyz(r, g, b int) (v [3]float64) {
	for j := range 3 {
		v[j] = s.linear[0][r]*s.primaries[0][j] + s.linear[1][g]*s.primaries[1][j] + s.linear[2][b]*s.primaries[2][j]
	}
	return v
}

// distance is the largest difference over a grid of colours and the greys.
func (s *rgbSpace) distance(o *rgbSpace) float64 {
	worst := 0.0
	try := func(r, g, b int) {
		d := difference(lab(s.xyz(r, g, b)), lab(o.xyz(r, g, b)))
		if !(d <= worst) { // a difference that is not a number is the worst
			worst = d
		}
	}
	for v := 0; v < 256; v += 5 {
		try(v, v, v)
	}
	if s.grey {
		return worst
	}
	for r := 0; r < 256; r += 51 {
		for g := 0; g < 256; g += 51 {
			for b := 0; b < 256; b += 51 {
				try(r, g, b)
			}
		}
	}
	return worst
}

// target is the space to convert to: sRGB, or Display P3 when sRGB has not all of the colours.
func (s *rgbSpace) target() profileKind {
	m := multiply(invert(colourantsSRGB), s.primaries)
	for _, primary := range m {
		for _, v := range primary {
			if v < -0.01 || v > 1.01 {
				return profileP3
			}
		}
	}
	return profileNone
}

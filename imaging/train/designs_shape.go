package train

import (
	"math"
	"math/rand/v2"
)

// ornament draws what needs no drawings: rings, bands, stars, spirals and mandalas of bent strokes.
func ornament(r *rand.Rand) *mask {
	m := newMask(maskSide, maskSide)
	folds := []int{1, 2, 4, 5, 6, 8, 12}[r.IntN(7)]
	thick := 1.5 + 6*r.Float64()
	for range 1 + r.IntN(5) {
		from, to := 0.1+0.5*r.Float64(), 0.3+0.65*r.Float64()
		bend, turn := 4*r.Float64()-2, 2*math.Pi*r.Float64()
		width := thick * (0.4 + r.Float64())
		for fold := range folds {
			angle := turn + 2*math.Pi*float64(fold)/float64(folds)
			m.stroke(func(t float64) (x, y, radius float64) {
				reach := (from + (to-from)*t) * maskSide / 2
				sin, cos := math.Sincos(angle + bend*t)
				return maskSide/2 + reach*cos, maskSide/2 + reach*sin, width * (1 - 0.7*math.Abs(2*t-1))
			})
		}
	}
	for range r.IntN(3) {
		reach, width := (0.2+0.7*r.Float64())*maskSide/2, 1+thick*r.Float64()/2
		m.stroke(func(t float64) (x, y, radius float64) {
			sin, cos := math.Sincos(2 * math.Pi * t)
			return maskSide/2 + reach*cos, maskSide/2 + reach*sin, width
		})
	}
	return m.trim()
}

// stroke draws a brush along a curve over t from 0 to 1.
func (m *mask) stroke(at func(t float64) (x, y, radius float64)) {
	const steps = 160
	for i := range steps + 1 {
		x, y, radius := at(float64(i) / steps)
		m.dot(x, y, max(radius, 0.6), 1)
	}
}

// dot adds a disc with a soft edge of a pixel.
func (m *mask) dot(x, y, radius float64, ink float32) {
	for j := max(int(y-radius-1), 0); j <= min(int(y+radius+1), m.h-1); j++ {
		for i := max(int(x-radius-1), 0); i <= min(int(x+radius+1), m.w-1); i++ {
			edge := radius + 0.5 - math.Hypot(float64(i)-x, float64(j)-y)
			at := &m.ink[j*m.w+i]
			*at = max(*at, ink*float32(min(max(edge, 0), 1)))
		}
	}
}

// outline keeps what lies within width pixels of an edge.
func (m *mask) outline(width float64) *mask {
	out := newMask(m.w, m.h)
	reach := max(int(width+0.5), 1)
	for y := range m.h {
		for x := range m.w {
			least := float32(1)
			for _, d := range [4][2]int{{reach, 0}, {-reach, 0}, {0, reach}, {0, -reach}} {
				least = min(least, m.at(x+d[0], y+d[1]))
			}
			out.ink[y*m.w+x] = max(0, m.at(x, y)-least)
		}
	}
	return out
}

// shade lets the ink fade along a direction and in patches, as grey shading does.
func (m *mask) shade(r *rand.Rand) *mask {
	sin, cos := math.Sincos(2 * math.Pi * r.Float64())
	fade, patches := 0.3+0.6*r.Float64(), 0.05+0.15*r.Float64()
	px, py := 6*r.Float64(), 6*r.Float64()
	out := newMask(m.w, m.h)
	for y := range m.h {
		for x := range m.w {
			u, v := float64(x)/float64(m.w)-0.5, float64(y)/float64(m.h)-0.5
			light := 1 - fade*(0.5+u*cos+v*sin) - 0.25*math.Sin(float64(x)*patches+px)*math.Sin(float64(y)*patches+py)
			out.ink[y*m.w+x] = m.ink[y*m.w+x] * float32(min(max(light, 0.15), 1))
		}
	}
	return out
}

// trim cuts off what has no ink around it. A mask without ink stays as it is.
func (m *mask) trim() *mask {
	x0, y0, x1, y1 := m.w, m.h, 0, 0
	for y := range m.h {
		for x := range m.w {
			if m.ink[y*m.w+x] > 0.15 {
				x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
			}
		}
	}
	if x1 <= x0 {
		return m
	}
	out := newMask(x1-x0, y1-y0)
	for y := range out.h {
		copy(out.ink[y*out.w:][:out.w], m.ink[(y+y0)*m.w+x0:][:out.w])
	}
	return out
}

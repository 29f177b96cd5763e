package train

import (
	"image"
	"math"
	"math/rand/v2"
)

const (
	rollMost    = 18 * math.Pi / 180 // of a face against its search; searches stand 30° apart
	scaleSpread = 0.09
	shiftSpread = 0.055 // of the window
	leastWindow = 24    // pixels, the smallest window that a search looks at
	mostWindow  = 44    // the largest; a search goes on with a smaller picture then
)

// view is how a window is seen this time.
type view struct {
	frame
	sin, cos float64
	mirror   bool
	pixels   int     // side of the window in the picture searched
	edge     [4]bool // sides at which the picture ends: left, top, right, bottom
	cut      float64 // where it ends, as share of the window
}

// augmented gives one patch of a face for a target, seen at random: rolled, shifted, larger or smaller, mirrored, darker,
// blurred, noisy, partly covered, or cut by the edge of the picture.
func augmented(f facePicture, target Target, fr frame, rng *rand.Rand) Patch {
	roll := rollMost * (2*rng.Float64() - 1)
	v := view{frame: fr, mirror: rng.IntN(2) == 0, pixels: leastWindow + rng.IntN(mostWindow-leastWindow+1)}
	v.sin, v.cos = math.Sincos(roll)
	v.side *= math.Exp(scaleSpread * (2*rng.Float64() - 1))
	v.x += shiftSpread * fr.side * (2*rng.Float64() - 1)
	v.y += shiftSpread * fr.side * (2*rng.Float64() - 1)
	switch {
	case target == TargetFace && rng.Float64() < 0.2:
		v.edge[rng.IntN(4)], v.cut = true, 0.08+0.22*rng.Float64()
	case rng.Float64() < 0.1:
		v.edge[rng.IntN(4)], v.cut = true, 0.05+0.2*rng.Float64()
	}
	m := v.render(f.gray)
	if target == TargetFace && rng.Float64() < 0.22 {
		cover(m, rng)
	}
	light(m, rng)
	p := sampled(m)
	return p
}

// render gives the window as the picture searched would show it, v.pixels a side.
func (v view) render(src *image.Gray) *image.Gray {
	k := float64(v.pixels) / v.side
	from := halved(src, min(1, k))
	shrunk := float64(from.Rect.Dx()) / float64(src.Rect.Dx())
	m := image.NewGray(image.Rect(0, 0, v.pixels, v.pixels))
	for y := range v.pixels {
		for x := range v.pixels {
			u, w := (float64(x)+0.5)/float64(v.pixels), (float64(y)+0.5)/float64(v.pixels)
			u, w = v.clamp(u, w)
			if v.mirror {
				u = 1 - u
			}
			dx, dy := (u-0.5)*v.side, (w-0.5)*v.side
			m.Pix[y*m.Stride+x] = uint8(at(from, (v.x+dx*v.cos-dy*v.sin)*shrunk, (v.y+dx*v.sin+dy*v.cos)*shrunk) + 0.5)
		}
	}
	return m
}

// clamp repeats the edge of a picture that ends within the window.
func (v view) clamp(u, w float64) (float64, float64) {
	if v.edge[0] {
		u = max(u, v.cut)
	}
	if v.edge[1] {
		w = max(w, v.cut)
	}
	if v.edge[2] {
		u = min(u, 1-v.cut)
	}
	if v.edge[3] {
		w = min(w, 1-v.cut)
	}
	return u, w
}

// sampled reads a window as pigo does.
func sampled(m *image.Gray) Patch {
	s := m.Rect.Dx()
	var p Patch
	for y := range Side {
		r := s/2 + (int(codeOf(y))*s)>>8
		for x := range Side {
			c := s/2 + (int(codeOf(x))*s)>>8
			p[y*Side+x] = m.Pix[min(max(r, 0), s-1)*m.Stride+min(max(c, 0), s-1)]
		}
	}
	return p
}

// cover lays a mask over the lower face, a bar over the eyes, or a patch anywhere.
func cover(m *image.Gray, rng *rand.Rand) {
	s := float64(m.Rect.Dx())
	tone, slope := 20+215*rng.Float64(), 60*(rng.Float64()-0.5)
	var inside func(x, y float64) bool
	switch k := rng.Float64(); {
	case k < 0.65:
		top, bow := 0.44+0.16*rng.Float64(), 0.1*rng.Float64()
		inside = func(x, y float64) bool { return y > top+bow*math.Abs(x-0.5)*2 && y < 0.97 && math.Abs(x-0.5) < 0.42 }
	case k < 0.8:
		mid, high := 0.3+0.06*rng.Float64(), 0.06+0.05*rng.Float64()
		inside = func(_, y float64) bool { return math.Abs(y-mid) < high }
	default:
		cx, cy, r := rng.Float64(), rng.Float64(), 0.12+0.13*rng.Float64()
		inside = func(x, y float64) bool { return math.Hypot(x-cx, y-cy) < r }
	}
	fold := 0.0
	if rng.IntN(2) == 0 {
		fold = 10 * rng.Float64()
	}
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			u, w := (float64(x)+0.5)/s, (float64(y)+0.5)/s
			if inside(u, w) {
				v := tone + slope*(u-0.5) + fold*math.Sin(25*w+3*u)
				m.Pix[y*m.Stride+x] = uint8(min(max(v, 0), 255))
			}
		}
	}
}

// light changes gamma and contrast, the direction of the light, sharpness and noise.
func light(m *image.Gray, rng *rand.Rand) {
	if rng.Float64() < 0.3 {
		smooth(m, 1+rng.IntN(2))
	}
	gamma := math.Exp(0.7 * (2*rng.Float64() - 1))
	gain := math.Exp(0.35 * (2*rng.Float64() - 1))
	if rng.Float64() < 0.15 {
		gain *= 0.15 + 0.4*rng.Float64()
	}
	lift := 25 * (2*rng.Float64() - 1)
	gx, gy := 0.5*(2*rng.Float64()-1), 0.3*(2*rng.Float64()-1)
	noise := 0.0
	if rng.IntN(2) == 0 {
		noise = 8 * rng.Float64() * rng.Float64()
	}
	s := float64(m.Rect.Dx())
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			v := float64(m.Pix[y*m.Stride+x]) / 255
			v = math.Pow(v, gamma) * gain * (1 + gx*(float64(x)/s-0.5) + gy*(float64(y)/s-0.5))
			m.Pix[y*m.Stride+x] = uint8(min(max(255*v+lift+noise*rng.NormFloat64(), 0), 255))
		}
	}
}

// smooth blurs with a box of 3 pixels, n times.
func smooth(m *image.Gray, n int) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	for range n {
		out := make([]uint8, len(m.Pix))
		for y := range h {
			for x := range w {
				sum := 0
				for dy := -1; dy <= 1; dy++ {
					row := m.Pix[min(max(y+dy, 0), h-1)*m.Stride:]
					for dx := -1; dx <= 1; dx++ {
						sum += int(row[min(max(x+dx, 0), w-1)])
					}
				}
				out[y*m.Stride+x] = uint8(sum / 9)
			}
		}
		copy(m.Pix, out)
	}
}

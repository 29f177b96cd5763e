package train

import (
	"image"
	"math"
	"math/rand/v2"
)

// decoys draws on skin, half the time, what is no tattoo and looks a little like one: stitches, hair, a line of a pen, a
// printed label, a ruler, dead tissue.
func (d *tattooData) decoys(s scene, r *rand.Rand) {
	if r.IntN(2) == 0 {
		return
	}
	skin, pen := newSkinMap(s.img), decoyPen{s.img}
	for left, tries := 1+r.IntN(3), 25; left > 0 && tries > 0; tries-- {
		w, h := s.img.Rect.Dx(), s.img.Rect.Dy()
		side := 30 + int(0.4*float64(min(w, h))*r.Float64())
		if side+2 >= min(w, h) {
			return
		}
		x, y := r.IntN(w-side), r.IntN(h-side)
		if skin.share(x, y, x+side, y+side) < 0.6 {
			continue
		}
		left--
		switch r.IntN(6) {
		case 0:
			pen.stitches(float64(x), float64(y), float64(side), r)
		case 1:
			pen.hair(float64(x), float64(y), float64(side), r)
		case 2:
			pen.penLine(float64(x), float64(y), float64(side), r)
		case 3:
			d.label(pen, x, y, side, r)
		case 4:
			pen.ruler(x, y, side, r)
		case 5:
			pen.necrosis(float64(x), float64(y), float64(side), r)
		}
	}
}

// decoyPen draws on a picture.
type decoyPen struct{ img *image.RGBA }

// disc lays a disc of colour over the picture, with a soft edge.
func (p decoyPen) disc(x, y, radius float64, colour [3]float64, strength float64) {
	for j := max(int(y-radius-1), 0); j <= min(int(y+radius+1), p.img.Rect.Dy()-1); j++ {
		for i := max(int(x-radius-1), 0); i <= min(int(x+radius+1), p.img.Rect.Dx()-1); i++ {
			edge := min(max(radius+0.5-math.Hypot(float64(i)-x, float64(j)-y), 0), 1) * strength
			px := p.img.Pix[j*p.img.Stride+4*i:][:3]
			for k := range px {
				px[k] = uint8(float64(px[k])*(1-edge) + colour[k]*edge)
			}
		}
	}
}

// line draws a line of discs.
func (p decoyPen) line(x0, y0, x1, y1, radius float64, colour [3]float64, strength float64) {
	n := int(math.Hypot(x1-x0, y1-y0)/max(radius, 0.5)) + 1
	for i := range n + 1 {
		t := float64(i) / float64(n)
		p.disc(x0+(x1-x0)*t, y0+(y1-y0)*t, radius, colour, strength)
	}
}

func darkColour(r *rand.Rand) [3]float64 {
	v := 15 + 40*r.Float64()
	return [3]float64{v, v, v + 10*r.Float64()}
}

// stitches cross a closed wound at even distances.
func (p decoyPen) stitches(x, y, side float64, r *rand.Rand) {
	colour, width := darkColour(r), 0.5+side/120
	p.line(x, y+side/2, x+side, y+side/2, 1+side/60, [3]float64{130, 50, 50}, 0.5)
	n := 4 + r.IntN(6)
	for i := range n {
		at := x + side*(float64(i)+0.5)/float64(n)
		lean := side / 12 * (r.Float64() - 0.5)
		p.line(at-lean, y+side*0.4, at+lean, y+side*0.6, width, colour, 0.9)
	}
}

func (p decoyPen) hair(x, y, side float64, r *rand.Rand) {
	colour, lie := darkColour(r), 2*math.Pi*r.Float64()
	for range 15 + r.IntN(60) {
		hx, hy := x+side*r.Float64(), y+side*r.Float64()
		sin, cos := math.Sincos(lie + 0.8*(r.Float64()-0.5))
		long := side * (0.08 + 0.15*r.Float64())
		p.line(hx, hy, hx+long*cos, hy+long*sin, 0.5, colour, 0.35+0.4*r.Float64())
	}
}

// penLine is the single line with which the edge of a redness is marked, solid or dashed.
func (p decoyPen) penLine(x, y, side float64, r *rand.Rand) {
	colour, width := [][3]float64{{25, 25, 30}, {30, 40, 120}, {70, 30, 110}}[r.IntN(3)], 0.7+side/90
	cx, cy, turn, dash := x+side/2, y+side/2, 6*r.Float64(), r.IntN(3) == 0
	sweep := 2 + 4.2*r.Float64()
	u, v := 6*r.Float64(), 6*r.Float64()
	const steps = 90
	for i := range steps {
		if dash && i%6 < 2 {
			continue
		}
		angle := turn + sweep*float64(i)/steps
		reach := side / 2 * (0.85 + 0.1*math.Sin(2*angle+u) + 0.05*math.Sin(5*angle+v))
		sin, cos := math.Sincos(angle)
		p.disc(cx+reach*cos, cy+reach*sin, width, colour, 0.75)
	}
}

// label is a sticker with lines of print.
func (d *tattooData) label(p decoyPen, x, y, side int, r *rand.Rand) {
	high := side / (2 + r.IntN(3))
	white := 215 + 40*r.Float64()
	for j := y; j < y+high; j++ {
		for i := x; i < x+side; i++ {
			put(p.img, i, j, [3]float64{white, white, white - 8})
		}
	}
	text := d.designs.lettering(r)
	scale := max(float64(text.w)/float64(side), float64(text.h)/float64(high)) * 1.15
	text, fine := text.shrink(1 / scale)
	scale = 1 / fine
	for j := range high {
		for i := range side {
			ink := float64(text.sample(float64(i)*scale-4, float64(j)*scale-4))
			p.disc(float64(x+i), float64(y+j), 0, [3]float64{30, 30, 40}, 2*ink)
		}
	}
}

// ruler is a white strip with ticks.
func (p decoyPen) ruler(x, y, side int, r *rand.Rand) {
	high := max(side/8, 8)
	for j := y; j < y+high; j++ {
		for i := x; i < x+side; i++ {
			put(p.img, i, j, [3]float64{235, 235, 228})
		}
	}
	step := 3 + r.IntN(6)
	for i := 0; i < side; i += step {
		long := high / 3
		if i/step%5 == 0 {
			long = high / 2
		}
		for j := range long {
			p.disc(float64(x+i), float64(y+j), 0.3, [3]float64{20, 20, 20}, 0.9)
		}
	}
}

// necrosis is a ragged black patch in a yellow and red rim.
func (p decoyPen) necrosis(x, y, side float64, r *rand.Rand) {
	layers := []struct {
		share  float64
		colour [3]float64
	}{{0.5, [3]float64{150, 50, 45}}, {0.4, [3]float64{170, 140, 80}}, {0.32, [3]float64{35, 25, 22}}}
	u, v := 6*r.Float64(), 6*r.Float64()
	for _, layer := range layers {
		for range 60 {
			angle, reach := 2*math.Pi*r.Float64(), math.Sqrt(r.Float64())*layer.share*side*0.8
			reach *= 0.8 + 0.2*math.Sin(2*angle+u) + 0.1*math.Sin(5*angle+v)
			sin, cos := math.Sincos(angle)
			p.disc(x+side/2+reach*cos, y+side/2+reach*sin, side*(0.03+0.06*r.Float64()), layer.colour, 0.5)
		}
	}
}

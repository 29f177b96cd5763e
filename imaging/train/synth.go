package train

import (
	"image"
	"math"
	"math/rand/v2"
	"slices"
)

// skinCell is the side of the squares in which skin is looked for to draw on, in pixels.
const skinCell = 8

// skinMap tells where a picture shows plain skin: of the colour of skin, near to the tone that most of the skin has, so
// that wounds are left out, and smooth.
type skinMap struct {
	cols, rows int
	sums       []int // (cols+1)·(rows+1): squares of skin above and to the left
}

// cellColour is the mean colour of a square and the spread of its luma.
type cellColour struct{ y, cb, cr, rough float64 }

func newSkinMap(img *image.RGBA) *skinMap {
	m := &skinMap{cols: img.Rect.Dx() / skinCell, rows: img.Rect.Dy() / skinCell}
	cells := make([]cellColour, m.cols*m.rows)
	var lumas, reds []float64
	for i := range cells {
		c := meanColour(img, i%max(m.cols, 1)*skinCell, i/max(m.cols, 1)*skinCell)
		cells[i] = c
		if c.skin() {
			lumas, reds = append(lumas, c.y), append(reds, c.cr)
		}
	}
	m.sums = make([]int, (m.cols+1)*(m.rows+1))
	if len(lumas) == 0 {
		return m
	}
	slices.Sort(lumas)
	slices.Sort(reds)
	luma, red := lumas[len(lumas)/2], reds[len(reds)/2]
	plain := make([]bool, len(cells))
	for i, c := range cells {
		plain[i] = c.skin() && c.rough < 9 && math.Abs(c.cr-red) < 9 && c.y > 0.55*luma && c.y < 1.6*luma
	}
	plain = m.largest(plain)
	for y := range m.rows {
		row := 0
		for x := range m.cols {
			if plain[y*m.cols+x] {
				row++
			}
			m.sums[(y+1)*(m.cols+1)+x+1] = m.sums[y*(m.cols+1)+x+1] + row
		}
	}
	return m
}

// largest keeps the largest connected part: a limb, not a floor of the same colour.
func (m *skinMap) largest(cells []bool) []bool {
	var best []int
	seen := make([]bool, len(cells))
	for start := range cells {
		if !cells[start] || seen[start] {
			continue
		}
		seen[start] = true
		part := []int{start}
		for at := 0; at < len(part); at++ {
			x, y := part[at]%m.cols, part[at]/m.cols
			for _, d := range [4][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
				nx, ny := x+d[0], y+d[1]
				if nx < 0 || ny < 0 || nx >= m.cols || ny >= m.rows {
					continue
				}
				if i := ny*m.cols + nx; cells[i] && !seen[i] {
					seen[i] = true
					part = append(part, i)
				}
			}
		}
		if len(part) > len(best) {
			best = part
		}
	}
	kept := make([]bool, len(cells))
	for _, i := range best {
		kept[i] = true
	}
	return kept
}

func meanColour(img *image.RGBA, x, y int) (c cellColour) {
	squares := 0.0
	for j := y; j < y+skinCell; j++ {
		for i := x; i < x+skinCell; i++ {
			p := img.Pix[j*img.Stride+4*i:][:3]
			r, g, b := float64(p[0]), float64(p[1]), float64(p[2])
			l := 0.299*r + 0.587*g + 0.114*b
			c.y, c.cb, c.cr, squares = c.y+l, c.cb+0.564*(b-l), c.cr+0.713*(r-l), squares+l*l
		}
	}
	const n = skinCell * skinCell
	c.y, c.cb, c.cr = c.y/n, c.cb/n, c.cr/n
	c.rough = math.Sqrt(max(squares/n-c.y*c.y, 0))
	return c
}

// skin is a wide guess by colour alone, light and dark skin alike.
func (c cellColour) skin() bool {
	return c.y > 35 && c.y < 245 && c.cr > 6 && c.cr < 48 && c.cb < -2 && c.cb > -48
}

// share gives the part of a rectangle of pixels that is skin.
func (m *skinMap) share(x0, y0, x1, y1 int) float64 {
	x0, y0, x1, y1 = x0/skinCell, y0/skinCell, (x1+skinCell-1)/skinCell, (y1+skinCell-1)/skinCell
	if x0 < 0 || y0 < 0 || x1 > m.cols || y1 > m.rows || x0 >= x1 || y0 >= y1 {
		return 0
	}
	at := func(x, y int) int { return m.sums[y*(m.cols+1)+x] }
	return float64(at(x1, y1)-at(x0, y1)-at(x1, y0)+at(x0, y0)) / float64((x1-x0)*(y1-y0))
}

// rect is a rectangle in pixels of a picture.
type rect struct{ x0, y0, x1, y1 float64 }

func (r rect) area() float64 { return max(0, r.x1-r.x0) * max(0, r.y1-r.y0) }

func (r rect) cut(o rect) rect {
	return rect{max(r.x0, o.x0), max(r.y0, o.y0), min(r.x1, o.x1), min(r.y1, o.y1)}
}

// floor is what a synthetic tattoo must have at least: its longer side in pixels, and by how many grey levels its ink
// differs from the skin in the mean.
type floor struct{ side, contrast float64 }

// Under plainFloor people hardly see a tattoo: what is measured lies above it. What is learned from may be fainter.
var (
	plainFloor = floor{40, 22}
	faintFloor = floor{34, 14}
)

// tattoo draws a made-up tattoo on the skin of img, in place, and gives its box. It reports false when there is no place,
// or the design has too little ink.
func (d *designs) tattoo(img *image.RGBA, skin *skinMap, r *rand.Rand) (rect, bool) {
	m := d.draw(r).trim()
	most := 0.6 * float64(min(img.Rect.Dx(), img.Rect.Dy()))
	if most < d.floor.side {
		return rect{}, false
	}
	for range 60 {
		long := d.floor.side * math.Pow(most/d.floor.side, r.Float64())
		f := fit{turn: 2 * math.Pi * r.Float64(), bend: 0.5 * (2*r.Float64() - 1)}
		f.scale = long / float64(max(m.w, m.h))
		if m.w > 2*m.h || m.h > 2*m.w { // lettering and bands: readable, more or less
			f.turn = (r.Float64() - 0.5) + float64(r.IntN(2))*math.Pi/2
		}
		w, h := f.size(m)
		if int(w)+2 >= img.Rect.Dx() || int(h)+2 >= img.Rect.Dy() {
			continue
		}
		f.x, f.y = w/2+r.Float64()*(float64(img.Rect.Dx())-w), h/2+r.Float64()*(float64(img.Rect.Dy())-h)
		if skin.share(int(f.x-w/2), int(f.y-h/2), int(f.x+w/2), int(f.y+h/2)) < 0.8 {
			continue
		}
		m, f.scale = m.shrink(f.scale)
		return m.blend(img, f, newPalette(r), d.floor)
	}
	return rect{}, false
}

// fit is how a design lies on the skin: centre, pixels of the picture for one of the design, angle, and how much the
// limb bends it.
type fit struct{ x, y, scale, turn, bend float64 }

// size is the box of the turned design, in pixels of the picture.
func (f *fit) size(m *mask) (w, h float64) {
	sin, cos := math.Abs(math.Sin(f.turn)), math.Abs(math.Cos(f.turn))
	mw, mh := float64(m.w)*f.scale, float64(m.h)*f.scale
	return mw*cos + mh*sin + 2, mw*sin + mh*cos + 2
}

// shrink halves a mask while it is more than twice as fine as the picture, so that thin lines fade and do not break.
func (m *mask) shrink(scale float64) (*mask, float64) {
	for ; scale < 0.5 && min(m.w, m.h) > 8; scale *= 2 {
		half := newMask(m.w/2, m.h/2)
		for y := range half.h {
			for x := range half.w {
				half.ink[y*half.w+x] = (m.at(2*x, 2*y) + m.at(2*x+1, 2*y) + m.at(2*x, 2*y+1) + m.at(2*x+1, 2*y+1)) / 4
			}
		}
		m = half
	}
	return m, scale
}

// palette is the ink of a tattoo: one or two colours, how much of the light they take, and how far they have spread in
// the skin with the years.
type palette struct {
	inks     [2][3]float64
	strength float64
	spread   float64 // pixels
	wave     float64 // of the two colours, in waves a pixel
}

func newPalette(r *rand.Rand) palette {
	p := palette{strength: 0.65 + 0.35*r.Float64(), spread: 0.3 + 0.5*r.Float64(), wave: 0.05 + 0.1*r.Float64()}
	black := func() [3]float64 {
		v := 20 + 50*r.Float64()
		return [3]float64{v, v + 10*r.Float64(), v + 18*r.Float64()}
	}
	switch k := r.IntN(10); {
	case k < 5:
		p.inks = [2][3]float64{black(), black()}
	case k < 8: // aged: blue, green, blurred, weaker
		p.inks = [2][3]float64{{40 + 40*r.Float64(), 75 + 45*r.Float64(), 80 + 50*r.Float64()}, black()}
		p.strength, p.spread = 0.5+0.35*r.Float64(), 0.5+1.2*r.Float64()
	default:
		for i := range p.inks {
			hue := 2 * math.Pi * r.Float64()
			for c := range 3 {
				p.inks[i][c] = 40 + 190*max(0, 0.5+0.6*math.Cos(hue+2*math.Pi/3*float64(c)))
			}
		}
		if r.IntN(2) == 0 {
			p.inks[0] = black()
		}
	}
	return p
}

// dab is a pixel as it will be under the ink.
type dab struct {
	x, y int
	ink  float64
	rgb  [3]uint8
}

// blend multiplies the ink into the skin, which shines through with all of its texture.
func (m *mask) blend(img *image.RGBA, f fit, p palette, least floor) (rect, bool) {
	w, h := f.size(m)
	area := image.Rect(int(f.x-w/2), int(f.y-h/2), int(f.x+w/2)+1, int(f.y+h/2)+1).Intersect(img.Rect)
	var dabs []dab
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			ink := m.inkAt(f, p.spread, float64(x), float64(y))
			if ink < 0.04 {
				continue
			}
			d := dab{x: x, y: y, ink: ink}
			colour := p.at(x, y)
			for k := range d.rgb {
				d.rgb[k] = uint8(float64(img.Pix[y*img.Stride+4*x+k]) * (1 - ink*p.strength*(1-colour[k]/255)))
			}
			dabs = append(dabs, d)
		}
	}
	box, ok := visible(img, dabs, least)
	if !ok {
		return rect{}, false
	}
	for _, d := range dabs {
		copy(img.Pix[d.y*img.Stride+4*d.x:], d.rgb[:])
	}
	return box, true
}

// inkAt is the ink at a pixel of the picture: the mean of nine points, as far apart as the ink has spread.
func (m *mask) inkAt(f fit, spread, x, y float64) float64 {
	sin, cos := math.Sincos(f.turn)
	var ink float32
	for k := range 9 {
		dx, dy := x-f.x+spread*float64(k%3-1), y-f.y+spread*float64(k/3-1)
		u, v := (dx*cos+dy*sin)/f.scale, (-dx*sin+dy*cos)/f.scale
		v += f.bend * (u*u/float64(m.w) - float64(m.w)/12)
		ink += m.sample(u+float64(m.w)/2, v+float64(m.h)/2)
	}
	return float64(ink) / 9
}

// at is the colour of the ink at a pixel: the two take turns in patches.
func (p palette) at(x, y int) [3]float64 {
	if math.Sin(float64(x)*p.wave)+math.Sin(float64(y)*p.wave*1.3) > 0.4 {
		return p.inks[1]
	}
	return p.inks[0]
}

// visible gives the box of the ink, and whether it is above the floor.
func visible(img *image.RGBA, dabs []dab, least floor) (rect, bool) {
	box := rect{math.Inf(1), math.Inf(1), 0, 0}
	difference, inked := 0.0, 0
	for _, d := range dabs {
		if d.ink <= 0.2 {
			continue
		}
		inked++
		for k, v := range d.rgb {
			difference += math.Abs(float64(img.Pix[d.y*img.Stride+4*d.x+k])-float64(v)) / 3
		}
		box = rect{min(box.x0, float64(d.x)), min(box.y0, float64(d.y)), max(box.x1, float64(d.x+1)), max(box.y1, float64(d.y+1))}
	}
	return box, max(box.x1-box.x0, box.y1-box.y0) >= least.side && inked >= 40 && float64(inked) >= 0.04*box.area() &&
		difference >= least.contrast*float64(inked)
}

package train

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/clinivault/clinivault/imaging"
)

// labelWords are what a label may say: kinds of fact, none of a person.
var labelWords = []string{"PATIENT", "Name", "DOB", "MRN", "Ward", "BED", "Left heel", "Sacrum", "Date", "Nurse", "Visit",
	"cm", "mm", "Wound", "NHS No", "Room", "ID", "Clinic", "Follow-up", "Study"}

// labelText makes up a line of 6 to about 20 signs.
func labelText(r *rand.Rand) string {
	text := labelWords[r.IntN(len(labelWords))]
	switch r.IntN(4) {
	case 0:
		text += fmt.Sprintf(" %06d", r.IntN(1000000))
	case 1:
		text += fmt.Sprintf(": %02d.%02d.%d", 1+r.IntN(28), 1+r.IntN(12), 1930+r.IntN(97))
	case 2:
		text += " " + labelWords[r.IntN(len(labelWords))] + fmt.Sprintf(" %d", 1+r.IntN(99))
	default:
		text = fmt.Sprintf("%d-%02d-%02d %02d:%02d", 2000+r.IntN(27), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60))
	}
	return text
}

// printed draws a text at four times its size, as the share of ink, with a margin of half a line, and gives the part
// that holds it.
func printed(text string, size float64, r *rand.Rand) (*image.Gray, image.Rectangle, error) {
	parsed, err := opentype.Parse([][]byte{goregular.TTF, gobold.TTF, gomono.TTF}[r.IntN(3)])
	if err != nil {
		return nil, image.Rectangle{}, fmt.Errorf("reading font: %w", err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 4 * size, DPI: 72})
	if err != nil {
		return nil, image.Rectangle{}, fmt.Errorf("scaling font: %w", err)
	}
	defer face.Close()
	edge := int(2 * size)
	bounds, _ := font.BoundString(face, text)
	w, h := (bounds.Max.X - bounds.Min.X).Ceil(), (bounds.Max.Y - bounds.Min.Y).Ceil()
	ink := image.NewGray(image.Rect(0, 0, w+2*edge, h+2*edge))
	d := font.Drawer{Dst: ink, Src: image.NewUniform(color.White), Face: face,
		Dot: fixed.Point26_6{X: fixed.I(edge) - bounds.Min.X, Y: fixed.I(edge) - bounds.Min.Y}}
	d.DrawString(text)
	return ink, image.Rect(edge, edge, edge+w, edge+h), nil
}

// pasteLabel prints a label into a picture and gives the box of its text.
func pasteLabel(img *image.RGBA, size float64, r *rand.Rand) (imaging.Box, error) {
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	ink, text, err := printed(labelText(r), size, r)
	if err != nil {
		return imaging.Box{}, err
	}
	if room := 0.8 * min(w, h) * 4; float64(text.Dx()) > room { // too long for the picture: show the first signs
		text.Max.X = text.Min.X + int(room)
		draw.Draw(ink, image.Rect(text.Max.X, 0, ink.Rect.Max.X, ink.Rect.Max.Y), image.Black, image.Point{}, draw.Src)
		ink = cutGray(ink, text.Max.X+text.Min.X)
	}
	v := newStance(ink, w, h, r)
	p := newPrint(r)
	ink = softened(ink, int(5+8*size*p.soft)) // a pixel of the picture is four of the drawing
	x0, y0, x1, y1 := v.bounds(ink.Rect)
	if c := sampleAt(img, v.x, v.y); !p.card && c[0]+c[1]+c[2] > 3*140 {
		p.ink = [3]float64{} // white would not be read
	}
	for y := max(0, int(y0)); y < min(img.Rect.Dy(), int(y1)+1); y++ {
		for x := max(0, int(x0)); x < min(img.Rect.Dx(), int(x1)+1); x++ {
			px, py := float64(x)+0.5, float64(y)+0.5
			if u, t, ok := v.back(px, py, ink.Rect); ok {
				share := float64(ink.Pix[int(t)*ink.Stride+int(u)]) / 255
				put(img, x, y, p.at(sampleAt(img, px, py), share, (px-x0)/(x1-x0)))
			}
		}
	}
	x0, y0, x1, y1 = v.bounds(text)
	return boxOf(x0, y0, x1, y1, img.Rect.Dx(), img.Rect.Dy()), nil
}

// cutGray cuts a picture to its first w columns.
func cutGray(m *image.Gray, w int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, min(w, m.Rect.Dx()), m.Rect.Dy()))
	draw.Draw(out, out.Rect, m, image.Point{}, draw.Src)
	return out
}

// stance maps a label, drawn at four times its size, into a picture: turned, and tapering to one side.
type stance struct{ cx, cy, x, y, sin, cos, taper float64 }

func newStance(ink *image.Gray, w, h float64, r *rand.Rand) stance {
	degrees := 30*r.Float64() - 15
	if r.IntN(4) == 0 {
		degrees += []float64{90, -90}[r.IntN(2)]
	}
	v := stance{cx: float64(ink.Rect.Dx()) / 2, cy: float64(ink.Rect.Dy()) / 2}
	v.sin, v.cos = math.Sincos(degrees * math.Pi / 180)
	v.taper = 0.3 * (r.Float64() - 0.5) / v.cx
	x0, y0, x1, y1 := v.bounds(ink.Rect)
	v.x, v.y = (w-(x1-x0))*r.Float64()-x0, (h-(y1-y0))*r.Float64()-y0
	if x1-x0 > w {
		v.x = w / 2
	}
	if y1-y0 > h {
		v.y = h / 2
	}
	return v
}

// to gives the place in the picture of a point of the label.
func (v stance) to(u, t float64) (x, y float64) {
	k := 0.25 / (1 + v.taper*(u-v.cx))
	u, t = (u-v.cx)*k, (t-v.cy)*k
	return v.x + u*v.cos - t*v.sin, v.y + u*v.sin + t*v.cos
}

// back is the inverse of to; it is false outside r.
func (v stance) back(x, y float64, r image.Rectangle) (u, t float64, ok bool) {
	dx, dy := (x-v.x)*v.cos+(y-v.y)*v.sin, -(x-v.x)*v.sin+(y-v.y)*v.cos
	rest := 0.25 - dx*v.taper
	if rest <= 0.05 {
		return 0, 0, false
	}
	u = dx / rest
	t = dy * (1 + v.taper*u) / 0.25
	u, t = u+v.cx, t+v.cy
	return u, t, u >= 0 && t >= 0 && u < float64(r.Dx()) && t < float64(r.Dy())
}

// bounds is the upright box around the image of r.
func (v stance) bounds(r image.Rectangle) (x0, y0, x1, y1 float64) {
	x0, y0, x1, y1 = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range []image.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, {X: r.Min.X, Y: r.Max.Y}, r.Max} {
		x, y := v.to(float64(p.X), float64(p.Y))
		x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
	}
	return x0, y0, x1, y1
}

// softened blurs a drawing by a box of the given side, rows and then columns.
func softened(m *image.Gray, side int) *image.Gray {
	for range 2 {
		w, h := m.Rect.Dx(), m.Rect.Dy()
		out := image.NewGray(image.Rect(0, 0, h, w)) // rows become columns
		for y := range h {
			row, sum := m.Pix[y*m.Stride:][:w], 0
			for x := range w + side/2 {
				if x < w {
					sum += int(row[x])
				}
				if x >= side {
					sum -= int(row[x-side])
				}
				if at := x - side/2; at >= 0 {
					out.Pix[at*out.Stride+y] = uint8(sum / side)
				}
			}
		}
		m = out
	}
	return m
}

// printing is how a label looks: dark on a light card, light on a dark one, or in the picture itself.
type printing struct {
	card      bool
	ink       [3]float64
	paper     [3]float64
	glow      float64 // how much brighter the right end is
	soft      float64 // blur in font sizes
	inkStrong float64 // share of the ink that covers
}

func newPrint(r *rand.Rand) printing {
	grey := func(lo, hi float64) [3]float64 {
		v := lo + (hi-lo)*r.Float64()
		return [3]float64{v, v + 10*(r.Float64()-0.5), v + 20*(r.Float64()-0.5)}
	}
	p := printing{card: true, ink: grey(10, 80), paper: grey(150, 245), glow: 50 * (r.Float64() - 0.5),
		soft: 0.05 * r.Float64(), inkStrong: 0.8 + 0.2*r.Float64()}
	switch r.IntN(4) {
	case 0:
		p.ink, p.paper = grey(170, 245), grey(10, 90)
	case 1:
		p.card, p.ink = false, [3]float64{250, 250, 250}
	}
	return p
}

// at gives the colour where the picture had another and a share is ink.
func (p printing) at(under [3]float64, share, across float64) (rgb [3]float64) {
	share *= p.inkStrong
	for i := range rgb {
		paper := under[i]
		if p.card {
			paper = p.paper[i] + p.glow*(across-0.5)
		}
		rgb[i] = min(255, max(0, paper*(1-share)+p.ink[i]*share))
	}
	return rgb
}

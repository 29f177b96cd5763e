package train

import (
	"encoding/json"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomediumitalic"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/gofont/gosmallcapsitalic"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Drawings is where `scripts/tools.sh npm` puts the drawings of @iconify-json/game-icons (CC BY 3.0), from the root
// of the project.
const Drawings = "scripts/node_modules/@iconify-json/game-icons/icons.json"

// designs makes up tattoos: drawings, lettering and ornaments as masks of ink.
type designs struct {
	paths []string // path data in a square of span
	span  float64
	fonts []*opentype.Font
	floor floor
}

// iconPath finds the path of an icon that consists of a single one.
var iconPath = regexp.MustCompile(`^<path fill="currentColor" (?:fill-rule="evenodd" )?d="([^"]*)"/>$`)

// newDesigns reads the drawings of a file in Iconify's format; without a file there are ornaments and lettering only.
// The drawings are divided in the order of their names: of ten, eight are for Train, one for Tune and one for Report.
func newDesigns(file string, part Part) (*designs, error) {
	d := &designs{span: 512, floor: plainFloor}
	if part == Train {
		d.floor = faintFloor
	}
	for _, ttf := range [][]byte{goregular.TTF, goitalic.TTF, gobold.TTF, gomediumitalic.TTF, gosmallcapsitalic.TTF, gomonobold.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			return nil, fmt.Errorf("reading a font: %w", err)
		}
		d.fonts = append(d.fonts, f)
	}
	if file == "" {
		return d, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading drawings: %w", err)
	}
	var set struct {
		Icons map[string]struct{ Body string }
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("reading drawings: %w", err)
	}
	var names []string
	for name := range set.Icons {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if m := iconPath.FindStringSubmatch(set.Icons[name].Body); m != nil && partOfDrawing(i) == part {
			d.paths = append(d.paths, m[1])
		}
	}
	if len(d.paths) == 0 {
		return nil, fmt.Errorf("reading drawings: none in %s", file)
	}
	return d, nil
}

func partOfDrawing(i int) Part {
	switch i % 10 {
	case 0:
		return Tune
	case 5:
		return Report
	}
	return Train
}

// mask is how much ink there is, 0 to 1, row by row.
type mask struct {
	w, h int
	ink  []float32
}

func newMask(w, h int) *mask { return &mask{w, h, make([]float32, w*h)} }

func (m *mask) at(x, y int) float32 {
	if x < 0 || y < 0 || x >= m.w || y >= m.h {
		return 0
	}
	return m.ink[y*m.w+x]
}

// sample reads between the pixels, bilinearly; outside there is no ink.
func (m *mask) sample(x, y float64) float32 {
	fx, fy := math.Floor(x), math.Floor(y)
	i, j, u, v := int(fx), int(fy), float32(x-fx), float32(y-fy)
	return (m.at(i, j)*(1-u)+m.at(i+1, j)*u)*(1-v) + (m.at(i, j+1)*(1-u)+m.at(i+1, j+1)*u)*v
}

// maskSide is the side at which designs are drawn before they are fitted to skin, in pixels.
const maskSide = 192

// draw makes up one design.
func (d *designs) draw(r *rand.Rand) *mask {
	switch k := r.IntN(20); {
	case k < 11 && len(d.paths) > 0:
		return d.drawing(r)
	case k < 13 && len(d.paths) > 0:
		return d.collage(r)
	case k < 17:
		return d.lettering(r)
	}
	return ornament(r)
}

// drawing fills a drawing, or draws its outline, or shades it.
func (d *designs) drawing(r *rand.Rand) *mask {
	m := newMask(maskSide, maskSide)
	for range 8 { // some paths are not for us
		a, err := rasterise(d.paths[r.IntN(len(d.paths))], d.span, maskSide)
		if err != nil {
			continue
		}
		m = maskOf(a)
		break
	}
	switch r.IntN(5) {
	case 0, 1:
		return m
	case 2:
		return m.outline(1.2 + 2.5*r.Float64())
	case 3: // an outline, the rest lightly
		line := m.outline(1.2 + 2*r.Float64())
		light := float32(0.2 + 0.4*r.Float64())
		for i := range m.ink {
			m.ink[i] = max(line.ink[i], light*m.ink[i])
		}
		return m
	}
	return m.shade(r)
}

// collage lays drawings over one another, as sleeves do.
func (d *designs) collage(r *rand.Rand) *mask {
	out := newMask(maskSide, maskSide)
	for range 3 + r.IntN(4) {
		part := d.drawing(r)
		scale := 1.2 + 1.3*r.Float64()
		ox, oy, weight := r.Float64()*maskSide*(1-1/scale), r.Float64()*maskSide*(1-1/scale), float32(0.5+0.5*r.Float64())
		for y := range maskSide {
			for x := range maskSide {
				i := y*maskSide + x
				out.ink[i] = max(out.ink[i], weight*part.sample((float64(x)-ox)*scale, (float64(y)-oy)*scale))
			}
		}
	}
	return out
}

// letters are what lettering consists of: words are made up, so that none is anyone's.
const letters = "aaabcdeeefghiiklmnooprsttuvwxyz"

// lettering writes one to three lines, leaning and waving as a hand does.
func (d *designs) lettering(r *rand.Rand) *mask {
	size := 30 + 40*r.Float64()
	face, err := opentype.NewFace(d.fonts[r.IntN(len(d.fonts))], &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return ornament(r)
	}
	defer face.Close()
	lines := 1 + r.IntN(3)
	canvas := image.NewAlpha(image.Rect(0, 0, int(size*8), int(size*1.3*float64(lines)+size)))
	for line := range lines {
		pen := font.Drawer{Dst: canvas, Src: image.Opaque, Face: face,
			Dot: fixed.P(int(size/2), int(size*1.3*float64(line)+size*1.1))}
		pen.DrawString(words(r))
	}
	m := maskOf(canvas)
	lean, wave, phase, length := 0.5*r.Float64()-0.1, 0.15*size*r.Float64(), 7*r.Float64(), size*(1.5+3*r.Float64())
	out := newMask(m.w, m.h)
	for y := range m.h {
		for x := range m.w {
			fx, fy := float64(x), float64(y)
			out.ink[y*m.w+x] = m.sample(fx+lean*(fy-float64(m.h)/2), fy+wave*math.Sin(fx/length+phase))
		}
	}
	if r.IntN(3) == 0 {
		return out.outline(1.2 + 0.5*r.Float64()).trim()
	}
	return out.trim()
}

// words makes up a line: a word or two, a date, or a Roman number.
func words(r *rand.Rand) string {
	var line []byte
	switch r.IntN(6) {
	case 0:
		for range 4 + r.IntN(5) {
			line = append(line, "IVXLCM"[r.IntN(6)])
		}
	case 1:
		line = fmt.Appendf(nil, "%02d.%02d.%d", 1+r.IntN(28), 1+r.IntN(12), 1950+r.IntN(75))
	default:
		for i := range 3 + r.IntN(9) {
			c := letters[r.IntN(len(letters))]
			if i == 0 {
				c -= 'a' - 'A'
			} else if i > 3 && r.IntN(5) == 0 {
				line = append(line, ' ')
			}
			line = append(line, c)
		}
	}
	return string(line)
}

func maskOf(a *image.Alpha) *mask {
	m := newMask(a.Rect.Dx(), a.Rect.Dy())
	for y := range m.h {
		for x := range m.w {
			m.ink[y*m.w+x] = float32(a.Pix[y*a.Stride+x]) / 255
		}
	}
	return m
}

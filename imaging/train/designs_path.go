package train

import (
	"errors"
	"image"
	"math"
	"strconv"

	"golang.org/x/image/vector"
)

// maxPath bounds the text of a drawing, in bytes; maxSteps its pen strokes.
const (
	maxPath  = 1 << 16
	maxSteps = 1 << 14
)

var errPath = errors.New("train: not a path")

// penPath draws the path data of an SVG (SVG 2, section 9.3) with a pen that fills.
type penPath struct {
	text   string
	at     int
	scale  float32
	pen    *vector.Rasterizer
	x, y   float64 // current point
	sx, sy float64 // start of the subpath
	cx, cy float64 // last control point, for the smooth curves
	last   byte    // last command
}

// rasterise fills a path given in units of a square of span, at side × side pixels.
func rasterise(path string, span float64, side int) (*image.Alpha, error) {
	if len(path) > maxPath || side < 1 || side > 4096 || span <= 0 {
		return nil, errPath
	}
	p := &penPath{text: path, scale: float32(float64(side) / span), pen: vector.NewRasterizer(side, side)}
	for steps := 0; ; steps++ {
		p.blank()
		if p.at == len(p.text) {
			break
		}
		if steps > maxSteps {
			return nil, errPath
		}
		if err := p.step(); err != nil {
			return nil, err
		}
	}
	p.pen.ClosePath()
	out := image.NewAlpha(image.Rect(0, 0, side, side))
	p.pen.Draw(out, out.Rect, image.Opaque, image.Point{})
	return out, nil
}

func (p *penPath) blank() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == ',' || p.text[p.at] == '\n' || p.text[p.at] == '\t') {
		p.at++
	}
}

// number reads a number; "-.5.5" is two of them.
func (p *penPath) number() (float64, error) {
	p.blank()
	from := p.at
	dot, exp := false, false
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c >= '0' && c <= '9':
			continue
		case c == '.' && !dot && !exp:
			dot = true
			continue
		case (c == '-' || c == '+') && (p.at == from || p.text[p.at-1] == 'e'):
			continue
		case c == 'e' && !exp && p.at > from:
			exp = true
			continue
		}
		break
	}
	v, err := strconv.ParseFloat(p.text[from:p.at], 64)
	if err != nil || math.Abs(v) > 1e6 {
		return 0, errPath
	}
	return v, nil
}

// flag reads a flag of an arc: one digit, which need not be set apart.
func (p *penPath) flag() (float64, error) {
	p.blank()
	if p.at == len(p.text) || (p.text[p.at] != '0' && p.text[p.at] != '1') {
		return 0, errPath
	}
	p.at++
	return float64(p.text[p.at-1] - '0'), nil
}

// arity is how many numbers each command takes.
var arity = map[byte]int{'m': 2, 'l': 2, 'h': 1, 'v': 1, 'c': 6, 's': 4, 'q': 4, 't': 2, 'a': 7, 'z': 0}

// step reads one command, or the numbers of one more of the same kind, and draws it.
func (p *penPath) step() error {
	c := p.text[p.at]
	if (c|0x20) >= 'a' && (c|0x20) <= 'z' {
		p.at++
	} else {
		switch c = p.last; c {
		case 'm':
			c = 'l'
		case 'M':
			c = 'L'
		case 0, 'z', 'Z':
			return errPath
		}
	}
	lower := c | 0x20
	n, ok := arity[lower]
	if !ok {
		return errPath
	}
	var v [7]float64
	for i := range n {
		read := p.number
		if lower == 'a' && (i == 3 || i == 4) {
			read = p.flag
		}
		var err error
		if v[i], err = read(); err != nil {
			return err
		}
	}
	if c == lower {
		p.absolute(lower, &v)
	}
	p.draw(lower, &v)
	p.last = c
	return nil
}

// absolute adds the current point to relative numbers.
func (p *penPath) absolute(c byte, v *[7]float64) {
	switch c {
	case 'h':
		v[0] += p.x
	case 'v':
		v[0] += p.y
	case 'a':
		v[5], v[6] = v[5]+p.x, v[6]+p.y
	default:
		for i := 0; i < 6; i += 2 {
			v[i], v[i+1] = v[i]+p.x, v[i+1]+p.y
		}
	}
}

func (p *penPath) draw(c byte, v *[7]float64) {
	mirrorX, mirrorY := p.x, p.y // the control point of a smooth curve
	if last := p.last | 0x20; (c == 's' && (last == 'c' || last == 's')) || (c == 't' && (last == 'q' || last == 't')) {
		mirrorX, mirrorY = 2*p.x-p.cx, 2*p.y-p.cy
	}
	switch c {
	case 'm':
		p.pen.ClosePath()
		p.x, p.y, p.sx, p.sy = v[0], v[1], v[0], v[1]
		p.pen.MoveTo(p.unit(p.x), p.unit(p.y))
	case 'l':
		p.line(v[0], v[1])
	case 'h':
		p.line(v[0], p.y)
	case 'v':
		p.line(p.x, v[0])
	case 'z':
		p.pen.ClosePath()
		p.x, p.y = p.sx, p.sy
	case 'c':
		p.cube(v[0], v[1], v[2], v[3], v[4], v[5])
	case 's':
		p.cube(mirrorX, mirrorY, v[0], v[1], v[2], v[3])
	case 'q':
		p.quad(v[0], v[1], v[2], v[3])
	case 't':
		p.quad(mirrorX, mirrorY, v[0], v[1])
	case 'a':
		p.arc(v)
	}
}

func (p *penPath) unit(v float64) float32 { return float32(v) * p.scale }

func (p *penPath) line(x, y float64) {
	p.x, p.y = x, y
	p.pen.LineTo(p.unit(x), p.unit(y))
}

func (p *penPath) quad(x1, y1, x, y float64) {
	p.cx, p.cy, p.x, p.y = x1, y1, x, y
	p.pen.QuadTo(p.unit(x1), p.unit(y1), p.unit(x), p.unit(y))
}

func (p *penPath) cube(x1, y1, x2, y2, x, y float64) {
	p.cx, p.cy, p.x, p.y = x2, y2, x, y
	p.pen.CubeTo(p.unit(x1), p.unit(y1), p.unit(x2), p.unit(y2), p.unit(x), p.unit(y))
}

// arc draws an elliptical arc by short lines (SVG 2, appendix B.2.4).
func (p *penPath) arc(v *[7]float64) {
	rx, ry, x, y := math.Abs(v[0]), math.Abs(v[1]), v[5], v[6]
	if rx == 0 || ry == 0 || (x == p.x && y == p.y) {
		p.line(x, y)
		return
	}
	sin, cos := math.Sincos(v[2] * math.Pi / 180)
	dx, dy := (p.x-x)/2, (p.y-y)/2
	ux, uy := cos*dx+sin*dy, -sin*dx+cos*dy
	if grow := ux*ux/(rx*rx) + uy*uy/(ry*ry); grow > 1 {
		rx, ry = rx*math.Sqrt(grow), ry*math.Sqrt(grow)
	}
	den := rx*rx*uy*uy + ry*ry*ux*ux
	k := math.Sqrt(max(0, (rx*rx*ry*ry-den)/den))
	if v[3] == v[4] {
		k = -k
	}
	mx, my := k*rx*uy/ry, -k*ry*ux/rx
	cx, cy := cos*mx-sin*my+(p.x+x)/2, sin*mx+cos*my+(p.y+y)/2
	from := math.Atan2((uy-my)/ry, (ux-mx)/rx)
	sweep := math.Atan2((-uy-my)/ry, (-ux-mx)/rx) - from
	if v[4] == 1 && sweep < 0 {
		sweep += 2 * math.Pi
	} else if v[4] == 0 && sweep > 0 {
		sweep -= 2 * math.Pi
	}
	n := int(math.Abs(sweep)*8) + 1
	for i := 1; i < n; i++ {
		s, c := math.Sincos(from + sweep*float64(i)/float64(n))
		p.line(cx+rx*c*cos-ry*s*sin, cy+rx*c*sin+ry*s*cos)
	}
	p.line(x, y)
}

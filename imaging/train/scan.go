package train

import (
	"image"
	"math"
)

// Window is a square of a picture that a cascade accepted: centre row and column and side in pixels, and its score.
type Window struct {
	Row, Col, Side int
	Q              float32
}

// Grid is how a picture is searched, in pigo's terms: sides from Least to Most pixels, each Scale times the one before and
// at least 2 pixels more; steps of Shift of the side, at least 1 pixel.
type Grid struct {
	Least, Most  int
	Shift, Scale float64
}

// windows visits every window of the grid, in pigo's order.
func (g Grid) windows(w, h int, visit func(r, c, s int)) {
	for s := g.Least; s <= g.Most && s > 0; s = int(float64(s) + math.Max(2, float64(s)*g.Scale-float64(s))) {
		step, edge := int(math.Max(g.Shift*float64(s), 1)), s/2+1
		for r := edge; r <= h-edge; r += step {
			for c := edge; c <= w-edge; c += step {
				visit(r, c, s)
			}
		}
	}
}

// Scan gives the windows of a picture that c accepts, in pigo's order and with pigo's scores. The picture must start at
// the origin.
func Scan(c *Cascade, m *image.Gray, g Grid) []Window {
	var found []Window
	var at *[Side * Side]int32
	side := 0
	g.windows(m.Rect.Dx(), m.Rect.Dy(), func(row, col, s int) {
		if s != side {
			side, at = s, offsets(s, m.Stride)
		}
		if q, ok := c.scoreAt(m.Pix, row*m.Stride+col, at); ok && (q > 0 || len(c.trees) == 0) {
			found = append(found, Window{row, col, s, q})
		}
	})
	return found
}

// scoreAt is Score of the window around a pixel, read where it lies.
func (c *Cascade) scoreAt(pix []uint8, centre int, at *[Side * Side]int32) (float32, bool) {
	var sum float32
	for k := range c.trees {
		t := &c.trees[k]
		i := 0
		for i < len(t.tests) {
			n := t.tests[i]
			i = 2*i + 1
			if pix[centre+int(at[n.a&(Side*Side-1)])] <= pix[centre+int(at[n.b&(Side*Side-1)])] {
				i++
			}
		}
		sum += t.leaves[i-len(t.tests)]
		if sum <= t.threshold {
			return -1, false
		}
	}
	if len(c.trees) == 0 {
		return 0, true
	}
	return sum - c.trees[len(c.trees)-1].threshold, true
}

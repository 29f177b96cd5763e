package imaging

import (
	"image"
	"math"
	"slices"
)

const (
	paper, dark, light = 0, 1, 2 // what a pixel is against its surroundings

	inkContrast = 12 // least difference from the local mean, in levels of grey
	inkSpread   = 2  // least difference in standard deviations of the surroundings, inverted

	glyphLeast = 6   // height of a sign, in pixels searched
	glyphMost  = 140 // the same, at most
	maxGlyphs  = 3000
)

// inkMask tells dark and light pixels from those like their surroundings, a square of 2 radius + 1 pixels. Sums of
// columns are carried from row to row, so that the cost does not depend on the radius.
func inkMask(gray *image.Gray, radius int) []uint8 {
	w, h := gray.Rect.Dx(), gray.Rect.Dy()
	mask := make([]uint8, w*h)
	sums, squares := make([]int, w), make([]int, w)
	add := func(y, sign int) {
		for x, v := range gray.Pix[y*gray.Stride:][:w] {
			sums[x] += sign * int(v)
			squares[x] += sign * int(v) * int(v)
		}
	}
	for y := range min(radius, h) {
		add(y, 1)
	}
	for y := range h {
		if y+radius < h {
			add(y+radius, 1)
		}
		if y-radius > 0 {
			add(y-radius-1, -1)
		}
		rows := min(y+radius+1, h) - max(y-radius, 0)
		inkRow(gray.Pix[y*gray.Stride:][:w], mask[y*w:][:w], sums, squares, radius, rows)
	}
	return mask
}

func inkRow(row, mask []uint8, sums, squares []int, radius, rows int) {
	w, sum, square := len(row), 0, 0
	for x := range min(radius, w) {
		sum += sums[x]
		square += squares[x]
	}
	for x, v := range row {
		if x+radius < w {
			sum += sums[x+radius]
			square += squares[x+radius]
		}
		if x-radius > 0 {
			sum -= sums[x-radius-1]
			square -= squares[x-radius-1]
		}
		n := rows * (min(x+radius+1, w) - max(x-radius, 0))
		// In n-fold levels of grey, to stay with whole numbers: d is the difference, spread n² times the variance.
		d, spread := int(v)*n-sum, n*square-sum*sum
		if d < 0 {
			if -d > inkContrast*n && inkSpread*inkSpread*d*d > spread {
				mask[x] = dark
			}
		} else if d > inkContrast*n && inkSpread*inkSpread*d*d > spread {
			mask[x] = light
		}
	}
}

// inkRun is a stretch of one kind of pixel in a row.
type inkRun struct{ y, x0, x1, glyph int32 }

// glyph is a connected patch of ink that could be a sign or several that touch.
type glyph struct {
	x0, y0, x1, y1 int
	area           int
	across, down   int // stretches of ink in its rows, and in its columns
	sum            int // of its levels of grey
}

func (g *glyph) w() float64 { return float64(g.x1 - g.x0) }
func (g *glyph) h() float64 { return float64(g.y1 - g.y0) }

// mean is the mean level of its ink.
func (g *glyph) mean() float64 { return float64(g.sum) / float64(g.area) }

// stroke estimates the width of its strokes: twice the area over the outline, which stretches count.
func (g *glyph) stroke() float64 {
	return float64(g.area) / math.Hypot(float64(g.across), float64(g.down))
}

// turned is the glyph in a picture whose x and y are exchanged.
func (g glyph) turned() glyph {
	g.x0, g.y0, g.x1, g.y1 = g.y0, g.x0, g.y1, g.x1
	g.across, g.down = g.down, g.across
	return g
}

// likely reports whether the patch has the size, proportion and strokes of a sign, or of a word whose signs touch.
func (g *glyph) likely() bool {
	w, h := g.w(), g.h()
	if h < glyphLeast || h > glyphMost || w < 2 || w > 14*h || h > 9*w {
		return false
	}
	fill, stroke := float64(g.area)/(w*h), g.stroke()
	return fill > 0.10 && fill < 0.96 && stroke > 0.05*h && stroke < 0.42*h
}

// inkPatches joins the pixels of one kind that touch, corners included.
func inkPatches(gray *image.Gray, mask []uint8, kind uint8) []glyph {
	w, h := gray.Rect.Dx(), gray.Rect.Dy()
	var runs []inkRun
	var parent []int32
	var patches []glyph
	above, aboveEnd := 0, 0
	for y := range h {
		start := len(runs)
		row, pix := mask[y*w:][:w], gray.Pix[y*gray.Stride:][:w]
		for x := 0; x < w; x++ {
			if row[x] != kind {
				continue
			}
			x0 := x
			sum := 0
			for ; x < w && row[x] == kind; x++ {
				sum += int(pix[x])
			}
			own, covered := int32(-1), 0
			for above < aboveEnd && int(runs[above].x1) < x0 {
				above++
			}
			for i := above; i < aboveEnd && int(runs[i].x0) <= x; i++ {
				own = joinRuns(parent, own, runs[i].glyph)
				covered += max(0, min(x, int(runs[i].x1))-max(x0, int(runs[i].x0)))
			}
			if own < 0 {
				own = int32(len(parent))
				parent = append(parent, own)
				patches = append(patches, glyph{x0, y, x, y + 1, 0, 0, 0, 0})
			}
			patches[own].grow(glyph{x0, y, x, y + 1, x - x0, 1, x - x0 - covered, sum})
			runs = append(runs, inkRun{int32(y), int32(x0), int32(x), own})
		}
		above, aboveEnd = start, len(runs)
	}
	for i := range parent {
		if root := findRun(parent, int32(i)); root != int32(i) {
			patches[root].grow(patches[i])
			patches[i].area = 0
		}
	}
	return slices.DeleteFunc(patches, func(g glyph) bool { return g.area < 12 })
}

// grow adds a patch to g.
func (g *glyph) grow(o glyph) {
	g.x0, g.y0, g.x1, g.y1 = min(g.x0, o.x0), min(g.y0, o.y0), max(g.x1, o.x1), max(g.y1, o.y1)
	g.area, g.across, g.down = g.area+o.area, g.across+o.across, g.down+o.down
	g.sum += o.sum
}

// findRun gives the root of a tree in parent, and shortens the way to it.
func findRun(parent []int32, i int32) int32 {
	for parent[i] != i {
		parent[i] = parent[parent[i]]
		i = parent[i]
	}
	return i
}

// joinRuns makes two trees one, a being -1 for none, and gives its root.
func joinRuns(parent []int32, a, b int32) int32 {
	b = findRun(parent, b)
	if a < 0 {
		return b
	}
	a = findRun(parent, a)
	parent[max(a, b)] = min(a, b)
	return min(a, b)
}

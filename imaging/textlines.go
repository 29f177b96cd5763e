package imaging

import (
	"cmp"
	"image"
	"math"
	"slices"
)

// line is a row of glyphs that stand like the signs of a text.
type line struct {
	glyphs []glyph
	facts  lineFacts
}

// lineFacts are what tells a line of text from a row of other things.
type lineFacts struct {
	signs    float64 // how many; a patch counts for as many as its width and its strokes allow
	heights  float64 // spread of the heights, as a share of the median
	tones    float64 // spread of the levels of ink, as a share of the contrast
	contrast float64 // levels of grey between ink and paper
	wander   float64 // how far feet, heads or middles, the straightest, are from a straight line, in median heights
	slope    float64 // of that line
	fill     float64 // share of ink in the boxes of the glyphs
}

// lines groups glyphs into rows from left to right.
func lines(gray *image.Gray, glyphs []glyph) []line {
	glyphs = slices.DeleteFunc(slices.Clone(glyphs), func(g glyph) bool { return !g.likely() })
	if len(glyphs) > maxGlyphs { // noise: the tallest are the least likely to be it
		slices.SortStableFunc(glyphs, func(a, b glyph) int { return cmp.Compare(b.y1-b.y0, a.y1-a.y0) })
		glyphs = glyphs[:maxGlyphs]
	}
	slices.SortStableFunc(glyphs, func(a, b glyph) int { return cmp.Compare(a.x0, b.x0) })
	parent := make([]int32, len(glyphs))
	for i := range parent {
		parent[i] = int32(i)
	}
	for i := range glyphs {
		reach := float64(glyphs[i].x1) + 1.6*glyphs[i].h()
		for j := i + 1; j < len(glyphs) && float64(glyphs[j].x0) <= reach; j++ {
			if neighbours(&glyphs[i], &glyphs[j]) {
				joinRuns(parent, int32(i), int32(j))
			}
		}
	}
	groups := map[int32][]glyph{}
	var order []int32
	for i, g := range glyphs {
		root := findRun(parent, int32(i))
		if groups[root] == nil {
			order = append(order, root)
		}
		groups[root] = append(groups[root], g)
	}
	var found []line
	for _, root := range order {
		if l, ok := straighten(gray, groups[root]); ok {
			found = append(found, l)
		}
	}
	return found
}

// neighbours reports whether b, which starts no further left, can be the next sign after a: as tall, beside it, as
// thick, and in the same ink.
func neighbours(a, b *glyph) bool {
	ha, hb := a.h(), b.h()
	tall := max(ha, hb)
	if tall > 2.1*min(ha, hb) {
		return false
	}
	gap := float64(b.x0 - a.x1)
	if gap > 0.5*(ha+hb) || gap < -0.5*min(a.w(), b.w()) {
		return false
	}
	if math.Abs(float64(a.y0+a.y1-b.y0-b.y1))/2 > 0.5*tall {
		return false
	}
	sa, sb := a.stroke(), b.stroke()
	return max(sa, sb) <= 2.2*min(sa, sb)+1 && math.Abs(a.mean()-b.mean()) <= 50
}

// middle is the height at which the glyph stands.
func middle(g *glyph) float64 { return float64(g.y0+g.y1) / 2 }

// straighten drops what does not fit the row, and takes its measure.
func straighten(gray *image.Gray, glyphs []glyph) (line, bool) {
	tall := median(glyphs, (*glyph).h)
	glyphs = slices.DeleteFunc(glyphs, func(g glyph) bool { return g.h() > 1.8*tall || g.h() < 0.5*tall })
	a, b, _ := fitLine(glyphs, middle)
	glyphs = slices.DeleteFunc(glyphs, func(g glyph) bool {
		return math.Abs(middle(&g)-a-b*float64(g.x0+g.x1)/2) > 0.6*tall
	})
	l := line{glyphs: glyphs}
	if len(glyphs) == 0 {
		return l, false
	}
	l.measure(gray)
	return l, l.facts.signs >= 2.5 && math.Abs(l.facts.slope) < 0.5
}

// fitLine fits value(g) = a + b × centre of g by least squares and gives the standard deviation of what is left.
func fitLine(glyphs []glyph, value func(*glyph) float64) (a, b, left float64) {
	var n, sx, sy, sxx, sxy float64
	for i := range glyphs {
		g := &glyphs[i]
		x, y := float64(g.x0+g.x1)/2, value(g)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if n == 0 {
		return 0, 0, 0
	}
	if d := n*sxx - sx*sx; d > 1 {
		b = (n*sxy - sx*sy) / d
	}
	a = (sy - b*sx) / n
	for i := range glyphs {
		g := &glyphs[i]
		e := value(g) - a - b*float64(g.x0+g.x1)/2
		left += e * e
	}
	return a, b, math.Sqrt(left / n)
}

// measure fills in the facts.
func (l *line) measure(gray *image.Gray) {
	f, tall := &l.facts, median(l.glyphs, (*glyph).h)
	f.heights = spread(l.glyphs, (*glyph).h) / tall
	f.wander = math.Inf(1)
	for _, edge := range []func(*glyph) float64{
		func(g *glyph) float64 { return float64(g.y0) }, func(g *glyph) float64 { return float64(g.y1) }, middle,
	} {
		if _, b, left := fitLine(l.glyphs, edge); left/tall < f.wander {
			f.wander, f.slope = left/tall, b
		}
	}
	border := int(max(1, median(l.glyphs, (*glyph).stroke)/2))
	ink, inkSum, all, allSum, box := 0, 0, 0, 0, 0.0
	for i := range l.glyphs {
		g := &l.glyphs[i]
		f.signs += max(1, min(g.w()/(0.9*g.h()), float64(g.across)/g.h()/1.7))
		count, sum := surroundings(gray, g, border)
		ink, inkSum, all, allSum = ink+g.area, inkSum+g.sum, all+count, allSum+sum
		box += g.w() * g.h()
	}
	f.fill = float64(ink) / box
	f.contrast = math.Abs(float64(inkSum)/float64(ink) - float64(allSum-inkSum)/float64(max(1, all-ink)))
	f.tones = spread(l.glyphs, (*glyph).mean) / max(1, f.contrast)
}

// surroundings sums the levels of the box of g and of a border about it.
func surroundings(gray *image.Gray, g *glyph, border int) (count, sum int) {
	r := image.Rect(g.x0-border, g.y0-border, g.x1+border, g.y1+border).Intersect(gray.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for _, v := range gray.Pix[y*gray.Stride+r.Min.X:][:r.Dx()] {
			sum += int(v)
		}
	}
	return r.Dx() * r.Dy(), sum
}

func median(glyphs []glyph, value func(*glyph) float64) float64 {
	values := make([]float64, len(glyphs))
	for i := range glyphs {
		values[i] = value(&glyphs[i])
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

// spread is the standard deviation of a value.
func spread(glyphs []glyph, value func(*glyph) float64) float64 {
	var n, s, q float64
	for i := range glyphs {
		v := value(&glyphs[i])
		n, s, q = n+1, s+v, q+v*v
	}
	return math.Sqrt(max(0, q/n-s*s/(n*n)))
}

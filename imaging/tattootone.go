package imaging

import "slices"

const (
	toneCell = 8 // side of the squares in which the skin tone is kept, in pixels
	toneLeft = 2 // weight, in pixels of certain skin a cell, that the tone of the whole picture has in each place
)

// tone is a colour of skin.
type tone struct{ y, cb, cr uint8 }

// toneMap is the colour that skin has in each part of a picture: the mean of what looks like skin within about a
// quarter of the picture, so that light from one side and shadow do not read as ink.
type toneMap struct {
	cols  int
	tones []tone
	whole tone
	share float64 // of the picture that looks like skin
}

func (m *toneMap) at(x, y int) tone { return m.tones[y/toneCell*m.cols+x/toneCell] }

// toneSum is a weighted sum of colours.
type toneSum struct{ n, y, cb, cr float64 }

func (s *toneSum) add(o toneSum, times float64) {
	s.n += times * o.n
	s.y += times * o.y
	s.cb += times * o.cb
	s.cr += times * o.cr
}

func (s toneSum) tone() tone {
	return tone{uint8(s.y/s.n + 0.5), uint8(s.cb/s.n + 0.5), uint8(s.cr/s.n + 0.5)}
}

// newToneMap measures the skin tones of a picture. Where nothing looks like skin, as in a grey picture, the tone
// is the brighter part of the luma in the mean colour of the picture.
func newToneMap(p *planes) *toneMap {
	cols, rows := (p.w+toneCell-1)/toneCell, (p.h+toneCell-1)/toneCell
	cells := make([]toneSum, cols*rows)
	var all toneSum
	var shades [256]int
	var base toneSum
	for y := range p.h {
		for x := range p.w {
			i := y*p.w + x
			shades[p.y[i]]++
			base.cb, base.cr = base.cb+float64(p.cb[i]), base.cr+float64(p.cr[i])
			if s := int(p.skin[i]); s > 64 {
				// Squared, and by brightness: ink darkens skin, and glare is no skin colour.
				weight := float64(s*s) / (255 * 255) * float64(p.y[i]) / 128
				c := &cells[y/toneCell*cols+x/toneCell]
				c.add(toneSum{1, float64(p.y[i]), float64(p.cb[i]), float64(p.cr[i])}, weight)
			}
		}
	}
	for _, c := range cells {
		all.add(c, 1)
	}
	m := &toneMap{cols: cols, tones: make([]tone, cols*rows), share: min(all.n/float64(p.w*p.h), 1)}
	pixels := float64(p.w * p.h)
	base = toneSum{1, bright(shades[:], p.w*p.h), base.cb / pixels, base.cr / pixels}
	all.add(base, 0.005*pixels)
	all.add(all, 1/all.n-1)
	m.whole = all.tone()
	radius := max(cols, rows) / 8
	for range 2 {
		cells = smooth(cells, cols, rows, radius)
	}
	for i, c := range cells {
		c.add(all, toneLeft)
		m.tones[i] = c.tone()
	}
	return m
}

// bright is the luma that a quarter of the pixels exceed.
func bright(shades []int, n int) float64 {
	seen := 0
	for l := 255; l > 0; l-- {
		if seen += shades[l]; 4*seen >= n {
			return float64(l)
		}
	}
	return 0
}

// smooth gives the mean of each cell's neighbourhood, 2·radius+1 cells a side, cut at the edges.
func smooth(cells []toneSum, cols, rows, radius int) []toneSum {
	across := make([]toneSum, len(cells))
	for y := range rows {
		slide(cells[y*cols:], across[y*cols:], cols, 1, radius)
	}
	for x := range cols {
		slide(across[x:], cells[x:], rows, cols, radius)
	}
	return slices.Clone(cells)
}

// slide writes the sliding means of n values, stride apart.
func slide(src, dst []toneSum, n, stride, radius int) {
	var sum toneSum
	for i := range min(radius, n) {
		sum.add(src[i*stride], 1)
	}
	width := float64(2*radius + 1)
	for i := range n {
		if i+radius < n {
			sum.add(src[(i+radius)*stride], 1)
		}
		if i > radius {
			sum.add(src[(i-radius-1)*stride], -1)
		}
		dst[i*stride] = toneSum{}
		dst[i*stride].add(sum, 1/width)
	}
}

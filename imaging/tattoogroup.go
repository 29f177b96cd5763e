package imaging

import (
	"cmp"
	"slices"
)

const (
	heatCell   = 4    // side of the squares in which heat is summed, in blocks
	heatInset  = 0.10 // share of a window's side left cold at each edge: a window that found a tattoo holds skin too
	heatShare  = 0.22 // of a place's greatest heat: what is inside its box
	tattooMost = 64   // boxes of one picture
)

// heat is the certainty of all windows that found a tattoo, summed where they overlap.
type heat struct {
	cols, rows int
	cells      []float32
}

// group turns windows into boxes: they overlap at several sizes on a tattoo, and stand alone where one is not.
func (v *TattooView) group(hits []tattooHit, floor float32) []finding {
	m := &heat{cols: (v.bw + heatCell - 1) / heatCell, rows: (v.bh + heatCell - 1) / heatCell}
	m.cells = make([]float32, m.cols*m.rows)
	for _, h := range hits {
		side := float64(h.cell * tileCells)
		inset := heatInset * side
		m.warm(float64(h.bx)+inset, float64(h.by)+inset, side-2*inset, h.q)
	}
	var found []finding
	for _, p := range m.hotspots(floor) {
		unit := float64(heatCell*tattooBlock) * v.scale
		found = append(found, finding{kind: KindTattoo, source: tattooSource, tuning: tattooTuning,
			x0: float64(p.x0) * unit, y0: float64(p.y0) * unit,
			x1: min(float64(p.x1)*unit, float64(v.w)*v.scale), y1: min(float64(p.y1)*unit, float64(v.h)*v.scale),
			score: float64(p.peak / (p.peak + tattooFirm))})
	}
	return found
}

// warm adds q to the cells whose centre lies in a square given in blocks.
func (m *heat) warm(x, y, side float64, q float32) {
	first := func(at float64) int { return max(int(at/heatCell+0.5), 0) }
	for cy := first(y); cy < min(first(y+side), m.rows); cy++ {
		for cx := first(x); cx < min(first(x+side), m.cols); cx++ {
			m.cells[cy*m.cols+cx] += q
		}
	}
}

// hotspot is a connected part of the heat, in cells; x1 and y1 lie just outside.
type hotspot struct {
	x0, y0, x1, y1 int
	peak           float32
}

// hotspots finds the connected parts that are half as warm as floor and somewhere as warm as floor, hottest first. The box
// of each holds what is warmer than heatShare of its peak; boxes of which one lies mostly in another are one.
func (m *heat) hotspots(floor float32) []hotspot {
	seen := make([]bool, len(m.cells))
	var all []hotspot
	for start := range m.cells {
		if seen[start] || m.cells[start] < floor {
			continue
		}
		part := m.flood(start, floor/2, seen)
		p := hotspot{x0: m.cols, y0: m.rows}
		for _, i := range part {
			p.peak = max(p.peak, m.cells[i])
		}
		for _, i := range part {
			if m.cells[i] < heatShare*p.peak {
				continue
			}
			x, y := i%m.cols, i/m.cols
			p.x0, p.y0, p.x1, p.y1 = min(p.x0, x), min(p.y0, y), max(p.x1, x+1), max(p.y1, y+1)
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b hotspot) int { return cmp.Compare(b.peak, a.peak) })
	return merged(all)
}

// merged joins each hotspot with a hotter one that holds most of it.
func merged(all []hotspot) (kept []hotspot) {
	for _, p := range all {
		i := slices.IndexFunc(kept, func(k hotspot) bool {
			w, h := min(k.x1, p.x1)-max(k.x0, p.x0), min(k.y1, p.y1)-max(k.y0, p.y0)
			return w > 0 && h > 0 && 2*w*h >= (p.x1-p.x0)*(p.y1-p.y0)
		})
		if i >= 0 {
			k := &kept[i]
			k.x0, k.y0, k.x1, k.y1 = min(k.x0, p.x0), min(k.y0, p.y0), max(k.x1, p.x1), max(k.y1, p.y1)
		} else if len(kept) < tattooMost {
			kept = append(kept, p)
		}
	}
	return kept
}

// flood lists the cells connected to start that are at least floor warm.
func (m *heat) flood(start int, floor float32, seen []bool) []int {
	part := []int{start}
	seen[start] = true
	for at := 0; at < len(part); at++ {
		x, y := part[at]%m.cols, part[at]/m.cols
		for _, d := range [4][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
			nx, ny := x+d[0], y+d[1]
			if nx < 0 || ny < 0 || nx >= m.cols || ny >= m.rows {
				continue
			}
			if i := ny*m.cols + nx; !seen[i] && m.cells[i] >= floor {
				seen[i] = true
				part = append(part, i)
			}
		}
	}
	return part
}

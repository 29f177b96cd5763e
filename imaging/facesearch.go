package imaging

import (
	"cmp"
	"image"
	"math"
	"slices"
	"sync"
)

const (
	edgeShare  = 0.20 // of the longest side: border added so that faces cut by the edge are seen
	clusterIoU = 0.2
	maxRawHits = 3000 // strongest window hits kept per search, a bound on clustering
	octave     = 48   // pixels: larger windows are looked for in the picture halved
)

// search is one cascade looked for in turned copies of the picture.
type search struct {
	model   *model
	longest int   // side of the picture searched, in pixels
	least   int   // smallest window, in pixels of the picture searched
	turns   []int // degrees, clockwise
	shift   float64
	scale   float64
	// head is the face that a window shows a part of: its centre from the window's, and its side, all in sides of the
	// window, before the window is turned back.
	headX, headY, headSide float64
	// evidence gives for a cluster's score how rare it is where there is no face.
	evidence rarity
	weight   float64 // of that evidence beside the other cascades'
}

// rarity is a broken line through points of rising score: evidence for the score of a cluster.
type rarity [][2]float64

// at gives the evidence at a score; left of the first point there is none, and right of the last the line goes on.
func (c rarity) at(q float64) float64 {
	if len(c) == 0 {
		return q
	}
	if q < c[0][0] {
		return math.Inf(-1)
	}
	for i := 1; ; i++ {
		a, b := c[i-1], c[i]
		if q < b[0] || i == len(c)-1 {
			return a[1] + (q-a[0])*(b[1]-a[1])/(b[0]-a[0])
		}
	}
}

// views holds the picture searched at the sizes and turns that searches ask for, each made once.
type views struct {
	gray *image.Gray
	mu   sync.Mutex
	made map[[2]int]*viewOnce // guarded by mu
}

type viewOnce struct {
	once sync.Once
	view
}

// view is a turned copy with its border, and the way back to the picture searched.
type view struct {
	levels []*image.Gray // each half of the one before
	back   func(x, y float64) (float64, float64)
	scale  float64 // pixels of the picture searched in one of the first level
}

func newViews(gray *image.Gray) *views { return &views{gray: gray, made: map[[2]int]*viewOnce{}} }

// get gives the copy with a longest side, border apart, of at most longest, turned by degrees.
func (v *views) get(longest, degrees int) *view {
	v.mu.Lock()
	o, ok := v.made[[2]int{longest, degrees}]
	if !ok {
		o = &viewOnce{}
		v.made[[2]int{longest, degrees}] = o
	}
	v.mu.Unlock()
	o.once.Do(func() { o.view = v.make(longest, degrees) })
	return &o.view
}

func (v *views) make(longest, degrees int) view {
	small := fitGray(v.gray, longest)
	border := int(edgeShare * float64(max(small.Rect.Dx(), small.Rect.Dy())))
	turned, back := rotateGray(pad(small, border), degrees)
	k := float64(v.gray.Rect.Dx()) / float64(small.Rect.Dx())
	out := view{levels: []*image.Gray{turned}, scale: k, back: func(x, y float64) (float64, float64) {
		x, y = back(x, y)
		return (x - float64(border)) * k, (y - float64(border)) * k
	}}
	for m := turned; min(m.Rect.Dx(), m.Rect.Dy()) >= 2*octave; {
		m = halve(m)
		out.levels = append(out.levels, m)
	}
	return out
}

// run looks for the cascade in one turned copy. Windows from least to octave pixels are looked for at each level of the
// copy, so that a window of any size is sampled as finely as those that the cascade was learned from.
func (s *search) run(v *views, degrees int) (hits []hit, err error) {
	defer rescue(&err)
	cascade, err := s.model.unpack()
	if err != nil {
		return nil, err
	}
	copied := v.get(s.longest, degrees)
	var raw []hit
	for i, m := range copied.levels {
		least, most := octave/2, octave-1
		if i == 0 {
			least = s.least
		}
		if i == len(copied.levels)-1 {
			most = min(m.Rect.Dx(), m.Rect.Dy())
		}
		k := float64(int(1) << i)
		for _, w := range cascade.windows(m, least, most, s.shift, s.scale) {
			raw = append(raw, hit{w.x * k, w.y * k, w.side * k, w.q})
		}
	}
	for _, c := range cluster(raw) {
		if c.q = s.evidence.at(c.q); math.IsInf(c.q, -1) {
			continue
		}
		x, y := copied.back(c.x+s.headX*c.side, c.y+s.headY*c.side)
		hits = append(hits, hit{x, y, s.headSide * c.side * copied.scale, c.q})
	}
	return hits, nil
}

// cluster gathers overlapping windows: the mean square, weighted, with the sum of their scores.
func cluster(raw []hit) []hit {
	slices.SortStableFunc(raw, func(a, b hit) int { return cmp.Compare(b.q, a.q) })
	raw = raw[:min(len(raw), maxRawHits)]
	taken := make([]bool, len(raw))
	var out []hit
	for i, first := range raw {
		if taken[i] {
			continue
		}
		var sum hit
		for j := i; j < len(raw); j++ {
			if h := raw[j]; !taken[j] && first.overlap(h) > clusterIoU {
				taken[j] = true
				sum = hit{sum.x + h.q*h.x, sum.y + h.q*h.y, sum.side + h.q*h.side, sum.q + h.q}
			}
		}
		out = append(out, hit{sum.x / sum.q, sum.y / sum.q, sum.side / sum.q, sum.q})
	}
	return out
}

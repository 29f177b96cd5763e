package imaging

import (
	"cmp"
	"image"
	"slices"
	"sync"

	pigo "github.com/esimov/pigo/core"
)

const (
	// faceThreshold is the least score of a cluster; tiltThreshold that of one seen only in a turned search,
	// which by chance finds more where there is nothing.
	faceThreshold = 5.0
	tiltThreshold = 9.0
	// scoreScale maps pigo's open-ended score to 0..1: half at the scale.
	scoreScale = 25.0
	smallFace  = 22   // pixels searched, never less
	faceShare  = 0.03 // of the longest side: the smallest face looked for
	edgeShare  = 0.12 // of the longest side: border added so that faces cut by the edge are seen
	clusterIoU = 0.2
	maxRawHits = 3000 // strongest window hits kept per search, a bound on clustering
)

// searchTurns are the angles, in degrees, by which the pixels are turned before each search: the cascade knows
// upright faces only, and patients lie down.
var searchTurns = []int{0, 90, 180, 270, 30, 330}

// hit is a square found in the upright picture searched: centre, side, and score.
type hit struct {
	x, y, side, q float64
	tilted        bool
}

// searchFaces runs every search on its own turned copy, two at a time at most, and merges what they find.
func searchFaces(gray *image.Gray) ([]finding, error) {
	faces, err := facefinder.unpack()
	if err != nil {
		return nil, err
	}
	base := pad(gray, int(edgeShare*float64(max(gray.Rect.Dx(), gray.Rect.Dy()))))
	found := make([][]hit, len(searchTurns))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, degrees := range searchTurns {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i] = searchTurned(faces, base, degrees)
		})
	}
	wg.Wait()
	off := base.Rect.Dx() - gray.Rect.Dx()
	var all []hit
	for _, hits := range found {
		for _, h := range hits {
			h.x, h.y = h.x-float64(off/2), h.y-float64(off/2)
			all = append(all, h)
		}
	}
	return faceFindings(mergeHits(all)), nil
}

// searchTurned turns the pixels, never pigo's window: its tilted search clamps columns by the row count.
func searchTurned(faces *pigo.Pigo, base *image.Gray, degrees int) (hits []hit) {
	defer func() {
		if recover() != nil {
			hits = nil
		}
	}()
	turned, back := rotateGray(base, degrees)
	w, h := turned.Rect.Dx(), turned.Rect.Dy()
	longest := max(base.Rect.Dx(), base.Rect.Dy())
	least := max(smallFace, int(faceShare*float64(longest)))
	raw := faces.RunCascade(pigo.CascadeParams{
		MinSize: least, MaxSize: min(w, h), ShiftFactor: 0.1, ScaleFactor: 1.1,
		ImageParams: pigo.ImageParams{Pixels: turned.Pix, Rows: h, Cols: w, Dim: turned.Stride},
	}, 0)
	if len(raw) > maxRawHits {
		slices.SortFunc(raw, func(a, b pigo.Detection) int { return cmp.Compare(b.Q, a.Q) })
		raw = raw[:maxRawHits]
	}
	for _, d := range faces.ClusterDetections(raw, clusterIoU) {
		tilted := degrees != 0
		if d.Q < faceThreshold || (tilted && d.Q < tiltThreshold) {
			continue
		}
		x, y := back(float64(d.Col), float64(d.Row))
		side := float64(d.Scale)
		if degrees%90 != 0 {
			side *= 1.1 // an upright square around a tilted face
		}
		hits = append(hits, hit{x, y, side, float64(d.Q), tilted})
	}
	return hits
}

// mergeHits keeps the strongest of those that frame the same face.
func mergeHits(all []hit) []hit {
	slices.SortFunc(all, func(a, b hit) int { return cmp.Compare(b.q, a.q) })
	var kept []hit
	for _, h := range all {
		if !slices.ContainsFunc(kept, func(k hit) bool { return k.overlap(h) > clusterIoU }) && len(kept) < MaxRegions/2 {
			kept = append(kept, h)
		}
	}
	return kept
}

// overlap is the intersection of two squares over their union.
func (h hit) overlap(o hit) float64 {
	span := func(a, as, b, bs float64) float64 {
		return max(0, min(a+as/2, b+bs/2)-max(a-as/2, b-bs/2))
	}
	both := span(h.x, h.side, o.x, o.side) * span(h.y, h.side, o.y, o.side)
	return both / (h.side*h.side + o.side*o.side - both)
}

// faceFindings names the model of the squares found.
func faceFindings(hits []hit) []finding {
	var found []finding
	for _, f := range hits {
		found = append(found, finding{KindFace, f.x - f.side/2, f.y - f.side/2, f.x + f.side/2, f.y + f.side/2,
			f.q / (f.q + scoreScale), facefinder.name, facefinder, tuning})
	}
	return found
}

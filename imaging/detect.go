package imaging

import (
	"cmp"
	"image"
	"math"
	"slices"
	"sync"

	dimaging "github.com/disintegration/imaging"
	pigo "github.com/esimov/pigo/core"
)

const (
	detectSide = 1280 // longest side searched, in pixels
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

// Detect proposes the regions of s to be covered, in upright pixels and before any margin. It finds faces. It
// misses some, so finding nothing means nothing.
func Detect(s *Still) (regions []Region, err error) {
	defer rescue(&err)
	c, err := s.coefficients()
	if err != nil {
		return nil, err
	}
	img, err := c.DecodeScaled(scaleFor(c.Width(), c.Height(), detectSide))
	if err != nil {
		return nil, codecError(err)
	}
	return detectScaled(img, s)
}

// detectScaled searches a decoded picture of s, at any scale and as stored.
func detectScaled(img image.Image, s *Still) ([]Region, error) {
	gray := turnGray(s.orientation, searchable(img))
	found, err := searchFaces(gray)
	if err != nil {
		return nil, err
	}
	return toRegions(found, float64(s.width)/float64(gray.Rect.Dx()), s.width, s.height), nil
}

// DetectImage is Detect for pixels that are already upright, such as a frame of a camera. An empty picture, or
// one the detector cannot search, has no regions.
func DetectImage(img image.Image) (regions []Region) {
	defer func() {
		if recover() != nil {
			regions = nil
		}
	}()
	b := img.Bounds()
	if b.Empty() {
		return nil
	}
	gray := searchable(img)
	found, err := searchFaces(gray)
	if err != nil {
		return nil
	}
	return toRegions(found, float64(b.Dx())/float64(gray.Rect.Dx()), b.Dx(), b.Dy())
}

// searchable gives the luma of a picture, at most detectSide a side.
func searchable(img image.Image) *image.Gray {
	gray := grayOf(img)
	w, h := gray.Rect.Dx(), gray.Rect.Dy()
	if max(w, h) <= detectSide {
		return gray
	}
	if w >= h {
		w, h = detectSide, max(1, h*detectSide/w)
	} else {
		w, h = max(1, w*detectSide/h), detectSide
	}
	return grayOf(dimaging.Resize(gray, w, h, dimaging.Box))
}

// grayOf gives the luma of a picture (ITU-R BT.601), at the origin.
func grayOf(img image.Image) *image.Gray {
	switch m := img.(type) {
	case *image.Gray:
		if m.Rect.Min == (image.Point{}) {
			return m
		}
	case *image.YCbCr: // the luma plane is the picture in grey
		if m.Rect.Min == (image.Point{}) {
			return &image.Gray{Pix: m.Y, Stride: m.YStride, Rect: m.Rect}
		}
	}
	rgba := opaqueRGBA(img)
	w, h := rgba.Rect.Dx(), rgba.Rect.Dy()
	gray := image.NewGray(rgba.Rect)
	for y := range h {
		row, dst := rgba.Pix[y*rgba.Stride:][:4*w], gray.Pix[y*gray.Stride:][:w]
		for x := range dst {
			p := row[4*x : 4*x+4 : 4*x+4]
			dst[x] = uint8((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
		}
	}
	return gray
}

// hit is a square found in the upright picture searched: centre, side, and score.
type hit struct {
	x, y, side, q float64
	tilted        bool
}

// searchFaces runs every search on its own turned copy, two at a time at most, and merges what they find.
func searchFaces(gray *image.Gray) ([]hit, error) {
	faces, err := loadFaces()
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
	return mergeHits(all), nil
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

// toRegions scales hits to a picture of w × h pixels.
func toRegions(hits []hit, scale float64, w, h int) []Region {
	var regions []Region
	for _, f := range hits {
		b := Box{
			int(math.Floor((f.x - f.side/2) * scale)), int(math.Floor((f.y - f.side/2) * scale)),
			int(math.Ceil((f.x + f.side/2) * scale)), int(math.Ceil((f.y + f.side/2) * scale)),
		}.clip(w, h)
		if b.empty() {
			continue // found in the border alone
		}
		score := math.Round(1000*f.q/(f.q+scoreScale)) / 1000
		regions = append(regions, Region{Kind: KindFace, Box: b, Score: score, Source: faceSource})
	}
	return regions
}

// scaleFor gives the power of two, up to 8, by which a picture may be decoded smaller and still have at least
// side pixels on its longest side.
func scaleFor(w, h, side int) int {
	for _, d := range []int{8, 4, 2} {
		if max(w, h)/d >= side {
			return d
		}
	}
	return 1
}

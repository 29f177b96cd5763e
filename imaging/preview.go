package imaging

import (
	"image"
	"slices"

	dimaging "github.com/disintegration/imaging"
)

const (
	previewSide  = 320 // longest side searched for upright faces and tattoos, in pixels
	previewTilt  = 160 // the same for turned faces
	previewShift = 0.14
	previewScale = 1.25
)

// previewTurns are the turns a preview has time for.
var previewTurns = []int{0, 30, 90, 270, 330}

// Preview proposes faces and tattoos on an upright frame of a camera, before any margin and in the frame's pixels: with the
// cascades and thresholds of Detect, but smaller, coarser and in fewer turns, so that a browser has time for it between two
// frames. It misses more than Detect, and finding nothing means nothing. An empty frame has no regions.
func Preview(frame *image.RGBA) (regions []Region) {
	defer func() {
		if recover() != nil {
			regions = nil
		}
	}()
	if frame == nil || frame.Rect.Empty() {
		return nil
	}
	small := opaqueRGBA(frame)
	if k := float64(previewSide) / float64(max(frame.Rect.Dx(), frame.Rect.Dy())); k < 1 {
		side := func(n int) int { return max(1, int(float64(n)*k+0.5)) }
		small = opaqueRGBA(dimaging.Resize(frame, side(frame.Rect.Dx()), side(frame.Rect.Dy()), dimaging.Box))
	}
	faces, err := searchPlan(grayOf(small), previewOf(facePlan), faceEvidence)
	if err != nil {
		faces = nil
	}
	tattoos, err := searchTattoos(small)
	if err != nil {
		tattoos = nil
	}
	w, h := frame.Rect.Dx(), frame.Rect.Dy()
	for _, f := range slices.Concat(faces, tattoos) {
		if r, ok := f.region(float64(w)/float64(small.Rect.Dx()), w, h); ok && len(regions) < MaxRegions {
			regions = append(regions, r)
		}
	}
	return regions
}

// previewOf is a plan of searches cut down to what a preview has time for.
func previewOf(plan []*search) []*search {
	var out []*search
	for _, s := range plan {
		for _, degrees := range previewTurns {
			if !slices.Contains(s.turns, degrees) {
				continue
			}
			quick := *s
			quick.turns, quick.longest = []int{degrees}, min(s.longest, previewTilt)
			if degrees == 0 {
				quick.longest = min(s.longest, previewSide)
			}
			quick.least = min(s.least, octave/2)
			quick.shift, quick.scale = max(s.shift, previewShift), max(s.scale, previewScale)
			out = append(out, &quick)
		}
	}
	return out
}

//go:build !js

package imaging

import (
	"fmt"
	"image"
	"math"
)

// MaxOpinionBytes bounds the weights of a second opinion; those of YuNet are 0.23 MB.
const MaxOpinionBytes = 16 << 20

const (
	// usedByOpinion names the processor time of the second opinion among those of the kinds.
	usedByOpinion Kind = "opinion"
	// opinionPrefix marks the source of what the second opinion proposes.
	opinionPrefix = "opinion/"
	// sameFace is the overlap from which on two proposals are of one face.
	sameFace = 0.25
)

// second asks the second opinion about s and adds what it proposes: a face that was proposed firmly already stays as it
// is, one that was proposed faintly becomes the opinion's, and one that nobody saw is added. It is not among the detectors
// when it could not be asked: the picture is no worse for that, and a reviewer is told that there was none.
func (r *response) second(s *Still) {
	before := processorTime()
	found, o, upright, err := r.ask.opinion(s)
	if err != nil {
		return
	}
	k := float64(s.width) / float64(upright.Rect.Dx())
	for _, f := range found {
		f.Source = opinionPrefix + f.Source
		f.Box = Box{int(math.Floor(float64(f.Box.X0) * k)), int(math.Floor(float64(f.Box.Y0) * k)),
			int(math.Ceil(float64(f.Box.X1) * k)), int(math.Ceil(float64(f.Box.Y1) * k))}.clip(s.width, s.height)
		if !f.Box.empty() {
			r.Regions = withOpinion(r.Regions, f)
		}
	}
	r.Used[usedByOpinion] = processorTime() - before
	r.Detectors = append(r.Detectors, fmt.Sprintf("%s%s sha256:%s %s", opinionPrefix, opinionSource, o.Digest()[:12], opinionTuning))
}

// opinion asks about s turned upright, at the size that the network is asked at.
func (r *request) opinion(s *Still) (found []Region, o *Opinion, upright *image.RGBA, err error) {
	if o, err = OpenOpinion(r.weights, r.Opinion); err != nil {
		return nil, nil, nil, err
	}
	c, err := s.coefficients()
	if err != nil {
		return nil, nil, nil, err
	}
	img, err := c.DecodeScaled(scaleFor(c.Width(), c.Height(), opinionSide))
	if err != nil {
		return nil, nil, nil, err
	}
	upright = opaqueRGBA(turnImage(img, s.orientation))
	found, err = o.Faces(upright)
	return found, o, upright, err
}

// withOpinion adds one face of the second opinion to what the detectors propose.
func withOpinion(regions []Region, f Region) []Region {
	for i, r := range regions {
		both := r.Box.rect().Intersect(f.Box.rect())
		shared := float64(both.Dx() * both.Dy())
		all := float64(r.Box.rect().Dx()*r.Box.rect().Dy()+f.Box.rect().Dx()*f.Box.rect().Dy()) - shared
		if r.Kind != KindFace || shared < sameFace*all {
			continue
		}
		if r.Score < FaintScore && f.Score > r.Score {
			regions[i] = f
		}
		return regions
	}
	if len(regions) < MaxRegions {
		regions = append(regions, f)
	}
	return regions
}

package imaging

import (
	"image"
	"math"
)

// FaceSearches names the searches of the plan; FaceClusters gives the raw scores of what one of them finds.
func FaceSearches() []string {
	var names []string
	for _, s := range facePlan {
		names = append(names, s.model.name)
	}
	return names
}

// FaceClusters gives, for each search of the plan, the scores of its clusters in a picture.
func FaceClusters(img image.Image) [][]float64 {
	v := newViews(searchable(img))
	out := make([][]float64, len(facePlan))
	for i, s := range facePlan {
		raw := *s
		raw.evidence = nil
		for _, degrees := range s.turns {
			for _, h := range raw.run(v, degrees) {
				out[i] = append(out[i], h.q)
			}
		}
	}
	return out
}

// Proposal is a face with its evidence.
type Proposal struct {
	Region
	Evidence float64
}

// FaceProposals gives the faces of a picture down to an evidence.
func FaceProposals(img image.Image, least float64) []Proposal {
	gray := searchable(img)
	found, err := searchPlan(gray, facePlan, least)
	if err != nil {
		return nil
	}
	var out []Proposal
	b := img.Bounds()
	for _, f := range found {
		if r, ok := f.region(float64(b.Dx())/float64(gray.Rect.Dx()), b.Dx(), b.Dy()); ok {
			out = append(out, Proposal{r, firmEvidence - math.Log(1/f.score-1)/1.5})
		}
	}
	return out
}

// Gathered is a place with what each cascade says of it, in the order of the plan's cascades, NaN where it says nothing.
type Gathered struct {
	Region
	Best   []float64
	Turned bool    // the strongest was seen in a turned copy
	Share  float64 // of the side of the head in the longest side of the picture
}

// FaceGathered gives every place that any search proposes.
func FaceGathered(img image.Image) []Gathered {
	gray := searchable(img)
	heads, err := headsOf(gray, facePlan)
	if err != nil {
		return nil
	}
	var out []Gathered
	b := img.Bounds()
	for _, g := range gather(heads) {
		r, ok := g.first.finding(0).region(float64(b.Dx())/float64(gray.Rect.Dx()), b.Dx(), b.Dy())
		if !ok {
			continue
		}
		one := Gathered{Region: r, Turned: len(g.first.by.turns) > 1, Share: g.first.share}
		for _, m := range []*model{facefinder, wholeFace, oneEye, lowerFace} {
			q := math.NaN()
			if h, ok := g.best[m]; ok {
				q = h.q
			}
			one.Best = append(one.Best, q)
		}
		out = append(out, one)
	}
	return out
}

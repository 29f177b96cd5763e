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
			hits, err := raw.run(v, degrees)
			if err != nil {
				panic(err)
			}
			for _, h := range hits {
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

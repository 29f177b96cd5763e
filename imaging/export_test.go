package imaging

import "image"

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

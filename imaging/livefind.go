package imaging

import (
	"image"
)

// The searches of the live checks: fewer, coarser and smaller than those of the vault. Their evidence is that of the
// cascades that the forests stand for.
var (
	liveUpright = []*search{
		{model: liveFace, weight: 1, longest: LiveSide, least: 24, turns: upright, shift: 0.12, scale: 1.2, headSide: 1,
			evidence: facefinderUpright},
		{model: liveEye, weight: 0.8, longest: LiveSide, least: 24, turns: upright, shift: 0.12, scale: 1.2, headY: 0.4, headSide: 2.4,
			evidence: eyeUpright},
	}
	liveLying = []*search{
		{model: liveFace, weight: 1, longest: 224, least: 24, turns: lying, shift: 0.125, scale: 1.2, headSide: 1,
			evidence: facefinderTurned},
		{model: liveEye, weight: 0.8, longest: 224, least: 24, turns: lying, shift: 0.125, scale: 1.2, headY: 0.4, headSide: 2.4,
			evidence: eyeLying},
	}
)

const (
	// liveFaceFirm is the evidence from which a face is told of, liveEyeFirm the same for eyes that no face holds.
	liveFaceFirm, liveEyeFirm = 2.8, 1.9
	// liveTattooFirm is the heat from which a tattoo is told of.
	liveTattooFirm = 125.0
)

// lookFaces tells of faces, and of eyes where only the search for eyes saw something.
func lookFaces(frame *image.RGBA, plan []*search) (all []Warning, err error) {
	gray := lumaOf(frame)
	defer clear(gray.Pix)
	v := newViews(gray)
	var heads []head
	for _, s := range plan {
		for _, degrees := range s.turns {
			hits, err := s.run(v, degrees)
			if err != nil {
				return nil, err
			}
			heads = s.heads(heads, hits, gray.Rect.Dx(), gray.Rect.Dy())
		}
	}
	for _, g := range gather(heads) {
		code, firm := LiveFace, liveFaceFirm
		if len(g.best) == 1 && g.best[0].by.model == liveEye {
			code, firm = LiveEyes, liveEyeFirm
		}
		e := g.evidence()
		all = append(all, fromFindings(code, []finding{g.first.finding(e)}, frame, func(finding) float64 { return rising(e, 0, firm, 2*firm) })...)
	}
	return all, nil
}

func lookTattoos(frame *image.RGBA) ([]Warning, error) {
	found, err := findTattoos(frame, liveTattoo, tattooFloor)
	return fromFindings(LiveTattoo, found, frame, func(f finding) float64 {
		return rising(tattooFirm*f.score/max(1e-3, 1-f.score), 0, liveTattooFirm, 3*liveTattooFirm) // back to its heat
	}), err
}

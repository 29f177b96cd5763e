package imaging

import (
	"cmp"
	"math"
	"slices"
)

const (
	// faceEvidence is the least evidence that is proposed: about one place in a wound photo has it by chance.
	faceEvidence = 1.05
	// firmEvidence is the least that is drawn firmly.
	firmEvidence = 1.6
	mergeIoU     = 0.25 // heads that overlap more are one
	// Evidence counts from leastVote, and one cascade has no more than mostVote.
	leastVote, mostVote = -1.0, 2.5
	// A head half as large has four times the places to be seen in by chance: sizeVote a doubling, against plainShare of
	// the longest side, and within sizeRange doublings.
	sizeVote, plainShare, sizeRange = 0.8, 0.2, 1.5
	// A head that takes more than fullShare of the picture would cover all: its size speaks for nothing.
	fullShare = 0.6
	// leastSeen is the least share of a head that lies within the picture.
	leastSeen = 0.2
	// turnedVote is what a head seen in a turned copy loses, of which there are many.
	turnedVote = 0.3
)

// hit is a square in the picture searched: centre and side in pixels, and the evidence for it.
type hit struct{ x, y, side, q float64 }

// overlap is the intersection of two squares over their union.
func (h hit) overlap(o hit) float64 {
	span := func(a, as, b, bs float64) float64 {
		return max(0, min(a+as/2, b+bs/2)-max(a-as/2, b-bs/2))
	}
	both := span(h.x, h.side, o.x, o.side) * span(h.y, h.side, o.y, o.side)
	return both / (h.side*h.side + o.side*o.side - both)
}

// seen is the share of the square that lies within a picture of w × h pixels.
func (h hit) seen(width, height int) float64 {
	span := func(at float64, most int) float64 { return max(0, min(at+h.side/2, float64(most))-max(at-h.side/2, 0)) }
	return span(h.x, width) * span(h.y, height) / (h.side * h.side)
}

// head is a face as one search proposes it; share is its side in longest sides of the picture, and full tells that it
// would cover all.
type head struct {
	hit
	by    *search
	share float64
	full  bool
}

// heads adds to all what a search found in a picture of w × h pixels.
func (s *search) heads(all []head, hits []hit, w, h int) []head {
	for _, f := range hits {
		if f.seen(w, h) >= leastSeen {
			all = append(all, head{f, s, f.side / float64(max(w, h)), f.seen(w, h)*f.side*f.side > fullShare*float64(w*h)})
		}
	}
	return all
}

// gathered are heads that overlap: the strongest, and the best of each cascade.
type gathered struct {
	first head
	best  []head // at most one of each cascade
}

// gather puts the heads that overlap the strongest left together, until none is left.
func gather(heads []head) []gathered {
	slices.SortStableFunc(heads, func(a, b head) int { return cmp.Compare(b.q, a.q) })
	taken := make([]bool, len(heads))
	var out []gathered
	for i, first := range heads {
		if taken[i] {
			continue
		}
		g := gathered{first: first}
		for j := i; j < len(heads); j++ {
			h := heads[j]
			if taken[j] || (j != i && h.overlap(first.hit) < mergeIoU) {
				continue
			}
			taken[j] = true
			if !slices.ContainsFunc(g.best, func(o head) bool { return o.by.model == h.by.model }) {
				g.best = append(g.best, h) // the strongest comes first
			}
		}
		out = append(out, g)
	}
	return out
}

// evidence sums up what the cascades say, each by its weight. The weights and votes were chosen on the pictures set aside for
// tuning, for the most faces at one false box a wound photo.
func (g gathered) evidence() float64 {
	total := leastVote
	for _, h := range g.best {
		total += h.by.weight * (min(max(h.q, leastVote), mostVote) - leastVote)
	}
	if g.first.by.turns[0] != 0 {
		total -= turnedVote
	}
	if g.first.full {
		return total
	}
	return total + sizeVote*min(max(math.Log2(g.first.share/plainShare), -sizeRange), sizeRange)
}

// mergeHeads gives the faces that heads with the least evidence or more stand for, the surest first.
func mergeHeads(heads []head, least float64) []finding {
	var found []finding
	for _, g := range gather(heads) {
		if e := g.evidence(); e >= least && len(found) < MaxRegions/2 {
			found = append(found, g.first.finding(e))
		}
	}
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(b.score, a.score) })
	return found
}

func (h head) finding(evidence float64) finding {
	return finding{KindFace, h.x - h.side/2, h.y - h.side/2, h.x + h.side/2, h.y + h.side/2,
		evidenceScore(evidence), h.by.model.name, h.by.model, tuning}
}

// evidenceScore maps evidence to 0..1: FaintScore at firmEvidence.
func evidenceScore(e float64) float64 { return 1 / (1 + math.Exp(1.5*(firmEvidence-e))) }

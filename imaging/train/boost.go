package train

import (
	"math"
	"math/rand/v2"
	"sync"
)

const (
	// trimShare of the weight chooses the tests; the samples with the rest are too light to matter.
	trimShare = 0.995
	// leafPrior is the weight, of both classes together 2, with which a leaf leans to zero.
	leafPrior = 5e-4
	// step is the share of a leaf's mean label that is taken: smaller ones learn more slowly and more lastingly.
	step = 0.6
)

// samples are the patches of one round with their labels and the sums of the trees so far.
type samples struct {
	patches []Patch
	wanted  []bool // true for a positive
	sums    []float32
}

// weights gives each sample 1/(1+exp(y·sum)), each class scaled to a total of 1. Unlike the exponential weight of gentle
// boosting it is bounded (C. Domingo and O. Watanabe, "MadaBoost", COLT 2000): a few pictures that nobody labelled do not
// draw all trees to themselves.
func (s *samples) weights() []float64 {
	w := make([]float64, len(s.patches))
	var total [2]float64
	for i := range w {
		w[i] = 1 / (1 + math.Exp(s.label(i)*float64(s.sums[i])))
		if s.wanted[i] {
			total[1] += w[i]
		} else {
			total[0] += w[i]
		}
	}
	for i := range w {
		if s.wanted[i] {
			w[i] /= total[1]
		} else {
			w[i] /= total[0]
		}
	}
	return w
}

// label is 1 for a positive and −1 for a negative.
func (s *samples) label(i int) float64 {
	if s.wanted[i] {
		return 1
	}
	return -1
}

// grower grows one tree. Weights are kept as integers, so that sums do not depend on their order: the upper half of
// packed is the weight, the lower half the weight if the sample is a positive.
type grower struct {
	samples *samples
	packed  []uint64
	pair    func(*rand.Rand) (a, b int)
	tests   int
	workers int
	rng     *rand.Rand
}

// pack scales weights to 16 bits of the heaviest, or fewer when there are more samples than 16 bits count, and gives
// the indices of the samples that hold trimShare of all weight.
func pack(s *samples, w []float64) (packed []uint64, kept []int32) {
	heaviest := 0.0
	for _, v := range w {
		heaviest = max(heaviest, v)
	}
	unit := 65535.0
	for unit*float64(len(w)) > math.MaxUint32 {
		unit /= 2
	}
	packed = make([]uint64, len(w))
	var by [1 << 16]float64
	for i, v := range w {
		q := uint64(v / heaviest * unit)
		packed[i] = q << 32
		if s.wanted[i] {
			packed[i] |= q
		}
		by[q] += v
	}
	least, left := 0, (1-trimShare)*2
	for ; least < len(by)-1 && by[least] <= left; least++ {
		left -= by[least]
	}
	for i := range w {
		if int(packed[i]>>32) >= max(least, 1) {
			kept = append(kept, int32(i))
		}
	}
	return packed, kept
}

// grow finds, level by level, the tests that split each node's samples best, and gives the leaves the mean label.
func (g *grower) grow(depth int, w []float64) tree {
	packed, kept := pack(g.samples, w)
	g.packed = packed
	t := tree{tests: make([]test, 1<<depth-1), leaves: make([]float32, 1<<depth)}
	nodes := [][]int32{kept}
	for level := range depth {
		var next [][]int32
		for n, members := range nodes {
			best := g.split(members)
			t.tests[1<<level-1+n] = best
			left, right := g.divide(members, best)
			next = append(next, left, right)
		}
		nodes = next
	}
	g.fill(&t, w)
	return t
}

// fill gives each leaf the weighted mean of the labels that fall into it, over all samples.
func (g *grower) fill(t *tree, w []float64) {
	sum, total := make([]float64, len(t.leaves)), make([]float64, len(t.leaves))
	for i := range g.samples.patches {
		at := t.leaf(&g.samples.patches[i])
		total[at] += w[i]
		if g.samples.wanted[i] {
			sum[at] += w[i]
		} else {
			sum[at] -= w[i]
		}
	}
	for i := range t.leaves {
		t.leaves[i] = float32(step * sum[i] / (total[i] + leafPrior))
	}
}

func (g *grower) divide(members []int32, by test) (left, right []int32) {
	for _, i := range members {
		if p := &g.samples.patches[i]; p[by.a] <= p[by.b] {
			right = append(right, i)
		} else {
			left = append(left, i)
		}
	}
	return left, right
}

// split draws tests and gives the one that leaves the least squared error. The tests are shared out among workers; each
// sees every sample, so that the result does not depend on how many there are.
func (g *grower) split(members []int32) test {
	drawn := make([]test, g.tests)
	for i := range drawn {
		a, b := g.pair(g.rng)
		drawn[i] = test{uint16(a), uint16(b)}
	}
	if len(members) < 2 {
		return drawn[0]
	}
	right := make([]uint64, len(drawn))
	var wg sync.WaitGroup
	share := (len(drawn) + g.workers - 1) / g.workers
	for from := 0; from < len(drawn); from += share {
		to := min(from+share, len(drawn))
		wg.Go(func() { g.count(members, drawn[from:to], right[from:to]) })
	}
	wg.Wait()
	var all uint64
	for _, i := range members {
		all += g.packed[i]
	}
	best, most := 0, -1.0
	for i, r := range right {
		if gain := purity(r) + purity(all-r); gain > most {
			best, most = i, gain
		}
	}
	return drawn[best]
}

// purity is (Σwy)²/Σw: what a node takes off the squared error by giving the mean of its labels.
func purity(packed uint64) float64 {
	w, wanted := float64(packed>>32), float64(packed&math.MaxUint32)
	if w == 0 {
		return 0
	}
	y := 2*wanted - w
	return y * y / w
}

// count adds up the packed weights of the members for which each test holds.
func (g *grower) count(members []int32, tests []test, sums []uint64) {
	sums = sums[:len(tests)]
	for _, i := range members {
		p, w := &g.samples.patches[i], g.packed[i]
		for k, n := range tests {
			holds := uint64(0)
			if p[n.a&(Side*Side-1)] <= p[n.b&(Side*Side-1)] {
				holds = 1
			}
			sums[k] += w & -holds
		}
	}
}

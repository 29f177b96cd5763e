package train

import (
	"context"
	"math/rand/v2"
	"slices"
)

// decoyed gives the i-th picture of a pass over those without tattoos and, for what lies beside their tattoos, those with:
// as it is in the first pass, later with decoys and varied.
func (d *tattooData) decoyed(pass, i int) (scene, *rand.Rand, error) {
	sources := len(d.without)
	from := d.without[i%max(sources, 1)]
	if i >= sources {
		from = d.photos[i-sources]
	}
	s, err := loadScene(d.root, from.file, from.tattoos)
	r := d.rng(4+uint64(pass), uint64(i))
	if err == nil && pass > 0 {
		d.decoys(s, r)
		s = s.vary(r, 0.5, 1.3)
	}
	return s, r, err
}

// scan gives from each picture of several passes up to most windows without a tattoo that accept takes.
func (d *tattooData) scan(ctx context.Context, passes, most, workers int, accept func(*Patch) bool) ([]Patch, error) {
	each := len(d.without) + len(d.photos)
	return tiles(ctx, workers, passes*each, func(i int) ([]Patch, error) {
		s, r, err := d.decoyed(i/each, i%each)
		if err != nil {
			return nil, err
		}
		return s.mistakes(accept, most, r), nil
	})
}

// tattooMiner finds negatives. The first round learns from windows anywhere. Then all pictures are gone through once for
// the windows that the trees of the first round do not tell from tattoos, and these are what later rounds mine in. What is
// suspect depends on the first trees alone, so that a training that goes on from a checkpoint finds the same.
type tattooMiner struct {
	data     *tattooData
	cfg      TattooConfig
	suspects []Patch
}

// suspectLoss is the share of held positives under the score from which windows are suspect.
const suspectLoss = 0.01

// suspectMost bounds the suspects of one picture in one pass.
const suspectMost = 400

func (m *tattooMiner) mine(ctx context.Context, c *Cascade, round, want int) ([]Patch, error) {
	r := m.data.rng(3, uint64(round))
	if round == 0 {
		all, err := m.data.scan(ctx, 1, 2*want/(len(m.data.without)+1)+1, m.cfg.Workers, func(*Patch) bool { return true })
		return drawn(all, want, r), err
	}
	if m.suspects == nil {
		first := &Cascade{depth: c.depth, trees: c.trees[:m.cfg.Rounds[0]]}
		sums := make([]float32, len(m.cfg.Held))
		for i := range sums {
			sums[i] = first.sum(&m.cfg.Held[i])
		}
		slices.Sort(sums)
		least := sums[int(suspectLoss*float64(len(sums)))]
		var err error
		m.suspects, err = m.data.scan(ctx, m.cfg.MinePasses, suspectMost, m.cfg.Workers, func(p *Patch) bool { return first.sum(p) >= least })
		if err != nil {
			return nil, err
		}
	}
	return drawn(c.mistaken(m.suspects), want, r), nil
}

// drawn keeps n of the patches, by lot.
func drawn(all []Patch, n int, r *rand.Rand) []Patch {
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, len(all))]
}

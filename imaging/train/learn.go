package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
)

// Config says how a cascade is learned. Zero fields take the defaults given.
type Config struct {
	Depth     int     // of each tree; default 6
	Tests     int     // pixel pairs drawn at each node; default 512
	Rounds    []int   // number of trees at the end of each round; negatives are mined before each
	Negatives int     // wanted in each round; default as many as positives
	Loss      float64 // share of held positives that the thresholds may refuse while learning; default 0.02
	Final     float64 // the same for the cascade that is given in the end; default: Loss
	Seed      uint64
	Workers   int // default: one a core

	// Held are positives of other pictures than those learned from: the thresholds are set on them. Default: the
	// positives learned from, which flatters.
	Held []Patch
	// Pair draws the two samples of a test; default: uniformly.
	Pair func(*rand.Rand) (a, b int)
	// Resume goes on from a Checkpoint, with the same Config and data, and ends in the same bytes.
	Resume *State
	// Checkpoint is told of each finished round but must not change the state.
	Checkpoint func(State) error
	// Progress is told after each mining and each tree.
	Progress func(Progress)
}

// Progress is a moment of the learning.
type Progress struct {
	Round, Rounds        int
	Tree, Trees          int
	Positives, Negatives int
	Loss                 float64 // mean exponential loss over both classes
}

// State is what a finished round leaves to the next: the cascade and the negatives it was learned from.
type State struct {
	Cascade   *Cascade
	Negatives []Patch
}

// Mine gives up to want patches that are not what is looked for and that c still accepts; with round 0, when c has no
// trees, any. It may give fewer. For the same c and round it gives the same patches.
type Mine func(ctx context.Context, c *Cascade, round, want int) ([]Patch, error)

// Below 1 these give the first trees more room: while learning, and in the end, when speed counts.
const (
	lossRise  = 0.5
	finalRise = 0.3
)

const leastNegatives = 50 // a round with fewer is not worth learning from

func (cfg Config) orDefault(positives int) (Config, error) {
	if cfg.Depth == 0 {
		cfg.Depth = 6
	}
	if cfg.Tests == 0 {
		cfg.Tests = 512
	}
	if cfg.Negatives == 0 {
		cfg.Negatives = positives
	}
	if cfg.Loss == 0 {
		cfg.Loss = 0.02
	}
	if cfg.Final == 0 {
		cfg.Final = cfg.Loss
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Pair == nil {
		cfg.Pair = func(r *rand.Rand) (int, int) { return r.IntN(Side * Side), r.IntN(Side * Side) }
	}
	if cfg.Progress == nil {
		cfg.Progress = func(Progress) {}
	}
	switch {
	case positives == 0:
		return cfg, errors.New("train: no positives to learn from")
	case len(cfg.Rounds) == 0 || cfg.Rounds[0] < 1 || !slices.IsSorted(cfg.Rounds) || slices.Max(cfg.Rounds) > maxTrees:
		return cfg, fmt.Errorf("train: rounds must rise from 1 to at most %d trees", maxTrees)
	case cfg.Depth > maxDepth || cfg.Depth < 1 || cfg.Tests < 1 || cfg.Loss < 0 || cfg.Loss >= 1 || cfg.Final < 0 || cfg.Final >= 1:
		return cfg, fmt.Errorf("train: depth must be 1 to %d, tests at least 1, losses from 0 to under 1", maxDepth)
	}
	return cfg, nil
}

// Learn learns a cascade from positives and from negatives that mine finds. It ends early, without an error, when there
// are too few negatives left that the cascade mistakes. Errors: of ctx, of mine, of Checkpoint, and of a Config
// that cannot be.
func Learn(ctx context.Context, cfg Config, positives []Patch, mine Mine) (*Cascade, error) {
	cfg, err := cfg.orDefault(len(positives))
	if err != nil {
		return nil, err
	}
	if len(cfg.Held) == 0 {
		cfg.Held = positives
	}
	c := &Cascade{depth: cfg.Depth}
	var negatives []Patch
	if r := cfg.Resume; r != nil {
		if r.Cascade.depth != cfg.Depth || !slices.Contains(cfg.Rounds, len(r.Cascade.trees)) {
			return nil, errors.New("train: the checkpoint is of another training")
		}
		c, negatives = &Cascade{depth: cfg.Depth, trees: slices.Clone(r.Cascade.trees)}, r.Negatives
	}
	for round, until := range cfg.Rounds {
		if until <= len(c.trees) {
			continue
		}
		negatives = c.mistaken(negatives)
		mined, err := mine(ctx, c, round, max(0, cfg.Negatives-len(negatives)))
		if err != nil {
			return nil, fmt.Errorf("mining for round %d: %w", round, err)
		}
		negatives = append(negatives, mined...)
		if len(negatives) < leastNegatives && round > 0 {
			break
		}
		if err := c.learnRound(ctx, cfg, round, until, positives, negatives); err != nil {
			return nil, err
		}
		c.setThresholds(cfg, cfg.Loss, lossRise)
		if cfg.Checkpoint != nil {
			if err := cfg.Checkpoint(State{c, negatives}); err != nil {
				return nil, fmt.Errorf("keeping round %d: %w", round, err)
			}
		}
	}
	c.setThresholds(cfg, cfg.Final, finalRise)
	return c, nil
}

// mistaken gives the patches that c accepts.
func (c *Cascade) mistaken(patches []Patch) []Patch {
	var out []Patch
	for i := range patches {
		if _, ok := c.Score(&patches[i]); ok {
			out = append(out, patches[i])
		}
	}
	return out
}

// learnRound adds trees until there are until.
func (c *Cascade) learnRound(ctx context.Context, cfg Config, round, until int, positives, negatives []Patch) error {
	s := &samples{}
	for _, p := range positives {
		s.patches, s.wanted = append(s.patches, p), append(s.wanted, true)
	}
	for _, p := range negatives {
		s.patches, s.wanted = append(s.patches, p), append(s.wanted, false)
	}
	s.sums = make([]float32, len(s.patches))
	for i := range s.patches {
		s.sums[i] = c.sum(&s.patches[i])
	}
	for len(c.trees) < until {
		if err := ctx.Err(); err != nil {
			return err
		}
		g := grower{samples: s, pair: cfg.Pair, tests: cfg.Tests, workers: cfg.Workers,
			rng: rand.New(rand.NewPCG(cfg.Seed, uint64(len(c.trees))))}
		t := g.grow(cfg.Depth, s.weights())
		t.threshold = -math.MaxFloat32 // until the round's thresholds are set
		c.trees = append(c.trees, t)
		for i := range s.patches {
			s.sums[i] += t.leaves[t.leaf(&s.patches[i])]
		}
		cfg.Progress(Progress{round + 1, len(cfg.Rounds), len(c.trees), cfg.Rounds[len(cfg.Rounds)-1],
			len(positives), len(negatives), s.loss()})
	}
	return nil
}

// loss is the mean of log(1+exp(−y·sum)), the classes counted alike.
func (s *samples) loss() float64 {
	var sum, n [2]float64
	for i, v := range s.sums {
		class := 0
		if s.wanted[i] {
			class = 1
		}
		sum[class], n[class] = sum[class]+math.Log1p(math.Exp(-s.label(i)*float64(v))), n[class]+1
	}
	return sum[0]/max(n[0], 1)/2 + sum[1]/max(n[1], 1)/2
}

// setThresholds sets every threshold anew, so that after tree t at most the share loss·(t/T)^rise of the held positives
// is refused, T being the trees of the last round: the first trees refuse most windows, so they get most of the room.
func (c *Cascade) setThresholds(cfg Config, loss, rise float64) {
	last := cfg.Rounds[len(cfg.Rounds)-1]
	type held struct {
		patch *Patch
		sum   float32
	}
	alive := make([]held, len(cfg.Held))
	for i := range cfg.Held {
		alive[i].patch = &cfg.Held[i]
	}
	lost := 0
	for n := range c.trees {
		t := &c.trees[n]
		for i := range alive {
			alive[i].sum += t.leaves[t.leaf(alive[i].patch)]
		}
		slices.SortFunc(alive, func(a, b held) int {
			switch {
			case a.sum < b.sum:
				return -1
			case a.sum > b.sum:
				return 1
			}
			return 0
		})
		room := int(loss*math.Pow(float64(n+1)/float64(last), rise)*float64(len(cfg.Held))) - lost
		room = max(0, min(room, len(alive)-1))
		// Just under the lowest that stays, so that it passes "sum > threshold"; equal sums stay together.
		t.threshold = math.Nextafter32(alive[room].sum, -math.MaxFloat32)
		kept := 0
		for kept < room && alive[kept].sum <= t.threshold {
			kept++
		}
		lost, alive = lost+kept, alive[kept:]
	}
}

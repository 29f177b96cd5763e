package train

import (
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	pigo "github.com/esimov/pigo/core"

	"github.com/clinivault/clinivault/imaging"
)

// ground is a picture in which negatives are mined, and the places in it that are none.
type ground struct {
	gray *image.Gray
	keep []frame         // windows near these are no negatives
	only image.Rectangle // windows are mined in here alone; empty: everywhere
}

// negativeSets hold pictures without labelled faces. Those with people in them are left out, and where pigo's face finder
// sees a face all the same, that place is.
var negativeSets = []string{"wounds/fuseg", "wounds/medetec", "negatives/general"}

// readGrounds reads the negative pictures that may be trained on, in the order of their names, at most longest a side; of them
// each sample-th.
func readGrounds(root string, longest, sample int) ([]ground, error) {
	var out []ground
	for _, set := range negativeSets {
		names, err := pictures(root, set, Train)
		if err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, Peopled)
		for _, name := range every(names, sample) {
			m, err := readGray(filepath.Join(root, filepath.FromSlash(name)))
			if err != nil {
				return nil, err
			}
			g := ground{gray: shrink(m, longest)}
			if !strings.HasPrefix(set, "wounds/") {
				if g.keep, err = suspected(g.gray); err != nil {
					return nil, err
				}
			}
			out = append(out, g)
		}
	}
	return out, nil
}

// finder is pigo's own cascade: not one of ours, so that what is learned does not depend on what was learned before.
var finder = sync.OnceValues(func() (*pigo.Pigo, error) { return pigo.NewPigo().Unpack(imaging.FaceFinder()) })

// suspectQ is low: a face among the negatives does more harm than a place left out.
const suspectQ = 6

// suspected gives the faces that pigo's own cascade sees, so that no face becomes a negative.
func suspected(m *image.Gray) ([]frame, error) {
	faces, err := finder()
	if err != nil {
		return nil, fmt.Errorf("unpacking pigo's cascade: %w", err)
	}
	hits := faces.RunCascade(pigo.CascadeParams{MinSize: 24, MaxSize: min(m.Rect.Dx(), m.Rect.Dy()), ShiftFactor: 0.1, ScaleFactor: 1.15,
		ImageParams: pigo.ImageParams{Pixels: m.Pix, Rows: m.Rect.Dy(), Cols: m.Rect.Dx(), Dim: m.Stride}}, 0)
	var out []frame
	for _, h := range faces.ClusterDetections(hits, 0.2) {
		if h.Q < suspectQ {
			continue
		}
		for _, share := range []float64{0.35, 0.6, 1.2, 2} { // parts and wholes
			out = append(out, frame{float64(h.Col), float64(h.Row), share * float64(h.Scale)})
		}
	}
	return out, nil
}

const (
	mostPasses   = 8   // over all pictures in one round
	sharePicture = 6.0 // times an equal share: the most that one picture gives in a pass
)

// miner mines grounds: each pass looks at every picture at a random size, turned and mirrored at random.
type miner struct {
	grounds []ground
	seed    uint64
	workers int
}

func (m miner) mine(ctx context.Context, c *Cascade, round, want int) ([]Patch, error) {
	var out []Patch
	most := max(2, int(sharePicture*float64(want)/float64(len(m.grounds))))
	for pass := 0; pass < mostPasses && len(out) < want; pass++ {
		found := make([][]Patch, len(m.grounds))
		var wg sync.WaitGroup
		next := make(chan int)
		for range max(1, m.workers) {
			wg.Go(func() {
				for i := range next {
					rng := rand.New(rand.NewPCG(m.seed+uint64(round)<<32+uint64(pass)<<24, uint64(i)))
					found[i] = m.grounds[i].mine(c, most, rng)
				}
			})
		}
		var err error
		for i := range m.grounds {
			if err = ctx.Err(); err != nil {
				break
			}
			next <- i
		}
		close(next)
		wg.Wait()
		if err != nil {
			return nil, err
		}
		for _, i := range rand.New(rand.NewPCG(m.seed, uint64(round)<<8+uint64(pass))).Perm(len(found)) {
			out = append(out, found[i]...)
		}
	}
	return out[:min(want, len(out))], nil
}

// mine gives at most most windows of the picture that c accepts.
func (g ground) mine(c *Cascade, most int, rng *rand.Rand) []Patch {
	longest := max(g.gray.Rect.Dx(), g.gray.Rect.Dy())
	size := min(longest, 140+rng.IntN(max(1, longest-140)))
	quarters, mirror := rng.IntN(4), rng.IntN(2) == 0
	if g.keep != nil || !g.only.Empty() {
		quarters, mirror = 0, false // places are kept as they lie
	}
	small := shrink(g.gray, size)
	k := float64(small.Rect.Dx()) / float64(g.gray.Rect.Dx())
	small = quarterTurned(small, quarters, mirror)
	least := leastWindow + rng.IntN(6)
	grid := Grid{least, mostWindow * 2, 0.12, 1.2}
	var patches []Patch
	seen := 0
	keep := func(r, col, s int) {
		x, y, side := float64(col)/k, float64(r)/k, float64(s)/k
		if !g.only.Empty() && !image.Pt(int(x), int(y)).In(g.only) {
			return
		}
		for _, f := range g.keep {
			if f.near(x, y, side) {
				return
			}
		}
		seen++
		if len(patches) < most {
			patches = append(patches, cut(small, r, col, s))
		} else if i := rng.IntN(seen); i < most {
			patches[i] = cut(small, r, col, s)
		}
	}
	if c.Trees() == 0 {
		grid.windows(small.Rect.Dx(), small.Rect.Dy(), keep)
		return patches
	}
	for _, w := range Scan(c, small, grid) {
		keep(w.Row, w.Col, w.Side)
	}
	return patches
}

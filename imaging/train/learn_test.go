package train

import (
	"bytes"
	"context"
	"errors"
	"image"
	"math/rand/v2"
	"slices"
	"testing"

	pigo "github.com/esimov/pigo/core"
)

// bullseye gives a patch with a bright disc on a dark ring, as rolled dice have it, in noise.
func bullseye(rng *rand.Rand) Patch {
	var p Patch
	cx, cy, r := 15.5+2*rng.Float64(), 15.5+2*rng.Float64(), 5+2*rng.Float64()
	for i := range p {
		x, y := float64(i%Side)-cx, float64(i/Side)-cy
		v := 60 + rng.IntN(60)
		switch d := x*x + y*y; {
		case d < r*r:
			v = 150 + rng.IntN(90)
		case d < 4*r*r:
			v = rng.IntN(60)
		}
		p[i] = uint8(v)
	}
	return p
}

// clutter gives a patch of noise with random rectangles.
func clutter(rng *rand.Rand) Patch {
	var p Patch
	for i := range p {
		p[i] = uint8(60 + rng.IntN(60))
	}
	for range 4 {
		x, y, w, h, v := rng.IntN(Side), rng.IntN(Side), 2+rng.IntN(16), 2+rng.IntN(16), rng.IntN(256)
		for i := range p {
			if i%Side >= x && i%Side < x+w && i/Side >= y && i/Side < y+h {
				p[i] = uint8(v)
			}
		}
	}
	return p
}

func many(n int, seed uint64, one func(*rand.Rand) Patch) []Patch {
	rng := rand.New(rand.NewPCG(seed, 0))
	out := make([]Patch, n)
	for i := range out {
		out[i] = one(rng)
	}
	return out
}

// mineClutter gives clutter that c mistakes.
func mineClutter(_ context.Context, c *Cascade, round, want int) ([]Patch, error) {
	rng := rand.New(rand.NewPCG(7, uint64(round)))
	var out []Patch
	for tries := 0; tries < 40*want && len(out) < want; tries++ {
		if p := clutter(rng); c.Trees() == 0 || len(c.mistaken([]Patch{p})) > 0 {
			out = append(out, p)
		}
	}
	return out, nil
}

func quick() Config {
	return Config{Depth: 4, Tests: 64, Rounds: []int{3, 8, 16}, Negatives: 600, Seed: 1, Held: many(200, 2, bullseye)}
}

func learned(t *testing.T, cfg Config) *Cascade {
	t.Helper()
	c, err := Learn(context.Background(), cfg, many(600, 1, bullseye), mineClutter)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func file(t *testing.T, c *Cascade) []byte {
	t.Helper()
	data, err := c.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestLearn learns a bullseye and tells it from clutter that it has not seen.
func TestLearn(t *testing.T) {
	c := learned(t, quick())
	for _, tc := range []struct {
		what        string
		patches     []Patch
		least, most int
	}{
		{"bullseyes", many(500, 3, bullseye), 470, 500},
		{"clutter", many(2000, 4, clutter), 0, 40},
	} {
		if got := len(c.mistaken(tc.patches)); got < tc.least || got > tc.most {
			t.Errorf("%s: got %d of %d accepted, want %d to %d", tc.what, got, len(tc.patches), tc.least, tc.most)
		}
	}
}

// TestLearnIsDeterministic wants the same bytes from one worker and from three, and from a run that was broken off.
func TestLearnIsDeterministic(t *testing.T) {
	cfg := quick()
	var first State
	cfg.Checkpoint = func(s State) error {
		if s.Cascade.Trees() == cfg.Rounds[0] {
			first = State{&Cascade{s.Cascade.depth, slices.Clone(s.Cascade.trees)}, slices.Clone(s.Negatives)}
		}
		return nil
	}
	want := file(t, learned(t, cfg))
	for _, workers := range []int{1, 3} {
		cfg := quick()
		cfg.Workers = workers
		if !bytes.Equal(file(t, learned(t, cfg)), want) {
			t.Errorf("%d workers: got other bytes", workers)
		}
	}
	cfg = quick()
	cfg.Resume = &first
	if !bytes.Equal(file(t, learned(t, cfg)), want) {
		t.Error("resumed after the first round: got other bytes")
	}
	cfg.Seed = 2
	cfg.Resume = nil
	if bytes.Equal(file(t, learned(t, cfg)), want) {
		t.Error("another seed: got the same bytes")
	}
}

// TestPigoAgrees compares our evaluator with pigo, window for window, on a picture with bullseyes of many sizes.
func TestPigoAgrees(t *testing.T) {
	c := learned(t, quick())
	theirs, err := pigo.NewPigo().Unpack(file(t, c))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 9))
	m := image.NewGray(image.Rect(0, 0, 301, 223))
	for i := range m.Pix {
		m.Pix[i] = uint8(60 + rng.IntN(60))
	}
	for _, s := range []int{20, 31, 48, 77, 120} {
		p, x0, y0 := bullseye(rng), rng.IntN(301-s), rng.IntN(223-s)
		for y := range s {
			for x := range s {
				m.Pix[(y0+y)*m.Stride+x0+x] = p[y*Side/s*Side+x*Side/s]
			}
		}
	}
	g := Grid{Least: 17, Most: 223, Shift: 0.06, Scale: 1.07}
	ours := Scan(c, m, g)
	found := theirs.RunCascade(pigo.CascadeParams{MinSize: g.Least, MaxSize: g.Most, ShiftFactor: g.Shift, ScaleFactor: g.Scale,
		ImageParams: pigo.ImageParams{Pixels: m.Pix, Rows: 223, Cols: 301, Dim: m.Stride}}, 0)
	if len(ours) < 20 || len(ours) != len(found) {
		t.Fatalf("got %d windows, pigo %d, want the same and at least 20", len(ours), len(found))
	}
	for i, w := range ours {
		if d := found[i]; w != (Window{d.Row, d.Col, d.Scale, d.Q}) {
			t.Fatalf("window %d: got %v, pigo %v", i, w, d)
		}
		p := cut(m, w.Row, w.Col, w.Side)
		if q, ok := c.Score(&p); !ok || q != w.Q {
			t.Fatalf("window %d cut out: got %v %v, want %v", i, q, ok, w.Q)
		}
	}
}

// TestParse reads back what was written, and refuses anything else.
func TestParse(t *testing.T) {
	data := file(t, learned(t, quick()))
	c, err := Parse(data)
	if err != nil || !bytes.Equal(file(t, c), data) {
		t.Fatalf("read back: %v", err)
	}
	change := func(at int, v byte) []byte { b := bytes.Clone(data); b[at] = v; return b }
	for name, bad := range map[string][]byte{
		"nothing": nil, "a head alone": data[:16], "cut by one byte": data[:len(data)-1], "one byte more": append(bytes.Clone(data), 0),
		"another version": change(0, 9), "depth 0": change(8, 0), "depth 99": change(8, 99), "no trees": change(12, 0),
		"billions of trees": change(15, 255), "a code between samples": change(16, 3), "a leaf that is no number": change(len(data)-5, 0xff),
	} {
		if name == "a leaf that is no number" {
			bad[len(bad)-6] |= 0x80
		}
		if _, err := Parse(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %v, want %v", name, err, ErrFormat)
		}
	}
	if _, err := (&Cascade{}).AppendBinary(nil); err == nil {
		t.Error("a cascade without trees was written")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{3, 0, 0, 0, 0x80, 0x7f, 0x80, 0x7f, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		var p Patch
		c.Score(&p)
		if again, err := c.AppendBinary(nil); err != nil || !bytes.Equal(again[8:], data[8:]) {
			t.Errorf("read and written: got other bytes, %v", err)
		}
	})
}

// TestLearnRefuses names configurations that cannot be, and stops when it is told to.
func TestLearnRefuses(t *testing.T) {
	some := many(100, 1, bullseye)
	for name, tc := range map[string]struct {
		cfg       Config
		positives []Patch
	}{
		"no positives":      {Config{Rounds: []int{4}}, nil},
		"no rounds":         {Config{}, some},
		"falling rounds":    {Config{Rounds: []int{8, 4}}, some},
		"too many trees":    {Config{Rounds: []int{maxTrees + 1}}, some},
		"too deep":          {Config{Rounds: []int{4}, Depth: maxDepth + 1}, some},
		"loses everything":  {Config{Rounds: []int{4}, Loss: 1}, some},
		"another's resume":  {Config{Rounds: []int{4}, Resume: &State{Cascade: &Cascade{depth: 2}}}, some},
		"a mine that fails": {Config{Rounds: []int{4}}, some},
	} {
		_, err := Learn(context.Background(), tc.cfg, tc.positives,
			func(context.Context, *Cascade, int, int) ([]Patch, error) { return nil, errors.New("no ground") })
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cfg := quick()
	cfg.Progress = func(Progress) { cancel() }
	if _, err := Learn(ctx, cfg, some, mineClutter); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: got %v, want %v", err, context.Canceled)
	}
}

// TestThresholdsKeepTheHeld wants no more of the held positives refused than Loss says.
func TestThresholdsKeepTheHeld(t *testing.T) {
	for _, loss := range []float64{0.001, 0.02, 0.2} {
		cfg := quick()
		cfg.Loss = loss
		c := learned(t, cfg)
		if got, most := len(cfg.Held)-len(c.mistaken(cfg.Held)), int(loss*float64(len(cfg.Held))); got > most {
			t.Errorf("loss %v: got %d of %d refused, want at most %d", loss, got, len(cfg.Held), most)
		}
	}
}

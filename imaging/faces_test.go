package imaging

import (
	"image"
	"image/draw"
	"math"
	"testing"
)

func TestRarity(t *testing.T) {
	c := rarity{{2, -1}, {4, 0}, {10, 1}}
	for q, want := range map[float64]float64{2: -1, 3: -0.5, 4: 0, 7: 0.5, 10: 1, 16: 2} {
		if got := c.at(q); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %v: got %v, want %v", q, got, want)
		}
	}
	if got := c.at(1.99); !math.IsInf(got, -1) {
		t.Errorf("under the first point: got %v, want no evidence", got)
	}
	if got := rarity(nil).at(7); got != 7 {
		t.Errorf("without points: got %v, want the score itself", got)
	}
}

// TestGather wants the strongest of each cascade at a place, and other places left alone.
func TestGather(t *testing.T) {
	a := &search{model: &model{name: "a"}, weight: 1, turns: upright}
	b := &search{model: &model{name: "b"}, weight: 0.5, turns: tilted}
	heads := []head{
		{hit{100, 100, 40, 0.2}, a, 0.2, false}, {hit{102, 99, 42, 1.2}, a, 0.2, false}, {hit{98, 103, 44, 1}, b, 0.2, false}, {hit{300, 100, 40, 0.4}, b, 0.2, false},
	}
	got := gather(heads)
	if len(got) != 2 || len(got[0].best) != 2 || len(got[1].best) != 1 || got[0].first.q != 1.2 {
		t.Fatalf("got %+v, want two places, the first seen by both cascades", got)
	}
	if e, want := got[0].evidence(), leastVote+(1.2+1)+0.5*(1+1); math.Abs(e-want) > 1e-9 {
		t.Errorf("seen by both: got evidence %v, want %v", e, want)
	}
	if e, want := got[1].evidence(), leastVote+0.5*(0.4+1)-turnedVote; math.Abs(e-want) > 1e-9 {
		t.Errorf("seen turned: got evidence %v, want %v", e, want)
	}
	small := gathered{first: head{hit{}, a, 0.1, false}, best: []head{{hit{q: 1}, a, 0.1, false}}}
	large := gathered{first: head{hit{}, a, 0.4, false}, best: []head{{hit{q: 1}, a, 0.4, false}}}
	if s, l := small.evidence(), large.evidence(); math.Abs(l-s-2*sizeVote) > 1e-9 {
		t.Errorf("four times the size: got %v and %v, want %v apart", s, l, 2*sizeVote)
	}
	full := gathered{first: head{hit{}, a, 0.4, true}, best: large.best}
	if f, l := full.evidence(), large.evidence(); math.Abs(l-f-sizeVote) > 1e-9 {
		t.Errorf("over the whole picture: got %v, want %v less than %v", f, sizeVote, l)
	}
	if found := mergeHeads(heads, 1); len(found) != 1 || found[0].score <= 0 || found[0].score >= 1 {
		t.Errorf("got %v, want one face", found)
	}
}

func TestEvidenceScore(t *testing.T) {
	if got := evidenceScore(firmEvidence); got != FaintScore {
		t.Errorf("firm evidence: got score %v, want %v", got, FaintScore)
	}
	if lo, hi := evidenceScore(faceEvidence), evidenceScore(9); lo <= 0 || lo >= FaintScore || hi <= 0.99 || hi >= 1 {
		t.Errorf("got scores %v and %v for the least and much evidence", lo, hi)
	}
}

// TestCluster wants overlapping windows as one, in the middle where their scores lie, and others apart.
func TestCluster(t *testing.T) {
	got := cluster([]hit{{10, 10, 20, 1}, {14, 10, 20, 3}, {80, 80, 20, 2}})
	if len(got) != 2 || got[0] != (hit{13, 10, 20, 4}) || got[1] != (hit{80, 80, 20, 2}) {
		t.Errorf("got %v", got)
	}
	if got := cluster(nil); len(got) != 0 {
		t.Errorf("nothing: got %v", got)
	}
	many := make([]hit, 2*maxRawHits)
	for i := range many {
		many[i] = hit{float64(i) * 100, 0, 10, 1}
	}
	if got := len(cluster(many)); got != maxRawHits {
		t.Errorf("got %d clusters, want at most %d", got, maxRawHits)
	}
}

// TestViewsLeadBack marks a picture and wants every turned copy, at each of its sizes, to show the mark where its way back
// says.
func TestViewsLeadBack(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 500, 340))
	draw.Draw(m, image.Rect(380, 60, 420, 100), image.White, image.Point{}, draw.Src)
	v := newViews(m)
	for _, degrees := range append(upright, tilted...) {
		copied := v.get(250, degrees)
		if len(copied.levels) < 2 {
			t.Fatalf("%d degrees: got %d sizes, want some", degrees, len(copied.levels))
		}
		for i, l := range copied.levels {
			var x, y, n float64
			for k, p := range l.Pix {
				if p > 200 {
					x, y, n = x+float64(k%l.Stride)+0.5, y+float64(k/l.Stride)+0.5, n+1
				}
			}
			if n == 0 {
				break // too small to be seen
			}
			k := float64(int(1) << i)
			if bx, by := copied.back(k*x/n, k*y/n); math.Hypot(bx-400, by-80) > 6*k {
				t.Errorf("%d degrees, size %d: the mark goes back to %.0f, %.0f, want 400, 80", degrees, i, bx, by)
			}
		}
		if v.get(250, degrees) != copied {
			t.Errorf("%d degrees: made twice", degrees)
		}
	}
}

// TestPlan wants every search to have what it needs, and its curve to rise.
func TestPlan(t *testing.T) {
	for _, s := range facePlan {
		if s.weight <= 0 || s.headSide <= 0 || s.least < 20 || s.longest > detectSide || s.shift <= 0 || s.scale <= 1 || len(s.turns) == 0 {
			t.Errorf("%s at %d: got %+v", s.model.name, s.longest, s)
		}
		for i := 1; i < len(s.evidence); i++ {
			if a, b := s.evidence[i-1], s.evidence[i]; b[0] <= a[0] || b[1] <= a[1] {
				t.Errorf("%s at %d: the curve falls at %v", s.model.name, s.longest, b)
			}
		}
		if _, err := s.model.unpack(); err != nil {
			t.Errorf("%s: %v", s.model.name, err)
		}
	}
}

func TestSeen(t *testing.T) {
	for _, tc := range []struct {
		h    hit
		want float64
	}{{hit{50, 50, 20, 0}, 1}, {hit{0, 50, 20, 0}, 0.5}, {hit{100, 80, 20, 0}, 0.25}, {hit{-10, 50, 20, 0}, 0}, {hit{50, 40, 200, 0}, 0.2}} {
		if got := tc.h.seen(100, 80); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%v: got %v, want %v", tc.h, got, tc.want)
		}
	}
}

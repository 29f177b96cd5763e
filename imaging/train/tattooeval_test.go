package train

import (
	"context"
	"slices"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

func TestJudgeTattoos(t *testing.T) {
	label := imaging.Box{X0: 100, Y0: 100, X1: 200, Y1: 200}
	at := func(x0, y0, x1, y1 int) imaging.Region {
		return imaging.Region{Box: imaging.Box{X0: x0, Y0: y0, X1: x1, Y1: y1}}
	}
	for _, c := range []struct {
		name        string
		regions     []imaging.Region
		met, hidden bool
		wrong       int
	}{
		{"nothing", nil, false, false, 0},
		{"the box", []imaging.Region{at(100, 100, 200, 200)}, true, true, 0},
		{"a quarter", []imaging.Region{at(50, 50, 150, 150)}, true, false, 0},
		{"two quarters", []imaging.Region{at(50, 50, 150, 150), at(150, 150, 250, 250)}, true, true, 0},
		{"the same quarter twice", []imaging.Region{at(50, 50, 150, 150), at(60, 60, 150, 150)}, true, false, 0},
		{"a speck within", []imaging.Region{at(120, 120, 130, 130)}, true, false, 0},
		{"a corner", []imaging.Region{at(190, 190, 400, 400)}, false, false, 1},
		{"elsewhere, and the box", []imaging.Region{at(0, 0, 50, 50), at(90, 90, 210, 210)}, true, true, 1},
	} {
		o := judgeTattoos([]imaging.Box{label}, c.regions)
		wrong := 0
		for _, f := range o.False {
			wrong += count(f)
		}
		if o.Met[0] != c.met || o.Hidden[0] != c.hidden || wrong != c.wrong {
			t.Errorf("%s: got met %v, hidden %v, %d false, want %v, %v, %d", c.name, o.Met[0], o.Hidden[0], wrong, c.met, c.hidden, c.wrong)
		}
	}
}

func TestJudgeTattoosFirmly(t *testing.T) {
	label := imaging.Box{X0: 100, Y0: 100, X1: 200, Y1: 200}
	far := imaging.Box{X0: 300, Y0: 300, X1: 400, Y1: 400}
	for _, c := range []struct {
		name    string
		regions []imaging.Region
		want    bool
	}{
		{"faint", []imaging.Region{{Box: label, Score: imaging.FaintScore - 0.01}}, false},
		{"firm", []imaging.Region{{Box: label, Score: imaging.FaintScore}}, true},
		{"firm, then faint", []imaging.Region{{Box: label, Score: 0.9}, {Box: label, Score: 0.1}}, true},
		{"firm elsewhere", []imaging.Region{{Box: label, Score: 0.1}, {Box: far, Score: 0.9}}, false},
	} {
		o := judgeTattoos([]imaging.Box{label}, c.regions)
		if o.Firm[0] != c.want || !o.Met[0] {
			t.Errorf("%s: got firm %v, met %v, want %v and met", c.name, o.Firm[0], o.Met[0], c.want)
		}
		if r := TallyTattoos(Tune, []TattooOutcome{o}); r[0].Firm != count(c.want) {
			t.Errorf("%s: got %d firm in the tally", c.name, r[0].Firm)
		}
	}
}

func TestTallyTattoos(t *testing.T) {
	outcome := func(set string, met, hidden []bool, scores ...float64) TattooOutcome {
		o := TattooOutcome{Case: TattooCase{Set: set}, Met: met, Firm: make([]bool, len(met)), Hidden: hidden, Labels: make([]imaging.Box, len(met))}
		for _, s := range scores {
			o.Regions, o.False = append(o.Regions, imaging.Region{Score: s}), append(o.False, true)
		}
		return o
	}
	got := TallyTattoos(Report, []TattooOutcome{
		outcome("tattoo/bivtatt", []bool{true, false}, []bool{true, false}, 0.9),
		outcome("tattoo/bivtatt", []bool{false}, []bool{false}),
		outcome("wounds/fuseg", nil, nil, 0.9, 0.2),
		outcome("wounds/fuseg", nil, nil),
		outcome("tattoo/made up", nil, nil), // found no place
		outcome("tattoo/made up", []bool{true}, []bool{false}),
	})
	want := []SetResult{
		{Set: "tattoo/bivtatt photos", Of: 2, Found: 1, Covered: 1},
		{Set: "tattoo/bivtatt", Searched: 2, Boxes: 1, Of: 3, Found: 1, Covered: 1, Pictures: 2, False: 1, FalseFirm: 1, FalseSquares: 1, Hit: 1},
		{Set: "wounds/fuseg", Searched: 2, Boxes: 2, Pictures: 2, False: 2, FalseFirm: 1, FalseSquares: 4, Hit: 1},
		{Set: "tattoo/made up", Searched: 1, Of: 1, Found: 1, Pictures: 1},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d sets, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.Set != w.Set || g.Of != w.Of || g.Found != w.Found || g.Covered != w.Covered || g.Pictures != w.Pictures ||
			g.False != w.False || g.FalseFirm != w.FalseFirm || g.FalseSquares != w.FalseSquares || g.Hit != w.Hit || g.Searched != w.Searched || g.Boxes != w.Boxes || g.Kind != imaging.KindTattoo {
			t.Errorf("set %d: got %+v, want %+v", i, g, w)
		}
	}
}

func TestTattooCases(t *testing.T) {
	root := madeUpData(t)
	for _, part := range []Part{Train, Tune, Report} {
		cases, err := TattooCases(root, "", part, 3)
		if err != nil {
			t.Fatal(err)
		}
		sets := map[string]int{}
		for _, c := range cases {
			sets[c.Set]++
			img, labels, err := c.Picture()
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			if c.Set == "tattoo/bivtatt" && len(labels) == 0 || len(c.Set) > 6 && c.Set[:6] == "wounds" && len(labels) > 0 {
				t.Errorf("%s: %d labels", c.Name, len(labels))
			}
			for _, l := range labels {
				if l.X0 < 0 || l.Y0 < 0 || l.X1 > img.Rect.Dx() || l.Y1 > img.Rect.Dy() || l.X0 >= l.X1 {
					t.Errorf("%s: label %v", c.Name, l)
				}
			}
		}
		for set, n := range sets {
			if n > 3 {
				t.Errorf("%s: %d pictures of %s, want at most 3", part, n, set)
			}
		}
	}
	cases, err := TattooCases(root, "", Report, 2)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := RunTattoos(context.Background(), cases)
	if err != nil || len(outcomes) != len(cases) {
		t.Fatalf("got %d outcomes of %d cases, %v", len(outcomes), len(cases), err)
	}
}

func TestThin(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e"}
	for n, want := range map[int][]string{0: names, 9: names, 2: {"a", "c"}, 5: names} {
		if got := thin(names, n); !slices.Equal(got, want) {
			t.Errorf("%d: got %v, want %v", n, got, want)
		}
	}
}

// The shipped cascade on the pictures it was not learned from: a floor under what DETECTION.md states.
func TestShippedTattooCascade(t *testing.T) {
	root := sharedData(t)
	cases, err := TattooCases(root, "", Report, 6)
	if err != nil {
		t.Fatal(err)
	}
	cases = slices.DeleteFunc(cases, func(c TattooCase) bool {
		return c.Set == "tattoo/made up" || c.Set == "negatives/general" || c.Set == "negatives/clothes"
	})
	outcomes, err := RunTattoos(context.Background(), cases)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range TallyTattoos(Report, outcomes) {
		switch r.Set {
		case "tattoo/bivtatt photos", "tattoo/studio photos":
			if r.Recall() < 0.8 {
				t.Errorf("%s: found %d of %d", r.Set, r.Found, r.Of)
			}
		case "wounds/fuseg", "wounds/medetec":
			if r.FalsePerPicture() > 0.9 {
				t.Errorf("%s: %d false boxes in %d pictures", r.Set, r.False, r.Pictures)
			}
		}
	}
}

package vault

import (
	"errors"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

// decisions are what a reviewer made of firm and faint proposals.
func decisions() []Region {
	proposed := func(b imaging.Box, score float64) Region {
		return Region{Kind: imaging.KindFace, Box: b, Score: score, Tuning: "t", Fate: fateProposed}
	}
	return []Region{ // proposed with their margin
		{Kind: imaging.KindFace, Fate: fateRemoved, Box: imaging.Box{X0: 1000, Y0: 1000, X1: 1100, Y1: 1100}},
		{Kind: imaging.KindFace, Fate: fatePassed, Box: imaging.Box{X0: 2000, Y0: 1000, X1: 2100, Y1: 1100}},
		{Kind: imaging.KindTattoo, Fate: fateRemoved, Box: imaging.Box{X0: 3000, Y0: 1000, X1: 3100, Y1: 1100}},
		proposed(imaging.Box{X0: 4000, Y0: 1000, X1: 4100, Y1: 1100}, 0.9).decide(&ApprovedRegion{Kind: imaging.KindText,
			Box: imaging.Box{X0: 4060, Y0: 1000, X1: 4160, Y1: 1100}}),
		proposed(imaging.Box{X0: 5000, Y0: 1000, X1: 5100, Y1: 1100}, 0.4).decide(&ApprovedRegion{Kind: imaging.KindFace,
			Box: imaging.Box{X0: 5060, Y0: 1000, X1: 5160, Y1: 1100}}),
	}
}

// TestJudge is the whole rule on what may still be seen in a picture that is released.
func TestJudge(t *testing.T) {
	masks := []imaging.Box{{X0: 96, Y0: 96, X1: 208, Y1: 208}, {X0: 400, Y0: 96, X1: 512, Y1: 208}}
	face := func(x0, y0, x1, y1 int, score float64) imaging.Region {
		return imaging.Region{Kind: imaging.KindFace, Box: imaging.Box{X0: x0, Y0: y0, X1: x1, Y1: y1}, Score: score, Source: "test"}
	}
	tattoo := face(208, 100, 250, 140, 0.6)
	tattoo.Kind = imaging.KindTattoo
	unsure := tattoo
	unsure.Score = 0.4
	text := tattoo
	text.Kind = imaging.KindText
	left := face(1010, 1010, 1050, 1050, 0.1)
	leftTattoo, leftBeside := left, face(1090, 1010, 1112, 1050, 0.1) // the middle is just outside
	leftTattoo.Kind = imaging.KindTattoo
	again := face(3010, 1010, 3090, 1090, 0.9)
	again.Kind = imaging.KindTattoo
	masks = append(masks, imaging.Box{X0: 3000, Y0: 1000, X1: 3020, Y1: 1100}, imaging.Box{X0: 1056, Y0: 1000, X1: 1080, Y1: 1100})
	decided := decisions()
	const passes, asks = "passes", "asks"
	for _, c := range []struct {
		name  string
		found imaging.Region
		want  string
	}{
		{"inside a mask", face(100, 100, 200, 200, 0.9), passes},
		{"the mask itself", face(96, 96, 208, 208, 0.9), passes},
		{"inside the second mask", face(410, 100, 500, 200, 0.9), passes},
		{"out of a mask by a pixel", face(100, 100, 209, 200, 0.9), asks},
		{"out of a mask, as sure as needed", face(100, 100, 209, 200, 0.5), asks},
		{"out of a mask, unsure", face(100, 100, 209, 200, 0.499), passes},
		{"across both masks", face(200, 96, 410, 208, 0.9), asks},
		{"touching a mask", face(208, 100, 300, 200, 0.6), asks},
		{"a unit away", face(223, 100, 300, 200, 0.9), asks},
		{"more than a unit away", face(224, 100, 300, 200, 0.9), asks},
		{"above by a unit", face(100, 10, 200, 81, 0.9), asks},
		{"above by more", face(100, 10, 200, 80, 0.9), asks},
		{"elsewhere, as sure as needed", face(600, 600, 700, 700, 0.5), asks},
		{"elsewhere, unsure", face(600, 600, 700, 700, 0.499), passes},
		{"unsure, where a sure face was removed", left, asks},
		{"unsure, beside where a sure face was removed", leftBeside, passes},
		{"a tattoo, unsure, where a sure face was removed", leftTattoo, passes},
		{"unsure, where a faint face was passed", face(2010, 1010, 2050, 1050, 0.4), passes},
		{"unsure, where the box of a sure face was moved from", face(4010, 1010, 4050, 1050, 0.1), asks},
		{"unsure, where the box was moved but still lies", face(4050, 1010, 4090, 1050, 0.1), passes},
		{"unsure, where the box of a faint face was moved from", face(5010, 1010, 5050, 1050, 0.4), passes},
		{"unsure, where a tattoo was removed", face(3010, 1010, 3050, 1050, 0.4), passes},
		{"a tattoo across a mask, where one was removed", again, passes},
		{"a face across a mask, where one was removed", face(1020, 1010, 1060, 1050, 0.9), asks},
		{"a tattoo beside", tattoo, asks},
		{"a tattoo beside, unsure", unsure, passes},
		{"letters beside", text, passes},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, force := range []bool{false, true} {
				forced, err := judge([]imaging.Region{c.found}, masks, decided, force)
				var seen *Visible
				errors.As(err, &seen)
				refused := c.want == asks && !force
				if (err != nil) != refused || forced != (c.want == asks && force) {
					t.Errorf("force %v: forced %v, %v, want it %s", force, forced, err, c.want)
				}
				if refused && (!errors.Is(err, ErrConflict) || seen == nil || len(seen.Residual()) != 1 ||
					seen.Residual()[0] != c.found || seen.Sentence() == "") {
					t.Errorf("force %v: the refusal %v does not carry what is seen", force, err)
				}
			}
		})
	}
	both := []imaging.Region{face(208, 100, 300, 200, 0.9), face(600, 600, 700, 700, 0.9)}
	var seen *Visible
	if _, err := judge(both, masks, nil, false); !errors.As(err, &seen) || len(seen.Residual()) != 2 {
		t.Errorf("one beside and one elsewhere: got %v, want a refusal that names both", err)
	}
	if forced, err := judge(nil, masks, nil, true); forced || err != nil {
		t.Errorf("nothing seen: forced %v, %v", forced, err)
	}
}

// TestCanonical pins the text that signatures cover.
func TestCanonical(t *testing.T) {
	type pair struct {
		Z string  `json:"z"`
		A float64 `json:"a"`
	}
	for _, c := range []struct {
		name string
		in   any
		want string
	}{
		{"members sorted", pair{"x", 0.5}, `{"a":0.5,"z":"x"}`},
		{"capitals before small letters", map[string]int{"a": 1, "B": 2, "_": 3}, `{"B":2,"_":3,"a":1}`},
		{"nested", map[string]any{"b": []pair{{"", 1}}, "a": nil}, `{"a":null,"b":[{"a":1,"z":""}]}`},
		{"nothing escaped that need not be", "<&>'/", `"<&>'/"`},
		{"what must be escaped", "\"\\\n\x01", `"\"\\\n\u0001"`},
		{"whole numbers", []float64{1, 0, -3}, `[1,0,-3]`},
		{"as ECMAScript writes them", []float64{1e21, 1e-7, 1e20, 0.000001}, `[1e+21,1e-7,100000000000000000000,0.000001]`},
		{"long counts", int64(9007199254740993), `9007199254740993`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := canonical(c.in)
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
	if _, err := canonical(func() {}); err == nil {
		t.Error("a function has a canonical text")
	}
}

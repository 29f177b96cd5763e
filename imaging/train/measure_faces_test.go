package train

import (
	"context"
	"image"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

func box(x0, y0, x1, y1 int) imaging.Box { return imaging.Box{X0: x0, Y0: y0, X1: x1, Y1: y1} }

func TestJudge(t *testing.T) {
	label := box(100, 100, 200, 200)
	for _, c := range []struct {
		name                      string
		box                       imaging.Box
		overlap, covered, isFalse bool
	}{
		{"the label itself", label, true, true, false},
		{"half of it", box(100, 100, 200, 150), true, false, false},
		{"an overlap of 0.3", box(100, 100, 130, 200), true, false, false},
		{"an overlap of 0.29", box(100, 100, 129, 200), false, false, false},
		{"a corner of it, its middle outside", box(0, 0, 110, 110), false, false, true},
		{"a dot in its middle", box(145, 145, 155, 155), false, false, false},
		{"beside it", box(210, 100, 300, 200), false, false, true},
		{"twice as wide", box(50, 50, 250, 250), false, false, false}, // its margin is over 12 times the label
		{"eyes alone, the margin hides the rest", box(100, 110, 200, 160), true, true, false},
		{"all of the picture", box(0, 0, 1000, 1000), false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Judge([]imaging.Box{label}, []imaging.Region{{Kind: imaging.KindFace, Box: c.box}}, 1000, 1000)
			if o.Overlap[0] != c.overlap || o.Covered[0] != c.covered || o.False[0] != c.isFalse {
				t.Errorf("box %v, label %v: got overlap %v, covered %v, false %v; want %v, %v, %v",
					c.box, label, o.Overlap[0], o.Covered[0], o.False[0], c.overlap, c.covered, c.isFalse)
			}
		})
	}
}

func TestJudgeManyAndNone(t *testing.T) {
	labels := []imaging.Box{box(0, 0, 50, 50), box(200, 200, 260, 260), box(90, 90, 90, 90)}
	o := Judge(labels, []imaging.Region{{Kind: imaging.KindFace, Box: box(195, 195, 260, 260)}}, 300, 300)
	if o.Found(0) || !o.Found(1) || o.Found(2) {
		t.Errorf("three labels, the third empty, a box on the second: got %v, %v, %v found", o.Found(0), o.Found(1), o.Found(2))
	}
	if !o.Missed() {
		t.Error("two labels without a box do not count as missed")
	}
	if o = Judge(nil, nil, 10, 10); o.Missed() || o.FalselyFound() {
		t.Error("a picture without labels or boxes counts as missed or falsely found")
	}
}

func TestTally(t *testing.T) {
	region := func(b imaging.Box, score float64) imaging.Region {
		return imaging.Region{Kind: imaging.KindFace, Box: b, Score: score}
	}
	label := box(10, 10, 60, 60)
	judged := func(free bool, sets []string, labels []imaging.Box, regions ...imaging.Region) Outcome {
		o := Judge(labels, regions, 400, 400)
		o.Example = Example{Sets: sets, Free: free}
		return o
	}
	results := Tally(imaging.KindFace, Report, []Outcome{
		judged(false, []string{"a", "a/b"}, []imaging.Box{label}, region(label, 0.9), region(box(300, 300, 350, 350), 0.9)),
		judged(false, []string{"a"}, []imaging.Box{label}),
		judged(false, []string{"a"}, []imaging.Box{label}, region(label, 0.3)),
		judged(true, []string{"false/c"}, nil, region(label, 0.9), region(box(0, 0, 400, 320), 0.1)),
		judged(true, []string{"false/c"}, nil),
	})
	if len(results) != 3 || results[0].Set != "a" || results[1].Set != "a/b" || results[2].Set != "false/c" {
		t.Fatalf("sets: got %+v, want a, a/b, false/c", results)
	}
	if a := results[0]; a.Of != 3 || a.Found != 2 || a.Firm != 1 || a.Overlap != 2 || a.Covered != 2 || a.Pictures != 0 || a.Searched != 3 || a.Boxes != 3 {
		t.Errorf("three labelled, two found, one of them firmly: got %+v", a)
	}
	if c := results[2]; c.Pictures != 2 || c.False != 2 || c.FalseFirm != 1 || c.Wide != 1 || c.Hit != 1 || c.Of != 0 {
		t.Errorf("two pictures without faces, two boxes in one: got %+v", c)
	}
}

func TestMeasureOnRealPictures(t *testing.T) {
	root := sharedData(t)
	examples, err := FaceExamples(root, Tune, 2)
	if err != nil {
		t.Fatal(err)
	}
	examples = examples[:2] // whole faces, as they are
	outcomes, err := Run(context.Background(), examples, func(img image.Image) ([]imaging.Region, error) {
		return imaging.DetectImage(img), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Tally(imaging.KindFace, Tune, outcomes) {
		if r.Set == "whole" && (r.Of != 2 || r.Found == 0) {
			t.Errorf("two whole faces: got %d of %d found", r.Found, r.Of)
		}
	}
}

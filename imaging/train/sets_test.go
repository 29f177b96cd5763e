package train

import (
	"bytes"
	"context"
	"errors"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

func resultsOf(t *testing.T, root string, part Part, detect Detector) map[string]SetResult {
	t.Helper()
	examples, err := FaceExamples(root, part, 0)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := Run(context.Background(), examples, detect)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]SetResult{}
	for _, r := range Tally(imaging.KindFace, part, outcomes) {
		results[r.Set] = r
	}
	return results
}

func TestFaceExamplesOfAPlainFolder(t *testing.T) {
	root := plainData(t)
	none := func(image.Image) ([]imaging.Region, error) { return nil, nil }
	for _, part := range []Part{Report, Tune} {
		t.Run(string(part), func(t *testing.T) {
			found, missed := resultsOf(t, root, part, findRed), resultsOf(t, root, part, none)
			for _, set := range []string{"whole", "whole/most turned", "roll", "partial/lower", "partial/upper", "partial/half",
				"partial/two-thirds", "partial/one eye", "cut/eye strip", "cut/mouth at the edge", "spoilt/blurred", "clinical"} {
				r := found[set]
				if r.Of == 0 || r.Recall() < 0.99 {
					t.Errorf("%s: the finder of red found %d of %d, want all of some", set, r.Found, r.Of)
				}
				if m := missed[set]; m.Of != r.Of || m.Found != 0 || m.Covered != 0 {
					t.Errorf("%s: a finder of nothing got %+v, want none found of %d", set, m, r.Of)
				}
			}
			if r := found["false/fuseg"]; r.Of != 0 || r.Pictures == 0 || r.False != 0 {
				t.Errorf("wounds without red: got %+v, want pictures without false boxes", r)
			}
		})
	}
}

func TestFaceExamplesKeepPartsApart(t *testing.T) {
	root := plainData(t)
	seen := map[string]Part{}
	for _, part := range []Part{Train, Tune, Report} {
		examples, err := FaceExamples(root, part, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range examples {
			if other, twice := seen[e.Name]; twice && other != part {
				t.Errorf("%s is in %s and in %s", e.Name, other, part)
			}
			seen[e.Name] = part
			if strings.Contains(e.Name, "oxygen_mask") {
				t.Errorf("%s shows a person and counts as free of faces", e.Name)
			}
			if fromTrain := strings.HasPrefix(e.Name, "faces/train/"); fromTrain != (part == Train && strings.HasPrefix(e.Name, "faces/") &&
				!strings.HasPrefix(e.Name, "faces/tones/")) {
				t.Errorf("%s is in part %s", e.Name, part)
			}
		}
	}
}

func TestExamplesAreTheSameEachTime(t *testing.T) {
	root := plainData(t)
	examples, err := FaceExamples(root, Report, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		a, boxes, err := e.Picture()
		if err != nil {
			t.Fatal(err)
		}
		b, again, err := e.Picture()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Pix, b.Pix) || !slices.Equal(boxes, again) {
			t.Errorf("%s: made twice, got other pixels or boxes", e.Name)
		}
	}
	few, err := FaceExamples(root, Report, 3)
	if err != nil {
		t.Fatal(err)
	}
	again, err := FaceExamples(root, Report, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range few {
		if few[i].Name != again[i].Name {
			t.Errorf("sample: got %s, then %s", few[i].Name, again[i].Name)
		}
	}
	if len(few) >= len(examples) {
		t.Errorf("a sample of 3 a set has %d pictures, all are %d", len(few), len(examples))
	}
}

func TestCutsLeaveTheirShare(t *testing.T) {
	root := plainData(t)
	dev, err := readFaces(root, "dev")
	if err != nil {
		t.Fatal(err)
	}
	// Shares of the label that stay visible; eyes at y 58, nose at 75 of a label from 40 to 100.
	want := map[string][2]float64{"lower": {0.55, 0.60}, "upper": {0.57, 0.60}, "half": {0.49, 0.57},
		"two-thirds": {0.65, 0.69}, "one eye": {0.28, 0.30}, "mouth at the edge": {0.29, 0.32}, "eye strip": {0.49, 0.53}}
	for _, cut := range cuts {
		e := cutExamples(root, dev[:1], cut)[0]
		img, boxes, err := e.Picture()
		if err != nil {
			t.Fatal(err)
		}
		share, b := area(boxes[0])/3600, boxes[0]
		if lim := want[cut.set]; share < lim[0] || share > lim[1] {
			t.Errorf("%s: %.3f of the face stays, want %v", cut.set, share, lim)
		}
		if b.X0 > 0 && b.Y0 > 0 && b.X1 < img.Rect.Dx() && b.Y1 < img.Rect.Dy() {
			t.Errorf("%s: the face %v is not cut by the edge of %v", cut.set, b, img.Rect)
		}
	}
}

func TestSpoilers(t *testing.T) {
	root := plainData(t)
	dev, err := readFaces(root, "dev")
	if err != nil {
		t.Fatal(err)
	}
	plain, _, err := wholeExamples(root, dev[:1])[0].Picture()
	if err != nil {
		t.Fatal(err)
	}
	at := func(m *image.RGBA, x, y int) int { return int(m.Pix[y*m.Stride+4*x]) }
	spread := func(m *image.RGBA) (sum int) { // differences of neighbours inside the face
		for x := 60; x < 100; x++ {
			sum += max(at(m, x, 70)-at(m, x+1, 70), at(m, x+1, 70)-at(m, x, 70))
		}
		return sum
	}
	for _, s := range spoilers {
		m, boxes, err := spoiltExamples(root, dev[:1], s)[0].Picture()
		if err != nil {
			t.Fatal(err)
		}
		if boxes[0] != box(50, 40, 110, 100) {
			t.Errorf("%s: moved the label to %v", s.name, boxes[0])
		}
		covered := 0
		for y := 40; y < 100; y++ {
			for x := 50; x < 110; x++ {
				if max(at(m, x, y)-at(plain, x, y), at(plain, x, y)-at(m, x, y)) > 8 || m.Pix[y*m.Stride+4*x+1] > 60 {
					covered++
				}
			}
		}
		good := map[string]bool{
			"dark":         at(m, 80, 70) < at(plain, 80, 70)/2,
			"blurred":      at(m, 49, 70) > at(plain, 47, 70)+15 && at(m, 51, 70) < at(plain, 54, 70)-15,
			"noisy":        spread(m) > spread(plain)+200,
			"half covered": covered > 1100 && covered < 2500,
		}
		if !good[s.name] {
			t.Errorf("%s: the picture does not show it (face %d, was %d; spread %d, was %d; %d of 3600 changed)",
				s.name, at(m, 80, 70), at(plain, 80, 70), spread(m), spread(plain), covered)
		}
	}
}

func TestMostTurnedAreAFifth(t *testing.T) {
	root := plainData(t)
	dev, err := readFaces(root, "dev")
	if err != nil {
		t.Fatal(err)
	}
	if got := dev[3].yaw(); math.Abs(got-0.1) > 1e-9 { // 3 pixels aside, eyes 30 apart
		t.Errorf("yaw: got %v, want 0.1", got)
	}
	aside := map[string]int{}
	for _, e := range wholeExamples(root, dev) {
		aside[e.Sets[1]]++
	}
	if aside["whole/most turned"] != 4 || aside["whole/frontal"] != 16 {
		t.Errorf("20 faces: got %v, want 4 most turned and 16 frontal", aside)
	}
}

func TestBrokenData(t *testing.T) {
	for name, spoil := range map[string]func(root string) error{
		"no labels": func(root string) error { return os.Remove(filepath.Join(root, "faces", "dev-boxes.csv")) },
		"empty labels": func(root string) error {
			return os.WriteFile(filepath.Join(root, "faces", "masked-boxes.csv"), nil, 0o600)
		},
		"words for numbers": func(root string) error {
			return os.WriteFile(filepath.Join(root, "faces", "groups-boxes.csv"), []byte("file,x1,y1,x2,y2\ng.jpg,a,b,c,d\n"), 0o600)
		},
		"a group beyond the last": func(root string) error {
			return os.WriteFile(filepath.Join(root, "faces", "tones.csv"), []byte("file,age,group_code\nt.jpg,3,9\n"), 0o600)
		},
		"no folder": func(root string) error { return os.RemoveAll(filepath.Join(root, "wounds")) },
	} {
		t.Run(name, func(t *testing.T) {
			root := plainData(t)
			if err := spoil(root); err != nil {
				t.Fatal(err)
			}
			if _, err := FaceExamples(root, Report, 0); err == nil {
				t.Error("got no error")
			}
		})
	}
}

func TestToneExamples(t *testing.T) {
	examples, err := toneExamples(plainData(t), Report)
	if err != nil {
		t.Fatal(err)
	}
	infants, others := 0, 0
	for _, e := range examples {
		if e.Sets[0] == "infants" {
			infants++
			continue
		}
		others++
		if len(e.Sets) != 3 || e.Sets[0] != "tones" || !strings.HasPrefix(e.Sets[1], "tones/") || e.Sets[2] != "age/3 to 12" {
			t.Errorf("%s: got sets %v, want tones, a group and age/3 to 12", e.Name, e.Sets)
		}
	}
	if infants == 0 || others == 0 {
		t.Errorf("got %d infants and %d others, want both", infants, others)
	}
	for age, want := range map[int]string{0: "0 to 2", 2: "0 to 2", 3: "3 to 12", 13: "13 to 59", 59: "13 to 59", 60: "60 and more"} {
		if got := (toned{age: age}).ages(); got != want {
			t.Errorf("age %d: got %q, want %q", age, got, want)
		}
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, make([]Example, 3), findRed); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, want %v", err, context.Canceled)
	}
	failure := errors.New("no picture")
	e := Example{Name: "e", make: func() (*image.RGBA, []imaging.Box, error) { return nil, nil, failure }}
	if _, err := Run(context.Background(), []Example{e}, findRed); !errors.Is(err, failure) {
		t.Errorf("a picture that cannot be made: got %v, want %v", err, failure)
	}
	e.make = func() (*image.RGBA, []imaging.Box, error) { return image.NewRGBA(image.Rect(0, 0, 1, 1)), nil, nil }
	broken := func(image.Image) ([]imaging.Region, error) { return nil, failure }
	if _, err := Run(context.Background(), []Example{e}, broken); !errors.Is(err, failure) {
		t.Errorf("a detector that fails: got %v, want %v", err, failure)
	}
}

package train

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

// plain is a picture of one grey.
func plain(w, h int, y uint8) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = y
	}
	return m
}

// TestReviewed: what was covered is gone from what is kept, but for the faces that are to be learned, and those are gone
// from where negatives are mined.
func TestReviewed(t *testing.T) {
	picture := plain(1280, 960, 200)
	face, other := imaging.Box{X0: 100, Y0: 100, X1: 300, Y1: 300}, imaging.Box{X0: 800, Y0: 500, X1: 1000, Y1: 700}
	r, err := NewReviewed(picture, []imaging.Box{{X0: 50, Y0: 50, X1: 400, Y1: 400}, other}, []imaging.Box{face, {X0: 10, Y0: 10, X1: 20, Y1: 20}})
	if err != nil {
		t.Fatal(err)
	}
	if r.gray.Rect.Dx() != reviewedSide || len(r.faces) != 1 {
		t.Fatalf("%v with %d faces, want %d pixels a side and the one face that is large enough", r.gray.Rect, len(r.faces), reviewedSide)
	}
	g := r.ground()
	for _, c := range []struct {
		name          string
		x, y          int
		kept, hasMine bool
	}{
		{"nothing was covered", 600, 200, true, true},
		{"the face", 200, 200, true, false},
		{"the margin about it", 70, 70, false, false},
		{"another covered place", 900, 600, false, false},
		{"beside it", 780, 600, true, true},
	} {
		for what, m := range map[string]*image.Gray{"kept": r.gray, "mined": g.gray} {
			got := m.GrayAt(c.x/2, c.y/2) != (color.Gray{})
			if want := what == "kept" && c.kept || what == "mined" && c.hasMine; got != want {
				t.Errorf("%s: %s %v, want %v", c.name, what, got, want)
			}
		}
	}
	faces := reviewedFaces([]Reviewed{r, r})
	if len(faces) != 2 || len(faces[0].frames(TargetFace)) != 1 || len(faces[0].frames(TargetEye)) != 0 {
		t.Errorf("%d faces, want two, each for the target face alone", len(faces))
	}
	if grounds := reviewedGrounds([]Reviewed{r}, 100); len(grounds) != 1 || grounds[0].gray.Rect.Dx() != 100 {
		t.Errorf("grounds %v, want one of 100 pixels", grounds)
	}
	if _, err := NewReviewed(image.NewRGBA(image.Rectangle{}), nil, nil); err == nil {
		t.Error("a picture without pixels is kept")
	}
}

// TestLearnFromReviewed: a site's own pictures change what is learned.
func TestLearnFromReviewed(t *testing.T) {
	root := plainData(t)
	cfg := FaceConfig{Config: Config{Depth: 2, Tests: 16, Seed: 1, Loss: 0.1, Negatives: 60, Rounds: []int{2, 4}}, Views: 2}
	learn := func() []byte {
		t.Helper()
		c, err := LearnFace(context.Background(), cfg, TargetFace, root)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before, again := learn(), learn()
	for i := range 3 {
		r, err := NewReviewed(striped(400, 300, 5+3*i), []imaging.Box{{X0: 0, Y0: 0, X1: 100, Y1: 100}}, []imaging.Box{{X0: 10, Y0: 10, X1: 90, Y1: 90}})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Reviewed = append(cfg.Reviewed, r)
	}
	if after := learn(); !bytes.Equal(before, again) || bytes.Equal(before, after) {
		t.Errorf("the same twice: %v, the same with reviewed pictures: %v", bytes.Equal(before, again), bytes.Equal(before, after))
	}
}

// striped is a picture of stripes.
func striped(w, h, wide int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			v := uint8(60 + 120*(x/wide%2))
			m.SetRGBA(x, y, color.RGBA{v, v, v, 255})
		}
	}
	return m
}

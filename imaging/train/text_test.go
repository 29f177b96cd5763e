package train

import (
	"bytes"
	"context"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

// TestLabelRecall pastes labels of each size into wound photos and wants most of them hidden. The floors are well
// under the figures of DETECTION.md, which `cascade eval text` gives.
func TestLabelRecall(t *testing.T) {
	examples, err := TextExamples(sharedData(t), Tune, 3)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := Run(context.Background(), examples, imaging.DetectText)
	if err != nil {
		t.Fatal(err)
	}
	large, of := 0, 0
	for _, r := range Tally(imaging.KindText, Tune, outcomes) {
		switch r.Set {
		case "label/14", "label/20", "label/28", "label/40", "label/60":
			large, of = large+r.Found, of+r.Of
		case "label":
			if r.Of != 3*len(textSizes) {
				t.Errorf("got %d labels, want 3 of each of %d sizes", r.Of, len(textSizes))
			}
		}
	}
	if of != 15 || large < 11 {
		t.Errorf("got %d of %d labels of 14 pixels or more, want 11 of 15 at least", large, of)
	}
}

// TestLabelStands wants a label inside the picture, the same at each call, and its text where the box says.
func TestLabelStands(t *testing.T) {
	for seed := range uint64(12) {
		size := float64(textSizes[int(seed)%len(textSizes)])
		draw := func() (*image.RGBA, imaging.Box) {
			img := image.NewRGBA(image.Rect(0, 0, 640, 480))
			for i := range img.Pix {
				img.Pix[i] = 128
			}
			box, err := pasteLabel(img, size, rand.New(rand.NewPCG(seed, 1)))
			if err != nil {
				t.Fatal(err)
			}
			return img, box
		}
		img, box := draw()
		again, _ := draw()
		if !bytes.Equal(img.Pix, again.Pix) {
			t.Errorf("seed %d: two drawings differ", seed)
		}
		if box.X0 < 0 || box.Y0 < 0 || box.X1 > 640 || box.Y1 > 480 || min(box.X1-box.X0, box.Y1-box.Y0) < int(size)/3 {
			t.Errorf("seed %d: got %v in 640 × 480, want a box inside", seed, box)
		}
		lo, hi := 255, 0
		for y := box.Y0; y < box.Y1; y++ {
			for x := box.X0; x < box.X1; x++ {
				v := int(img.Pix[y*img.Stride+4*x])
				lo, hi = min(lo, v), max(hi, v)
			}
		}
		if hi-lo < 40 {
			t.Errorf("seed %d: levels %d to %d in the box, want ink and paper", seed, lo, hi)
		}
	}
}

func TestStanceBack(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	ink := image.NewGray(image.Rect(0, 0, 900, 160))
	for range 50 {
		v := newStance(ink, 640, 480, r)
		u, s := 900*r.Float64(), 160*r.Float64()
		x, y := v.to(u, s)
		gotU, gotS, ok := v.back(x, y, ink.Rect)
		if !ok || math.Hypot(gotU-u, gotS-s) > 1e-6 {
			t.Errorf("%+v: %.2f, %.2f comes back as %.2f, %.2f, %v", v, u, s, gotU, gotS, ok)
		}
	}
}

// TestSoftened wants one dot spread evenly over a square around it.
func TestSoftened(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 40, 30))
	m.Pix[15*m.Stride+20] = 250
	soft := softened(m, 5)
	if soft.Rect != m.Rect {
		t.Fatalf("got %v, want %v", soft.Rect, m.Rect)
	}
	for y := range 30 {
		for x := range 40 {
			want := uint8(0)
			if x >= 18 && x <= 22 && y >= 13 && y <= 17 {
				want = 10
			}
			if got := soft.GrayAt(x, y).Y; got != want {
				t.Errorf("at %d, %d: got %d, want %d", x, y, got, want)
			}
		}
	}
}

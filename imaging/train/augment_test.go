package train

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"
)

// ramp is a picture whose luma tells the place: rising to the right and downwards.
func ramp(w, h int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = uint8(i%w + i/w/2)
	}
	return m
}

// TestRender wants a view that is not changed to show the window, and one that is cut to repeat the edge.
func TestRender(t *testing.T) {
	m := ramp(100, 80)
	v := view{frame: frame{50, 40, 32}, cos: 1, pixels: 32}
	got := v.render(m)
	if p, want := sampled(got), cut(m, 40, 50, 32); p != want {
		t.Error("a window as it lies: got other pixels than a search samples")
	}
	v.mirror = true
	if a, b := v.render(m).GrayAt(3, 9), got.GrayAt(28, 9); a != b {
		t.Errorf("mirrored: got %v, want %v", a, b)
	}
	v.mirror = false
	v.edge[2], v.cut = true, 0.5
	cutOff := v.render(m)
	for x := 16; x < 32; x++ {
		if got, want := cutOff.GrayAt(x, 5).Y, cutOff.GrayAt(16, 5).Y; got != want {
			t.Fatalf("cut at the right, column %d: got %d, want %d repeated", x, got, want)
		}
	}
	half := view{frame: frame{50, 40, 64}, cos: 1, pixels: 32}
	if got, want := half.render(m).GrayAt(16, 16).Y, m.GrayAt(51, 41).Y; math.Abs(float64(got)-float64(want)) > 2 {
		t.Errorf("half the size: got %d in the middle, want about %d", got, want)
	}
}

// TestAugmented wants every view of one face to differ, and the same seed to give the same.
func TestAugmented(t *testing.T) {
	f := facePicture{labelled: labelled{x0: 60, y0: 50, x1: 140, y1: 130, marked: true, leftEye: point{80, 70},
		rightEye: point{120, 70}, nose: point{100, 90}, leftMouth: point{85, 110}, rightMouth: point{115, 110}}, gray: ramp(200, 180)}
	for _, target := range []Target{TargetFace, TargetEye, TargetMouth} {
		frames := f.frames(target)
		if want := map[Target]int{TargetEye: 2}[target]; len(frames) != max(1, want) {
			t.Errorf("%s: got %d windows on a face", target, len(frames))
		}
		seen := map[Patch]bool{}
		for i := range 50 {
			one := augmented(f, target, frames[0], rand.New(rand.NewPCG(1, uint64(i))))
			if again := augmented(f, target, frames[0], rand.New(rand.NewPCG(1, uint64(i)))); again != one {
				t.Fatalf("%s: the same seed gave another view", target)
			}
			seen[one] = true
		}
		if len(seen) != 50 {
			t.Errorf("%s: got %d different views of 50", target, len(seen))
		}
	}
	f.marked = false
	if got := len(f.frames(TargetEye)) + len(f.frames(TargetMouth)); got != 0 {
		t.Errorf("without landmarks: got %d windows of eyes and mouth", got)
	}
}

// TestMine wants no negatives at what is kept out, and from elsewhere the patches as a search samples them.
func TestMine(t *testing.T) {
	m := ramp(160, 140)
	rng := rand.New(rand.NewPCG(5, 5))
	open := ground{gray: m}
	if got := len(open.mine(&Cascade{}, 40, rng)); got != 40 {
		t.Errorf("got %d patches, want 40", got)
	}
	shut := ground{gray: m, only: image.Rect(0, 0, 1, 1)}
	if got := len(shut.mine(&Cascade{}, 40, rng)); got != 0 {
		t.Errorf("shut: got %d patches, want none", got)
	}
	f := frame{80, 70, 40}
	for name, tc := range map[string]struct {
		x, y, side float64
		want       bool
	}{
		"the same": {80, 70, 40, true}, "a little aside": {90, 75, 36, true}, "far": {120, 70, 40, false},
		"three times as large": {80, 70, 120, false}, "a third": {80, 70, 13, false},
	} {
		if got := f.near(tc.x, tc.y, tc.side); got != tc.want {
			t.Errorf("%s: got near %v, want %v", name, got, tc.want)
		}
	}
}

// TestQuarterTurned turns four times and mirrors twice, and wants the picture back.
func TestQuarterTurned(t *testing.T) {
	m := ramp(7, 5)
	n := m
	for range 4 {
		n = quarterTurned(n, 1, false)
	}
	if n = quarterTurned(quarterTurned(n, 0, true), 0, true); string(n.Pix) != string(m.Pix) {
		t.Error("got another picture")
	}
	if got, want := quarterTurned(m, 1, false).GrayAt(4, 0), m.GrayAt(0, 0); got != want {
		t.Errorf("a quarter turn: got %v at the upper right, want %v", got, want)
	}
}

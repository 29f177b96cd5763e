package imaging

import (
	"fmt"
	"image"
	"image/color"
	"testing"
)

// withOrientation puts an orientation in front of a JPEG.
func withOrientation(jpg []byte, o int) []byte { return insert(jpg, orientationSegment(o)) }

// marked is a picture with a distinct colour in each corner: stored top left red, top right green, bottom left
// blue, bottom right white.
func marked(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{128, 128, 128, 255}
			left, right, top, bottom := x < w/4, x >= w-w/4, y < h/4, y >= h-h/4
			switch {
			case left && top:
				c = color.RGBA{255, 0, 0, 255}
			case right && top:
				c = color.RGBA{0, 255, 0, 255}
			case left && bottom:
				c = color.RGBA{0, 0, 255, 255}
			case right && bottom:
				c = color.RGBA{255, 255, 255, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func name(c color.Color) string {
	r, g, b, _ := c.RGBA()
	hi := func(v uint32) bool { return v > 0xb000 }
	switch {
	case hi(r) && hi(g) && hi(b):
		return "white"
	case hi(r) && !hi(g) && !hi(b):
		return "red"
	case hi(g) && !hi(r) && !hi(b):
		return "green"
	case hi(b) && !hi(r) && !hi(g):
		return "blue"
	}
	return fmt.Sprintf("%d,%d,%d", r>>8, g>>8, b>>8)
}

// corners names the colours clockwise from the top left.
func corners(m image.Image) [4]string {
	b := m.Bounds()
	in := 3
	return [4]string{
		name(m.At(b.Min.X+in, b.Min.Y+in)), name(m.At(b.Max.X-1-in, b.Min.Y+in)),
		name(m.At(b.Max.X-1-in, b.Max.Y-1-in)), name(m.At(b.Min.X+in, b.Max.Y-1-in)),
	}
}

// The corners as they must be shown, by Exif 2.32 4.6.4 A tag 274, clockwise from the top left.
var shownCorners = map[int][4]string{
	1: {"red", "green", "white", "blue"},
	2: {"green", "red", "blue", "white"},
	3: {"white", "blue", "red", "green"},
	4: {"blue", "white", "green", "red"},
	5: {"red", "blue", "white", "green"},
	6: {"blue", "red", "green", "white"},
	7: {"white", "green", "red", "blue"},
	8: {"green", "white", "blue", "red"},
}

func TestOrientations(t *testing.T) {
	for o := 1; o <= 8; o++ {
		for _, tc := range []struct {
			name string
			w, h int
		}{{"whole units", 96, 64}, {"odd size", 95, 67}} {
			t.Run(fmt.Sprintf("%d %s", o, tc.name), func(t *testing.T) {
				s := mustRead(t, withOrientation(encodeJPEG(t, marked(tc.w, tc.h)), o))
				w, h := turnedSize(o, tc.w, tc.h)
				if s.Width() != w || s.Height() != h {
					t.Errorf("got %d × %d, want %d × %d", s.Width(), s.Height(), w, h)
				}
				if tc.name == "whole units" && s.Orientation() != 1 {
					t.Errorf("got orientation %d kept, want it turned away", s.Orientation())
				}
				checkUpright(t, s, o, w, h)
			})
		}
	}
}

// checkUpright wants the same upright picture from every way out.
func checkUpright(t *testing.T, s *Still, o, w, h int) {
	t.Helper()
	up, err := Upright(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := up.Bounds(); got.Dx() != w || got.Dy() != h {
		t.Errorf("Upright: got %v, want %d × %d", got, w, h)
	}
	if got := corners(up); got != shownCorners[o] {
		t.Errorf("Upright: got corners %v, want %v", got, shownCorners[o])
	}
	thumb, err := Render(s, SizeThumb, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, bw, bh, err := Baseline(s)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"Render": thumb.Bytes(), "Baseline": data} {
		p, err := examine(b)
		if err != nil || p.orientation != 1 || p.width != w || p.height != h {
			t.Errorf("%s: got %+v (%v), want %d × %d upright", name, p, err, w, h)
		}
		m, err := Upright(mustRead(t, b))
		if err != nil {
			t.Fatal(err)
		}
		if got := corners(m); got != shownCorners[o] {
			t.Errorf("%s: got corners %v, want %v", name, got, shownCorners[o])
		}
	}
	if bw != w || bh != h {
		t.Errorf("Baseline: got size %d × %d, want %d × %d", bw, bh, w, h)
	}
}

// TestTurnedRegions covers an upright corner of a picture whose file is not upright, and wants that corner.
func TestTurnedRegions(t *testing.T) {
	for o := 1; o <= 8; o++ {
		s := mustRead(t, withOrientation(encodeJPEG(t, marked(95, 67)), o))
		redacted, masked, err := Redact(s, []Region{{Kind: KindDrawn, Box: Box{0, 0, 10, 10}, Source: SourcePerson}})
		if err != nil {
			t.Fatalf("orientation %d: %v", o, err)
		}
		if len(masked) != 1 || !image.Rect(0, 0, 10, 10).In(masked[0].rect()) {
			t.Errorf("orientation %d: got masks %v, want one over the upper left", o, masked)
		}
		up, err := Upright(redacted)
		if err != nil {
			t.Fatal(err)
		}
		want := shownCorners[o]
		want[0] = "0,0,0"
		if got := corners(up); got != want {
			t.Errorf("orientation %d: got corners %v, want %v", o, got, want)
		}
	}
}

func TestTurnBoxInverse(t *testing.T) {
	b := Box{3, 5, 11, 17}
	for o := 1; o <= 8; o++ {
		w, h := turnedSize(o, 40, 30)
		there := turnBox(o, 40, 30, b)
		if there.clip(w, h) != there {
			t.Errorf("orientation %d: %v lies outside %d × %d", o, there, w, h)
		}
		if got := turnBox(inverseTurn(o), w, h, there); got != b {
			t.Errorf("orientation %d there and back: got %v, want %v", o, got, b)
		}
	}
}

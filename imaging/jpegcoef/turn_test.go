package jpegcoef

import (
	"fmt"
	"image"
	"testing"
)

// inverse is the orientation that undoes each orientation.
var inverse = [9]int{0, 1, 2, 3, 4, 5, 8, 7, 6}

func TestTurnAndBack(t *testing.T) {
	for _, s := range samplings {
		tr := YCbCr
		if len(s.f) == 1 {
			tr = Gray
		}
		c := synthetic(96, 192, s.f, tr)
		before := c.Clone()
		for o := 1; o <= 8; o++ {
			t.Run(fmt.Sprintf("%s/%d", s.name, o), func(t *testing.T) {
				turned, ok := c.Turn(o)
				if !ok {
					t.Fatal("an aligned picture cannot be turned")
				}
				if want := turnedSize(c, o); dims(turned) != want {
					t.Errorf("size %v, want %v", dims(turned), want)
				}
				if o > 1 && turned.EqualOutside(c, nil) {
					t.Error("nothing turned")
				}
				_, turned = rewrite(t, turned, WriteOptions{Progressive: true})
				back, ok := turned.Turn(inverse[o])
				if !ok || !back.EqualOutside(c, nil) {
					t.Error("turning back does not give the picture")
				}
			})
		}
		if !c.EqualOutside(before, nil) {
			t.Errorf("%s: Turn changed its receiver", s.name)
		}
	}
}

func turnedSize(c *Coefficients, o int) image.Point {
	if o > 4 {
		return image.Pt(c.Height(), c.Width())
	}
	return dims(c)
}

// TestTurnExactOnly turns pictures whose edges are not whole MCUs.
func TestTurnExactOnly(t *testing.T) {
	tests := []struct {
		name string
		w, h int
		f    factors
		want [9]bool // by orientation
	}{
		{"aligned", 32, 16, half420, [9]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true}},
		{"width not aligned", 33, 16, half420, [9]bool{1: true, 4: true, 5: true, 6: true}},
		{"height not aligned", 32, 24, half420, [9]bool{1: true, 2: true, 5: true, 8: true}},
		{"neither", 33, 24, half420, [9]bool{1: true, 5: true}},
		{"tall MCUs", 24, 24, tall440, [9]bool{1: true, 2: true, 5: true, 8: true}},
		{"gray", 24, 40, gray, [9]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true}},
	}
	for _, tt := range tests {
		tr := YCbCr
		if len(tt.f) == 1 {
			tr = Gray
		}
		c := synthetic(tt.w, tt.h, tt.f, tr)
		for o := -1; o <= 9; o++ {
			want := o > 0 && o < 9 && tt.want[o]
			got, ok := c.Turn(o)
			if ok != want {
				t.Errorf("%s: Turn(%d) is exact: %v, want %v", tt.name, o, ok, want)
			}
			if !ok && got != c {
				t.Errorf("%s: Turn(%d) is not exact and gives another picture", tt.name, o)
			}
		}
	}
}

// TestTurnPixels compares turned coefficients with turned pixels. Rounding in
// the inverse transform is not symmetric, so samples may differ by one.
func TestTurnPixels(t *testing.T) {
	for _, f := range []factors{gray, full, half420, wide422} {
		tr := YCbCr
		if len(f) == 1 {
			tr = Gray
		}
		c := synthetic(64, 48, f, tr)
		want := luma(t, c)
		for o := 1; o <= 8; o++ {
			turned, ok := c.Turn(o)
			if !ok {
				t.Fatalf("Turn(%d) is not exact", o)
			}
			got := luma(t, turned)
			for y := range turned.Height() {
				for x := range turned.Width() {
					sx, sy := source(o, x, y, c.Width(), c.Height())
					if d := int(got(x, y)) - int(want(sx, sy)); d < -1 || d > 1 {
						t.Fatalf("%v, orientation %d: pixel %d,%d differs by %d", f, o, x, y, d)
					}
				}
			}
		}
	}
}

// luma decodes c and returns its first component.
func luma(t *testing.T, c *Coefficients) func(x, y int) uint8 {
	t.Helper()
	img, err := c.Decode()
	if err != nil {
		t.Fatal(err)
	}
	switch m := img.(type) {
	case *image.Gray:
		return func(x, y int) uint8 { return m.Pix[m.PixOffset(x, y)] }
	case *image.YCbCr:
		return func(x, y int) uint8 { return m.Y[m.YOffset(x, y)] }
	}
	t.Fatalf("Decode gave a %T", img)
	return nil
}

// source returns which stored pixel an upright pixel comes from, as the table of
// the Exif standard has it: where row 0 and column 0 of the stored picture are.
func source(orientation, x, y, w, h int) (sx, sy int) {
	switch orientation {
	case 2: // row 0 top, column 0 right
		return w - 1 - x, y
	case 3: // bottom, right
		return w - 1 - x, h - 1 - y
	case 4: // bottom, left
		return x, h - 1 - y
	case 5: // row 0 left, column 0 top
		return y, x
	case 6: // right, top
		return y, h - 1 - x
	case 7: // right, bottom
		return w - 1 - y, h - 1 - x
	case 8: // left, bottom
		return w - 1 - y, x
	}
	return x, y
}

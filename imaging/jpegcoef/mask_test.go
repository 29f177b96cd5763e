package jpegcoef

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"testing"
)

func TestMask(t *testing.T) {
	rects := []struct {
		name string
		r    image.Rectangle
	}{
		{"one pixel", image.Rect(20, 20, 21, 21)},
		{"the middle", image.Rect(30, 17, 60, 41)},
		{"the corner", image.Rect(90, 60, 500, 500)},
		{"beyond left and top", image.Rect(-50, -50, 3, 3)},
		{"everything", image.Rect(-1, -1, 1000, 1000)},
	}
	for _, s := range samplings {
		for _, tt := range rects {
			t.Run(s.name+"/"+tt.name, func(t *testing.T) {
				tr := YCbCr
				if len(s.f) == 1 {
					tr = Gray
				}
				c := synthetic(101, 75, s.f, tr)
				m := c.Clone()
				got := m.Mask(tt.r, [3]uint8{10, 20, 30})
				want := grown(tt.r, m)
				if got != want {
					t.Fatalf("Mask(%v) = %v, want %v", tt.r, got, want)
				}
				_, again := rewrite(t, m, WriteOptions{})
				for name, o := range map[string]*Coefficients{"masked": m, "written and read": again} {
					if !o.MaskedSolid(got) || !o.MaskedSolid(tt.r) {
						t.Errorf("%s: not solid", name)
					}
					if !o.EqualOutside(c, []image.Rectangle{got}) || !c.EqualOutside(o, []image.Rectangle{tt.r}) {
						t.Errorf("%s: differs outside of the mask", name)
					}
				}
				if c.EqualOutside(m, nil) {
					t.Error("nothing changed")
				}
			})
		}
	}
}

// grown returns r made of whole MCUs, clipped to the picture, the slow way.
func grown(r image.Rectangle, c *Coefficients) image.Rectangle {
	w, h := c.MCUSize()
	var out image.Rectangle
	for y := 0; y < c.Height(); y += h {
		for x := 0; x < c.Width(); x += w {
			mcu := image.Rect(x, y, x+w, y+h).Intersect(image.Rect(0, 0, c.Width(), c.Height()))
			if mcu.Overlaps(r) {
				out = out.Union(mcu)
			}
		}
	}
	return out
}

func TestMaskNothing(t *testing.T) {
	c := synthetic(50, 50, half420, YCbCr)
	m := c.Clone()
	for _, r := range []image.Rectangle{{}, image.Rect(50, 0, 90, 50), image.Rect(-9, -9, 0, 0), image.Rect(5, 5, 5, 9)} {
		if got := m.Mask(r, [3]uint8{}); !got.Empty() {
			t.Errorf("Mask(%v) = %v, want nothing", r, got)
		}
		if m.MaskedSolid(r) {
			t.Errorf("MaskedSolid(%v) = true of nothing", r)
		}
	}
	if !m.EqualOutside(c, nil) {
		t.Error("masking nothing changed the picture")
	}
}

// TestMaskPixels looks at masked pixels with another decoder.
func TestMaskPixels(t *testing.T) {
	c := mustRead(t, encoded(t, 203, 151))
	colours := [][3]uint8{{0, 0, 0}, {255, 255, 255}, {128, 128, 128}, {200, 40, 90}}
	for _, want := range colours {
		m := c.Clone()
		r := m.Mask(image.Rect(60, 60, 110, 100), want)
		out, _ := rewrite(t, m, WriteOptions{})
		img, err := jpeg.Decode(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		ycc := img.(*image.YCbCr)
		first := ycc.YCbCrAt(r.Min.X, r.Min.Y)
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				if got := ycc.YCbCrAt(x, y); got != first {
					t.Fatalf("colour %v: pixel %d,%d is %v, the first is %v", want, x, y, got, first)
				}
			}
		}
		cr, cg, cb, _ := first.RGBA()
		for i, got := range []uint32{cr >> 8, cg >> 8, cb >> 8} {
			if d := int(got) - int(want[i]); d < -4 || d > 4 {
				t.Errorf("colour %v came out as %d, %d, %d", want, cr>>8, cg>>8, cb>>8)
			}
		}
	}
}

// TestProofSeesEverything changes one coefficient at a time.
func TestProofSeesEverything(t *testing.T) {
	c := synthetic(64, 64, half420, YCbCr)
	masked := c.Mask(image.Rect(16, 16, 32, 32), [3]uint8{})
	for i := range c.comps {
		for _, k := range []int{0, 1, 63} {
			inside, outside := c.Clone(), c.Clone()
			p := &inside.comps[i]
			p.block(p.v*p.blocksW + p.h)[k]++
			if solid := inside.MaskedSolid(masked); solid && (k > 0 || p.h > 1) {
				t.Errorf("component %d, coefficient %d: still solid after a change inside", i, k)
			}
			if !inside.EqualOutside(c, []image.Rectangle{masked}) {
				t.Errorf("component %d, coefficient %d: a change inside counts as outside", i, k)
			}
			outside.comps[i].block(0)[k]++
			if outside.EqualOutside(c, []image.Rectangle{masked}) {
				t.Errorf("component %d, coefficient %d: a change outside is not seen", i, k)
			}
		}
		quant := c.Clone()
		quant.comps[i].quant[40]++
		if quant.EqualOutside(c, []image.Rectangle{c.bounds()}) {
			t.Errorf("component %d: another quantisation is not seen", i)
		}
	}
	for name, o := range map[string]*Coefficients{
		"size":       synthetic(64, 63, half420, YCbCr),
		"sampling":   synthetic(64, 64, full, YCbCr),
		"components": synthetic(64, 64, gray, Gray),
		"colours":    synthetic(64, 64, half420, RGB),
	} {
		if c.EqualOutside(o, []image.Rectangle{c.bounds()}) {
			t.Errorf("another %s is not seen", name)
		}
	}
}

func TestMaskLevels(t *testing.T) {
	for _, q := range []uint16{1, 2, 7, 16, 99, 255, 4000} {
		p := &component{}
		p.quant[0] = q
		for level := range 256 {
			dc := int(p.constant(uint8(level)))
			if dc < minDC || dc > maxDC {
				t.Fatalf("quant %d, level %d: DC %d", q, level, dc)
			}
			if d := dc*int(q) - 8*(level-128); 2*max(d, -d) > int(q) {
				t.Errorf("quant %d, level %d: DC %d is not the nearest", q, level, dc)
			}
		}
	}
}

func TestAccessors(t *testing.T) {
	c := synthetic(101, 75, odd321, YCbCr)
	w, h := c.MCUSize()
	got := fmt.Sprint(c.Width(), c.Height(), c.Components(), w, h, c.Progressive(), c.ColorTransform())
	if want := "101 75 3 24 16 false YCbCr"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for i, want := range [][2]int{{3, 2}, {2, 1}, {1, 1}, {0, 0}} {
		if h, v := c.Sampling(i); h != want[0] || v != want[1] {
			t.Errorf("Sampling(%d) = %d, %d, want %v", i, h, v, want)
		}
	}
	if h, v := c.Sampling(-1); h != 0 || v != 0 {
		t.Errorf("Sampling(-1) = %d, %d, want 0, 0", h, v)
	}
	if Gray.String() != "Gray" || RGB.String() != "RGB" || Transform(0).String() != "unknown" {
		t.Error("names of transforms are wrong")
	}
}

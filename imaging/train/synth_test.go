package train

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"
)

// limb is a picture of skin in the middle of a grey sheet.
func limb(w, h int, seed uint64) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 11))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			grain := 4 * r.NormFloat64()
			c := [3]float64{120 + grain, 125 + grain, 130 + grain}
			if x > w/6 && x < 5*w/6 {
				k := 0.8 + 0.2*math.Sin(math.Pi*float64(x)/float64(w))
				c = [3]float64{214*k + grain, 158*k + grain, 130*k + grain}
			}
			put(img, x, y, c)
		}
	}
	return img
}

func TestSkinMap(t *testing.T) {
	img := limb(240, 160, 1)
	for y := 60; y < 100; y++ { // a wound
		for x := 100; x < 140; x++ {
			img.SetRGBA(x, y, color.RGBA{150, 30, 35, 255})
		}
	}
	m := newSkinMap(img)
	for _, c := range []struct {
		name           string
		x0, y0, x1, y1 int
		least, most    float64
	}{
		{"skin", 48, 8, 96, 48, 1, 1}, {"sheet", 0, 0, 32, 160, 0, 0}, {"wound", 104, 64, 136, 96, 0, 0},
		{"half", 16, 0, 64, 48, 0.3, 0.8}, {"outside", 200, 100, 300, 150, 0, 0},
	} {
		if got := m.share(c.x0, c.y0, c.x1, c.y1); got < c.least || got > c.most {
			t.Errorf("%s: got %.2f skin, want %.2f to %.2f", c.name, got, c.least, c.most)
		}
	}
	if got := newSkinMap(image.NewRGBA(image.Rect(0, 0, 64, 64))).share(0, 0, 64, 64); got != 0 {
		t.Errorf("black: got %.2f skin", got)
	}
	if got := newSkinMap(image.NewRGBA(image.Rect(0, 0, 3, 3))).share(0, 0, 3, 3); got != 0 {
		t.Errorf("three pixels: got %.2f skin", got)
	}
}

func TestLargestPart(t *testing.T) {
	m := &skinMap{cols: 4, rows: 2}
	got := m.largest([]bool{true, false, true, true, true, false, false, true})
	for i, want := range []bool{false, false, true, true, false, false, false, true} {
		if got[i] != want {
			t.Errorf("cell %d: got %v, want %v", i, got[i], want)
		}
	}
}

func TestTattooIsDrawnOnSkin(t *testing.T) {
	d, err := newDesigns(drawingsFile(t), Train)
	if err != nil {
		t.Fatal(err)
	}
	drawn := 0
	for i := range 12 {
		img, before := limb(360, 300, uint64(i)), limb(360, 300, uint64(i))
		box, ok := d.tattoo(img, newSkinMap(img), rand.New(rand.NewPCG(5, uint64(i))))
		changed := rect{math.Inf(1), math.Inf(1), 0, 0}
		for y := range 300 {
			for x := range 360 {
				a, b := img.RGBAAt(x, y), before.RGBAAt(x, y)
				if int(b.R)-int(a.R)+int(b.G)-int(a.G)+int(b.B)-int(a.B) > 120 {
					fx, fy := float64(x), float64(y)
					changed = rect{min(changed.x0, fx), min(changed.y0, fy), max(changed.x1, fx+1), max(changed.y1, fy+1)}
				}
			}
		}
		if !ok {
			if changed.x1 > 0 {
				t.Errorf("%d: refused, and drawn all the same", i)
			}
			continue
		}
		drawn++
		if max(box.x1-box.x0, box.y1-box.y0) < d.floor.side || box.x0 < 0 || box.y0 < 0 || box.x1 > 360 || box.y1 > 300 {
			t.Errorf("%d: got box %v", i, box)
		}
		if changed.x1 > 0 && changed.cut(box) != changed {
			t.Errorf("%d: dark pixels in %v, box %v", i, changed, box)
		}
	}
	if drawn < 6 {
		t.Errorf("%d of 12 tattoos found a place", drawn)
	}
	sheet := image.NewRGBA(image.Rect(0, 0, 200, 200))
	if _, ok := d.tattoo(sheet, newSkinMap(sheet), rand.New(rand.NewPCG(1, 1))); ok {
		t.Error("a tattoo on a picture without skin")
	}
	tiny := limb(50, 50, 1)
	if _, ok := d.tattoo(tiny, newSkinMap(tiny), rand.New(rand.NewPCG(1, 1))); ok {
		t.Error("a tattoo on a picture too small for one")
	}
}

func TestVisible(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 100, 100))
	for i := range img.Pix {
		img.Pix[i] = 180
	}
	square := func(side int, ink float64, shade uint8) (dabs []dab) {
		for i := range side * side {
			dabs = append(dabs, dab{x: 10 + i%side, y: 10 + i/side, ink: ink, rgb: [3]uint8{shade, shade, shade}})
		}
		return dabs
	}
	for _, c := range []struct {
		name string
		dabs []dab
		want bool
	}{
		{"dark and large", square(50, 1, 60), true}, {"small", square(20, 1, 60), false},
		{"pale", square(50, 1, 170), false}, {"next to no ink", square(50, 0.1, 60), false}, {"none", nil, false},
	} {
		box, got := visible(img, c.dabs, plainFloor)
		if got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
		if got && box != (rect{10, 10, 60, 60}) {
			t.Errorf("%s: got box %v", c.name, box)
		}
	}
}

package imaging

import (
	"encoding/binary"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// plainSkin is a picture of lit skin with some grain.
func plainSkin(w, h int, seed uint64) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 7))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			light := 0.85 + 0.15*math.Sin(float64(x)/float64(w)*3) + 0.02*r.NormFloat64()
			img.SetRGBA(x, y, color.RGBA{level(216 * light), level(160 * light), level(132 * light), 255})
		}
	}
	return img
}

func level(v float64) uint8 { return uint8(min(max(v, 0), 255)) }

// inked draws a flower of dark bent strokes around a point, as large as reach in every direction.
func inked(img *image.RGBA, cx, cy, reach float64) {
	for y := int(cy - reach); y < int(cy+reach); y++ {
		for x := int(cx - reach); x < int(cx+reach); x++ {
			dx, dy := float64(x)-cx, float64(y)-cy
			far := math.Hypot(dx, dy) / reach
			petal := math.Sin(6*math.Atan2(dy, dx) + 5*far)
			if far < 0.95 && (petal > 0.25 || math.Abs(far-0.9) < 0.05 || far < 0.12) && image.Pt(x, y).In(img.Rect) {
				c := img.RGBAAt(x, y)
				img.SetRGBA(x, y, color.RGBA{c.R / 4, c.G / 3, uint8(int(c.B) * 2 / 5), 255})
			}
		}
	}
}

func TestSearchTattoosFindsInkOnSkin(t *testing.T) {
	for _, size := range []int{1, 3} { // the second is searched at a smaller scale
		w, h, k := 480*size, 400*size, float64(size)
		img := plainSkin(w, h, 1)
		inked(img, 300*k, 220*k, 70*k)
		found, err := searchTattoos(img)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Fatalf("size %d: a flower of ink on skin: nothing found", size)
		}
		f := found[0]
		if f.kind != KindTattoo || f.source != tattooSource || f.model != tattooModel || f.tuning == "" {
			t.Errorf("size %d: got kind %q, source %q, tuning %q", size, f.kind, f.source, f.tuning)
		}
		both := max(0, min(f.x1, 370*k)-max(f.x0, 230*k)) * max(0, min(f.y1, 290*k)-max(f.y0, 150*k))
		union := (f.x1-f.x0)*(f.y1-f.y0) + 140*k*140*k - both
		if both/union < 0.4 {
			t.Errorf("size %d: got box %.0f %.0f %.0f %.0f, want near 230 150 370 290 times %d", size, f.x0, f.y0, f.x1, f.y1, size)
		}
		if f.score < FaintScore || f.score > 1 {
			t.Errorf("size %d: got score %.2f, want a firm one", size, f.score)
		}
	}
}

func TestSearchTattoosOfHostilePictures(t *testing.T) {
	fill := func(w, h int, at func(x, y int) color.RGBA) *image.RGBA {
		img := image.NewRGBA(image.Rect(0, 0, w, h))
		for y := range h {
			for x := range w {
				img.SetRGBA(x, y, at(x, y))
			}
		}
		return img
	}
	flat := func(c color.RGBA) func(x, y int) color.RGBA { return func(x, y int) color.RGBA { return c } }
	r := rand.New(rand.NewPCG(3, 3))
	noise := func(x, y int) color.RGBA {
		return color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
	}
	black, skin := color.RGBA{A: 255}, color.RGBA{205, 150, 125, 255}
	moved := fill(90, 90, flat(skin))
	for name, c := range map[string]struct {
		img   *image.RGBA
		empty bool // nothing may be found
	}{
		"nothing":             {image.NewRGBA(image.Rectangle{}), true},
		"one pixel":           {fill(1, 1, flat(skin)), true},
		"one black pixel":     {fill(1, 1, flat(black)), true},
		"wide panorama":       {fill(3000, 100, flat(skin)), true},
		"tall panorama":       {fill(20, 600, flat(skin)), true},
		"panorama of noise":   {fill(1500, 50, noise), false},
		"line":                {fill(2000, 1, noise), false},
		"black":               {fill(500, 500, flat(black)), true},
		"white":               {fill(500, 500, flat(color.RGBA{255, 255, 255, 255})), true},
		"grey":                {fill(500, 400, flat(color.RGBA{128, 128, 128, 255})), true},
		"skin":                {fill(640, 640, flat(skin)), true},
		"skin with grain":     {plainSkin(640, 480, 4), true},
		"noise":               {fill(640, 640, noise), false},
		"not from the origin": {moved.SubImage(image.Rect(10, 10, 80, 80)).(*image.RGBA), true},
		"stripes": {fill(640, 640, func(x, y int) color.RGBA {
			return color.RGBA{uint8(x * 40), uint8(x * 40), uint8(y * 3), 255}
		}), false},
	} {
		start := time.Now()
		found, err := searchTattoos(c.img)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 20*time.Second { // a tenth of a second, on a machine to itself
			t.Errorf("%s: took %v", name, took)
		}
		if c.empty && len(found) > 0 {
			t.Errorf("%s: found %d tattoos", name, len(found))
		}
		w, h := float64(c.img.Rect.Dx()), float64(c.img.Rect.Dy())
		for _, f := range found {
			if f.x0 < 0 || f.y0 < 0 || f.x1 <= f.x0 || f.y1 <= f.y0 || f.x0 >= max(w, tattooLeast) || f.y0 >= max(h, tattooLeast) || !(f.score > 0 && f.score < 1) {
				t.Errorf("%s: got box %v %v %v %v, score %v in %v × %v", name, f.x0, f.y0, f.x1, f.y1, f.score, w, h)
			}
		}
		regions, err := DetectTattoos(c.img)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, region := range regions {
			if region.Box.empty() || region.Box != region.Box.clip(c.img.Rect.Dx(), c.img.Rect.Dy()) {
				t.Errorf("%s: region %v outside the picture", name, region.Box)
			}
		}
	}
}

// walk evaluates the cascade file on a tile by the published format, apart from pigo.
func walk(file []byte, tile *[TileSize]byte) (sum float32, ok bool) {
	depth, trees := int(binary.LittleEndian.Uint32(file[8:])), int(binary.LittleEndian.Uint32(file[12:]))
	at := file[16:]
	number := func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }
	value := func(row, col byte) byte { return tile[(int(int8(row))/8+16)*TileSide+int(int8(col))/8+16] }
	var last float32
	for range trees {
		inner := 1<<depth - 1
		i := 0
		for i < inner {
			n := at[4*i:]
			i = 2*i + 1
			if value(n[0], n[1]) <= value(n[2], n[3]) {
				i++
			}
		}
		sum += number(at[4*inner+4*(i-inner):])
		last = number(at[4*inner+4*(inner+1):])
		if sum <= last {
			return 0, false
		}
		at = at[4*inner+4*(inner+1)+4:]
	}
	return sum - last, sum > last
}

// The mosaic is a detour: pigo must see the tile of each window, and nothing of its neighbours.
func TestJudgeSeesEachTile(t *testing.T) {
	cascade, err := tattooModel.unpack()
	if err != nil {
		t.Fatal(err)
	}
	img := plainSkin(300, 260, 2)
	inked(img, 130, 120, 80)
	v := ViewTattoos(img)
	got := map[TattooWindow]float32{}
	for _, h := range v.judge(cascade) {
		got[h.TattooWindow] = h.q
	}
	windows, accepted := v.Windows(), 0
	for _, w := range windows {
		var tile [TileSize]byte
		v.Tile(w, &tile)
		want, ok := walk(tattooCascade, &tile)
		q, has := got[w]
		if ok != has || math.Abs(float64(q-want)) > 1e-5 && ok {
			t.Fatalf("window %v: got %v (%v), want %v (%v)", w, q, has, want, ok)
		}
		if ok {
			accepted++
		}
	}
	if accepted == 0 || accepted == len(windows) {
		t.Errorf("%d of %d windows accepted: the test shows nothing", accepted, len(windows))
	}
}

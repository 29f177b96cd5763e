package imaging

import (
	"image"
	"image/color"
	"slices"
	"testing"
)

func TestViewSumsWhatPixelsHave(t *testing.T) {
	img := plainSkin(150, 110, 5)
	inked(img, 70, 60, 40)
	v := ViewTattoos(img)
	p := newPlanes(img)
	p.ink(newToneMap(p))
	for _, r := range []image.Rectangle{image.Rect(0, 0, 1, 1), image.Rect(0, 0, 75, 55), image.Rect(30, 20, 41, 37), image.Rect(74, 54, 75, 55)} {
		var want [tattooChannels]uint32
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				p.block(2*x, 2*y, &want)
			}
		}
		var got [tattooChannels]uint8
		v.means(r.Min.X, r.Min.Y, r.Max.X, r.Max.Y, &got)
		for c := range got {
			mean := min(want[c]*uint32(tattooGain[c])/uint32(4*r.Dx()*r.Dy()), 255)
			if d := int(got[c]) - int(mean); d < -1 || d > 1 {
				t.Errorf("blocks %v, channel %d: got %d, want %d", r, c, got[c], mean)
			}
		}
	}
}

func TestViewChannels(t *testing.T) {
	img := plainSkin(400, 400, 6)
	fill := func(r image.Rectangle, c color.RGBA) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				img.SetRGBA(x, y, c)
			}
		}
	}
	fill(image.Rect(40, 40, 100, 100), color.RGBA{40, 45, 55, 255})     // black ink
	fill(image.Rect(160, 40, 220, 100), color.RGBA{70, 110, 120, 255})  // aged ink
	fill(image.Rect(280, 40, 340, 100), color.RGBA{180, 40, 40, 255})   // blood
	fill(image.Rect(40, 280, 100, 340), color.RGBA{250, 215, 195, 255}) // glare
	v := ViewTattoos(img)
	mean := func(x, y, channel int) int {
		var m [tattooChannels]uint8
		v.means((x+8)/2, (y+8)/2, (x+52)/2, (y+52)/2, &m)
		return int(m[channel])
	}
	skin := mean(200, 200, chInk)
	if black, aged := mean(40, 40, chInk), mean(160, 40, chInk); black < skin+60 || aged < skin+40 {
		t.Errorf("ink: got %d for black, %d for aged ink, %d for skin", black, aged, skin)
	}
	if glare := mean(40, 280, chInk); glare > skin+12 {
		t.Errorf("ink: got %d for glare, %d for skin", glare, skin)
	}
	if blood, black := mean(280, 40, chRed), mean(40, 40, chRed); blood < 150 || black > 110 {
		t.Errorf("red: got %d for blood, %d for ink, want over 150 and under 110", blood, black)
	}
	if s, ink := mean(200, 200, chSkin), mean(160, 40, chSkin); s < 120 || ink > 60 {
		t.Errorf("skin: got %d for skin, %d for ink", s, ink)
	}
}

func TestDirections(t *testing.T) {
	for _, c := range []struct {
		dx, dy int32
		want   int
	}{{9, 0, chEdge0}, {-9, 2, chEdge0}, {0, 5, chEdge90}, {1, -9, chEdge90}, {6, 6, chEdge45}, {-6, -5, chEdge45}, {6, -6, chEdge135}, {-5, 6, chEdge135}} {
		if got := direction(c.dx, c.dy); got != c.want {
			t.Errorf("gradient %d, %d: got channel %d, want %d", c.dx, c.dy, got, c.want)
		}
	}
}

func TestToneFollowsTheLight(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 480, 240))
	for y := range 240 {
		for x := range 480 {
			k := 0.55 + 0.45*float64(x)/480
			img.SetRGBA(x, y, color.RGBA{level(215 * k), level(160 * k), level(132 * k), 255})
		}
	}
	p := newPlanes(img)
	m := newToneMap(p)
	left, right := m.at(20, 120), m.at(460, 120)
	if int(right.y)-int(left.y) < 30 {
		t.Errorf("got tones %d left in the shade and %d right in the light, want 30 apart at least", left.y, right.y)
	}
	if m.share < 0.2 {
		t.Errorf("got a share of %.2f for a picture of skin", m.share)
	}
	grey := newToneMap(newPlanes(image.NewRGBA(image.Rect(0, 0, 100, 100))))
	if grey.share != 0 || grey.whole.cb != 128 || grey.whole.cr != 128 {
		t.Errorf("black picture: got share %.2f and tone %v, want none and no colour", grey.share, grey.whole)
	}
}

func TestSlide(t *testing.T) {
	src := make([]toneSum, 5)
	for i := range src {
		src[i].n = float64(i + 1)
	}
	dst := make([]toneSum, 5)
	slide(src, dst, 5, 1, 1)
	for i, want := range []float64{1, 2, 3, 4, 3} { // sums 3, 6, 9, 12, 9 over 3
		if got := dst[i].n; got < want-1e-9 || got > want+1e-9 {
			t.Errorf("mean %d: got %v, want %v", i, got, want)
		}
	}
}

func TestWindows(t *testing.T) {
	for _, size := range []image.Point{{512, 512}, {640, 250}, {64, 64}, {101, 333}} {
		v := ViewTattoos(image.NewRGBA(image.Rectangle{Max: size}))
		windows := v.Windows()
		if len(windows) == 0 || len(windows) > 8000 {
			t.Errorf("%v: got %d windows", size, len(windows))
		}
		right, low := 0, 0
		for _, w := range windows {
			side := w.cell * tileCells
			if w.bx < 0 || w.by < 0 || w.bx+side > v.bw || w.by+side > v.bh {
				t.Fatalf("%v: window %v outside of %d × %d blocks", size, w, v.bw, v.bh)
			}
			right, low = max(right, w.bx+side), max(low, w.by+side)
			x0, y0, x1, _ := v.Bounds(w)
			if back, ok := v.Window(x0, y0, x1-x0); !ok || back != w {
				t.Fatalf("%v: window %v came back as %v, %v", size, w, back, ok)
			}
		}
		if right != v.bw || low != v.bh {
			t.Errorf("%v: windows reach %d, %d of %d, %d blocks", size, right, low, v.bw, v.bh)
		}
	}
}

func TestStarts(t *testing.T) {
	for _, c := range []struct {
		end, step int
		want      []int
	}{{-1, 3, nil}, {0, 3, []int{0}}, {5, 3, []int{0, 3, 5}}, {6, 3, []int{0, 3, 6}}} {
		if got := starts(c.end, c.step); !slices.Equal(got, c.want) {
			t.Errorf("starts(%d, %d): got %v, want %v", c.end, c.step, got, c.want)
		}
	}
}

func TestTileLayout(t *testing.T) {
	from, to := TileRamp()
	img := plainSkin(300, 300, 8)
	inked(img, 150, 150, 90)
	v := ViewTattoos(img)
	w, _ := v.Window(80, 80, 140)
	var tile [TileSize]byte
	for i := range tile {
		tile[i] = 0xAA // what was there before must not matter
	}
	v.Tile(w, &tile)
	for i := from; i < to; i++ {
		if want := uint8(2 * (i - from)); tile[i] != want {
			t.Fatalf("constant %d: got %d, want %d", i-from, tile[i], want)
		}
	}
	var again [TileSize]byte
	v.Tile(w, &again)
	if tile != again {
		t.Error("a tile depends on what was in it before")
	}
	cells := tile[chInk*tileGrid:][:tileGrid]
	order := tile[tileRanks+chInk*len(ranks):][:len(ranks)]
	if got, want := order[len(ranks)-1], slices.Max(cells)&^1; got != want {
		t.Errorf("greatest ink: got %d, want %d", got, want)
	}
	for i := range TileSize {
		for draw := range 300 {
			j := TileLike(i, draw)
			if j < 0 || j >= TileSize || (i >= from && i < to) != (j >= from && j < to) {
				t.Fatalf("TileLike(%d, %d): got %d", i, draw, j)
			}
			if i < tileRanks && j/tileGrid != i/tileGrid {
				t.Fatalf("TileLike(%d, %d): got %d, of another channel", i, draw, j)
			}
		}
	}
}

func TestGroup(t *testing.T) {
	v := ViewTattoos(image.NewRGBA(image.Rect(0, 0, 480, 480)))
	window := func(x, y, side float64, q float32) tattooHit {
		w, _ := v.Window(x, y, side)
		return tattooHit{w, q}
	}
	for _, c := range []struct {
		name string
		hits []tattooHit
		want int
	}{
		{"none", nil, 0},
		{"one, too weak", []tattooHit{window(100, 100, 96, 5)}, 0},
		{"one, sure", []tattooHit{window(100, 100, 96, 12)}, 1},
		{"several weak on one place", []tattooHit{window(100, 100, 96, 5), window(110, 100, 96, 5), window(100, 110, 96, 5)}, 1},
		{"two places", []tattooHit{window(20, 20, 96, 12), window(300, 300, 96, 12)}, 2},
		{"a small one in a large one", []tattooHit{window(100, 100, 200, 12), window(150, 150, 60, 3)}, 1},
		{"two that a weak one joins", []tattooHit{window(20, 20, 96, 12), window(140, 20, 96, 12), window(80, 20, 96, 6)}, 1},
	} {
		if got := v.group(c.hits, 10); len(got) != c.want {
			t.Errorf("%s: got %d boxes, want %d", c.name, len(got), c.want)
		}
	}
	strong, weak := v.group([]tattooHit{window(20, 20, 96, 80)}, 10), v.group([]tattooHit{window(20, 20, 96, 20)}, 10)
	if strong[0].score <= weak[0].score {
		t.Errorf("scores: got %v for hot and %v for lukewarm", strong[0].score, weak[0].score)
	}
	b := strong[0]
	if b.x0 < 20 || b.x1 > 125 || b.x1-b.x0 < 60 {
		t.Errorf("box of a window from 20 to 116: got %v to %v", b.x0, b.x1)
	}
	var many []tattooHit
	for _, w := range v.Windows() {
		if w.cell == tattooCells[0] && (w.bx/24+w.by/24)%2 == 0 {
			many = append(many, tattooHit{w, 12})
		}
	}
	if got := v.group(many, 10); len(got) > tattooMost {
		t.Errorf("got %d boxes, want at most %d", len(got), tattooMost)
	}
}

func BenchmarkSearchTattoos(b *testing.B) {
	img := plainSkin(640, 480, 9)
	inked(img, 300, 220, 90)
	for b.Loop() {
		if _, err := searchTattoos(img); err != nil {
			b.Fatal(err)
		}
	}
}

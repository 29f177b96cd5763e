package imaging

import (
	"image"
	"testing"
)

// mirrored gives the picture with left and right exchanged.
func mirrored(img *image.RGBA) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewRGBA(img.Rect)
	for y := range h {
		for x := range w {
			out.SetRGBA(w-1-x, y, img.RGBAAt(x, y))
		}
	}
	return out
}

func TestTileOfMirroredPicture(t *testing.T) {
	img := plainSkin(320, 240, 12)
	inked(img, 130, 110, 70)
	a, b := ViewTattoos(img), ViewTattoos(mirrored(img))
	for _, w := range a.Windows() {
		var here, there [TileSize]byte
		a.Tile(w, &here)
		b.Tile(TattooWindow{a.bw - w.bx - w.cell*tileCells, w.by, w.cell}, &there)
		for _, c := range []int{chBlue, chRed, chSkin, chEdge, chInk, chDark, chTexture} {
			for i := range tileGrid {
				x, y := i%tileCells, i/tileCells
				p, q := here[c*tileGrid+i], there[c*tileGrid+y*tileCells+tileCells-1-x]
				if absInt(int(p)-int(q)) > 3 {
					t.Fatalf("window %v, channel %d, cell %d: got %d, mirrored %d", w, c, i, p, q)
				}
			}
			for k := range 6 {
				p, q := here[tileStats+k*tattooChannels+c], there[tileStats+k*tattooChannels+c]
				if absInt(int(p)-int(q)) > 6 {
					t.Fatalf("window %v, channel %d, statistic %d: got %d, mirrored %d", w, c, k, p, q)
				}
			}
		}
	}
}

func TestTileOfSmallerPicture(t *testing.T) {
	large := plainSkin(1280, 960, 13)
	inked(large, 600, 500, 280)
	small, _ := tattooPicture(large)
	a, b := ViewTattoos(large), ViewTattoos(small)
	wa, ok := a.Window(320, 220, 560)
	if !ok {
		t.Fatal("no window")
	}
	wb, _ := b.Window(160, 110, 280)
	var ta, tb [TileSize]byte
	a.Tile(wa, &ta)
	b.Tile(wb, &tb)
	if wa != wb || ta != tb {
		t.Errorf("windows %v and %v of one picture, given large and small, are described differently", wa, wb)
	}
	x0, _, x1, _ := a.Bounds(wa)
	y0, _, y1, _ := b.Bounds(wb)
	if d := (x1 - x0) - 2*(y1-y0); d < -1e-6 || d > 1e-6 {
		t.Errorf("got sides %v and %v, want twice as large", x1-x0, y1-y0)
	}
}

func TestDescribe(t *testing.T) {
	fill := func(at func(x, y int) uint8) *[tileGrid]uint8 {
		var v [tileGrid]uint8
		for i := range v {
			v[i] = at(i%tileCells, i/tileCells)
		}
		return &v
	}
	edge := func(x, y int) bool { return x == 0 || y == 0 || x == tileCells-1 || y == tileCells-1 }
	middle := func(x, y int) bool { return x >= 2 && x <= 3 && y >= 2 && y <= 3 }
	for _, c := range []struct {
		name   string
		values *[tileGrid]uint8
		want   [5]uint8 // mean, spread, roughness, centre, border
	}{
		{"flat", fill(func(x, y int) uint8 { return 90 }), [5]uint8{90, 0, 0, 90, 90}},
		{"middle", fill(func(x, y int) uint8 { return 180 * b2u(middle(x, y)) }), [5]uint8{20, 71, 80, 180, 0}},
		{"border", fill(func(x, y int) uint8 { return 180 * b2u(edge(x, y)) }), [5]uint8{100, 177, 160, 0, 180}},
		{"checkers", fill(func(x, y int) uint8 { return 200 * uint8((x+y)%2) }), [5]uint8{100, 200, 255, 100, 100}},
	} {
		if got := describe(c.values); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func b2u(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func TestCutPiece(t *testing.T) {
	for _, c := range []struct{ at, length, end, from, to int }{
		{10, 5, 100, 10, 15}, {-3, 5, 100, 0, 2}, {98, 5, 100, 98, 100}, {-20, 5, 100, 0, 1}, {120, 5, 100, 99, 100}, {0, 5, 1, 0, 1},
	} {
		if from, to := cutPiece(c.at, c.length, c.end); from != c.from || to != c.to {
			t.Errorf("%d+%d of %d: got %d to %d, want %d to %d", c.at, c.length, c.end, from, to, c.from, c.to)
		}
	}
}

func TestMerged(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []hotspot
		want []hotspot
	}{
		{"apart", []hotspot{{0, 0, 5, 5, 9}, {6, 6, 8, 8, 5}}, []hotspot{{0, 0, 5, 5, 9}, {6, 6, 8, 8, 5}}},
		{"within", []hotspot{{0, 0, 9, 9, 9}, {2, 2, 4, 4, 5}}, []hotspot{{0, 0, 9, 9, 9}}},
		{"half within", []hotspot{{0, 0, 9, 9, 9}, {7, 2, 11, 4, 5}}, []hotspot{{0, 0, 11, 9, 9}}},
		{"a corner within", []hotspot{{0, 0, 9, 9, 9}, {8, 8, 14, 14, 5}}, []hotspot{{0, 0, 9, 9, 9}, {8, 8, 14, 14, 5}}},
		{"none", nil, nil},
	} {
		got := merged(c.in)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s, %d: got %v, want %v", c.name, i, got[i], c.want[i])
			}
		}
	}
}

package imaging

import (
	"image"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestInkMask compares the carried sums with a plain count of each square.
func TestInkMask(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range []image.Point{{1, 1}, {5, 40}, {40, 5}, {33, 27}, {64, 64}} {
		m := image.NewGray(image.Rectangle{Max: size})
		for i := range m.Pix {
			m.Pix[i] = uint8(r.IntN(256))
		}
		for _, radius := range []int{1, 4, 9, 50} {
			got := inkMask(m, radius)
			for i := range got {
				if want := plainInk(m, i%size.X, i/size.X, radius); got[i] != want {
					t.Fatalf("%v, radius %d, at %d, %d: got %d, want %d", size, radius, i%size.X, i/size.X, got[i], want)
				}
			}
		}
	}
}

func plainInk(m *image.Gray, x, y, radius int) uint8 {
	n, sum, square := 0, 0, 0
	for v := max(0, y-radius); v <= min(y+radius, m.Rect.Dy()-1); v++ {
		for u := max(0, x-radius); u <= min(x+radius, m.Rect.Dx()-1); u++ {
			g := int(m.GrayAt(u, v).Y)
			n, sum, square = n+1, sum+g, square+g*g
		}
	}
	d := int(m.GrayAt(x, y).Y)*n - sum // times n
	switch far := math.Abs(float64(d)) > math.Sqrt(float64(n*square-sum*sum))/inkSpread; {
	case d < -inkContrast*n && far:
		return dark
	case d > inkContrast*n && far:
		return light
	}
	return paper
}

// TestInkPatches compares patches with those of a flood fill.
func TestInkPatches(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, share := range []float64{0.2, 0.4, 0.6, 0.9} {
		m := image.NewGray(image.Rect(0, 0, 50, 41))
		mask := make([]uint8, 50*41)
		for i := range mask {
			m.Pix[i] = uint8(r.IntN(256))
			if r.Float64() < share {
				mask[i] = dark
			}
		}
		got, want := inkPatches(m, mask, dark), flooded(m, mask)
		order := func(a, b glyph) int { return a.y0*10000 + a.x0*100 + a.area - b.y0*10000 - b.x0*100 - b.area }
		slices.SortFunc(got, order)
		slices.SortFunc(want, order)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v of the pixels: got %d patches %v, want %d %v", share, len(got), got, len(want), want)
		}
		if light := inkPatches(m, mask, light); len(light) != 0 {
			t.Errorf("got %d patches of the other ink, want none", len(light))
		}
	}
}

func flooded(m *image.Gray, mask []uint8) (patches []glyph) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	seen := make([]bool, len(mask))
	ink := func(x, y int) bool { return x >= 0 && y >= 0 && x < w && y < h && mask[y*w+x] == dark }
	for start := range mask {
		if seen[start] || mask[start] != dark {
			continue
		}
		g := glyph{x0: start % w, y0: start / w, x1: start%w + 1, y1: start/w + 1}
		seen[start] = true
		for todo := []int{start}; len(todo) > 0; {
			x, y := todo[0]%w, todo[0]/w
			todo = todo[1:]
			g.x0, g.y0, g.x1, g.y1 = min(g.x0, x), min(g.y0, y), max(g.x1, x+1), max(g.y1, y+1)
			g.area, g.sum = g.area+1, g.sum+int(m.Pix[y*w+x])
			if !ink(x-1, y) {
				g.across++
			}
			if !ink(x, y-1) {
				g.down++
			}
			for i := range 9 {
				u, v := x+i%3-1, y+i/3-1
				if ink(u, v) && !seen[v*w+u] {
					seen[v*w+u] = true
					todo = append(todo, v*w+u)
				}
			}
		}
		if g.area >= 12 {
			patches = append(patches, g)
		}
	}
	return patches
}

func TestGlyphLikely(t *testing.T) {
	for _, c := range []struct {
		name string
		g    glyph
		want bool
	}{
		{"a letter", glyph{x1: 10, y1: 14, area: 60, across: 25, down: 15}, true},
		{"an i", glyph{x1: 3, y1: 14, area: 36, across: 14, down: 3}, true},
		{"a word", glyph{x1: 80, y1: 14, area: 480, across: 200, down: 120}, true},
		{"a speck", glyph{x1: 3, y1: 3, area: 9, across: 3, down: 3}, false},
		{"a hair", glyph{x1: 200, y1: 8, area: 210, across: 30, down: 200}, false},
		{"a blot", glyph{x1: 20, y1: 20, area: 395, across: 20, down: 20}, false},
		{"a wall", glyph{x1: 40, y1: 300, area: 6000, across: 300, down: 40}, false},
	} {
		if got := c.g.likely(); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	g := glyph{1, 2, 3, 9, 10, 7, 2, 99}
	turned := g.turned()
	if back := turned.turned(); back != g || turned.h() != g.w() {
		t.Errorf("turned twice: got %v, want %v", back, g)
	}
}

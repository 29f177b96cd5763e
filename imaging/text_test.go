package imaging

import (
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	units "golang.org/x/image/math/fixed"
)

// lettered draws a text on a plain grey picture, its feet at 100, 150, and gives the box of it.
func lettered(t testing.TB, text string, size float64, ink, paper uint8) (*image.Gray, Box) {
	t.Helper()
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		t.Fatal(err)
	}
	m := image.NewGray(image.Rect(0, 0, 800, 500))
	for i := range m.Pix {
		m.Pix[i] = paper
	}
	d := font.Drawer{Dst: m, Src: image.NewUniform(color.Gray{ink}), Face: face, Dot: units.P(100, 150)}
	b, _ := d.BoundString(text)
	d.DrawString(text)
	return m, Box{b.Min.X.Floor(), b.Min.Y.Floor(), b.Max.X.Ceil(), b.Max.Y.Ceil()}
}

// hides reports whether the margin of a firm region of text covers a box and is not much larger.
func hides(regions []Region, b Box, w, h int) bool {
	return slices.ContainsFunc(regions, func(r Region) bool {
		m := Margin(r, w, h)
		in, all := m.rect().Intersect(b.rect()), m.rect()
		want := b.rect().Dx() * b.rect().Dy()
		return r.Kind == KindText && r.Score >= FaintScore && in.Dx()*in.Dy() >= 85*want/100 && all.Dx()*all.Dy() <= 3*want
	})
}

func TestTextFound(t *testing.T) {
	for _, c := range []struct {
		text       string
		size       float64
		ink, paper uint8
	}{
		{"Ward 7 Bed 12", 12, 20, 220}, {"Ward 7 Bed 12", 24, 20, 220}, {"2026-01-14 10:32", 40, 240, 30},
		{"MRN 000417", 60, 90, 160}, {"Left heel", 20, 200, 120}, {"DOB 01.02.1903", 16, 0, 90},
	} {
		m, box := lettered(t, c.text, c.size, c.ink, c.paper)
		for _, o := range []int{1, 3, 6, 8} { // level, upside down, and plumb both ways
			turned := turnGray(o, m)
			regions, err := DetectText(turned)
			if err != nil {
				t.Fatal(err)
			}
			w, h := turned.Rect.Dx(), turned.Rect.Dy()
			want := turnBox(o, 800, 500, box)
			if !hides(regions, want, w, h) {
				t.Errorf("%q of %v pixels, %d on %d, turned by %d: got %v, want one over %v", c.text, c.size, c.ink, c.paper, o, regions, want)
			}
			for _, r := range regions {
				if r.Source != textSource || r.Tuning != textTuning || r.Model != "" {
					t.Errorf("got %+v, want the source and tuning of text and no model", r)
				}
			}
		}
	}
}

// TestTextTilted turns a line by degrees on real pixels.
func TestTextTilted(t *testing.T) {
	m, box := lettered(t, "Follow-up 11 weeks", 28, 30, 200)
	for _, degrees := range []int{-15, -8, 8, 15, 75, 105} {
		turned, back := rotateGray(m, (degrees+360)%360)
		for i, v := range turned.Pix { // no edge where the paper ends
			if v == 128 {
				turned.Pix[i] = 200
			}
		}
		regions, err := DetectText(turned)
		if err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(regions, func(r Region) bool {
			x, y := back(float64(r.Box.X0+r.Box.X1)/2, float64(r.Box.Y0+r.Box.Y1)/2)
			return r.Score >= FaintScore && image.Pt(int(x), int(y)).In(box.rect()) &&
				max(r.Box.X1-r.Box.X0, r.Box.Y1-r.Box.Y0) > (box.X1-box.X0)*7/10
		})
		if !found {
			t.Errorf("tilted by %d: got %v, want one in the middle of the line", degrees, regions)
		}
	}
}

// TestTextNone wants nothing firm where there is nothing like print.
func TestTextNone(t *testing.T) {
	for name, at := range map[string]func(x, y int) uint8{
		"flat":     func(x, y int) uint8 { return 128 },
		"black":    func(x, y int) uint8 { return 0 },
		"gradient": func(x, y int) uint8 { return uint8((x + y) / 6) },
		"edge":     func(x, y int) uint8 { return uint8(40 + 170*(x/500)) },
		"disc":     func(x, y int) uint8 { return uint8(60 + 140*min(1, ((x-400)*(x-400)+(y-300)*(y-300))/40000)) },
		"stripes":  func(x, y int) uint8 { return uint8(60 + 100*(y/40%2)) },
	} {
		m := image.NewGray(image.Rect(0, 0, 800, 600))
		for i := range m.Pix {
			m.Pix[i] = at(i%800, i/800)
		}
		if regions, err := DetectText(m); err != nil || slices.ContainsFunc(regions, func(r Region) bool { return r.Score >= FaintScore }) {
			t.Errorf("%s: got %v, %v, want nothing firm", name, regions, err)
		}
	}
}

// TestTextOddPictures wants no panic, no region beyond the picture, and an end, whatever the picture.
func TestTextOddPictures(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(w, h, levels int) *image.Gray {
		m := image.NewGray(image.Rect(0, 0, w, h))
		for i := range m.Pix {
			m.Pix[i] = uint8(r.IntN(levels) * 255 / (levels - 1))
		}
		return m
	}
	comb := image.NewGray(image.Rect(0, 0, 1280, 40))
	for i := range comb.Pix {
		comb.Pix[i] = uint8(i % 7 / 3 * 255)
	}
	for _, m := range []image.Image{
		image.NewGray(image.Rect(0, 0, 0, 0)), image.NewGray(image.Rect(0, 0, 1, 1)), image.NewGray(image.Rect(0, 0, 8, 8)),
		image.NewGray(image.Rect(0, 0, 3000, 100)), noise(1, 900, 256), noise(1280, 43, 2), noise(1280, 1000, 2),
		noise(1280, 1280, 256), noise(9, 9, 2), comb, turnGray(6, comb), image.NewRGBA(image.Rect(5, 5, 30, 900)),
		noise(100, 100, 256).SubImage(image.Rect(10, 10, 90, 40)),
	} {
		b := m.Bounds()
		start := time.Now()
		regions, err := DetectText(m)
		if err != nil {
			t.Errorf("%v: %v", b, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%v: took %v", b, took)
		}
		if len(regions) > MaxRegions/4 {
			t.Errorf("%v: got %d regions, want at most %d", b, len(regions), MaxRegions/4)
		}
		for _, r := range regions {
			if r.Box.clip(b.Dx(), b.Dy()) != r.Box || r.Box.empty() || r.Score < leastText || r.Score > 1 {
				t.Errorf("%v: got %v", b, r)
			}
		}
	}
}

// TestTextOnPhotos counts, in real photos of wounds, the line that a publisher printed into each, and boxes where there is
// no print that we know of. DETECTION.md has the figures; these floors are below them.
func TestTextOnPhotos(t *testing.T) {
	if underRace {
		t.Skip("SKIPPED: what is found does not depend on the race detector")
	}
	marks, pictures := 0, 0
	for _, folder := range []string{"pressure-ulcer-images-a", "burns"} {
		for i, name := range files(t, filepath.Join(shared(t, "wounds"), "medetec", folder)) {
			if i%6 != 0 {
				continue
			}
			s := mustRead(t, load(t, name))
			up, err := Upright(s)
			if err != nil {
				t.Fatal(err)
			}
			regions, err := DetectText(up)
			if err != nil {
				t.Fatal(err)
			}
			pictures++
			w, h := s.Width(), s.Height()
			if hides(regions, Box{w - 221, h - 22, w - 12, h - 11}, w, h) {
				marks++
			}
		}
	}
	t.Logf("%d of %d lines found", marks, pictures)
	if pictures < 10 || marks < pictures*70/100 {
		t.Errorf("got %d of %d lines, want at least 70 %% of 10 or more", marks, pictures)
	}
	firm, clean := 0, 0
	for i, name := range files(t, filepath.Join(shared(t, "wounds"), "fuseg")) {
		if i%20 != 3 {
			continue
		}
		up, err := Upright(mustRead(t, load(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		regions, err := DetectText(up)
		if err != nil {
			t.Fatal(err)
		}
		clean++
		for _, r := range regions {
			if r.Score >= FaintScore {
				firm++
			}
		}
	}
	t.Logf("%d firm boxes in %d photos", firm, clean)
	if clean < 15 || firm > clean*3/10 {
		t.Errorf("got %d firm boxes in %d photos, want at most 0.3 in each of 15 or more", firm, clean)
	}
}

func BenchmarkText(b *testing.B) {
	for _, side := range [][2]int{{1280, 960}, {640, 480}} {
		b.Run(fmt.Sprint(side[0]), func(b *testing.B) {
			m := grayOf(scene(side[0], side[1]))
			for b.Loop() {
				if _, err := searchText(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package imaging

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	dimaging "github.com/disintegration/imaging"
)

var everyCheck = []LiveCheck{CheckLight, CheckSharp, CheckFace, CheckLying, CheckTattoo, CheckText}

// plain is a frame of one colour.
func plain(w, h int, c color.RGBA) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(m, m.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	return m
}

var skinTone = color.RGBA{205, 160, 140, 255}

// mostTold is the best score of a code.
func mostTold(t *testing.T, frame *image.RGBA, check LiveCheck, code LiveCode) (best float64) {
	t.Helper()
	found, err := Look(frame, check)
	if err != nil {
		t.Fatalf("%s: %v", check, err)
	}
	for _, f := range found {
		if f.Code == code {
			best = max(best, f.Score)
		}
		if b := f.Box; f.Score < 0 || f.Score > 1 || b != b.clip(frame.Rect.Dx(), frame.Rect.Dy()) {
			t.Errorf("%s: warning %+v in a frame of %v", check, f, frame.Rect)
		}
	}
	return best
}

// TestLookOddFrames: no frame makes it stop, and what is no frame of a camera made small is refused.
func TestLookOddFrames(t *testing.T) {
	noise := image.NewRGBA(image.Rect(0, 0, 320, 240))
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(rng.UintN(256))
	}
	for _, tc := range []struct {
		name  string
		frame *image.RGBA
		good  bool
	}{
		{"none", nil, false},
		{"empty", image.NewRGBA(image.Rectangle{}), false},
		{"too narrow", plain(320, 15, skinTone), false},
		{"too large", plain(321, 200, skinTone), false},
		{"away from the origin", noise.SubImage(image.Rect(100, 60, 300, 200)).(*image.RGBA), false},
		{"cut short", &image.RGBA{Pix: make([]uint8, 100), Stride: 1280, Rect: image.Rect(0, 0, 320, 240)}, false},
		{"noise", noise, true},
		{"part of a frame", noise.SubImage(image.Rect(0, 0, 200, 100)).(*image.RGBA), true},
		{"transparent", image.NewRGBA(image.Rect(0, 0, 320, 240)), true},
		{"a strip", plain(320, 16, skinTone), true},
		{"the least", plain(16, 16, skinTone), true},
	} {
		for _, check := range everyCheck {
			found, err := Look(tc.frame, check)
			if (err == nil) != tc.good {
				t.Errorf("%s, %s: got %v, want it looked at: %v", tc.name, check, err, tc.good)
			}
			if err != nil && len(found) > 0 {
				t.Errorf("%s, %s: found %v and failed", tc.name, check, found)
			}
		}
	}
	if _, err := Look(noise, "smell"); err == nil {
		t.Error("a check that does not exist was made")
	}
}

// TestLookLight changes one thing about a plain frame of skin at a time.
func TestLookLight(t *testing.T) {
	lamp := plain(320, 240, skinTone)
	draw.Draw(lamp, image.Rect(130, 90, 190, 150), image.White, image.Point{}, draw.Src)
	corner := plain(320, 240, skinTone)
	draw.Draw(corner, image.Rect(0, 0, 60, 60), image.White, image.Point{}, draw.Src)
	sheet := plain(320, 240, color.RGBA{180, 190, 205, 255})
	small := plain(320, 240, color.RGBA{180, 190, 205, 255})
	draw.Draw(small, image.Rect(100, 100, 130, 130), image.NewUniform(skinTone), image.Point{}, draw.Src)
	near := plain(320, 240, color.RGBA{180, 190, 205, 255})
	draw.Draw(near, image.Rect(100, 60, 250, 200), image.NewUniform(skinTone), image.Point{}, draw.Src)
	for _, tc := range []struct {
		name  string
		frame *image.RGBA
		want  LiveCode
	}{
		{"skin", plain(320, 240, skinTone), ""},
		{"dark skin in good light", plain(320, 240, color.RGBA{110, 76, 60, 255}), ""},
		{"night", plain(320, 240, color.RGBA{24, 18, 16, 255}), LiveDark},
		{"a lamp in the middle", lamp, LiveGlare},
		{"a lamp in the corner", corner, ""},
		{"no skin", sheet, LiveFar},
		{"a little skin", small, LiveFar},
		{"enough skin", near, ""},
	} {
		for _, code := range []LiveCode{LiveDark, LiveGlare, LiveFar} {
			if got := mostTold(t, tc.frame, CheckLight, code) >= LiveFirm; got != (code == tc.want) {
				t.Errorf("%s: told of %s: %v", tc.name, code, got)
			}
		}
	}
}

// TestSharpness falls with blur, whichever way, and is 0 without any step.
func TestSharpness(t *testing.T) {
	edges := scene(256, 256)
	last := 2.0
	for _, sigma := range []float64{0, 1, 2, 4} {
		m := edges
		if sigma > 0 {
			m = opaqueRGBA(dimaging.Blur(edges, sigma))
		}
		got := Sharpness(m)
		if got >= last || got < 0 || got > 1 {
			t.Errorf("blurred by %g: %.2f after %.2f", sigma, got, last)
		}
		last = got
	}
	moved := opaqueRGBA(dimaging.Resize(dimaging.Resize(edges, 16, 256, dimaging.Box), 256, 256, dimaging.Linear))
	if whole, got := Sharpness(edges), Sharpness(moved); got > whole/2 {
		t.Errorf("moved across: %.2f, want far less than %.2f", got, whole)
	}
	if got := Sharpness(plain(64, 64, skinTone)); got != 0 {
		t.Errorf("without a step: %.2f, want 0", got)
	}
	if got := Sharpness(plain(15, 64, skinTone)); got != 0 {
		t.Errorf("too small: %.2f, want 0", got)
	}
}

// TestLookFaces wants the face of a photo upright and lying, and none in plain skin.
func TestLookFaces(t *testing.T) {
	frame := opaqueRGBA(dimaging.Fit(face(t), LiveSide, LiveSide, dimaging.Box))
	if got := mostTold(t, frame, CheckFace, LiveFace); got < LiveFirm {
		t.Errorf("upright: %.2f, want it told of", got)
	}
	if got := mostTold(t, opaqueRGBA(dimaging.Rotate90(frame)), CheckLying, LiveFace); got < LiveFirm {
		t.Errorf("lying: %.2f, want it told of", got)
	}
	for _, check := range []LiveCheck{CheckFace, CheckLying} {
		if got := mostTold(t, plain(320, 240, skinTone), check, LiveFace); got >= LiveFirm {
			t.Errorf("%s: a face of %.2f in plain skin", check, got)
		}
	}
}

// TestLookBands draws print and bars on pale paper, on coloured paper, and paper alone.
func TestLookBands(t *testing.T) {
	band := func(paper, ink color.RGBA, bars bool) *image.RGBA {
		m := plain(320, 240, skinTone)
		draw.Draw(m, image.Rect(20, 90, 300, 150), image.NewUniform(paper), image.Point{}, draw.Src)
		for x := 40; bars && x < 280; x += 4 + x%3 {
			draw.Draw(m, image.Rect(x, 100, x+2, 140), image.NewUniform(ink), image.Point{}, draw.Src)
		}
		return m
	}
	white, black := color.RGBA{235, 236, 238, 255}, color.RGBA{20, 20, 24, 255}
	for _, tc := range []struct {
		name  string
		frame *image.RGBA
		want  bool
	}{
		{"bars on white", band(white, black, true), true},
		{"white alone", band(white, black, false), false},
		{"bars on red", band(color.RGBA{220, 80, 70, 255}, black, true), false},
		{"pale grey on white", band(white, color.RGBA{215, 216, 218, 255}, true), false},
		{"bars in the dark", dimmed(band(white, black, true)), false},
	} {
		if got := mostTold(t, tc.frame, CheckText, LiveWristband); (got >= LiveFirm) != tc.want {
			t.Errorf("%s: %.2f, want it told of: %v", tc.name, got, tc.want)
		}
	}
}

// dimmed takes most of the light away.
func dimmed(m *image.RGBA) *image.RGBA {
	for i, v := range m.Pix {
		m.Pix[i] = v / 5 * 2
	}
	return m
}

// TestRising holds the map from measures to scores at its corners, both ways up.
func TestRising(t *testing.T) {
	for _, tc := range []struct{ v, none, firm, full, want float64 }{
		{0, 0, 10, 20, 0}, {5, 0, 10, 20, 0.25}, {10, 0, 10, 20, 0.5}, {15, 0, 10, 20, 0.75}, {90, 0, 10, 20, 1}, {-3, 0, 10, 20, 0},
		{100, 80, 40, 0, 0}, {60, 80, 40, 0, 0.25}, {40, 80, 40, 0, 0.5}, {20, 80, 40, 0, 0.75}, {0, 80, 40, 0, 1},
	} {
		if got := rising(tc.v, tc.none, tc.firm, tc.full); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("rising(%g, %g, %g, %g) = %g, want %g", tc.v, tc.none, tc.firm, tc.full, got, tc.want)
		}
	}
}

// TestLiveSizes holds the browser's own scaling against the common scaler.
func TestLiveSizes(t *testing.T) {
	img := scene(301, 203)
	gray := lumaOf(img)
	near := func(name string, got, want []uint8, most int) {
		t.Helper()
		worst := 0
		for i := range got {
			worst = max(worst, absInt(int(got[i])-int(want[i])))
		}
		if len(got) != len(want) || worst > most {
			t.Errorf("%s: %d and %d bytes, at most %d levels apart; want %d", name, len(got), len(want), worst, most)
		}
	}
	near("twice", twice(gray).Pix, grayOf(dimaging.Resize(gray, 602, 406, dimaging.Linear)).Pix, 2)
	for _, to := range []image.Point{{150, 101}, {100, 68}, {301, 203}, {1, 1}} {
		near("smaller in grey", boxBytes(gray.Pix, gray.Stride, 1, 301, 203, to.X, to.Y), grayOf(dimaging.Resize(gray, to.X, to.Y, dimaging.Box)).Pix, 40)
		got := boxBytes(img.Pix, img.Stride, 4, 301, 203, to.X, to.Y)
		if to.X == 301 && !slices.Equal(got, img.Pix) {
			t.Error("a picture is not itself in its own size")
		}
	}
}

func BenchmarkLook(b *testing.B) {
	frame := scene(320, 240)
	crop := scene(256, 256)
	for _, check := range everyCheck {
		b.Run(string(check), func(b *testing.B) {
			m := frame
			if check == CheckSharp {
				m = crop
			}
			for b.Loop() {
				if _, err := Look(m, check); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFindScale(b *testing.B) {
	img := scene(1024, 768)
	for b.Loop() {
		if _, err := FindScale(img); err == nil {
			b.Fatal("a scale without a card")
		}
	}
}

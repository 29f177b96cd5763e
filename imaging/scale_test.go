package imaging

import (
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	dimaging "github.com/disintegration/imaging"
)

// staging is how a card lies in a picture.
type staging struct {
	perMM   float64 // pixels
	degrees float64 // turned, clockwise
	tilt    float64 // degrees by which it leans away
	gain    [3]float64
	offset  float64 // levels added
	noise   float64
	blur    float64
	cover   image.Rectangle // of the picture, laid over it
}

const cardDots = 10 // of a drawn card, in a millimetre

// stagedCard draws a card into a picture of skin colour, w × h pixels, by looking up each pixel's place on the card.
func stagedCard(w, h int, s staging) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	if s.gain == [3]float64{} {
		s.gain = [3]float64{1, 1, 1}
	}
	card := DrawScaleCard(cardDots)
	sin, cos := math.Sincos(s.degrees * math.Pi / 180)
	lean, flat := math.Sincos(s.tilt * math.Pi / 180)
	rng := rand.New(rand.NewPCG(3, 4))
	const far = 300.0 // millimetres from the camera
	colour := func(px, py float64) [3]float64 {
		u, v := (px-float64(w)/2)/s.perMM, (py-float64(h)/2)/s.perMM
		// The ray through u, v meets the leaning plane at t.
		t := far / (far - v*lean/flat)
		x, y := u*t, v*t/flat
		x, y = x*cos+y*sin+(cardWidth/2+cardEdge), -x*sin+y*cos+(cardHeight/2+cardEdge)
		at := image.Pt(int(math.Floor(x*cardDots)), int(math.Floor(y*cardDots)))
		if !at.In(card.Rect) {
			return [3]float64{205, 160, 140}
		}
		c := card.RGBAAt(at.X, at.Y)
		return [3]float64{float64(c.R), float64(c.G), float64(c.B)}
	}
	for y := range h {
		for x := range w {
			var sum [3]float64
			for i := range 9 {
				c := colour(float64(x)+float64(i%3)/3+1./6, float64(y)+float64(i/3)/3+1./6)
				for k := range sum {
					sum[k] += c[k] / 9
				}
			}
			p := img.Pix[y*img.Stride+4*x:][:4]
			for k := range sum {
				p[k] = uint8(min(255, max(0, sum[k]*s.gain[k]+s.offset+s.noise*rng.NormFloat64()+0.5)))
			}
			p[3] = 255
			if image.Pt(x, y).In(s.cover) {
				p[0], p[1], p[2] = 90, 110, 160
			}
		}
	}
	if s.blur > 0 {
		img = opaqueRGBA(dimaging.Blur(img, s.blur))
	}
	return img
}

// TestFindScale draws cards as a camera may see them.
func TestFindScale(t *testing.T) {
	for _, tc := range []struct {
		name   string
		in     staging
		err    error
		within float64 // of the scale
	}{
		{"plain", staging{perMM: 4}, nil, 0.005},
		{"small", staging{perMM: 2}, nil, 0.015},
		{"large", staging{perMM: 6}, nil, 0.005},
		{"a little turned", staging{perMM: 4, degrees: 7}, nil, 0.005},
		{"turned by 45", staging{perMM: 4, degrees: 45}, nil, 0.01},
		{"turned by 90", staging{perMM: 4, degrees: 90}, nil, 0.005},
		{"upside down", staging{perMM: 4, degrees: 183}, nil, 0.005},
		{"turned by 300", staging{perMM: 4, degrees: 300}, nil, 0.01},
		{"tilted by 20", staging{perMM: 4, tilt: 20, degrees: 15}, nil, 0.04},
		{"tilted by 42", staging{perMM: 4, tilt: 42}, ErrTilted, 0},
		{"out of focus", staging{perMM: 4, degrees: 12, blur: 2}, nil, 0.01},
		{"noise", staging{perMM: 4, degrees: 12, noise: 12}, nil, 0.01},
		{"warm light", staging{perMM: 4, gain: [3]float64{1, 0.85, 0.6}}, nil, 0.01},
		{"cold and dim", staging{perMM: 4, gain: [3]float64{0.4, 0.5, 0.6}}, nil, 0.01},
		{"one mark covered", staging{perMM: 4, cover: image.Rect(200, 60, 290, 150)}, ErrNoScale, 0},
		{"some patches covered", staging{perMM: 4, cover: image.Rect(275, 300, 325, 350)}, nil, 0.005},
		{"all patches covered", staging{perMM: 4, cover: image.Rect(190, 130, 410, 350)}, ErrNoScale, 0},
		{"too small", staging{perMM: 0.7}, ErrNoScale, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			img := stagedCard(600, 480, tc.in)
			got, err := FindScale(img)
			if !errors.Is(err, tc.err) {
				t.Fatalf("got %+v, %v; want %v", got, err, tc.err)
			}
			if err != nil {
				return
			}
			want := tc.in.perMM
			if math.Abs(got.PixelsPerMM-want) > tc.within*want {
				t.Errorf("got %.3f ± %.3f pixels a millimetre, want %.3f", got.PixelsPerMM, got.Uncertainty, want)
			}
			if got.Uncertainty <= 0 || got.Uncertainty > 0.2*want {
				t.Errorf("got an uncertainty of %.3f at %.3f", got.Uncertainty, got.PixelsPerMM)
			}
		})
	}
}

// TestScaleColour wants casts undone, and no correction where the patches are clipped.
func TestScaleColour(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   staging
		none bool
	}{
		{"neutral", staging{perMM: 4}, false},
		{"warm", staging{perMM: 4, gain: [3]float64{1, 0.85, 0.6}, noise: 3}, false},
		{"green", staging{perMM: 4, degrees: 40, gain: [3]float64{0.7, 0.95, 0.75}}, false},
		{"overexposed", staging{perMM: 4, gain: [3]float64{1.4, 1.4, 1.4}}, true},
		{"a patch covered", staging{perMM: 4, cover: image.Rect(275, 300, 325, 350)}, true},
		{"a channel lost", staging{perMM: 4, gain: [3]float64{1, 1, 0.02}}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := FindScale(stagedCard(600, 480, tc.in))
			if err != nil {
				t.Fatal(err)
			}
			if (got.Colour == nil) != tc.none {
				t.Fatalf("got a correction: %v, want none: %v", got.Colour, tc.none)
			}
			if tc.none {
				return
			}
			gain := tc.in.gain
			if gain == [3]float64{} {
				gain = [3]float64{1, 1, 1}
			}
			for _, c := range [][3]float64{{205, 160, 140}, {120, 60, 50}, {230, 220, 200}} { // skin, a wound, a dressing
				for o := range 3 {
					m := got.Colour[4*o:]
					v := m[0]*linear(c[0]*gain[0]) + m[1]*linear(c[1]*gain[1]) + m[2]*linear(c[2]*gain[2]) + m[3]
					if math.Abs(v-linear(c[o])) > 0.05 {
						t.Errorf("%v: channel %d is %.3f after correction, want %.3f", c, o, v, linear(c[o]))
					}
				}
			}
		})
	}
}

// TestFindScaleRefuses wants no scale in pictures without a card, whatever they are.
func TestFindScaleRefuses(t *testing.T) {
	noise := image.NewRGBA(image.Rect(0, 0, 300, 300))
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(rng.UintN(2) * 255)
	}
	checks := image.NewRGBA(image.Rect(0, 0, 300, 300))
	for i := range checks.Pix {
		checks.Pix[i] = uint8((i/4%300/9 + i/1200/9) % 2 * 255)
	}
	for name, img := range map[string]*image.RGBA{
		"none": nil, "empty": image.NewRGBA(image.Rectangle{}), "too large": image.NewRGBA(image.Rect(0, 0, 1025, 64)),
		"grey": image.NewRGBA(image.Rect(0, 0, 200, 200)), "noise": noise, "a chessboard": checks,
		"away from the origin": noise.SubImage(image.Rect(10, 10, 200, 200)).(*image.RGBA),
	} {
		if got, err := FindScale(img); err == nil {
			t.Errorf("%s: got %+v, want no scale", name, got)
		}
	}
}

// TestNoScaleInWounds looks at real pictures, none of which has our card.
func TestNoScaleInWounds(t *testing.T) {
	some := 12
	for _, set := range []string{"wounds/fuseg", "wounds/medetec/*", "negatives/general", "negatives/clothes"} {
		names, err := filepath.Glob(filepath.Join(shared(t, "."), set, "*.[jJ][pP]*"))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %d pictures", set, err, len(names))
		}
		for i, name := range names {
			if !drilled() && i%some != 0 {
				continue
			}
			img, err := dimaging.Open(name)
			if err != nil {
				continue // some of the folder are not what their names say
			}
			if got, err := FindScale(opaqueRGBA(dimaging.Fit(img, ScaleSide, ScaleSide, dimaging.Box))); err == nil {
				t.Errorf("%s: got %+v, want no scale", name, got)
			}
		}
	}
}

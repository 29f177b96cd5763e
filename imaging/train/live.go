package train

import (
	"context"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"slices"

	xdraw "golang.org/x/image/draw"

	"github.com/clinivault/clinivault/imaging"
)

// LiveExample is a picture as a camera would show it, with the warning it should get; none when Want is empty.
type LiveExample struct {
	Set  string
	Name string
	Want imaging.LiveCode
	make func() (*image.RGBA, error)
}

// liveChecks are the checks, apart from that of sharpness, which looks at another frame.
var liveChecks = []imaging.LiveCheck{imaging.CheckLight, imaging.CheckFace, imaging.CheckLying, imaging.CheckTattoo, imaging.CheckText}

// sharpCrop is the side of the frame on which sharpness is measured, in pixels of the camera.
const sharpCrop = 256

// Scores gives the best score of each warning over all checks, as the capture page makes its frames.
func (e LiveExample) Scores() (map[imaging.LiveCode]float64, error) {
	img, err := e.make()
	if err != nil {
		return nil, err
	}
	best := map[imaging.LiveCode]float64{}
	note := func(frame *image.RGBA, check imaging.LiveCheck) error {
		found, err := imaging.Look(frame, check)
		if err != nil {
			return fmt.Errorf("looking at %s: %w", e.Name, err)
		}
		for _, f := range found {
			best[f.Code] = max(best[f.Code], f.Score)
		}
		return nil
	}
	small := liveFrame(img)
	for _, check := range liveChecks {
		if err := note(small, check); err != nil {
			return nil, err
		}
	}
	b := img.Rect
	if min(b.Dx(), b.Dy()) >= sharpCrop {
		at := image.Pt((b.Dx()-sharpCrop)/2, (b.Dy()-sharpCrop)/2)
		if err := note(crop(img, image.Rectangle{at, at.Add(image.Pt(sharpCrop, sharpCrop))}), imaging.CheckSharp); err != nil {
			return nil, err
		}
	}
	return best, nil
}

// liveFrame makes a picture as small as the page does.
func liveFrame(img *image.RGBA) *image.RGBA {
	k := min(1, imaging.LiveSide/float64(max(img.Rect.Dx(), img.Rect.Dy())))
	out := image.NewRGBA(image.Rect(0, 0, max(16, int(float64(img.Rect.Dx())*k+0.5)), max(16, int(float64(img.Rect.Dy())*k+0.5))))
	xdraw.BiLinear.Scale(out, out.Rect, img, img.Rect, xdraw.Src, nil)
	return out
}

// LiveRate is how often a set got a warning: Told[code] of Of pictures at LiveFirm.
type LiveRate struct {
	Set    string
	Want   imaging.LiveCode
	Of     int
	Told   map[imaging.LiveCode]int
	Scores map[imaging.LiveCode][]float64 // rising
}

// LiveRates measures examples, two at a time.
func LiveRates(ctx context.Context, all []LiveExample) ([]LiveRate, error) {
	scores, errs := make([]map[imaging.LiveCode]float64, len(all)), make([]error, len(all))
	next, done := make(chan int), make(chan struct{})
	for range 2 {
		go func() {
			for i := range next {
				scores[i], errs[i] = all[i].Scores()
			}
			done <- struct{}{}
		}()
	}
	for i := range all {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	<-done
	<-done
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var rates []LiveRate
	for i, e := range all {
		if errs[i] != nil {
			return nil, errs[i]
		}
		at := slices.IndexFunc(rates, func(r LiveRate) bool { return r.Set == e.Set })
		if at < 0 {
			at = len(rates)
			rates = append(rates, LiveRate{Set: e.Set, Want: e.Want, Told: map[imaging.LiveCode]int{}, Scores: map[imaging.LiveCode][]float64{}})
		}
		r := &rates[at]
		r.Of++
		for _, code := range imaging.LiveCodes {
			s := scores[i][code]
			r.Scores[code] = append(r.Scores[code], s)
			if s >= imaging.LiveFirm {
				r.Told[code]++
			}
		}
	}
	for _, r := range rates {
		for _, s := range r.Scores {
			slices.Sort(s)
		}
	}
	return rates, nil
}

// LiveExamples makes the pictures on which the live checks are measured, of one part, at most perSet of each set; 0 keeps all.
// "wounds" sets should get no warning. Faces, eyes, tattoos and labels are those of the vault's own measure; bands, and what is wrong with
// the light or the focus, are made of wounds.
func LiveExamples(root string, part Part, perSet int) ([]LiveExample, error) {
	var all []LiveExample
	var wounds []Example
	for _, set := range []string{"wounds/fuseg", "wounds/medetec", "negatives/general"} {
		free, err := freeExamples(root, set, part)
		if err != nil {
			return nil, err
		}
		free = sample(free, perSet)
		if set == "wounds/fuseg" {
			wounds = free
		}
		all = append(all, liveOf(free, set, "")...)
	}
	faces, err := FaceExamples(root, part, perSet)
	if err != nil {
		return nil, err
	}
	for _, s := range []struct {
		set  string
		want imaging.LiveCode
	}{{"whole", imaging.LiveFace}, {"tones", imaging.LiveFace}, {"masked", imaging.LiveFace}, {"clinical", imaging.LiveFace},
		{"roll/60 to 120", imaging.LiveFace}, {"cut/eye strip", imaging.LiveEyes}, {"partial/one eye", imaging.LiveEyes}} {
		all = append(all, liveOf(sample(slices.DeleteFunc(slices.Clone(faces), func(e Example) bool { return !slices.Contains(e.Sets, s.set) }), perSet), s.set, s.want)...)
	}
	for _, set := range []string{"tattoo/bivtatt", "tattoo/studio"} {
		files, err := pictures(root, set, part)
		if err != nil {
			return nil, err
		}
		var some []Example
		for _, file := range files {
			some = append(some, Example{Name: file, make: func() (*image.RGBA, []imaging.Box, error) {
				img, err := load(root, file)
				return img, nil, err
			}})
		}
		all = append(all, liveOf(sample(some, perSet), set, imaging.LiveTattoo)...)
	}
	for _, size := range []int{20, 28, 40, 60} {
		var some []Example
		for _, e := range wounds {
			some = append(some, labelExample(root, e.Name, size))
		}
		all = append(all, liveOf(some, fmt.Sprintf("label/%d", size), imaging.LiveText)...)
	}
	return append(all, spoiltWounds(wounds)...), nil
}

func liveOf(some []Example, set string, want imaging.LiveCode) (all []LiveExample) {
	for _, e := range some {
		all = append(all, LiveExample{Set: set, Name: e.Name, Want: want, make: func() (*image.RGBA, error) {
			img, _, err := e.make()
			return img, err
		}})
	}
	return all
}

// spoiltWounds are wounds of which one thing is made wrong.
func spoiltWounds(wounds []Example) (all []LiveExample) {
	for _, s := range []struct {
		set   string
		want  imaging.LiveCode
		spoil func(img *image.RGBA, r *rand.Rand) *image.RGBA
	}{
		{"blur/2 pixels", imaging.LiveBlur, func(img *image.RGBA, r *rand.Rand) *image.RGBA { return blurred(img, 2) }},
		{"blur/4 pixels", imaging.LiveBlur, func(img *image.RGBA, r *rand.Rand) *image.RGBA { return blurred(img, 4) }},
		{"blur/moved 8", imaging.LiveBlur, func(img *image.RGBA, r *rand.Rand) *image.RGBA { return moved(img, 8, r) }},
		{"blur/moved 16", imaging.LiveBlur, func(img *image.RGBA, r *rand.Rand) *image.RGBA { return moved(img, 16, r) }},
		{"dark", imaging.LiveDark, func(img *image.RGBA, r *rand.Rand) *image.RGBA { return spoilers[0].spoil(img, labelled{}, r) }},
		{"glare", imaging.LiveGlare, glared},
		{"far", imaging.LiveFar, receded},
		{"wristband", imaging.LiveWristband, banded},
	} {
		for _, e := range wounds {
			all = append(all, LiveExample{Set: s.set, Name: e.Name + " " + s.set, Want: s.want, make: func() (*image.RGBA, error) {
				img, _, err := e.make()
				if err != nil {
					return nil, err
				}
				return s.spoil(img, random(e.Name+s.set)), nil
			}})
		}
	}
	return all
}

// moved smears a picture along a line of n pixels.
func moved(img *image.RGBA, n int, r *rand.Rand) *image.RGBA {
	sin, cos := math.Sincos(2 * math.Pi * r.Float64())
	out := image.NewRGBA(img.Rect)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			var sum [3]float64
			for i := range n {
				at := float64(i) - float64(n-1)/2
				for c, v := range sampleAt(img, float64(x)+0.5+at*cos, float64(y)+0.5+at*sin) {
					sum[c] += v / float64(n)
				}
			}
			put(out, x, y, sum)
		}
	}
	return out
}

// glared throws a lamp's reflection of a fifth to two fifths of the side near the middle.
func glared(img *image.RGBA, r *rand.Rand) *image.RGBA {
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	cx, cy := w*(0.35+0.3*r.Float64()), h*(0.35+0.3*r.Float64())
	size := min(w, h) * (0.10 + 0.10*r.Float64())
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			d := math.Hypot(float64(x)-cx, float64(y)-cy) / size
			add := 420 * math.Exp(-d*d*d)
			rgb := sampleAt(img, float64(x)+0.5, float64(y)+0.5)
			for i := range rgb {
				rgb[i] += add
			}
			put(img, x, y, rgb)
		}
	}
	return img
}

// receded puts a wound photo at a sixth of its size into a plain room.
func receded(img *image.RGBA, r *rand.Rand) *image.RGBA {
	out := image.NewRGBA(img.Rect)
	wall := [][3]float64{{215, 218, 220}, {170, 190, 200}, {120, 150, 140}, {90, 95, 110}, {235, 235, 235}}[r.IntN(5)]
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			shade := 1 - 0.25*float64(y)/float64(img.Rect.Dy())
			put(out, x, y, [3]float64{wall[0] * shade, wall[1] * shade, wall[2] * shade})
		}
	}
	w, h := img.Rect.Dx()/6, img.Rect.Dy()/6
	at := image.Pt(r.IntN(img.Rect.Dx()-w), r.IntN(img.Rect.Dy()-h))
	xdraw.BiLinear.Scale(out, image.Rectangle{at, at.Add(image.Pt(w, h))}, img, img.Rect, xdraw.Src, nil)
	addNoise(out, 3, r)
	return out
}

// banded lays a wristband over a wound photo: pale, lit as a cylinder is, with two lines of print and a field of bars.
func banded(img *image.RGBA, r *rand.Rand) *image.RGBA {
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	high := min(w, h) * (0.14 + 0.10*r.Float64())
	ink := image.NewGray(image.Rect(0, 0, int(4*high*(3+2*r.Float64())), int(4*high)))
	x := int(high)
	for x < int(5*high) { // bars
		wide := int(high*0.05) * (1 + r.IntN(3))
		for y := int(0.5 * high); y < int(3.5*high); y++ {
			for i := range wide {
				ink.Pix[y*ink.Stride+x+i] = 255
			}
		}
		x += wide + int(high*0.05)*(1+r.IntN(3))
	}
	for line := range 2 {
		text, _, err := printed(labelText(r), high/5, r)
		if err != nil {
			return img
		}
		at := image.Pt(int(5.2*high), int((0.2+1.6*float64(line))*high))
		xdraw.Draw(ink, text.Rect.Add(at), text, image.Point{}, xdraw.Src)
	}
	v := newStance(ink, w, h, r)
	paper := 205 + 40*r.Float64()
	ink = softened(ink, 5)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if u, t, ok := v.back(float64(x)+0.5, float64(y)+0.5, ink.Rect); ok {
				share := float64(ink.Pix[int(t)*ink.Stride+int(u)]) / 255
				shade := paper * (1 - 0.25*math.Pow(2*u/float64(ink.Rect.Dx())-1, 2))
				put(img, x, y, [3]float64{shade*(1-share) + 30*share, shade*(1-share) + 30*share, 1.01*shade*(1-share) + 35*share})
			}
		}
	}
	return img
}

// Picture makes the picture, the same at each call.
func (e LiveExample) Picture() (*image.RGBA, error) { return e.make() }

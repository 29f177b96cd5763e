package train

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"

	"github.com/clinivault/clinivault/imaging"
)

// scene is a picture with the boxes of all its tattoos.
type scene struct {
	img     *image.RGBA
	tattoos []rect
}

// tattooLabels reads the boxes of a set of tattoo photos ("bivtatt", "studio"), as shares of width and height, by the name of
// the file as pictures gives it.
func tattooLabels(root, set string) (map[string][]rect, error) {
	rows, err := readTable(filepath.Join(root, "tattoo", set+"-boxes.csv"))
	if err != nil {
		return nil, err
	}
	labels := map[string][]rect{}
	for _, row := range rows {
		var v [4]float64
		for i, name := range []string{"x0", "y0", "x1", "y1"} {
			if v[i], err = strconv.ParseFloat(row[name], 64); err != nil {
				return nil, err
			}
		}
		name := "tattoo/" + row["file"]
		labels[name] = append(labels[name], rect{v[0], v[1], v[2], v[3]})
	}
	return labels, nil
}

// loadScene reads a picture with its boxes in pixels.
func loadScene(root, file string, shares []rect) (scene, error) {
	img, err := load(root, file)
	if err != nil {
		return scene{}, err
	}
	s := scene{img: img}
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	for _, b := range shares {
		s.tattoos = append(s.tattoos, rect{b.x0 * w, b.y0 * h, b.x1 * w, b.y1 * h})
	}
	return s, nil
}

// vary takes the photo anew: from another distance, with another camera, in another light, the patient lying down. The
// scale is how many pixels of the result one of the picture becomes at least and at most.
func (s scene) vary(r *rand.Rand, least, most float64) scene {
	s = s.resample(least*math.Pow(most/least, r.Float64()), r.IntN(2) == 0, r.IntN(4))
	s.light(r)
	if sigma := 2.2*r.Float64() - 0.9; sigma > 0.4 {
		s.img = blurred(s.img, sigma)
	}
	if r.IntN(3) == 0 {
		addNoise(s.img, 1+5*r.Float64(), r)
	}
	if r.IntN(2) == 0 {
		s.img = recompressed(s.img, 45+r.IntN(50))
	}
	return s
}

// resample scales, mirrors and turns by quarters.
func (s scene) resample(scale float64, mirror bool, quarters int) scene {
	w, h := float64(s.img.Rect.Dx()), float64(s.img.Rect.Dy())
	scale = max(scale, 80/min(w, h))
	if scale < 0.6 {
		s.img = blurred(s.img, 0.35/scale)
	}
	ow, oh := w*scale, h*scale
	if quarters%2 == 1 {
		ow, oh = oh, ow
	}
	back := func(x, y float64) (float64, float64) { // from the result to the source, both 0 to 1
		if mirror {
			x = 1 - x
		}
		for range quarters {
			x, y = y, 1-x
		}
		return x, y
	}
	out := image.NewRGBA(image.Rect(0, 0, int(ow), int(oh)))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sx, sy := back((float64(x)+0.5)/float64(out.Rect.Dx()), (float64(y)+0.5)/float64(out.Rect.Dy()))
			put(out, x, y, sampleAt(s.img, sx*w, sy*h))
		}
	}
	next := scene{img: out}
	for _, b := range s.tattoos {
		x0, y0, x1, y1 := b.x0/w, b.y0/h, b.x1/w, b.y1/h
		for range quarters {
			x0, y0, x1, y1 = 1-y1, x0, 1-y0, x1
		}
		if mirror {
			x0, x1 = 1-x1, 1-x0
		}
		next.tattoos = append(next.tattoos, rect{x0 * float64(out.Rect.Dx()), y0 * float64(out.Rect.Dy()),
			x1 * float64(out.Rect.Dx()), y1 * float64(out.Rect.Dy())})
	}
	return next
}

// light changes exposure, contrast, the colour of the light and the depth of colour, a tenth of the time to grey; and darkens
// to skin of another tone.
func (s scene) light(r *rand.Rand) {
	gamma := math.Exp2(1.2*r.Float64() - 0.6)
	gain, colour := 0.85+0.3*r.Float64(), 0.6+0.6*r.Float64()
	if r.IntN(12) == 0 {
		colour = 0
	}
	red, blue := 0.92+0.16*r.Float64(), 0.88+0.24*r.Float64()
	if r.IntN(4) == 0 { // melanin: takes blue before green before red
		depth := 0.5 * r.Float64()
		gain, red, blue = gain*(1-depth), red*(1+0.25*depth), blue*(1-0.3*depth)
	}
	var curve [256]float64
	for i := range curve {
		curve[i] = 255 * gain * math.Pow(float64(i)/255, gamma)
	}
	mapPixels(s.img, func(rgb [3]float64) [3]float64 {
		a, b, c := curve[int(rgb[0])]*red, curve[int(rgb[1])], curve[int(rgb[2])]*blue
		l := 0.299*a + 0.587*b + 0.114*c
		return [3]float64{l + colour*(a-l), l + colour*(b-l), l + colour*(c-l)}
	})
}

// recompressed gives the picture as JPEG of a quality leaves it; as it is when it cannot be encoded.
func recompressed(img *image.RGBA, quality int) *image.RGBA {
	var b bytes.Buffer
	if jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}) != nil {
		return img
	}
	back, err := jpeg.Decode(&b)
	if err != nil {
		return img
	}
	return rgbaOf(back)
}

// verdict is what a window is to the tattoos of a scene.
type verdict int

const (
	unclear verdict = iota
	wanted          // a tattoo, or a good part of one
	unwanted
)

// judge compares a window with the boxes. A tattoo is a window that lies within one and is not much smaller, or holds one
// and is not much larger; it is none when it has next to nothing of any.
func (s scene) judge(w rect) verdict {
	v := unwanted
	for _, b := range s.tattoos {
		both := w.cut(b).area()
		in, of := both/w.area(), both/b.area()
		side := w.x1 - w.x0
		short := min(b.x1-b.x0, b.y1-b.y0)
		switch {
		case in >= 0.72 && side >= 0.45*short, of >= 0.75 && in >= 0.4:
			return wanted
		case in > 0.12 || of > 0.25:
			v = unclear
		}
	}
	return v
}

// wantedTiles describes up to n windows that hold tattoos, drawn at random.
func (s scene) wantedTiles(n int, r *rand.Rand) (tiles []Patch) {
	if len(s.tattoos) == 0 {
		return nil
	}
	v := imaging.ViewTattoos(s.img)
	for range 12 * n {
		b := s.tattoos[r.IntN(len(s.tattoos))]
		bw, bh := b.x1-b.x0, b.y1-b.y0
		side := min(bw, bh) * 0.5 * math.Pow(1.5*max(bw, bh)/(0.5*min(bw, bh)), r.Float64())
		x, y := b.x0+bw*r.Float64()-side/2, b.y0+bh*r.Float64()-side/2
		w, ok := v.Window(x, y, side)
		if !ok {
			continue
		}
		x0, y0, x1, y1 := v.Bounds(w)
		if s.judge(rect{x0, y0, x1, y1}) != wanted {
			continue
		}
		var p Patch
		v.Tile(w, (*[imaging.TileSize]byte)(&p))
		if tiles = append(tiles, p); len(tiles) == n {
			break
		}
	}
	return tiles
}

// mistakes describes the searched windows without a tattoo that are accepted: at most n, spread over the picture.
func (s scene) mistakes(accept func(*Patch) bool, n int, r *rand.Rand) (tiles []Patch) {
	v := imaging.ViewTattoos(s.img)
	windows := v.Windows()
	r.Shuffle(len(windows), func(i, j int) { windows[i], windows[j] = windows[j], windows[i] })
	for _, w := range windows {
		x0, y0, x1, y1 := v.Bounds(w)
		if s.judge(rect{x0, y0, x1, y1}) != unwanted {
			continue
		}
		var p Patch
		v.Tile(w, (*[imaging.TileSize]byte)(&p))
		if !accept(&p) {
			continue
		}
		if tiles = append(tiles, p); len(tiles) == n {
			break
		}
	}
	return tiles
}

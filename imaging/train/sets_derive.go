package train

import (
	"image"
	"math"
	"math/rand/v2"

	"github.com/clinivault/clinivault/imaging"
)

// derived makes an example of a labelled face by changing its picture. The change gets the example's own chance.
func derived(root string, f labelled, sets []string, how string,
	change func(img *image.RGBA, f labelled, r *rand.Rand) (*image.RGBA, imaging.Box)) Example {
	name := f.file + " " + how
	return Example{Name: name, Sets: sets, make: func() (*image.RGBA, []imaging.Box, error) {
		img, err := load(root, f.file)
		if err != nil {
			return nil, nil, err
		}
		img, box := change(img, f, random(name))
		return img, []imaging.Box{box}, nil
	}}
}

// rolledExamples turn each picture by any angle, the same chance for each, and fill the corners in one of four
// ways. The label keeps its size and its middle.
func rolledExamples(root string, dev []labelled) []Example {
	var all []Example
	for _, f := range dev {
		angle := 360*random(f.file+" angle").Float64() - 180
		set := "roll/120 to 180"
		switch a := math.Abs(angle); {
		case a < 30:
			set = "roll/0 to 30"
		case a < 60:
			set = "roll/30 to 60"
		case a < 120:
			set = "roll/60 to 120"
		}
		all = append(all, derived(root, f, []string{"roll", set}, "rolled",
			func(img *image.RGBA, f labelled, r *rand.Rand) (*image.RGBA, imaging.Box) {
				out, to := rolled(img, angle, fill(r.IntN(int(fills))), r)
				c, half := to(point{(f.x0 + f.x1) / 2, (f.y0 + f.y1) / 2}), (f.x1-f.x0+f.y1-f.y0)/4
				return out, boxOf(c.x-half, c.y-half, c.x+half, c.y+half, out.Rect.Dx(), out.Rect.Dy())
			}))
	}
	return all
}

// faceCut cuts a picture through its face: frame gives the rectangle that stays.
type faceCut struct {
	set   string
	among string // the set whose mean is asked for, or ""
	frame func(f labelled, w, h float64, left bool) (x0, y0, x1, y1 float64)
}

// cuts are the partial faces: the picture's edge cuts the face, what is around its other sides stays.
var cuts = []faceCut{
	{"lower", "partial", func(f labelled, w, h float64, _ bool) (float64, float64, float64, float64) {
		m, d := f.eyes()
		return 0, m.y + 0.25*d, w, h // nose, mouth and chin stay
	}},
	{"upper", "partial", func(f labelled, w, h float64, _ bool) (float64, float64, float64, float64) {
		return 0, 0, w, f.nose.y // forehead, eyes and the bridge of the nose stay
	}},
	{"half", "partial", func(f labelled, w, h float64, left bool) (float64, float64, float64, float64) {
		m, _ := f.eyes()
		return side(w, h, (m.x+f.nose.x)/2, left)
	}},
	{"two-thirds", "partial", func(f labelled, w, h float64, left bool) (float64, float64, float64, float64) {
		at := f.x0 + (f.x1-f.x0)*2/3
		if !left {
			at = f.x0 + (f.x1-f.x0)/3
		}
		return side(w, h, at, left)
	}},
	{"one eye", "partial", func(f labelled, w, h float64, left bool) (float64, float64, float64, float64) {
		m, _ := f.eyes()
		x0, _, x1, _ := side(w, h, m.x, left)
		return x0, 0, x1, f.nose.y
	}},
	{"mouth at the edge", "", func(f labelled, w, h float64, _ bool) (float64, float64, float64, float64) {
		return 0, (f.nose.y + min(f.leftMouth.y, f.rightMouth.y)) / 2, w, h
	}},
	{"eye strip", "", func(f labelled, w, h float64, _ bool) (float64, float64, float64, float64) {
		m, d := f.eyes()
		return 0, max(0, m.y-0.5*d), w, m.y + 0.5*d
	}},
}

// side keeps what lies left or right of an upright line.
func side(w, h, at float64, left bool) (x0, y0, x1, y1 float64) {
	if left {
		return 0, 0, at, h
	}
	return at, 0, w, h
}

func cutExamples(root string, dev []labelled, cut faceCut) []Example {
	sets := []string{"cut/" + cut.set}
	if cut.among != "" {
		sets = []string{cut.among, cut.among + "/" + cut.set}
	}
	var all []Example
	for _, f := range dev {
		all = append(all, derived(root, f, sets, cut.set,
			func(img *image.RGBA, f labelled, r *rand.Rand) (*image.RGBA, imaging.Box) {
				x0, y0, x1, y1 := cut.frame(f, float64(img.Rect.Dx()), float64(img.Rect.Dy()), r.IntN(2) == 0)
				frame := image.Rect(int(math.Round(x0)), int(math.Round(y0)), int(math.Round(x1)), int(math.Round(y1)))
				out := crop(img, frame)
				x, y := float64(frame.Min.X), float64(frame.Min.Y)
				return out, boxOf(f.x0-x, f.y0-y, f.x1-x, f.y1-y, out.Rect.Dx(), out.Rect.Dy())
			}))
	}
	return all
}

// spoiler makes a face hard to see without moving it.
type spoiler struct {
	name  string
	spoil func(img *image.RGBA, f labelled, r *rand.Rand) *image.RGBA
}

var spoilers = []spoiler{
	{"dark", func(img *image.RGBA, f labelled, r *rand.Rand) *image.RGBA {
		gain, gamma := 0.1+0.2*r.Float64(), 1.2+0.6*r.Float64()
		mapPixels(img, func(rgb [3]float64) [3]float64 {
			for i, v := range rgb {
				rgb[i] = 255 * gain * math.Pow(v/255, gamma)
			}
			return rgb
		})
		addNoise(img, 2+2*r.Float64(), r)
		return img
	}},
	{"blurred", func(img *image.RGBA, f labelled, r *rand.Rand) *image.RGBA {
		return blurred(img, (0.03+0.04*r.Float64())*(f.x1-f.x0))
	}},
	{"noisy", func(img *image.RGBA, f labelled, r *rand.Rand) *image.RGBA {
		addNoise(img, 25+25*r.Float64(), r)
		return img
	}},
	{"half covered", halfCover},
}

// halfCover lays a plain cloth or dressing over one half of the face: above, below, left or right.
func halfCover(img *image.RGBA, f labelled, r *rand.Rand) *image.RGBA {
	mx, my := (f.x0+f.x1)/2, (f.y0+f.y1)/2
	dx, dy := [4]float64{1, -1, 0, 0}, [4]float64{0, 0, 1, -1}
	k := r.IntN(4)
	tilt := 0.3 * (r.Float64() - 0.5)
	nx, ny := dx[k]+tilt*dy[k], dy[k]-tilt*dx[k]
	cloth := [][3]float64{{235, 235, 230}, {120, 170, 190}, {60, 110, 90}, {40, 40, 45}, {205, 180, 150}, {150, 60, 60}}[r.IntN(6)]
	fold, phase := (f.x1-f.x0)*(0.1+0.2*r.Float64()), 6*r.Float64()
	reach := 0.7 * (f.x1 - f.x0)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			ax, ay := float64(x)-mx, float64(y)-my
			if along := ax*nx + ay*ny; along < 0 || along > reach || math.Abs(ax*ny-ay*nx) > reach {
				continue
			}
			shade := 0.9 + 0.1*math.Sin((ax*ny-ay*nx)/fold+phase) + 0.02*r.NormFloat64()
			put(img, x, y, [3]float64{cloth[0] * shade, cloth[1] * shade, cloth[2] * shade})
		}
	}
	return img
}

func spoiltExamples(root string, dev []labelled, s spoiler) []Example {
	var all []Example
	for _, f := range dev {
		all = append(all, derived(root, f, []string{"spoilt", "spoilt/" + s.name}, s.name,
			func(img *image.RGBA, f labelled, r *rand.Rand) (*image.RGBA, imaging.Box) {
				img = s.spoil(img, f, r)
				return img, boxOf(f.x0, f.y0, f.x1, f.y1, img.Rect.Dx(), img.Rect.Dy())
			}))
	}
	return all
}

package train

import (
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg" // the pictures of the data are JPEG and PNG
	_ "image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// load decodes a picture of the data, named as below root.
func load(root, file string) (*image.RGBA, error) {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return nil, fmt.Errorf("opening picture: %w", err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("decoding %s: %w", file, err)
	}
	return rgbaOf(img), nil
}

// rgbaOf copies a picture to the origin.
func rgbaOf(img image.Image) *image.RGBA {
	b := img.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(out, out.Rect, img, b.Min, draw.Src)
	return out
}

// crop copies the part of a picture inside r, at the origin. What of r lies outside is left off.
func crop(img *image.RGBA, r image.Rectangle) *image.RGBA {
	return rgbaOf(img.SubImage(r.Intersect(img.Rect)))
}

// sampleAt reads a picture between its pixels, bilinearly, its edge repeated outside.
func sampleAt(img *image.RGBA, x, y float64) (rgb [3]float64) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	x, y = min(max(x-0.5, 0), float64(w-1)), min(max(y-0.5, 0), float64(h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, w-1), min(y0+1, h-1)
	fx, fy := x-float64(x0), y-float64(y0)
	at := func(x, y int) []uint8 { return img.Pix[y*img.Stride+4*x:][:3] }
	a, b, c, d := at(x0, y0), at(x1, y0), at(x0, y1), at(x1, y1)
	for i := range rgb {
		top := float64(a[i])*(1-fx) + float64(b[i])*fx
		bottom := float64(c[i])*(1-fx) + float64(d[i])*fx
		rgb[i] = top*(1-fy) + bottom*fy
	}
	return rgb
}

func put(img *image.RGBA, x, y int, rgb [3]float64) {
	p := img.Pix[y*img.Stride+4*x:][:4]
	for i, v := range rgb {
		p[i] = uint8(min(max(v+0.5, 0), 255))
	}
	p[3] = 255
}

// mapPixels changes each pixel of a picture in place.
func mapPixels(img *image.RGBA, change func(rgb [3]float64) [3]float64) {
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			p := img.Pix[y*img.Stride+4*x:][:3]
			put(img, x, y, change([3]float64{float64(p[0]), float64(p[1]), float64(p[2])}))
		}
	}
}

// addNoise adds the noise of a sensor: of each pixel its own, sigma in grey levels.
func addNoise(img *image.RGBA, sigma float64, r *rand.Rand) {
	mapPixels(img, func(rgb [3]float64) [3]float64 {
		shared := r.NormFloat64()
		for i := range rgb {
			rgb[i] += sigma * (0.8*shared + 0.6*r.NormFloat64())
		}
		return rgb
	})
}

// blurred gives a picture out of focus: three box filters, together close to a Gaussian of sigma pixels.
func blurred(img *image.RGBA, sigma float64) *image.RGBA {
	radius := int(math.Round((math.Sqrt(4*sigma*sigma+1) - 1) / 2)) // 3 boxes of 2r+1: variance r(r+1)
	if radius < 1 {
		return img
	}
	for range 3 {
		img = boxBlur(img, radius)
	}
	return img
}

// boxBlur averages over squares of 2 × radius + 1 pixels, the edge repeated.
func boxBlur(img *image.RGBA, radius int) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	pass := func(src []uint8, n, step int, dst []uint8) { // along n pixels that lie step bytes apart
		for ch := range 3 {
			at := func(i int) int { return int(src[min(max(i, 0), n-1)*step+ch]) }
			sum := 0
			for i := -radius; i <= radius; i++ {
				sum += at(i)
			}
			for i := range n {
				dst[i*step+ch] = uint8((sum + radius) / (2*radius + 1))
				sum += at(i+radius+1) - at(i-radius)
			}
		}
	}
	across, out := rgbaOf(img), rgbaOf(img)
	for y := range h {
		pass(img.Pix[y*img.Stride:], w, 4, across.Pix[y*across.Stride:])
	}
	for x := range w {
		pass(across.Pix[4*x:], h, across.Stride, out.Pix[4*x:])
	}
	return out
}

// fill is what a turned picture shows in its corners.
type fill int

const (
	fillEdge  fill = iota // the nearest pixel of the picture
	fillNoise             // grey with noise
	fillBlack
	fillWhite
	fills
)

// rolled turns a picture about its middle by degrees, clockwise, on a canvas that holds all of it, and gives
// where a point of it comes to lie.
func rolled(img *image.RGBA, degrees float64, f fill, r *rand.Rand) (*image.RGBA, func(point) point) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	ow := math.Ceil(math.Abs(w*cos) + math.Abs(h*sin) - 1e-6)
	oh := math.Ceil(math.Abs(w*sin) + math.Abs(h*cos) - 1e-6)
	out := image.NewRGBA(image.Rect(0, 0, int(ow), int(oh)))
	for y := range int(oh) {
		for x := range int(ow) {
			dx, dy := float64(x)+0.5-ow/2, float64(y)+0.5-oh/2
			sx, sy := dx*cos+dy*sin+w/2, -dx*sin+dy*cos+h/2
			outside := sx < 0 || sy < 0 || sx > w || sy > h
			switch {
			case !outside || f == fillEdge:
				put(out, x, y, sampleAt(img, sx, sy))
			case f == fillNoise:
				v := 128 + 30*r.NormFloat64()
				put(out, x, y, [3]float64{v, v, v})
			case f == fillWhite:
				put(out, x, y, [3]float64{255, 255, 255})
			default:
				put(out, x, y, [3]float64{})
			}
		}
	}
	return out, func(p point) point {
		dx, dy := p.x-w/2, p.y-h/2
		return point{dx*cos - dy*sin + ow/2, dx*sin + dy*cos + oh/2}
	}
}

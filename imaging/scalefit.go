package imaging

import (
	"image"
	"math"
)

const (
	mostCardLeft   = 0.10 // root mean square of what is left after the fit, in linear light of 0 to 1
	mostColourLeft = 0.06 // the same for a colour correction
	clippedLow     = 3.0  // levels: a patch darker or brighter in any channel tells nothing of it
	clippedHigh    = 251.0
)

// cardFit is four marks taken for a card, with the colours seen in its patches.
type cardFit struct {
	marks [4]mark
	h     [9]float64 // takes millimetres on the card to pixels
	seen  [len(cardPatches)][3]float64
	left  float64
}

// fitCard takes four marks for a card, or for one turned by half, and gives nil when what lies between them is not its patches:
// in grey they must be those of the card but for brightness and contrast.
func fitCard(img *image.RGBA, four [4]mark, turned bool) *cardFit {
	if turned {
		four = [4]mark{four[2], four[3], four[0], four[1]}
	}
	f := &cardFit{marks: four}
	var ok bool
	if f.h, ok = homography(four); !ok {
		return nil
	}
	var n, sx, sy, sxx, sxy, syy float64
	for i, p := range cardPatches {
		if f.seen[i], ok = f.sample(img, p); !ok {
			return nil
		}
		x, y := lightness(f.seen[i]), lightness(p.colour())
		n, sx, sy, sxx, sxy, syy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y, syy+y*y
	}
	vx, vy, cov := sxx-sx*sx/n, syy-sy*sy/n, sxy-sx*sy/n
	if vx/n < 0.01*0.01 || cov <= 0 { // all alike, or dark where light should be
		return nil
	}
	f.left = math.Sqrt(max(0, vy-cov*cov/vx) / n)
	if f.left > mostCardLeft {
		return nil
	}
	return f
}

// to gives the pixel of a place on the card, and how many pixels a millimetre has there, in the direction in which they are
// fewest, and most.
func (f *cardFit) to(x, y float64) (px, py, least, most float64) {
	h := &f.h
	u, v, w := h[0]*x+h[1]*y+h[2], h[3]*x+h[4]*y+h[5], h[6]*x+h[7]*y+h[8]
	px, py = u/w, v/w
	// The derivatives of u/w and v/w, and their singular values.
	a, b := (h[0]-px*h[6])/w, (h[1]-px*h[7])/w
	c, d := (h[3]-py*h[6])/w, (h[4]-py*h[7])/w
	half, det := (a*a+b*b+c*c+d*d)/2, a*d-b*c
	root := math.Sqrt(max(0, half*half-det*det))
	return px, py, math.Sqrt(max(0, half-root)), math.Sqrt(half + root)
}

// scales gives the scale in the middle of the card, the mean of both directions, and the least and greatest at its marks.
func (f *cardFit) scales() (middle, least, most float64) {
	_, _, least, most = f.to(cardWidth/2, cardHeight/2)
	middle = math.Sqrt(least * most)
	for _, p := range [][2]float64{{0, 0}, {cardWidth, 0}, {cardWidth, cardHeight}, {0, cardHeight}} {
		_, _, few, many := f.to(p[0], p[1])
		least, most = min(least, few), max(most, many)
	}
	return middle, least, most
}

// sample gives the mean colour of the inner half of a patch, in levels.
func (f *cardFit) sample(img *image.RGBA, p patch) (rgb [3]float64, ok bool) {
	const steps = 12
	for i := range steps * steps {
		u, v := float64(i%steps)/(steps-1)-0.5, float64(i/steps)/(steps-1)-0.5
		x, y, _, _ := f.to(p.x+u*patchSide/2, p.y+v*patchSide/2)
		px, py := int(math.Floor(x)), int(math.Floor(y))
		if px < 0 || py < 0 || px >= img.Rect.Dx() || py >= img.Rect.Dy() {
			return rgb, false
		}
		at := img.Pix[py*img.Stride+4*px:][:3]
		for c := range rgb {
			rgb[c] += float64(at[c]) / (steps * steps)
		}
	}
	return rgb, true
}

// colour fits the correction by least squares, or gives nil where a patch is clipped or the fit is poor.
func (f *cardFit) colour() *[12]float64 {
	var normal [4][4]float64
	var right [3][4]float64
	for i, p := range cardPatches {
		var in [4]float64
		for c, v := range f.seen[i] {
			if v < clippedLow || v > clippedHigh {
				return nil
			}
			in[c] = linear(v)
		}
		in[3] = 1
		want := p.colour()
		for r := range 4 {
			for c := range 4 {
				normal[r][c] += in[r] * in[c]
			}
			for o := range 3 {
				right[o][r] += in[r] * linear(want[o])
			}
		}
	}
	var m [12]float64
	for o := range 3 {
		row, ok := solve4(normal, right[o])
		if !ok {
			return nil
		}
		copy(m[4*o:], row[:])
	}
	var left float64
	for i, p := range cardPatches {
		in, want := f.seen[i], p.colour()
		for o := range 3 {
			e := m[4*o]*linear(in[0]) + m[4*o+1]*linear(in[1]) + m[4*o+2]*linear(in[2]) + m[4*o+3] - linear(want[o])
			left += e * e
		}
	}
	if math.Sqrt(left/float64(3*len(cardPatches))) > mostColourLeft {
		return nil
	}
	return &m
}

// homography gives the map from the marks' places on the card to those in the picture, h₈ being 1.
func homography(four [4]mark) (h [9]float64, ok bool) {
	corners := [4][2]float64{{0, 0}, {cardWidth, 0}, {cardWidth, cardHeight}, {0, cardHeight}}
	var a [8][9]float64
	for i, p := range corners {
		x, y, u, v := p[0], p[1], four[i].x, four[i].y
		a[2*i] = [9]float64{x, y, 1, 0, 0, 0, -u * x, -u * y, u}
		a[2*i+1] = [9]float64{0, 0, 0, x, y, 1, -v * x, -v * y, v}
	}
	for c := range 8 {
		at := c
		for r := c + 1; r < 8; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[at][c]) {
				at = r
			}
		}
		if math.Abs(a[at][c]) < 1e-9 {
			return h, false
		}
		a[c], a[at] = a[at], a[c]
		for r := range 8 {
			if r == c {
				continue
			}
			k := a[r][c] / a[c][c]
			for j := c; j < 9; j++ {
				a[r][j] -= k * a[c][j]
			}
		}
	}
	for i := range 8 {
		h[i] = a[i][8] / a[i][i]
	}
	h[8] = 1
	return h, true
}

// solve4 solves four equations by elimination.
func solve4(a [4][4]float64, b [4]float64) (x [4]float64, ok bool) {
	for c := range 4 {
		at := c
		for r := c + 1; r < 4; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[at][c]) {
				at = r
			}
		}
		if math.Abs(a[at][c]) < 1e-9 {
			return x, false
		}
		a[c], a[at], b[c], b[at] = a[at], a[c], b[at], b[c]
		for r := range 4 {
			if r == c {
				continue
			}
			k := a[r][c] / a[c][c]
			for j := c; j < 4; j++ {
				a[r][j] -= k * a[c][j]
			}
			b[r] -= k * b[c]
		}
	}
	for i := range 4 {
		x[i] = b[i] / a[i][i]
	}
	return x, true
}

// linear takes a level of sRGB, 0 to 255, to linear light, 0 to 1 (IEC 61966-2-1).
func linear(level float64) float64 {
	v := level / 255
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// lightness is the linear luminance of levels of sRGB.
func lightness(rgb [3]float64) float64 {
	return 0.2126*linear(rgb[0]) + 0.7152*linear(rgb[1]) + 0.0722*linear(rgb[2])
}

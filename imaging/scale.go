package imaging

import (
	"errors"
	"image"
	"math"
)

// Scale is what a scale card beside a wound tells of a photo. It is a fact about the photo, never drawn into it.
type Scale struct {
	// PixelsPerMM is the scale in the middle of the card, in pixels of the picture searched; Uncertainty is how far it may be
	// off for what lies on the card or as far beside it in its plane, whichever way it is measured.
	PixelsPerMM, Uncertainty float64
	// Colour takes colours of the picture to those of the card, in linear sRGB: red = c₀r + c₁g + c₂b + c₃, then green and blue.
	// It is nil where the patches could not be trusted: clipped, shaded or discoloured.
	Colour *[12]float64
	// Corners are the centres of the four marks, clockwise from the one at the card's upper left, in pixels.
	Corners [4][2]float64
}

// ScaleSide is the longest side of a picture in which a scale card is looked for, in pixels.
const ScaleSide = 1024

// Why there is no scale.
var (
	ErrNoScale = errors.New("imaging: no scale card in the picture")
	ErrTilted  = errors.New("imaging: the scale card is seen too much from the side")

	errScalePicture = errors.New("imaging: a scale card is looked for in 64 to 1024 pixels a side")
)

const (
	leastScaleSide = 64
	mostSpread     = 0.15 // of the scale over the card and its directions: more is seen too much from the side
	markError      = 0.4  // pixels by which the centre of a mark may be off
)

// FindScale looks for one scale card (SCALE.md) in an upright picture that starts at the origin, turned and tilted as it may be.
// All four marks must be seen whole, and the patches between them must have the card's order of light and dark, so that
// nothing else is taken for one. Errors: ErrNoScale, ErrTilted.
func FindScale(img *image.RGBA) (s Scale, err error) {
	defer rescue(&err)
	if img == nil || img.Rect.Min != (image.Point{}) || min(img.Rect.Dx(), img.Rect.Dy()) < leastScaleSide ||
		max(img.Rect.Dx(), img.Rect.Dy()) > ScaleSide {
		return Scale{}, errScalePicture
	}
	gray := lumaOf(img)
	defer clear(gray.Pix)
	var best *cardFit
	for _, four := range quadruples(findMarks(gray)) {
		for _, turned := range []bool{false, true} {
			if f := fitCard(img, four, turned); f != nil && (best == nil || f.left < best.left) {
				best = f
			}
		}
	}
	if best == nil {
		return Scale{}, ErrNoScale
	}
	middle, least, most := best.scales()
	spread := (most - least) / 2
	if spread > mostSpread*middle {
		return Scale{}, ErrTilted
	}
	s = Scale{PixelsPerMM: middle, Uncertainty: spread + 2*markError/cardHeight, Colour: best.colour()}
	for i, m := range best.marks {
		s.Corners[i] = [2]float64{m.x, m.y}
	}
	return s, nil
}

// quadruples gives the sets of four marks that could be a card's corners, clockwise, the first side being a short one.
func quadruples(marks []mark) (all [][4]mark) {
	n := len(marks)
	for a := range n {
		for b := a + 1; b < n; b++ {
			for c := b + 1; c < n; c++ {
				for d := c + 1; d < n; d++ {
					if four, ok := cornered([4]mark{marks[a], marks[b], marks[c], marks[d]}); ok {
						all = append(all, four)
					}
				}
			}
		}
	}
	return all
}

// cornered orders four marks clockwise about their middle, a short side first, and reports whether they could be a card's.
func cornered(m [4]mark) ([4]mark, bool) {
	var cx, cy, least, most float64
	least = math.Inf(1)
	for _, p := range m {
		cx, cy = cx+p.x/4, cy+p.y/4
		least, most = min(least, p.module), max(most, p.module)
	}
	if most > 1.6*least {
		return m, false
	}
	angle := func(p mark) float64 { return math.Atan2(p.y-cy, p.x-cx) }
	for i := range m { // four need no more
		for j := i + 1; j < 4; j++ {
			if angle(m[j]) < angle(m[i]) {
				m[i], m[j] = m[j], m[i]
			}
		}
	}
	side := func(i int) float64 { return math.Hypot(m[i].x-m[(i+1)%4].x, m[i].y-m[(i+1)%4].y) }
	if side(0)+side(2) > side(1)+side(3) {
		m = [4]mark{m[1], m[2], m[3], m[0]}
	}
	short, long := (side(0)+side(2))/2, (side(1)+side(3))/2
	module := (least + most) / 2
	like := func(a, b, by float64) bool { return a < by*b && b < by*a }
	return m, like(side(0), side(2), 1.4) && like(side(1), side(3), 1.4) && like(long/short, cardHeight/cardWidth, 1.5) &&
		like(long*short, cardHeight*cardWidth*module*module/(markModule*markModule), 2.6) // turned by 45 degrees a row is √2 as long
}

package imaging

import (
	"image"
	"math"
)

// The scale card, in millimetres from the centre of its upper left mark. SCALE.md tells how it is printed and used; the same
// numbers make the sheet that is printed (a test holds both together).
const (
	cardWidth  = 38.0 // between the centres of marks
	cardHeight = 70.0
	cardEdge   = 8.0 // from a centre to the edge of the card: 54 × 86 mm in all
	markModule = 1.5 // a mark is six modules wide: a ring of one, a gap of one, a square of two
	patchSide  = 12.0
	rulerLong  = 24.0
)

// patch is a square of one colour: its centre and its levels of sRGB.
type patch struct {
	x, y    float64
	r, g, b uint8
}

func (p patch) colour() [3]float64 { return [3]float64{float64(p.r), float64(p.g), float64(p.b)} }

// cardPatches are six greys and six colours, in rows from the top.
var cardPatches = [12]patch{
	{4, 14, 52, 52, 52}, {19, 14, 122, 122, 122}, {34, 14, 200, 200, 200},
	{4, 28, 86, 86, 86}, {19, 28, 160, 160, 160}, {34, 28, 240, 240, 240},
	{4, 42, 176, 52, 60}, {19, 42, 70, 148, 74}, {34, 42, 56, 62, 150},
	{4, 56, 230, 198, 40}, {19, 56, 188, 86, 150}, {34, 56, 20, 134, 160},
}

// cardShape is a rectangle of the card in one colour, in millimetres from the card's corner.
type cardShape struct {
	x, y, w, h float64
	r, g, b    uint8
}

// cardShapes gives what is printed on a card, from the ground up.
func cardShapes() []cardShape {
	shapes := []cardShape{{0, 0, cardWidth + 2*cardEdge, cardHeight + 2*cardEdge, 255, 255, 255}}
	square := func(x, y, side float64, level uint8) {
		shapes = append(shapes, cardShape{x - side/2, y - side/2, side, side, level, level, level})
	}
	for _, c := range [][2]float64{{0, 0}, {cardWidth, 0}, {0, cardHeight}, {cardWidth, cardHeight}} {
		x, y := cardEdge+c[0], cardEdge+c[1]
		square(x, y, 6*markModule, 0)
		square(x, y, 4*markModule, 255)
		square(x, y, 2*markModule, 0)
	}
	for _, p := range cardPatches {
		shapes = append(shapes, cardShape{cardEdge + p.x - patchSide/2, cardEdge + p.y - patchSide/2, patchSide, patchSide, p.r, p.g, p.b})
	}
	for i := range int(rulerLong) + 1 { // lines of a ruler, each fifth and tenth longer
		long := 2.5
		if i%10 == 0 {
			long = 5
		} else if i%5 == 0 {
			long = 3.75
		}
		x := cardEdge + cardWidth/2 - rulerLong/2 + float64(i)
		shapes = append(shapes, cardShape{x - 0.1, cardEdge + cardHeight + 4 - long, 0.2, long, 0, 0, 0})
	}
	return shapes
}

// DrawScaleCard draws the card as it is printed, with a number of pixels a millimetre.
func DrawScaleCard(perMM float64) *image.RGBA {
	px := func(mm float64) int { return int(math.Round(mm * perMM)) }
	var card *image.RGBA
	for _, s := range cardShapes() {
		if card == nil { // the ground comes first
			card = image.NewRGBA(image.Rect(0, 0, px(s.w), px(s.h)))
		}
		for y := px(s.y); y < px(s.y+s.h); y++ {
			for x := px(s.x); x < px(s.x+s.w); x++ {
				copy(card.Pix[y*card.Stride+4*x:], []uint8{s.r, s.g, s.b, 255})
			}
		}
	}
	return card
}

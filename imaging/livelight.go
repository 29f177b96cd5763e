package imaging

import (
	"image"
	"math"
)

// Where the measures of light become warnings; LIVE.md has what they were chosen on.
const (
	darkLuma, darkest    = 60.0, 25.0 // of the brighter half of the middle, levels of 255
	glareShare           = 0.03       // of the middle that is clipped and colourless
	glareLevel           = 250        // every channel at least this
	farSkin              = 0.04       // least share of the frame that has a colour of skin
	sharpFirm, sharpFull = 0.50, 0.75 // see Sharpness
)

// middle is the part of a frame that matters: three fifths each way.
func middleOf(r image.Rectangle) image.Rectangle {
	return image.Rect(r.Dx()/5, r.Dy()/5, r.Dx()-r.Dx()/5, r.Dy()-r.Dy()/5)
}

// lighting is what is measured of the light in a frame.
type lighting struct {
	luma  float64 // level that a quarter of the middle exceeds
	glare float64 // share of the middle that is clipped
	skin  float64 // share of the frame with a colour of skin
}

func measureLight(frame *image.RGBA) (l lighting) {
	m := middleOf(frame.Rect)
	var shades [256]int
	clipped, skin := 0, 0
	for y := range frame.Rect.Dy() {
		row := frame.Pix[y*frame.Stride:][:4*frame.Rect.Dx()]
		for x := range frame.Rect.Dx() {
			r, g, b := int32(row[4*x]), int32(row[4*x+1]), int32(row[4*x+2])
			luma := uint8((19595*r + 38470*g + 7471*b + 1<<15) >> 16)
			cb := clampByte((-11056*r - 21712*g + 32768*b + 257<<15 - 1) >> 16)
			cr := clampByte((32768*r - 27440*g - 5328*b + 257<<15 - 1) >> 16)
			if skinLikelihood(luma, cb, cr) > 96 {
				skin++
			}
			if image.Pt(x, y).In(m) {
				shades[luma]++
				if min(r, g, b) >= glareLevel {
					clipped++
				}
			}
		}
	}
	n := m.Dx() * m.Dy()
	return lighting{bright(shades[:], n), float64(clipped) / float64(n), float64(skin) / float64(frame.Rect.Dx()*frame.Rect.Dy())}
}

func lookLight(frame *image.RGBA) (all []Warning, err error) {
	l := measureLight(frame)
	add := func(code LiveCode, score float64) {
		if score > 0 {
			all = append(all, Warning{Code: code, Score: score})
		}
	}
	add(LiveDark, rising(l.luma, 2*darkLuma, darkLuma, darkest))
	add(LiveGlare, rising(l.glare, 0, glareShare, 4*glareShare))
	if l.luma >= darkLuma { // in the dark nothing has a colour
		add(LiveFar, rising(l.skin, 2*farSkin, farSkin, 0))
	}
	return all, nil
}

func lookSharp(crop *image.RGBA) []Warning {
	s := Sharpness(crop)
	return []Warning{{Code: LiveBlur, Score: rising(s, sharpFull, sharpFirm, 0)}}
}

// Sharpness is 0 (no edges left) to 1 (edges of one pixel), measured in the pixels given: by how much a further blur lessens
// the steps from pixel to pixel (F. Crété et al. 2007), across and down, the lesser of both, so that a picture moved one way
// counts as blurred. Noise makes a picture sharper than it is; a picture without any step is not sharp.
func Sharpness(m *image.RGBA) float64 {
	gray := lumaOf(m)
	defer clear(gray.Pix)
	w, h := gray.Rect.Dx(), gray.Rect.Dy()
	if w < leastLiveSide || h < leastLiveSide {
		return 0
	}
	across := kept(gray.Pix, w, h, 1, gray.Stride)
	down := kept(gray.Pix, h, w, gray.Stride, 1)
	return min(across, down)
}

// kept gives the share of the steps along lines of n pixels that a blur of nine pixels takes away. Steps of one level or two
// are noise and are left out.
func kept(pix []uint8, n, lines, step, next int) float64 {
	const reach, noise = 4, 2
	var all, left float64
	for l := range lines {
		at := l * next
		sum := 0
		for i := range 2*reach + 1 {
			sum += int(pix[at+i*step])
		}
		for i := reach + 1; i < n-reach; i++ {
			before := sum
			sum += int(pix[at+(i+reach)*step]) - int(pix[at+(i-reach-1)*step])
			sharp := math.Abs(float64(pix[at+i*step]) - float64(pix[at+(i-1)*step]))
			soft := math.Abs(float64(sum-before)) / (2*reach + 1)
			if sharp > noise {
				all += sharp
				left += max(0, sharp-soft)
			}
		}
	}
	if all == 0 {
		return 0
	}
	return left / all
}

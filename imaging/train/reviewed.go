package train

import (
	"fmt"
	"image"
	"image/draw"
	"math"

	"github.com/clinivault/clinivault/imaging"
)

// Reviewed is a picture that people have looked through: what they covered in it is known, and the rest holds nothing to
// be covered, as far as they saw. A site's own pictures teach what its wounds, drapes and instruments are mistaken for.
type Reviewed struct {
	gray  *image.Gray
	faces []image.Rectangle
}

// NewReviewed keeps the luma of a picture that stands upright, small enough to learn from, with what was covered painted
// over: no face of a patient stays in it but those named as faces, in boxes that frame them from brow to chin.
func NewReviewed(picture image.Image, covered, faces []imaging.Box) (Reviewed, error) {
	b := picture.Bounds()
	if b.Empty() {
		return Reviewed{}, fmt.Errorf("train: a picture without pixels")
	}
	gray := image.NewGray(image.Rectangle{Max: b.Size()})
	draw.Draw(gray, gray.Rect, picture, b.Min, draw.Src)
	small := shrink(gray, reviewedSide)
	k := float64(small.Rect.Dx()) / float64(b.Dx())
	r := Reviewed{gray: image.NewGray(small.Rect)}
	copy(r.gray.Pix, small.Pix)
	for _, c := range covered {
		paint(r.gray, scaled(c, k))
	}
	for _, f := range faces {
		at := scaled(f, k).Intersect(small.Rect)
		if at.Dx() < leastWindow || at.Dy() < leastWindow {
			continue // too small to show anything
		}
		draw.Draw(r.gray, at, small, at.Min, draw.Src)
		r.faces = append(r.faces, at)
	}
	return r, nil
}

func scaled(b imaging.Box, k float64) image.Rectangle {
	return image.Rect(int(float64(b.X0)*k), int(float64(b.Y0)*k), int(math.Ceil(float64(b.X1)*k)), int(math.Ceil(float64(b.Y1)*k)))
}

// paint makes a place one black.
func paint(m *image.Gray, at image.Rectangle) {
	draw.Draw(m, at.Intersect(m.Rect), image.Black, image.Point{}, draw.Src)
}

// reviewedSide is the longest side that is kept of a reviewed picture.
const reviewedSide = 640

// ground is the picture for mining: what was covered is one black, faces too.
func (r Reviewed) ground() ground {
	g := ground{gray: image.NewGray(r.gray.Rect)}
	copy(g.gray.Pix, r.gray.Pix)
	for _, f := range r.faces {
		paint(g.gray, f)
	}
	return g
}

// reviewedGrounds and reviewedFaces are what reviewed pictures add to learning.
func reviewedGrounds(all []Reviewed, longest int) (out []ground) {
	for _, r := range all {
		g := r.ground()
		g.gray = shrink(g.gray, longest)
		out = append(out, g)
	}
	return out
}

func reviewedFaces(all []Reviewed) (out []facePicture) {
	for _, r := range all {
		for _, f := range r.faces {
			l := labelled{x0: float64(f.Min.X), y0: float64(f.Min.Y), x1: float64(f.Max.X), y1: float64(f.Max.Y)}
			out = append(out, facePicture{labelled: l, gray: r.gray})
		}
	}
	return out
}

//go:build !js

package imaging

import (
	"fmt"
	"image"

	dimaging "github.com/disintegration/imaging"
)

// Size names a rendition's size.
type Size string

// A rendition's longest side is at most 320 pixels (thumb) or 1600 (display); nothing is made larger.
const (
	SizeThumb   Size = "thumb"
	SizeDisplay Size = "display"
)

func (z Size) side() int {
	switch z {
	case SizeThumb:
		return 320
	case SizeDisplay:
		return 1600
	}
	return 0
}

// Render makes a smaller upright picture. The regions to cover, nil for none, are made solid in whole coded
// units of the full picture before it is scaled, so that nothing of them is left for scaling to smear; they
// get the same margin as in Redact.
func Render(s *Still, size Size, cover []Region) (out *Still, err error) {
	defer rescue(&err)
	img, err := decodeFor(s, size, cover)
	if err != nil {
		return nil, err
	}
	return renderImage(img, s, size)
}

// decodeFor decodes s, covered, as stored and at the smallest scale that serves size.
func decodeFor(s *Still, size Size, cover []Region) (image.Image, error) {
	if size.side() == 0 {
		return nil, fmt.Errorf("%w: no such size", ErrMalformed)
	}
	c, err := s.coefficients()
	if err != nil {
		return nil, err
	}
	if len(cover) > 0 {
		boxes, err := coverBoxes(cover, s.width, s.height)
		if err != nil {
			return nil, err
		}
		c = c.Clone()
		s.mask(c, boxes)
	}
	img, err := c.DecodeScaled(scaleFor(c.Width(), c.Height(), size.side()))
	if err != nil {
		return nil, codecError(err)
	}
	return img, nil
}

// renderImage scales a decoded picture of s, turns it upright and encodes it.
func renderImage(img image.Image, s *Still, size Size) (*Still, error) {
	b := img.Bounds()
	if w, h := b.Dx(), b.Dy(); max(w, h) > size.side() {
		_, gray := img.(*image.Gray)
		// One side is given and the other follows; neither gets less than a pixel.
		if w >= h {
			img = dimaging.Resize(img, size.side(), max(1, h*size.side()/w), dimaging.Linear)
		} else {
			img = dimaging.Resize(img, max(1, w*size.side()/h), size.side(), dimaging.Linear)
		}
		if gray {
			img = grayOf(img)
		} else {
			img = opaqueRGBA(img)
		}
	}
	c, err := encodePixels(turnImage(img, s.orientation), renderQuality)
	if err != nil {
		return nil, err
	}
	data, err := rebuild(c, 1, s.profile)
	if err != nil {
		return nil, err
	}
	out, err := newStill(data)
	if err != nil {
		return nil, fmt.Errorf("checking the rendition: %w", err)
	}
	return out, nil
}

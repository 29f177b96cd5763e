//go:build !js

package imaging

import (
	"fmt"
	"image"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// Upright decodes the picture to upright pixels at its full size: *image.Gray or *image.RGBA when it had to be
// turned, and what the codec gives otherwise.
func Upright(s *Still) (img image.Image, err error) {
	defer rescue(&err)
	c, err := s.coefficients()
	if err != nil {
		return nil, err
	}
	img, err = c.Decode()
	if err != nil {
		return nil, codecError(err)
	}
	return turnImage(img, s.orientation), nil
}

func turnImage(img image.Image, orientation int) image.Image {
	if orientation == 1 {
		return img
	}
	if g, ok := img.(*image.Gray); ok {
		return turnGray(orientation, g)
	}
	return turnRGBA(orientation, opaqueRGBA(img))
}

// Baseline gives a baseline JPEG (ITU-T T.81 process 1) of upright pixels, and its size, for charts that
// cannot carry an orientation. The coefficients are kept when the Still is upright, YCbCr or grey, and its
// quantisation fits baseline: as they are, or written sequentially when the Still is progressive. Otherwise the
// pixels are turned and encoded anew.
func Baseline(s *Still) (data []byte, width, height int, err error) {
	defer rescue(&err)
	c, err := s.coefficients()
	if err != nil {
		return nil, 0, 0, err
	}
	if s.orientation == 1 && c.ColorTransform() != jpegcoef.RGB {
		data, p, err := s.sequential(c)
		if err != nil || p.baseline {
			return data, s.width, s.height, err
		}
	}
	img, err := c.Decode()
	if err != nil {
		return nil, 0, 0, codecError(err)
	}
	turned, err := encodePixels(turnImage(img, s.orientation), fullQuality)
	if err != nil {
		return nil, 0, 0, err
	}
	data, err = rebuild(turned, 1, s.profile)
	if err != nil {
		return nil, 0, 0, err
	}
	if err := Verify(data); err != nil {
		return nil, 0, 0, fmt.Errorf("checking the turned picture: %w", err)
	}
	return data, s.width, s.height, nil
}

// sequential gives the picture's coefficients in a sequential file, and what the checker saw in it.
func (s *Still) sequential(c *jpegcoef.Coefficients) ([]byte, picture, error) {
	data := s.Bytes()
	p, err := examine(data)
	if err != nil || !p.progressive {
		return data, p, err
	}
	if data, err = rebuildAs(c, s.orientation, s.profile, false); err != nil {
		return nil, p, err
	}
	if p, err = examine(data); err != nil {
		return nil, p, fmt.Errorf("checking the sequential picture: %w", err)
	}
	return data, p, nil
}

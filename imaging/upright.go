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
// cannot carry an orientation. The coefficients are kept when the Still is upright, YCbCr or grey, and already
// baseline; otherwise the pixels are turned and encoded anew, and a caller that must say so compares the
// result with Bytes.
func Baseline(s *Still) (data []byte, width, height int, err error) {
	defer rescue(&err)
	c, err := s.coefficients()
	if err != nil {
		return nil, 0, 0, err
	}
	p, err := inspect(s.data)
	if err != nil {
		return nil, 0, 0, err
	}
	if s.orientation == 1 && p.baseline && c.ColorTransform() != jpegcoef.RGB {
		return s.Bytes(), s.width, s.height, nil
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

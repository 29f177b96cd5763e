//go:build !js

package imaging

import (
	"image"
	"slices"
	"time"

	dimaging "github.com/disintegration/imaging"
)

const (
	detectSide = 1280 // longest side searched, in pixels
	colourSide = 640  // the same for what is looked for in colour
)

// Detect proposes the regions of s to be covered, in upright pixels and before any margin: faces, tattoos and
// text. It misses some, so finding nothing means nothing.
func Detect(s *Still) ([]Region, error) {
	regions, _, err := DetectTimed(s)
	return regions, err
}

// DetectTimed is Detect, with the processor time that each kind of detector used, decoding left out. On systems
// that do not tell it, and where other work runs beside, it is not exact.
func DetectTimed(s *Still) (regions []Region, used map[Kind]time.Duration, err error) {
	defer rescue(&err)
	c, err := s.coefficients()
	if err != nil {
		return nil, nil, err
	}
	img, err := c.DecodeScaled(scaleFor(c.Width(), c.Height(), detectSide))
	if err != nil {
		return nil, nil, codecError(err)
	}
	return detectScaled(img, s)
}

// detectScaled searches a decoded picture of s, at any scale and as stored.
func detectScaled(img image.Image, s *Still) ([]Region, map[Kind]time.Duration, error) {
	return detectAll(img, s.orientation, s.width, s.height)
}

// DetectImage is Detect for pixels that are already upright, such as a frame of a camera, and for some kinds only, if any
// are named. An empty picture, or one the detectors cannot search, has no regions.
func DetectImage(img image.Image, kinds ...Kind) (regions []Region) {
	defer func() {
		if recover() != nil {
			regions = nil
		}
	}()
	b := img.Bounds()
	if b.Empty() {
		return nil
	}
	regions, _, err := detectAll(img, 1, b.Dx(), b.Dy(), kinds...)
	if err != nil {
		return nil
	}
	return regions
}

// detectAll runs each kind of detector, or those named, on a picture turned upright by orientation, which stands for one
// of w × h upright pixels.
func detectAll(img image.Image, orientation, w, h int, kinds ...Kind) ([]Region, map[Kind]time.Duration, error) {
	gray := turnGray(orientation, searchable(img))
	used := map[Kind]time.Duration{}
	var regions []Region
	for _, d := range []struct {
		kind   Kind
		search func() (found []finding, width int, err error)
	}{
		{KindFace, func() ([]finding, int, error) {
			found, err := searchFaces(gray)
			return found, gray.Rect.Dx(), err
		}},
		{KindTattoo, func() ([]finding, int, error) {
			colour := turnRGBA(orientation, colourView(img))
			found, err := searchTattoos(colour)
			return found, colour.Rect.Dx(), err
		}},
		{KindText, func() ([]finding, int, error) {
			found, err := searchText(gray)
			return found, gray.Rect.Dx(), err
		}},
	} {
		if len(kinds) > 0 && !slices.Contains(kinds, d.kind) {
			continue
		}
		before := processorTime()
		found, width, err := d.search()
		if err != nil {
			return nil, nil, err
		}
		used[d.kind] = processorTime() - before
		for _, f := range found {
			if r, ok := f.region(float64(w)/float64(width), w, h); ok && len(regions) < MaxRegions {
				regions = append(regions, r)
			}
		}
	}
	return regions, used, nil
}

// colourView gives a picture small enough for what is looked for in colour.
func colourView(img image.Image) *image.RGBA {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	if max(w, h) <= colourSide {
		return opaqueRGBA(img)
	}
	k := float64(colourSide) / float64(max(w, h))
	return opaqueRGBA(dimaging.Resize(img, max(1, int(float64(w)*k+0.5)), max(1, int(float64(h)*k+0.5)), dimaging.Box))
}

// searchable gives the luma of a picture, at most detectSide a side.
func searchable(img image.Image) *image.Gray {
	return fitGray(grayOf(img), detectSide)
}

// grayOf gives the luma of a picture (ITU-R BT.601), at the origin.
func grayOf(img image.Image) *image.Gray {
	switch m := img.(type) {
	case *image.Gray:
		if m.Rect.Min == (image.Point{}) {
			return m
		}
	case *image.YCbCr: // the luma plane is the picture in grey
		if m.Rect.Min == (image.Point{}) {
			return &image.Gray{Pix: m.Y, Stride: m.YStride, Rect: m.Rect}
		}
	}
	return lumaOf(opaqueRGBA(img))
}

// scaleFor gives the power of two, up to 8, by which a picture may be decoded smaller and still have at least
// side pixels on its longest side.
func scaleFor(w, h, side int) int {
	for _, d := range []int{8, 4, 2} {
		if max(w, h)/d >= side {
			return d
		}
	}
	return 1
}

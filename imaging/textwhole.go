//go:build !js

package imaging

import "image"

// DetectText proposes the lines of text alone, in pixels of an upright picture.
func DetectText(img image.Image) (regions []Region, err error) {
	defer rescue(&err)
	b := img.Bounds()
	if b.Empty() {
		return nil, nil
	}
	gray := searchable(img)
	found, err := searchText(gray)
	for _, f := range found {
		if r, ok := f.region(float64(b.Dx())/float64(gray.Rect.Dx()), b.Dx(), b.Dy()); ok {
			regions = append(regions, r)
		}
	}
	return regions, err
}

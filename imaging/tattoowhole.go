//go:build !js

package imaging

import (
	_ "embed"
	"image"
)

//go:embed cascade/tattoo
var tattooCascade []byte

// tattooModel is the cascade that the thresholds of tattoo.go were chosen with; see cascade/README.md.
var tattooModel = newModel("tattoo", "2308d861168b003036ebd297e2cf775f469c45aea1075bada074e0fae962b666", tattooCascade)

// searchTattoos proposes the tattoos of an upright picture of any size, in its pixels.
func searchTattoos(rgb *image.RGBA) ([]finding, error) {
	return findTattoos(rgb, tattooModel, tattooFloor)
}

// DetectTattoos proposes the tattoos of an upright picture, before any margin, and looks for nothing else.
func DetectTattoos(rgb *image.RGBA) (regions []Region, err error) {
	defer rescue(&err)
	found, err := searchTattoos(rgb)
	for _, f := range found {
		if r, ok := f.region(1, rgb.Rect.Dx(), rgb.Rect.Dy()); ok {
			regions = append(regions, r)
		}
	}
	return regions, err
}

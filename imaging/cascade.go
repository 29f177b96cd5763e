//go:build !js

package imaging

import (
	"bytes"
	_ "embed"
	"fmt"
)

var (
	//go:embed cascade/facefinder
	facefinderFile []byte
	//go:embed cascade/face
	faceFile []byte
	//go:embed cascade/eye
	eyeFile []byte
	//go:embed cascade/mouth
	mouthFile []byte
)

// The cascades of the face family: the one that comes with pigo, and ours; cascade/README.md tells where each is from.
var (
	facefinder = newModel("pigo/facefinder", "d8014993e7298c7b1865d1f8b855d6dbf4ec5c808bf879e2091ab6837abf90cd", facefinderFile)
	wholeFace  = newModel("clinivault/face", "0bb4414339e32d39607f1665ee0f79810898e7a2680a3f22d0f0e8fcbf490a00", faceFile)
	oneEye     = newModel("clinivault/eye", "969bb8b6e743331b3d7b546a0b94e0dd33e314a6b54a9cbf1d99225951569bc4", eyeFile)
	lowerFace  = newModel("clinivault/mouth", "5f376588faac97e451e97b3810a82cbf6dd5009de05ad450c55a992cf0902188", mouthFile)
)

// Detectors names each detector in use with its model's digest and the version of its thresholds.
func Detectors() []string {
	var names []string
	for _, m := range []*model{facefinder, wholeFace, oneEye, lowerFace, tattooModel} {
		names = append(names, fmt.Sprintf("%s sha256:%s %s", m.name, m.digest[:12], tuning))
	}
	return append(names, textSource+" "+textTuning)
}

// FaceFinder gives the file of the cascade that comes with pigo, for what is learned beside it.
func FaceFinder() []byte { return bytes.Clone(facefinderFile) }

package imaging

import (
	"bytes"
	_ "embed"
	"fmt"
)

var (
	//go:embed cascade/facefinder
	facefinderFile []byte
)

// The cascades of the face family: the one that comes with pigo, and ours; cascade/README.md tells where each is from.
var (
	facefinder = newModel("pigo/facefinder", "d8014993e7298c7b1865d1f8b855d6dbf4ec5c808bf879e2091ab6837abf90cd", facefinderFile)
)

// Detectors names each detector in use with its model's digest and the version of its thresholds.
func Detectors() []string {
	var names []string
	for _, m := range []*model{facefinder, tattooModel} {
		names = append(names, fmt.Sprintf("%s sha256:%s %s", m.name, m.digest[:12], tuning))
	}
	return append(names, textSource+" "+textTuning)
}

// FaceFinder gives the file of the cascade that comes with pigo, for what is learned beside it.
func FaceFinder() []byte { return bytes.Clone(facefinderFile) }

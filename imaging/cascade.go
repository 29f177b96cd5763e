package imaging

import (
	"bytes"
	_ "embed"
	"fmt"
)

//go:embed cascade/facefinder
var facefinderFile []byte

// facefinder is the cascade of upright faces that comes with pigo.
var facefinder = newModel("pigo/facefinder", "d8014993e7298c7b1865d1f8b855d6dbf4ec5c808bf879e2091ab6837abf90cd", facefinderFile)

// Detectors names each detector in use with its model's digest and the version of its thresholds.
func Detectors() []string {
	return []string{fmt.Sprintf("%s sha256:%s %s", facefinder.name, facefinder.digest[:12], tuning)}
}

// FaceFinder gives the file of the cascade that comes with pigo, for what is learned beside it.
func FaceFinder() []byte { return bytes.Clone(facefinderFile) }

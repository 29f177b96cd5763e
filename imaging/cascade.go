package imaging

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	pigo "github.com/esimov/pigo/core"
)

//go:embed cascade/facefinder
var facefinder []byte

// facefinderDigest is the SHA-256 of the cascade that the thresholds below were measured with.
const facefinderDigest = "d8014993e7298c7b1865d1f8b855d6dbf4ec5c808bf879e2091ab6837abf90cd"

// faceSource is the Source of a face region: the cascade, and the version of our use of it.
const faceSource = "pigo/facefinder sha256:" + "d8014993e729" + " v1"

// Detectors names each detector in use with its cascade and threshold.
func Detectors() []string {
	return []string{fmt.Sprintf("%s q>=%.1f", faceSource, float64(faceThreshold))}
}

// loadFaces unpacks the cascade once. The unpacker panics on a damaged file, so the digest comes first.
var loadFaces = sync.OnceValues(func() (*pigo.Pigo, error) { return unpackFaces(facefinder) })

func unpackFaces(cascade []byte) (*pigo.Pigo, error) {
	sum := sha256.Sum256(cascade)
	if hex.EncodeToString(sum[:]) != facefinderDigest {
		return nil, errors.New("imaging: face cascade is not the one that was measured")
	}
	faces, err := pigo.NewPigo().Unpack(cascade)
	if err != nil {
		return nil, fmt.Errorf("imaging: unpacking face cascade: %w", err)
	}
	return faces, nil
}

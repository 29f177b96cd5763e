//go:build !js

package imaging

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"sync"

	pigo "github.com/esimov/pigo/core"
)

// newModel names an embedded cascade. It is unpacked once, after its digest was compared: the unpacker panics on
// a damaged file.
func newModel(name, digest string, data []byte) *model {
	return &model{name: name, digest: digest,
		unpack: sync.OnceValues(func() (cascade, error) { return unpackCascade(name, digest, data) })}
}

func unpackCascade(name, digest string, data []byte) (cascade, error) {
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("imaging: cascade %s is not the one that was measured", name)
	}
	unpacked, err := pigo.NewPigo().Unpack(data)
	if err != nil {
		return nil, fmt.Errorf("imaging: unpacking cascade %s: %w", name, err)
	}
	return pigoCascade{unpacked}, nil
}

// pigoCascade is a cascade that pigo runs.
type pigoCascade struct{ *pigo.Pigo }

func (c pigoCascade) windows(gray *image.Gray, least, most int, shift, scale float64) (hits []hit) {
	for _, d := range c.RunCascade(pigo.CascadeParams{MinSize: least, MaxSize: most, ShiftFactor: shift, ScaleFactor: scale,
		ImageParams: pigo.ImageParams{Pixels: gray.Pix, Rows: gray.Rect.Dy(), Cols: gray.Rect.Dx(), Dim: gray.Stride}}, 0) {
		hits = append(hits, hit{float64(d.Col), float64(d.Row), float64(d.Scale), float64(d.Q)})
	}
	return hits
}

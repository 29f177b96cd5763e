//go:build !js

package imaging

import (
	"bytes"
	"fmt"
	"math"
)

// ProveBack proves a redaction from the two files as they came back from where they are kept. The redacted one must
// be, byte for byte, the picture that was covered, so that Residual, what the detectors still see in that one, holds
// for it too; and ProveFiles must pass. Any other outcome is ErrProof.
func (r *Redacted) ProveBack(original, redacted []byte) error {
	if r.Still == nil || !bytes.Equal(redacted, r.Still.data) {
		return fmt.Errorf("%w: what came back is not the covered picture", ErrProof)
	}
	return ProveFiles(original, redacted, r.Masked)
}

// ProveFiles is Prove for two clean files: the masked boxes of redacted are solid, everything else is identical to
// original, and the checker passes both. Any other outcome is ErrProof.
func ProveFiles(original, redacted []byte, masked []Box) error {
	before, err := newStill(original)
	if err != nil {
		return fmt.Errorf("%w: original: %w", ErrProof, err)
	}
	after, err := newStill(redacted)
	if err != nil {
		return fmt.Errorf("%w: redacted: %w", ErrProof, err)
	}
	return Prove(before, after, masked)
}

// ProveMasked proves of a redacted file alone that the checker passes it and that each masked box, in upright
// pixels, is made of whole coded units of one constant. What lies outside the masks it cannot judge. Any other
// outcome is ErrProof.
func ProveMasked(redacted []byte, masked []Box) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: reading stopped", ErrProof)
		}
	}()
	s, err := newStill(redacted)
	if err != nil {
		return fmt.Errorf("%w: redacted: %w", ErrProof, err)
	}
	c, err := s.coefficients()
	if err != nil {
		return fmt.Errorf("%w: redacted: %w", ErrProof, err)
	}
	for _, box := range masked {
		r := s.stored(box)
		if !aligned(c, r) {
			return fmt.Errorf("%w: a mask is not made of whole units", ErrProof)
		}
		if !c.MaskedSolid(r) {
			return fmt.Errorf("%w: a mask is not solid", ErrProof)
		}
	}
	return nil
}

// Thresholds gives the least Score with which each kind is proposed.
func Thresholds() map[string]float64 {
	return map[string]float64{
		string(KindFace):   math.Round(1000*evidenceScore(faceEvidence)) / 1000,
		string(KindTattoo): math.Round(1000*tattooFloor/(tattooFloor+tattooFirm)) / 1000,
		string(KindText):   leastText,
	}
}

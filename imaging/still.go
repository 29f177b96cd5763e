//go:build !js

package imaging

import (
	"crypto/sha256"
	"fmt"
	"image"
	"slices"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// Still is a clean picture: a JPEG that Verify has passed. Only Read, Redact, Render and a Pool make one, so a
// function that takes a *Still cannot be given camera metadata. The zero value is unusable: its methods answer
// with nothing, and the verbs refuse it. A Still is never changed once made.
type Still struct {
	data        []byte
	width       int // upright
	height      int // upright
	orientation int
	profile     profileKind
	digest      [sha256.Size]byte

	facts     Facts
	removed   []string
	converted string

	// coefs is kept by Read for the verbs that follow in the same process. It is only ever read: whoever
	// masks takes a clone.
	coefs *jpegcoef.Coefficients
}

// newStill makes a Still of bytes that the checker passes, and of nothing else.
func newStill(data []byte) (*Still, error) {
	p, err := examine(data)
	if err != nil {
		return nil, err
	}
	w, h := turnedSize(p.orientation, p.width, p.height)
	return &Still{data: data, width: w, height: h, orientation: p.orientation, profile: p.profile,
		digest: sha256.Sum256(data)}, nil
}

// Bytes is a copy of the JPEG file.
func (s *Still) Bytes() []byte { return slices.Clone(s.data) }

// Width is the width in upright pixels.
func (s *Still) Width() int { return s.width }

// Height is the height in upright pixels.
func (s *Still) Height() int { return s.height }

// Orientation is 1, or 2 to 8 (TIFF 6.0 tag 274) when turning the coefficients would not have been exact and
// the file says how to show it. Width, Height and every region are in upright pixels all the same.
func (s *Still) Orientation() int { return s.orientation }

// Format is "jpeg", or empty for a Still that nobody made.
func (s *Still) Format() string {
	if len(s.data) == 0 {
		return ""
	}
	return "jpeg"
}

// Digest is the SHA-256 of Bytes.
func (s *Still) Digest() [sha256.Size]byte { return s.digest }

// Facts is what the source said about the capture. It is personal data and belongs in the sealed record.
func (s *Still) Facts() Facts { return s.facts }

// Removed names, without values, what the source carried and this picture does not, such as "GPS position".
func (s *Still) Removed() []string { return slices.Clone(s.removed) }

// Converted says from which format the pixels were encoded anew, such as "PNG"; empty when the coefficients
// of the source were kept.
func (s *Still) Converted() string { return s.converted }

// String keeps pictures out of logs.
func (s *Still) String() string { return "[still]" }

// GoString keeps pictures out of logs.
func (s *Still) GoString() string { return "[still]" }

// coefficients gives the picture's coefficients, to read only.
func (s *Still) coefficients() (*jpegcoef.Coefficients, error) {
	if s == nil || len(s.data) == 0 {
		return nil, fmt.Errorf("%w: empty still", ErrMalformed)
	}
	if s.coefs != nil {
		return s.coefs, nil
	}
	// The bytes passed the checker, so only the picture's own size bounds them.
	lim := DefaultLimits()
	lim.MaxBytes = max(lim.MaxBytes, int64(len(s.data)))
	lim.MaxPixels = max(lim.MaxPixels, int64(s.width)*int64(s.height))
	lim.MaxSide = max(lim.MaxSide, s.width, s.height)
	c, err := jpegcoef.Read(s.data, lim.codec())
	if err != nil {
		return nil, codecError(err)
	}
	return c, nil
}

// stored maps a rectangle of upright pixels to the coded picture, and upright maps back.
func (s *Still) stored(b Box) image.Rectangle {
	return turnBox(inverseTurn(s.orientation), s.width, s.height, b).rect()
}

func (s *Still) upright(r image.Rectangle) Box {
	w, h := turnedSize(inverseTurn(s.orientation), s.width, s.height)
	return turnBox(s.orientation, w, h, boxOf(r))
}

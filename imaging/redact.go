//go:build !js

package imaging

import (
	"fmt"
	"image"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// maskColour covers. It is one colour for every picture, so it tells nothing of what was below.
var maskColour = [3]uint8{0, 0, 0}

// Redact covers regions of original and proves the result. A detector's region gets its margin, a person's is
// used as it is; each is rounded outwards to whole coded units (8 or 16 pixels a side in common files), whose
// coefficients are replaced by one constant. All others are kept as they are. The boxes answered are those
// really covered, in upright pixels. With no regions the picture is the original's, proved equal.
func Redact(original *Still, regions []Region) (redacted *Still, masked []Box, err error) {
	redacted, masked, err = redact(original, regions)
	if err != nil {
		return nil, nil, err
	}
	if err := Prove(original, redacted, masked); err != nil {
		return nil, nil, err
	}
	return redacted, masked, nil
}

// redact is Redact without the proof.
func redact(original *Still, regions []Region) (redacted *Still, masked []Box, err error) {
	defer rescue(&err)
	c, err := original.coefficients()
	if err != nil {
		return nil, nil, err
	}
	boxes, err := coverBoxes(regions, original.width, original.height)
	if err != nil {
		return nil, nil, err
	}
	c = c.Clone()
	masked = original.mask(c, boxes)
	data, err := rebuild(c, original.orientation, original.profile)
	if err != nil {
		return nil, nil, err
	}
	redacted, err = newStill(data)
	if err != nil {
		return nil, nil, fmt.Errorf("checking the redacted picture: %w", err)
	}
	return redacted, masked, nil
}

// mask covers boxes of upright pixels in coefficients of s, and gives the boxes really covered.
func (s *Still) mask(c *jpegcoef.Coefficients, boxes []Box) []Box {
	masked := make([]Box, 0, len(boxes))
	for _, b := range boxes {
		masked = append(masked, s.upright(c.Mask(s.stored(b), maskColour)))
	}
	return masked
}

// Prove re-reads the bytes of both pictures and reports whether redacted is original with the masked boxes, and
// nothing but them, made solid: every coded unit that a box touches is one constant, every other coefficient and
// the quantisation are identical, the orientation and colour profile are the same, and the checker passes the
// file. Any other outcome is ErrProof. The boxes are upright pixels and must lie on the units' borders.
func Prove(original, redacted *Still, masked []Box) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: reading stopped", ErrProof)
		}
	}()
	if original == nil || redacted == nil {
		return fmt.Errorf("%w: a picture is missing", ErrProof)
	}
	before, err := examine(original.data)
	if err != nil {
		return fmt.Errorf("%w: original: %w", ErrProof, err)
	}
	after, err := examine(redacted.data)
	if err != nil {
		return fmt.Errorf("%w: redacted: %w", ErrProof, err)
	}
	if before != after {
		return fmt.Errorf("%w: the pictures do not belong together", ErrProof)
	}
	a, err := reread(original)
	if err != nil {
		return fmt.Errorf("%w: original: %w", ErrProof, err)
	}
	b, err := reread(redacted)
	if err != nil {
		return fmt.Errorf("%w: redacted: %w", ErrProof, err)
	}
	rects := make([]image.Rectangle, 0, len(masked))
	for _, box := range masked {
		r := original.stored(box)
		if !aligned(b, r) {
			return fmt.Errorf("%w: a mask is not made of whole units", ErrProof)
		}
		if !b.MaskedSolid(r) {
			return fmt.Errorf("%w: a mask is not solid", ErrProof)
		}
		rects = append(rects, r)
	}
	if !a.EqualOutside(b, rects) {
		return fmt.Errorf("%w: something outside the masks changed", ErrProof)
	}
	return nil
}

// reread decodes the bytes of s anew, not what is remembered of them.
func reread(s *Still) (*jpegcoef.Coefficients, error) {
	fresh := *s
	fresh.coefs = nil
	return fresh.coefficients()
}

// aligned reports whether r is made of whole units of c, up to the picture's edge.
func aligned(c *jpegcoef.Coefficients, r image.Rectangle) bool {
	w, h := c.MCUSize()
	return !r.Empty() && r.Min.X >= 0 && r.Min.Y >= 0 && r.Min.X%w == 0 && r.Min.Y%h == 0 &&
		(r.Max.X%w == 0 || r.Max.X == c.Width()) && r.Max.X <= c.Width() &&
		(r.Max.Y%h == 0 || r.Max.Y == c.Height()) && r.Max.Y <= c.Height()
}

// coverBoxes gives the boxes to cover: a person's as they are, a detector's with their margin. A region that
// covers nothing is refused, since whoever asked for it believes that something is covered.
func coverBoxes(regions []Region, w, h int) ([]Box, error) {
	if len(regions) > MaxRegions {
		return nil, fmt.Errorf("%w: too many regions", ErrTooLarge)
	}
	boxes := make([]Box, 0, len(regions))
	for i, r := range regions {
		b := r.Box.clip(w, h)
		if r.Source != SourcePerson {
			b = Margin(r, w, h)
		}
		if b.empty() {
			return nil, fmt.Errorf("%w: region %d lies outside the picture", ErrMalformed, i)
		}
		boxes = append(boxes, b)
	}
	return boxes, nil
}

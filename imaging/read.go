//go:build !js

package imaging

import (
	"bytes"
	"fmt"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// Read is the one way in: it names the format of data, bounds it, reads the capture facts, rebuilds the picture
// without anything foreign, turns it upright where that is exact, and has the checker pass the result.
//
// A JPEG keeps its coefficients, so nothing is lost by passing through, unless its colour profile is one that has to
// be converted; that, PNG and HEIC are encoded anew and Converted says so. It keeps no reference to data. Errors are one of the sentinels of this package.
// Memory beside the input is about 3 bytes a pixel for common JPEGs, 6 to 16 for the rest.
func Read(data []byte, lim Limits) (s *Still, err error) {
	defer rescue(&err)
	lim = lim.orDefault()
	kind, err := gate(data, lim)
	if err != nil {
		return nil, err
	}
	switch kind {
	case jpegFile:
		return readJPEG(data, lim)
	case pngFile:
		return readPNG(data, lim)
	case heicFile:
		return readHEIC(data, lim)
	}
	return nil, ErrNotPicture
}

// rescue turns a panic into an error: a picture may fail, never take the caller with it. The panic's value is
// not repeated, since it can hold input.
func rescue(err *error) {
	if recover() != nil {
		*err = fmt.Errorf("%w: decoder stopped", ErrMalformed)
	}
}

func readJPEG(data []byte, lim Limits) (*Still, error) {
	src, err := surveyJPEG(data, lim, nil)
	if err != nil {
		return nil, err
	}
	c, err := jpegcoef.Read(data, lim.codec())
	if err != nil {
		return nil, codecError(err)
	}
	if c.Trailing() > 0 {
		src.drop("trailing bytes")
	}
	if c.Skipped() > 0 {
		src.drop("bytes between segments")
	}
	orientation := src.facts.Orientation
	if src.foreign != nil && src.foreign.grey == (c.Components() == 1) {
		img, err := c.Decode()
		if err != nil {
			return nil, codecError(err)
		}
		return src.fromPixels(img, orientation, lim, "JPEG in another colour space")
	}
	if turned, exact := c.Turn(orientation); exact {
		c, orientation = turned, 1
	}
	return src.still(c, orientation, "")
}

// still writes the coefficients and makes a Still of them.
func (s *source) still(c *jpegcoef.Coefficients, orientation int, converted string) (*Still, error) {
	data, err := rebuild(c, orientation, s.profile)
	if err != nil {
		return nil, err
	}
	still, err := newStill(data)
	if err != nil {
		return nil, fmt.Errorf("checking the rebuilt picture: %w", err)
	}
	still.facts, still.removed, still.converted, still.coefs = s.facts, s.removed, converted, c
	return still, nil
}

// adobeRGB is the APP14 segment that says three components are red, green and blue
// (ITU-T T.872 6.5.3: version 100, no flags, transform 0).
var adobeRGB = []byte{0xff, markAPP14, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0}

// rebuild writes coefficients as a file that holds what STRIP.md lists and nothing else. It is progressive when
// the coefficients come from a progressive file.
func rebuild(c *jpegcoef.Coefficients, orientation int, profile profileKind) ([]byte, error) {
	return rebuildAs(c, orientation, profile, c.Progressive())
}

// rebuildAs is rebuild with the form given.
func rebuildAs(c *jpegcoef.Coefficients, orientation int, profile profileKind, progressive bool) ([]byte, error) {
	o := jpegcoef.WriteOptions{Progressive: progressive}
	if orientation != 1 {
		o.Extra = append(o.Extra, orientationSegment(orientation))
	}
	if c.ColorTransform() == jpegcoef.RGB {
		o.OmitJFIF = true // JFIF would say YCbCr
		o.Extra = append(o.Extra, adobeRGB)
	}
	if seg := profileSegment(profile); seg != nil && (profile == profileGray) == (c.Components() == 1) {
		o.Extra = append(o.Extra, seg)
	}
	var out bytes.Buffer
	if err := c.Write(&out, o); err != nil {
		return nil, fmt.Errorf("writing coefficients: %w", err)
	}
	return out.Bytes(), nil
}

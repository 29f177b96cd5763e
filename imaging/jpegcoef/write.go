package jpegcoef

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// WriteOptions say what Write puts around the coefficients. The zero value is a
// JFIF file.
type WriteOptions struct {
	// Extra are whole segments, each with its marker and length, written in
	// order behind the JFIF segment: application segments or comments.
	Extra [][]byte
	// OmitJFIF leaves the JFIF segment out. Components that are RGB need that,
	// because JFIF means YCbCr.
	OmitJFIF bool
	// Progressive writes a progressive file of ten scans, or six for one
	// component. Otherwise it is sequential, whatever the source was.
	Progressive bool
}

// ErrOptions means that WriteOptions do not fit the picture or each other.
var ErrOptions = errors.New("jpegcoef: write options")

// Write writes the picture to w as a JPEG file: start, JFIF, the extra segments,
// quantisation tables in use, frame, and for each scan its optimal Huffman tables,
// header and data; then the end. It is a function of the coefficients and the
// options alone: no restart markers, no bits of the source. The last byte of a
// scan is filled with ones, as F.1.2.3 says and libjpeg does: the code of all
// ones is never used, so no decoder can take the filling for data.
//
// It refuses with ErrOptions what would change the meaning of the components.
func (c *Coefficients) Write(w io.Writer, o WriteOptions) error {
	if err := c.checkOptions(o); err != nil {
		return err
	}
	b := newBitWriter(w)
	b.bytes(0xFF, markerSOI)
	if !o.OmitJFIF {
		// Version 1.1, no unit of density, 1:1, no thumbnail: T.871 10.1.
		b.segment(markerAPP0, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0)
	}
	for _, s := range o.Extra {
		b.bytes(s...)
	}
	c.writeFrame(b, c.writeQuant(b), o.Progressive)
	if o.Progressive {
		c.writeProgressive(b)
	} else {
		c.writeSequential(b)
	}
	b.bytes(0xFF, markerEOI)
	b.flush()
	if b.err != nil {
		return fmt.Errorf("jpegcoef: writing: %w", b.err)
	}
	return nil
}

// checkOptions checks the extra segments, and that a decoder of the output will
// take its components for what they are.
func (c *Coefficients) checkOptions(o WriteOptions) error {
	adobe, adobeSet := false, uint8(0)
	for _, s := range o.Extra {
		if len(s) < 4 || s[0] != 0xFF || int(s[2])<<8|int(s[3]) != len(s)-2 {
			return fmt.Errorf("%w: an extra segment is not whole", ErrOptions)
		}
		m, body := s[1], s[4:]
		if m != markerCOM && (m < markerAPP0 || m > markerAPP15) {
			return fmt.Errorf("%w: an extra segment is neither application data nor comment", ErrOptions)
		}
		if m == markerAPP0 && bytes.HasPrefix(body, []byte("JFIF\x00")) {
			return fmt.Errorf("%w: an extra segment is a second JFIF", ErrOptions)
		}
		if m == markerAPP14 && isAdobe(body) {
			adobe, adobeSet = true, body[adobeTransform]
		}
	}
	if got := guessTransform(c.comps, !o.OmitJFIF, adobe, adobeSet); got != c.transform {
		return fmt.Errorf("%w: %v would be taken for %v", ErrOptions, c.transform, got)
	}
	return nil
}

// writeQuant writes each different quantisation table once, B.2.4.1, and returns
// which one each component uses.
func (c *Coefficients) writeQuant(b *bitWriter) []byte {
	ids := make([]byte, len(c.comps))
	written := byte(0)
	for i := range c.comps {
		q, same := &c.comps[i].quant, -1
		for j := range i {
			if c.comps[j].quant == *q {
				same = j
				break
			}
		}
		if same >= 0 {
			ids[i] = ids[same]
			continue
		}
		ids[i] = written
		body := []byte{written}
		if wide(q) {
			body[0] |= 0x10
		}
		for _, v := range q {
			if wide(q) {
				body = append(body, byte(v>>8))
			}
			body = append(body, byte(v))
		}
		b.segment(markerDQT, body...)
		written++
	}
	return ids
}

// wide reports whether a quantisation table needs 16 bits an element.
func wide(q *[blockSize]uint16) bool {
	for _, v := range q {
		if v > 255 {
			return true
		}
	}
	return false
}

// writeFrame writes the frame header, B.2.2.
func (c *Coefficients) writeFrame(b *bitWriter, tables []byte, progressive bool) {
	m := byte(markerSOF0)
	for i := range c.comps {
		if wide(&c.comps[i].quant) {
			m = markerSOF1 // baseline has 8-bit tables only
		}
	}
	if progressive {
		m = markerSOF2
	}
	body := []byte{8, byte(c.height >> 8), byte(c.height), byte(c.width >> 8), byte(c.width), byte(len(c.comps))}
	for i, p := range c.comps {
		body = append(body, p.id, byte(p.h<<4|p.v), tables[i])
	}
	b.segment(m, body...)
}

//go:build !js

package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// surveyHEIC walks the boxes that say how large the picture is, in which colour space, and what accompanies it
// (ISO/IEC 14496-12 and 23008-12), before the decoder is given the file.
func surveyHEIC(data []byte, lim Limits, in *Inspection) (source, error) {
	w := boxWalk{s: newSource(in), lim: lim}
	if err := w.boxes(data, 0); err != nil {
		return w.s, err
	}
	if w.pictures == 0 {
		return w.s, fmt.Errorf("%w: HEIC without a size", ErrMalformed)
	}
	if i := findExif(data); i >= 0 {
		w.s.exif("Exif item", data[i:min(len(data), i+maxExif)])
	}
	if bytes.Contains(data, []byte("<x:xmpmeta")) {
		w.s.xmp("XMP item", data)
	}
	if w.pictures > 1 {
		w.s.found("items", "further pictures", nil)
	}
	w.s.useProfile("colr", w.icc)
	if w.p3 {
		w.s.profile, w.s.foreign = profileP3, nil
	}
	switch {
	case !w.placed || w.payload == 0:
		w.s.hollow = fmt.Errorf("%w: HEIC without picture data", ErrMalformed)
	case !w.coded:
		w.s.hollow = &refusal{"This HEIF (not HEVC)", retake}
	}
	return w.s, nil
}

// findExif looks for a TIFF header behind the item's "Exif" mark (23008-12 A.2.1). What it finds is only facts.
func findExif(data []byte) int {
	for _, head := range []string{"Exif\x00\x00II*\x00", "Exif\x00\x00MM\x00*"} {
		if i := bytes.Index(data, []byte(head)); i >= 0 {
			return i + len(headExif)
		}
	}
	return -1
}

type boxWalk struct {
	s        source
	lim      Limits
	seen     int
	pictures int
	coded    bool // a decoder configuration
	placed   bool // item locations
	payload  int
	icc      []byte
	p3       bool
}

const maxBoxDepth = 4 // meta, iprp, ipco, and the properties inside

// boxes walks a run of boxes and enters those that lead to the properties.
func (w *boxWalk) boxes(data []byte, depth int) error {
	for len(data) > 0 {
		if w.seen++; w.seen > w.lim.MaxSegments {
			return fmt.Errorf("%w: too many boxes", ErrTooLarge)
		}
		kind, body, rest, err := nextBox(data)
		if err != nil {
			return err
		}
		data = rest
		if kind == "meta" && len(body) >= 4 {
			body = body[4:] // a full box: version and flags
		}
		if kind == "meta" || kind == "iprp" || kind == "ipco" {
			if depth >= maxBoxDepth {
				return fmt.Errorf("%w: nested boxes", ErrMalformed)
			}
			err = w.boxes(body, depth+1)
		} else {
			err = w.property(kind, body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nextBox splits one box off. A size of 1 announces 64 bits, 0 means to the end (14496-12 4.2).
func nextBox(data []byte) (kind string, body, rest []byte, err error) {
	if len(data) < 8 {
		return "", nil, nil, fmt.Errorf("%w: HEIC box", ErrTruncated)
	}
	size, head := uint64(binary.BigEndian.Uint32(data)), uint64(8)
	switch size {
	case 0:
		size = uint64(len(data))
	case 1:
		if len(data) < 16 {
			return "", nil, nil, fmt.Errorf("%w: HEIC box", ErrTruncated)
		}
		size, head = binary.BigEndian.Uint64(data[8:]), 16
	}
	if size < head {
		return "", nil, nil, fmt.Errorf("%w: HEIC box", ErrMalformed)
	}
	if size > uint64(len(data)) {
		return "", nil, nil, fmt.Errorf("%w: HEIC box", ErrTruncated)
	}
	return string(data[4:8]), data[head:size], data[size:], nil
}

// property reads a size (23008-12 6.5.3) or a colour (14496-12 12.1.5), and notes what no picture can be without, so
// that the decoder is started for none of the rest.
func (w *boxWalk) property(kind string, body []byte) error {
	switch {
	case kind == "hvcC":
		w.coded = true
	case kind == "iloc":
		w.placed = true
	case kind == "mdat" || kind == "idat":
		w.payload += len(body)
	case kind == "ispe" && len(body) >= 12:
		width, height := binary.BigEndian.Uint32(body[4:]), binary.BigEndian.Uint32(body[8:])
		w.pictures++
		w.s.inspect.size(int64(width), int64(height))
		return w.lim.fits(int64(width), int64(height))
	case kind == "colr" && len(body) >= 6:
		switch string(body[:4]) {
		case "prof", "rICC":
			if len(body) <= maxProfile {
				w.icc = body[4:]
			}
		case "nclx":
			w.p3 = w.p3 || binary.BigEndian.Uint16(body[4:]) == 12 // SMPTE EG 432-1, Display P3
		}
	}
	return nil
}

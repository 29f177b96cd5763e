package chart

import (
	"encoding/binary"
	"errors"
)

// Markers of a JPEG stream (ITU-T T.81 table B.1).
const (
	markSOF0  = 0xC0
	markSOS   = 0xDA
	markSOI   = 0xD8
	markAPP1  = 0xE1
	markAPP14 = 0xEE
)

// jpegHead is what a DICOM object has to say about the stream inside it.
type jpegHead struct {
	width, height int
	components    int
	rgb           bool // three components that are not YCbCr
}

var (
	errNotBaseline = errors.New("not JPEG Baseline")
	errNotUpright  = errors.New("it carries an EXIF segment")
)

// readJPEGHead walks the segments up to the scan. DICOM has no place for an
// orientation tag and the transfer syntax promises SOF0 (PS3.5 8.2.1), so both
// are refused here although the copy was made to have neither.
func readJPEGHead(b []byte) (jpegHead, error) {
	var h jpegHead
	if len(b) < 4 || b[0] != 0xFF || b[1] != markSOI {
		return h, errNotBaseline
	}
	for at := 2; at+4 <= len(b); {
		if b[at] != 0xFF {
			return h, errNotBaseline
		}
		mark, size := b[at+1], int(binary.BigEndian.Uint16(b[at+2:]))
		if size < 2 || at+2+size > len(b) {
			return h, errNotBaseline
		}
		body := b[at+4 : at+2+size]
		switch {
		case mark == markAPP1:
			return h, errNotUpright
		case mark == markAPP14 && len(body) >= 12 && string(body[:5]) == "Adobe":
			h.rgb = body[11] == 0
		case mark == markSOF0:
			if err := h.readFrame(body); err != nil {
				return h, err
			}
		case mark > markSOF0 && mark <= 0xCF && mark != 0xC4 && mark != 0xC8 && mark != 0xCC:
			return h, errNotBaseline
		case mark == markSOS:
			if h.components == 0 {
				return h, errNotBaseline
			}
			return h, nil
		}
		at += 2 + size
	}
	return h, errNotBaseline
}

// readFrame reads SOF0 (T.81 B.2.2).
func (h *jpegHead) readFrame(body []byte) error {
	if len(body) < 6 || body[0] != 8 {
		return errNotBaseline
	}
	h.height, h.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	h.components = int(body[5])
	if h.width == 0 || h.height == 0 || h.components != 1 && h.components != 3 {
		return errNotBaseline
	}
	return nil
}

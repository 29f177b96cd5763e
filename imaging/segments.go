//go:build !js

package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Marker codes (ITU-T T.81 table B.1).
const (
	markSOF0  = 0xc0
	markSOF1  = 0xc1
	markSOF2  = 0xc2
	markDHT   = 0xc4
	markRST0  = 0xd0
	markRST7  = 0xd7
	markSOI   = 0xd8
	markEOI   = 0xd9
	markSOS   = 0xda
	markDQT   = 0xdb
	markDRI   = 0xdd
	markAPP0  = 0xe0
	markAPP1  = 0xe1
	markAPP2  = 0xe2
	markAPP11 = 0xeb
	markAPP13 = 0xed
	markAPP14 = 0xee
	markAPP15 = 0xef
	markCOM   = 0xfe
)

var (
	headExif     = []byte("Exif\x00\x00")
	headXMP      = []byte("http://ns.adobe.com/xap/1.0/\x00")
	headXMPMore  = []byte("http://ns.adobe.com/xmp/extension/\x00")
	headICC      = []byte("ICC_PROFILE\x00")
	headMPF      = []byte("MPF\x00")
	headPhotoIRB = []byte("Photoshop 3.0\x00")
	headJFXX     = []byte("JFXX\x00")
	headAdobe    = []byte("Adobe")
	headJFIF     = []byte("JFIF\x00")
)

// jpegWalk goes over the markers of a whole file before anything is decoded. It decides nothing about the pixels:
// the codec reads the file by itself, by the same rules for what is a marker, so that scans counted here are those
// that would be decoded there.
type jpegWalk struct {
	s        *source
	lim      Limits
	data     []byte
	at       int
	segments int
	scans    int64
	pixels   int64
	icc      iccChunks
}

// surveyJPEG walks the marker segments up to the end of image, bounds scans and pixels, and notes what is foreign.
// Damage is the codec's to judge, so at damage the walk just ends.
func surveyJPEG(data []byte, lim Limits, in *Inspection) (source, error) {
	s := newSource(in)
	w := &jpegWalk{s: &s, lim: lim, data: data, at: 2}
	for {
		mark, ok := w.marker()
		if !ok {
			break
		}
		if mark == markEOI {
			if rest := data[w.at:]; len(rest) > 0 {
				s.tail("after the end", rest)
			}
			break
		}
		if w.at+2 > len(data) {
			break
		}
		size := int(binary.BigEndian.Uint16(data[w.at:]))
		if size < 2 || w.at+size > len(data) {
			break
		}
		body := data[w.at+2 : w.at+size]
		w.at += size
		if err := w.segment(mark, body); err != nil {
			return s, err
		}
	}
	if w.segments > lim.MaxSegments {
		return s, fmt.Errorf("%w: too many segments", ErrTooLarge)
	}
	s.useProfile("APP2", w.icc.join())
	return s, nil
}

// marker steps to the next marker that has parameters or ends the picture (T.81 B.1.1.2, B.1.1.3).
func (w *jpegWalk) marker() (mark byte, ok bool) {
	from := w.at
	for w.segments <= w.lim.MaxSegments {
		n := bytes.IndexByte(w.data[w.at:], 0xff)
		if n < 0 {
			return 0, false
		}
		if w.scans == 0 && w.at == from && n > 0 {
			w.s.found("between segments", "bytes between segments", size(w.data[from:from+n]))
		}
		w.at += n
		for w.at < len(w.data) && w.data[w.at] == 0xff {
			w.at++
		}
		if w.at >= len(w.data) {
			return 0, false
		}
		mark = w.data[w.at]
		w.at++
		if mark == 0 || mark == 0x01 || (mark >= markRST0 && mark <= markSOI) {
			continue
		}
		w.segments++
		return mark, true
	}
	return 0, false
}

// segment bounds the work that a segment announces, and notes it.
func (w *jpegWalk) segment(mark byte, body []byte) error {
	switch {
	case mark >= markSOF0 && mark <= markSOF2 && len(body) >= 5 && w.pixels == 0:
		height, width := int64(binary.BigEndian.Uint16(body[1:])), int64(binary.BigEndian.Uint16(body[3:]))
		if width == 0 || height == 0 {
			return nil // the codec says by name what that is
		}
		w.pixels = width * height
		w.s.inspect.size(width, height)
		return w.lim.fits(width, height)
	case mark == markSOS:
		w.scans++
		if w.scans > int64(w.lim.MaxScans) || w.scans*w.pixels > w.lim.maxScanWork() {
			return fmt.Errorf("%w: too many scans", ErrTooLarge)
		}
	case mark == markCOM:
		w.s.found("COM", "comment", func() string { return printable(string(body)) })
	case mark >= markAPP0 && mark <= markAPP15:
		w.application(mark, body)
	}
	return nil
}

// application notes one application segment. The orientation and the profile count only before the first scan.
func (w *jpegWalk) application(mark byte, body []byte) {
	s, where := w.s, fmt.Sprintf("APP%d", mark-markAPP0)
	has := func(m byte, head []byte) bool { return mark == m && bytes.HasPrefix(body, head) }
	switch {
	case has(markAPP0, headJFIF):
		if len(body) > 14 {
			s.found(where, "thumbnail", size(body[14:]))
		}
	case has(markAPP0, headJFXX):
		s.found(where, "thumbnail", size(body))
	case has(markAPP1, headExif) && w.scans == 0:
		s.exif(where, body[len(headExif):])
	case has(markAPP1, headExif):
		s.found(where, "camera data (EXIF)", size(body))
	case has(markAPP1, headXMP), has(markAPP1, headXMPMore):
		s.xmp(where, body)
	case has(markAPP2, headICC) && w.scans == 0:
		w.icc.add(body[len(headICC):])
	case has(markAPP2, headICC):
		s.found(where, "colour profile", size(body))
	case has(markAPP2, headMPF):
		s.found(where, "second picture", nil)
	case mark == markAPP11:
		s.found(where, "provenance record", size(body))
	case has(markAPP13, headPhotoIRB):
		s.photoshop(body[len(headPhotoIRB):])
	case has(markAPP14, headAdobe):
		// read by the codec
	default:
		s.found(where, "application data", size(body))
	}
}

// photoshop notes image resources (Photoshop file format, "Image resource blocks"): signature, number, padded name,
// length, padded data.
func (s *source) photoshop(b []byte) {
	named := false
	for n := 0; n < 64 && len(b) >= 12 && string(b[:4]) == "8BIM"; n++ {
		id, name := binary.BigEndian.Uint16(b[4:]), (int(b[6])+2)&^1
		if len(b) < 6+name+4 {
			break
		}
		length := int64(binary.BigEndian.Uint32(b[6+name:]))
		b = b[6+name+4:]
		if length > int64(len(b)) {
			break
		}
		what, known := map[uint16]string{0x0404: "IPTC", 0x0409: "thumbnail", 0x040c: "thumbnail", 0x0424: "XMP"}[id]
		if !known {
			what = "application data"
		}
		s.found(fmt.Sprintf("APP13 resource %#04x", id), what, size(b[:length]))
		b, named = b[min(int64(len(b)), (length+1)&^1):], true
	}
	if !named {
		s.found("APP13", "IPTC", size(b))
	}
}

// iccChunks puts a profile together (ICC.1 annex B.4): each segment holds its number, from 1, and their count.
type iccChunks struct {
	parts [256][]byte
	count byte
	bytes int
	bad   bool
}

// maxProfile bounds a colour profile that is put together to be understood; of larger ones nothing is read.
const maxProfile = 1 << 20

func (c *iccChunks) add(body []byte) {
	if len(body) < 3 || body[0] == 0 || body[0] > body[1] || c.parts[body[0]] != nil || (c.count != 0 && c.count != body[1]) {
		c.bad = true
		return
	}
	c.count, c.parts[body[0]] = body[1], body[2:]
	c.bytes += len(body) - 2
}

// join gives the profile; nil when there was none, and something that is no profile when its parts do not fit.
func (c *iccChunks) join() []byte {
	if c.bytes == 0 && !c.bad {
		return nil
	}
	if c.bad || c.bytes > maxProfile {
		return []byte("?")
	}
	out := make([]byte, 0, c.bytes)
	for _, p := range c.parts[1 : int(c.count)+1] {
		if p == nil {
			return []byte("?")
		}
		out = append(out, p...)
	}
	return out
}

package jpegcoef

import "bytes"

// application remembers what a JFIF or Adobe segment says of the colours; of
// every other application segment nothing is kept.
func (d *decoder) application(m byte, body []byte) {
	switch {
	case m == markerAPP0 && isJFIF(body):
		d.jfif = true
	case m == markerAPP14 && isAdobe(body):
		d.adobe, d.adobeSet = true, body[adobeTransform]
	}
}

const (
	jfifBody       = 14 // T.871 10.1, without the length
	adobeBody      = 12
	adobeTransform = 11 // place of the transform byte
)

func isJFIF(body []byte) bool {
	return len(body) >= jfifBody && bytes.HasPrefix(body, []byte("JFIF\x00"))
}

func isAdobe(body []byte) bool {
	return len(body) >= adobeBody && bytes.HasPrefix(body, []byte("Adobe"))
}

func (d *decoder) transform() Transform {
	return guessTransform(d.c.comps, d.jfif, d.adobe, d.adobeSet)
}

// guessTransform decides what the components mean, exactly as libjpeg and its
// descendants do: JFIF means YCbCr; else Adobe's transform byte tells; else the
// component identifiers 'R', 'G', 'B' mean RGB; else it is YCbCr.
func guessTransform(comps []component, jfif, adobe bool, adobeSet uint8) Transform {
	switch {
	case len(comps) == 1:
		return Gray
	case jfif:
		return YCbCr
	case adobe && adobeSet == 0:
		return RGB
	case adobe:
		return YCbCr
	case comps[0].id == 'R' && comps[1].id == 'G' && comps[2].id == 'B':
		return RGB
	}
	return YCbCr
}

// AdobeSegment returns a whole APP14 segment, marker and length included, that
// makes decoders take the components for t. A picture whose ColorTransform is
// RGB needs it unless its components are called R, G and B.
func AdobeSegment(t Transform) []byte {
	set := byte(0)
	if t == YCbCr {
		set = 1
	}
	return []byte{0xFF, markerAPP14, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, set}
}

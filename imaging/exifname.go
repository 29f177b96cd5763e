//go:build !js

package imaging

import (
	"fmt"
	"strings"
)

// exifNames is how each tag is reported, without its value. Tags not listed are reported by number, to those who
// inspect a file.
var exifNames = map[uint16]string{
	tagDescription: "description", tagMake: "camera make", tagModel: "camera model", tagSoftware: "software",
	tagArtist: "author", tagThumbnail: "thumbnail", tagCopyright: "copyright", tagGPSIFD: "GPS position",
	tagMakerNote: "maker note", tagUserComment: "comment", tagImageID: "unique picture number",
	tagOwner: "camera owner", tagBodySerial: "camera serial", tagLensSerial: "lens serial",
	0x0132: "time", 0x9003: "time", 0x9004: "time", 0x013c: "host computer", 0xa434: "lens model",
	0x9c9b: "title", 0x9c9c: "comment", 0x9c9d: "author", 0x9c9e: "keywords", 0x9c9f: "subject",
	tagOrientation: "orientation", tagExifIFD: "capture settings", tagInteropIFD: "interoperability",
	0x829a: "exposure time", 0x829d: "aperture", 0x8827: "sensitivity", 0x920a: "focal length", 0xa001: "colour space",
	0x9010: "time zone", 0x9011: "time zone", 0x9012: "time zone",
}

// gpsNames are the tags of the GPS directory (Exif 2.32 table 15).
var gpsNames = map[uint16]string{
	0x01: "latitude reference", 0x02: "latitude", 0x03: "longitude reference", 0x04: "longitude",
	0x05: "altitude reference", 0x06: "altitude", 0x07: "GPS time", 0x11: "direction", 0x1d: "GPS date",
}

// technical are the tags that say nothing about anyone, and so are not listed among what was removed.
var technical = map[string]bool{
	"orientation": true, "capture settings": true, "interoperability": true, "exposure time": true, "aperture": true,
	"sensitivity": true, "focal length": true, "colour space": true,
}

func exifName(in string, tag uint16) string {
	names := exifNames
	if in == "GPS" {
		names = gpsNames
	}
	if name := names[tag]; name != "" {
		return name
	}
	return fmt.Sprintf("tag 0x%04x", tag)
}

// unnamed reports whether a name is only a number.
func unnamed(what string) bool { return strings.HasPrefix(what, "tag 0x") }

// text is a value as people read it: the first few numbers, or the characters (TIFF 6.0 section 2).
func (w *tiffWalk) text(typ uint16, value []byte, count int64) string {
	if value == nil {
		return ""
	}
	size := typeBytes[typ]
	var parts []string
	for i := range min(count, 4) {
		v := value[i*size : (i+1)*size]
		switch typ {
		case 2:
			return printable(string(value[:count]))
		case 1:
			parts = append(parts, fmt.Sprint(v[0]))
		case typeShort:
			parts = append(parts, fmt.Sprint(w.order.Uint16(v)))
		case typeLong:
			parts = append(parts, fmt.Sprint(w.order.Uint32(v)))
		case 5:
			parts = append(parts, fmt.Sprintf("%d/%d", w.order.Uint32(v), w.order.Uint32(v[4:])))
		case 9:
			parts = append(parts, fmt.Sprint(int32(w.order.Uint32(v))))
		case 10:
			parts = append(parts, fmt.Sprintf("%d/%d", int32(w.order.Uint32(v)), int32(w.order.Uint32(v[4:]))))
		default:
			return fmt.Sprintf("%d bytes", size*count)
		}
	}
	if count > 4 {
		parts = append(parts, "…")
	}
	return strings.Join(parts, " ")
}

//go:build !js

package imaging

import "encoding/binary"

// A bounded reader of the TIFF structure inside Exif (TIFF 6.0 section 2, Exif 2.32 section 4.6). It follows
// only what it has checked: the first directory and those it names for Exif, GPS and interoperability, never the
// next one, which is the thumbnail's. It allocates nothing of a size the file names, and ends on any loop. What it
// finds is whether things are there and the orientation; text is left to goexif, which is asked only when every
// value of the whole tree lies inside the block.
const (
	maxExif       = 64 << 10 // an APP1 segment holds no more
	maxIFDs       = 16
	maxEntries    = 512       // per directory; cameras write fewer than 100
	maxExifValues = 256 << 10 // all values together: they may overlap

	tagDescription  = 0x010e
	tagMake         = 0x010f
	tagModel        = 0x0110
	tagOrientation  = 0x0112
	tagSoftware     = 0x0131
	tagArtist       = 0x013b
	tagThumbnail    = 0x0201 // JPEGInterchangeFormat
	tagCopyright    = 0x8298
	tagExifIFD      = 0x8769
	tagGPSIFD       = 0x8825
	tagMakerNote    = 0x927c
	tagUserComment  = 0x9286
	tagInteropIFD   = 0xa005
	tagInteropIndex = 0x0001 // in the interoperability directory
	tagImageID      = 0xa420
	tagOwner        = 0xa430
	tagBodySerial   = 0xa431
	tagLensSerial   = 0xa435
	typeShort       = 3
	typeLong        = 4
	tiffHeaderBytes = 8
	ifdEntryBytes   = 12
)

// typeBytes is the size of each TIFF type, by number (TIFF 6.0 section 2).
var typeBytes = [...]int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8}

// exifSurvey is what the bounded reader saw.
type exifSurvey struct {
	orientation int // 1 to 8; 1 when absent or senseless
	gps         bool
	adobe       bool   // Adobe RGB by the rules for cameras (DCF 2.0 section 5.5): interoperability "R03"
	next        uint32 // where the first directory says a further one is; never followed
	nextAt      int    // where it says so
	sound       bool   // every entry of every directory lies inside the block, and there are no loops
	values      int64  // bytes of all values
}

// surveyExif walks a TIFF block and tells note, which may be nil, what it meets.
func surveyExif(tiff []byte, note noteFunc) exifSurvey {
	w := tiffWalk{data: tiff, s: exifSurvey{orientation: 1, sound: true}, seen: map[uint32]bool{}, note: note}
	if len(tiff) < tiffHeaderBytes || len(tiff) > maxExif {
		w.s.sound = false
		return w.s
	}
	switch string(tiff[:4]) {
	case "II*\x00":
		w.order = binary.LittleEndian
	case "MM\x00*":
		w.order = binary.BigEndian
	default:
		w.s.sound = false
		return w.s
	}
	w.directory(w.order.Uint32(tiff[4:]), "IFD0")
	if w.s.next != 0 {
		w.tell("IFD1", "thumbnail", nil)
	}
	if w.s.values > maxExifValues {
		w.s.sound = false
	}
	return w.s
}

// noteFunc hears of one thing that a file carries: where, what in a few words, and its value as text, which is
// only worked out when asked for.
type noteFunc func(where, what string, value func() string)

type tiffWalk struct {
	data  []byte
	order binary.ByteOrder
	seen  map[uint32]bool
	s     exifSurvey
	note  noteFunc
}

func (w *tiffWalk) tell(where, what string, value func() string) {
	if w.note != nil {
		w.note("Exif "+where, what, value)
	}
}

// directory walks one IFD.
func (w *tiffWalk) directory(at uint32, name string) {
	n := int64(len(w.data))
	if w.seen[at] || len(w.seen) >= maxIFDs || int64(at)+2 > n {
		w.s.sound = false
		return
	}
	w.seen[at] = true
	count := int64(w.order.Uint16(w.data[at:]))
	end := int64(at) + 2 + count*ifdEntryBytes
	if count > maxEntries || end+4 > n {
		w.s.sound = false
		count = max(0, min(count, maxEntries, (n-int64(at)-2)/ifdEntryBytes))
	}
	for i := range count {
		w.entry(w.data[int64(at)+2+i*ifdEntryBytes:][:ifdEntryBytes], name)
	}
	if name == "IFD0" && end+4 <= n {
		w.s.next, w.s.nextAt = w.order.Uint32(w.data[end:]), int(end)
	}
}

// entry notes one tag and follows the pointers to the directories we know.
func (w *tiffWalk) entry(e []byte, in string) {
	tag, typ, count := w.order.Uint16(e), w.order.Uint16(e[2:]), w.order.Uint32(e[4:])
	if int(typ) >= len(typeBytes) || typ == 0 || count == 0 {
		w.s.sound = false
		return
	}
	size, value := typeBytes[typ]*int64(count), e[8:]
	if size > 4 {
		at := int64(w.order.Uint32(value))
		if at+size > int64(len(w.data)) {
			w.s.sound, value = false, nil
		} else {
			value = w.data[at : at+size]
		}
	}
	w.s.values += size
	w.tell(in, exifName(in, tag), func() string { return w.text(typ, value, int64(count)) })
	switch {
	case tag == tagOrientation && in == "IFD0" && typ == typeShort && count == 1:
		if o := int(w.order.Uint16(value)); o >= 1 && o <= 8 {
			w.s.orientation = o
		}
	case tag == tagInteropIndex && in == "Interop" && count == 4:
		w.s.adobe = string(value[:4]) == "R03\x00"
	case pointers[tag] != "":
		w.s.gps = w.s.gps || tag == tagGPSIFD
		if typ != typeLong || count != 1 {
			w.s.sound = false
			return
		}
		w.directory(w.order.Uint32(value), pointers[tag])
	}
}

// pointers are the tags that name a directory, and what it is called.
var pointers = map[uint16]string{tagExifIFD: "sub-IFD", tagGPSIFD: "GPS", tagInteropIFD: "Interop"}

// orientationSegment is the 36-byte APP1 that holds nothing but an orientation: marker, length, "Exif",
// a big-endian TIFF header, one directory with one entry, no further directory.
func orientationSegment(o int) []byte {
	return []byte{
		0xff, 0xe1, 0x00, 0x22, 'E', 'x', 'i', 'f', 0, 0,
		'M', 'M', 0, 42, 0, 0, 0, 8,
		0, 1,
		0x01, 0x12, 0, typeShort, 0, 0, 0, 1, 0, byte(o), 0, 0,
		0, 0, 0, 0,
	}
}

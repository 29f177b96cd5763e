package imaging

import "encoding/binary"

// A bounded reader of the TIFF structure inside Exif (TIFF 6.0 section 2, Exif 2.32 section 4.6). It follows
// only what it has checked, allocates nothing of a size the file names, and ends on any loop. What it finds
// is whether things are there and the orientation; text is left to goexif, which is asked only when every
// value of the whole tree lies inside the block.
const (
	maxIFDs    = 16
	maxEntries = 512 // per directory; cameras write fewer than 100

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

// exifNames is how each tag found is reported, without its value.
var exifNames = map[uint16]string{
	tagDescription: "description", tagMake: "camera make", tagModel: "camera model", tagSoftware: "software",
	tagArtist: "author", tagThumbnail: "thumbnail", tagCopyright: "copyright", tagGPSIFD: "GPS position",
	tagMakerNote: "maker note", tagUserComment: "comment", tagImageID: "unique picture number",
	tagOwner: "camera owner", tagBodySerial: "camera serial", tagLensSerial: "lens serial",
	0x0132: "time", 0x9003: "time", 0x9004: "time",
}

// exifSurvey is what the bounded reader saw.
type exifSurvey struct {
	orientation int // 1 to 8; 1 when absent or senseless
	gps         bool
	sound       bool // every entry of every directory lies inside the block, and there are no loops
	names       []string
}

// surveyExif walks a TIFF block.
func surveyExif(tiff []byte) exifSurvey {
	w := tiffWalk{data: tiff, s: exifSurvey{orientation: 1, sound: true}, seen: map[uint32]bool{}}
	if len(tiff) < tiffHeaderBytes {
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
	for at, first := w.order.Uint32(tiff[4:]), true; at != 0; first = false {
		at = w.directory(at, first)
	}
	return w.s
}

type tiffWalk struct {
	data  []byte
	order binary.ByteOrder
	seen  map[uint32]bool
	s     exifSurvey
}

// directory walks one IFD and gives the offset of the next, or 0.
func (w *tiffWalk) directory(at uint32, first bool) uint32 {
	n := int64(len(w.data))
	if w.seen[at] || len(w.seen) >= maxIFDs || int64(at)+2 > n {
		w.s.sound = false
		return 0
	}
	w.seen[at] = true
	count := int64(w.order.Uint16(w.data[at:]))
	end := int64(at) + 2 + count*ifdEntryBytes
	if count > maxEntries || end+4 > n {
		w.s.sound = false
		count = max(0, min(count, maxEntries, (n-int64(at)-2)/ifdEntryBytes))
	}
	for i := range count {
		w.entry(w.data[int64(at)+2+i*ifdEntryBytes:][:ifdEntryBytes], first)
	}
	if end+4 > n {
		return 0
	}
	return w.order.Uint32(w.data[end:])
}

// entry notes one tag and follows the pointers to further directories.
func (w *tiffWalk) entry(e []byte, first bool) {
	tag, typ, count := w.order.Uint16(e), w.order.Uint16(e[2:]), w.order.Uint32(e[4:])
	if int(typ) >= len(typeBytes) || typ == 0 || count == 0 {
		w.s.sound = false
		return
	}
	size := typeBytes[typ] * int64(count)
	if size > 4 && int64(w.order.Uint32(e[8:]))+size > int64(len(w.data)) {
		w.s.sound = false
	}
	if name := exifNames[tag]; name != "" {
		w.s.names = append(w.s.names, name)
	}
	switch {
	case tag == tagOrientation && first && typ == typeShort && count == 1:
		if o := int(w.order.Uint16(e[8:])); o >= 1 && o <= 8 {
			w.s.orientation = o
		}
	case tag == tagGPSIFD:
		w.s.gps = true
		fallthrough
	case tag == tagExifIFD || tag == tagInteropIFD:
		if typ != typeLong || count != 1 {
			w.s.sound = false
			return
		}
		w.directory(w.order.Uint32(e[8:]), false)
	}
}

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

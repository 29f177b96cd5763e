package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// container is an accepted file format.
type container int

const (
	jpegFile container = iota + 1
	pngFile
	heicFile
)

const retake = "take the photo again as JPEG"

// signatures names formats by their first bytes. Those with a refusal are known and not accepted.
var signatures = []struct {
	offset int
	magic  string
	kind   container
	refuse *refusal
}{
	{0, "\xff\xd8\xff", jpegFile, nil},              // ITU-T T.81 B.1.1.3: SOI and the next marker
	{0, "\x89PNG\r\n\x1a\n", pngFile, nil},          // PNG 5.2
	{0, "GIF8", 0, &refusal{"GIF", retake}},         //
	{8, "WEBP", 0, &refusal{"WebP", retake}},        //
	{0, "BM", 0, &refusal{"BMP", "save it as PNG"}}, //
	{0, "II*\x00", 0, &refusal{"TIFF or camera raw", retake}},
	{0, "MM\x00*", 0, &refusal{"TIFF or camera raw", retake}},
	{0, "IIRO", 0, &refusal{"Camera raw", retake}},
	{0, "IIU\x00", 0, &refusal{"Camera raw", retake}},
	{0, "FUJIFILMCCD-RAW", 0, &refusal{"Camera raw", retake}},
	{0, "FOVb", 0, &refusal{"Camera raw", retake}},
	{0, "\xff\x0a", 0, &refusal{"JPEG XL", retake}},
	{4, "JXL \r\n", 0, &refusal{"JPEG XL", retake}},
	{4, "jP  \r\n", 0, &refusal{"JPEG 2000", retake}},
	{0, "\xff\x4f\xff\x51", 0, &refusal{"JPEG 2000", retake}},
	{0, "8BPS", 0, &refusal{"Photoshop", "save it as JPEG"}},
	{0, "%PDF", 0, &refusal{"PDF", "send the photo itself"}},
	{128, "DICM", 0, &refusal{"DICOM", "send the photo itself"}},
	{0, "PK\x03\x04", 0, &refusal{"A ZIP archive", "send each photo itself"}},
	{0, "\x1aE\xdf\xa3", 0, &refusal{"Video", "take a photo"}},
	{8, "AVI ", 0, &refusal{"Video", "take a photo"}},
	{0, "<svg", 0, &refusal{"SVG", retake}},
	{0, "<?xml", 0, &refusal{"SVG or XML", retake}},
}

// brands names the ISO base media files by their major and compatible brands (ISO/IEC 23008-12 10.2, 23000-22).
// The order matters: an HEIC brand wins over the general ones that accompany it.
var brands = []struct {
	brand  string
	kind   container
	refuse *refusal
}{
	{"crx ", 0, &refusal{"Camera raw", retake}},
	{"avif", 0, &refusal{"AVIF", retake}},
	{"avis", 0, &refusal{"AVIF", retake}},
	{"heic", heicFile, nil},
	{"heix", heicFile, nil},
	{"heim", heicFile, nil},
	{"heis", heicFile, nil},
	{"mif1", heicFile, nil},
	{"hevc", 0, &refusal{"An HEIC sequence", "take a single photo"}},
	{"hevx", 0, &refusal{"An HEIC sequence", "take a single photo"}},
	{"msf1", 0, &refusal{"An HEIC sequence", "take a single photo"}},
	{"", 0, &refusal{"Video", "take a photo"}},
}

// gate names the format of data and bounds its length.
func gate(data []byte, lim Limits) (container, error) {
	if int64(len(data)) > lim.MaxBytes {
		return 0, fmt.Errorf("%w: too many bytes", ErrTooLarge)
	}
	for _, s := range signatures {
		if len(data) < s.offset+len(s.magic) || string(data[s.offset:s.offset+len(s.magic)]) != s.magic {
			continue
		}
		if s.refuse != nil {
			return 0, s.refuse
		}
		return s.kind, nil
	}
	if len(data) >= 16 && string(data[4:8]) == "ftyp" {
		return gateBrand(data)
	}
	if len(data) >= 2 && len(data) < 16 && bytes.HasPrefix(data, []byte{0xff, 0xd8}) {
		return 0, ErrTruncated
	}
	return 0, ErrNotPicture
}

// gateBrand reads the file type box: size, "ftyp", major brand, minor version, compatible brands.
func gateBrand(data []byte) (container, error) {
	size := int64(binary.BigEndian.Uint32(data))
	if size < 16 || size > 1024 {
		return 0, fmt.Errorf("%w: file type box", ErrMalformed)
	}
	if size > int64(len(data)) {
		return 0, ErrTruncated
	}
	list := append([]byte{}, data[8:12]...)
	list = append(list, data[16:size]...)
	for _, b := range brands {
		if b.brand != "" && !hasBrand(list, b.brand) {
			continue
		}
		if b.refuse != nil {
			return 0, b.refuse
		}
		return b.kind, nil
	}
	return 0, ErrNotPicture
}

func hasBrand(list []byte, brand string) bool {
	for i := 0; i+4 <= len(list); i += 4 {
		if string(list[i:i+4]) == brand {
			return true
		}
	}
	return false
}

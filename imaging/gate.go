//go:build !js

package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// container is an accepted file format.
type container int

const (
	jpegFile container = iota + 1
	pngFile
	heicFile
)

// What to do instead of sending a file of a format that is not accepted.
const (
	retake   = "take the photo again as JPEG"
	export   = "export a JPEG from the camera or its software"
	still    = "take a photo, or send a single picture from it as JPEG"
	resend   = "send the photo itself as JPEG"
	saveAsJP = "save it as JPEG"
	savePNG  = "save it as PNG"
)

// signatures names formats by their first bytes. Those with a refusal are known and not accepted. The order
// matters: a longer mark stands before a shorter one that it starts with.
var signatures = []struct {
	offset int
	magic  string
	kind   container
	refuse *refusal
}{
	{0, "\xff\xd8\xff", jpegFile, nil},     // ITU-T T.81 B.1.1.3: SOI and the next marker
	{0, "\x89PNG\r\n\x1a\n", pngFile, nil}, // PNG 5.2
	{0, "GIF8", 0, &refusal{"GIF", retake}},
	{8, "WEBP", 0, &refusal{"WebP", retake}},
	{0, "BM", 0, &refusal{"BMP", savePNG}},
	{8, "CR\x02", 0, &refusal{"Camera raw (CR2)", export}},
	{6, "HEAPCCDR", 0, &refusal{"Camera raw (CRW)", export}},
	{0, "IIRO", 0, &refusal{"Camera raw (ORF)", export}},
	{0, "IIRS", 0, &refusal{"Camera raw (ORF)", export}},
	{0, "MMOR", 0, &refusal{"Camera raw (ORF)", export}},
	{0, "IIU\x00", 0, &refusal{"Camera raw (RW2)", export}},
	{0, "FUJIFILMCCD-RAW", 0, &refusal{"Camera raw (RAF)", export}},
	{0, "FOVb", 0, &refusal{"Camera raw (X3F)", export}},
	{0, "\x00MRM", 0, &refusal{"Camera raw (MRW)", export}},
	{0, "\xff\x0a", 0, &refusal{"JPEG XL", retake}},
	{4, "JXL \r\n", 0, &refusal{"JPEG XL", retake}},
	{4, "jP  \r\n", 0, &refusal{"JPEG 2000", retake}},
	{0, "\xff\x4f\xff\x51", 0, &refusal{"JPEG 2000", retake}},
	{0, "8BPS", 0, &refusal{"Photoshop", saveAsJP}},
	{0, "%PDF", 0, &refusal{"PDF", resend}},
	{128, "DICM", 0, &refusal{"DICOM", resend}},
	{0, "PK\x03\x04", 0, &refusal{"A ZIP archive", "send each photo itself"}},
	{0, "\x1aE\xdf\xa3", 0, &refusal{"Video (Matroska or WebM)", still}},
	{8, "AVI ", 0, &refusal{"Video (AVI)", still}},
	{4, "moov", 0, &refusal{"Video (MOV)", still}},
	{4, "mdat", 0, &refusal{"Video (MOV)", still}},
	{4, "wide", 0, &refusal{"Video (MOV)", still}},
	{0, "\x00\x00\x01\xba", 0, &refusal{"Video (MPEG)", still}},
	{0, "FLV\x01", 0, &refusal{"Video (FLV)", still}},
	{0, "0&\xb2u\x8ef\xcf\x11", 0, &refusal{"Video (WMV)", still}},
	{0, "OggS", 0, &refusal{"Video or sound (Ogg)", still}},
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
	{"crx ", 0, &refusal{"Camera raw (CR3)", export}},
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
	{"qt  ", 0, &refusal{"Video (MOV)", still}},
	{"", 0, &refusal{"Video (MP4)", still}},
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
	if named := nameTIFF(data); named != nil {
		return 0, named
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

// nameTIFF tells the raw files of cameras, which are TIFF, from TIFF, by their first directory; nil when data is
// neither (TIFF 6.0 section 2; DNG 1.7 for tag DNGVersion).
func nameTIFF(data []byte) *refusal {
	if !bytes.HasPrefix(data, []byte("II*\x00")) && !bytes.HasPrefix(data, []byte("MM\x00*")) {
		return nil
	}
	var dng, within bool
	maker := ""
	surveyExif(data[:min(len(data), maxExif)], func(where, what string, value func() string) {
		switch {
		case where != "Exif IFD0":
		case what == "camera make":
			maker = strings.ToUpper(value())
		case what == "tag 0xc612":
			dng = true
		case what == "tag 0x014a": // SubIFDs, which raw files have and pictures have not
			within = true
		}
	})
	if dng {
		return &refusal{"Camera raw (DNG)", export}
	}
	for _, m := range []struct{ maker, name string }{{"NIKON", "NEF"}, {"SONY", "ARW"}, {"PENTAX", "PEF"}, {"SAMSUNG", "SRW"}} {
		if within && strings.HasPrefix(maker, m.maker) {
			return &refusal{"Camera raw (" + m.name + ")", export}
		}
	}
	return &refusal{"TIFF", saveAsJP}
}

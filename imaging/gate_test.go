package imaging

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

func ftyp(brands ...string) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(16+4*(len(brands)-1)))
	out = append(out, "ftyp"+brands[0]+"\x00\x00\x00\x00"...)
	for _, b := range brands[1:] {
		out = append(out, b...)
	}
	return out
}

func TestGate(t *testing.T) {
	for _, tc := range []struct {
		name   string
		data   []byte
		err    error
		reason string // part of the sentence
	}{
		{"nothing", nil, ErrNotPicture, "not a picture"},
		{"text", []byte("Dear colleague, please find attached"), ErrNotPicture, "not a picture"},
		{"start of a JPEG", []byte{0xff, 0xd8}, ErrTruncated, "cut short"},
		{"GIF", []byte("GIF89a\x01\x00\x01\x00"), ErrUnsupported, "GIF is not accepted"},
		{"WebP", []byte("RIFF\x00\x00\x00\x00WEBPVP8 "), ErrUnsupported, "WebP is not accepted"},
		{"TIFF", []byte("II*\x00\x08\x00\x00\x00"), ErrUnsupported, "TIFF"},
		{"DICOM", append(make([]byte, 128), "DICM"...), ErrUnsupported, "DICOM"},
		{"CR2", []byte("II*\x00\x10\x00\x00\x00CR\x02\x00\xd2\xbe\x00\x00"), ErrUnsupported, "Camera raw (CR2) is not accepted: export"},
		{"NEF", rawTIFF("NIKON CORPORATION", 0x014a), ErrUnsupported, "(NEF)"},
		{"ARW", rawTIFF("SONY", 0x014a), ErrUnsupported, "(ARW)"},
		{"DNG", rawTIFF("Maker", 0xc612), ErrUnsupported, "(DNG)"},
		{"TIFF of a camera maker", rawTIFF("NIKON scanner", 0x0100), ErrUnsupported, "TIFF is not accepted"},
		{"RAF", []byte("FUJIFILMCCD-RAW 0201FF389501"), ErrUnsupported, "(RAF)"},
		{"ORF", []byte("IIRO\x08\x00\x00\x00"), ErrUnsupported, "(ORF)"},
		{"RW2", []byte("IIU\x00\x18\x00\x00\x00"), ErrUnsupported, "(RW2)"},
		{"CR3", ftyp("crx ", "isom"), ErrUnsupported, "(CR3)"},
		{"MOV", ftyp("qt  "), ErrUnsupported, "Video (MOV) is not accepted: take a photo"},
		{"MP4", ftyp("isom", "mp42"), ErrUnsupported, "Video (MP4)"},
		{"old MOV", []byte("\x00\x00\x00\x08wide\x00\x00\x00\x00mdat"), ErrUnsupported, "Video (MOV)"},
		{"WebM", []byte("\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f"), ErrUnsupported, "Video (Matroska"},
		{"PDF", []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), ErrUnsupported, "PDF is not accepted: send the photo itself"},
		{"BMP", []byte("BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00"), ErrUnsupported, "BMP is not accepted: save it as PNG"},
		{"JPEG XL", []byte("\xff\x0a\xfa\x1f"), ErrUnsupported, "JPEG XL"},
		{"AVIF", ftyp("avif", "mif1", "miaf"), ErrUnsupported, "AVIF"},
		{"AVIF under a general brand", ftyp("mif1", "avif"), ErrUnsupported, "AVIF"},
		{"video", ftyp("isom", "mp41"), ErrUnsupported, "Video"},
		{"Canon raw", ftyp("crx ", "isom"), ErrUnsupported, "raw"},
		{"HEIC sequence", ftyp("hevc", "msf1"), ErrUnsupported, "sequence"},
		{"HEIC without anything", ftyp("heic", "mif1"), ErrMalformed, "damaged"},
		{"file type box of 4 GB", []byte("\xff\xff\xff\xffftypheic\x00\x00\x00\x00"), ErrMalformed, "damaged"},
		{"too long", append([]byte{0xff, 0xd8, 0xff}, make([]byte, 2000)...), ErrTooLarge, "larger"},
		{"JPEG without a frame", []byte{0xff, 0xd8, 0xff, 0xd9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Read(tc.data, Limits{MaxBytes: 1000})
			if s != nil || err == nil || !knownError(err) {
				t.Fatalf("Read: got %v, %v, want a refusal", s, err)
			}
			if tc.err != nil && !errors.Is(err, tc.err) {
				t.Errorf("Read: got %v, want %v", err, tc.err)
			}
			if got := Reason(err); !strings.Contains(got, tc.reason) || !strings.HasSuffix(got, ".") {
				t.Errorf("Reason: got %q, want a sentence with %q", got, tc.reason)
			}
		})
	}
}

// rawTIFF is a TIFF of one directory: a maker's name and one more tag.
func rawTIFF(maker string, tag uint32) []byte {
	name := append([]byte(maker), 0)
	out := ifd(binary.LittleEndian, 0, [4]uint32{tagMake, 2, uint32(len(name)), 8 + 2 + 24 + 4}, [4]uint32{tag, typeLong, 1, 0})
	return append(out, name...)
}

// pngHeader is a PNG that announces a size.
func pngHeader(w, h uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	ihdr = append(ihdr, 8, 2, 0, 0, 0)
	return append([]byte("\x89PNG\r\n\x1a\n"), append(pngChunk("IHDR", ihdr), pngChunk("IEND", nil)...)...)
}

func pngChunk(kind string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	out = append(append(out, kind...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// jpegHeader is a JPEG that announces a size.
func jpegHeader(w, h uint16) []byte {
	out := []byte{0xff, markSOI}
	out = append(out, segment(markDQT, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)...)
	out = append(out, segment(markSOF0, 8, byte(h>>8), byte(h), byte(w>>8), byte(w), 1, 1, 0x11, 0)...)
	out = append(out, segment(markDHT, append(append([]byte{0, 1}, make([]byte, 15)...), 0)...)...)
	out = append(out, segment(markDHT, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0)...)...)
	return append(out, segment(markSOS, 1, 1, 0, 0, 63, 0)...)
}

func heicHeader(w, h uint32) []byte {
	box := func(kind string, body ...byte) []byte {
		return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
	}
	ispe := box("ispe", append(make([]byte, 4), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)...)...)
	meta := box("meta", append(make([]byte, 4), box("iprp", box("ipco", ispe...)...)...)...)
	return append(ftyp("heic", "mif1"), meta...)
}

// TestBombs announces far more pixels than there are bytes, in each format, and wants to pay for none.
func TestBombs(t *testing.T) {
	for _, tc := range []struct {
		name string
		data []byte
		want error
	}{
		{"PNG of 2^31 pixels a side", pngHeader(1<<31-1, 1<<31-1), ErrTooLarge},
		{"PNG beyond 50 megapixels", pngHeader(10000, 5001), ErrTooLarge},
		{"PNG of no width", pngHeader(0, 10), ErrMalformed},
		{"JPEG of 65535 a side", jpegHeader(65535, 65535), ErrTooLarge},
		{"JPEG beyond 50 megapixels", jpegHeader(10000, 5001), ErrTooLarge},
		{"JPEG of 49 megapixels and no data", jpegHeader(7000, 7000), ErrTruncated},
		{"HEIC of 2^31 pixels a side", heicHeader(1<<31-1, 1<<31-1), ErrTooLarge},
		{"HEIC of ten pixels and no data", heicHeader(10, 10), ErrMalformed},
		{"JPEG of 5000 comments", insert(photo(t, 16, 16), bytes.Repeat(segment(markCOM, 1), 5000)), ErrTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Read(tc.data, Limits{})
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestTruncated(t *testing.T) {
	whole := photo(t, 200, 150)
	for cut := 2; cut < len(whole)-2; cut += max(1, len(whole)/200) {
		if _, err := Read(whole[:cut], Limits{}); err == nil {
			t.Errorf("cut at %d of %d: got a still, want an error", cut, len(whole))
		} else if cut > len(whole)/2 && !errors.Is(err, ErrTruncated) {
			t.Errorf("cut at %d of %d: got %v, want %v", cut, len(whole), err, ErrTruncated)
		}
	}
}

// TestPNG wants pixels kept, transparency on white, text gone, and the orientation of an eXIf chunk obeyed.
func TestPNG(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 32, 16))
	for x := range 32 {
		for y := range 16 {
			c := color.NRGBA{200, 40, 40, 255}
			if x >= 16 {
				c = color.NRGBA{0, 0, 0, 0}
			}
			m.SetNRGBA(x, y, c)
		}
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, m); err != nil {
		t.Fatal(err)
	}
	plain := buf.Bytes()
	exifBlock := orientationSegment(6)[10:]
	extra := append(pngChunk("tEXt", []byte("Author\x00CANARY")), pngChunk("eXIf", exifBlock)...)
	data := append(append(append(bytes.Clone(plain[:33]), extra...), plain[33:]...), "CANARY"...)
	s := mustRead(t, data)
	if bytes.Contains(s.Bytes(), []byte("CANARY")) {
		t.Error("text survives")
	}
	if s.Width() != 16 || s.Height() != 32 || s.Converted() != "PNG" || s.Format() != "jpeg" {
		t.Errorf("got %d × %d from %q as %q, want 16 × 32 from PNG as jpeg", s.Width(), s.Height(), s.Converted(), s.Format())
	}
	if got := fmt.Sprint(s.Removed()); got != "[comment camera data (EXIF) trailing bytes]" {
		t.Errorf("got removed %s", got)
	}
	up, err := Upright(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := name(up.At(8, 28)); got != "white" {
		t.Errorf("transparent part: got %s, want white", got)
	}
	if r, g, _, _ := up.At(8, 3).RGBA(); r>>8 < 180 || g>>8 > 70 {
		t.Errorf("opaque part: got red %d green %d, want about 200 and 40", r>>8, g>>8)
	}
}

// TestZeroStill wants every verb to refuse a Still that nobody made.
func TestZeroStill(t *testing.T) {
	var zero Still
	if zero.Format() != "" || len(zero.Bytes()) != 0 || zero.Width() != 0 {
		t.Errorf("zero still: got %q, %d bytes", zero.Format(), len(zero.Bytes()))
	}
	for _, s := range []*Still{&zero, nil} {
		if _, err := Detect(s); err == nil {
			t.Error("Detect: got no error")
		}
		if _, _, err := Redact(s, nil); err == nil {
			t.Error("Redact: got no error")
		}
		if _, err := Render(s, SizeThumb, nil); err == nil {
			t.Error("Render: got no error")
		}
		if _, _, _, err := Baseline(s); err == nil {
			t.Error("Baseline: got no error")
		}
		if err := Prove(s, s, nil); !errors.Is(err, ErrProof) {
			t.Errorf("Prove: got %v, want %v", err, ErrProof)
		}
	}
}

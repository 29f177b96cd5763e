package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// TestSurveyJPEG wants each foreign segment named, without a value.
func TestSurveyJPEG(t *testing.T) {
	text := func(s string) []byte { return []byte(s) }
	for _, tc := range []struct {
		name string
		seg  []byte
		want string
	}{
		{"nothing", nil, ""},
		{"JFIF", segment(markAPP0, text("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")...), ""},
		{"JFIF thumbnail", segment(markAPP0, text("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x01\x01abc")...), "thumbnail"},
		{"comment", segment(markCOM, text("secret")...), "comment"},
		{"XMP", segment(markAPP1, text(string(headXMP)+"<x/>")...), "XMP"},
		{"XMP faces", segment(markAPP1, text(string(headXMP)+"<mwg-rs:Regions>")...), "XMP|face tags"},
		{"XMP position", segment(markAPP1, text(string(headXMP)+"exif:GPSLatitude=")...), "XMP|GPS position"},
		{"MPF", segment(markAPP2, text("MPF\x00..")...), "second picture"},
		{"C2PA", segment(markAPP11, text("JP..")...), "provenance record"},
		{"Photoshop", segment(markAPP13, text("Photoshop 3.0\x00..")...), "IPTC"},
		{"unknown", segment(0xe5, text("secret")...), "application data"},
		{"profile that is not one", segment(markAPP2, text("ICC_PROFILE\x00\x01\x01junk")...), "colour profile|colour meaning (profile not understood)"},
		{"Exif without TIFF", segment(markAPP1, text("Exif\x00\x00junk")...), "camera data (EXIF)"},
		{"two of a kind", append(segment(markCOM, 'a'), segment(markCOM, 'b')...), "comment"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src, err := surveyJPEG(insert(photo(t, 8, 8), tc.seg), DefaultLimits(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(src.removed, "|"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if wantFaces := strings.Contains(tc.want, "face tags"); src.facts.HadFaceTags != wantFaces {
				t.Errorf("got face tags %v, want %v", src.facts.HadFaceTags, wantFaces)
			}
		})
	}
}

// TestSurveyPNG builds PNGs chunk by chunk.
func TestSurveyPNG(t *testing.T) {
	var buf bytes.Buffer
	if err := png.Encode(&buf, image.NewRGBA(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	plain := buf.Bytes()
	with := func(chunks ...[]byte) []byte {
		return append(append(bytes.Clone(plain[:33]), bytes.Join(chunks, nil)...), plain[33:]...)
	}
	long := pngChunk("tEXt", []byte("a\x00b"))
	for _, tc := range []struct {
		name string
		data []byte
		want string
		err  error
	}{
		{"plain", plain, "", nil},
		{"text", with(long), "comment", nil},
		{"XMP", with(pngChunk("iTXt", []byte("XML:com.adobe.xmp\x00..."))), "XMP", nil},
		{"time", with(pngChunk("tIME", make([]byte, 7))), "time", nil},
		{"animation", with(pngChunk("acTL", make([]byte, 8))), "animation frames", nil},
		{"private chunk", with(pngChunk("prVt", []byte("x"))), "application data", nil},
		{"colour chunks", with(pngChunk("gAMA", make([]byte, 4))), "", nil},
		{"trailing", append(bytes.Clone(plain), 1), "trailing bytes", nil},
		{"cut", plain[:40], "", ErrTruncated},
		{"header not first", append(bytes.Clone(plain[:8]), append(long, plain[8:]...)...), "", ErrMalformed},
		{"chunk of 4 GB", append(bytes.Clone(plain[:33]), 0xff, 0xff, 0xff, 0xff, 'I', 'D', 'A', 'T', 0, 0, 0, 0), "", ErrTruncated},
		{"too many chunks", with(bytes.Repeat(long, 5000)), "comment", ErrTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src, err := surveyPNG(tc.data, DefaultLimits(), nil)
			if !errors.Is(err, tc.err) {
				t.Errorf("got %v, want %v", err, tc.err)
			}
			if got := strings.Join(src.removed, "|"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// iccp packs a profile as a PNG carries it.
func iccp(t testing.TB, icc []byte) []byte {
	t.Helper()
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	if _, err := w.Write(icc); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append([]byte("name\x00\x00"), z.Bytes()...)
}

// TestInflateProfile wants a profile recognised and a zip bomb cut off.
func TestInflateProfile(t *testing.T) {
	if got := kindOf(inflateProfile(iccp(t, profileSegment(profileP3)[18:]))); got != profileP3 {
		t.Errorf("got profile %d, want %d", got, profileP3)
	}
	if got := len(inflateProfile(iccp(t, make([]byte, 50<<20)))); got > maxProfile {
		t.Errorf("got %d bytes of a bomb, want at most %d", got, maxProfile)
	}
	for _, bad := range [][]byte{nil, []byte("name"), []byte("name\x00"), []byte("name\x00\x01zz"), []byte("name\x00\x00zz")} {
		if got := inflateProfile(bad); got != nil {
			t.Errorf("%q: got %d bytes, want none", bad, len(got))
		}
	}
}

func bmffBox(kind string, body ...byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
}

// TestSurveyHEIC builds boxes.
func TestSurveyHEIC(t *testing.T) {
	size := func(w, h uint32) []byte {
		return bmffBox("ispe", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(make([]byte, 4), w), h)...)
	}
	file := func(props ...[]byte) []byte {
		ipco := bmffBox("ipco", bytes.Join(props, nil)...)
		return append(ftyp("heic", "mif1"), bmffBox("meta", append(make([]byte, 4), bmffBox("iprp", ipco...)...)...)...)
	}
	deep := size(4, 4)
	for range 8 {
		deep = bmffBox("ipco", deep...)
	}
	p3 := bmffBox("colr", 'n', 'c', 'l', 'x', 0, 12, 0, 13, 0, 6, 0x80)
	for _, tc := range []struct {
		name    string
		data    []byte
		err     error
		profile profileKind
		removed string
	}{
		{"one size", file(size(40, 30)), nil, profileNone, ""},
		{"P3 by number", file(size(40, 30), p3), nil, profileP3, ""},
		{"P3 by profile", file(size(40, 30), bmffBox("colr", append([]byte("prof"), profileSegment(profileP3)[18:]...)...)), nil, profileP3, "colour profile"},
		{"a second picture", file(size(40, 30), size(4, 3)), nil, profileNone, "further pictures"},
		{"XMP", append(file(size(40, 30)), bmffBox("mdat", []byte("<x:xmpmeta>")...)...), nil, profileNone, "XMP"},
		{"no size", file(p3), ErrMalformed, profileNone, ""},
		{"too large", file(size(100000, 100000)), ErrTooLarge, profileNone, ""},
		{"a large second picture", file(size(4, 4), size(100000, 100000)), ErrTooLarge, profileNone, ""},
		{"too deep", append(ftyp("heic"), deep...), ErrMalformed, profileNone, ""},
		{"a box of no size", append(file(size(4, 4)), 0, 0, 0, 2, 'm', 'd', 'a', 't'), ErrMalformed, profileNone, ""},
		{"a box beyond the end", append(file(size(4, 4)), 0, 0, 1, 0, 'm', 'd', 'a', 't'), ErrTruncated, profileNone, ""},
		{"a huge 64-bit box", append(file(size(4, 4)), 0, 0, 0, 1, 'm', 'd', 'a', 't', 255, 255, 255, 255, 255, 255, 255, 255), ErrTruncated, profileNone, ""},
		{"a box to the end", append(file(size(4, 4)), 0, 0, 0, 0, 'm', 'd', 'a', 't', 1, 2), nil, profileNone, ""},
		{"5000 boxes", append(file(size(4, 4)), bytes.Repeat(bmffBox("free"), 5000)...), ErrTooLarge, profileNone, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src, err := surveyHEIC(tc.data, DefaultLimits(), nil)
			if !errors.Is(err, tc.err) || (err != nil) != (tc.err != nil) {
				t.Fatalf("got %v, want %v", err, tc.err)
			}
			if err == nil && (src.profile != tc.profile || strings.Join(src.removed, "|") != tc.removed) {
				t.Errorf("got profile %d, removed %v, want %d, %q", src.profile, src.removed, tc.profile, tc.removed)
			}
		})
	}
}

// TestHEICFacts plants a camera's Exif item and wants its facts noted.
func TestHEICFacts(t *testing.T) {
	var p planter
	item := append([]byte{0, 0, 0, 6}, p.exif(6, []byte("thumb"))...)
	src, err := surveyHEIC(append(heicHeader(40, 30), bmffBox("mdat", item...)...), DefaultLimits(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := src.facts; f.TakenAt != "2026-11-21T10:20:30" || !strings.HasPrefix(f.Make, "CANARY") {
		t.Errorf("got facts %+v, want the planted ones", f)
	}
	if got := strings.Join(src.removed, "|"); !strings.Contains(got, "camera serial") {
		t.Errorf("got removed %s, want the camera serial in it", got)
	}
}

// TestFlatten wants every pixel model to come out opaque and at the origin.
func TestFlatten(t *testing.T) {
	r := image.Rect(2, 3, 6, 8)
	grey16 := image.NewGray16(r)
	grey16.SetGray16(2, 3, color.Gray16{0x8000})
	palette := image.NewPaletted(r, color.Palette{color.NRGBA{255, 0, 0, 255}, color.Transparent})
	deep := image.NewNRGBA64(r)
	deep.SetNRGBA64(2, 3, color.NRGBA64{0xffff, 0, 0, 0xffff})
	half := image.NewNRGBA(r)
	half.SetNRGBA(2, 3, color.NRGBA{0, 0, 0, 128})
	for _, tc := range []struct {
		name string
		in   image.Image
		want string
	}{
		{"grey of 16 bits", grey16, "128,128,128"},
		{"palette", palette, "255,0,0"},
		{"16 bits a channel", deep, "255,0,0"},
		{"half transparent black", half, "127,127,127"},
		{"all transparent", image.NewRGBA(r), "255,255,255"},
	} {
		got := flatten(tc.in)
		if got.Bounds() != image.Rect(0, 0, 4, 5) {
			t.Errorf("%s: got bounds %v", tc.name, got.Bounds())
		}
		R, G, B, A := got.At(0, 0).RGBA()
		if s := fmt.Sprintf("%d,%d,%d", R>>8, G>>8, B>>8); s != tc.want || A != 0xffff {
			t.Errorf("%s: got %s with alpha %d, want %s opaque", tc.name, s, A, tc.want)
		}
	}
}

package imaging

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"testing"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// parts splits a clean file into its segments and the scan data with the end.
func parts(t testing.TB, jpg []byte) (segs map[byte][]byte, order []byte, scan []byte) {
	t.Helper()
	segs = map[byte][]byte{}
	for at := 2; ; {
		mark := jpg[at+1]
		end := at + 2 + int(jpg[at+2])<<8 + int(jpg[at+3])
		segs[mark] = append(segs[mark], jpg[at:end]...)
		order = append(order, mark)
		at = end
		if mark == markSOS {
			return segs, order, jpg[at:]
		}
	}
}

// TestVerifyRefuses spoils a clean file in one way at a time.
func TestVerifyRefuses(t *testing.T) {
	clean := mustRead(t, photo(t, 64, 48)).Bytes()
	if err := Verify(clean); err != nil {
		t.Fatalf("clean file: %v", err)
	}
	segs, _, scan := parts(t, clean)
	head := clean[:len(clean)-len(scan)]
	body := scan[:len(scan)-2]
	before := func(mark byte, extra ...byte) []byte {
		i := bytes.Index(clean, []byte{0xff, mark})
		return append(append(bytes.Clone(clean[:i]), extra...), clean[i:]...)
	}
	grey := encodeJPEG(t, image.NewGray(image.Rect(0, 0, 9, 9)))
	for _, tc := range []struct {
		name string
		data []byte
	}{
		{"nothing", nil},
		{"only a start", []byte{0xff, 0xd8}},
		{"a comment", insert(clean, segment(markCOM, 'h', 'i'))},
		{"an empty comment", insert(clean, segment(markCOM))},
		{"a comment before the scan", before(markSOS, segment(markCOM)...)},
		{"application data 15", before(markDQT, segment(markAPP15, 1)...)},
		{"JFIF with density", bytes.Replace(clean, []byte("JFIF\x00\x01\x01\x00\x00\x01"), []byte("JFIF\x00\x01\x01\x01\x00\x48"), 1)},
		{"JFIF with a thumbnail", bytes.Replace(clean, segs[markAPP0], append(append([]byte{0xff, markAPP0, 0, 19}, segs[markAPP0][4:16]...), 1, 1, 9, 9, 9), 1)},
		{"JFIF twice", insert(clean, segs[markAPP0])},
		{"no JFIF", bytes.Replace(clean, segs[markAPP0], nil, 1)},
		{"orientation 1", insertAfterJFIF(clean, orientationSegment(1))},
		{"orientation 9", insertAfterJFIF(clean, orientationSegment(9))},
		{"orientation twice", insertAfterJFIF(clean, append(orientationSegment(6), orientationSegment(6)...))},
		{"orientation with a tail", insertAfterJFIF(clean, segment(markAPP1, append(orientationSegment(6)[4:], 0)...))},
		{"a foreign profile", insertAfterJFIF(clean, segment(markAPP2, append(bytes.Clone(headICC), 1, 1, 'x')...))},
		{"our profile, one bit off", insertAfterJFIF(clean, flip(profileSegment(profileP3), 200))},
		{"Adobe beside JFIF", insertAfterJFIF(clean, adobeRGB)},
		{"a table nobody uses", before(markSOF0, segment(markDQT, append([]byte{3}, bytes.Repeat([]byte{1}, 64)...)...)...)},
		{"a code table nobody uses", before(markSOS, segment(markDHT, append(append([]byte{0x03, 1}, make([]byte, 15)...), 0)...)...)},
		{"quantisation by zero", append(append(bytes.Clone(clean[:25]), 0), clean[26:]...)},
		{"quantisation of 16 bits in baseline", bytes.Replace(clean, segs[markDQT][:69], wideTable(), 1)},
		{"fill bytes", before(markDQT, 0xff)},
		{"bytes between segments", before(markDQT, 0)},
		{"a byte behind the end", append(bytes.Clone(clean), 0)},
		{"a picture behind the end", append(bytes.Clone(clean), clean...)},
		{"no end", clean[:len(clean)-2]},
		{"bytes behind the last unit", append(append(bytes.Clone(head), append(bytes.Clone(body), 0x55, 0x55)...), 0xff, markEOI)},
		{"a cut scan", append(append(bytes.Clone(head), body[:len(body)/2]...), 0xff, markEOI)},
		{"a restart marker", append(append(bytes.Clone(head), append(bytes.Clone(body), 0xff, markRST0)...), 0xff, markEOI)},
		{"progressive", bytes.Replace(clean, []byte{0xff, markSOF0}, []byte{0xff, 0xc2}, 1)},
		{"twice the height", bytes.Replace(clean, []byte{8, 0, 48, 0, 64}, []byte{8, 0, 96, 0, 64}, 1)},
		{"half the height", bytes.Replace(clean, []byte{8, 0, 48, 0, 64}, []byte{8, 0, 16, 0, 64}, 1)},
		{"standard library's tables", grey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if bytes.Equal(tc.data, clean) {
				t.Fatal("the file was not spoilt")
			}
			if err := Verify(tc.data); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want %v", err, ErrMalformed)
			}
		})
	}
}

// wideTable is a valid quantisation table 0 of 16 bits.
func wideTable() []byte {
	return segment(markDQT, append([]byte{0x10}, bytes.Repeat([]byte{0, 9}, 64)...)...)
}

func insertAfterJFIF(jpg, seg []byte) []byte {
	const end = 2 + 18
	return append(append(bytes.Clone(jpg[:end]), seg...), jpg[end:]...)
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// TestVerifyPadding wants the spare bits of the last byte to be ones.
func TestVerifyPadding(t *testing.T) {
	refused := 0
	for w := 8; w <= 64; w += 8 {
		clean := mustRead(t, photo(t, w, 8)).Bytes()
		last := len(clean) - 3
		if clean[last]&1 == 0 || clean[last] == 0 {
			continue // no spare bit here, or hidden by stuffing
		}
		if Verify(flip(clean, last)) != nil {
			refused++
		}
	}
	if refused < 4 {
		t.Errorf("got %d files refused for a changed last bit, want most of 8", refused)
	}
}

// TestVerifyPasses wants every shape of picture that we write to pass: samplings, grey, RGB, profiles, tiny.
func TestVerifyPasses(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio420} {
		for _, size := range [][2]int{{1, 1}, {7, 9}, {8, 8}, {17, 33}, {64, 64}} {
			m := image.NewYCbCr(image.Rect(0, 0, size[0], size[1]), ratio)
			for i := range m.Y {
				m.Y[i] = uint8(i * 37)
			}
			s := mustRead(t, encodeJPEG(t, m))
			if s.Width() != size[0] || s.Height() != size[1] {
				t.Errorf("%v %v: got %d × %d", ratio, size, s.Width(), s.Height())
			}
		}
	}
	grey := mustRead(t, encodeJPEG(t, image.NewGray(image.Rect(0, 0, 30, 20))))
	if m, err := Upright(grey); err != nil || m.Bounds().Dx() != 30 {
		t.Errorf("grey: got %v", err)
	} else if _, ok := m.(*image.Gray); !ok {
		t.Errorf("grey: got %T, want grey kept", m)
	}
	// Red, green and blue as three components: an Adobe marker with transform 0.
	rgb := mustRead(t, insert(photo(t, 40, 40), adobeRGB))
	c, err := rgb.coefficients()
	if err != nil || c.ColorTransform() != jpegcoef.RGB || bytes.Contains(rgb.Bytes(), []byte("JFIF")) {
		t.Errorf("RGB: got %v, want it kept without JFIF", err)
	}
	chart, _, _, err := Baseline(rgb)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := examine(chart); err != nil || p.adobe {
		t.Errorf("chart of RGB: got %+v, %v, want YCbCr", p, err)
	}
}

func TestProfiles(t *testing.T) {
	for _, tc := range []struct {
		kind profileKind
		name string
		grey bool
	}{{profileP3, "P3", false}, {profileAdobe, "Adobe RGB", false}, {profileGray, "grey", true}} {
		t.Run(tc.name, func(t *testing.T) {
			seg := profileSegment(tc.kind)
			if got := kindOf(seg[18:]); got != tc.kind {
				t.Errorf("own profile recognised as %d, want %d", got, tc.kind)
			}
			foreign := bytes.Clone(seg)
			copy(foreign[18+64:], "evil") // a header field that nothing reads
			var src image.Image = scene(32, 32)
			if tc.grey {
				src = image.NewGray(image.Rect(0, 0, 32, 32))
			}
			s := mustRead(t, insert(encodeJPEG(t, src), foreign))
			if s.profile != tc.kind || bytes.Contains(s.Bytes(), []byte("evil")) {
				t.Errorf("got profile %d, want %d and none of the source's bytes", s.profile, tc.kind)
			}
			thumb, err := Render(s, SizeThumb, nil)
			if err != nil || thumb.profile != tc.kind {
				t.Errorf("thumbnail: got profile %v, %v, want %d", thumb, err, tc.kind)
			}
			wrong := mustRead(t, insert(encodeJPEG(t, image.NewGray(image.Rect(0, 0, 9, 9))), profileSegment(profileP3)))
			if wrong.profile != profileNone {
				t.Errorf("colours on grey: got profile %d, want none", wrong.profile)
			}
		})
	}
	for n := range len(profileSegment(profileP3)) {
		kindOf(profileSegment(profileP3)[:n]) // none may panic
	}
}

// TestTailOfEachFile wants every file to end at its end of image, whatever its size.
func TestTailOfEachFile(t *testing.T) {
	for n := 1; n < 40; n++ {
		b := mustRead(t, photo(t, n, 41-n)).Bytes()
		if fmt.Sprintf("%x", b[len(b)-2:]) != "ffd9" {
			t.Errorf("%d × %d ends in %x", n, 41-n, b[len(b)-2:])
		}
	}
}

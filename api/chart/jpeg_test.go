package chart

import (
	"bytes"
	"image"
	"image/jpeg"
	"slices"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

func cleanGrey(t testing.TB) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 48, 32))
	for i := range m.Pix {
		m.Pix[i] = uint8(i)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	s, err := imaging.Read(b.Bytes(), imaging.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return s.Bytes()
}

// withSegment puts a segment behind SOI.
func withSegment(b []byte, mark byte, body string) []byte {
	n := len(body) + 2
	return slices.Concat(b[:2], []byte{0xFF, mark, byte(n >> 8), byte(n)}, []byte(body), b[2:])
}

func TestReadJPEGHead(t *testing.T) {
	colour, grey := raw(t, 96, 64, 3), cleanGrey(t)
	progressive := bytes.Replace(colour, []byte{0xFF, markSOF0}, []byte{0xFF, 0xC2}, 1)
	for _, c := range []struct {
		name string
		in   []byte
		want jpegHead
		err  error
	}{
		{"colour", colour, jpegHead{96, 64, 3, false}, nil},
		{"grey", grey, jpegHead{48, 32, 1, false}, nil},
		{"Adobe RGB transform", withSegment(colour, markAPP14, "Adobe\x00\x64\x00\x00\x00\x00\x00"), jpegHead{96, 64, 3, true}, nil},
		{"Adobe YCbCr transform", withSegment(colour, markAPP14, "Adobe\x00\x64\x00\x00\x00\x00\x01"), jpegHead{96, 64, 3, false}, nil},
		{"progressive", progressive, jpegHead{}, errNotBaseline},
		{"orientation tag", withSegment(colour, markAPP1, "Exif\x00\x00"), jpegHead{}, errNotUpright},
		{"cut in the header", colour[:30], jpegHead{}, errNotBaseline},
		{"scan before frame", []byte{0xFF, markSOI, 0xFF, markSOS, 0, 2, 0}, jpegHead{}, errNotBaseline},
		{"segment longer than the file", []byte{0xFF, markSOI, 0xFF, 0xDB, 0xFF, 0xFF, 0}, jpegHead{}, errNotBaseline},
		{"not a JPEG", []byte("GIF89a.."), jpegHead{}, errNotBaseline},
		{"empty", nil, jpegHead{}, errNotBaseline},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readJPEGHead(c.in)
			if err != c.err || err == nil && got != c.want {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, c.want, c.err)
			}
		})
	}
}

func FuzzReadJPEGHead(f *testing.F) {
	f.Add(raw(f, 16, 16, 1))
	f.Add(withSegment(raw(f, 16, 16, 1), markAPP14, "Adobe\x00\x64\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readJPEGHead(b)
		if err == nil && (h.width < 1 || h.height < 1 || h.width > 65535 || h.height > 65535 || h.components != 1 && h.components != 3) {
			t.Errorf("accepted %+v", h)
		}
	})
}

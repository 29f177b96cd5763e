package imaging

import (
	"bytes"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
)

// TestStockDecoder wants the standard library, which shares nothing with our codec, to see the mask as black and
// the rest as it was.
func TestStockDecoder(t *testing.T) {
	source := photo(t, 160, 120)
	s := mustRead(t, source)
	redacted, masked, err := Redact(s, []Region{person(30, 30, 70, 60)})
	if err != nil {
		t.Fatal(err)
	}
	before, err := jpeg.Decode(bytes.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	after, err := jpeg.Decode(bytes.NewReader(redacted.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	m := masked[0].rect()
	for y := range 120 {
		for x := range 160 {
			r, g, b, _ := after.At(x, y).RGBA()
			inside := x >= m.Min.X && x < m.Max.X && y >= m.Min.Y && y < m.Max.Y
			if inside && (r>>8 > 3 || g>>8 > 3 || b>>8 > 3) {
				t.Fatalf("masked pixel %d,%d: got %d,%d,%d, want black", x, y, r>>8, g>>8, b>>8)
			}
			if !inside && after.At(x, y) != before.At(x, y) {
				t.Fatalf("open pixel %d,%d changed", x, y)
			}
		}
	}
}

// TestExiftoolOnDerived plants everything, makes every kind of picture of it, and asks an independent tool.
func TestExiftoolOnDerived(t *testing.T) {
	tool(t, "exiftool")
	dir := t.TempDir()
	put := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for o := uint16(1); o <= 8; o++ {
		var p planter
		s := mustRead(t, p.plant(photo(t, 61, 47), o))
		prefix := string('0' + rune(o))
		put(prefix+"-original.jpg", s.Bytes())
		redacted, _, err := Redact(s, []Region{person(1, 1, 9, 9)})
		if err != nil {
			t.Fatal(err)
		}
		put(prefix+"-redacted.jpg", redacted.Bytes())
		for _, size := range []Size{SizeThumb, SizeDisplay} {
			small, err := Render(s, size, []Region{person(1, 1, 9, 9)})
			if err != nil {
				t.Fatal(err)
			}
			put(prefix+"-"+string(size)+".jpg", small.Bytes())
		}
		chart, _, _, err := Baseline(s)
		if err != nil {
			t.Fatal(err)
		}
		put(prefix+"-chart.jpg", chart)
	}
	put("p3.jpg", mustRead(t, insert(photo(t, 20, 20), profileSegment(profileP3))).Bytes())
	put("rgb.jpg", mustRead(t, insert(photo(t, 20, 20), adobeRGB)).Bytes())
	leftovers(t, dir)
}

// TestBaselineKeepsCoefficients wants a chart's copy of an upright picture to be the picture itself, and that of
// one with wide quantisation tables to be made baseline.
func TestBaselineKeepsCoefficients(t *testing.T) {
	s := mustRead(t, photo(t, 50, 40))
	data, w, h, err := Baseline(s)
	if err != nil || !bytes.Equal(data, s.Bytes()) || w != 50 || h != 40 {
		t.Errorf("got %d bytes of %d × %d, %v, want the picture's own", len(data), w, h, err)
	}
	segs, _, _ := parts(t, s.Bytes())
	table := segment(markDQT, append([]byte{0x10}, bytes.Repeat([]byte{1, 9}, 64)...)...) // 265: beyond 8 bits
	wide := bytes.Replace(s.Bytes(), segs[markDQT][:69], table, 1)
	extended := mustRead(t, bytes.Replace(wide, []byte{0xff, markSOF0}, []byte{0xff, markSOF1}, 1))
	if p, err := examine(extended.Bytes()); err != nil || p.baseline {
		t.Fatalf("extended picture: got %+v, %v, want one that is not baseline", p, err)
	}
	data, _, _, err = Baseline(extended)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := examine(data); err != nil || !p.baseline {
		t.Errorf("got %+v, %v, want baseline", p, err)
	}
}

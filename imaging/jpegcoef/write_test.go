package jpegcoef

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	sizes := [][2]int{{1, 1}, {8, 8}, {17, 33}, {64, 48}, {100, 75}, {129, 31}}
	for _, s := range samplings {
		for _, size := range sizes {
			for _, progressive := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%v/progressive=%v", s.name, size, progressive), func(t *testing.T) {
					tr := YCbCr
					if len(s.f) == 1 {
						tr = Gray
					}
					c := synthetic(size[0], size[1], s.f, tr)
					out, again := rewrite(t, c, WriteOptions{Progressive: progressive})
					if !c.EqualOutside(again, nil) {
						t.Fatal("coefficients differ after Write and Read")
					}
					if again.Progressive() != progressive {
						t.Errorf("Progressive() = %v, want %v", again.Progressive(), progressive)
					}
					twice, _ := rewrite(t, again, WriteOptions{Progressive: progressive})
					if !bytes.Equal(out, twice) {
						t.Error("writing the same coefficients twice gave different bytes")
					}
					for i := range c.comps {
						if fmt.Sprint(c.comps[i].nz) != fmt.Sprint(again.comps[i].nz) {
							t.Errorf("component %d: Read counts other coefficients as not zero", i)
						}
					}
				})
			}
		}
	}
}

func TestGoReadsOutput(t *testing.T) {
	data := encoded(t, 211, 97)
	want, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, progressive := range []bool{false, true} {
		out, _ := rewrite(t, mustRead(t, data), WriteOptions{Progressive: progressive})
		got, err := jpeg.Decode(bytes.NewReader(out))
		if err != nil {
			t.Fatalf("progressive=%v: image/jpeg: %v", progressive, err)
		}
		if !samePixels(got, want) {
			t.Errorf("progressive=%v: pixels differ from the input's", progressive)
		}
		if len(out) > len(data) {
			t.Errorf("progressive=%v: %d bytes, want at most the input's %d: the tables are optimal", progressive, len(out), len(data))
		}
	}
}

// TestLayout checks which segments are written, in which order, and no others.
func TestLayout(t *testing.T) {
	app2 := []byte{0xFF, 0xE2, 0, 5, 1, 2, 3}
	shared := synthetic(40, 40, full, YCbCr)
	shared.comps[1].quant, shared.comps[2].quant = shared.comps[0].quant, shared.comps[0].quant
	wideQuant := synthetic(40, 40, gray, Gray)
	wideQuant.comps[0].quant[5] = 300
	tests := []struct {
		name string
		c    *Coefficients
		o    WriteOptions
		want []byte
	}{
		{"gray", synthetic(9, 9, gray, Gray), WriteOptions{}, []byte{0xE0, 0xDB, 0xC0, 0xC4, 0xC4, 0xDA}},
		{"colour", synthetic(40, 40, half420, YCbCr), WriteOptions{}, []byte{0xE0, 0xDB, 0xDB, 0xC0, 0xC4, 0xC4, 0xC4, 0xC4, 0xDA}},
		{"one table for all", shared, WriteOptions{}, []byte{0xE0, 0xDB, 0xC0, 0xC4, 0xC4, 0xC4, 0xC4, 0xDA}},
		{"16-bit table", wideQuant, WriteOptions{}, []byte{0xE0, 0xDB, 0xC1, 0xC4, 0xC4, 0xDA}},
		{"extra", synthetic(9, 9, gray, Gray), WriteOptions{Extra: [][]byte{app2}}, []byte{0xE0, 0xE2, 0xDB, 0xC0, 0xC4, 0xC4, 0xDA}},
		{"no JFIF", synthetic(9, 9, gray, Gray), WriteOptions{OmitJFIF: true}, []byte{0xDB, 0xC0, 0xC4, 0xC4, 0xDA}},
		{"RGB", synthetic(9, 9, full, RGB), WriteOptions{OmitJFIF: true, Extra: [][]byte{AdobeSegment(RGB)}}, []byte{0xEE, 0xDB, 0xDB, 0xC0, 0xC4, 0xC4, 0xDA}},
		{"too many blocks to interleave", synthetic(9, 9, huge, YCbCr), WriteOptions{},
			[]byte{0xE0, 0xDB, 0xDB, 0xC0, 0xC4, 0xC4, 0xDA, 0xC4, 0xC4, 0xDA, 0xC4, 0xC4, 0xDA}},
		{"progressive gray", synthetic(9, 9, gray, Gray), WriteOptions{Progressive: true},
			[]byte{0xE0, 0xDB, 0xC2, 0xC4, 0xDA, 0xC4, 0xDA, 0xC4, 0xDA, 0xC4, 0xDA, 0xDA, 0xC4, 0xDA}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := tt.c.Write(&buf, tt.o); err != nil {
				t.Fatal(err)
			}
			got, rest := walk(t, buf.Bytes())
			if !bytes.Equal(got, tt.want) || rest != 0 {
				t.Errorf("markers % X and %d bytes behind the end, want % X and 0", got, rest, tt.want)
			}
		})
	}
}

// walk returns the markers of a file between start and end, and how many bytes
// are behind the end.
func walk(t *testing.T, data []byte) (markers []byte, rest int) {
	t.Helper()
	for p := 2; ; {
		if data[p] != 0xFF {
			t.Fatalf("no marker at %d", p)
		}
		m := data[p+1]
		if m == markerEOI {
			return markers, len(data) - p - 2
		}
		markers = append(markers, m)
		p += 2 + int(data[p+2])<<8 + int(data[p+3])
		if m == markerSOS {
			for data[p] != 0xFF || data[p+1] == 0 {
				p++
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	rgb, ycc := synthetic(9, 9, full, RGB), synthetic(9, 9, full, YCbCr)
	tests := []struct {
		name string
		c    *Coefficients
		o    WriteOptions
	}{
		{"RGB as JFIF", rgb, WriteOptions{}},
		{"RGB without Adobe", rgb, WriteOptions{OmitJFIF: true}},
		{"YCbCr called RGB", ycc, WriteOptions{OmitJFIF: true, Extra: [][]byte{AdobeSegment(RGB)}}},
		{"extra too short", ycc, WriteOptions{Extra: [][]byte{{0xFF, 0xE2}}}},
		{"extra with a wrong length", ycc, WriteOptions{Extra: [][]byte{{0xFF, 0xE2, 0, 9, 1}}}},
		{"extra frame", ycc, WriteOptions{Extra: [][]byte{{0xFF, 0xC0, 0, 2}}}},
		{"extra JFIF", ycc, WriteOptions{Extra: [][]byte{{0xFF, 0xE0, 0, 7, 'J', 'F', 'I', 'F', 0}}}},
	}
	for _, tt := range tests {
		if err := tt.c.Write(io.Discard, tt.o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: Write = %v, want ErrOptions", tt.name, err)
		}
	}
}

// failing is a writer that takes only so many bytes.
type failing struct{ after int }

var errFull = errors.New("no space")

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteReportsWriter(t *testing.T) {
	c := mustRead(t, encoded(t, 800, 600))
	whole, _ := rewrite(t, c, WriteOptions{})
	for _, after := range []int{0, len(whole) - 1} {
		if err := c.Write(&failing{after}, WriteOptions{}); !errors.Is(err, errFull) {
			t.Errorf("Write to a writer that fails after %d bytes = %v, want its error", after, err)
		}
	}
}

// TestOptimalTables checks the codes for skewed counts: none longer than 16 bits,
// none all ones, all decodable.
func TestOptimalTables(t *testing.T) {
	fibonacci := func(h *histogram) {
		a, b := 1, 1
		for i := range 60 {
			h[i*4] = a
			a, b = b, a+b
		}
	}
	tests := []struct {
		name string
		fill func(h *histogram)
		want int
	}{
		{"one symbol", func(h *histogram) { h[7] = 5 }, 1},
		{"two symbols", func(h *histogram) { h[0], h[255] = 1, 1000 }, 2},
		{"all the same", func(h *histogram) {
			for i := range h {
				h[i] = 9
			}
		}, 256},
		{"as skewed as can be", fibonacci, 60},
	}
	for _, tt := range tests {
		var h histogram
		tt.fill(&h)
		s := h.optimal()
		if !s.valid() || len(s.symbols) != tt.want {
			t.Errorf("%s: valid=%v with %d symbols, want %d", tt.name, s.valid(), len(s.symbols), tt.want)
		}
		codes, dec := newEncodeTable(s), newDecodeTable(s)
		for sym, n := range h {
			size := uint(sym & 15)
			code, length := codes[sym]>>8>>size, uint(codes[sym]&0xFF)-size
			if n == 0 {
				continue
			}
			if length == 0 || length > 16 || code == 1<<length-1 {
				t.Errorf("%s: symbol %d has code %b of %d bits", tt.name, sym, code, length)
				continue
			}
			if got, l := dec.decode(code << (64 - length)); int(got) != sym || l != length {
				t.Errorf("%s: code of %d decodes to %d in %d bits, want %d bits", tt.name, sym, got, l, length)
			}
		}
	}
}

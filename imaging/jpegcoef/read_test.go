package jpegcoef

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestScanForms reads the same coefficients from every form their scans can
// have: interleaved or not, with restart markers or without.
func TestScanForms(t *testing.T) {
	for _, s := range samplings {
		tr, apart := YCbCr, [][]int{{2}, {0}, {1}}
		if len(s.f) == 1 {
			tr, apart = Gray, [][]int{{0}}
		}
		c := synthetic(75, 53, s.f, tr)
		for _, restart := range []int{0, 1, 3, 1000} {
			forms := map[string][][]int{"apart": apart}
			if whole := c.together(scanSpec{}); len(whole) == 1 {
				forms["together"] = [][]int{whole[0].comps}
			}
			if len(s.f) == 3 && s.name != "4x4 1x1 2x2" {
				forms["two and one"] = [][]int{{0, 2}, {1}}
			}
			for name, scans := range forms {
				t.Run(fmt.Sprintf("%s/%s/restart=%d", s.name, name, restart), func(t *testing.T) {
					got := mustRead(t, file(c, scans, restart))
					if !got.EqualOutside(c, nil) {
						t.Error("coefficients differ")
					}
					if got.Skipped() != 0 || got.Trailing() != 0 {
						t.Errorf("skipped %d, trailing %d, want 0, 0", got.Skipped(), got.Trailing())
					}
				})
			}
		}
	}
}

// TestPaddingIsForgotten hides data in the blocks that pad the last MCUs.
func TestPaddingIsForgotten(t *testing.T) {
	want := synthetic(17, 17, half420, YCbCr)
	hiding := want.Clone()
	p := &hiding.comps[0]
	for i := range p.nz {
		if i%p.blocksW >= p.realW || i/p.blocksW >= p.realH {
			*p.block(i) = [blockSize]int16{0: 99, 1: -7, 63: 5}
		}
	}
	p.markNonZero()
	if hiding.EqualOutside(want, nil) {
		t.Fatal("nothing was hidden")
	}
	if got := mustRead(t, file(hiding, [][]int{{0, 1, 2}}, 0)); !got.EqualOutside(want, nil) {
		t.Error("what was hidden in the padding is still there")
	}
}

// TestCutAnywhere reads every prefix of a file.
func TestCutAnywhere(t *testing.T) {
	c := synthetic(40, 40, half420, YCbCr)
	sequential, _ := rewrite(t, c, WriteOptions{})
	restarts := file(c, [][]int{{0, 1, 2}}, 2)
	apart := file(c, [][]int{{0}, {1}, {2}}, 0)
	for i, data := range [][]byte{sequential, restarts, apart} {
		for n := range len(data) {
			got, err := Read(data[:n:n], DefaultLimits())
			if n >= len(data)-2 { // only the end marker is cut
				if err != nil || !got.EqualOutside(c, nil) {
					t.Errorf("file %d without its end marker: Read = %v", i, err)
				}
			} else if !errors.Is(err, ErrTruncated) {
				t.Errorf("file %d cut to %d of %d bytes: Read = %v, want ErrTruncated", i, n, len(data), err)
			}
		}
		// The same, but the cut file has an end marker.
		for n := len(data) / 2; n < len(data)-3; n++ {
			if _, err := Read(append(data[:n:n], 0xFF, markerEOI), DefaultLimits()); err == nil {
				t.Errorf("file %d cut to %d of %d bytes and ended: Read accepts it", i, n, len(data))
			}
		}
	}
}

// TestMissingScans drops the last scans of progressive files.
func TestMissingScans(t *testing.T) {
	tests := []struct {
		name string
		f    factors
		need int // scans until every component has its DC
	}{{"420", half420, 1}, {"4x4 1x1 2x2", huge, 3}}
	for _, tt := range tests {
		data, _ := rewrite(t, synthetic(40, 40, tt.f, YCbCr), WriteOptions{Progressive: true})
		ends := scanEnds(data)
		for i, end := range ends {
			_, err := Read(append(data[:end:end], 0xFF, markerEOI), DefaultLimits())
			if i+1 < tt.need && !errors.Is(err, ErrTruncated) {
				t.Errorf("%s: %d scans: Read = %v, want ErrTruncated", tt.name, i+1, err)
			}
			if i+1 >= tt.need && err != nil {
				t.Errorf("%s: %d scans: Read = %v, want a picture", tt.name, i+1, err)
			}
			if _, err = Read(data[:end-1:end-1], DefaultLimits()); !errors.Is(err, ErrTruncated) {
				t.Errorf("%s: cut inside scan %d: Read = %v, want ErrTruncated", tt.name, i+1, err)
			}
		}
	}
}

// scanEnds returns where the data of each scan ends.
func scanEnds(data []byte) (ends []int) {
	for p := 2; data[p+1] != markerEOI; {
		m := data[p+1]
		p += 2 + int(binary.BigEndian.Uint16(data[p+2:]))
		if m == markerSOS {
			for data[p] != 0xFF || data[p+1] == 0 {
				p++
			}
			ends = append(ends, p)
		}
	}
	return ends
}

func TestStrayBytesAreCounted(t *testing.T) {
	c := synthetic(33, 20, half420, YCbCr)
	data, _ := rewrite(t, c, WriteOptions{})
	scan := bytes.Index(data, []byte{0xFF, markerSOS})
	frame := bytes.Index(data, []byte{0xFF, markerSOF0})
	insert := func(at int, b ...byte) []byte { return slices.Insert(slices.Clone(data), at, b...) }
	tests := []struct {
		name              string
		data              []byte
		skipped, trailing int
	}{
		{"none", data, 0, 0},
		{"behind the end", append(slices.Clone(data), data...), 0, len(data)},
		{"before the frame", insert(frame, 1, 2, 3), 3, 0},
		{"stuffed before a scan", insert(scan, 0xFF, 0, 7), 3, 0},
		{"behind the scan", insert(len(data)-2, 1, 2, 3, 0xFF, 0, 4), 6, 0},
		{"fill bytes", insert(scan, 0xFF, 0xFF), 0, 0},
		{"a stray restart marker", insert(scan, 0xFF, 0xD3), 0, 0},
	}
	for _, tt := range tests {
		got, err := Read(tt.data, DefaultLimits())
		if err != nil {
			t.Errorf("%s: Read = %v", tt.name, err)
			continue
		}
		if got.Skipped() != tt.skipped || got.Trailing() != tt.trailing {
			t.Errorf("%s: skipped %d, trailing %d, want %d, %d", tt.name, got.Skipped(), got.Trailing(), tt.skipped, tt.trailing)
		}
		if !got.EqualOutside(c, nil) {
			t.Errorf("%s: coefficients differ", tt.name)
		}
	}
}

func TestRefusedByName(t *testing.T) {
	data, _ := rewrite(t, synthetic(33, 20, full, YCbCr), WriteOptions{})
	sof := bytes.Index(data, []byte{0xFF, markerSOF0})
	set := func(at int, b ...byte) []byte {
		d := slices.Clone(data)
		copy(d[at:], b)
		return d
	}
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"lossless", set(sof+1, 0xC3), "lossless coding (SOF3)"},
		{"hierarchical", set(sof+1, 0xC5), "hierarchical coding (SOF5)"},
		{"arithmetic", set(sof+1, 0xC9), "arithmetic coding (SOF9)"},
		{"arithmetic progressive", set(sof+1, 0xCA), "arithmetic coding (SOF10)"},
		{"hierarchical start", set(sof+1, markerDHP), "hierarchical coding (DHP)"},
		{"12 bits", set(sof+1, markerSOF1, 0, 17, 12), "12 bits a sample"},
		{"CMYK", set(sof+9, 4), "four components (CMYK)"},
		{"two components", set(sof+9, 2), "other than one or three components"},
		{"height behind the scan", set(sof+5, 0, 0), "height given after the scan (DNL)"},
	}
	for _, tt := range tests {
		_, err := Read(tt.data, DefaultLimits())
		var u *UnsupportedError
		if !errors.As(err, &u) || u.Feature != tt.want || !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: Read = %v, want unsupported %q", tt.name, err, tt.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	c := synthetic(33, 20, full, YCbCr)
	data := file(c, [][]int{{0, 1, 2}}, 1)
	at := func(m byte) int { return bytes.Index(data, []byte{0xFF, m}) }
	tooMany := append([]byte{0xFF, markerDHT, 0, 22, 0, 3}, make([]byte, 18)...)
	sof, dht, dqt, sos := at(markerSOF0), at(markerDHT), at(markerDQT), at(markerSOS)
	set := func(at int, b ...byte) []byte {
		d := slices.Clone(data)
		copy(d[at:], b)
		return d
	}
	tests := []struct {
		name string
		data []byte
	}{
		{"not a JPEG", []byte("GIF89a, or so it says")},
		{"a second start", slices.Insert(slices.Clone(data), 2, 0xFF, markerSOI)},
		{"a second frame", slices.Insert(slices.Clone(data), sof, data[sof:sof+19]...)},
		{"a reserved marker", set(sof+1, 0x02)},
		{"a length of one", set(dqt+2, 0, 1)},
		{"quantisation by zero", set(dqt+10, 0)},
		{"quantisation table 9", set(dqt+4, 9)},
		{"quantisation table missing", set(sof+12, 3)},
		{"precision of 9 bits", set(sof+4, 9)},
		{"sampling of 5", set(sof+11, 0x51)},
		{"sampling of 0", set(sof+11, 0x10)},
		{"no width", set(sof+7, 0, 0)},
		{"two components of one name", set(sof+13, 1)},
		{"Huffman table 7", set(dht+4, 7)},
		{"codes that do not fit", slices.Insert(slices.Clone(data), sos, tooMany...)},
		{"more symbols than bytes", set(dht+20, 255)},
		{"Huffman table missing", set(sos+6, 0x30)},
		{"scan of an unknown component", set(sos+5, 77)},
		{"scan of one component twice", set(sos+7, 1)},
		{"scan of four components", set(sos+4, 4)},
		{"scan before the frame", append([]byte{0xFF, markerSOI}, data[sos:]...)},
		{"restart marker out of turn", bytes.Replace(data, []byte{0xFF, 0xD0}, []byte{0xFF, 0xD4}, 1)},
		{"the same scan twice", append(data[:len(data)-2:len(data)-2], data[sos:]...)},
		{"an MCU of eleven blocks", set(sof+11, 0x42, 0, 2, 0x22)},
	}
	for _, tt := range tests {
		if _, err := Read(tt.data, DefaultLimits()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: Read = %v, want ErrMalformed", tt.name, err)
		}
	}
}

// TestProgressiveOutOfTurn changes the scan headers of a progressive file.
func TestProgressiveOutOfTurn(t *testing.T) {
	data, _ := rewrite(t, synthetic(33, 20, gray, Gray), WriteOptions{Progressive: true})
	var headers []int // of the parameters Ss, Se, AhAl of each scan
	for p := range data {
		if bytes.HasPrefix(data[p:], []byte{0xFF, markerSOS, 0, 8, 1}) {
			headers = append(headers, p+7)
		}
	}
	tests := []struct {
		name string
		scan int
		set  []byte
	}{
		{"DC and AC together", 0, []byte{0, 5, 1}},
		{"AC before DC", 0, []byte{1, 5, 1}},
		{"refined before it is there", 0, []byte{0, 0, 0x10}},
		{"refined by two bits", 3, []byte{1, 63, 0x20}},
		{"band upside down", 1, []byte{5, 1, 2}},
		{"band too long", 1, []byte{1, 64, 2}},
		{"band seen before", 2, []byte{1, 63, 2}},
		{"point transform too high", 0, []byte{0, 0, 14}},
	}
	for _, tt := range tests {
		d := slices.Clone(data)
		copy(d[headers[tt.scan]:], tt.set)
		if _, err := Read(d, DefaultLimits()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: Read = %v, want ErrMalformed", tt.name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	data, _ := rewrite(t, synthetic(40, 30, half420, YCbCr), WriteOptions{Progressive: true})
	segments, _ := walk(t, data)
	scans := len(scanEnds(data))
	exact := Limits{
		MaxBytes: int64(len(data)), MaxPixels: 1200, MaxSide: 40,
		MaxSegments: len(segments) + 1, MaxScans: scans, MaxScanWork: int64(scans) * 1200,
	}
	if _, err := Read(data, exact); err != nil {
		t.Errorf("Read within exact limits = %v", err)
	}
	for name, less := range map[string]func(l *Limits){
		"bytes":     func(l *Limits) { l.MaxBytes-- },
		"pixels":    func(l *Limits) { l.MaxPixels-- },
		"side":      func(l *Limits) { l.MaxSide-- },
		"segments":  func(l *Limits) { l.MaxSegments-- },
		"scans":     func(l *Limits) { l.MaxScans-- },
		"scan work": func(l *Limits) { l.MaxScanWork-- },
		"all":       func(l *Limits) { *l = Limits{} },
	} {
		l := exact
		less(&l)
		if _, err := Read(data, l); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Read with less %s = %v, want ErrTooLarge", name, err)
		}
	}
}

// TestSmallFileTakesNoMemory lets 700 bytes claim 50 megapixels.
func TestSmallFileTakesNoMemory(t *testing.T) {
	for _, progressive := range []bool{false, true} {
		data, _ := rewrite(t, synthetic(16, 16, full, YCbCr), WriteOptions{Progressive: progressive})
		sof := bytes.Index(data, []byte{0xFF, markerSOF0})
		if progressive {
			sof = bytes.Index(data, []byte{0xFF, markerSOF2})
		}
		binary.BigEndian.PutUint16(data[sof+5:], 7000)
		binary.BigEndian.PutUint16(data[sof+7:], 7000)
		before := allocated()
		_, err := Read(data, DefaultLimits())
		got := allocated() - before
		if !errors.Is(err, ErrTruncated) || got > 1<<20 {
			t.Errorf("progressive=%v: Read of a bomb = %v after allocating %d bytes, want ErrTruncated and below 1 MiB", progressive, err, got)
		}
	}
}

func TestColourTransform(t *testing.T) {
	jfif := []byte{0xFF, markerAPP0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0}
	names := func(a, b, c byte) [3]byte { return [3]byte{a, b, c} }
	tests := []struct {
		name  string
		extra [][]byte
		ids   [3]byte
		want  Transform
	}{
		{"nothing", nil, names(1, 2, 3), YCbCr},
		{"other names", nil, names(0, 1, 2), YCbCr},
		{"named RGB", nil, names('R', 'G', 'B'), RGB},
		{"JFIF", [][]byte{jfif}, names('R', 'G', 'B'), YCbCr},
		{"Adobe RGB", [][]byte{AdobeSegment(RGB)}, names(1, 2, 3), RGB},
		{"Adobe YCbCr", [][]byte{AdobeSegment(YCbCr)}, names('R', 'G', 'B'), YCbCr},
		{"JFIF before Adobe RGB", [][]byte{jfif, AdobeSegment(RGB)}, names(1, 2, 3), YCbCr},
		{"JFIF too short", [][]byte{{0xFF, markerAPP0, 0, 7, 'J', 'F', 'I', 'F', 0}}, names('R', 'G', 'B'), RGB},
		{"Adobe too short", [][]byte{{0xFF, markerAPP14, 0, 7, 'A', 'd', 'o', 'b', 'e'}}, names(1, 2, 3), YCbCr},
	}
	for _, tt := range tests {
		c := synthetic(16, 16, full, YCbCr)
		for i := range c.comps {
			c.comps[i].id = tt.ids[i]
		}
		data := slices.Insert(file(c, [][]int{{0, 1, 2}}, 0), 2, slices.Concat(tt.extra...)...)
		if got := mustRead(t, data).ColorTransform(); got != tt.want {
			t.Errorf("%s: ColorTransform() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

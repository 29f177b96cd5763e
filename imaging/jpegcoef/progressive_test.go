package jpegcoef

import (
	"bytes"
	"errors"
	"image/jpeg"
	"testing"
)

// blank makes a picture with no AC coefficients.
func blank(w, h int) *Coefficients {
	c := synthetic(w, h, gray, Gray)
	for b := range c.comps[0].nz {
		c.comps[0].flat(b, int16(b%7))
	}
	return c
}

// set changes one coefficient.
func (p *component) set(block, k int, v int16) {
	p.block(block)[k] = v
	p.nz[block] |= 1 << k
}

// TestLongRuns writes progressive files whose end-of-band runs and correction
// bits reach each bound that the coding has.
func TestLongRuns(t *testing.T) {
	tests := []struct {
		name string
		h    int // of a picture 1,032 wide: 129 blocks a row
		fill func(p *component)
	}{
		{"nothing at all", 4096, func(*component) {}},
		{"something in the first block", 64, func(p *component) { p.set(0, 1, 100) }},
		{"something in the last block", 64, func(p *component) { p.set(len(p.nz)-1, 63, -1) }},
		{"a run of exactly 32,767", 2048, func(p *component) { p.set(maxRun, 1, 9) }},
		{"a run of 32,768", 2048, func(p *component) { p.set(maxRun+1, 1, 9) }},
		{"two full runs", 4088, func(p *component) { p.set(2*maxRun, 7, -4) }},
		{"corrections only", 64, func(p *component) {
			for b := range p.nz {
				for k := 1; k < blockSize; k++ {
					p.set(b, k, int16(8+(b+k)%5))
				}
			}
		}},
		{"last bits only", 64, func(p *component) {
			for b := range p.nz {
				p.set(b, 1+b%63, int16(1-b%2*2))
			}
		}},
		{"far apart, corrections between", 64, func(p *component) {
			for b := range p.nz {
				p.set(b, 1, 40)
				p.set(b, 20+b%3, -12)
				p.set(b, 55+b%8, int16(1-b%2*2))
			}
		}},
		{"largest and smallest", 64, func(p *component) {
			for b := range p.nz {
				p.set(b, 1, 1023)
				p.set(b, 2, -1023)
				p.block(b)[0] = int16(minDC + b%2*(maxDC-minDC))
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := blank(1032, tt.h)
			tt.fill(&c.comps[0])
			data, again := rewrite(t, c, WriteOptions{Progressive: true})
			if !again.EqualOutside(c, nil) {
				t.Error("coefficients differ")
			}
			if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
				t.Errorf("image/jpeg: %v", err)
			}
		})
	}
}

// TestCoarsePicture reads a progressive file without its last scans: what is
// there must be the high bits of what there was.
func TestCoarsePicture(t *testing.T) {
	c := synthetic(64, 64, gray, Gray)
	data, _ := rewrite(t, c, WriteOptions{Progressive: true})
	ends := scanEnds(data)
	script := c.script()
	if len(script) != len(ends) {
		t.Fatalf("%d scans, want %d", len(ends), len(script))
	}
	var bits [blockSize]int // low bits not yet there, 16 for none at all
	for k := range bits {
		bits[k] = 16
	}
	for i, end := range ends {
		for k := script[i].ss; k <= script[i].se; k++ {
			bits[k] = script[i].al
		}
		got := mustRead(t, append(data[:end:end], 0xFF, markerEOI))
		for b := range c.comps[0].nz {
			for k, v := range c.comps[0].block(b) {
				want := v >> bits[k] << bits[k]
				if k > 0 && v < 0 {
					want = -(-v >> bits[k] << bits[k])
				}
				if have := got.comps[0].block(b)[k]; have != want {
					t.Fatalf("after %d scans: block %d, coefficient %d is %d, want %d of %d", i+1, b, k, have, want, v)
				}
			}
		}
	}
}

// TestProgressiveIsNoLarger compares sizes: the point of the ten scans, besides
// showing something early, is a smaller file.
func TestProgressiveIsNoLarger(t *testing.T) {
	c := mustRead(t, encoded(t, 640, 480))
	sequential, _ := rewrite(t, c, WriteOptions{})
	progressive, _ := rewrite(t, c, WriteOptions{Progressive: true})
	if len(progressive) > len(sequential) {
		t.Errorf("progressive: %d bytes, sequential: %d", len(progressive), len(sequential))
	}
}

// TestBandErrors decodes blocks of progressive scans whose codes mean something
// impossible.
func TestBandErrors(t *testing.T) {
	s := &huffmanSpec{symbols: []uint8{0x01, 0x02, 0x50, 0x41}} // codes 00, 01, 10, 110
	s.counts[2], s.counts[3] = 3, 1
	table := newDecodeTable(s)
	first := func(ss, se, al int) *progressiveState {
		return &progressiveState{scanHeader: &scanHeader{ss: ss, se: se, al: al}}
	}
	tests := []struct {
		name string
		f    func(b *bitReader, part *scanPart, block int) error
		bits byte
		dc   int16
		want error
	}{
		{"DC in order", first(0, 0, 4).dcFirst, 0b00100000, 0, nil},
		{"DC too high", first(0, 0, 10).dcFirst, 0b00100000, 0, errDCRange},
		{"no such DC code", first(0, 0, 4).dcFirst, 0b11100000, 0, errNoCode},
		{"DC refined", first(0, 0, 4).dcRefine, 0b10000000, -1024, nil},
		{"DC refined too high", first(0, 0, 12).dcRefine, 0b10000000, 7, errDCRange},
		{"AC in order", first(1, 5, 9).acFirst, 0b00110000, 0, nil},
		{"AC of 11 bits", first(1, 5, 9).acFirst, 0b01100000, 0, errACRange},
		{"AC behind the band", first(2, 5, 0).acFirst, 0b11010000, 0, errPastEnd},
		{"no such AC code", first(1, 5, 9).acFirst, 0b11100000, 0, errNoCode},
		{"new AC of 11 bits", first(1, 5, 10).acRefine, 0b00100000, 0, errACRange},
		{"new AC of two bits", first(1, 5, 0).acRefine, 0b01100000, 0, ErrMalformed},
		{"new AC behind the band", first(2, 5, 0).acRefine, 0b11010000, 0, errPastEnd},
		{"no such refinement", first(1, 5, 0).acRefine, 0b11100000, 0, errNoCode},
	}
	for _, tt := range tests {
		p := blank(8, 8).comps[0]
		p.block(0)[0] = tt.dc
		b := &bitReader{data: append([]byte{tt.bits, 0b10101010}, make([]byte, 32)...)}
		if err := tt.f(b, &scanPart{p: &p, dc: table, ac: table}, 0); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestBandsInOrder builds files whose AC scans are coded well but stand where
// none may be.
func TestBandsInOrder(t *testing.T) {
	data, _ := rewrite(t, synthetic(16, 16, full, YCbCr), WriteOptions{Progressive: true})
	ends := scanEnds(data)
	sof := bytes.Index(data, []byte{0xFF, markerSOF2})
	dc := sof + 19 // where the tables of the first scan are
	// A table with one code, 0 for the end of the block, and enough zeros.
	table := append(append([]byte{0xFF, markerDHT, 0, 20, 0x10, 1}, make([]byte, 15)...), 0)
	band := func(head ...byte) []byte {
		return append(append(append(table[:len(table):len(table)], head...), make([]byte, 8)...), 0xFF, markerEOI)
	}
	one := band(0xFF, markerSOS, 0, 8, 1, 1, 0, 1, 5, 0)
	three := band(0xFF, markerSOS, 0, 12, 3, 1, 0, 2, 0, 3, 0, 1, 5, 0)
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"one component behind the DC", append(data[:ends[0]:ends[0]], one...), nil},
		{"three components behind the DC", append(data[:ends[0]:ends[0]], three...), ErrMalformed},
		{"one component before the DC", append(data[:dc:dc], one...), ErrMalformed},
	}
	for _, tt := range tests {
		if _, err := Read(tt.data, DefaultLimits()); !errors.Is(err, tt.want) {
			t.Errorf("%s: Read = %v, want %v", tt.name, err, tt.want)
		}
	}
}

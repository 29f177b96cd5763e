package jpegcoef

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// TestBitsThereAndBack writes numbers of all widths, many of them ones so that
// bytes must be stuffed, and reads them again.
func TestBitsThereAndBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	for round := range 200 {
		var out bytes.Buffer
		b := newBitWriter(&out)
		widths, values := make([]uint, 1+r.IntN(200)), make([]int32, 200)
		for i := range widths {
			widths[i] = uint(r.IntN(17))
			values[i] = int32(r.Uint32() & (1<<widths[i] - 1))
			if r.IntN(2) == 0 {
				values[i] = 1<<widths[i] - 1
			}
			b.put(uint32(values[i]), widths[i])
		}
		b.align()
		b.flush()
		for i := range out.Len() - 1 {
			if s := out.Bytes()[i:]; s[0] == 0xFF && s[1] != 0 {
				t.Fatalf("round %d: a marker FF%02X in the data", round, s[1])
			}
		}
		data := append(out.Bytes(), 0xFF, markerEOI)
		in := &bitReader{data: data}
		for i, w := range widths {
			if got := in.take(w); got != values[i] {
				t.Fatalf("round %d: number %d of %d bits is %d, want %d", round, i, w, got, values[i])
			}
		}
		if in.overrun() || in.left() != 0 {
			t.Fatalf("round %d: overrun=%v with %d bytes left, want false, 0", round, in.overrun(), in.left())
		}
		for in.n > in.fed { // the filling
			if in.take(1) != 1 {
				t.Fatalf("round %d: the last byte is not filled with ones", round)
			}
		}
		if in.take(1); !in.overrun() {
			t.Fatalf("round %d: reading behind the end goes unnoticed", round)
		}
	}
}

func TestBitReaderEnds(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want int // bytes before the end
		pos  int
	}{
		{"nothing", nil, 0, 0},
		{"bytes", []byte{1, 2, 3}, 3, 3},
		{"marker", []byte{1, 0xFF, 0xD9, 3}, 1, 1},
		{"marker behind fill bytes", []byte{1, 0xFF, 0xFF, 0xFF, 0xD0}, 1, 1},
		{"stuffed", []byte{0xFF, 0, 0xFF, 0, 7}, 3, 5},
		{"stuffed behind fill bytes", []byte{0xFF, 0xFF, 0, 7}, 2, 4},
		{"cut behind FF", []byte{9, 0xFF}, 1, 1},
		{"long", append(make([]byte, 40), 0xFF, 0xD9), 40, 40},
	}
	for _, tt := range tests {
		b, got := &bitReader{data: tt.data}, 0
		for range 60 {
			b.take(8)
			if b.overrun() {
				break
			}
			got++
		}
		if got != tt.want || b.pos != tt.pos {
			t.Errorf("%s: %d bytes, then at %d, want %d, %d", tt.name, got, b.pos, tt.want, tt.pos)
		}
	}
}

func TestExtend(t *testing.T) {
	for size := uint(1); size <= 11; size++ {
		for _, v := range []int32{-(1<<size - 1), -(1 << (size - 1)), 1 << (size - 1), 1<<size - 1} {
			if got := category(v); got != size {
				t.Errorf("category(%d) = %d, want %d", v, got, size)
			}
			bits := magnitude(v, size)
			b := &bitReader{data: []byte{byte(bits << (16 - size) >> 8), byte(bits << (16 - size)), 0, 0}}
			if b.data[0] == 0xFF || b.data[1] == 0xFF {
				b.data = bytes.ReplaceAll(b.data, []byte{0xFF}, []byte{0xFF, 0})
			}
			if got := b.extend(size); got != v {
				t.Errorf("%d in %d bits reads as %d", v, size, got)
			}
		}
	}
}

// TestAllCodeLengths decodes a table with a code of each length from 1 to 16,
// short ones by look-up and long ones by search.
func TestAllCodeLengths(t *testing.T) {
	s := &huffmanSpec{}
	for l := 1; l <= 16; l++ {
		s.counts[l] = 1
		s.symbols = append(s.symbols, uint8(l*15))
	}
	if !s.valid() {
		t.Fatal("the table is not valid")
	}
	dec, enc := newDecodeTable(s), newEncodeTable(s)
	for l := uint(1); l <= 16; l++ {
		size := l * 15 & 15
		code := enc[l*15] >> 8 >> size
		if whole := uint(enc[l*15] & 0xFF); whole != l+size {
			t.Errorf("symbol %d has a code of %d bits, want %d", l*15, whole-size, l)
		}
		for _, rest := range []uint64{0, 1<<(64-l) - 1} {
			got, n := dec.decode(code<<(64-l) | rest)
			if n != l || got != uint8(l*15) {
				t.Errorf("code of %d bits decodes to %d in %d bits, want %d", l, got, n, l*15)
			}
		}
	}
	if _, n := dec.decode(1<<64 - 1); n != 0 {
		t.Errorf("all ones decode in %d bits, want no code", n)
	}
}

func TestValidTables(t *testing.T) {
	tests := []struct {
		name   string
		counts map[int]int
		want   bool
	}{
		{"empty", nil, true},
		{"full at one bit", map[int]int{1: 2}, true},
		{"too many at one bit", map[int]int{1: 3}, false},
		{"nothing left below", map[int]int{1: 2, 16: 1}, false},
		{"full at eight bits", map[int]int{8: 256}, true},
		{"too many in two lengths", map[int]int{2: 3, 3: 3}, false},
		{"exactly in two lengths", map[int]int{2: 3, 3: 2}, true},
	}
	for _, tt := range tests {
		s := &huffmanSpec{}
		for l, n := range tt.counts {
			s.counts[l] = n
		}
		if got := s.valid(); got != tt.want {
			t.Errorf("%s: valid() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestBlockErrors decodes blocks whose codes mean something impossible.
func TestBlockErrors(t *testing.T) {
	one := func(symbols ...uint8) *decodeTable { // codes 00, 01, 10, 110
		s := &huffmanSpec{symbols: symbols}
		s.counts[2], s.counts[3] = 3, 1
		return newDecodeTable(s)
	}
	dc := one(0, 1, 11, 12)
	ac := one(0x00, 0xF1, 0x0B, 0xF0)
	tests := []struct {
		name string
		pred int32
		bits []byte
		want error
	}{
		{"DC of 12 bits", 0, []byte{0b11000000}, errDCRange},
		{"DC too high", 1023, []byte{0b01100000}, errDCRange},
		{"DC too low", -1024, []byte{0b01000000}, errDCRange},
		{"no such DC code", 0, []byte{0b11100000}, errNoCode},
		{"no such AC code", 0, []byte{0b00111000}, errNoCode},
		{"AC of 11 bits", 0, []byte{0b00100000}, errACRange},
		{"past the end", 0, []byte{0b00110110, 0b11001100}, errPastEnd},
	}
	for _, tt := range tests {
		b := &bitReader{data: append(tt.bits, make([]byte, 32)...)}
		var dst [blockSize]int16
		if _, _, err := b.block(&dst, dc, ac, tt.pred); !errors.Is(err, tt.want) {
			t.Errorf("%s: block = %v, want %v", tt.name, err, tt.want)
		}
		if b.overrun() {
			t.Errorf("%s: counts as cut short in the middle of data", tt.name)
		}
		b = &bitReader{data: tt.bits}
		_, _, err := b.block(&dst, dc, ac, tt.pred)
		if err == nil {
			t.Errorf("%s: block at the end of data = nil", tt.name)
		}
		if tt.want != errDCRange && !b.overrun() {
			t.Errorf("%s: at the end of data, not taken for one cut short", tt.name)
		}
	}
}

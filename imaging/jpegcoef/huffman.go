package jpegcoef

// lookBits is how many bits of a code are resolved by one look-up.
const lookBits = 11

// A look-up entry holds, from the lowest bit: 6 bits, how many bits it consumes;
// at bit 7 a flag, set when the magnitude bits are included; 8 bits symbol; 16
// bits value when the flag is set. An entry of 0 means a longer code, or none.
const (
	entryWhole  = 1 << 7
	entryLength = 0x3F
)

// huffmanSpec is a Huffman table as a DHT segment gives it, B.2.4.2.
type huffmanSpec struct {
	counts  [17]int // counts[i] codes have i bits
	symbols []uint8 // by rising code
	defined bool    // by a DHT segment
}

// valid reports whether the codes fit in their lengths, C.2.
func (s *huffmanSpec) valid() bool {
	code := 0
	for length := 1; length <= 16; length++ {
		code += s.counts[length]
		if code > 1<<length {
			return false
		}
		code <<= 1
	}
	return true
}

// decodeTable decodes the codes of one Huffman table.
type decodeTable struct {
	look    [1 << lookBits]uint32
	maxCode [17]int32 // largest code of each length, or -1, F.2.2.3
	offset  [17]int32 // index of a code's symbol, less the code
	symbols []uint8
}

// newDecodeTable prepares a valid table.
func newDecodeTable(s *huffmanSpec) *decodeTable {
	t := &decodeTable{symbols: s.symbols}
	code, k := int32(0), 0
	for length := 1; length <= 16; length++ {
		t.maxCode[length] = -1
		if n := s.counts[length]; n > 0 {
			t.offset[length] = int32(k) - code
			for range n {
				if length <= lookBits {
					t.enter(uint32(code), length, s.symbols[k])
				}
				code++
				k++
			}
			t.maxCode[length] = code - 1
		}
		code <<= 1
	}
	return t
}

// enter fills all look-up entries that start with this code.
func (t *decodeTable) enter(code uint32, length int, symbol uint8) {
	free := lookBits - length
	size := int(symbol & 15)
	for rest := range uint32(1) << free {
		e := uint32(symbol)<<8 | uint32(length)
		if size > 0 && size <= free {
			v := int32(rest >> (free - size))
			if v < 1<<(size-1) {
				v -= 1<<size - 1
			}
			e = uint32(uint16(int16(v)))<<16 | uint32(symbol)<<8 | entryWhole | uint32(length+size)
		}
		t.look[code<<free|rest] = e
	}
}

// decode returns the symbol whose code starts acc, and the length of the code; 0
// when there is none.
func (t *decodeTable) decode(acc uint64) (symbol uint8, length uint) {
	if e := t.look[acc>>(64-lookBits)]; e != 0 {
		if e&entryWhole == 0 {
			return uint8(e >> 8), uint(e & entryLength)
		}
		symbol = uint8(e >> 8)
		return symbol, uint(e&entryLength) - uint(symbol&15)
	}
	for l := 1; l <= 16; l++ {
		code := int32(acc >> (64 - l))
		if code <= t.maxCode[l] {
			return t.symbols[code+t.offset[l]], uint(l)
		}
	}
	return 0, 0
}

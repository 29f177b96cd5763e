package jpegcoef

import "encoding/binary"

// bitReader reads the entropy-coded bits of a scan, F.2.2.5: stuffed zero bytes
// are dropped, and a marker ends the data. Behind the end it gives zeros and
// counts them, so that the inner loops need no check; overrun tells afterwards.
type bitReader struct {
	data []byte
	pos  int    // next byte to load
	acc  uint64 // the next bits, highest first
	n    int    // how many bits of acc count
	fed  int    // how many of those were made up behind the end
	end  bool   // pos stands at a marker or at the end of data
}

// reset starts at the byte at pos with nothing loaded.
func (b *bitReader) reset(pos int) {
	*b = bitReader{data: b.data, pos: pos}
}

// overrun reports whether bits behind the end were consumed.
func (b *bitReader) overrun() bool { return b.n < b.fed }

// refill loads bits until at least 57 count.
func (b *bitReader) refill() {
	if b.pos+8 <= len(b.data) && !b.end {
		v := binary.BigEndian.Uint64(b.data[b.pos:])
		if !hasFF(v) {
			// Bits that do not fill a whole byte are loaded again, to the same
			// place, by the next refill.
			b.acc |= v >> b.n
			k := (64 - b.n) >> 3
			b.pos += k
			b.n += k << 3
			return
		}
	}
	for b.n <= 56 {
		c, ok := b.next()
		if !ok {
			b.fed += 8
		}
		b.acc |= uint64(c) << (56 - b.n)
		b.n += 8
	}
}

// next returns the next byte of data, or 0 and false at the end.
func (b *bitReader) next() (byte, bool) {
	if b.end || b.pos >= len(b.data) {
		b.end = true
		return 0, false
	}
	c := b.data[b.pos]
	if c != 0xFF {
		b.pos++
		return c, true
	}
	p := b.pos + 1
	for p < len(b.data) && b.data[p] == 0xFF { // fill bytes, B.1.1.2
		p++
	}
	if p < len(b.data) && b.data[p] == 0 {
		b.pos = p + 1
		return 0xFF, true
	}
	b.end = true
	return 0, false
}

// hasFF reports whether one of the eight bytes of v is 0xFF.
func hasFF(v uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	return (^v-ones)&v&highs != 0
}

// take returns the next s bits, 0 ≤ s ≤ 16.
func (b *bitReader) take(s uint) int32 {
	if b.n < 32 {
		b.refill()
	}
	v := int32(b.acc >> 1 >> (63 - s))
	b.acc <<= s
	b.n -= int(s)
	return v
}

// extend returns the next s bits, 1 ≤ s ≤ 16, as a signed magnitude, F.2.2.1.
func (b *bitReader) extend(s uint) int32 {
	v := b.take(s)
	if v < 1<<(s-1) {
		v -= 1<<s - 1
	}
	return v
}

// symbol decodes one Huffman symbol, or returns false when the bits are no code
// of t.
func (b *bitReader) symbol(t *decodeTable) (uint8, bool) {
	if b.n < 32 {
		b.refill()
	}
	sym, length := t.decode(b.acc)
	if length == 0 {
		_ = b.broken(b.n, nil)
		return 0, false
	}
	b.acc <<= length
	b.n -= int(length)
	return sym, true
}

// broken returns err with n bits left, less the longest code: what goes wrong so
// near the end goes wrong because the end is missing, and overrun will say so.
func (b *bitReader) broken(n int, err error) error {
	b.n = n - 16
	return err
}

// left returns how many bytes of data are loaded and not consumed, stuffed zero
// bytes included.
func (b *bitReader) left() int {
	p := b.pos
	for range max(0, b.n-b.fed) / 8 {
		p--
		if b.data[p] == 0 && b.data[p-1] == 0xFF {
			p--
		}
	}
	return b.pos - p
}

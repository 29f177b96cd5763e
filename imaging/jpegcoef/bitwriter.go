package jpegcoef

import (
	"encoding/binary"
	"io"
)

// encodeTable holds the code of each symbol: its bits, shifted left by 8, and its
// length. A symbol that was never counted has length 0.
type encodeTable [256]uint32

// newEncodeTable assigns codes to a table, C.2.
func newEncodeTable(s *huffmanSpec) *encodeTable {
	t := new(encodeTable)
	code, k := uint32(0), 0
	for length := 1; length <= 16; length++ {
		for range s.counts[length] {
			t[s.symbols[k]] = code<<8 | uint32(length)
			code++
			k++
		}
		code <<= 1
	}
	return t
}

// chunk is how many bytes a bitWriter gathers before it writes them.
const chunk = 64 << 10

// bitWriter writes bytes and entropy-coded bits. The first error sticks.
type bitWriter struct {
	w   io.Writer
	buf []byte
	acc uint64 // bits not yet in buf, highest first
	n   uint   // how many; at most 31 between calls
	err error
}

// put appends the low length bits of v, of which no others may be set; length is
// at most 32.
func (b *bitWriter) put(v uint32, length uint) {
	b.acc |= uint64(v) << (64 - b.n - length)
	b.n += length
	if b.n >= 32 {
		b.spill()
	}
}

// spill moves 32 bits to buf and stuffs a zero byte after each 0xFF, F.1.2.3.
func (b *bitWriter) spill() {
	word := uint32(b.acc >> 32)
	b.acc <<= 32
	b.n -= 32
	if hasFF(uint64(word)) {
		for shift := 24; shift >= 0; shift -= 8 {
			b.stuffed(byte(word >> shift))
		}
	} else {
		b.buf = binary.BigEndian.AppendUint32(b.buf, word)
	}
	if len(b.buf) >= chunk {
		b.flush()
	}
}

func (b *bitWriter) stuffed(c byte) {
	b.buf = append(b.buf, c)
	if c == 0xFF {
		b.buf = append(b.buf, 0)
	}
}

// align ends the entropy-coded data of a scan: the last byte is filled with
// ones, F.1.2.3.
func (b *bitWriter) align() {
	if fill := (8 - b.n&7) & 7; fill > 0 {
		b.put(1<<fill-1, fill)
	}
	for ; b.n > 0; b.n -= 8 {
		b.stuffed(byte(b.acc >> 56))
		b.acc <<= 8
	}
}

// bytes appends bytes outside entropy-coded data.
func (b *bitWriter) bytes(p ...byte) { b.buf = append(b.buf, p...) }

// segment appends a whole segment.
func (b *bitWriter) segment(marker byte, body ...byte) {
	n := len(body) + 2
	b.bytes(0xFF, marker, byte(n>>8), byte(n))
	b.bytes(body...)
}

// flush hands what is gathered to w.
func (b *bitWriter) flush() {
	if b.err == nil && len(b.buf) > 0 {
		_, b.err = b.w.Write(b.buf)
	}
	b.buf = b.buf[:0]
}

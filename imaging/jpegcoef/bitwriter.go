package jpegcoef

import (
	"encoding/binary"
	"io"
)

// encodeTable holds, for each symbol, its code with room behind it for the magnitude bits that the symbol
// announces (its low four bits), shifted left by 8, and in the low byte how many bits both have together. A symbol
// that was never counted is 0.
type encodeTable [256]uint64

// newEncodeTable assigns codes to a table, C.2.
func newEncodeTable(s *huffmanSpec) *encodeTable {
	t := new(encodeTable)
	code, k := uint64(0), 0
	for length := 1; length <= 16; length++ {
		for range s.counts[length] {
			size := s.symbols[k] & 15
			t[s.symbols[k]] = code<<size<<8 | uint64(length+int(size))
			code++
			k++
		}
		code <<= 1
	}
	return t
}

const (
	// chunk is how many bytes a bitWriter gathers before it writes them.
	chunk = 64 << 10
	// blockRoom is more than a block can take: 64 symbols of 27 bits, each byte with a stuffed one, and whole words.
	blockRoom = 1 << 10
)

// bitWriter writes bytes and entropy-coded bits. The first error sticks.
type bitWriter struct {
	w   io.Writer
	buf []byte
	acc uint64 // bits not yet in buf, highest first
	n   uint   // how many; at most 31 between calls
	err error
}

func newBitWriter(w io.Writer) *bitWriter {
	return &bitWriter{w: w, buf: make([]byte, 0, chunk+4*blockRoom)}
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
	at := len(b.buf)
	b.buf = b.buf[:at+8]
	b.buf = b.buf[:at+stuff(b.buf[at:], uint32(b.acc>>32))]
	b.acc <<= 32
	b.n -= 32
	if len(b.buf) >= chunk {
		b.flush()
	}
}

// stuff puts four bytes into buf, at least 8 long, with a zero behind each 0xFF, and returns how many that makes.
func stuff(buf []byte, word uint32) int {
	if !hasFF(uint64(word)) {
		binary.BigEndian.PutUint32(buf, word)
		return 4
	}
	n := 0
	for shift := 24; shift >= 0; shift -= 8 {
		buf[n] = byte(word >> shift)
		n++
		if buf[n-1] == 0xFF {
			buf[n] = 0
			n++
		}
	}
	return n
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
func (b *bitWriter) bytes(p ...byte) {
	b.buf = append(b.buf, p...)
	if len(b.buf) >= chunk {
		b.flush()
	}
}

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

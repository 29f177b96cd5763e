//go:build !js

package imaging

import "encoding/binary"

// The checker's own walk over entropy-coded data (T.81 F.2.2). It keeps no coefficient: it only follows the
// codes to see that a scan holds exactly its blocks, that its padding is ones, that its restart markers count, and
// that each symbol a table defines occurs, so that nothing can ride along.

// codeTable is a Huffman table as a list of codes by length (T.81 annex C).
type codeTable struct {
	first  [17]int32 // first code of each length
	count  [17]int32
	offset [17]int32 // where the symbols of each length start
	symbol []byte
	fast   [256]uint16 // by the next 8 bits: length << 8 | index of the symbol, 0 when longer
	quick  [1 << quickBits]uint32
	used   [256]bool // by index
}

// quickBits is how many bits choose an entry of quick, which tells all that is needed to pass over a coefficient:
// index of the symbol << 16 | places to advance, 0 at an end of block << 8 | bits of code and value together. It is
// 0 for longer codes.
const quickBits = 11

// checkHuffman reads Huffman tables (T.81 B.2.4.2).
func (g *grammar) checkHuffman(b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 {
			return refuse("code table")
		}
		class, id := b[0]>>4, b[0]&15
		if class > 1 || id > 3 || g.huff[4*class+id] != nil {
			return refuse("code table")
		}
		t := &codeTable{}
		code, total := int32(0), int32(0)
		for l := 1; l <= 16; l++ {
			n := int32(b[l])
			t.first[l], t.count[l], t.offset[l] = code, n, total
			code, total = (code+n)<<1, total+n
			if code > 2<<l {
				return refuse("code table with too many codes")
			}
		}
		if total == 0 || total > 256 || len(b) < 17+int(total) {
			return refuse("code table")
		}
		t.symbol = b[17 : 17+total]
		if err := t.prepare(class == 0, g.pic.progressive); err != nil {
			return err
		}
		g.huff[4*class+id] = t
		b = b[17+total:]
	}
	return nil
}

// prepare checks the symbols, which must be ones that 8-bit pictures use and each at most once (T.81 F.1.2; in
// progressive frames G.1.2.2 adds runs of ended blocks), and fills the fast table.
func (t *codeTable) prepare(dc, progressive bool) error {
	var seen [256]bool
	for _, s := range t.symbol {
		size, run := s&15, s>>4
		if seen[s] || (dc && s > 11) || (!dc && (size > 10 || (size == 0 && run != 0 && run != 15 && !progressive))) {
			return refuse("code table symbol")
		}
		seen[s] = true
	}
	for l := int32(1); l <= 8; l++ {
		for i := range t.count[l] {
			base := (t.first[l] + i) << (8 - l)
			for j := range int32(1) << (8 - l) {
				t.fast[base+j] = uint16(l)<<8 | uint16(t.offset[l]+i)
			}
		}
	}
	t.prepareQuick()
	return nil
}

func (t *codeTable) prepareQuick() {
	for l := int32(1); l <= quickBits; l++ {
		for i := range t.count[l] {
			index := t.offset[l] + i
			s := t.symbol[index]
			e := uint32(index)<<16 | uint32(s>>4+1)<<8 | uint32(l) + uint32(s&15)
			if s == 0 {
				e &^= 0xff << 8
			}
			base := (t.first[l] + i) << (quickBits - l)
			for j := range int32(1) << (quickBits - l) {
				t.quick[base+j] = e
			}
		}
	}
}

// allUsed reports whether each symbol has occurred.
func (t *codeTable) allUsed() bool {
	for i := range t.symbol {
		if !t.used[i] {
			return false
		}
	}
	return true
}

// bits reads a scan. A stuffed zero after 0xff is dropped, any other marker ends the bits (T.81 F.2.2.5).
type bits struct {
	data  []byte
	at    int
	acc   uint64
	n     uint // valid low bits of acc
	ended bool
}

// fill tops up to at least 32 bits, as far as there are any: eight bytes at once where none of them is 0xff.
func (b *bits) fill() {
	if b.at+8 <= len(b.data) && !b.ended {
		v := binary.BigEndian.Uint64(b.data[b.at:])
		if (^v-0x0101010101010101)&v&0x8080808080808080 == 0 {
			whole := (64 - b.n) / 8
			b.acc = b.acc<<(8*whole) | v>>(64-8*whole)
			b.at += int(whole)
			b.n += 8 * whole
			return
		}
	}
	for b.n <= 48 && !b.ended {
		if b.at >= len(b.data) {
			b.ended = true
			return
		}
		c := b.data[b.at]
		if c == 0xff {
			if b.at+1 >= len(b.data) || b.data[b.at+1] != 0 {
				b.ended = true
				return
			}
			b.at++
		}
		b.at++
		b.acc = b.acc<<8 | uint64(c)
		b.n += 8
	}
}

// symbol reads one code and the bits of the value that follows it (T.81 F.1.2.1, F.1.2.2). It reports false at
// the end or on a bad code.
func (b *bits) symbol(t *codeTable, dc bool) (symbol byte, value int32, ok bool) {
	if b.n < 32 {
		b.fill()
	}
	index, length := int32(-1), uint(0)
	if b.n >= 8 {
		if f := t.fast[byte(b.acc>>(b.n-8))]; f != 0 {
			index, length = int32(f&255), uint(f>>8)
		}
	}
	for l := uint(1); index < 0 && l <= 16; l++ {
		if l > b.n {
			return 0, 0, false
		}
		code := int32(b.acc >> (b.n - l) & (1<<l - 1))
		if code-t.first[l] < t.count[l] && code >= t.first[l] {
			index, length = t.offset[l]+code-t.first[l], l
		}
	}
	if index < 0 {
		return 0, 0, false
	}
	s := t.symbol[index]
	t.used[index] = true
	size := uint(s & 15)
	if dc {
		size = uint(s)
	}
	if length+size > b.n {
		return 0, 0, false
	}
	b.n -= length + size
	value = int32(b.acc >> b.n & (1<<size - 1))
	if size > 0 && value < 1<<(size-1) {
		value -= 1<<size - 1 // the lower half of a category is negative (F.2.2.1, EXTEND)
	}
	return s, value, true
}

// take reads up to 32 bits.
func (b *bits) take(size uint) (value uint32, ok bool) {
	if b.n < 32 {
		b.fill()
	}
	if size > b.n {
		return 0, false
	}
	b.n -= size
	return uint32(b.acc >> b.n & (1<<size - 1)), true
}

// align ends an interval: fewer than 8 bits may be left, all ones (T.81 F.1.2.3).
func (b *bits) align() bool {
	b.fill()
	ok := b.n < 8 && b.acc&(1<<b.n-1) == 1<<b.n-1
	b.n, b.acc, b.ended = 0, 0, false
	return ok
}

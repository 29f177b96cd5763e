package jpegcoef

import "math/bits"

// scanSpec is a scan to write: which components, which coefficients, which bits.
type scanSpec struct {
	comps          []int
	ss, se, ah, al int
}

// together returns scans that carry all components: one interleaved scan, or one
// each where their blocks are too many for an MCU, B.2.3.
func (c *Coefficients) together(s scanSpec) []scanSpec {
	all, blocks := make([]int, len(c.comps)), 0
	for i := range c.comps {
		all[i] = i
		blocks += c.comps[i].h * c.comps[i].v
	}
	if blocks <= maxMCUBlocks {
		s.comps = all
		return []scanSpec{s}
	}
	var each []scanSpec
	for i := range all {
		one := s
		one.comps = all[i : i+1]
		each = append(each, one)
	}
	return each
}

// tableOf returns which Huffman tables a component uses: chroma has its own.
func (c *Coefficients) tableOf(comp int) int {
	if c.transform == YCbCr && comp > 0 {
		return 1
	}
	return 0
}

// writeSequential writes the coefficients in sequential scans, F.1.
func (c *Coefficients) writeSequential(b *bitWriter) {
	for _, s := range c.together(scanSpec{se: blockSize - 1}) {
		var dc, ac [2]histogram
		c.eachDC(s.comps, func(ci, block int, diff int32) {
			t, p := c.tableOf(ci), &c.comps[ci]
			dc[t][category(diff)]++
			ac[t].block(p.block(block), p.nz[block])
		})
		var dcTables, acTables [2]*encodeTable
		for t := range 2 {
			if c.uses(s.comps, t) {
				dcTables[t] = b.huffman(0, t, &dc[t])
				acTables[t] = b.huffman(1, t, &ac[t])
			}
		}
		b.scanHeader(c, s)
		c.eachDC(s.comps, func(ci, block int, diff int32) {
			t, p := c.tableOf(ci), &c.comps[ci]
			b.dc(dcTables[t], diff)
			b.block(acTables[t], p.block(block), p.nz[block])
		})
		b.align()
	}
}

// uses reports whether one of the components uses Huffman table t.
func (c *Coefficients) uses(comps []int, t int) bool {
	for _, ci := range comps {
		if c.tableOf(ci) == t {
			return true
		}
	}
	return false
}

// eachDC visits the blocks of a scan with the difference of each DC to the one
// before it in its component, F.1.1.5.1.
func (c *Coefficients) eachDC(comps []int, f func(ci, block int, diff int32)) {
	c.eachDCShifted(comps, 0, f)
}

// eachDCShifted is eachDC for a scan without the low al bits, G.1.2.1.
func (c *Coefficients) eachDCShifted(comps []int, al int, f func(ci, block int, diff int32)) {
	var pred [3]int32
	// Neither function given here returns an error.
	_ = c.eachBlock(comps, func(int) error { return nil }, func(s, block int) error {
		ci := comps[s]
		dc := int32(c.comps[ci].coef[block*blockSize]) >> al
		f(ci, block, dc-pred[s])
		pred[s] = dc
		return nil
	})
}

// huffman writes the best table for a histogram, B.2.4.2, and returns its codes.
func (b *bitWriter) huffman(class, id int, h *histogram) *encodeTable {
	s := h.optimal()
	body := []byte{byte(class<<4 | id)}
	for _, n := range s.counts[1:] {
		body = append(body, byte(n))
	}
	b.segment(markerDHT, append(body, s.symbols...)...)
	return newEncodeTable(s)
}

// scanHeader writes a scan header, B.2.3.
func (b *bitWriter) scanHeader(c *Coefficients, s scanSpec) {
	body := []byte{byte(len(s.comps))}
	for _, ci := range s.comps {
		t := byte(c.tableOf(ci))
		tables := t<<4 | t
		switch { // a table that the scan does not use is named 0
		case s.se == 0 && s.ah != 0:
			tables = 0
		case s.se == 0:
			tables &= 0xF0
		case s.ss > 0:
			tables &= 0x0F
		}
		body = append(body, c.comps[ci].id, tables)
	}
	b.segment(markerSOS, append(body, byte(s.ss), byte(s.se), byte(s.ah<<4|s.al))...)
}

// category returns how many bits the magnitude of v has, table F.1.
func category(v int32) uint {
	return uint(bits.Len32(uint32(max(v, -v))))
}

// magnitude returns the low size bits that stand for v, F.1.2.1.
func magnitude(v int32, size uint) uint32 {
	return uint32(v+v>>31) & (1<<size - 1)
}

// block counts the AC symbols of a block, F.1.2.2.
func (h *histogram) block(coef *[blockSize]int16, nz uint64) {
	last := 0
	for ; nz != 0; nz &= nz - 1 {
		k := bits.TrailingZeros64(nz) & 63
		run := k - last - 1
		for ; run > 15; run -= 16 {
			h[0xF0]++
		}
		h[uint8(run<<4)|uint8(category(int32(coef[k])))]++
		last = k
	}
	if last < blockSize-1 {
		h[0]++
	}
}

// dc writes a DC difference, F.1.2.1.
func (b *bitWriter) dc(t *encodeTable, diff int32) {
	size := category(diff)
	code := t[size]
	b.put(code>>8<<size|magnitude(diff, size), uint(code&0xFF)+size)
}

// block writes the AC coefficients of a block, F.1.2.2.
func (b *bitWriter) block(t *encodeTable, coef *[blockSize]int16, nz uint64) {
	last := 0
	for ; nz != 0; nz &= nz - 1 {
		k := bits.TrailingZeros64(nz) & 63
		run := k - last - 1
		for ; run > 15; run -= 16 {
			b.put(t[0xF0]>>8, uint(t[0xF0]&0xFF))
		}
		v := int32(coef[k])
		size := category(v)
		code := t[uint8(run<<4)|uint8(size)]
		b.put(code>>8<<size|magnitude(v, size), uint(code&0xFF)+size)
		last = k
	}
	if last < blockSize-1 {
		b.put(t[0]>>8, uint(t[0]&0xFF))
	}
}

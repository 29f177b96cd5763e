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

// writeSequential writes the coefficients in sequential scans, F.1: once over them to count the symbols, once to
// write them in their best codes.
func (c *Coefficients) writeSequential(b *bitWriter) {
	for _, s := range c.together(scanSpec{se: blockSize - 1}) {
		var dc [2]histogram
		var ac [2]pairHistogram
		c.eachDC(s.comps, 0, func(p *component, t, block int, diff int32) {
			dc[t][valueBits[diff&valueMask]&15]++
			ac[t].block(p.block(block), p.nz[block])
		})
		var dcTables, acTables [2]*encodeTable
		for t := range 2 {
			if c.uses(s.comps, t) {
				dcTables[t] = b.huffman(0, t, &dc[t])
				acTables[t] = b.huffman(1, t, ac[t].sum())
			}
		}
		b.scanHeader(c, s)
		c.eachDC(s.comps, 0, func(p *component, t, block int, diff int32) {
			b.block(dcTables[t], acTables[t], diff, p.block(block), p.nz[block])
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

// eachDC visits the blocks of a scan in its order, A.2.2 and A.2.3, with the Huffman table of each and the
// difference of each DC, less its low al bits, to the one before it in its component, F.1.1.5.1 and G.1.2.1.
func (c *Coefficients) eachDC(comps []int, al int, f func(p *component, t, block int, diff int32)) {
	if len(comps) == 1 {
		p, t, pred := &c.comps[comps[0]], c.tableOf(comps[0]), int32(0)
		for y := range p.realH {
			for block := y * p.blocksW; block < y*p.blocksW+p.realW; block++ {
				dc := int32(p.coef[block*blockSize]) >> al
				f(p, t, block, dc-pred)
				pred = dc
			}
		}
		return
	}
	var pred [3]int32
	for my := range c.mcusH {
		for mx := range c.mcusW {
			for s, ci := range comps {
				p, t := &c.comps[ci], c.tableOf(ci)
				for v := range p.v {
					block := (my*p.v+v)*p.blocksW + mx*p.h
					for end := block + p.h; block < end; block++ {
						dc := int32(p.coef[block*blockSize]) >> al
						f(p, t, block, dc-pred[s])
						pred[s] = dc
					}
				}
			}
		}
	}
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

// valueBits holds, for each value from -2048 to 2047 taken by its low 12 bits, what category and magnitude say: the
// category in the low 4 bits, the bits of the magnitude above them.
var valueBits = func() (t [valueMask + 1]uint16) {
	for v := int32(-2047); v <= 2047; v++ {
		size := category(v)
		t[v&valueMask] = uint16(magnitude(v, size)<<4) | uint16(size)
	}
	return t
}()

const valueMask = 1<<12 - 1

// pairHistogram counts in two places in turn, so that one symbol many times in a row need not wait for itself.
type pairHistogram [2]histogram

func (h *pairHistogram) sum() *histogram {
	for i, n := range h[1] {
		h[0][i] += n
	}
	h[1] = histogram{}
	return &h[0]
}

// block counts the AC symbols of a block, F.1.2.2.
func (h *pairHistogram) block(coef *[blockSize]int16, nz uint64) {
	last := 0
	for ; nz != 0; nz &= nz - 1 {
		k := bits.TrailingZeros64(nz) & 63
		run := k - last - 1
		for ; run > 15; run -= 16 {
			h[0][0xF0]++
		}
		h[k&1][uint8(run<<4)|uint8(valueBits[int(coef[k])&valueMask]&15)]++
		last = k
	}
	if last < blockSize-1 {
		h[0][0]++
	}
}

// dc writes a DC difference, F.1.2.1.
func (b *bitWriter) dc(t *encodeTable, diff int32) {
	e, v := valueBits[diff&valueMask], t[valueBits[diff&valueMask]&15]
	b.put(uint32(v>>8)|uint32(e>>4), uint(v&0xFF))
}

// block writes a DC difference and the AC coefficients of a block, F.1.2. It keeps the bits in registers until 32
// are whole, as put and spill do.
func (b *bitWriter) block(dc, ac *encodeTable, diff int32, coef *[blockSize]int16, nz uint64) {
	if len(b.buf) > chunk {
		b.flush()
	}
	buf, at := b.buf[:chunk+blockRoom], len(b.buf)
	d := valueBits[diff&valueMask]
	e := dc[d&15]
	n := b.n + uint(e&0xFF)
	acc := b.acc | (e>>8|uint64(d>>4))<<(64-n)
	last := 0
	for ; nz != 0; nz &= nz - 1 {
		if n >= 32 {
			at += stuff(buf[at:], uint32(acc>>32))
			acc <<= 32
			n -= 32
		}
		k := bits.TrailingZeros64(nz) & 63
		run := k - last - 1
		for ; run > 15; run -= 16 {
			n += uint(ac[0xF0] & 0xFF)
			acc |= ac[0xF0] >> 8 << (64 - n)
			if n >= 32 {
				at += stuff(buf[at:], uint32(acc>>32))
				acc <<= 32
				n -= 32
			}
		}
		d := valueBits[int(coef[k])&valueMask]
		e := ac[uint8(run<<4)|uint8(d&15)]
		n += uint(e & 0xFF)
		acc |= (e>>8 | uint64(d>>4)) << ((64 - n) & 63)
		last = k
	}
	for range 2 {
		if n >= 32 {
			at += stuff(buf[at:], uint32(acc>>32))
			acc <<= 32
			n -= 32
		}
		if last < blockSize-1 {
			n += uint(ac[0] & 0xFF)
			acc |= ac[0] >> 8 << (64 - n)
			last = blockSize
		}
	}
	b.buf, b.acc, b.n = buf[:at], acc, n
}

package jpegcoef

import "math/bits"

// writeProgressive writes the coefficients in progressive scans, annex G: a
// coarse picture first, then the bits that are missing.
func (c *Coefficients) writeProgressive(b *bitWriter) {
	for _, s := range c.script() {
		switch {
		case s.ss > 0:
			c.writeBand(b, s)
		case s.ah == 0:
			c.writeDC(b, s)
		default:
			b.scanHeader(c, s)
			_ = c.eachBlock(s.comps, func(int) error { return nil }, func(i, block int) error {
				dc := c.comps[s.comps[i]].coef[block*blockSize]
				b.put(uint32(dc>>s.al)&1, 1)
				return nil
			})
			b.align()
		}
	}
}

// script returns the scans of a progressive file: the first component gets its
// low frequencies early and its last bits late, the others follow in between.
func (c *Coefficients) script() []scanSpec {
	others := func(s scanSpec) (each []scanSpec) {
		for i := len(c.comps) - 1; i > 0; i-- {
			s.comps = []int{i}
			each = append(each, s)
		}
		return each
	}
	first := []int{0}
	scans := c.together(scanSpec{al: 1})
	scans = append(scans, scanSpec{comps: first, ss: 1, se: 5, al: 2})
	scans = append(scans, others(scanSpec{ss: 1, se: 63, al: 1})...)
	scans = append(scans,
		scanSpec{comps: first, ss: 6, se: 63, al: 2},
		scanSpec{comps: first, ss: 1, se: 63, ah: 2, al: 1})
	scans = append(scans, c.together(scanSpec{ah: 1})...)
	scans = append(scans, others(scanSpec{ss: 1, se: 63, ah: 1})...)
	return append(scans, scanSpec{comps: first, ss: 1, se: 63, ah: 1})
}

// writeDC writes the first scan of the DC coefficients, G.1.2.1.
func (c *Coefficients) writeDC(b *bitWriter, s scanSpec) {
	var counts [2]histogram
	c.eachDC(s.comps, s.al, func(_ *component, t, _ int, diff int32) {
		counts[t][valueBits[diff&valueMask]&15]++
	})
	var tables [2]*encodeTable
	for t := range tables {
		if c.uses(s.comps, t) {
			tables[t] = b.huffman(0, t, &counts[t])
		}
	}
	b.scanHeader(c, s)
	c.eachDC(s.comps, s.al, func(_ *component, t, _ int, diff int32) {
		b.dc(tables[t], diff)
	})
	b.align()
}

// writeBand writes a scan of AC coefficients: once to count the symbols, once
// with their best codes.
func (c *Coefficients) writeBand(b *bitWriter, s scanSpec) {
	p, t := &c.comps[s.comps[0]], c.tableOf(s.comps[0])
	var counts histogram
	counting := &bandWriter{scanSpec: s, counts: &counts}
	counting.blocks(p)
	writing := &bandWriter{scanSpec: s, table: b.huffman(1, t, &counts), b: b}
	b.scanHeader(c, s)
	writing.blocks(p)
	b.align()
}

// bandWriter turns the blocks of a band into symbols, G.1.2.2 and G.1.2.3. It
// counts them while it has no bitWriter.
type bandWriter struct {
	scanSpec
	counts *histogram
	table  *encodeTable
	b      *bitWriter

	run     int    // blocks of which nothing more comes
	pending []byte // correction bits of the blocks in run
	bits    []byte // correction bits since the last symbol of this block
}

const (
	// maxRun is the longest end-of-band run, table G.1.
	maxRun = 1<<15 - 1
	// maxPending bounds the correction bits that wait for the end of a run.
	maxPending = 1 << 10
)

func (w *bandWriter) blocks(p *component) {
	band := uint64(1)<<w.ss - 1
	band = ^band << (63 - w.se) >> (63 - w.se)
	for y := range p.realH {
		for x := range p.realW {
			i := y*p.blocksW + x
			if w.ah == 0 {
				w.first(p.block(i), p.nz[i]&band)
			} else {
				w.refine(p.block(i), p.nz[i]&band)
			}
		}
	}
	w.endRun()
}

// symbol emits a symbol and the size bits behind it.
func (w *bandWriter) symbol(s uint8, extra uint32, size uint) {
	if w.b == nil {
		w.counts[s]++
		return
	}
	code := w.table[s] // made for the magnitude bits that s announces
	w.b.put(uint32(code>>8>>(s&15)<<size)|extra, uint(code&0xFF)-uint(s&15)+size)
}

// corrections emits correction bits.
func (w *bandWriter) corrections(list []byte) {
	if w.b == nil {
		return
	}
	for _, bit := range list {
		w.b.put(uint32(bit), 1)
	}
}

// endRun emits the end-of-band run so far.
func (w *bandWriter) endRun() {
	if w.run == 0 {
		return
	}
	size := uint(bits.Len(uint(w.run)) - 1)
	w.symbol(uint8(size<<4), uint32(w.run)-1<<size, size)
	w.corrections(w.pending)
	w.run, w.pending = 0, w.pending[:0]
}

// first emits a block of the first scan of a band.
func (w *bandWriter) first(coef *[blockSize]int16, nz uint64) {
	last := w.ss - 1
	for ; nz != 0; nz &= nz - 1 {
		k := bits.TrailingZeros64(nz) & 63
		v := int32(coef[k])
		v = (v + v>>31&(1<<w.al-1)) >> w.al // rounds toward zero, G.1.2.2
		if v == 0 {
			continue
		}
		w.endRun()
		run := k - last - 1
		for ; run > 15; run -= 16 {
			w.symbol(0xF0, 0, 0)
		}
		size := category(v)
		w.symbol(uint8(run<<4)|uint8(size), magnitude(v, size), size)
		last = k
	}
	if last < w.se {
		w.run++
		if w.run == maxRun {
			w.endRun()
		}
	}
}

// refine emits a block of a later scan of a band.
func (w *bandWriter) refine(coef *[blockSize]int16, nz uint64) {
	newest := 0 // the last coefficient that this scan makes other than zero
	for m := nz; m != 0; m &= m - 1 {
		k := bits.TrailingZeros64(m) & 63
		if abs(coef[k])>>w.al == 1 {
			newest = k
		}
	}
	zeros, next := 0, w.ss
	w.bits = w.bits[:0]
	for ; nz != 0; nz &= nz - 1 {
		k := bits.TrailingZeros64(nz) & 63
		v := abs(coef[k]) >> w.al
		if v == 0 {
			continue
		}
		zeros += k - next
		next = k + 1
		for zeros > 15 && k <= newest {
			w.withBits(0xF0, 0, 0)
			zeros -= 16
		}
		if v > 1 {
			w.bits = append(w.bits, byte(v&1))
			continue
		}
		w.withBits(uint8(zeros<<4)|1, uint32(^coef[k]>>15)&1, 1)
		zeros = 0
	}
	if zeros += w.se + 1 - next; zeros > 0 || len(w.bits) > 0 {
		w.run++
		w.pending = append(w.pending, w.bits...)
		if w.run == maxRun || len(w.pending) > maxPending {
			w.endRun()
		}
	}
}

// withBits ends the run, emits a symbol, and behind it the correction bits of
// the coefficients it steps over.
func (w *bandWriter) withBits(s uint8, extra uint32, size uint) {
	w.endRun()
	w.symbol(s, extra, size)
	w.corrections(w.bits)
	w.bits = w.bits[:0]
}

func abs(v int16) int16 { return max(v, -v) }

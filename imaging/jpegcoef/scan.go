package jpegcoef

// scanHeader is a parsed SOS segment, B.2.3.
type scanHeader struct {
	comps          []int // indexes into the components
	parts          []scanPart
	ss, se, ah, al int
}

// scanPart is what a scan keeps for each of its components.
type scanPart struct {
	p      *component
	dc, ac *decodeTable
	pred   int32
}

// scan reads a scan header and the scan behind it.
func (d *decoder) scan(body []byte) error {
	if len(d.c.comps) == 0 {
		return malformed("a scan before the frame", "B.2.1")
	}
	d.scanCount++
	d.scanWork += int64(d.c.width) * int64(d.c.height)
	if d.scanCount > d.lim.MaxScans || d.scanWork > d.lim.MaxScanWork {
		return tooLarge("more scans than allowed")
	}
	h, err := d.scanHeader(body)
	if err != nil {
		return err
	}
	if err := d.advance(h); err != nil {
		return err
	}
	for _, part := range h.parts {
		if err := d.prepare(part.p); err != nil {
			return err
		}
	}
	if d.c.progressive {
		return d.progressiveScan(h)
	}
	return d.sequentialScan(h)
}

// scanHeader parses an SOS segment and finds the Huffman tables that the scan
// uses.
func (d *decoder) scanHeader(body []byte) (*scanHeader, error) {
	if len(body) < 1 || body[0] < 1 || int(body[0]) > len(d.c.comps) || len(body) != 4+2*int(body[0]) {
		return nil, malformed("scan header of a wrong length", "B.2.3")
	}
	h, n, blocks := new(scanHeader), int(body[0]), 0
	tail := body[1+2*n:]
	h.ss, h.se, h.ah, h.al = int(tail[0]), int(tail[1]), int(tail[2]>>4), int(tail[2]&15)
	if !d.c.progressive {
		// Sequential scans have one possible content; encoders that write
		// something else here mean the same.
		h.ss, h.se, h.ah, h.al = 0, blockSize-1, 0, 0
	}
	if err := h.checkBand(n); err != nil {
		return nil, err
	}
	built := make(map[*huffmanSpec]*decodeTable)
	for i := range n {
		ci := d.componentByID(body[1+2*i])
		for _, seen := range h.comps {
			if seen == ci {
				ci = -1
			}
		}
		if ci < 0 {
			return nil, malformed("scan of a component that is not there", "B.2.3")
		}
		part := scanPart{p: &d.c.comps[ci]}
		blocks += part.p.h * part.p.v
		if err := d.chooseTables(h, &part, body[2+2*i], built); err != nil {
			return nil, err
		}
		h.comps, h.parts = append(h.comps, ci), append(h.parts, part)
	}
	if n > 1 && blocks > maxMCUBlocks {
		return nil, malformed("MCU of more than ten blocks", "B.2.3")
	}
	return h, nil
}

// checkBand checks which coefficients, and which bits of them, a scan of n
// components may carry, B.2.3 and G.1.1.1.
func (h *scanHeader) checkBand(n int) error {
	switch {
	case h.se >= blockSize || h.ss > h.se || h.al > 13,
		h.ah != 0 && h.ah != h.al+1:
		return malformed("spectral selection that cannot be", "table B.3")
	case h.ss > 0 && n != 1:
		return malformed("AC scan of several components", "G.1.1.1.1")
	}
	return nil
}

func (d *decoder) componentByID(id uint8) int {
	for i := range d.c.comps {
		if d.c.comps[i].id == id {
			return i
		}
	}
	return -1
}

// chooseTables finds the Huffman tables for one component of a scan.
func (d *decoder) chooseTables(h *scanHeader, part *scanPart, sel byte, built map[*huffmanSpec]*decodeTable) error {
	td, ta := sel>>4, sel&15
	if td > 3 || ta > 3 {
		return malformed("Huffman table that cannot be", "table B.3")
	}
	build := func(s *huffmanSpec) (*decodeTable, error) {
		if !s.defined {
			return nil, malformed("Huffman table that is not there", "B.2.4.2")
		}
		if built[s] == nil {
			built[s] = newDecodeTable(s)
		}
		return built[s], nil
	}
	var err error
	if h.ss == 0 && h.ah == 0 {
		if part.dc, err = build(&d.huffman[0][td]); err != nil {
			return err
		}
	}
	if h.se > 0 {
		part.ac, err = build(&d.huffman[1][ta])
	}
	return err
}

// advance checks that a scan comes in its turn and records it, G.1.1.1.1: each
// coefficient has one first scan, then each lower bit in order, and no AC comes
// before its DC.
func (d *decoder) advance(h *scanHeader) error {
	for _, ci := range h.comps {
		p := &d.progress[ci]
		if h.ss > 0 && p[0] == unseen {
			return malformed("AC scan before the DC scan", "G.1.1.1.1")
		}
		for k := h.ss; k <= h.se; k++ {
			if h.ah == 0 && p[k] != unseen || h.ah != 0 && int(p[k]) != h.ah {
				return malformed("scan out of turn", "G.1.1.1.1")
			}
			p[k] = int8(h.al)
		}
	}
	return nil
}

// prepare takes the memory for a component before its first scan, if enough
// bytes are left: each block needs at least one bit. It also latches the
// quantisation table as it is now.
func (d *decoder) prepare(p *component) error {
	if p.coef != nil {
		return nil
	}
	if d.quant[p.tq] == nil {
		return malformed("quantisation table that is not there", "B.2.4.1")
	}
	if (len(d.data)-d.pos)*8 < p.realW*p.realH {
		return errScanEnds
	}
	p.quant = *d.quant[p.tq]
	blocks := p.blocksW * p.blocksH
	p.coef = make([]int16, blocks*blockSize)
	p.nz = make([]uint64, blocks)
	return nil
}

// decodeBlocks runs f over the blocks of a scan, with restarts before the MCUs
// that have them, and leaves pos behind the scan's data.
func (d *decoder) decodeBlocks(h *scanHeader, restarted func(), f func(b *bitReader, part *scanPart, block int) error) error {
	b := &bitReader{data: d.data}
	b.reset(d.pos)
	next := 0
	mcu := func(n int) error {
		if d.restart == 0 || n == 0 || n%d.restart != 0 {
			return nil
		}
		if err := d.takeRestart(b, next); err != nil {
			return err
		}
		next = (next + 1) & 7
		for i := range h.parts {
			h.parts[i].pred = 0
		}
		restarted()
		return nil
	}
	err := d.c.eachBlock(h.comps, mcu, func(s, block int) error {
		err := f(b, &h.parts[s], block)
		if b.overrun() {
			return errScanEnds
		}
		return err
	})
	d.c.skipped += b.left()
	d.pos = b.pos
	return err
}

// takeRestart steps over restart marker number next, 0 to 7, E.2.4.
func (d *decoder) takeRestart(b *bitReader, next int) error {
	d.c.skipped += b.left()
	p := b.pos
	for p+1 < len(b.data) && !(b.data[p] == 0xFF && b.data[p+1] != 0 && b.data[p+1] != 0xFF) {
		p++
		if b.data[p-1] != 0xFF {
			d.c.skipped++
		}
	}
	if p+1 >= len(b.data) || b.data[p+1] == markerEOI {
		return errScanEnds
	}
	if b.data[p+1] != byte(markerRST0+next) {
		return malformed("restart marker out of turn", "E.2.4")
	}
	b.reset(p + 2)
	return nil
}

// sequentialScan decodes a scan of a sequential frame, F.2. It is decodeBlocks with its loops written out, since
// nearly every photo goes through it.
func (d *decoder) sequentialScan(h *scanHeader) error {
	if len(h.parts) == 1 || d.restart != 0 {
		return d.decodeBlocks(h, func() {}, func(b *bitReader, part *scanPart, block int) error {
			pred, nz, err := b.block(part.p.block(block), part.dc, part.ac, part.pred)
			part.pred, part.p.nz[block] = pred, nz
			return err
		})
	}
	b := &bitReader{data: d.data}
	b.reset(d.pos)
	var err error
	for my := 0; my < d.c.mcusH && err == nil; my++ {
		err = d.sequentialRow(b, h, my)
	}
	d.c.skipped += b.left()
	d.pos = b.pos
	return err
}

// sequentialRow decodes a row of MCUs, A.2.3.
func (d *decoder) sequentialRow(b *bitReader, h *scanHeader, my int) error {
	for mx := range d.c.mcusW {
		for s := range h.parts {
			part := &h.parts[s]
			p := part.p
			for v := range p.v {
				block := (my*p.v+v)*p.blocksW + mx*p.h
				for end := block + p.h; block < end; block++ {
					pred, nz, err := b.block(p.block(block), part.dc, part.ac, part.pred)
					if b.overrun() {
						return errScanEnds
					}
					if err != nil {
						return err
					}
					part.pred, p.nz[block] = pred, nz
				}
			}
		}
	}
	return nil
}

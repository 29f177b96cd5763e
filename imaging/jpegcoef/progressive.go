package jpegcoef

// progressiveScan decodes a scan of a progressive frame, annex G.
func (d *decoder) progressiveScan(h *scanHeader) error {
	s := &progressiveState{scanHeader: h}
	f := s.acRefine
	switch {
	case h.ss == 0 && h.se > 0:
		return malformed("scan of DC and AC together", "G.1.1.1.1")
	case h.ss == 0 && h.ah == 0:
		f = s.dcFirst
	case h.ss == 0:
		f = s.dcRefine
	case h.ah == 0:
		f = s.acFirst
	}
	return d.decodeBlocks(h, func() { s.run = 0 }, f)
}

// progressiveState is what a progressive scan carries from block to block.
type progressiveState struct {
	*scanHeader
	run int // blocks still to come in an end-of-band run
}

func (s *progressiveState) dcFirst(b *bitReader, part *scanPart, block int) error {
	size, ok := b.symbol(part.dc)
	if !ok {
		return errNoCode
	}
	if size > maxDCBits {
		return errDCRange
	}
	if size > 0 {
		part.pred += b.extend(uint(size))
	}
	if part.pred < minDC || part.pred > maxDC {
		return errDCRange
	}
	v := part.pred << s.al
	if v < minDC || v > maxDC {
		return errDCRange
	}
	part.p.block(block)[0] = int16(v)
	return nil
}

func (s *progressiveState) dcRefine(b *bitReader, part *scanPart, block int) error {
	v := int32(part.p.block(block)[0]) | b.take(1)<<s.al
	if v > maxDC {
		return errDCRange
	}
	part.p.block(block)[0] = int16(v)
	return nil
}

// acFirst decodes a block of the first scan of a band, G.1.2.2.
func (s *progressiveState) acFirst(b *bitReader, part *scanPart, block int) error {
	if s.run > 0 {
		s.run--
		return nil
	}
	dst := part.p.block(block)
	for k := s.ss; k <= s.se; k++ {
		symbol, ok := b.symbol(part.ac)
		if !ok {
			return errNoCode
		}
		r, size := int(symbol>>4), uint(symbol&15)
		if size == 0 {
			if r != 15 {
				s.run = 1<<r - 1 + int(b.take(uint(r)))
				return nil
			}
			k += 15
			continue
		}
		k += r
		if k > s.se {
			return errPastEnd
		}
		if int(size)+s.al > maxACBits {
			return errACRange
		}
		dst[k] = int16(b.extend(size) << s.al)
	}
	return nil
}

// acRefine decodes a block of a later scan of a band, G.1.2.3: one bit for each
// coefficient that is not zero yet and a few new ones among them.
func (s *progressiveState) acRefine(b *bitReader, part *scanPart, block int) error {
	dst := part.p.block(block)
	bit := int16(1) << s.al
	if s.run > 0 {
		s.run--
		s.correct(b, dst, s.ss, blockSize)
		return nil
	}
	for k := s.ss; k <= s.se; k++ {
		symbol, ok := b.symbol(part.ac)
		if !ok {
			return errNoCode
		}
		r, value := int(symbol>>4), int16(0)
		switch symbol & 15 {
		case 0:
			if r != 15 {
				s.run = 1<<r - 1 + int(b.take(uint(r)))
				s.correct(b, dst, k, blockSize)
				return nil
			}
		case 1:
			if bit > 1<<maxACBits-1 {
				return errACRange
			}
			value = -bit
			if b.take(1) == 1 {
				value = bit
			}
		default:
			return malformed("refinement by more than one bit", "G.1.2.3")
		}
		k = s.correct(b, dst, k, r)
		if value != 0 {
			if k > s.se {
				return errPastEnd
			}
			dst[k] = value
		}
	}
	return nil
}

// correct refines the coefficients from k that are not zero and steps over zeros
// zeros; it returns the place of the zero behind them, or one past the band.
func (s *progressiveState) correct(b *bitReader, dst *[blockSize]int16, k, zeros int) int {
	bit := int16(1) << s.al
	for ; k <= s.se; k++ {
		v := dst[k]
		if v == 0 {
			if zeros == 0 {
				return k
			}
			zeros--
			continue
		}
		if b.take(1) == 1 && v&bit == 0 {
			if v > 0 {
				dst[k] += bit
			} else {
				dst[k] -= bit
			}
		}
	}
	return k
}

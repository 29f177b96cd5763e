//go:build !js

package imaging

import mathbits "math/bits"

// How the checker follows one block, by the kind of scan. Each reports false where the bits are no such block.

// follower is the way to follow a block of the current scan; n counts the blocks of a scan of one component.
func (g *grammar) follower() func(b *bits, c *frameComponent, n int) bool {
	s := &g.scan
	switch {
	case !g.pic.progressive:
		return followWhole
	case s.ss == 0 && s.ah == 0:
		return s.followDC
	case s.ss == 0:
		return func(b *bits, _ *frameComponent, _ int) bool {
			_, ok := b.take(1) // T.81 G.1.2.1
			return ok
		}
	}
	if c := s.comps[0]; c.filled == nil {
		c.filled = make([]uint64, c.w*c.rows)
	}
	if s.ah == 0 {
		return s.followBand
	}
	return s.followRefinement
}

// followWhole follows a block of a sequential scan: a DC difference, then runs and values up to 63 or an end of
// block (T.81 F.1.2).
func followWhole(b *bits, c *frameComponent, _ int) bool {
	_, diff, ok := b.symbol(c.dc, true)
	if c.level += diff; !ok || c.level < -1024 || c.level > 1023 {
		return false // a DC of 8-bit samples has 11 bits (F.1.2.1.1)
	}
	for k := uint32(1); k < 64; {
		if b.n < 32 {
			b.fill()
		}
		if b.n >= quickBits {
			e := c.ac.quick[b.acc>>(b.n-quickBits)&(1<<quickBits-1)]
			if size := uint(e & 0xff); e != 0 && size <= b.n {
				b.n -= size
				c.ac.used[byte(e>>16)] = true
				advance := e >> 8 & 0xff
				if k += advance; k > 64 {
					return false
				}
				if advance == 0 {
					return true
				}
				continue
			}
		}
		s, _, ok := b.symbol(c.ac, false)
		if !ok {
			return false
		}
		if s == 0 {
			return true
		}
		if k += uint32(s>>4) + 1; k > 64 {
			return false
		}
	}
	return true
}

// followDC follows the first scan of the DC coefficients (T.81 G.1.2.1).
func (s *scan) followDC(b *bits, c *frameComponent, _ int) bool {
	_, diff, ok := b.symbol(c.dc, true)
	c.level += diff
	return ok && c.level >= -1024>>s.al && c.level <= 1023>>s.al
}

// followBand follows a block of the first scan of a band (T.81 G.1.2.2).
func (s *scan) followBand(b *bits, c *frameComponent, n int) bool {
	if s.run > 0 {
		s.run--
		return true
	}
	for k := s.ss; k <= s.se; k++ {
		sym, _, ok := b.symbol(c.ac, false)
		if !ok {
			return false
		}
		r, size := int(sym>>4), int(sym&15)
		if size == 0 && r < 15 {
			return s.startRun(b, r)
		}
		k += r
		if k > s.se || size+s.al > 10 {
			return false
		}
		if size > 0 {
			c.filled[n] |= 1 << k
		}
	}
	return true
}

// startRun reads the length of an end-of-band run that includes this block (T.81 G.1.2.2, table G.1).
func (s *scan) startRun(b *bits, size int) bool {
	more, ok := b.take(uint(size))
	s.run = 1<<size - 1 + int(more)
	return ok
}

// followRefinement follows a block of a later scan of a band (T.81 G.1.2.3): a correction bit for each coefficient
// that is known, and codes for those that are new.
func (s *scan) followRefinement(b *bits, c *frameComponent, n int) bool {
	k, known := s.ss, c.filled[n]
	ended := s.run > 0
	if ended {
		s.run--
	}
	for k <= s.se && !ended {
		sym, _, ok := b.symbol(c.ac, false)
		r, size := int(sym>>4), int(sym&15)
		if !ok || size > 1 {
			return false
		}
		if size == 0 && r < 15 {
			if !s.startRun(b, r) {
				return false
			}
			ended = true
			break
		}
		for ; k <= s.se; k++ {
			if known>>k&1 == 1 {
				if _, ok := b.take(1); !ok {
					return false
				}
			} else if r--; r < 0 {
				break
			}
		}
		if k > s.se {
			return false // a run of zeros past the band
		}
		if size == 1 {
			c.filled[n] |= 1 << k
		}
		k++
	}
	rest := mathbits.OnesCount64(known >> k << k & (1<<s.se<<1 - 1))
	for ; rest > 0; rest -= 16 {
		if _, ok := b.take(uint(min(rest, 16))); !ok {
			return false
		}
	}
	return true
}

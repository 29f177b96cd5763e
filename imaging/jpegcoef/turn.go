package jpegcoef

// turn says how coefficients move for an EXIF orientation: first rows become
// columns, then columns and rows are mirrored.
type turn struct{ transpose, mirrorX, mirrorY bool }

// turns are what makes a picture upright, by EXIF orientation (Exif 2.32, 4.6.4,
// tag 0x0112).
var turns = [9]turn{
	2: {mirrorX: true},
	3: {mirrorX: true, mirrorY: true},
	4: {mirrorY: true},
	5: {transpose: true},
	6: {transpose: true, mirrorX: true},
	7: {transpose: true, mirrorX: true, mirrorY: true},
	8: {transpose: true, mirrorY: true},
}

// Turn returns the picture that EXIF orientation 1 to 8 asks viewers to show,
// and true. That is exact only when the edges that come to lie left and top are
// whole MCUs; when they are not, or the orientation is not one, it returns c and
// false. c itself never changes; for orientation 1 the result is c.
func (c *Coefficients) Turn(orientation int) (*Coefficients, bool) {
	if orientation < 1 || orientation > 8 {
		return c, false
	}
	if orientation == 1 {
		return c, true
	}
	t := turns[orientation]
	o := *c
	o.comps = make([]component, len(c.comps))
	for i := range c.comps {
		p := &c.comps[i]
		q := component{id: p.id, h: p.h, v: p.v, tq: p.tq, quant: p.quant}
		if t.transpose {
			q.h, q.v = p.v, p.h
			for k := range q.quant {
				q.quant[k] = p.quant[transposed[k]]
			}
		}
		o.comps[i] = q
	}
	if t.transpose {
		o.width, o.height = c.height, c.width
	}
	o.layOut()
	w, h := o.MCUSize()
	if t.mirrorX && o.width%w != 0 || t.mirrorY && o.height%h != 0 {
		return c, false
	}
	for i := range o.comps {
		o.comps[i].turned(&c.comps[i], t)
		o.comps[i].settlePadding()
	}
	return &o, true
}

// turned fills q with the blocks of p, turned. The geometry of q is set.
func (q *component) turned(p *component, t turn) {
	q.coef = make([]int16, q.blocksW*q.blocksH*blockSize)
	q.nz = make([]uint64, q.blocksW*q.blocksH)
	from, sign := t.pattern()
	for y := range q.realH {
		for x := range q.realW {
			sx, sy := x, y
			if t.mirrorX {
				sx = q.blocksW - 1 - x
			}
			if t.mirrorY {
				sy = q.blocksH - 1 - y
			}
			if t.transpose {
				sx, sy = sy, sx
			}
			src, i := p.block(sy*p.blocksW+sx), y*q.blocksW+x
			dst, nz := q.block(i), uint64(0)
			for k := range dst {
				v := src[from[k]] * sign[k]
				dst[k] = v
				if v != 0 {
					nz |= 1 << k
				}
			}
			q.nz[i] = nz &^ 1
		}
	}
}

// pattern returns, for each place of a turned block in zig-zag order, the place
// it comes from and its sign. A mirrored cosine of odd frequency is negative.
func (t turn) pattern() (from [blockSize]uint8, sign [blockSize]int16) {
	for k, n := range natural {
		from[k], sign[k] = uint8(k), 1
		if t.transpose {
			from[k] = transposed[k]
		}
		if t.mirrorX && n&1 != 0 {
			sign[k] = -sign[k]
		}
		if t.mirrorY && n>>3&1 != 0 {
			sign[k] = -sign[k]
		}
	}
	return from, sign
}

// transposed maps a place in zig-zag order to that of its mirror image at the
// diagonal.
var transposed = func() (t [blockSize]uint8) {
	var zigzag [blockSize]uint8
	for k, n := range natural {
		zigzag[n] = uint8(k)
	}
	for k, n := range natural {
		t[k] = zigzag[n&7<<3|n>>3]
	}
	return t
}()

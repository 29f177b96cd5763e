package jpegcoef

import "math/bits"

// The inverse DCT of A.3.3 in integers, after Loeffler, Ligtenberg and Moschytz
// (ICASSP 1989): the same arithmetic, to the bit, as libjpeg's accurate integer
// method, so that what people saw before is what they see afterwards.
const (
	constBits = 13 // fraction bits of the constants
	passBits  = 2  // fraction bits kept between the passes

	fix0298631336 = 2446
	fix0390180644 = 3196
	fix0541196100 = 4433
	fix0765366865 = 6270
	fix0899976223 = 7373
	fix1175875602 = 9633
	fix1306562965 = 10703
	fix1501321110 = 12299
	fix1847759065 = 15137
	fix1961570560 = 16069
	fix2053119869 = 16819
	fix2562915447 = 20995
	fix3072711026 = 25172
)

// idct8 transforms eight values a stride apart in place and drops shift bits.
func idct8(w *[blockSize]int32, at, stride int, shift uint) {
	x := func(i int) *int32 { return &w[(at+i*stride)&63] }
	round := int32(1) << (shift - 1)

	z := (*x(2) + *x(6)) * fix0541196100
	low, high := z-*x(6)*fix1847759065, z+*x(2)*fix0765366865
	sum, dif := (*x(0)+*x(4))<<constBits+round, (*x(0)-*x(4))<<constBits+round
	e0, e3, e1, e2 := sum+high, sum-high, dif+low, dif-low

	a, b, c, d := *x(7), *x(5), *x(3), *x(1)
	z5 := (a + c + b + d) * fix1175875602
	z1, z2 := -(a+d)*fix0899976223, -(b+c)*fix2562915447
	z3, z4 := z5-(a+c)*fix1961570560, z5-(b+d)*fix0390180644
	o3 := a*fix0298631336 + z1 + z3
	o2 := b*fix2053119869 + z2 + z4
	o1 := c*fix3072711026 + z2 + z3
	o0 := d*fix1501321110 + z1 + z4

	*x(0), *x(7) = (e0+o0)>>shift, (e0-o0)>>shift
	*x(1), *x(6) = (e1+o1)>>shift, (e1-o1)>>shift
	*x(2), *x(5) = (e2+o2)>>shift, (e2-o2)>>shift
	*x(3), *x(4) = (e3+o3)>>shift, (e3-o3)>>shift
}

// idct4 is the transform of the four lowest frequencies to half the samples.
func idct4(w *[blockSize]int32, at, stride int, shift uint) {
	x := func(i int) *int32 { return &w[(at+i*stride)&63] }
	round := int32(1) << (shift - 1)
	e0, e1 := (*x(0)+*x(2))<<constBits+round, (*x(0)-*x(2))<<constBits+round
	o0 := *x(1)*fix1306562965 + *x(3)*fix0541196100
	o1 := *x(1)*fix0541196100 - *x(3)*fix1306562965
	*x(0), *x(3) = (e0+o0)>>shift, (e0-o0)>>shift
	*x(1), *x(2) = (e1+o1)>>shift, (e1-o1)>>shift
}

// samples computes size × size samples of a block: 8, 4, 2 or 1 a side.
func samples(dst []uint8, stride, size int, coef *[blockSize]int16, nz uint64, quant *[blockSize]uint16) {
	dc := int32(coef[0]) * int32(quant[0])
	if nz == 0 || size == 1 {
		v := clamp((dc + 4) >> 3)
		for y := range size {
			row := dst[y*stride:][:size]
			for i := range row {
				row[i] = v
			}
		}
		return
	}
	if size == 2 {
		quarter(dst, stride, coef, quant)
		return
	}
	var w [blockSize]int32
	w[0] = dc
	if size == 4 {
		nz &= lowQuarter
	}
	for ; nz != 0; nz &= nz - 1 {
		k := bits.TrailingZeros64(nz) & 63
		w[natural[k]&63] = int32(coef[k]) * int32(quant[k])
	}
	switch size {
	case 8:
		for x := range 8 {
			column8(&w, x)
		}
		for y := range 8 {
			idct8(&w, 8*y, 1, constBits+passBits+3)
		}
	case 4:
		for x := range 4 {
			idct4(&w, x, 8, constBits-passBits)
		}
		for y := range 4 {
			idct4(&w, 8*y, 1, constBits+passBits+3)
		}
	}
	for y := range size {
		row := dst[y*stride:][:size]
		for x := range row {
			row[x] = clamp(w[8*y+x])
		}
	}
}

// lowQuarter marks, in zig-zag order, the coefficients of the four lowest frequencies each way.
var lowQuarter = func() (m uint64) {
	for k, n := range natural {
		if n&7 < 4 && n>>3 < 4 {
			m |= 1 << k
		}
	}
	return m
}()

// quarter computes the 2 × 2 samples of a block from its four lowest frequencies, places 0, 1, 2 and 4 in zig-zag
// order.
func quarter(dst []uint8, stride int, coef *[blockSize]int16, quant *[blockSize]uint16) {
	a, b := int32(coef[0])*int32(quant[0])+4, int32(coef[1])*int32(quant[1])
	c, d := int32(coef[2])*int32(quant[2]), int32(coef[4])*int32(quant[4])
	dst[0], dst[1] = clamp((a+b+c+d)>>3), clamp((a-b+c-d)>>3)
	dst[stride], dst[stride+1] = clamp((a+b-c-d)>>3), clamp((a-b-c+d)>>3)
}

// column8 is the first pass over a column; most have nothing but a mean.
func column8(w *[blockSize]int32, x int) {
	if w[x+8]|w[x+16]|w[x+24]|w[x+32]|w[x+40]|w[x+48]|w[x+56] == 0 {
		v := w[x] << passBits
		for y := range 8 {
			w[x+8*y] = v
		}
		return
	}
	idct8(w, x, 8, constBits-passBits)
}

// clamp shifts a sample back to 0 to 255, A.3.1.
func clamp(v int32) uint8 {
	return uint8(min(max(v+128, 0), 255))
}

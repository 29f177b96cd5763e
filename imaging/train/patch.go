package train

import "image"

// Side is the width and height of a Patch in samples.
const Side = 32

// Patch is what a cascade sees of a window: Side × Side samples of 8 bits, row by row. Sample (x, y) of the window of
// s pixels around column c and row r is the pixel at column (256·c + 8·(x−16)·s) / 256, row (256·r + 8·(y−16)·s) / 256,
// both rounded down, as pigo rounds.
type Patch [Side * Side]uint8

// codeOf gives pigo's code of a sample's column or row, −128 to 120.
func codeOf(i int) int8 { return int8(8 * (i - Side/2)) }

// sampleOf is the way back; codes that are no multiple of 8 have none.
func sampleOf(code int8) (i int, ok bool) { return int(code)/8 + Side/2, code%8 == 0 }

// offsets gives for each sample of a Patch its distance in bytes from the pixel in the centre of a window of s pixels,
// in a picture with rows of stride bytes.
func offsets(s, stride int) *[Side * Side]int32 {
	var at [Side * Side]int32
	for y := range Side {
		dy := (int(codeOf(y)) * s) >> 8
		for x := range Side {
			at[y*Side+x] = int32(dy*stride + (int(codeOf(x))*s)>>8)
		}
	}
	return &at
}

// cut samples the window of s pixels around column c and row r, which must lie within m.
func cut(m *image.Gray, r, c, s int) Patch {
	var p Patch
	at, centre := offsets(s, m.Stride), r*m.Stride+c
	for i := range p {
		p[i] = m.Pix[centre+int(at[i])]
	}
	return p
}

package jpegcoef

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"runtime"
	"testing"
)

// factors are the sampling factors of the components of a test picture.
type factors [][2]int

var (
	gray    = factors{{1, 1}}
	full    = factors{{1, 1}, {1, 1}, {1, 1}}
	wide422 = factors{{2, 1}, {1, 1}, {1, 1}}
	tall440 = factors{{1, 2}, {1, 1}, {1, 1}}
	half420 = factors{{2, 2}, {1, 1}, {1, 1}}
	wide411 = factors{{4, 1}, {1, 1}, {1, 1}}
	wide410 = factors{{4, 2}, {1, 1}, {1, 1}}
	odd321  = factors{{3, 2}, {2, 1}, {1, 1}}
	upside  = factors{{1, 1}, {2, 2}, {2, 2}}
	huge    = factors{{4, 4}, {1, 1}, {2, 2}} // too many blocks for an MCU
)

// samplings names test samplings.
var samplings = []struct {
	name string
	f    factors
}{
	{"gray", gray}, {"444", full}, {"422", wide422}, {"440", tall440}, {"420", half420},
	{"411", wide411}, {"410", wide410}, {"3x2 2x1 1x1", odd321}, {"1x1 2x2 2x2", upside},
	{"4x4 1x1 2x2", huge},
}

// synthetic makes a picture of random smooth coefficients, the same for the same
// arguments. Its padding is settled as Read would.
func synthetic(w, h int, f factors, t Transform) *Coefficients {
	r := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	c := &Coefficients{width: w, height: h, transform: t, comps: make([]component, len(f))}
	for i := range c.comps {
		c.comps[i] = component{id: uint8(i + 1), h: f[i][0], v: f[i][1], tq: uint8(min(i, 1))}
	}
	c.layOut()
	for i := range c.comps {
		p := &c.comps[i]
		for k := range p.quant {
			p.quant[k] = uint16(3 + k/2 + 5*min(i, 1))
		}
		p.coef = make([]int16, p.blocksW*p.blocksH*blockSize)
		p.nz = make([]uint64, p.blocksW*p.blocksH)
		for b := range p.nz {
			blk := p.block(b)
			blk[0] = int16(r.IntN(300) - 150)
			for range r.IntN(12) {
				k := min(1+r.IntN(6)*r.IntN(13), 63)
				blk[k] = int16((r.IntN(61) - 30) / (1 + k/4))
			}
			if r.IntN(20) == 0 {
				blk[63] = int16(r.IntN(3) - 1)
			}
		}
		p.markNonZero()
		p.settlePadding()
	}
	return c
}

// drawn makes a smooth picture with edges, for encoders that start from pixels.
func drawn(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(7, 11))
	for y := range h {
		for x := range w {
			noise := uint8(r.IntN(12))
			m.SetRGBA(x, y, color.RGBA{
				uint8(x*255/w) ^ noise, uint8(y*255/h) + noise, uint8((x/16+y/16)%2*90) + noise, 255,
			})
		}
	}
	return m
}

// encoded returns a drawn picture as image/jpeg writes it: baseline 4:2:0.
func encoded(t testing.TB, w, h int) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, drawn(w, h), &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func mustRead(t testing.TB, data []byte) *Coefficients {
	t.Helper()
	c, err := Read(data, DefaultLimits())
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return c
}

// file writes c as a baseline file with the scans and the restart interval
// asked for, which Write itself never does.
func file(c *Coefficients, scans [][]int, restart int) []byte {
	var out bytes.Buffer
	b := newBitWriter(&out)
	b.bytes(0xFF, markerSOI)
	c.writeFrame(b, c.writeQuant(b), false)
	if restart > 0 {
		b.segment(markerDRI, byte(restart>>8), byte(restart))
	}
	var dc, ac histogram
	for i := range ac {
		ac[i] = 300 - i
	}
	for i := range maxDCBits + 1 {
		dc[i] = 20 - i
	}
	var dcs, acs [2]*encodeTable
	for t := range dcs {
		dcs[t], acs[t] = b.huffman(0, t, &dc), b.huffman(1, t, &ac)
	}
	for _, comps := range scans {
		b.scanHeader(c, scanSpec{comps: comps, se: blockSize - 1})
		var pred [3]int32
		_ = c.eachBlock(comps, func(n int) error {
			if restart > 0 && n > 0 && n%restart == 0 {
				b.align()
				b.bytes(0xFF, byte(markerRST0+(n/restart-1)%8))
				pred = [3]int32{}
			}
			return nil
		}, func(s, block int) error {
			p, t := &c.comps[comps[s]], c.tableOf(comps[s])
			v := int32(p.block(block)[0])
			b.block(dcs[t], acs[t], v-pred[s], p.block(block), p.nz[block])
			pred[s] = v
			return nil
		})
		b.align()
	}
	b.bytes(0xFF, markerEOI)
	b.flush()
	return out.Bytes()
}

// dims returns the size of c as a point.
func dims(c *Coefficients) image.Point { return image.Pt(c.Width(), c.Height()) }

// allocated returns how many bytes the process ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

package jpegcoef

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"
	"math"
	"sync"
	"testing"
)

// twelveMegapixels is a synthetic picture of 4,000 × 3,000 with the detail of a
// photo, as image/jpeg writes it: baseline 4:2:0.
var twelveMegapixels = sync.OnceValue(func() []byte {
	m := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	seed := uint32(1)
	for y := range 3000 {
		for x := range 4000 {
			seed = seed*1664525 + 1013904223
			v := 128 + 60*math.Sin(float64(x)/37) + 40*math.Cos(float64(y)/23+float64(x)/90)
			m.Y[m.YOffset(x, y)] = uint8(v + float64(seed>>28))
		}
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = uint8(110+i/977%40), uint8(120+i/1499%30)
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, m, &jpeg.Options{Quality: 92}); err != nil {
		panic(err)
	}
	return buf.Bytes()
})

func BenchmarkRead(b *testing.B) {
	data := twelveMegapixels()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		mustRead(b, data)
	}
}

func BenchmarkReadProgressive(b *testing.B) {
	data, _ := rewrite(b, mustRead(b, twelveMegapixels()), WriteOptions{Progressive: true})
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		mustRead(b, data)
	}
}

func benchmarkWrite(b *testing.B, o WriteOptions) {
	data := twelveMegapixels()
	c := mustRead(b, data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Write(io.Discard, o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B)            { benchmarkWrite(b, WriteOptions{}) }
func BenchmarkWriteProgressive(b *testing.B) { benchmarkWrite(b, WriteOptions{Progressive: true}) }

// BenchmarkStrip is what every photo goes through: Read and Write.
func BenchmarkStrip(b *testing.B) {
	data := twelveMegapixels()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := mustRead(b, data).Write(io.Discard, WriteOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	c := mustRead(b, twelveMegapixels())
	for b.Loop() {
		c.Mask(image.Rect(500, 500, 1500, 1500), [3]uint8{0, 0, 0})
	}
}

func BenchmarkTurn(b *testing.B) {
	c := mustRead(b, twelveMegapixels())
	for b.Loop() {
		c.Turn(5)
	}
}

func BenchmarkDecode(b *testing.B) { benchmarkDecode(b, 1) }

func BenchmarkDecodeScaled(b *testing.B) {
	for _, tt := range []struct {
		name  string
		denom int
	}{{"2", 2}, {"4", 4}, {"8", 8}} {
		b.Run(tt.name, func(b *testing.B) { benchmarkDecode(b, tt.denom) })
	}
}

func benchmarkDecode(b *testing.B, denom int) {
	c := mustRead(b, twelveMegapixels())
	for b.Loop() {
		if _, err := c.DecodeScaled(denom); err != nil {
			b.Fatal(err)
		}
	}
}

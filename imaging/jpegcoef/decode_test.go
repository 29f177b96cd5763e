package jpegcoef

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"testing"
)

// TestDecodeLikeGo compares samples with image/jpeg, whose rounding may differ
// by one.
func TestDecodeLikeGo(t *testing.T) {
	for _, s := range samplings[:7] {
		tr := YCbCr
		if len(s.f) == 1 {
			tr = Gray
		}
		c := synthetic(77, 61, s.f, tr)
		data, _ := rewrite(t, c, WriteOptions{})
		want, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: image/jpeg: %v", s.name, err)
		}
		got, err := c.Decode()
		if err != nil {
			t.Fatalf("%s: Decode: %v", s.name, err)
		}
		if fmt.Sprintf("%T %v", got, got.Bounds()) != fmt.Sprintf("%T %v", want, want.Bounds()) {
			t.Errorf("%s: Decode gave %T %v, image/jpeg %T %v", s.name, got, got.Bounds(), want, want.Bounds())
			continue
		}
		if d := farthest(got, want); d > 2 {
			t.Errorf("%s: samples differ by up to %d", s.name, d)
		}
	}
}

// farthest returns the largest difference of two samples of pictures that both
// are *image.Gray or *image.YCbCr of one size.
func farthest(a, b image.Image) int {
	worst := 0
	see := func(x, y uint8) { worst = max(worst, int(x)-int(y), int(y)-int(x)) }
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			switch p := a.(type) {
			case *image.Gray:
				see(p.GrayAt(x, y).Y, b.(*image.Gray).GrayAt(x, y).Y)
			case *image.YCbCr:
				u, v := p.YCbCrAt(x, y), b.(*image.YCbCr).YCbCrAt(x, y)
				see(u.Y, v.Y)
				see(u.Cb, v.Cb)
				see(u.Cr, v.Cr)
			}
		}
	}
	return worst
}

// reference computes a sample of a block by the formula of A.3.3.
func reference(p *component, block, x, y, size int) float64 {
	sum := 0.0
	for k, n := range natural {
		u, v := int(n&7), int(n>>3)
		if u >= size || v >= size {
			continue
		}
		f := float64(p.block(block)[k]) * float64(p.quant[k]) / 4
		if u == 0 {
			f /= math.Sqrt2
		}
		if v == 0 {
			f /= math.Sqrt2
		}
		f *= math.Cos(float64(2*x+1) * float64(u) * math.Pi / float64(2*size))
		sum += f * math.Cos(float64(2*y+1)*float64(v)*math.Pi/float64(2*size))
	}
	return min(max(sum+128, 0), 255)
}

// TestTransformsFollowTheFormula checks each size of the inverse transform.
func TestTransformsFollowTheFormula(t *testing.T) {
	c := synthetic(64, 64, gray, Gray)
	p := &c.comps[0]
	for _, size := range []int{8, 4, 2, 1} {
		got := p.plane(size)
		for b := range p.nz {
			for y := range size {
				for x := range size {
					have := float64(got.pix[(b/p.blocksW*size+y)*got.stride+b%p.blocksW*size+x])
					if want := reference(p, b, x, y, size); math.Abs(have-want) > 1 {
						t.Fatalf("size %d, block %d, sample %d,%d: got %v, want %.2f", size, b, x, y, have, want)
					}
				}
			}
		}
	}
}

func TestDecodeScaled(t *testing.T) {
	for _, s := range samplings {
		tr := YCbCr
		if len(s.f) == 1 {
			tr = Gray
		}
		c := synthetic(131, 67, s.f, tr)
		for _, denom := range []int{1, 2, 4, 8} {
			got, err := c.DecodeScaled(denom)
			if err != nil {
				t.Fatal(err)
			}
			want := image.Rect(0, 0, (131+denom-1)/denom, (67+denom-1)/denom)
			if got.Bounds() != want {
				t.Errorf("%s at 1/%d: bounds %v, want %v", s.name, denom, got.Bounds(), want)
			}
			for y := range want.Max.Y { // must not reach outside of any plane
				for x := range want.Max.X {
					got.At(x, y)
				}
			}
		}
	}
	c := synthetic(16, 16, gray, Gray)
	for _, denom := range []int{-1, 0, 3, 16} {
		if _, err := c.DecodeScaled(denom); !errors.Is(err, ErrOptions) {
			t.Errorf("DecodeScaled(%d) = %v, want ErrOptions", denom, err)
		}
	}
}

// TestDecodeRepeatsSamples decodes constant components in samplings that Go has
// no name for, and RGB: each pixel must get the sample that covers it.
func TestDecodeRepeatsSamples(t *testing.T) {
	for _, f := range []factors{full, half420, odd321, upside, huge} {
		for _, tr := range []Transform{YCbCr, RGB} {
			c := synthetic(70, 50, f, tr)
			for i := range c.comps {
				p := &c.comps[i]
				for b := range p.nz {
					p.flat(b, int16(b%50))
				}
				p.settlePadding()
			}
			img, err := c.Decode()
			if err != nil {
				t.Fatal(err)
			}
			for y := range 50 {
				for x := range 70 {
					var got [3]uint8
					switch m := img.(type) {
					case *image.YCbCr:
						v := m.YCbCrAt(x, y)
						got = [3]uint8{v.Y, v.Cb, v.Cr}
					case *image.NRGBA:
						v := m.NRGBAAt(x, y)
						got = [3]uint8{v.R, v.G, v.B}
					}
					for i := range c.comps {
						p := &c.comps[i]
						b := y*p.v/c.vmax/8*p.blocksW + x*p.h/c.hmax/8
						want := clamp((int32(p.block(b)[0])*int32(p.quant[0]) + 4) >> 3)
						if got[i] != want {
							t.Fatalf("%v %v: component %d at %d,%d is %d, want %d", f, tr, i, x, y, got[i], want)
						}
					}
				}
			}
		}
	}
}

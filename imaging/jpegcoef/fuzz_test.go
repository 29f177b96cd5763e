package jpegcoef

import (
	"bytes"
	"image"
	"testing"
	"time"
)

// FuzzRead gives Read any bytes. Each input has its time and its memory, and
// what is read as a picture goes through everything a picture goes through.
func FuzzRead(f *testing.F) {
	for _, s := range samplings {
		tr := YCbCr
		if len(s.f) == 1 {
			tr = Gray
		}
		c := synthetic(19, 9, s.f, tr)
		for _, progressive := range []bool{false, true} {
			var buf bytes.Buffer
			if err := c.Write(&buf, WriteOptions{Progressive: progressive}); err != nil {
				f.Fatal(err)
			}
			f.Add(buf.Bytes())
		}
		scans := [][]int{{0}}
		if len(s.f) == 3 {
			scans = [][]int{{0}, {1}, {2}}
		}
		f.Add(file(c, scans, 2))
	}
	f.Add(encoded(f, 16, 16))
	f.Fuzz(func(t *testing.T, data []byte) {
		within(t, func() { hostile(t, "input", data, fuzzLimits) })
	})
}

// fuzzLimits keep an input small, so that many can be tried; hostile checks what they may allocate.
var fuzzLimits = Limits{
	MaxBytes: 1 << 16, MaxPixels: 1 << 18, MaxSide: 4096, MaxSegments: 64, MaxScans: 20, MaxScanWork: 1 << 21,
}

// within ends the process when an input takes for ever: the fuzzer itself would wait for it and report success.
func within(t *testing.T, f func()) {
	t.Helper()
	timer := time.AfterFunc(20*time.Second, func() { panic("jpegcoef test: input takes too long") })
	defer timer.Stop()
	f()
}

// FuzzTurn turns any picture by any orientation and back.
func FuzzTurn(f *testing.F) {
	for o := range byte(10) {
		f.Add(encoded(f, 16, 24), o)
	}
	f.Add(encoded(f, 19, 9), byte(6))
	undo := [9]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
	f.Fuzz(func(t *testing.T, data []byte, orientation byte) {
		within(t, func() {
			c, err := Read(data, fuzzLimits)
			if err != nil {
				return
			}
			before := c.Clone()
			turned, exact := c.Turn(int(orientation))
			if !c.EqualOutside(before, nil) {
				t.Fatal("turning changed its source")
			}
			if !exact {
				return
			}
			want := dims(c)
			if orientation >= 5 {
				want.X, want.Y = want.Y, want.X
			}
			if dims(turned) != want {
				t.Fatalf("got %v, want %v", dims(turned), want)
			}
			if _, again := rewrite(t, turned, WriteOptions{}); !again.EqualOutside(turned, nil) {
				t.Fatal("what was turned is not what is written")
			}
			back, ok := turned.Turn(undo[orientation])
			if ok && !back.EqualOutside(c, nil) {
				t.Fatal("turning back does not give the picture")
			}
		})
	})
}

// FuzzMask masks any rectangle of any picture: what was asked for is covered and solid, the rest is as it was.
func FuzzMask(f *testing.F) {
	f.Add(encoded(f, 40, 24), 3, 4, 20, 20)
	f.Add(encoded(f, 19, 9), -5, -5, 1<<30, 1<<30)
	f.Add(encoded(f, 8, 8), 8, 8, 9, 9)
	f.Fuzz(func(t *testing.T, data []byte, x0, y0, x1, y1 int) {
		within(t, func() {
			c, err := Read(data, fuzzLimits)
			if err != nil {
				return
			}
			m, r := c.Clone(), image.Rectangle{Min: image.Pt(x0, y0), Max: image.Pt(x1, y1)}
			covered := m.Mask(r, [3]uint8{0, 0, 0})
			if asked := r.Intersect(c.bounds()); !asked.In(covered) || !covered.In(c.bounds()) {
				t.Fatalf("asked for %v, covered %v of %v", asked, covered, c.bounds())
			}
			for _, progressive := range []bool{false, true} {
				_, again := rewrite(t, m, WriteOptions{Progressive: progressive})
				if !covered.Empty() && !again.MaskedSolid(covered) {
					t.Fatalf("%v is not solid", covered)
				}
				if !again.EqualOutside(c, []image.Rectangle{covered}) {
					t.Fatalf("something outside %v changed", covered)
				}
			}
		})
	})
}

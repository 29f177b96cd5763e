package jpegcoef

import (
	"bytes"
	"testing"
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
	lim := Limits{
		MaxBytes: 1 << 16, MaxPixels: 1 << 18, MaxSide: 4096, MaxSegments: 64, MaxScans: 20, MaxScanWork: 1 << 21,
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		hostile(t, "input", data, lim)
	})
}

package jpegcoef

import (
	"bytes"
	"errors"
	"flag"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// photoDir holds photos from many cameras, seen from this package.
const photoDir = "../../../shared/data/metadata"

// every asks for all photos; one in sixteen is enough to notice a mistake.
var every = flag.Bool("every", false, "test on every photo, not on one in sixteen")

// corpus returns the files of a folder of photoDir by name, one in each step of
// them, or skips.
func corpus(t testing.TB, folder string, step int) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(photoDir, folder, "*"))
	if err != nil || len(names) == 0 {
		t.Skipf("SKIPPED: the shared files of %q are not here", folder)
	}
	if *every {
		step = 1
	}
	files := make(map[string][]byte)
	for i := 0; i < len(names); i += step {
		data, err := os.ReadFile(names[i])
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(names[i])] = data
	}
	return files
}

// rewrite writes c and reads the result.
func rewrite(t testing.TB, c *Coefficients, o WriteOptions) ([]byte, *Coefficients) {
	t.Helper()
	if c.ColorTransform() == RGB {
		o.OmitJFIF = true
		o.Extra = append(o.Extra, AdobeSegment(RGB))
	}
	var buf bytes.Buffer
	if err := c.Write(&buf, o); err != nil {
		t.Fatalf("Write: %v", err)
	}
	again, err := Read(buf.Bytes(), DefaultLimits())
	if err != nil {
		t.Fatalf("Read of what Write wrote: %v", err)
	}
	return buf.Bytes(), again
}

func TestPhotos(t *testing.T) {
	read, refusedByName, damaged, byGo := 0, 0, 0, 0
	for name, data := range corpus(t, "photos", 16) {
		c, err := Read(data, DefaultLimits())
		if err != nil {
			if errors.Is(err, ErrUnsupported) {
				refusedByName++
			} else {
				damaged++
			}
			t.Logf("%s: %v", name, err)
			continue
		}
		read++
		out, again := rewrite(t, c, WriteOptions{})
		if !c.EqualOutside(again, nil) {
			t.Errorf("%s: coefficients differ after Write", name)
		}
		if again.Trailing() != 0 || again.Skipped() != 0 {
			t.Errorf("%s: %d trailing and %d skipped bytes in the output, want none", name, again.Trailing(), again.Skipped())
		}
		want, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Logf("%s: image/jpeg: %v", name, err)
			continue
		}
		byGo++
		got, err := jpeg.Decode(bytes.NewReader(out))
		if err != nil {
			t.Errorf("%s: image/jpeg of the output: %v", name, err)
			continue
		}
		if !samePixels(got, want) {
			t.Errorf("%s: pixels of the output differ from those of the input", name)
		}
	}
	t.Logf("%d read, %d unsupported, %d damaged; %d compared by image/jpeg", read, refusedByName, damaged, byGo)
}

// samePixels compares the visible samples of two pictures of one decoder; what
// pads the edges may differ.
func samePixels(a, b image.Image) bool {
	p, pIs := a.(*image.YCbCr)
	q, qIs := b.(*image.YCbCr)
	if a.Bounds() != b.Bounds() || pIs != qIs {
		return false
	}
	w, h := a.Bounds().Dx(), a.Bounds().Dy()
	if !pIs {
		for i := range w * h {
			if a.At(i%w, i/w) != b.At(i%w, i/w) {
				return false
			}
		}
		return true
	}
	if p.SubsampleRatio != q.SubsampleRatio {
		return false
	}
	for y := range h {
		i, j, cw := p.COffset(0, y), q.COffset(0, y), p.COffset(w-1, y)-p.COffset(0, y)+1
		if !bytes.Equal(p.Y[p.YOffset(0, y):][:w], q.Y[q.YOffset(0, y):][:w]) ||
			!bytes.Equal(p.Cb[i:][:cw], q.Cb[j:][:cw]) || !bytes.Equal(p.Cr[i:][:cw], q.Cr[j:][:cw]) {
			return false
		}
	}
	return true
}

// TestHostileFiles reads damaged files in many formats: nothing may panic, take
// long or allocate much more than the picture that the file could hold.
func TestHostileFiles(t *testing.T) {
	read, tried := 0, 0
	for name, data := range corpus(t, "malformed", 1) {
		tried++
		if hostile(t, name, data, DefaultLimits()) {
			read++
		}
		// The same bytes, made to look like a JPEG as far as the first check goes.
		if len(data) > 2 && data[0] != 0xFF {
			hostile(t, name+" with a start", append([]byte{0xFF, markerSOI}, data...), DefaultLimits())
		}
	}
	t.Logf("%d of %d files read", read, tried)
}

// hostile reads data within time and memory, and if it is a picture puts it
// through everything a picture goes through.
func hostile(t *testing.T, name string, data []byte, lim Limits) bool {
	t.Helper()
	start, before := time.Now(), allocated()
	c, err := Read(data, lim)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("%s: Read took %v", name, d)
	}
	// 64 coefficients of 2 bytes and 8 bytes of mask for each block, and a block
	// needs a bit; tables and segments on top.
	bound := uint64(len(data))*8*4*136 + 1<<20
	if c != nil {
		bound += uint64(c.mcusW*c.mcusH) * uint64(len(c.comps)*c.hmax*c.vmax) * 136
	}
	if got := allocated() - before; got > bound {
		t.Errorf("%s: Read of %d bytes allocated %d, want at most %d", name, len(data), got, bound)
	}
	if err != nil {
		for _, known := range []error{ErrMalformed, ErrTruncated, ErrUnsupported, ErrTooLarge} {
			if errors.Is(err, known) {
				return false
			}
		}
		t.Errorf("%s: Read = %v, an error without a kind", name, err)
		return false
	}
	for _, progressive := range []bool{false, true} {
		if _, again := rewrite(t, c, WriteOptions{Progressive: progressive}); !c.EqualOutside(again, nil) {
			t.Errorf("%s: coefficients differ after Write, progressive=%v", name, progressive)
		}
	}
	if turned, ok := c.Turn(7); ok {
		if back, ok := turned.Turn(7); !ok || !back.EqualOutside(c, nil) {
			t.Errorf("%s: turning back does not give the picture", name)
		}
	}
	if _, err := c.DecodeScaled(4); err != nil {
		t.Errorf("%s: DecodeScaled = %v", name, err)
	}
	m := c.Clone()
	r := m.Mask(image.Rect(c.Width()/2, c.Height()/2, c.Width(), c.Height()), [3]uint8{9, 99, 199})
	if _, again := rewrite(t, m, WriteOptions{}); !again.MaskedSolid(r) || !again.EqualOutside(c, []image.Rectangle{r}) {
		t.Errorf("%s: the mask does not hold", name)
	}
	return true
}

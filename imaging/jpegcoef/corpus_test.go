package jpegcoef

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
)

// photoDir holds photos from many cameras, seen from this package.
const photoDir = "../../../shared/data/metadata"

// corpus returns the files of a folder of photoDir by name, or skips.
func corpus(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(photoDir, folder))
	if err != nil {
		t.Skipf("SKIPPED: the photos in %s are not here: %v", folder, err)
	}
	files := make(map[string][]byte)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(photoDir, folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = data
	}
	if len(files) == 0 {
		t.Skipf("SKIPPED: %s is empty", folder)
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
	for name, data := range corpus(t, "photos") {
		c, err := Read(data, DefaultLimits())
		want, goErr := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			if errors.Is(err, ErrUnsupported) {
				refusedByName++
			} else {
				damaged++
			}
			t.Logf("%s: Read: %v; image/jpeg: %v", name, err, goErr)
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
		if goErr != nil {
			t.Logf("%s: image/jpeg: %v", name, goErr)
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

// samePixels compares the visible samples of two pictures of one decoder.
func samePixels(a, b image.Image) bool {
	if a.Bounds() != b.Bounds() {
		return false
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			if a.At(x, y) != b.At(x, y) {
				return false
			}
		}
	}
	return true
}

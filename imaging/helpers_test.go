package imaging

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shared gives a folder of real pictures, or skips.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "shared", "data", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: real pictures %q are not on this machine", name)
	}
	return dir
}

// tool finds an independent judge. Where it is missing the test is skipped and says so; with
// CLINIVAULT_TOOLS=required, as `make test` sets it, it fails.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CLINIVAULT_TOOLS") == "required" {
		t.Fatalf("%s is not installed; scripts/tools.sh installs it", name)
	}
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed, so no independent tool judged", name)
	}
	return path
}

// files lists a folder's files; under the race detector every twentieth, since what it looks for does not depend
// on the picture.
func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i, e := range entries {
		if underRace && i%20 != 0 {
			continue
		}
		names = append(names, filepath.Join(dir, e.Name()))
	}
	return names
}

func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// moduleSample is the photo of people that comes with the face detector's module.
func moduleSample(t testing.TB) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/esimov/pigo").Output()
	if err != nil || len(bytes.TrimSpace(dir)) == 0 {
		t.Fatalf("finding the face detector's module: %v", err)
	}
	return load(t, filepath.Join(strings.TrimSpace(string(dir)), "testdata", "sample.jpg"))
}

// scene is a synthetic picture with edges, gradients and noise.
func scene(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(1, uint64(w*h)))
	for y := range h {
		for x := range w {
			n := uint8(r.UintN(24))
			c := color.RGBA{uint8(255 * x / w), uint8(255 * y / h), uint8((x/16 ^ y/16) & 1 * 160), 255}
			m.SetRGBA(x, y, color.RGBA{c.R/2 + n, c.G/2 + n, c.B/2 + n, 255})
		}
	}
	return m
}

// photo encodes a scene as a JPEG file.
func photo(t testing.TB, w, h int) []byte {
	t.Helper()
	return encodeJPEG(t, scene(w, h))
}

func encodeJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, m, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func mustRead(t testing.TB, data []byte) *Still {
	t.Helper()
	s, err := Read(data, Limits{})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return s
}

// insert puts segments directly behind the start of image.
func insert(jpg []byte, segments ...[]byte) []byte {
	out := bytes.Clone(jpg[:2])
	for _, s := range segments {
		out = append(out, s...)
	}
	return append(out, jpg[2:]...)
}

// segment makes a marker segment.
func segment(mark byte, body ...byte) []byte {
	n := len(body) + 2
	return append([]byte{0xff, mark, byte(n >> 8), byte(n)}, body...)
}

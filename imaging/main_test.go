package imaging

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test binary is its own child: called with one of these words it does what a reading process does, or
// what a broken or subverted one might.
func TestMain(m *testing.M) {
	if len(os.Args) != 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "child":
		os.Exit(ChildMain(os.Stdin, os.Stdout))
	case "child-hang":
		time.Sleep(time.Hour)
	case "child-spin", "child-eat":
		misbehave(os.Args[1])
	case "child-exit":
		os.Exit(7)
	case "child-garbage":
		_, _ = os.Stdout.Write(bytes.Repeat([]byte("CVF1 nonsense"), 100))
		os.Exit(0)
	case "child-flood":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<20)); err != nil {
				os.Exit(1)
			}
		}
	case "child-dirty", "child-unmasked", "child-bigbox":
		os.Exit(lie(os.Args[1]))
	case "child-spy":
		os.Exit(spy())
	}
	os.Exit(m.Run())
}

// misbehave takes the request's limits and then breaks them.
func misbehave(how string) {
	var req request
	if err := readHead(os.Stdin, &req); err != nil {
		os.Exit(3)
	}
	if err := limitSelf(req.MemoryBytes, req.CPUSeconds); err != nil {
		os.Exit(4)
	}
	var hoard [][]byte
	for n := 0; ; n++ {
		if how == "child-eat" {
			b := bytes.Repeat([]byte{byte(n)}, 16<<20)
			hoard = append(hoard, b)
		}
	}
}

// lie answers as a subverted child might: with metadata in a picture, with nothing masked, or with a region
// that lies outside.
func lie(how string) int {
	var req request
	if err := readHead(os.Stdin, &req); err != nil {
		return 3
	}
	data, err := readPicture(os.Stdin, 1<<30)
	if err != nil {
		return 3
	}
	out, err := serve(req, data)
	if err != nil {
		return 5
	}
	resp, err := parseResponse(out)
	if err != nil {
		return 5
	}
	switch how {
	case "child-dirty":
		p := resp.pictures[0]
		resp.pictures[0] = append(append(bytes.Clone(p[:2]), 0xff, markCOM, 0, 6, 'h', 'a', 'h', 'a'), p[2:]...)
	case "child-unmasked":
		resp.pictures[0] = data
	case "child-bigbox":
		resp.Regions = []Region{{Kind: KindFace, Box: Box{0, 0, 1 << 30, 5}, Source: "x"}}
	}
	out, err = appendFrame(resp, resp.pictures...)
	if err != nil {
		return 5
	}
	_, _ = os.Stdout.Write(out)
	return 0
}

// spy reports, as the name of a refused format, what a child can see and do.
func spy() int {
	var req request
	if err := readHead(os.Stdin, &req); err != nil {
		return 3
	}
	if err := limitSelf(req.MemoryBytes, req.CPUSeconds); err != nil {
		return 4
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	dir, _ := os.Getwd()
	_, errFile := os.Create(filepath.Join(os.TempDir(), "clinivault-spy"))
	wrote := "no"
	if errFile == nil {
		if os.WriteFile(filepath.Join(os.TempDir(), "clinivault-spy"), []byte("x"), 0o600) == nil {
			wrote = "yes"
		}
		_ = os.Remove(filepath.Join(os.TempDir(), "clinivault-spy"))
	}
	links := "unknown"
	if b, err := os.ReadFile("/proc/net/route"); err == nil {
		links = fmt.Sprint(strings.Count(string(b), "\n") - 1)
	}
	out, err := appendFrame(&response{Code: "unsupported",
		Name: fmt.Sprintf("env=%d dir=%s wrote=%s routes=%s", len(os.Environ()), dir, wrote, links), Advice: "none"})
	if err != nil {
		return 5
	}
	_, _ = os.Stdout.Write(out)
	return 0
}

// shared gives a folder of real pictures, or skips.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "shared", "data", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: real pictures %q are not on this machine", name)
	}
	return dir
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
		t.Skip("SKIPPED: the face detector's module is not unpacked on this machine")
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

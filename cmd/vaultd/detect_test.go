package main

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// found is a searched line as somebody else would read it.
type found struct {
	Path          string
	Width, Height int
	Regions       []struct {
		Kind, Source, Model, Tuning string
		Box                         imaging.Box
		Score                       float64
	}
	CPU   map[string]float64 `json:"cpu_ms"`
	Drawn string
	Error string
}

func TestDetect(t *testing.T) {
	b := newBench(t)
	b.put("face.jpg", vaulttest.Face(t))
	b.put("side.jpg", tagged(t, 6, 64, 48))
	b.put("one.jpg", vaulttest.Picture(t, 1, 1, 3))
	out, _ := b.wants(0, "detect", "--json", "face.jpg", "side.jpg", "one.jpg")
	all := lines[found](t, out)
	if len(all) != 3 {
		t.Fatalf("got %d lines, want 3:\n%s", len(all), out)
	}
	face := all[0]
	s, err := imaging.Read(vaulttest.Face(t), imaging.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want, err := imaging.Detect(s)
	if err != nil {
		t.Fatal(err)
	}
	if face.Path != "face.jpg" || face.Width != s.Width() || face.Height != s.Height() || len(want) == 0 || len(face.Regions) != len(want) {
		t.Errorf("got %s of %d × %d with %d regions, want %d × %d with %d", face.Path, face.Width, face.Height,
			len(face.Regions), s.Width(), s.Height(), len(want))
	}
	for i, r := range face.Regions {
		got := imaging.Region{Kind: imaging.Kind(r.Kind), Box: r.Box, Score: r.Score, Source: r.Source, Model: r.Model, Tuning: r.Tuning}
		if got != want[i] {
			t.Errorf("region %d: got %+v, want %+v as the service finds it", i, got, want[i])
		}
	}
	if face.CPU["face"] <= 0 {
		t.Errorf("processor times %v, want one for faces", face.CPU)
	}
	if all[1].Width != 48 || all[1].Height != 64 {
		t.Errorf("a picture on its side: got %d × %d, want 48 × 64 upright", all[1].Width, all[1].Height)
	}
	if all[2].Regions == nil || len(all[2].Regions) != 0 || !strings.Contains(out, `"regions":[]`) {
		t.Errorf("one pixel: got %+v, want an empty list", all[2])
	}
	out, _ = b.wants(0, "detect", "face.jpg", "one.jpg")
	for _, words := range []string{"face.jpg: ", "pigo/facefinder", "processor time: face", "no proposal", "look for yourself"} {
		if !strings.Contains(out, words) {
			t.Errorf("the table lacks %q:\n%s", words, out)
		}
	}
}

// TestDetectGoesOn: one bad file costs its own line and the status, nothing else.
func TestDetectGoesOn(t *testing.T) {
	b := newBench(t)
	b.put("notes.txt", []byte("no picture at all"))
	b.put("bomb.jpg", bomb(t))
	b.put("good.jpg", vaulttest.Picture(t, 64, 48, 3))
	out, errs := b.wants(1, "detect", "notes.txt", "absent.jpg", "bomb.jpg", "good.jpg", "--json")
	all := lines[found](t, out)
	if len(all) != 4 {
		t.Fatalf("got %d lines, want 4:\n%s", len(all), out)
	}
	for i, says := range []string{"not a picture", "no such file", "larger than", ""} {
		if got := all[i]; !strings.Contains(got.Error, says) || (says == "") != (got.Error == "") || (got.Error == "") != (got.Width == 64) {
			t.Errorf("line %d: got %+v, want the error %q", i, got, says)
		}
	}
	if !strings.Contains(errs, "of 4 pictures 2 were refused and 1 failed") {
		t.Errorf("said %q", errs)
	}
	b.wants(1, "detect", "--json")
	if err := os.Mkdir(b.path("empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, errs := b.wants(1, "detect", "empty"); !strings.Contains(errs, "no file is in the folders") {
		t.Errorf("an empty folder: said %q", errs)
	}
	if out, _ := b.wants(1, "detect", "notes.txt"); !strings.Contains(out, "notes.txt: not searched: ") {
		t.Errorf("the table of a bad file:\n%s", out)
	}
}

func TestDetectDraws(t *testing.T) {
	b := newBench(t)
	b.put("a/face.jpg", vaulttest.Face(t))
	b.put("b/face.jpg", withTurn(t, vaulttest.Face(t), 6))
	out, _ := b.wants(0, "detect", "--json", "--draw", "drawn", "a/face.jpg", "b")
	all := lines[found](t, out)
	if len(all) != 2 || all[0].Drawn != "drawn/face.jpg" || all[1].Drawn != "drawn/face-2.jpg" {
		t.Fatalf("got %+v, want two drawings of different names", all)
	}
	for _, one := range all {
		file := readFile(t, b.path(one.Drawn))
		picture, err := jpeg.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", one.Drawn, err)
		}
		if got := picture.Bounds().Size(); got != image.Pt(one.Width, one.Height) {
			t.Errorf("%s: got %v, want %d × %d upright", one.Drawn, got, one.Width, one.Height)
		}
	}
	first := readFile(t, b.path("drawn/face.jpg"))
	out, _ = b.wants(1, "detect", "--json", "--draw", "drawn", "a/face.jpg")
	if all := lines[found](t, out); !strings.Contains(all[0].Error, "is there already") || !bytes.Equal(readFile(t, b.path("drawn/face.jpg")), first) {
		t.Errorf("drawing again: got %+v, want the old one kept", all[0])
	}
	if !slices.Equal(b.files(), []string{"a/face.jpg", "b/face.jpg", "drawn/face-2.jpg", "drawn/face.jpg"}) {
		t.Errorf("files are %v", b.files())
	}
}

// withTurn puts an orientation before what a JPEG has.
func withTurn(t *testing.T, picture []byte, orientation byte) []byte {
	t.Helper()
	exif := append([]byte{0xff, 0xe1, 0, 34}, "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"...)
	exif = append(exif, orientation, 0, 0, 0, 0, 0, 0)
	return slices.Concat(picture[:2], exif, picture[2:])
}

// TestPen counts how much of a box's outline is drawn.
func TestPen(t *testing.T) {
	white := color.RGBA{0xff, 0xff, 0xff, 0xff}
	count := func(b imaging.Box, dashed bool) (n int) {
		p := pen{image.NewRGBA(image.Rect(0, 0, 100, 100)), 1}
		p.box(b, white, 2, dashed)
		for y := range 100 {
			for x := range 100 {
				if p.canvas.RGBAAt(x, y) == white {
					n++
				}
			}
		}
		return n
	}
	for _, tt := range []struct {
		name     string
		box      imaging.Box
		dashed   bool
		min, max int
	}{
		{"solid", imaging.Box{X0: 10, Y0: 10, X1: 60, Y1: 60}, false, 4*50 + 4*48 - 8, 4*50 + 4*48 - 8},
		{"dashed", imaging.Box{X0: 10, Y0: 10, X1: 60, Y1: 60}, true, 150, 260},
		{"one pixel", imaging.Box{X0: 10, Y0: 10, X1: 11, Y1: 11}, false, 1, 1},
		{"reaching out", imaging.Box{X0: 90, Y0: 90, X1: 150, Y1: 150}, false, 2*10 + 2*9 - 2, 2*10 + 2*9 - 2},
	} {
		if n := count(tt.box, tt.dashed); n < tt.min || n > tt.max {
			t.Errorf("%s: %d pixels, want %d to %d", tt.name, n, tt.min, tt.max)
		}
	}
}

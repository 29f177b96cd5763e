package web

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "draw the icons anew")

// box is the distance from (x, y) to a rectangle with round corners; negative inside.
func box(x, y, left, top, width, height, round float64) float64 {
	dx := math.Abs(x-left-width/2) - width/2 + round
	dy := math.Abs(y-top-height/2) - height/2 + round
	return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - round
}

// cover is how much of a pixel lies inside, for a distance in pixels.
func cover(distance float64) float64 { return min(max(0.5-distance, 0), 1) }

// draw draws the mark of icon.svg, whose picture is 32 wide, into a square; a maskable one is smaller, on a full ground.
func draw(size int, maskable bool) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, size, size))
	unit := float64(size) / 32
	scale, shift := 1.0, 0.0
	if maskable {
		scale, shift = 0.62, 32*(1-0.62)/2
	}
	for py := range size {
		for px := range size {
			x, y := ((float64(px)+0.5)/unit-shift)/scale, ((float64(py)+0.5)/unit-shift)/scale
			at := func(d float64) float64 { return cover(d * unit * scale) }
			body := max(at(box(x, y, 2, 6, 28, 22, 5)), at(box(x, y, 11, 3, 10, 5, 2)))
			ring := at(math.Abs(math.Hypot(x-16, y-17)-7) - 1.2)
			plus := max(at(box(x, y, 14.8, 12.4, 2.4, 9.2, 1.2)), at(box(x, y, 11.4, 15.8, 9.2, 2.4, 1.2)))
			white := max(ring, plus)
			alpha := max(body, white)
			if maskable {
				alpha = 1
			}
			mix := func(ink float64) uint8 { return uint8(math.Round(ink + (255-ink)*white)) }
			out.SetNRGBA(px, py, color.NRGBA{mix(0x0b), mix(0x6a), mix(0x6f), uint8(math.Round(255 * alpha))})
		}
	}
	return out
}

// TestIcons: the pictures of the installed client are those of the mark; -update draws them.
func TestIcons(t *testing.T) {
	for name, c := range map[string]struct {
		size     int
		maskable bool
	}{"180.png": {180, true}, "192.png": {192, false}, "512.png": {512, false}, "maskable.png": {512, true}} {
		t.Run(name, func(t *testing.T) {
			want := draw(c.size, c.maskable)
			if *update {
				var out bytes.Buffer
				if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, want); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join("static", "icons", name), out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			got, err := fs.ReadFile(tree, "static/icons/"+name)
			if err != nil {
				t.Fatal(err)
			}
			picture, err := png.Decode(bytes.NewReader(got))
			if err != nil || picture.Bounds() != want.Bounds() {
				t.Fatalf("got %v, %v, want %d square", picture, err, c.size)
			}
			for i := range c.size * c.size {
				at := image.Pt(i%c.size, i/c.size)
				gr, gg, gb, ga := picture.At(at.X, at.Y).RGBA()
				wr, wg, wb, wa := want.At(at.X, at.Y).RGBA()
				if [4]uint32{gr, gg, gb, ga} != [4]uint32{wr, wg, wb, wa} {
					t.Fatalf("at %v it is not what the mark gives; draw it with -update", at)
				}
			}
		})
	}
}

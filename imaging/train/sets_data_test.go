package train

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

// sharedData is the folder of real pictures, or skips the test: they are not part of the project.
func sharedData(t *testing.T) string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(filepath.Join(root, "faces", "dev-boxes.csv")); err != nil {
		t.Skip("SKIPPED: no folder of pictures at ../shared/data: nothing real was measured")
	}
	return root
}

var red = color.RGBA{220, 30, 30, 255}

// plainData lays out a folder of data in which each face is a red square on grey, so that who looks for red finds
// every one of them.
func plainData(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	picture := func(name string, w, h int, faces ...image.Rectangle) {
		m := image.NewRGBA(image.Rect(0, 0, w, h))
		draw.Draw(m, m.Rect, image.NewUniform(color.Gray{120}), image.Point{}, draw.Src)
		for _, f := range faces {
			draw.Draw(m, f, image.NewUniform(red), image.Point{}, draw.Src)
		}
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := jpeg.Encode(f, m, &jpeg.Options{Quality: 95}); err != nil {
			t.Fatal(err)
		}
	}
	table := func(name, header string, lines []string) {
		text := header + "\n" + strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(root, "faces", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const marks = ",leye_x,leye_y,reye_x,reye_y,nose_x,nose_y,lmouth_x,lmouth_y,rmouth_x,rmouth_y"
	for _, set := range []string{"dev", "train"} {
		var lines []string
		for i := range 20 { // eyes at a third of the height, the nose turned aside more and more
			name := fmt.Sprintf("%s/%d.jpg", set, i)
			picture("faces/"+name, 160, 160, image.Rect(50, 40, 110, 100))
			lines = append(lines, fmt.Sprintf("%s,50,40,110,100,65,58,95,58,%d,75,68,88,92,88", name, 80+i))
		}
		table(set+"-boxes.csv", "file,x1,y1,x2,y2"+marks, lines)
	}
	picture("faces/masked/a.jpg", 200, 100, image.Rect(20, 20, 60, 60), image.Rect(120, 30, 160, 70))
	table("masked-boxes.csv", "file,x1,y1,x2,y2,class",
		[]string{"masked/a.jpg,20,20,60,60,with_mask", "masked/a.jpg,120,30,160,70,with_mask"})
	picture("faces/groups/g.jpg", 120, 120, image.Rect(30, 30, 80, 80))
	table("groups-boxes.csv", "file,x1,y1,x2,y2", []string{"groups/g.jpg,30,30,80,80"})
	var tones []string
	for i := range 30 {
		name := fmt.Sprintf("tones/%d.jpg", i)
		picture("faces/"+name, 100, 100, image.Rect(12, 12, 88, 88))
		tones = append(tones, fmt.Sprintf("%s,%d,0,%d,race", name, i%6, i%5))
	}
	table("tones.csv", "file,age,sex(0=m 1=f),group_code(0 white 1 black 2 asian 3 indian 4 other),set", tones)
	for i := range 30 {
		picture(fmt.Sprintf("wounds/fuseg/%04d.jpg", i), 256, 192)
	}
	picture("wounds/medetec/burns/burn.jpg", 200, 150)
	picture("wounds/medetec/toes/toe.jpg", 200, 150)
	picture("negatives/general/n01440764_tench.jpg", 100, 100)
	picture("negatives/general/n03868863_oxygen_mask.jpg", 100, 100)
	return root
}

// findRed finds what is red, as one box.
func findRed(img image.Image) ([]imaging.Region, error) {
	m := img.(*image.RGBA)
	var box image.Rectangle
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			if p := m.Pix[y*m.Stride+4*x:]; p[0] > 40 && int(p[0]) > 2*int(p[1]) {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if box.Empty() {
		return nil, nil
	}
	return []imaging.Region{{Kind: imaging.KindFace, Score: 0.9,
		Box: imaging.Box{X0: box.Min.X, Y0: box.Min.Y, X1: box.Max.X, Y1: box.Max.Y}}}, nil
}

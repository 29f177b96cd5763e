package train

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

func TestTattooPair(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	from, to := imaging.TileRamp()
	ramp := func(i int) bool { return i >= from && i < to }
	const n = 20000
	constants := 0
	for range n {
		a, b := tattooPair(r)
		if a < 0 || a >= imaging.TileSize || b < 0 || b >= imaging.TileSize {
			t.Fatalf("got %d, %d", a, b)
		}
		if ramp(a) && ramp(b) {
			t.Fatalf("got two constants, %d and %d", a, b)
		}
		if ramp(a) != ramp(b) {
			constants++
		}
	}
	if constants < n/2 || constants > 7*n/10 {
		t.Errorf("%d of %d pairs compare with a constant", constants, n)
	}
}

func TestSceneJudge(t *testing.T) {
	s := scene{tattoos: []rect{{100, 100, 200, 180}, {300, 300, 330, 500}}}
	for _, c := range []struct {
		name string
		w    rect
		want verdict
	}{
		{"the box", rect{100, 90, 200, 190}, wanted},
		{"a good part", rect{110, 110, 160, 160}, wanted},
		{"a speck of it", rect{110, 110, 130, 130}, unclear},
		{"twice as large", rect{80, 70, 220, 210}, wanted},
		{"four times as large", rect{0, 0, 350, 350}, unclear},
		{"a third beside", rect{150, 100, 250, 200}, unclear},
		{"a corner", rect{195, 175, 295, 275}, unwanted},
		{"elsewhere", rect{400, 0, 500, 100}, unwanted},
		{"a part of the long one", rect{295, 350, 335, 390}, wanted},
	} {
		if got := s.judge(c.w); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if got := (scene{}).judge(rect{0, 0, 50, 50}); got != unwanted {
		t.Errorf("no tattoos: got %v", got)
	}
}

func TestResampleKeepsBoxes(t *testing.T) {
	for quarters := range 4 {
		for _, mirror := range []bool{false, true} {
			img := image.NewRGBA(image.Rect(0, 0, 160, 100))
			for i := range img.Pix {
				img.Pix[i] = 255
			}
			for y := 10; y < 30; y++ {
				for x := 20; x < 80; x++ {
					img.SetRGBA(x, y, color.RGBA{A: 255})
				}
			}
			s := scene{img, []rect{{20, 10, 80, 30}}}.resample(2, mirror, quarters)
			if w, h := s.img.Rect.Dx(), s.img.Rect.Dy(); (quarters%2 == 0) != (w == 320 && h == 200) {
				t.Errorf("%d quarters: got %d × %d", quarters, w, h)
			}
			b := s.tattoos[0]
			inside, outside := 0, 0
			for y := range s.img.Rect.Dy() {
				for x := range s.img.Rect.Dx() {
					if s.img.RGBAAt(x, y).R < 128 {
						if fx, fy := float64(x)+0.5, float64(y)+0.5; fx > b.x0-1 && fx < b.x1+1 && fy > b.y0-1 && fy < b.y1+1 {
							inside++
						} else {
							outside++
						}
					}
				}
			}
			if outside > 0 || float64(inside) < 0.95*b.area() {
				t.Errorf("%d quarters, mirror %v: %d dark pixels in the box of %v, %d outside", quarters, mirror, inside, b.area(), outside)
			}
		}
	}
}

func TestVaryIsTheSameEachTime(t *testing.T) {
	make := func(seed uint64) scene {
		return scene{limb(120, 100, 3), []rect{{40, 40, 80, 70}}}.vary(rand.New(rand.NewPCG(seed, 2)), 0.7, 1.3)
	}
	a, b, c := make(1), make(1), make(2)
	if !bytes.Equal(a.img.Pix, b.img.Pix) || a.tattoos[0] != b.tattoos[0] {
		t.Error("the same seed gave two pictures")
	}
	if bytes.Equal(a.img.Pix, c.img.Pix) {
		t.Error("two seeds gave one picture")
	}
}

func TestDecoysChangeSkinOnly(t *testing.T) {
	designs, err := newDesigns("", Train)
	if err != nil {
		t.Fatal(err)
	}
	d := &tattooData{designs: designs}
	changed := 0
	for i := range 60 {
		img := limb(160, 140, 4)
		d.decoys(scene{img: img}, rand.New(rand.NewPCG(7, uint64(i))))
		if !bytes.Equal(img.Pix, limb(160, 140, 4).Pix) {
			changed++
		}
		black := image.NewRGBA(image.Rect(0, 0, 100, 100))
		d.decoys(scene{img: black}, rand.New(rand.NewPCG(7, uint64(i))))
		if !bytes.Equal(black.Pix, make([]byte, len(black.Pix))) {
			t.Fatalf("%d: drew on a picture without skin", i)
		}
	}
	if changed < 15 || changed > 45 {
		t.Errorf("drew on %d of 60 pictures, want about half", changed)
	}
}

// madeUpData writes a small folder of data: limbs with and without ornaments.
func madeUpData(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write := func(name string, img image.Image) {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 92}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	designs, err := newDesigns("", Train)
	if err != nil {
		t.Fatal(err)
	}
	labels := []byte("file,x0,y0,x1,y1\n")
	for i, n := 0, 0; n < 20; i++ {
		img := limb(200, 240, uint64(i))
		box, ok := designs.tattoo(img, newSkinMap(img), rand.New(rand.NewPCG(21, uint64(i))))
		if !ok {
			continue
		}
		n++
		name := fmt.Sprintf("bivtatt/%d_1.jpg", i)
		write("tattoo/"+name, img)
		labels = fmt.Appendf(labels, "%s,%.4f,%.4f,%.4f,%.4f\n", name, box.x0/200, box.y0/240, box.x1/200, box.y1/240)
	}
	for _, set := range []string{"bivtatt", "studio"} {
		lines := labels
		if set == "studio" {
			lines = bytes.ReplaceAll(labels, []byte("bivtatt/"), []byte("studio/"))
		}
		if err := os.WriteFile(filepath.Join(root, "tattoo", set+"-boxes.csv"), lines, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 16 {
		plain := limb(200, 240, uint64(100+i))
		for _, set := range []string{"wounds/fuseg", "wounds/medetec/toes", "wounds/medetec/leg-ulcer-images", "negatives/clothes", "negatives/general", "negatives/people", "tattoo/studio"} {
			write(fmt.Sprintf("%s/%d.jpg", set, i), plain)
		}
	}
	return root
}

func TestTattooLearnsFromLittle(t *testing.T) {
	root := madeUpData(t)
	cfg := TattooConfig{PhotoCopies: 2, MadeUp: 12, TilesOfScene: 4, MinePasses: 1}
	cfg.Rounds, cfg.Tests, cfg.Depth, cfg.Negatives, cfg.Seed = []int{4, 10}, 60, 3, 300, 9
	var files [][]byte
	for _, workers := range []int{1, 2} {
		cfg.Workers = workers
		c, err := Tattoo(context.Background(), root, cfg)
		if err != nil {
			t.Fatal(err)
		}
		file, err := c.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("one worker and two learned different cascades")
	}
	c, err := Parse(files[0])
	if err != nil {
		t.Fatal(err)
	}
	right, wrong := 0, 0
	designs, err := newDesigns("", Report)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		s := scene{img: limb(220, 220, uint64(500+i))}
		r := rand.New(rand.NewPCG(77, uint64(i)))
		wrong += len(s.mistakes(func(p *Patch) bool { _, ok := c.Score(p); return ok }, 50, r))
		if box, ok := designs.tattoo(s.img, newSkinMap(s.img), r); ok {
			s.tattoos = append(s.tattoos, box)
			for _, p := range s.wantedTiles(10, r) {
				if _, ok := c.Score(&p); ok {
					right++
				}
			}
		}
	}
	if right < 25 || wrong > right {
		t.Errorf("on pictures not learned from: %d windows with tattoos accepted, %d without", right, wrong)
	}
}

func TestTattooRefuses(t *testing.T) {
	if _, err := Tattoo(context.Background(), t.TempDir(), TattooConfig{}); err == nil {
		t.Error("no data: learned all the same")
	}
	root := madeUpData(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Tattoo(ctx, root, TattooConfig{PhotoCopies: 1, MadeUp: 2}); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("cancelled: got %v", err)
	}
	labels := filepath.Join(root, "tattoo", "bivtatt-boxes.csv")
	if err := os.WriteFile(labels, []byte("file,x0,y0,x1,y1\nbivtatt/0_1.jpg,0.1,wide,0.3,0.4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tattooLabels(root, "bivtatt"); err == nil {
		t.Error("labels without numbers: accepted")
	}
}

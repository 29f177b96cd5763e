package train

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"math/rand/v2"
	"testing"
)

// meanOf gives the mean colour of a picture.
func meanOf(img *image.RGBA) (mean [3]float64) {
	n := float64(img.Rect.Dx() * img.Rect.Dy())
	for i := 0; i < len(img.Pix); i += 4 {
		for c := range mean {
			mean[c] += float64(img.Pix[i+c]) / n
		}
	}
	return mean
}

func TestLightStaysSkinAndVaries(t *testing.T) {
	darkest, brightest, greys := 255.0, 0.0, 0
	for i := range 80 {
		s := scene{img: limb(40, 40, 1)}
		s.light(rand.New(rand.NewPCG(4, uint64(i))))
		m := meanOf(s.img)
		darkest, brightest = min(darkest, m[0]), max(brightest, m[0])
		if spread := max(m[0], m[1], m[2]) - min(m[0], m[1], m[2]); spread < 2 {
			greys++
		} else if m[0] < m[2] {
			t.Errorf("%d: skin turned blue, %v", i, m)
		}
	}
	if brightest-darkest < 80 {
		t.Errorf("red from %.0f to %.0f: hardly another light", darkest, brightest)
	}
	if greys == 0 || greys > 20 {
		t.Errorf("%d of 80 in grey, want about seven", greys)
	}
}

func TestRecompressed(t *testing.T) {
	img := limb(96, 80, 2)
	good, bad := recompressed(img, 95), recompressed(img, 20)
	off := func(m *image.RGBA) (sum float64) {
		for i := range m.Pix {
			d := float64(m.Pix[i]) - float64(img.Pix[i])
			sum += d * d
		}
		return sum
	}
	if good.Rect != img.Rect || off(good) == 0 || off(bad) < 1.5*off(good) {
		t.Errorf("squared error: got %.0f at quality 95 and %.0f at 20", off(good), off(bad))
	}
	empty := image.NewRGBA(image.Rectangle{})
	if recompressed(empty, 90).Rect != empty.Rect {
		t.Error("an empty picture came back as another")
	}
}

func TestWantedTilesLieOnTattoos(t *testing.T) {
	s := scene{img: limb(300, 300, 5), tattoos: []rect{{80, 90, 180, 200}}}
	for y := 90; y < 200; y++ {
		for x := 80; x < 180; x++ {
			if (x/8+y/8)%2 == 0 {
				s.img.SetRGBA(x, y, color.RGBA{35, 40, 50, 255})
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 9))
	on := s.wantedTiles(10, r)
	off := s.mistakes(func(*Patch) bool { return true }, 40, r)
	if len(on) != 10 || len(off) != 40 {
		t.Fatalf("got %d windows on the tattoo and %d off it, want 10 and 40", len(on), len(off))
	}
	// The fourth channel is the ink: its mean is what sets the two apart.
	ink := func(p *Patch) (sum int) {
		for _, v := range p[3*36 : 4*36] {
			sum += int(v)
		}
		return sum / 36
	}
	ons, offs := 0, 0
	for i := range on {
		ons += ink(&on[i])
	}
	for i := range off {
		offs += ink(&off[i])
	}
	if a, b := ons/len(on), offs/len(off); a < b+8 {
		t.Errorf("windows on the tattoo have %d ink in the mean, those off it %d", a, b)
	}
	if tiles := (scene{img: s.img}).wantedTiles(5, r); len(tiles) != 0 {
		t.Errorf("got %d windows on tattoos of a picture without", len(tiles))
	}
	if tiles := s.mistakes(func(*Patch) bool { return false }, 5, r); len(tiles) != 0 {
		t.Errorf("got %d mistakes of a cascade that accepts nothing", len(tiles))
	}
}

func TestTilesJoinsInOrder(t *testing.T) {
	cut := func(i int) ([]Patch, error) {
		var p Patch
		p[0] = uint8(i)
		return []Patch{p, p}[:1+i%2], nil
	}
	one, err := tiles(context.Background(), 1, 9, cut)
	if err != nil {
		t.Fatal(err)
	}
	three, err := tiles(context.Background(), 3, 9, cut)
	if err != nil || len(one) != 13 || len(three) != 13 {
		t.Fatalf("got %d and %d patches, %v, want 13 each", len(one), len(three), err)
	}
	for i := range one {
		if one[i] != three[i] {
			t.Errorf("patch %d: %d with one worker, %d with three", i, one[i][0], three[i][0])
		}
	}
}

func TestMadeUpSceneIsTheSameEachTime(t *testing.T) {
	root := madeUpData(t)
	d, err := newTattooData(root, "", Train, 3)
	if err != nil {
		t.Fatal(err)
	}
	placed := 0
	for i := range 6 {
		a, ok, err := d.madeUp(i)
		if err != nil {
			t.Fatal(err)
		}
		b, _, _ := d.madeUp(i)
		if !bytes.Equal(a.img.Pix, b.img.Pix) || len(a.tattoos) != len(b.tattoos) {
			t.Errorf("%d: two pictures", i)
		}
		if ok != (len(a.tattoos) > 0) {
			t.Errorf("%d: got %v with %d tattoos", i, ok, len(a.tattoos))
		}
		placed += count(ok)
	}
	if placed < 2 {
		t.Errorf("%d of 6 scenes have a tattoo", placed)
	}
}

func TestDecoysByName(t *testing.T) {
	designs, err := newDesigns("", Train)
	if err != nil {
		t.Fatal(err)
	}
	d := &tattooData{designs: designs}
	for name, draw := range map[string]func(p decoyPen, r *rand.Rand){
		"stitches": func(p decoyPen, r *rand.Rand) { p.stitches(40, 40, 60, r) },
		"hair":     func(p decoyPen, r *rand.Rand) { p.hair(40, 40, 60, r) },
		"pen line": func(p decoyPen, r *rand.Rand) { p.penLine(40, 40, 60, r) },
		"necrosis": func(p decoyPen, r *rand.Rand) { p.necrosis(40, 40, 60, r) },
		"label":    func(p decoyPen, r *rand.Rand) { d.label(p, 40, 40, 60, r) },
		"ruler":    func(p decoyPen, r *rand.Rand) { p.ruler(40, 40, 60, r) },
	} {
		img, before := limb(140, 140, 6), limb(140, 140, 6)
		draw(decoyPen{img}, rand.New(rand.NewPCG(2, 2)))
		inside, outside := 0, 0
		for y := range 140 {
			for x := range 140 {
				if img.RGBAAt(x, y) == before.RGBAAt(x, y) {
					continue
				}
				if x >= 20 && x < 120 && y >= 20 && y < 120 {
					inside++
				} else {
					outside++
				}
			}
		}
		if inside < 30 || outside > 0 {
			t.Errorf("%s: %d pixels drawn, %d of them far away", name, inside, outside)
		}
	}
}

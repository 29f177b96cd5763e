package train

import (
	"fmt"
	"math"
	"path"
	"testing"
)

func TestPartOf(t *testing.T) {
	for _, c := range []struct {
		set, file string
		want      Part
	}{
		{"faces/train", "train/1507_0_0.jpg", Train},
		{"wounds/medetec", "toes/toes-0001.jpg", Tune},
		{"wounds/medetec", "burns/case1-burns-to-hand-and-arm.jpg", Report},
		{"wounds/medetec", "leg-ulcer-images/case-1-2.jpg", Train},
		{"wounds/medetec", "another/case.jpg", Report},
		{"faces/groups", "2007_007763.jpg", Report},
		{"a set of one's own", "1.jpg", Report},
	} {
		if got := PartOf(c.set, c.file); got != c.want {
			t.Errorf("PartOf(%q, %q): got %s, want %s", c.set, c.file, got, c.want)
		}
	}
}

func TestPartOfIsStable(t *testing.T) {
	// The published figures depend on these; a change of the hash would mix trained and reported pictures.
	for file, want := range map[string]Part{
		"faces/dev/1002_0_0.jpg": Report, "faces/dev/1022_0_0.jpg": Tune, "tattoo/studio/dynoz122.jpg": Tune,
		"wounds/fuseg/0011.jpg": Train, "wounds/fuseg/0015.jpg": Report, "faces/masked/1-photo.jpg": Report,
	} {
		if got := PartOf(path.Dir(file), path.Base(file)); got != want {
			t.Errorf("PartOf(%s): got %s, want %s", file, got, want)
		}
		if got := PartOf(path.Dir(file), "folder/"+path.Base(file)); got != want {
			t.Errorf("PartOf(%s) with a folder before its name: got %s, want %s", file, got, want)
		}
	}
}

func TestPartOfKeepsViewsTogether(t *testing.T) {
	for i := range 50 {
		first := PartOf("tattoo/bivtatt", fmt.Sprintf("%d_1.jpg", i))
		if second := PartOf("tattoo/bivtatt", fmt.Sprintf("bivtatt/%d_2.JPG", i)); first != second {
			t.Errorf("views of tattoo %d: one in %s, one in %s", i, first, second)
		}
	}
}

func TestPartOfShares(t *testing.T) {
	const n = 4000
	for set, s := range shares {
		got := map[Part]int{}
		for i := range n {
			got[PartOf(set, fmt.Sprintf("%d.jpg", i))]++
		}
		for part, want := range map[Part]float64{Train: s.train, Tune: s.tune, Report: 1 - s.train - s.tune} {
			if share := float64(got[part]) / n; math.Abs(share-want) > 0.03 {
				t.Errorf("%s: got a share of %.3f for %s, want %.2f", set, share, part, want)
			}
		}
	}
}

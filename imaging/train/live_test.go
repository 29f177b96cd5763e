package train

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

// atLeast is how often, in per cent, a set gets its warning even in a small sample. Sets that are not here are told of too
// seldom to hold anybody to (imaging/LIVE.md has the figures).
var atLeast = map[string]int{"whole": 75, "tones": 75, "roll/60 to 120": 50, "cut/eye strip": 25, "partial/one eye": 50,
	"tattoo/bivtatt": 80, "tattoo/studio": 75, "label/28": 60, "label/40": 80, "label/60": 75, "blur/2 pixels": 80, "blur/4 pixels": 90,
	"blur/moved 8": 75, "blur/moved 16": 90, "dark": 90, "glare": 90, "far": 90, "wristband": 80}

// TestLiveRates measures the live checks on real pictures, and prints a table of how often each set gets each warning. It wants
// each set told of what is in it, and wounds of nothing.
func TestLiveRates(t *testing.T) {
	root := sharedData(t)
	n := 12
	if all, err := strconv.Atoi(os.Getenv("CLINIVAULT_DRILL")); err == nil {
		n = all
	}
	examples, err := LiveExamples(root, Report, n)
	if err != nil {
		t.Fatal(err)
	}
	rates, err := LiveRates(t.Context(), examples)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-18s %4s", "set", "of")
	for _, code := range imaging.LiveCodes {
		fmt.Fprintf(&table, " %9s", code)
	}
	for _, r := range rates {
		fmt.Fprintf(&table, "\n%-18s %4d", r.Set, r.Of)
		for _, code := range imaging.LiveCodes {
			mark := ""
			if code == r.Want {
				mark = "*"
			}
			fmt.Fprintf(&table, " %8.1f%1s", 100*float64(r.Told[code])/float64(r.Of), mark)
		}
	}
	for _, r := range rates {
		fmt.Fprintf(&table, "\n%-18s", r.Set)
		for _, code := range imaging.LiveCodes {
			s := r.Scores[code]
			fmt.Fprintf(&table, " %s %.2f/%.2f/%.2f", code, s[len(s)*5/100], s[len(s)/2], s[len(s)*95/100])
		}
	}
	t.Log(table.String())
	measured := map[string]bool{}
	for _, r := range rates {
		measured[r.Set] = true
		if r.Want != "" && 100*r.Told[r.Want] < atLeast[r.Set]*r.Of {
			t.Errorf("%s: told of %s in %d of %d, want %d %%", r.Set, r.Want, r.Told[r.Want], r.Of, atLeast[r.Set])
		}
		for _, code := range imaging.LiveCodes {
			if strings.HasPrefix(r.Set, "wounds/") && 100*r.Told[code] > 12*r.Of+100 { // one more than an eighth, in a small sample
				t.Errorf("%s: falsely told of %s in %d of %d", r.Set, code, r.Told[code], r.Of)
			}
		}
	}
	for set := range atLeast {
		if !measured[set] {
			t.Errorf("%s was not measured", set)
		}
	}
}

// TestSpoiltWoundsAreSpoilt wants each way of spoiling a picture to be the same each time, and to leave none as it was.
func TestSpoiltWoundsAreSpoilt(t *testing.T) {
	plain := Example{Name: "plain", make: func() (*image.RGBA, []imaging.Box, error) {
		img := image.NewRGBA(image.Rect(0, 0, 300, 260))
		for i := range img.Pix {
			img.Pix[i] = uint8((i/4%300/3+i/4/300/3)%7*20 + 60)
		}
		return img, nil, nil
	}}
	was, _, _ := plain.Picture()
	wants := map[imaging.LiveCode]bool{}
	for _, e := range spoiltWounds([]Example{plain}) {
		one, err := e.Picture()
		if err != nil {
			t.Fatal(err)
		}
		two, err := e.Picture()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one.Pix, two.Pix) || bytes.Equal(one.Pix, was.Pix) || one.Rect != was.Rect {
			t.Errorf("%s: the same each time %v, unchanged %v, %v", e.Set, bytes.Equal(one.Pix, two.Pix), bytes.Equal(one.Pix, was.Pix), one.Rect)
		}
		if _, err := e.Scores(); err != nil {
			t.Errorf("%s: %v", e.Set, err)
		}
		wants[e.Want] = true
	}
	for _, code := range []imaging.LiveCode{imaging.LiveBlur, imaging.LiveDark, imaging.LiveGlare, imaging.LiveFar, imaging.LiveWristband} {
		if !wants[code] {
			t.Errorf("nothing is spoilt so that %s should be told of", code)
		}
	}
}

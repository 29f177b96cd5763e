package train

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/imaging"
)

func TestWilson(t *testing.T) {
	// Reference values: Newcombe 1998, table I, method 3 (score, no continuity correction).
	for _, c := range []struct {
		name   string
		k, n   int
		lo, hi float64
	}{
		{"81 of 263", 81, 263, 0.2553, 0.3662},
		{"15 of 148", 15, 148, 0.0624, 0.1605},
		{"none of 20", 0, 20, 0.0000, 0.1611},
		{"1 of 29", 1, 29, 0.0061, 0.1718},
		{"all of 20", 20, 20, 0.8389, 1},
		{"no trials", 0, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			lo, hi := Wilson(c.k, c.n)
			if math.Abs(lo-c.lo) > 5e-5 || math.Abs(hi-c.hi) > 5e-5 {
				t.Errorf("Wilson(%d, %d): got %.4f, %.4f, want %.4f, %.4f", c.k, c.n, lo, hi, c.lo, c.hi)
			}
		})
	}
}

func TestCount(t *testing.T) {
	r := SetResult{Of: 4, Found: 3, Covered: 1}
	for _, n := range []int{0, 2, 1, 0} {
		r.Count(n, n/2)
	}
	if r.Pictures != 4 || r.False != 3 || r.FalseFirm != 1 || r.Hit != 2 || r.FalseSquares != 5 {
		t.Errorf("pictures with 0, 2, 1, 0 false boxes: got %+v", r)
	}
	if r.Recall() != 0.75 || r.Covers() != 0.25 || r.FalsePerPicture() != 0.75 {
		t.Errorf("shares: got %v, %v, %v, want 0.75, 0.25, 0.75", r.Recall(), r.Covers(), r.FalsePerPicture())
	}
	// Variance of 0, 2, 1, 0 is 11/12; half the interval is 1.96 × sqrt(11/12/4) = 0.938.
	if lo, hi := r.FalseInterval(); lo != 0 || math.Abs(hi-1.688) > 1e-3 {
		t.Errorf("interval of the mean: got %.3f, %.3f, want 0, 1.688", lo, hi)
	}
	if _, hi := (SetResult{}).FalseInterval(); !math.IsInf(hi, 1) {
		t.Errorf("interval without pictures: got an upper end of %v, want none", hi)
	}
}

func TestWriteTable(t *testing.T) {
	var out bytes.Buffer
	err := WriteTable(&out, []SetResult{
		{Set: "faces", Kind: imaging.KindFace, Of: 10, Found: 9, Covered: 8, CPU: 3 * time.Second, Searched: 10, Note: "a note"},
		{Set: "wounds", Kind: imaging.KindFace, Pictures: 4, False: 2, FalseFirm: 1, FalseSquares: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("lines: got %d, want 3:\n%s", len(lines), out.String())
	}
	for i, want := range [][]string{1: {"90.0", "59.6–98.2", "80.0", "300", "a note"}, 2: {"0.50", "0.25"}} {
		for _, w := range want {
			if !strings.Contains(lines[i], w) {
				t.Errorf("line %q: no %q", lines[i], w)
			}
		}
	}
	if strings.Contains(lines[2], "0.0–") {
		t.Errorf("a set without labels shows a share: %q", lines[2])
	}
}

func TestWriteMarkdown(t *testing.T) {
	var out bytes.Buffer
	err := WriteMarkdown(&out, []SetResult{{Set: "a", Kind: imaging.KindTattoo, Of: 4, Found: 4, Firm: 3, Covered: 2}, {Set: "b"}})
	want := "| set | of | found | 95 % | firmly | covered | 95 % |\n| --- | --- | --- | --- | --- | --- | --- |\n" +
		"| a | 4 | 100.0 | 51.0–100.0 | 75.0 | 50.0 | 15.0–85.0 |\n| b | - | - | - | - | - | - |\n"
	if err != nil || out.String() != want {
		t.Errorf("got %v and\n%swant\n%s", err, out.String(), want)
	}
}

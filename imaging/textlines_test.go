package imaging

import (
	"image"
	"math"
	"testing"
)

// sign is a glyph at x, y of the size of a letter 10 pixels wide and 14 high.
func sign(x, y int) glyph {
	return glyph{x0: x, y0: y, x1: x + 10, y1: y + 14, area: 60, across: 25, down: 15, sum: 60 * 40}
}

func TestNeighbours(t *testing.T) {
	tall, faint, thick := sign(12, -16), sign(12, 0), sign(12, 0)
	tall.y1 = 24
	faint.sum = faint.area * 120
	thick.area, thick.sum = 130, 130*40
	thick.across, thick.down = 14, 10
	for _, c := range []struct {
		name string
		b    glyph
		want bool
	}{
		{"next", sign(12, 0), true}, {"after a space", sign(20, 0), true}, {"on a slope", sign(14, 4), true},
		{"too far", sign(40, 0), false}, {"on the next line", sign(12, 16), false}, {"over it", sign(1, 0), false},
		{"too tall", tall, false}, {"other ink", faint, false}, {"other pen", thick, false},
	} {
		a := sign(0, 0)
		if got := neighbours(&a, &c.b); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// TestLines wants two lines told apart, a stray glyph left out, and facts that match what was drawn.
func TestLines(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 400, 200))
	for i := range m.Pix {
		m.Pix[i] = 200
	}
	var glyphs []glyph
	for i := range 8 {
		glyphs = append(glyphs, sign(20+13*i, 50), sign(40+13*i, 80+i))
	}
	glyphs = append(glyphs, sign(350, 150))
	found := lines(m, glyphs)
	if len(found) != 2 || len(found[0].glyphs) != 8 || len(found[1].glyphs) != 8 {
		t.Fatalf("got %d lines, want 2 of 8 glyphs each", len(found))
	}
	for i, slope := range []float64{0, 1. / 13} {
		f := found[i].facts
		if f.signs != 8 || f.heights > 1e-6 || f.tones > 1e-6 || f.wander > 0.02 || math.Abs(f.slope-slope) > 0.01 {
			t.Errorf("line %d: got %+v, want 8 even signs on a slope of %.3f", i, f, slope)
		}
		if math.Abs(f.fill-60.0/140) > 1e-9 {
			t.Errorf("line %d: got fill %v, want %v", i, f.fill, 60.0/140)
		}
	}
	if steep := lines(m, []glyph{sign(0, 0), sign(11, 7), sign(22, 14), sign(33, 21)}); len(steep) != 0 {
		t.Errorf("steep: got %d lines, want none", len(steep))
	}
	if none := lines(m, nil); none != nil {
		t.Errorf("nothing: got %v", none)
	}
}

// TestScore wants each fact to pull the way it should.
func TestScore(t *testing.T) {
	good := lineFacts{signs: 12, heights: 0.1, tones: 0.05, contrast: 90, wander: 0.03, fill: 0.4}
	base := (&line{facts: good}).score()
	if base < 0.9 {
		t.Errorf("a good line: got %v, want 0.9 or more", base)
	}
	for name, worsen := range map[string]func(*lineFacts){
		"few signs": func(f *lineFacts) { f.signs = 3 }, "uneven": func(f *lineFacts) { f.heights = 0.4 },
		"motley": func(f *lineFacts) { f.tones = 0.4 }, "pale": func(f *lineFacts) { f.contrast = 12 },
		"crooked": func(f *lineFacts) { f.wander = 0.3 }, "thin": func(f *lineFacts) { f.fill = 0.15 },
	} {
		f := good
		worsen(&f)
		if got := (&line{facts: f}).score(); got >= base || got < 0 {
			t.Errorf("%s: got %v, want less than %v", name, got, base)
		}
	}
	for _, f := range []lineFacts{{}, {signs: math.Inf(1), wander: math.Inf(1), heights: math.Inf(1)}} {
		if got := (&line{facts: f}).score(); math.IsNaN(got) || got < 0 || got > 1 {
			t.Errorf("%+v: got %v", f, got)
		}
	}
}

func TestJoinLines(t *testing.T) {
	at := func(x0, y0, x1, y1, score float64) finding {
		return finding{kind: KindText, x0: x0, y0: y0, x1: x1, y1: y1, score: score}
	}
	for _, c := range []struct {
		name string
		in   []finding
		want []finding
	}{
		{"words of a line", []finding{at(0, 0, 50, 10, 0.6), at(58, 1, 90, 11, 0.9), at(100, 0, 130, 10, 0.4)}, []finding{at(0, 0, 130, 11, 0.9)}},
		{"words of a plumb line", []finding{at(0, 0, 10, 50, 0.6), at(1, 58, 11, 90, 0.9)}, []finding{at(0, 0, 11, 90, 0.9)}},
		{"two lines", []finding{at(0, 0, 50, 10, 0.9), at(0, 12, 50, 22, 0.6)}, []finding{at(0, 0, 50, 10, 0.9), at(0, 12, 50, 22, 0.6)}},
		{"far words", []finding{at(0, 0, 50, 10, 0.9), at(80, 0, 120, 10, 0.6)}, []finding{at(0, 0, 50, 10, 0.9), at(80, 0, 120, 10, 0.6)}},
		{"a part of another height", []finding{at(0, 0, 60, 20, 0.9), at(5, 5, 20, 12, 0.6)}, []finding{at(0, 0, 60, 20, 0.9)}},
	} {
		got := joinLines(c.in)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: got %v, want %v", c.name, got[i], c.want[i])
			}
		}
	}
}

// TestJoinLinesBound wants the strongest of too many lines.
func TestJoinLinesBound(t *testing.T) {
	var many []finding
	for i := range 400 {
		many = append(many, finding{x0: 0, y0: float64(20 * i), x1: 90, y1: float64(20*i + 10), score: float64(i) / 400})
	}
	got := joinLines(many)
	if len(got) != MaxRegions/4 || got[len(got)-1].score < 0.67 {
		t.Errorf("got %d lines down to %v, want the %d strongest", len(got), got[len(got)-1].score, MaxRegions/4)
	}
}

package imaging

import (
	"cmp"
	"image"
	"math"
	"slices"
)

const (
	textSource = "clinivault/text"
	textTuning = "t1"
	textSide   = 1280 // longest side that is searched; smaller pictures are searched at twice their size
	leastText  = 0.3  // score under which nothing is proposed
)

// textRadii are the surroundings against which a pixel is called ink: small print, and large.
var textRadii = []int{9, 28}

// searchText proposes lines that look like print or lettering: name bands, labels, rulers, screens, dates and marks
// that a camera put into the picture. It does not read. A pixel is ink where it is darker, or lighter, than its
// surroundings; touching ink makes a glyph; glyphs as tall and thick as each other, side by side, make a line; and a
// line is proposed when its ink is even, clear of its paper and strung straight. Lines may run up to 25 degrees off
// level or off plumb. The picture is upright, at most 1280 pixels a side.
func searchText(gray *image.Gray) ([]finding, error) {
	scale := 1.0
	w, h := gray.Rect.Dx(), gray.Rect.Dy()
	if w < 8 || h < 8 {
		return nil, nil
	}
	if max(w, h)*2 <= textSide {
		gray, scale = doubleGray(gray), 2
	}
	var found []finding
	for _, l := range textLines(gray) {
		if s := l.score(); s >= leastText {
			found = append(found, l.finding(s))
		}
	}
	found = joinLines(found)
	for i := range found {
		f := &found[i]
		f.x0, f.y0, f.x1, f.y1 = f.x0/scale, f.y0/scale, f.x1/scale, f.y1/scale
	}
	return found, nil
}

// textLines gives the candidates of every reading: both inks, both sizes, level and plumb.
func textLines(gray *image.Gray) []line {
	var all []line
	plumb := turnGray(5, gray)
	for _, radius := range textRadii {
		mask := inkMask(gray, radius)
		for _, ink := range []uint8{dark, light} {
			patches := inkPatches(gray, mask, ink)
			all = append(all, lines(gray, patches)...)
			for i := range patches {
				patches[i] = patches[i].turned()
			}
			for _, l := range lines(plumb, patches) {
				for i := range l.glyphs {
					l.glyphs[i] = l.glyphs[i].turned()
				}
				all = append(all, l)
			}
		}
	}
	return all
}

// score is 0 to 1, by a logistic regression on six facts: many signs, of like height and ink, dark or light enough, on
// a straight line. Its weights were fitted to some 10,000 candidates in made-up labels and in photos of wounds and
// clothes, and are rounded; DETECTION.md tells on what they were chosen and what they do elsewhere.
func (l *line) score() float64 {
	f := &l.facts
	z := -11.0 + 2.7*clamped(math.Log2(f.signs), 1.2, 4) - 3.9*clamped(f.heights, 0.02, 0.5) - 4.8*clamped(f.tones, 0, 0.4) +
		0.96*clamped(math.Log2(max(1, f.contrast)), 3.5, 7) - 7.5*clamped(f.wander, 0, 0.35) + 1.2*clamped(f.fill, 0.15, 0.8)
	return 1 / (1 + math.Exp(-z))
}

// clamped is v, or the nearer of lo and hi.
func clamped(v, lo, hi float64) float64 { return min(hi, max(lo, v)) }

func (l *line) finding(score float64) finding {
	f := finding{kind: KindText, x0: math.Inf(1), y0: math.Inf(1), x1: math.Inf(-1), y1: math.Inf(-1),
		score: score, source: textSource, tuning: textTuning}
	for _, g := range l.glyphs {
		f.x0, f.y0 = min(f.x0, float64(g.x0)), min(f.y0, float64(g.y0))
		f.x1, f.y1 = max(f.x1, float64(g.x1)), max(f.y1, float64(g.y1))
	}
	return f
}

// joinLines makes one of the findings of the same text, and of the words of one line. The strongest gives the score.
func joinLines(found []finding) []finding {
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(b.score, a.score) })
	for again := true; again; {
		again = false
		var kept []finding
		for _, f := range found {
			i := slices.IndexFunc(kept, func(k finding) bool { return sameLine(k, f) })
			if i < 0 {
				kept = append(kept, f)
				continue
			}
			if k := &kept[i]; inLine(*k, f) {
				k.x0, k.y0, k.x1, k.y1 = min(k.x0, f.x0), min(k.y0, f.y0), max(k.x1, f.x1), max(k.y1, f.y1)
				again = true
			}
		}
		found = kept
	}
	return found[:min(len(found), MaxRegions/4)]
}

// sameLine reports whether one box is mostly inside the other, or both are level.
func sameLine(a, b finding) bool {
	across, down := min(a.x1, b.x1)-max(a.x0, b.x0), min(a.y1, b.y1)-max(a.y0, b.y0)
	least := min((a.x1-a.x0)*(a.y1-a.y0), (b.x1-b.x0)*(b.y1-b.y0))
	return across > 0 && down > 0 && across*down > 0.5*least || inLine(a, b)
}

// inLine reports whether two boxes, about as high, stand on one line with little more than their height between them;
// or so when turned by a quarter.
func inLine(a, b finding) bool {
	along := func(a0, a1, b0, b1, aw, bw float64, down float64) bool {
		ah, bh := a1-a0, b1-b0
		return max(ah, bh) < 1.7*min(ah, bh) && min(a1, b1)-max(a0, b0) > 0.6*min(ah, bh) && down > -1.2*min(ah, bh) &&
			max(aw, bw) > 1.5*max(ah, bh)
	}
	across, down := min(a.x1, b.x1)-max(a.x0, b.x0), min(a.y1, b.y1)-max(a.y0, b.y0)
	return along(a.y0, a.y1, b.y0, b.y1, a.x1-a.x0, b.x1-b.x0, across) || along(a.x0, a.x1, b.x0, b.x1, a.y1-a.y0, b.y1-b.y0, down)
}

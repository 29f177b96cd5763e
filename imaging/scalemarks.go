package imaging

import (
	"cmp"
	"image"
	"math"
	"slices"
)

// mark is a square ring about a square, as stands in each corner of a scale card: along any line through its middle, dark and
// light follow each other as 1 : 1 : 2 : 1 : 1 modules.
type mark struct {
	x, y   float64 // centre
	module float64 // pixels
	seen   int     // rows that met it
}

const (
	mostMarks   = 24  // kept of a picture, those seen in most rows
	leastModule = 1.4 // pixels
)

var markRuns = [5]float64{1, 1, 2, 1, 1}

// findMarks looks along every row, and from what it meets there down the column.
func findMarks(gray *image.Gray) []mark {
	w, h := gray.Rect.Dx(), gray.Rect.Dy()
	ink := binarised(gray)
	var marks []mark
	for y := range h {
		row := ink[y*w:][:w]
		var runs [5]int // the last five, ending at x
		dark, length := false, 0
		for x := 0; x <= w; x++ {
			if x < w && row[x] == dark {
				length++
				continue
			}
			copy(runs[:], runs[1:])
			runs[4] = length
			if dark {
				if module, ok := markLike(runs); ok {
					at := float64(x) - float64(runs[4]+runs[3]) - float64(runs[2])/2
					marks = takeMark(marks, ink, w, h, at, y, module)
				}
			}
			dark, length = !dark, 1
		}
	}
	marks = slices.DeleteFunc(marks, func(m mark) bool { return float64(m.seen) < m.module/2 })
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(b.seen, a.seen) })
	return marks[:min(len(marks), mostMarks)]
}

// markLike reports whether five runs, dark first, are those of a mark, and gives its module.
func markLike(runs [5]int) (module float64, ok bool) {
	total := 0
	for _, r := range runs {
		total += r
	}
	module = float64(total) / 6
	if module < leastModule {
		return 0, false
	}
	for i, r := range runs {
		if r == 0 || math.Abs(float64(r)-markRuns[i]*module) > 0.45*markRuns[i]*module+0.7 {
			return 0, false
		}
	}
	return module, true
}

// takeMark checks a place met in row y down its column, and along the row through the middle found there.
func takeMark(marks []mark, ink []bool, w, h int, at float64, y int, module float64) []mark {
	cy, down, ok := crossing(func(i int) bool { return ink[i*w+int(at)] }, h, y, module)
	if !ok || down > 2*module || module > 2*down {
		return marks
	}
	cx, across, ok := crossing(func(i int) bool { return ink[int(cy)*w+i] }, w, int(at), module)
	if !ok || math.Abs(cx-at) > 1.5*module {
		return marks
	}
	module = (down + across) / 2
	for i := range marks {
		if m := &marks[i]; math.Hypot(m.x-cx, m.y-cy) < module {
			n := float64(m.seen)
			m.x, m.y, m.module = (n*m.x+cx)/(n+1), (n*m.y+cy)/(n+1), (n*m.module+module)/(n+1)
			m.seen++
			return marks
		}
	}
	if len(marks) >= 64*mostMarks {
		return marks
	}
	return append(marks, mark{cx, cy, module, 1})
}

// crossing follows a line of n pixels both ways from a dark one, through the light ring and the dark one, and gives the middle
// and the module.
func crossing(dark func(int) bool, n, from int, module float64) (middle, found float64, ok bool) {
	if from < 0 || from >= n || !dark(from) {
		return 0, 0, false
	}
	far := int(3*module) + 2
	follow := func(step int) (runs [3]int, ok bool) {
		i, want := from, true
		for k := range runs {
			for i >= 0 && i < n && dark(i) == want {
				runs[k]++
				if i += step; runs[k] > far {
					return runs, false
				}
			}
			want = !want
		}
		return runs, true
	}
	up, ok1 := follow(-1)
	down, ok2 := follow(1)
	if !ok1 || !ok2 {
		return 0, 0, false
	}
	found, ok = markLike([5]int{up[2], up[1], up[0] + down[0] - 1, down[1], down[2]})
	// The outer edges lie furthest apart, so that their middle is the surest.
	first, last := from-up[0]-up[1]-up[2]+1, from+down[0]+down[1]+down[2]
	return float64(first+last) / 2, found, ok
}

// binarised tells ink from paper: darker by an eighth than the mean of the neighbourhood, a sixteenth of the picture each way.
func binarised(gray *image.Gray) []bool {
	w, h := gray.Rect.Dx(), gray.Rect.Dy()
	radius := max(w, h)/16 + 4
	ink, sums := make([]bool, w*h), make([]int, w)
	add := func(y, sign int) {
		for x, v := range gray.Pix[y*gray.Stride:][:w] {
			sums[x] += sign * int(v)
		}
	}
	for y := range min(radius, h) {
		add(y, 1)
	}
	for y := range h {
		if y+radius < h {
			add(y+radius, 1)
		}
		if y-radius > 0 {
			add(y-radius-1, -1)
		}
		rows := min(y+radius+1, h) - max(y-radius, 0)
		sum := 0
		for x := range min(radius, w) {
			sum += sums[x]
		}
		for x, v := range gray.Pix[y*gray.Stride:][:w] {
			if x+radius < w {
				sum += sums[x+radius]
			}
			if x-radius > 0 {
				sum -= sums[x-radius-1]
			}
			n := rows * (min(x+radius+1, w) - max(x-radius, 0))
			ink[y*w+x] = 8*int(v)*n < 7*sum
		}
	}
	return ink
}

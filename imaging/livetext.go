package imaging

import (
	"image"
)

// textFirm is the score of a line of text, as the vault's search gives it, from which it is told of.
const textFirm = 0.6

// lookText tells of print and lettering, and of name bands.
func lookText(frame *image.RGBA) ([]Warning, error) {
	gray := lumaOf(frame)
	defer clear(gray.Pix)
	found, err := searchText(gray)
	if err != nil {
		return nil, err
	}
	all := fromFindings(LiveText, found, frame, func(f finding) float64 { return rising(f.score, 0, textFirm, 1) })
	return append(all, lookBands(frame, gray)...), nil
}

// Where a square of bandCell pixels counts as print on pale, colourless paper.
const (
	bandCell   = 8
	bandPaper  = 130     // luma that a quarter of its pixels exceed
	bandInk    = 0.62    // of that, at most, is the luma of the darkest eighth
	bandChroma = 14      // mean distance from grey of its Cb and Cr, together
	bandSteps  = 14 * 14 // mean square of the steps from pixel to pixel
	bandFirm   = 26      // squares that touch, from which a band is told of
)

// lookBands tells of name bands and labels: squares that touch, each pale, colourless paper with much dark print, bars or a
// matrix of dots on it.
func lookBands(frame *image.RGBA, gray *image.Gray) (all []Warning) {
	cols, rows := frame.Rect.Dx()/bandCell, frame.Rect.Dy()/bandCell
	m := &heat{cols: cols, rows: rows, cells: make([]float32, cols*rows)}
	for i := range m.cells {
		if printed(frame, gray, i%cols*bandCell, i/cols*bandCell) {
			m.cells[i] = 1
		}
	}
	seen := make([]bool, len(m.cells))
	for start, c := range m.cells {
		if c == 0 || seen[start] {
			continue
		}
		part := m.flood(start, 1, seen)
		score := rising(float64(len(part)), 0, bandFirm, 4*bandFirm)
		if score < LiveFirm/2 || len(all) >= 16 {
			continue
		}
		b := Box{frame.Rect.Dx(), frame.Rect.Dy(), 0, 0}
		for _, i := range part {
			x, y := i%cols*bandCell, i/cols*bandCell
			b = Box{min(b.X0, x), min(b.Y0, y), max(b.X1, x+bandCell), max(b.Y1, y+bandCell)}
		}
		all = append(all, Warning{Code: LiveWristband, Score: score, Box: b})
	}
	return all
}

// printed reports whether the square at x, y is print on pale paper.
func printed(frame *image.RGBA, gray *image.Gray, x, y int) bool {
	var shades [256]int
	chroma, steps := 0, 0
	for j := y; j < y+bandCell; j++ {
		row, luma := frame.Pix[j*frame.Stride+4*x:][:4*bandCell], gray.Pix[j*gray.Stride+x:][:bandCell]
		for i, l := range luma {
			shades[l]++
			r, b := int(row[4*i])-int(l), int(row[4*i+2])-int(l) // proportional to Cr and Cb
			chroma += (max(r, -r)*182 + max(b, -b)*144) / 256
			if i > 0 {
				d := int(l) - int(luma[i-1])
				steps += d * d
			}
			if j > y {
				d := int(l) - int(gray.Pix[(j-1)*gray.Stride+x+i])
				steps += d * d
			}
		}
	}
	const n = bandCell * bandCell
	if chroma > bandChroma*n || steps < bandSteps*n {
		return false
	}
	paper, ink, count := bright(shades[:], n), 0, 0
	for count < n/8 {
		count += shades[ink]
		ink++
	}
	return paper >= bandPaper && float64(ink) <= bandInk*paper
}

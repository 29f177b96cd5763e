package imaging

// The layout of a tile. It is a list of values, of which a cascade compares any two; rows and columns mean nothing.
const (
	// TileSide is the side of a tile, and TileSize its length in bytes.
	TileSide = 32
	TileSize = TileSide * TileSide

	tileCells  = 6                                     // cells across a window
	tileGrid   = tileCells * tileCells                 // cells of a window
	tileRanks  = tattooChannels * tileGrid             // from here: order statistics of the cells
	tileStats  = tileRanks + len(ranks)*tattooChannels // mean, spread, roughness, centre, border, surround
	tileAround = tileStats + 6*tattooChannels          // the surround in 12 pieces
	tileRamp   = tileAround + 12*len(surroundChannels) // constants
	tileRest   = tileRamp + 128                        // size, tone, the whole picture
	tileUsed   = tileRest + 4 + 3*len(pictureChannels) // the last bytes, to be checked by the compiler
	_          = uint(TileSize - tileUsed)
)

// ranks are the order statistics kept of the 36 cells of a window, from the least to the greatest.
var ranks = [...]int{0, 3, 9, 18, 26, 32, 35}

// surroundChannels are described around the window as well: whether there is skin, and how it looks.
var surroundChannels = [...]int{chLuma, chRed, chInk, chSkin, chEdge, chChroma, chTexture, chVivid}

// pictureChannels are described of the whole picture: its mean, and where the window lies to it.
var pictureChannels = [...]int{chInk, chSkin, chEdge, chDark}

// Tile describes a window: each of 16 channels in 6 × 6 cells, their order statistics, mean, spread, roughness,
// centre and border; what surrounds the window to twice its size; a ramp of constants to compare with; the size,
// the skin tone, and the whole picture.
func (v *TattooView) Tile(w TattooWindow, tile *[TileSize]byte) {
	var cells [tileGrid][tattooChannels]uint8
	for cy := range tileCells {
		for cx := range tileCells {
			x, y := w.bx+cx*w.cell, w.by+cy*w.cell
			v.means(x, y, x+w.cell, y+w.cell, &cells[cy*tileCells+cx])
		}
	}
	for c := range tattooChannels {
		var values [tileGrid]uint8
		for i := range cells {
			values[i] = cells[i][c]
		}
		copy(tile[c*tileGrid:], values[:])
		stats := describe(&values, tile[tileRanks+c*len(ranks):][:len(ranks)])
		for i, s := range stats {
			tile[tileStats+i*tattooChannels+c] = s
		}
	}
	v.surround(w, tile)
	for i := range 128 {
		tile[tileRamp+i] = uint8(2 * i)
	}
	v.place(w, tile)
}

// describe gives mean, spread, roughness, centre and border of a channel's cells, and writes its order statistics.
func describe(values *[tileGrid]uint8, order []byte) [5]uint8 {
	var total, centre, border, rough int
	for i, value := range values {
		x, y, n := i%tileCells, i/tileCells, int(value)
		total += n
		if x == 0 || y == 0 || x == tileCells-1 || y == tileCells-1 {
			border += n
		} else if x > 1 && y > 1 && x < tileCells-2 && y < tileCells-2 {
			centre += n
		}
		if x > 0 {
			rough += absInt(n - int(values[i-1]))
		}
		if y > 0 {
			rough += absInt(n - int(values[i-tileCells]))
		}
	}
	mean := total / tileGrid
	spread := 0
	for _, value := range values {
		spread += absInt(int(value) - mean)
	}
	sorted := *values
	for i := 1; i < len(sorted); i++ { // few values: insertion is the fastest
		value, j := sorted[i], i
		for ; j > 0 && sorted[j-1] > value; j-- {
			sorted[j] = sorted[j-1]
		}
		sorted[j] = value
	}
	for i, rank := range ranks {
		order[i] = sorted[rank]
	}
	return [5]uint8{uint8(mean), uint8(min(2*spread/tileGrid, 255)), uint8(min(4*rough/(2*tileGrid), 255)), uint8(centre / 4), uint8(border / 20)}
}

// surround describes the frame half a window wide around w in twelve pieces, cut at the edges of the picture.
func (v *TattooView) surround(w TattooWindow, tile *[TileSize]byte) {
	piece := tileCells * w.cell / 2
	var totals [tattooChannels]int
	n := 0
	for gy := range 4 {
		for gx := range 4 {
			if gx%3 != 0 && gy%3 != 0 {
				continue // the window itself
			}
			x0, x1 := cutPiece(w.bx+(gx-1)*piece, piece, v.bw)
			y0, y1 := cutPiece(w.by+(gy-1)*piece, piece, v.bh)
			var means [tattooChannels]uint8
			v.means(x0, y0, x1, y1, &means)
			for i, c := range surroundChannels {
				tile[tileAround+i*12+n] = means[c]
			}
			for c, mean := range means {
				totals[c] += int(mean)
			}
			n++
		}
	}
	for c, total := range totals {
		tile[tileStats+5*tattooChannels+c] = uint8(total / n)
	}
}

// cutPiece cuts the stretch from at on to 0..end, at least one block of the edge when it lies outside.
func cutPiece(at, length, end int) (int, int) {
	from := min(max(at, 0), end-1)
	return from, max(min(at+length, end), from+1)
}

// place describes the size of the window, the skin tone there and the picture as a whole.
func (v *TattooView) place(w TattooWindow, tile *[TileSize]byte) {
	side := tileCells * w.cell
	rest := tile[tileRest:]
	rest[0] = uint8(min(side*tattooBlock/2, 255))
	t := v.tone.at((w.bx+side/2)*tattooBlock, (w.by+side/2)*tattooBlock)
	rest[1], rest[2], rest[3] = t.y, t.cb, t.cr
	for i, c := range pictureChannels {
		mean := tile[tileStats+c]
		around := tile[tileStats+5*tattooChannels+c]
		rest[4+3*i] = v.whole[c]
		rest[5+3*i] = clampByte(128 + (int32(mean)-int32(v.whole[c]))/2)
		rest[6+3*i] = clampByte(128 + (int32(mean)-int32(around))/2)
	}
	clear(rest[4+3*len(pictureChannels):])
}

func absInt(v int) int { return max(v, -v) }

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
		values := (*[tileGrid]uint8)(tile[c*tileGrid:])
		for i := range cells {
			values[i] = cells[i][c]
		}
		for i, s := range describe(values) {
			tile[tileStats+i*tattooChannels+c] = s
		}
	}
	rankCells(&cells, tile)
	v.surround(w, tile)
	copy(tile[tileRamp:], constants[:])
	v.place(w, tile)
}

// constants are the even numbers.
var constants = func() (c [tileRest - tileRamp]uint8) {
	for i := range c {
		c[i] = uint8(2 * i)
	}
	return c
}()

// describe gives mean, spread, roughness, centre and border of a channel's cells.
func describe(values *[tileGrid]uint8) [5]uint8 {
	var total, centre, border, rough, spread int
	for y := range tileCells {
		row := (*[tileCells]uint8)(values[y*tileCells:])
		line := 0
		for x, value := range row {
			line += int(value)
			if x > 0 {
				rough += absInt(int(value) - int(row[x-1]))
			}
			if y > 0 {
				rough += absInt(int(value) - int(values[(y-1)*tileCells+x]))
			}
		}
		total += line
		if y == 0 || y == tileCells-1 {
			border += line
		} else {
			border += int(row[0]) + int(row[tileCells-1])
			if y > 1 && y < tileCells-2 {
				centre += int(row[2]) + int(row[3])
			}
		}
	}
	mean := total / tileGrid
	for _, value := range values {
		spread += absInt(int(value) - mean)
	}
	return [5]uint8{uint8(mean), uint8(min(2*spread/tileGrid, 255)), uint8(min(2*rough/tileGrid, 255)), uint8(centre / 4), uint8(border / 20)}
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

// TileRamp gives the stretch of a tile that holds constants.
func TileRamp() (from, to int) { return tileRamp, tileRest }

// TileLike gives, for a value of a tile and a number at random, a value that it makes sense to compare with: of the same
// channel.
func TileLike(i, draw int) int {
	switch {
	case i < tileRanks:
		return i/tileGrid*tileGrid + draw%tileGrid
	case i < tileStats:
		return tileRanks + (i-tileRanks)/len(ranks)*len(ranks) + draw%len(ranks)
	case i < tileAround:
		c := (i - tileStats) % tattooChannels
		return tileStats + draw%6*tattooChannels + c
	case i < tileRamp:
		return tileAround + (i-tileAround)/12*12 + draw%12
	case i < tileRest:
		return tileRamp + draw%(tileRest-tileRamp)
	}
	return tileRest + draw%(TileSize-tileRest)
}

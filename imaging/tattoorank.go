package imaging

import "encoding/binary"

// exchange is one step of a sorting network: the lesser value goes to a, the greater to b.
type exchange struct{ a, b uint8 }

// rankNetwork sorts tileGrid values as far as ranks needs it: Batcher's odd-even merge sort, less the exchanges that
// no rank depends on.
var rankNetwork = func() []exchange {
	const size = 64 // the next power of two: what lies beyond the values is as if it were greatest
	var all []exchange
	for p := 1; p < size; p *= 2 {
		for k := p; k >= 1; k /= 2 {
			for j := k % p; j+k < size; j += 2 * k {
				for i := range k {
					a, b := i+j, i+j+k
					if a/(2*p) == b/(2*p) && b < tileGrid {
						all = append(all, exchange{uint8(a), uint8(b)})
					}
				}
			}
		}
	}
	var needed [tileGrid]bool
	for _, r := range ranks {
		needed[r] = true
	}
	var kept []exchange
	for i := len(all) - 1; i >= 0; i-- {
		if e := all[i]; needed[e.a] || needed[e.b] {
			needed[e.a], needed[e.b] = true, true
			kept = append([]exchange{e}, kept...)
		}
	}
	return kept
}()

const (
	lowBits = 0x7f7f7f7f7f7f7f7f
	topBits = 0x8080808080808080
)

// rankCells writes the order statistics of all channels. It sorts eight channels at once, a byte of a word each: with
// values halved to seven bits, the eighth tells which of two is greater.
func rankCells(cells *[tileGrid][tattooChannels]uint8, tile *[TileSize]byte) {
	var words [tileGrid]uint64
	for half := range tattooChannels / 8 {
		for i := range cells {
			words[i] = binary.LittleEndian.Uint64(cells[i][8*half:]) >> 1 & lowBits
		}
		for _, e := range rankNetwork {
			a, b := words[e.a%tileGrid], words[e.b%tileGrid]
			more := ((a | topBits) - b) & topBits
			more = more >> 7 * 255 // bytes in which a ≥ b
			least := a ^ (a^b)&more
			words[e.a%tileGrid], words[e.b%tileGrid] = least, a^b^least
		}
		for n, r := range ranks {
			for c := range 8 {
				tile[tileRanks+(8*half+c)*len(ranks)+n] = uint8(words[r]>>(8*c)) << 1
			}
		}
	}
}

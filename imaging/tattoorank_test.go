package imaging

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRankCells(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var cells [tileGrid][tattooChannels]uint8
		for i := range cells {
			for c := range cells[i] {
				cells[i][c] = uint8(r.IntN(256) >> (round % 8)) // from all different to many alike
			}
		}
		var tile [TileSize]byte
		rankCells(&cells, &tile)
		for c := range tattooChannels {
			var values []uint8
			for i := range cells {
				values = append(values, cells[i][c]&^1)
			}
			slices.Sort(values)
			for n, rank := range ranks {
				if got, want := tile[tileRanks+c*len(ranks)+n], values[rank]; got != want {
					t.Fatalf("round %d, channel %d, rank %d: got %d, want %d of %v", round, c, rank, got, want, values)
				}
			}
		}
	}
	if n := len(rankNetwork); n > 260 {
		t.Errorf("the network has %d exchanges: it is no longer cut to the ranks", n)
	}
}

package imaging

import (
	"encoding/binary"
	"errors"
	"image"
	"math"
	"sync"
)

// forest is a cascade in the form that a browser loads: the trees of a cascade for pigo, with leaves of one byte instead of
// four. Its scores differ from the cascade's in the third digit.
//
// A file is u8 version 1 ‖ u8 depth ‖ u16 trees, and then, part by part for all trees so that it compresses: tests of
// 4 × int8 (row and column of the first point, row and column of the second, in 256ths of the window's side from its
// centre), leaves of int8, the unit of each tree's leaves as float32, and thresholds as float32; little-endian.
type forest struct {
	depth  int
	tests  [][4]int8 // 2^depth − 1 a tree, from the root down
	leaves []float32 // 2^depth a tree
	least  []float32 // one a tree: a sum at or under it ends the search

	mu     sync.Mutex
	tables map[[2]int][]int32 // guarded by mu: by side and stride, see table
}

const (
	forestVersion = 1
	forestHead    = 4
	mostDepth     = 8
	mostTrees     = 2048
	mostTables    = 64 // a bound on memory: tables are made anew beyond it
)

var errForest = errors.New("imaging: not a forest")

// readForest reads a file. It keeps nothing of data.
func readForest(data []byte) (*forest, error) {
	if len(data) < forestHead || data[0] != forestVersion {
		return nil, errForest
	}
	depth, trees := int(data[1]), int(binary.LittleEndian.Uint16(data[2:]))
	if depth < 1 || depth > mostDepth || trees < 1 || trees > mostTrees {
		return nil, errForest
	}
	nodes, tips := trees*(1<<depth-1), trees<<depth
	if len(data) != forestHead+4*nodes+tips+8*trees {
		return nil, errForest
	}
	f := &forest{depth: depth, tests: make([][4]int8, nodes), leaves: make([]float32, tips), least: make([]float32, trees),
		tables: map[[2]int][]int32{}}
	data = data[forestHead:]
	for i := range f.tests {
		for j := range 4 {
			f.tests[i][j] = int8(data[4*i+j])
		}
	}
	leaves, units := data[4*nodes:], data[4*nodes+tips:]
	number := func(i int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(units[4*i:])) }
	for i := range f.leaves {
		f.leaves[i] = float32(int8(leaves[i])) * number(i>>depth)
	}
	for i := range f.least {
		f.least[i] = number(trees + i)
	}
	return f, nil
}

// table gives both points of each test as distances in the bytes of a picture, for windows of a side in a picture of a
// stride. It is kept: frames of a camera are all of one size.
func (f *forest) table(side, stride int) []int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := [2]int{side, stride}
	t := f.tables[key]
	if t == nil {
		t = make([]int32, 2*len(f.tests))
		for i, p := range f.tests {
			t[2*i] = int32((int(p[0])*side>>8)*stride + int(p[1])*side>>8)
			t[2*i+1] = int32((int(p[2])*side>>8)*stride + int(p[3])*side>>8)
		}
		if len(f.tables) >= mostTables {
			clear(f.tables)
		}
		f.tables[key] = t
	}
	return t
}

// score is what the trees say of the window about a pixel; over 0 it is taken for the target.
func (f *forest) score(pix []byte, at int, table []int32) float32 {
	var sum float32
	nodes := 1<<f.depth - 1
	for t, least := range f.least {
		tree := table[2*nodes*t : 2*nodes*(t+1)]
		i := 0
		for range f.depth {
			if pix[at+int(tree[2*i])] <= pix[at+int(tree[2*i+1])] {
				i = 2*i + 2
			} else {
				i = 2*i + 1
			}
		}
		sum += f.leaves[t<<f.depth+i-nodes]
		if sum <= least {
			return -1
		}
	}
	return sum - f.least[len(f.least)-1]
}

// windows walks a picture as pigo does: the same sides, the same steps.
func (f *forest) windows(gray *image.Gray, least, most int, shift, scale float64) (hits []hit) {
	w, h := gray.Rect.Dx(), gray.Rect.Dy()
	for side := max(least, 1); side <= most; side = int(float64(side) + max(2, float64(side)*scale-float64(side))) {
		step, edge := int(max(shift*float64(side), 1)), side/2+1
		if edge > h-edge || edge > w-edge {
			break
		}
		table := f.table(side, gray.Stride)
		for y := edge; y <= h-edge; y += step {
			for x := edge; x <= w-edge; x += step {
				if q := f.score(gray.Pix, y*gray.Stride+x, table); q > 0 {
					hits = append(hits, hit{float64(x), float64(y), float64(side), float64(q)})
				}
			}
		}
	}
	return hits
}

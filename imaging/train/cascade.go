package train

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

const (
	fileVersion = 3
	maxDepth    = 10
	maxTrees    = 8192
	headBytes   = 16
)

// ErrFormat is the error of bytes that are no cascade, or one that this package cannot have written.
var ErrFormat = errors.New("train: not a cascade of this package")

// test compares two samples of a Patch: true goes right, as pigo's "first ≤ second" does.
type test struct{ a, b uint16 }

// tree is a complete binary tree: tests in heap order (children of i are 2i+1 and 2i+2), then its leaves.
type tree struct {
	tests     []test
	leaves    []float32
	threshold float32 // of the sum of leaves so far: at or under it a window is refused
}

// leaf gives the leaf that a patch falls into.
func (t *tree) leaf(p *Patch) int {
	i := 0
	for i < len(t.tests) {
		n := t.tests[i]
		i = 2*i + 1
		if p[n.a] <= p[n.b] {
			i++
		}
	}
	return i - len(t.tests)
}

// Cascade is a learned soft cascade. The zero value has no trees and accepts everything.
type Cascade struct {
	depth int
	trees []tree
}

// Trees is the number of trees.
func (c *Cascade) Trees() int { return len(c.trees) }

// Score gives what pigo gives for the window: the sum of the leaves less the last threshold, and whether no threshold
// refused it. An empty cascade accepts all with 0.
func (c *Cascade) Score(p *Patch) (q float32, ok bool) {
	var sum float32
	for i := range c.trees {
		t := &c.trees[i]
		sum += t.leaves[t.leaf(p)]
		if sum <= t.threshold {
			return -1, false
		}
	}
	if len(c.trees) == 0 {
		return 0, true
	}
	return sum - c.trees[len(c.trees)-1].threshold, true
}

// sum is the score without any threshold.
func (c *Cascade) sum(p *Patch) float32 {
	var sum float32
	for i := range c.trees {
		sum += c.trees[i].leaves[c.trees[i].leaf(p)]
	}
	return sum
}

// AppendBinary appends the file that pigo v1.4.6 unpacks, little-endian: int32 version; 4 × int8 box of the picture's
// search, which pigo skips; uint32 depth; uint32 trees; per tree 2^depth − 1 tests of 4 × int8 (row, column of the first
// pixel, row, column of the second, in 256ths of the window), 2^depth float32 leaves, 1 float32 threshold.
func (c *Cascade) AppendBinary(b []byte) ([]byte, error) {
	if len(c.trees) == 0 {
		return nil, errors.New("train: a cascade without trees accepts everything")
	}
	b = binary.LittleEndian.AppendUint32(b, fileVersion)
	b = append(b, 0x80, 0x7f, 0x80, 0x7f) // rows and columns from −128 to 127
	b = binary.LittleEndian.AppendUint32(b, uint32(c.depth))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.trees)))
	for _, t := range c.trees {
		for _, n := range t.tests {
			for _, i := range []uint16{n.a / Side, n.a % Side, n.b / Side, n.b % Side} {
				b = append(b, byte(codeOf(int(i))))
			}
		}
		for _, v := range append(slices.Clone(t.leaves), t.threshold) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b, nil
}

// Parse reads a file that AppendBinary wrote. ErrFormat: cut short, trailing bytes, codes between samples, leaves that
// are no numbers, more than 8192 trees or a depth over 10.
func Parse(data []byte) (*Cascade, error) {
	if len(data) < headBytes || binary.LittleEndian.Uint32(data) != fileVersion {
		return nil, fmt.Errorf("%w: wrong head", ErrFormat)
	}
	depth, n := binary.LittleEndian.Uint32(data[8:]), binary.LittleEndian.Uint32(data[12:])
	if depth < 1 || depth > maxDepth || n < 1 || n > maxTrees {
		return nil, fmt.Errorf("%w: depth or number of trees out of range", ErrFormat)
	}
	leaves := 1 << depth
	size := 4*(leaves-1) + 4*leaves + 4
	if len(data) != headBytes+int(n)*size {
		return nil, fmt.Errorf("%w: wrong length", ErrFormat)
	}
	c := &Cascade{depth: int(depth), trees: make([]tree, n)}
	for i := range c.trees {
		if err := c.trees[i].parse(data[headBytes+i*size:][:size], leaves); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (t *tree) parse(b []byte, leaves int) error {
	t.tests, t.leaves = make([]test, leaves-1), make([]float32, leaves)
	for i := range t.tests {
		var at [4]int
		for k := range at {
			v, ok := sampleOf(int8(b[4*i+k]))
			if !ok {
				return fmt.Errorf("%w: a test between samples", ErrFormat)
			}
			at[k] = v
		}
		t.tests[i] = test{uint16(at[0]*Side + at[1]), uint16(at[2]*Side + at[3])}
	}
	b = b[4*len(t.tests):]
	for i := range leaves + 1 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		if v != v || math.IsInf(float64(v), 0) {
			return fmt.Errorf("%w: not a number", ErrFormat)
		}
		if i < leaves {
			t.leaves[i] = v
		} else {
			t.threshold = v
		}
	}
	return nil
}

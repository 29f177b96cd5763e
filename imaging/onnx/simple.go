package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

var errWhole = errors.New("onnx: whole numbers where floats are wanted")

// each applies a function to every element.
func each(v *value, do func(float32) float32) (*value, error) {
	if v.f == nil {
		return nil, errWhole
	}
	out := &value{shape: v.shape, f: make([]float32, len(v.f))}
	for i, x := range v.f {
		out.f[i] = do(x)
	}
	return out, nil
}

func runRelu(_ *run, _ *node, in []*value) (*value, error) {
	return each(in[0], func(x float32) float32 {
		if x < 0 {
			return 0
		}
		return x
	})
}

func runSigmoid(_ *run, _ *node, in []*value) (*value, error) {
	return each(in[0], func(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) })
}

func runExp(_ *run, _ *node, in []*value) (*value, error) {
	return each(in[0], func(x float32) float32 { return float32(math.Exp(float64(x))) })
}

func runClip(_ *run, _ *node, in []*value) (*value, error) {
	bounds := [2]float32{-math.MaxFloat32, math.MaxFloat32}
	for i, v := range in[1:] {
		if v == nil {
			continue
		}
		if len(v.f) != 1 {
			return nil, fmt.Errorf("%w: a bound that is not one number", errShape)
		}
		bounds[i] = v.f[0]
	}
	return each(in[0], func(x float32) float32 { return min(max(x, bounds[0]), bounds[1]) })
}

func runConstant(_ *run, n *node, _ []*value) (*value, error) {
	a := n.attributes["value"]
	if a.tensor == nil {
		return nil, errors.New("a constant without a tensor")
	}
	return a.tensor, nil
}

func runAdd(r *run, _ *node, in []*value) (*value, error) {
	return r.broadcast(in[0], in[1], func(a, b float32) float32 { return a + b })
}

func runMul(r *run, _ *node, in []*value) (*value, error) {
	return r.broadcast(in[0], in[1], func(a, b float32) float32 { return a * b })
}

// broadcast combines two tensors element by element; dimensions of size one, and missing leading ones, are repeated
// (docs/Broadcasting.md).
func (r *run) broadcast(a, b *value, do func(a, b float32) float32) (*value, error) {
	if a.f == nil || b.f == nil {
		return nil, errWhole
	}
	rank := max(len(a.shape), len(b.shape))
	at := func(v *value, i int) int {
		if i -= rank - len(v.shape); i >= 0 {
			return v.shape[i]
		}
		return 1
	}
	shape := make([]int, rank)
	for i := range shape {
		x, y := at(a, i), at(b, i)
		switch {
		case x == y || y == 1:
			shape[i] = x
		case x == 1:
			shape[i] = y
		default:
			return nil, fmt.Errorf("%w: %v and %v", errShape, a.shape, b.shape)
		}
	}
	out, err := r.room(2, shape...)
	if err != nil {
		return nil, err
	}
	if slices.Equal(a.shape, b.shape) {
		for i := range out.f {
			out.f[i] = do(a.f[i], b.f[i])
		}
		return out, nil
	}
	stepA, stepB := steps(shape, a.shape), steps(shape, b.shape)
	walk(shape, [2][]int{stepA, stepB}, func(i, j, k int) { out.f[i] = do(a.f[j], b.f[k]) })
	return out, nil
}

// steps gives how far the elements of a tensor are apart for each dimension of a larger shape, 0 where it repeats.
func steps(shape, own []int) []int {
	out := make([]int, len(shape))
	step := 1
	for i := len(own) - 1; i >= 0; i-- {
		if own[i] != 1 {
			out[i+len(shape)-len(own)] = step
		}
		step *= own[i]
	}
	return out
}

// walk visits a shape in order and gives two further places, each the sum of its steps.
func walk(shape []int, steps [2][]int, visit func(i, j, k int)) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	at := make([]int, len(shape))
	j, k := 0, 0
	for i := range n {
		visit(i, j, k)
		for d := len(shape) - 1; d >= 0; d-- {
			at[d]++
			j, k = j+steps[0][d], k+steps[1][d]
			if at[d] < shape[d] {
				break
			}
			j, k = j-at[d]*steps[0][d], k-at[d]*steps[1][d]
			at[d] = 0
		}
	}
}

package onnx

import (
	"errors"
	"fmt"
	"slices"
)

func runConcat(r *run, n *node, in []*value) (*value, error) {
	first := in[0]
	axis := int(n.whole("axis", 0))
	if axis < 0 {
		axis += len(first.shape)
	}
	if axis < 0 || axis >= len(first.shape) {
		return nil, fmt.Errorf("%w: axis", errShape)
	}
	shape, inner := slices.Clone(first.shape), 1
	for _, d := range shape[axis+1:] {
		inner *= d
	}
	shape[axis] = 0
	for _, v := range in {
		if v == nil || v.f == nil {
			return nil, errWhole
		}
		if len(v.shape) != len(shape) || !slices.Equal(v.shape[:axis], shape[:axis]) || !slices.Equal(v.shape[axis+1:], shape[axis+1:]) {
			return nil, errShape
		}
		shape[axis] += v.shape[axis]
	}
	out, err := r.room(1, shape...)
	if err != nil {
		return nil, err
	}
	rows := 1
	for _, d := range shape[:axis] {
		rows *= d
	}
	to := out.f[:0]
	for i := range rows {
		for _, v := range in {
			wide := v.shape[axis] * inner
			to = append(to, v.f[i*wide:][:wide]...)
		}
	}
	return out, nil
}

// runReshape gives the same elements another shape. In it -1 is what is left over, and 0 the size that was there.
func runReshape(_ *run, n *node, in []*value) (*value, error) {
	v, want := in[0], in[1]
	if len(v.f) == 0 || want.f != nil || len(want.shape) != 1 || len(want.i) > maxRank {
		return nil, errShape
	}
	shape, open, known := make([]int, len(want.i)), -1, 1
	for i, d := range want.i {
		switch {
		case d == -1 && open < 0:
			open, shape[i] = i, 1
		case d == 0 && n.whole("allowzero", 0) == 0 && i < len(v.shape):
			shape[i] = v.shape[i]
		case d >= 0 && d <= maxElements:
			shape[i] = int(d)
		default:
			return nil, errShape
		}
	}
	known, err := elements(shape)
	if err != nil {
		return nil, err
	}
	if open >= 0 {
		shape[open] = len(v.f) / known
		known *= shape[open]
	}
	if known != len(v.f) {
		return nil, fmt.Errorf("%w: %v elements into another count", errShape, len(v.f))
	}
	return &value{shape: shape, f: v.f}, nil
}

func runTranspose(r *run, n *node, in []*value) (*value, error) {
	v := in[0]
	if v.f == nil {
		return nil, errWhole
	}
	rank := len(v.shape)
	perm, err := n.sizes("perm", rank, 0, 0)
	if err != nil {
		return nil, err
	}
	if _, given := n.attributes["perm"]; !given {
		for i := range perm {
			perm[i] = rank - 1 - i
		}
	}
	if sorted := slices.Sorted(slices.Values(perm)); rank > 0 && (sorted[0] != 0 || sorted[rank-1] != rank-1 || len(slices.Compact(sorted)) != rank) {
		return nil, errors.New("onnx: not a permutation")
	}
	own := make([]int, rank)
	for i, step := rank-1, 1; i >= 0; i-- {
		own[i] = step
		step *= v.shape[i]
	}
	shape, from := make([]int, rank), make([]int, rank)
	for i, p := range perm {
		shape[i], from[i] = v.shape[p], own[p]
	}
	out, err := r.room(1, shape...)
	if err != nil {
		return nil, err
	}
	walk(shape, [2][]int{from, make([]int, rank)}, func(i, j, _ int) { out.f[i] = v.f[j] })
	return out, nil
}

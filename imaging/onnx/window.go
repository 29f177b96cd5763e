package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// window is how a kernel slides over a picture: rows first, then columns.
type window struct {
	kernel, strides, dilations [2]int
	before, after              [2]int // padding
	out                        [2]int
}

// newWindow reads the attributes that Conv and MaxPool share and finds the size of the result.
func newWindow(n *node, kernel []int, h, w int, up bool) (win window, err error) {
	if pad := n.text("auto_pad", "NOTSET"); pad != "NOTSET" && pad != "VALID" {
		return win, errors.New("automatic padding is not supported")
	}
	strides, err1 := n.sizes("strides", 2, 1, 1)
	dilations, err2 := n.sizes("dilations", 2, 1, 1)
	pads, err3 := n.sizes("pads", 4, 0, 0)
	if err := errors.Join(err1, err2, err3); err != nil {
		return win, err
	}
	win = window{[2]int(kernel), [2]int(strides), [2]int(dilations), [2]int(pads[:2]), [2]int(pads[2:]), [2]int{}}
	for i, size := range []int{h, w} {
		reach := win.dilations[i]*(win.kernel[i]-1) + 1
		free := size + win.before[i] + win.after[i] - reach
		if win.kernel[i] < 1 || free < 0 {
			return win, fmt.Errorf("%w: a kernel of %d over %d", errShape, reach, size)
		}
		if up {
			free += win.strides[i] - 1
		}
		win.out[i] = free/win.strides[i] + 1
		// A window that would start in the padding behind the picture is left out (MaxPool, ceil_mode).
		if up && (win.out[i]-1)*win.strides[i] >= size+win.before[i] {
			win.out[i]--
		}
	}
	return win, nil
}

// span gives the outputs [lo, hi) along an axis of n inputs whose tap k falls inside the picture, and where the
// first of them reads.
func (win *window) span(axis, k, n int) (lo, hi, first int) {
	stride := win.strides[axis]
	offset := k*win.dilations[axis] - win.before[axis]
	if offset < 0 {
		lo = (-offset + stride - 1) / stride
	}
	if n-1-offset >= 0 {
		hi = min(win.out[axis], (n-1-offset)/stride+1)
	}
	return lo, max(lo, hi), lo*stride + offset
}

func runMaxPool(r *run, n *node, in []*value) (*value, error) {
	batch, channels, h, w, err := in[0].image()
	if err != nil {
		return nil, err
	}
	kernel, err := n.sizes("kernel_shape", 2, 1, 0)
	if err != nil {
		return nil, err
	}
	win, err := newWindow(n, kernel, h, w, n.whole("ceil_mode", 0) != 0)
	if err != nil {
		return nil, err
	}
	out, err := r.room(kernel[0]*kernel[1], batch, channels, win.out[0], win.out[1])
	if err != nil {
		return nil, err
	}
	for i := range out.f {
		out.f[i] = float32(math.Inf(-1))
	}
	for p := range batch * channels {
		from, to := in[0].f[p*h*w:][:h*w], out.f[p*win.out[0]*win.out[1]:][:win.out[0]*win.out[1]]
		for ky := range kernel[0] {
			y0, y1, sy := win.span(0, ky, h)
			for kx := range kernel[1] {
				x0, x1, sx := win.span(1, kx, w)
				for y := y0; y < y1; y++ {
					row, top := from[(sy+(y-y0)*win.strides[0])*w:][:w], to[y*win.out[1]:][:win.out[1]]
					for x, s := x0, sx; x < x1; x, s = x+1, s+win.strides[1] {
						top[x] = max(top[x], row[s])
					}
				}
			}
		}
	}
	return out, nil
}

// runResize takes for each place of the result the nearest element of the source.
func runResize(r *run, n *node, in []*value) (*value, error) {
	v := in[0]
	if len(v.f) == 0 || len(v.shape) == 0 {
		return nil, errShape
	}
	if n.text("mode", "nearest") != "nearest" || n.whole("exclude_outside", 0) != 0 {
		return nil, errors.New("only the nearest neighbour is supported")
	}
	var scales, sizes *value
	if len(in) > 2 {
		scales = in[2]
	}
	if len(in) > 3 {
		sizes = in[3]
	}
	shape, factor, err := resized(v.shape, scales, sizes)
	if err != nil {
		return nil, err
	}
	out, err := r.room(1, shape...)
	if err != nil {
		return nil, err
	}
	from := make([][]int, len(shape)) // for each dimension, where each place is taken from
	step := len(v.f)
	for d := range shape {
		step /= v.shape[d]
		from[d] = make([]int, shape[d])
		for i := range from[d] {
			x, err := source(n, i, v.shape[d], shape[d], factor[d])
			if err != nil {
				return nil, err
			}
			from[d][i] = min(max(x, 0), v.shape[d]-1) * step
		}
	}
	row := from[len(from)-1]
	at := make([]int, len(shape))
	for start := 0; start < len(out.f); start += len(row) {
		base := 0
		for d := range at[:len(at)-1] {
			base += from[d][at[d]]
		}
		for i, x := range row {
			out.f[start+i] = v.f[base+x]
		}
		for d := len(at) - 2; d >= 0; d-- {
			if at[d]++; at[d] < shape[d] {
				break
			}
			at[d] = 0
		}
	}
	return out, nil
}

// resized gives the shape of the result and its scale in each dimension, from one of scales and sizes.
func resized(own []int, scales, sizes *value) (shape []int, factor []float64, err error) {
	shape, factor = slices.Clone(own), make([]float64, len(own))
	byScale, bySize := scales != nil && len(scales.f) > 0, sizes != nil && len(sizes.i) > 0
	if byScale == bySize || byScale && len(scales.f) != len(own) || bySize && len(sizes.i) != len(own) {
		return nil, nil, fmt.Errorf("%w: want one scale or one size for each dimension", errShape)
	}
	for d := range shape {
		if bySize {
			if sizes.i[d] < 1 || sizes.i[d] > maxElements {
				return nil, nil, errShape
			}
			shape[d] = int(sizes.i[d])
			factor[d] = float64(shape[d]) / float64(own[d])
			continue
		}
		factor[d] = float64(scales.f[d])
		size := math.Floor(float64(own[d]) * factor[d])
		if !(factor[d] > 0) || !(size <= maxElements) {
			return nil, nil, errShape
		}
		shape[d] = int(size)
	}
	return shape, factor, nil
}

// source gives the index of the source for place i of the result (Operators.md, Resize).
func source(n *node, i, from, to int, factor float64) (int, error) {
	var x float64
	switch n.text("coordinate_transformation_mode", "half_pixel") {
	case "asymmetric":
		x = float64(i) / factor
	case "half_pixel":
		x = (float64(i)+0.5)/factor - 0.5
	case "pytorch_half_pixel":
		if to > 1 {
			x = (float64(i)+0.5)/factor - 0.5
		}
	case "align_corners":
		if to > 1 {
			x = float64(i) * float64(from-1) / float64(to-1)
		}
	default:
		return 0, errors.New("this way of placing pixels is not supported")
	}
	switch n.text("nearest_mode", "round_prefer_floor") {
	case "floor":
		x = math.Floor(x)
	case "ceil":
		x = math.Ceil(x)
	case "round_prefer_floor":
		x = math.Ceil(x - 0.5)
	case "round_prefer_ceil":
		x = math.Floor(x + 0.5)
	default:
		return 0, errors.New("this way of rounding is not supported")
	}
	return int(min(max(x, -1), float64(from))), nil
}

package onnx

import (
	"fmt"
	"math"
)

// reference computes a drawn graph in 64-bit floats, each operator by its definition in Operators.md and with no thought
// for speed. It shares nothing with the package but the drawing.
func reference(d drawn, inputs map[string]array) map[string]array {
	values := map[string]array{}
	for name, a := range d.constants {
		values[name] = a
	}
	for name, a := range inputs {
		values[name] = a
	}
	for _, s := range d.nodes {
		in := make([]array, 4)
		for i, name := range s.in[:min(len(s.in), 4)] {
			in[i] = values[name]
		}
		switch s.op {
		case "Relu":
			values[s.out] = in[0].mapped(func(x float64) float64 { return math.Max(x, 0) })
		case "Sigmoid":
			values[s.out] = in[0].mapped(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })
		case "Exp":
			values[s.out] = in[0].mapped(math.Exp)
		case "Clip":
			values[s.out] = in[0].mapped(func(x float64) float64 {
				if len(in[1].f) > 0 {
					x = math.Max(x, in[1].f[0])
				}
				if len(in[2].f) > 0 {
					x = math.Min(x, in[2].f[0])
				}
				return x
			})
		case "Add":
			values[s.out] = refBroadcast(in[0], in[1], func(a, b float64) float64 { return a + b })
		case "Mul":
			values[s.out] = refBroadcast(in[0], in[1], func(a, b float64) float64 { return a * b })
		case "Constant":
			values[s.out] = s.attributes["value"].(array)
		case "Reshape":
			values[s.out] = refReshape(in[0], in[1].f)
		case "Transpose":
			values[s.out] = refTranspose(in[0], s.list("perm", nil))
		case "Concat":
			var all []array
			for _, name := range s.in {
				all = append(all, values[name])
			}
			values[s.out] = refConcat(all, s.attributes["axis"].(int))
		case "Conv":
			values[s.out] = refConv(s, in[0], in[1], in[2])
		case "MaxPool":
			values[s.out] = refMaxPool(s, in[0])
		case "Resize":
			values[s.out] = refResize(s, in[0], in[2], in[3])
		default:
			panic(fmt.Sprintf("reference: no %s", s.op))
		}
	}
	return values
}

func (s step) list(name string, otherwise []int) []int {
	if v, ok := s.attributes[name].([]int); ok {
		return v
	}
	return otherwise
}

func (a array) mapped(do func(float64) float64) array {
	out := array{shape: a.shape, f: make([]float64, len(a.f))}
	for i, v := range a.f {
		out.f[i] = do(v)
	}
	return out
}

// index lists every place of a shape in order.
func index(shape []int, do func(at []int)) {
	for i := range product(shape) {
		at, rest := make([]int, len(shape)), i
		for d := len(shape) - 1; d >= 0; d-- {
			at[d], rest = rest%shape[d], rest/shape[d]
		}
		do(at)
	}
}

// get reads an element; a dimension of size one, or none, is repeated.
func (a array) get(at ...int) float64 {
	at = at[len(at)-len(a.shape):]
	i := 0
	for d, n := range a.shape {
		x := at[d]
		if n == 1 {
			x = 0
		}
		i = i*n + x
	}
	return a.f[i]
}

func refBroadcast(a, b array, do func(a, b float64) float64) array {
	long, short := a.shape, b.shape
	if len(long) < len(short) {
		long, short = short, long
	}
	out := array{shape: append([]int{}, long...)}
	for d, n := range short {
		d += len(long) - len(short)
		out.shape[d] = max(out.shape[d], n)
	}
	index(out.shape, func(at []int) { out.f = append(out.f, do(a.get(at...), b.get(at...))) })
	return out
}

func refReshape(a array, want []float64) array {
	out := array{f: a.f}
	left := len(a.f)
	for i, v := range want {
		d := int(v)
		if d == 0 {
			d = a.shape[i]
		}
		if out.shape = append(out.shape, d); d > 0 {
			left /= d
		}
	}
	for i, d := range out.shape {
		if d < 0 {
			out.shape[i] = left
		}
	}
	return out
}

func refTranspose(a array, perm []int) array {
	if perm == nil {
		for d := range a.shape {
			perm = append([]int{d}, perm...)
		}
	}
	var out array
	for _, p := range perm {
		out.shape = append(out.shape, a.shape[p])
	}
	index(out.shape, func(at []int) {
		from := make([]int, len(at))
		for i, p := range perm {
			from[p] = at[i]
		}
		out.f = append(out.f, a.get(from...))
	})
	return out
}

func refConcat(all []array, axis int) array {
	if axis < 0 {
		axis += len(all[0].shape)
	}
	out := array{shape: append([]int{}, all[0].shape...)}
	for _, a := range all[1:] {
		out.shape[axis] += a.shape[axis]
	}
	index(out.shape, func(at []int) {
		for _, a := range all {
			if at[axis] < a.shape[axis] {
				out.f = append(out.f, a.get(at...))
				return
			}
			at[axis] -= a.shape[axis]
		}
	})
	return out
}

func refConv(s step, x, w, bias array) array {
	strides, dilations := s.list("strides", []int{1, 1}), s.list("dilations", []int{1, 1})
	pads := s.list("pads", []int{0, 0, 0, 0})
	group, ok := s.attributes["group"].(int)
	if !ok {
		group = 1
	}
	size := func(d int) int {
		return (x.shape[2+d]+pads[d]+pads[2+d]-dilations[d]*(w.shape[2+d]-1)-1)/strides[d] + 1
	}
	out := array{shape: []int{x.shape[0], w.shape[0], size(0), size(1)}}
	index(out.shape, func(at []int) {
		sum := 0.0
		if len(bias.f) > 0 {
			sum = bias.f[at[1]]
		}
		first := at[1] / (w.shape[0] / group) * w.shape[1]
		index(w.shape[1:], func(k []int) {
			y := at[2]*strides[0] - pads[0] + k[1]*dilations[0]
			xx := at[3]*strides[1] - pads[1] + k[2]*dilations[1]
			if y >= 0 && xx >= 0 && y < x.shape[2] && xx < x.shape[3] {
				sum += w.f[((at[1]*w.shape[1]+k[0])*w.shape[2]+k[1])*w.shape[3]+k[2]] *
					x.f[((at[0]*x.shape[1]+first+k[0])*x.shape[2]+y)*x.shape[3]+xx]
			}
		})
		out.f = append(out.f, sum)
	})
	return out
}

func refMaxPool(s step, x array) array {
	kernel, strides := s.list("kernel_shape", nil), s.list("strides", []int{1, 1})
	pads, dilations := s.list("pads", []int{0, 0, 0, 0}), s.list("dilations", []int{1, 1})
	size := func(d int) int {
		free := float64(x.shape[2+d] + pads[d] + pads[2+d] - dilations[d]*(kernel[d]-1) - 1)
		if s.attributes["ceil_mode"] == 1 {
			n := int(math.Ceil(free/float64(strides[d]))) + 1
			for (n-1)*strides[d] >= x.shape[2+d]+pads[d] {
				n--
			}
			return n
		}
		return int(math.Floor(free/float64(strides[d]))) + 1
	}
	out := array{shape: []int{x.shape[0], x.shape[1], size(0), size(1)}}
	index(out.shape, func(at []int) {
		best := math.Inf(-1)
		index(kernel, func(k []int) {
			y := at[2]*strides[0] - pads[0] + k[0]*dilations[0]
			xx := at[3]*strides[1] - pads[1] + k[1]*dilations[1]
			if y >= 0 && xx >= 0 && y < x.shape[2] && xx < x.shape[3] {
				best = math.Max(best, x.f[((at[0]*x.shape[1]+at[1])*x.shape[2]+y)*x.shape[3]+xx])
			}
		})
		out.f = append(out.f, best)
	})
	return out
}

func refResize(s step, x, scales, sizes array) array {
	out := array{}
	var factor []float64
	for d, n := range x.shape {
		if len(sizes.f) > 0 {
			out.shape = append(out.shape, int(sizes.f[d]))
			factor = append(factor, sizes.f[d]/float64(n))
			continue
		}
		out.shape = append(out.shape, int(math.Floor(float64(n)*scales.f[d])))
		factor = append(factor, scales.f[d])
	}
	place, _ := s.attributes["coordinate_transformation_mode"].(string)
	round, _ := s.attributes["nearest_mode"].(string)
	index(out.shape, func(at []int) {
		from := make([]int, len(at))
		for d, i := range at {
			v := (float64(i)+0.5)/factor[d] - 0.5
			switch {
			case place == "asymmetric":
				v = float64(i) / factor[d]
			case place == "align_corners" && out.shape[d] > 1:
				v = float64(i*(x.shape[d]-1)) / float64(out.shape[d]-1)
			case (place == "align_corners" || place == "pytorch_half_pixel") && out.shape[d] == 1:
				v = 0
			}
			whole, part := math.Modf(v + 1000) // positive
			switch {
			case round == "ceil" && part > 0, round == "round_prefer_ceil" && part >= 0.5,
				(round == "" || round == "round_prefer_floor") && part > 0.5:
				whole++
			}
			from[d] = min(max(int(whole)-1000, 0), x.shape[d]-1)
		}
		out.f = append(out.f, x.get(from...))
	})
	return out
}

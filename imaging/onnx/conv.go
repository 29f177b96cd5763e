package onnx

import "fmt"

// blockSize is how many pixels of a 1 × 1 convolution are computed at a time: all their channels stay in the cache.
const blockSize = 512

// runConv slides kernels over pictures. Weights are out channels × channels of a group × rows × columns.
func runConv(r *run, n *node, in []*value) (*value, error) {
	batch, channels, h, w, err := in[0].image()
	if err != nil {
		return nil, err
	}
	outs, part, kh, kw, err := in[1].image()
	if err != nil {
		return nil, err
	}
	groups := int(min(n.whole("group", 1), maxElements))
	if groups < 1 || outs%groups != 0 || part*groups != channels {
		return nil, fmt.Errorf("%w: %d channels, %d groups, weights of %v", errShape, channels, groups, in[1].shape)
	}
	given, err := n.sizes("kernel_shape", 2, 1, 0)
	if err != nil {
		return nil, err
	}
	if _, has := n.attributes["kernel_shape"]; has && (given[0] != kh || given[1] != kw) {
		return nil, fmt.Errorf("%w: kernel of %v, weights of %v", errShape, given, in[1].shape)
	}
	bias := make([]float32, outs)
	if len(in) > 2 && in[2] != nil {
		if bias = in[2].f; len(bias) != outs || len(in[2].shape) != 1 {
			return nil, fmt.Errorf("%w: bias", errShape)
		}
	}
	win, err := newWindow(n, []int{kh, kw}, h, w, false)
	if err != nil {
		return nil, err
	}
	out, err := r.room(part*kh*kw, batch, outs, win.out[0], win.out[1])
	if err != nil {
		return nil, err
	}
	area := win.out[0] * win.out[1]
	pointwise := kh == 1 && kw == 1 && win.strides == [2]int{1, 1} && win.before == [2]int{} && win.after == [2]int{}
	for b := range batch {
		for o := range outs {
			fill(out.f[(b*outs+o)*area:][:area], bias[o])
		}
		for g := range groups {
			from := in[0].f[(b*channels+g*part)*h*w:][:part*h*w]
			to := out.f[(b*outs+g*outs/groups)*area:][:outs/groups*area]
			weights := in[1].f[g*outs/groups*part*kh*kw:][:outs/groups*part*kh*kw]
			if pointwise {
				mix(from, to, weights, part, area)
				continue
			}
			for o := range outs / groups {
				for c := range part {
					slide(from[c*h*w:][:h*w], to[o*area:][:area], weights[(o*part+c)*kh*kw:][:kh*kw], &win, h, w)
				}
			}
		}
	}
	return out, nil
}

func fill(to []float32, v float32) {
	for i := range to {
		to[i] = v
	}
}

// mix adds to each out channel the weighted channels: a 1 × 1 convolution.
func mix(from, to, weights []float32, channels, area int) {
	for start := 0; start < area; start += blockSize {
		n := min(blockSize, area-start)
		for o := range len(to) / area {
			sum, ws := to[o*area+start:][:n], weights[o*channels:][:channels]
			c := 0
			for ; c+4 <= channels; c += 4 {
				x0, x1 := from[c*area+start:][:n], from[(c+1)*area+start:][:n]
				x2, x3 := from[(c+2)*area+start:][:n], from[(c+3)*area+start:][:n]
				w0, w1, w2, w3 := ws[c], ws[c+1], ws[c+2], ws[c+3]
				for i := range sum {
					sum[i] += w0*x0[i] + w1*x1[i] + w2*x2[i] + w3*x3[i]
				}
			}
			for ; c < channels; c++ {
				x, w := from[c*area+start:][:n], ws[c]
				for i := range sum {
					sum[i] += w * x[i]
				}
			}
		}
	}
}

// slide adds one channel seen through one kernel.
func slide(from, to, kernel []float32, win *window, h, w int) {
	kh, kw := win.kernel[0], win.kernel[1]
	fused := kw == 3 && win.strides[1] == 1 && win.dilations[1] == 1 && win.before[1] == 1 && win.after[1] == 1 && w >= 2
	for ky := range kh {
		y0, y1, sy := win.span(0, ky, h)
		for y := y0; y < y1; y++ {
			row, sum := from[(sy+(y-y0)*win.strides[0])*w:][:w], to[y*win.out[1]:][:win.out[1]]
			if fused {
				slideThree(row, sum, kernel[3*ky], kernel[3*ky+1], kernel[3*ky+2])
				continue
			}
			for kx := range kw {
				x0, x1, s := win.span(1, kx, w)
				k := kernel[ky*kw+kx]
				for x := x0; x < x1; x++ {
					sum[x] += k * row[s]
					s += win.strides[1]
				}
			}
		}
	}
}

// slideThree adds a row seen through three weights, one pixel of padding at each end.
func slideThree(row, sum []float32, a, b, c float32) {
	n := len(row)
	sum[0] += b*row[0] + c*row[1]
	left, middle, right, to := row[:n-2], row[1:n-1], row[2:], sum[1:n-1]
	for i := range to {
		to[i] += a*left[i] + b*middle[i] + c*right[i]
	}
	sum[n-1] += a*row[n-2] + b*row[n-1]
}

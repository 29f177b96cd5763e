package onnx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// agree runs a graph and compares every output with the reference. It gives the largest difference, as a share of the
// size of the numbers.
func agree(t *testing.T, name string, d drawn, inputs map[string]array) {
	t.Helper()
	m, err := Parse(d.encode())
	if err != nil {
		t.Errorf("%s: Parse: %v", name, err)
		return
	}
	given := map[string]Tensor{}
	for port, a := range inputs {
		given[port] = a.tensor()
	}
	got, err := m.Run(given)
	if err != nil {
		t.Errorf("%s: Run: %v", name, err)
		return
	}
	want := reference(d, inputs)
	for _, port := range d.outputs {
		g, w := got[port], want[port]
		if !slices.Equal(g.Shape, w.shape) || len(g.Data) != len(w.f) {
			t.Errorf("%s: got shape %v, want %v", name, g.Shape, w.shape)
			continue
		}
		for i, v := range g.Data {
			if math.Abs(float64(v)-w.f[i]) > 1e-5*(1+math.Abs(w.f[i])) {
				t.Errorf("%s: element %d of %v: got %v, want %v", name, i, g.Shape, v, w.f[i])
				break
			}
		}
	}
}

// single compares one node.
func single(t *testing.T, op string, attributes map[string]any, inputs []array, constants ...array) {
	t.Helper()
	named := map[string]array{}
	shapes := ""
	for i, a := range inputs {
		named[string(rune('x'+i))] = a
		shapes += fmt.Sprint(a.shape)
	}
	for _, a := range constants {
		shapes += fmt.Sprint(a.shape)
	}
	agree(t, fmt.Sprint(op, attributes, shapes), one(op, attributes, inputs, constants...), named)
}

func TestElementwise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, op := range []string{"Relu", "Sigmoid", "Exp"} {
		single(t, op, nil, []array{random(r, 2, 3, 5)})
	}
	single(t, "Clip", nil, []array{random(r, 40)}, array{shape: []int{}, f: []float64{-0.5}}, array{shape: []int{}, f: []float64{0.25}})
	single(t, "Clip", nil, []array{random(r, 40)}, array{shape: []int{}, f: []float64{0}})
	single(t, "Clip", nil, []array{random(r, 40)})
	for _, shapes := range [][2][]int{
		{{2, 3, 4}, {2, 3, 4}}, {{2, 3, 4}, {4}}, {{2, 3, 4}, {3, 1}}, {{1, 4}, {3, 1}}, {{3, 1}, {2, 1, 5}}, {{}, {2, 2}}, {{1}, {1}},
	} {
		for _, op := range []string{"Add", "Mul"} {
			single(t, op, nil, []array{random(r, shapes[0]...), random(r, shapes[1]...)})
		}
	}
}

func TestShapes(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, want := range [][]int{{6, 4}, {-1, 8}, {0, -1}, {24}, {2, 0, 4}, {1, 2, 3, 4, 1}} {
		single(t, "Reshape", nil, []array{random(r, 2, 3, 4)}, wholes(want...))
	}
	single(t, "Transpose", nil, []array{random(r, 2, 3, 4)})
	for _, perm := range [][]int{{0, 2, 3, 1}, {3, 2, 1, 0}, {0, 1, 2, 3}, {1, 0, 3, 2}} {
		single(t, "Transpose", map[string]any{"perm": perm}, []array{random(r, 2, 3, 4, 5)})
	}
	for axis := -3; axis < 3; axis++ {
		other := []int{2, 3, 4}
		other[(axis+3)%3] = 7
		single(t, "Concat", map[string]any{"axis": axis}, []array{random(r, 2, 3, 4), random(r, other...), random(r, 2, 3, 4)})
	}
	d := one("Constant", map[string]any{"value": random(r, 3, 2)}, nil)
	agree(t, "Constant", d, nil)
}

func TestConv(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, c := range []struct {
		in, out, group, kh, kw, h, w int
		strides, pads, dilations     []int
	}{
		{3, 5, 1, 1, 1, 9, 11, nil, nil, nil}, // a mix of channels, in fours and a rest
		{8, 4, 1, 1, 1, 30, 40, nil, nil, nil},
		{9, 2, 1, 1, 1, 1, 1, nil, nil, nil},
		{4, 6, 2, 1, 1, 5, 5, nil, nil, nil},
		{6, 6, 6, 3, 3, 8, 9, nil, []int{1, 1, 1, 1}, nil}, // depth by depth
		{2, 2, 2, 3, 3, 4, 2, nil, []int{1, 1, 1, 1}, nil},
		{2, 2, 2, 3, 3, 4, 1, nil, []int{1, 1, 1, 1}, nil},
		{3, 4, 1, 3, 3, 13, 10, []int{2, 2}, []int{1, 1, 1, 1}, nil}, // the first of a detector
		{2, 3, 1, 3, 2, 9, 9, []int{1, 3}, []int{2, 0, 1, 1}, nil},
		{2, 3, 1, 3, 3, 12, 11, []int{2, 1}, []int{0, 3, 2, 0}, []int{2, 3}},
		{1, 1, 1, 5, 5, 5, 5, nil, nil, nil},
		{4, 4, 2, 2, 3, 6, 7, nil, []int{1, 1, 1, 1}, nil},
		{1, 2, 1, 1, 1, 6, 6, []int{2, 2}, nil, nil},
		{1, 2, 1, 1, 1, 6, 6, nil, []int{1, 2, 0, 1}, nil},
		{1, 1, 1, 2, 2, 1, 1, nil, []int{4, 4, 4, 4}, []int{3, 3}},
	} {
		attributes := map[string]any{"kernel_shape": []int{c.kh, c.kw}, "group": c.group}
		for name, v := range map[string][]int{"strides": c.strides, "pads": c.pads, "dilations": c.dilations} {
			if v != nil {
				attributes[name] = v
			}
		}
		x, w := random(r, 2, c.in, c.h, c.w), random(r, c.out, c.in/c.group, c.kh, c.kw)
		single(t, "Conv", attributes, []array{x}, w, random(r, c.out))
		delete(attributes, "kernel_shape")
		single(t, "Conv", attributes, []array{x}, w)
	}
}

func TestMaxPool(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, attributes := range []map[string]any{
		{"kernel_shape": []int{2, 2}, "strides": []int{2, 2}, "pads": []int{0, 0, 0, 0}, "ceil_mode": 0},
		{"kernel_shape": []int{3, 2}},
		{"kernel_shape": []int{3, 3}, "strides": []int{2, 2}, "pads": []int{1, 1, 1, 1}},
		{"kernel_shape": []int{2, 2}, "strides": []int{2, 2}, "ceil_mode": 1},
		{"kernel_shape": []int{2, 3}, "strides": []int{3, 4}, "pads": []int{1, 1, 1, 2}, "ceil_mode": 1},
		{"kernel_shape": []int{2, 2}, "dilations": []int{3, 2}},
	} {
		for _, size := range [][2]int{{8, 8}, {7, 9}, {5, 6}} {
			single(t, "MaxPool", attributes, []array{random(r, 2, 3, size[0], size[1])})
		}
	}
}

func TestResize(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	none := array{shape: []int{0}}
	for _, place := range []string{"", "asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"} {
		for _, round := range []string{"", "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"} {
			attributes := map[string]any{"mode": "nearest", "cubic_coeff_a": float32(-0.75)}
			if place != "" {
				attributes["coordinate_transformation_mode"] = place
			}
			if round != "" {
				attributes["nearest_mode"] = round
			}
			x := random(r, 1, 2, 5, 4)
			for _, scale := range [][]float64{{1, 1, 2, 2}, {1, 1, 0.5, 1.5}, {1, 1, 3, 0.25}} {
				single(t, "Resize", attributes, []array{x}, none, floats(scale...))
			}
			for _, size := range [][]int{{1, 2, 10, 8}, {1, 2, 3, 7}, {1, 2, 1, 1}} {
				single(t, "Resize", attributes, []array{x}, none, none, wholes(size...))
			}
		}
	}
}

// detector is a small network of the build of YuNet: convolutions mixed and by depth, pooling, a coarse map laid over a
// fine one, and answers as lists.
func detector(r *rand.Rand) drawn {
	d := drawn{inputs: []Port{{"picture", []int{1, 3, -1, -1}}}, constants: map[string]array{}}
	conv := func(in, out string, from, to, k, group int) {
		w, b := "w"+out, "b"+out
		d.constants[w], d.constants[b] = random(r, to, from/group, k, k), random(r, to)
		for i := range d.constants[w].f {
			d.constants[w].f[i] /= float64(2 * k)
		}
		p := k / 2
		d.nodes = append(d.nodes, step{"Conv", []string{in, w, b}, out, map[string]any{"kernel_shape": []int{k, k},
			"pads": []int{p, p, p, p}, "group": group, "strides": []int{1, 1}, "dilations": []int{1, 1}}})
	}
	add := func(op, out string, attributes map[string]any, in ...string) {
		d.nodes = append(d.nodes, step{op, in, out, attributes})
	}
	conv("picture", "a0", 3, 8, 3, 1)
	add("Relu", "a", nil, "a0")
	conv("a", "b0", 8, 8, 1, 1)
	conv("b0", "b", 8, 8, 3, 8)
	add("MaxPool", "c", map[string]any{"kernel_shape": []int{2, 2}, "strides": []int{2, 2}}, "b")
	d.constants["none"], d.constants["double"] = array{shape: []int{0}}, floats(1, 1, 2, 2)
	add("Resize", "e", map[string]any{"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}, "c", "none", "double")
	add("Add", "f", nil, "b", "e")
	conv("f", "g", 8, 4, 1, 1)
	add("Transpose", "h", map[string]any{"perm": []int{0, 2, 3, 1}}, "g")
	add("Constant", "shape", map[string]any{"value": wholes(1, -1, 4)})
	add("Reshape", "boxes", nil, "h", "shape")
	add("Sigmoid", "scores", nil, "boxes")
	d.outputs = []string{"boxes", "scores"}
	return d
}

func TestDetector(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	d := detector(r)
	for _, size := range [][2]int{{4, 4}, {16, 24}, {30, 2}} {
		agree(t, fmt.Sprint("detector", size), d, map[string]array{"picture": random(r, 1, 3, size[0], size[1])})
	}
	m := mustParse(t, d.encode())
	if in := m.Inputs(); len(in) != 1 || in[0].Name != "picture" || !slices.Equal(in[0].Shape, []int{1, 3, -1, -1}) {
		t.Errorf("got inputs %v, want the picture of open size", in)
	}
	if out := m.Outputs(); len(out) != 2 || out[1].Name != "scores" {
		t.Errorf("got outputs %v, want boxes and scores", out)
	}
	m.Inputs()[0].Shape[0] = 77
	if m.Inputs()[0].Shape[0] != 1 {
		t.Error("what Inputs gives changes the model")
	}
	// At once, on one model, and the same each time.
	x := random(r, 1, 3, 8, 8).tensor()
	want, err := m.Run(map[string]Tensor{"picture": x})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := m.Run(map[string]Tensor{"picture": x})
			if err != nil || !slices.Equal(got["boxes"].Data, want["boxes"].Data) {
				t.Errorf("a second run differs: %v", err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkConv(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, c := range []struct {
		name                  string
		channels, group, k, h int
	}{{"pointwise", 64, 1, 1, 80}, {"depthwise", 64, 64, 3, 80}} {
		d := one("Conv", map[string]any{"group": c.group, "pads": []int{c.k / 2, c.k / 2, c.k / 2, c.k / 2}},
			[]array{random(r, 1, c.channels, c.h, c.h)}, random(r, c.channels, c.channels/c.group, c.k, c.k))
		m := mustParse(b, d.encode())
		x := random(r, 1, c.channels, c.h, c.h).tensor()
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Run(map[string]Tensor{"x": x}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

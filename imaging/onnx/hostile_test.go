package onnx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestParseRefuses wants each damaged or foreign model refused for what is wrong with it.
func TestParseRefuses(t *testing.T) {
	x := array{shape: []int{1, 1, 2, 2}, f: []float64{1, 2, 3, 4}}
	relu := func(change func(*drawn)) []byte {
		d := one("Relu", nil, []array{x})
		change(&d)
		return d.encode()
	}
	whole := relu(func(*drawn) {})
	model := func(graph []byte) []byte {
		return bytesField(bytesField(nil, 8, varintField(nil, 2, 11)), 7, graph)
	}
	tensor := func(b []byte) []byte { return model(bytesField(nil, 5, b)) }
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"nothing", "no graph", nil},
		{"cut", "damaged", whole[:len(whole)-3]},
		{"an endless number", "damaged", bytes.Repeat([]byte{0xff}, 20)},
		{"a length beyond the end", "damaged", []byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f}},
		{"a group, which nobody writes", "damaged", []byte{0x3b}},
		{"field nought", "damaged", []byte{0x00, 0x01}},
		{"no set of operators", "no set", bytesField(nil, 7, nil)},
		{"an old set", "version 10", relu(func(d *drawn) { d.opset = 10 })},
		{"a set to come", "version 99", relu(func(d *drawn) { d.opset = 99 })},
		{"no output", "no output", relu(func(d *drawn) { d.outputs = nil })},
		{"an output never made", "never made", relu(func(d *drawn) { d.outputs = []string{"other"} })},
		{"an unknown operator", `operator "Loop"`, relu(func(d *drawn) { d.nodes[0].op = "Loop" })},
		{"an operator named to deceive", `operator "?"`, relu(func(d *drawn) { d.nodes[0].op = "Re\nlu" })},
		{"an unknown attribute", `attribute "alpha"`, relu(func(d *drawn) { d.nodes[0].attributes = map[string]any{"alpha": 1} })},
		{"too many inputs", "2 inputs", relu(func(d *drawn) { d.nodes[0].in = []string{"x", "x"} })},
		{"an input left out", "lacks an input", relu(func(d *drawn) { d.nodes[0].in = []string{""} })},
		{"an input never made", "not made before", relu(func(d *drawn) { d.nodes[0].in = []string{"y"} })},
		{"a cycle", "not made before", relu(func(d *drawn) {
			d.nodes = []step{{"Relu", []string{"out"}, "a", nil}, {"Relu", []string{"a"}, "out", nil}}
		})},
		{"itself", "not made before", relu(func(d *drawn) { d.nodes[0].in = []string{"out"} })},
		{"made twice", "made twice", relu(func(d *drawn) { d.nodes = append(d.nodes, d.nodes[0]) })},
		{"over an input", "made twice", relu(func(d *drawn) { d.nodes[0].out = "x" })},
		{"two inputs of one name", "two inputs", relu(func(d *drawn) { d.inputs = append(d.inputs, d.inputs[0]) })},
		{"too many nodes", "too large", relu(func(d *drawn) {
			for range maxNodes {
				d.nodes = append(d.nodes, step{"Relu", []string{"x"}, "n", nil})
			}
		})},
		{"a name too long", "damaged", relu(func(d *drawn) { d.nodes[0].out = strings.Repeat("n", maxName+1) })},
		{"a rank too high", "too large", relu(func(d *drawn) { d.inputs[0].Shape = make([]int, 9) })},
		{"numbers of 16 bits", "type 10", tensor(varintField(varintField(nil, 1, 1), 2, 10))},
		{"fewer numbers than the shape", "shapes", tensor(bytesField(varintField(varintField(nil, 1, 3), 2, typeFloat), 9, make([]byte, 8)))},
		{"a huge shape without numbers", "too large", tensor(varintField(varintField(varintField(nil, 1, 1<<20), 1, 1<<20), 2, typeFloat))},
		{"a negative size", "too large", tensor(varintField(varintField(nil, 1, math.MaxUint64), 2, typeFloat))},
		{"numbers elsewhere", "outside the file", tensor(varintField(nil, 14, 1))},
		{"numbers in two forms", "shapes", tensor(floatField(bytesField(varintField(varintField(nil, 1, 1), 2, typeFloat), 9, make([]byte, 4)), 4, 1))},
		{"sparse constants", "sparse", model(bytesField(nil, 15, nil))},
	} {
		if _, err := Parse(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", c.name, err, c.want)
		}
	}
	if _, err := Parse(make([]byte, maxFile+1)); !errors.Is(err, errTooLarge) {
		t.Errorf("a huge file: got error %v, want %v", err, errTooLarge)
	}
}

// TestRunRefuses wants shapes that do not fit refused by the operator.
func TestRunRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	pic := random(r, 1, 2, 4, 4)
	none := array{shape: []int{0}}
	for _, c := range []struct {
		name string
		d    drawn
	}{
		{"a convolution over too few channels", one("Conv", nil, []array{pic}, random(r, 3, 5, 1, 1))},
		{"a convolution over a list", one("Conv", nil, []array{random(r, 4)}, random(r, 3, 5, 1, 1))},
		{"a kernel larger than the picture", one("Conv", nil, []array{pic}, random(r, 1, 2, 5, 5))},
		{"a kernel of another size", one("Conv", map[string]any{"kernel_shape": []int{2, 2}}, []array{pic}, random(r, 1, 2, 1, 1))},
		{"no groups", one("Conv", map[string]any{"group": 0}, []array{pic}, random(r, 1, 2, 1, 1))},
		{"groups that do not divide", one("Conv", map[string]any{"group": 2}, []array{pic}, random(r, 3, 1, 1, 1))},
		{"a stride of nought", one("Conv", map[string]any{"strides": []int{0, 1}}, []array{pic}, random(r, 1, 2, 1, 1))},
		{"a negative pad", one("Conv", map[string]any{"pads": []int{0, -1, 0, 0}}, []array{pic}, random(r, 1, 2, 1, 1))},
		{"pads for one side", one("Conv", map[string]any{"pads": []int{1, 1}}, []array{pic}, random(r, 1, 2, 1, 1))},
		{"padding by itself", one("Conv", map[string]any{"auto_pad": "SAME_UPPER"}, []array{pic}, random(r, 1, 2, 1, 1))},
		{"a short bias", one("Conv", nil, []array{pic}, random(r, 3, 2, 1, 1), random(r, 2))},
		{"weights of whole numbers", one("Conv", nil, []array{pic}, wholes(1))},
		{"a pool without a kernel", one("MaxPool", nil, []array{pic})},
		{"shapes that do not meet", one("Add", nil, []array{pic, random(r, 3)})},
		{"whole numbers added", one("Add", nil, []array{pic}, wholes(1))},
		{"a reshape to another count", one("Reshape", nil, []array{pic}, wholes(5, -1))},
		{"a reshape with two open sizes", one("Reshape", nil, []array{pic}, wholes(-1, -1))},
		{"a reshape by floats", one("Reshape", nil, []array{pic}, floats(32))},
		{"a reshape to nothing", one("Reshape", nil, []array{pic}, wholes(0, 0, 0, 0, 0))},
		{"no permutation", one("Transpose", map[string]any{"perm": []int{0, 1, 1, 3}}, []array{pic})},
		{"a permutation of others", one("Transpose", map[string]any{"perm": []int{0, 1}}, []array{pic})},
		{"rows that do not match", one("Concat", map[string]any{"axis": 1}, []array{pic, random(r, 1, 2, 4, 5)})},
		{"no such axis", one("Concat", map[string]any{"axis": 4}, []array{pic})},
		{"a cubic", one("Resize", map[string]any{"mode": "cubic"}, []array{pic}, none, floats(1, 1, 2, 2))},
		{"neither scale nor size", one("Resize", nil, []array{pic}, none, none)},
		{"both scale and size", one("Resize", nil, []array{pic}, none, floats(1, 1, 2, 2), wholes(1, 2, 8, 8))},
		{"a scale of nought", one("Resize", nil, []array{pic}, none, floats(1, 1, 0, 2))},
		{"a scale that is no number", one("Resize", nil, []array{pic}, none, floats(1, 1, math.NaN(), 2))},
		{"a huge scale", one("Resize", nil, []array{pic}, none, floats(1, 1, 1e9, 1e9))},
		{"a huge size", one("Resize", nil, []array{pic}, none, none, wholes(1, 2, 1<<24, 1<<24))},
		{"too few scales", one("Resize", nil, []array{pic}, none, floats(2, 2))},
		{"a bound that is a list", one("Clip", nil, []array{pic}, random(r, 2))},
		{"a constant without a tensor", one("Constant", nil, nil)},
		{"an output of whole numbers", one("Constant", map[string]any{"value": wholes(1, 2)}, nil)},
	} {
		m, err := Parse(c.d.encode())
		if err != nil {
			t.Errorf("%s: Parse: %v", c.name, err)
			continue
		}
		given := map[string]Tensor{}
		for _, p := range c.d.inputs {
			given[p.Name] = random(r, p.Shape...).tensor()
		}
		if _, err := m.Run(given); err == nil {
			t.Errorf("%s: got no error", c.name)
		}
	}
}

func TestRunInputs(t *testing.T) {
	m := mustParse(t, one("Relu", nil, []array{{shape: []int{2, 2}}}).encode())
	good := Tensor{Shape: []int{2, 2}, Data: make([]float32, 4)}
	for name, in := range map[string]map[string]Tensor{
		"none": nil, "another": {"y": good}, "two": {"x": good, "y": good},
		"too few": {"x": {Shape: []int{2, 2}, Data: make([]float32, 3)}}, "another rank": {"x": {Shape: []int{4}, Data: make([]float32, 4)}},
		"negative": {"x": {Shape: []int{-2, -2}, Data: make([]float32, 4)}}, "empty": {"x": {Shape: []int{0, 2}}},
	} {
		if _, err := m.Run(in); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, err := m.Run(map[string]Tensor{"x": {Shape: []int{1, 4}, Data: good.Data}}); err != nil {
		t.Errorf("another size of the same rank: %v", err)
	}
}

// TestRunBounds wants a model that grows, or that toils, stopped before it takes memory or time.
func TestRunBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	grow := drawn{inputs: []Port{{"x", []int{1, 1, 64, 64}}}, outputs: []string{"out"}, constants: map[string]array{
		"none": {shape: []int{0}}, "twice": floats(1, 1, 2, 2)}}
	last := "x"
	for i := range 20 {
		name := "v" + string(rune('a'+i))
		grow.nodes = append(grow.nodes, step{"Resize", []string{last, "none", "twice"}, name, nil})
		last = name
	}
	grow.outputs = []string{last}
	toil := one("Conv", map[string]any{"pads": []int{50, 50, 50, 50}}, []array{{shape: []int{1, 64, 300, 300}}}, random(r, 2, 64, 90, 90))
	for name, d := range map[string]drawn{"grows": grow, "toils": toil} {
		m := mustParse(t, d.encode())
		start := time.Now()
		_, err := m.Run(map[string]Tensor{"x": {Shape: d.inputs[0].Shape, Data: make([]float32, product(d.inputs[0].Shape))}})
		if !errors.Is(err, errTooLarge) {
			t.Errorf("%s: got error %v, want %v", name, err, errTooLarge)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
	// Values that are used again stay, so that three of them pass a bound of two; used in turn they do not.
	x := array{shape: []int{1, 50}, f: make([]float64, 50)}
	for _, c := range []struct {
		again string
		ok    bool
	}{{"x", false}, {"b", true}} {
		d := one("Relu", nil, []array{x})
		d.nodes = []step{{"Relu", []string{"x"}, "a", nil}, {"Relu", []string{"a"}, "b", nil}, {"Add", []string{"b", c.again}, "out", nil}}
		_, err := mustParse(t, d.encode()).within(&run{left: maxWork, most: 100}, map[string]Tensor{"x": x.tensor()})
		if (err == nil) != c.ok {
			t.Errorf("%s used again: got error %v, want one: %v", c.again, err, !c.ok)
		}
	}
	if _, err := elements([]int{1 << 20, 1 << 20, 1 << 20, 1 << 20}); !errors.Is(err, errTooLarge) {
		t.Errorf("a shape past all bounds: got %v", err)
	}
}

// TestKnownConv has numbers that were worked out on paper: 0 1 2 / 3 4 5 / 6 7 8 seen through 1 2 / 3 4, padded on the left
// alone.
func TestKnownConv(t *testing.T) {
	x := array{shape: []int{1, 1, 3, 3}, f: []float64{0, 1, 2, 3, 4, 5, 6, 7, 8}}
	w := array{shape: []int{1, 1, 2, 2}, f: []float64{1, 2, 3, 4}}
	d := one("Conv", map[string]any{"pads": []int{0, 1, 0, 0}}, []array{x}, w, floats(100))
	out, err := mustParse(t, d.encode()).Run(map[string]Tensor{"x": x.tensor()})
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{112, 127, 137, 130, 157, 167}
	for i, v := range out["out"].Data {
		if v != want[i] {
			t.Errorf("got %v, want %v", out["out"].Data, want)
			break
		}
	}
}

// FuzzParse wants no panic and an end, whatever the bytes; what parses is run on a small picture.
func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(10, 10))
	f.Add(detector(r).encode())
	f.Add(one("Clip", nil, []array{{shape: []int{1, 3, 8, 8}}}, floats(0)).encode())
	f.Add(one("Conv", map[string]any{"group": 3, "strides": []int{2, 2}}, []array{{shape: []int{1, 3, 8, 8}}}, random(r, 3, 1, 3, 3)).encode())
	f.Add(one("Resize", nil, []array{{shape: []int{1, 3, 8, 8}}}, array{shape: []int{0}}, floats(1, 1, 2, 2)).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		in := map[string]Tensor{}
		for _, p := range m.Inputs() {
			shape := make([]int, len(p.Shape))
			for i, d := range p.Shape {
				shape[i] = min(max(d, 1), 8)
			}
			in[p.Name] = Tensor{Shape: shape, Data: make([]float32, product(shape))}
		}
		start := time.Now()
		out, err := m.within(&run{left: 1 << 20, most: 1 << 22}, in)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("ran for %v", took)
		}
		if err != nil {
			return
		}
		for _, p := range m.Outputs() {
			if v, ok := out[p.Name]; !ok || len(v.Data) != product(v.Shape) {
				t.Errorf("output of shape %v with %d elements", v.Shape, len(v.Data))
			}
		}
	})
}

func TestEachField(t *testing.T) {
	b := varintField(nil, 1, 300)
	b = bytesField(b, 2, []byte("ab"))
	b = floatField(b, 3, 1.5)
	b = binary.LittleEndian.AppendUint64(append(b, 4<<3|wire64), 7)
	var seen []field
	if err := eachField(b, func(f field) error { seen = append(seen, f); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 4 || seen[0].value != 300 || string(seen[1].bytes) != "ab" || seen[2].value != uint64(math.Float32bits(1.5)) || seen[3].value != 7 {
		t.Errorf("got %+v", seen)
	}
	for i := 1; i < len(b); i++ {
		whole := i == 3 || i == 7 || i == 12 // between fields
		if err := eachField(b[:i], func(field) error { return nil }); (err == nil) != whole {
			t.Errorf("cut after %d of %d bytes: got error %v", i, len(b), err)
		}
	}
}

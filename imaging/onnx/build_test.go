package onnx

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// drawn is a graph as the tests write it down, before it becomes bytes.
type drawn struct {
	inputs    []Port
	outputs   []string
	constants map[string]array
	nodes     []step
	opset     uint64
}

// step is one node. Attributes are int, float32, string, []int or array.
type step struct {
	op         string
	in         []string
	out        string
	attributes map[string]any
}

// array is a tensor of 64-bit floats, or of whole numbers.
type array struct {
	shape []int
	f     []float64
	whole bool
}

func bytesField(to []byte, number int, b []byte) []byte {
	to = binary.AppendUvarint(to, uint64(number<<3|wireBytes))
	to = binary.AppendUvarint(to, uint64(len(b)))
	return append(to, b...)
}

func varintField(to []byte, number int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(to, uint64(number<<3|wireVarint)), v)
}

func floatField(to []byte, number int, v float32) []byte {
	to = binary.AppendUvarint(to, uint64(number<<3|wire32))
	return binary.LittleEndian.AppendUint32(to, math.Float32bits(v))
}

// encode writes a TensorProto: the elements raw, packed or one by one, in turn.
func (a array) encode(name string, form int) (b []byte) {
	for _, d := range a.shape {
		b = varintField(b, 1, uint64(d))
	}
	b = bytesField(b, 8, []byte(name))
	var raw []byte
	if a.whole {
		b = varintField(b, 2, typeInt64)
		for _, v := range a.f {
			switch form % 3 {
			case 0:
				raw = binary.LittleEndian.AppendUint64(raw, uint64(int64(v)))
			case 1:
				raw = binary.AppendUvarint(raw, uint64(int64(v)))
			case 2:
				b = varintField(b, 7, uint64(int64(v)))
			}
		}
		return a.packed(b, raw, form, 7)
	}
	b = varintField(b, 2, typeFloat)
	for _, v := range a.f {
		if form%3 == 2 {
			b = floatField(b, 4, float32(v))
		} else {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
		}
	}
	return a.packed(b, raw, form, 4)
}

func (a array) packed(b, raw []byte, form, number int) []byte {
	if len(raw) == 0 {
		return b
	}
	return bytesField(b, []int{9, number}[form%3], raw)
}

func (s step) encode() (b []byte) {
	for _, name := range s.in {
		b = bytesField(b, 1, []byte(name))
	}
	b = bytesField(b, 2, []byte(s.out))
	b = bytesField(b, 4, []byte(s.op))
	for name, v := range s.attributes {
		a := bytesField(nil, 1, []byte(name))
		switch v := v.(type) {
		case int:
			a = varintField(a, attrInt, uint64(v))
		case float32:
			a = floatField(a, attrFloat, v)
		case string:
			a = bytesField(a, attrString, []byte(v))
		case []int:
			for _, x := range v {
				a = varintField(a, attrInts, uint64(x))
			}
		case array:
			a = bytesField(a, attrTensor, v.encode("", 0))
		}
		b = bytesField(b, 5, a)
	}
	return b
}

// encode writes the whole file.
func (d drawn) encode() []byte {
	var graph []byte
	for _, s := range d.nodes {
		graph = bytesField(graph, 1, s.encode())
	}
	form := 0
	for name, a := range d.constants {
		graph = bytesField(graph, 5, a.encode(name, form))
		form++
	}
	for _, p := range d.inputs {
		graph = bytesField(graph, 11, encodePort(p))
	}
	for _, name := range d.outputs {
		graph = bytesField(graph, 12, encodePort(Port{Name: name}))
	}
	opset := d.opset
	if opset == 0 {
		opset = 11
	}
	b := varintField(nil, 1, 6)
	b = bytesField(b, 8, varintField(bytesField(nil, 1, nil), 2, opset))
	return bytesField(b, 7, graph)
}

func encodePort(p Port) []byte {
	var shape []byte
	for _, d := range p.Shape {
		if d < 0 {
			shape = bytesField(shape, 1, bytesField(nil, 2, []byte("open")))
		} else {
			shape = bytesField(shape, 1, varintField(nil, 1, uint64(d)))
		}
	}
	tensor := bytesField(varintField(nil, 1, typeFloat), 2, shape)
	return bytesField(bytesField(nil, 1, []byte(p.Name)), 2, bytesField(nil, 1, tensor))
}

// random fills a shape with numbers around 0.
func random(r *rand.Rand, shape ...int) array {
	a := array{shape: shape, f: make([]float64, product(shape))}
	for i := range a.f {
		a.f[i] = float64(float32(r.NormFloat64()))
	}
	return a
}

func wholes(values ...int) array {
	a := array{shape: []int{len(values)}, whole: true}
	for _, v := range values {
		a.f = append(a.f, float64(v))
	}
	return a
}

func floats(values ...float64) array { return array{shape: []int{len(values)}, f: values} }

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func (a array) tensor() Tensor {
	t := Tensor{Shape: slices.Clone(a.shape)}
	for _, v := range a.f {
		t.Data = append(t.Data, float32(v))
	}
	return t
}

// one draws a graph of a single node over inputs "x", "y"…, with constants "c0", "c1"….
func one(op string, attributes map[string]any, inputs []array, constants ...array) drawn {
	d := drawn{outputs: []string{"out"}, constants: map[string]array{}}
	s := step{op: op, out: "out", attributes: attributes}
	for i, a := range inputs {
		name := string(rune('x' + i))
		d.inputs, s.in = append(d.inputs, Port{name, a.shape}), append(s.in, name)
	}
	for i, a := range constants {
		name := "c" + string(rune('0'+i))
		d.constants[name] = a
		s.in = append(s.in, name)
	}
	d.nodes = []step{s}
	return d
}

func mustParse(t testing.TB, data []byte) *Model {
	t.Helper()
	m, err := Parse(data)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return m
}

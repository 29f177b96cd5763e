package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// The bounds of a model and of its running.
const (
	maxFile     = 64 << 20 // bytes of a model
	maxNodes    = 4096
	maxTensors  = 4096 // constants
	maxPorts    = 64   // inputs, and outputs, of a model or a node
	maxName     = 256  // bytes
	maxRank     = 6
	maxElements = 1 << 25 // of one tensor: 128 MiB of floats
	maxAlive    = 1 << 26 // of all tensors of a run at a time
	maxWork     = 1 << 31 // multiplications and reads of a run: a few seconds
)

var (
	errTooLarge = errors.New("onnx: too large")
	errShape    = errors.New("onnx: shapes do not fit")
)

// Tensor is an array of numbers, the last dimension running fastest.
type Tensor struct {
	Shape []int
	Data  []float32
}

// value is a tensor within a run. One of f and i holds the elements: sizes are integers, all else floats. A value
// is never changed once made, so that several may share elements.
type value struct {
	shape []int
	f     []float32
	i     []int64
}

// elements multiplies a shape out, refusing what is empty, negative or too large.
func elements(shape []int) (int, error) {
	if len(shape) > maxRank {
		return 0, errTooLarge
	}
	n := 1
	for _, d := range shape {
		if d < 1 {
			return 0, errShape
		}
		if n > maxElements/d {
			return 0, errTooLarge
		}
		n *= d
	}
	return n, nil
}

// room makes room for floats of a shape, each of which will take so many multiplications or reads.
func (r *run) room(work int, shape ...int) (*value, error) {
	n, err := elements(shape)
	if err == nil {
		err = r.spend(n, work)
	}
	if err != nil {
		return nil, err
	}
	return &value{shape: shape, f: make([]float32, n)}, nil
}

func (v *value) size() int { return len(v.f) + len(v.i) }

// image gives the four dimensions of a batch of pictures.
func (v *value) image() (n, c, h, w int, err error) {
	if len(v.shape) != 4 || len(v.f) == 0 {
		return 0, 0, 0, 0, fmt.Errorf("%w: want batch, channels, rows and columns of floats", errShape)
	}
	return v.shape[0], v.shape[1], v.shape[2], v.shape[3], nil
}

// The types of numbers (onnx.proto, TensorProto.DataType) that are read.
const (
	typeFloat = 1
	typeInt64 = 7
)

// parseTensor reads a TensorProto.
func parseTensor(message []byte) (name string, v *value, err error) {
	var dims []int64
	var kind, place uint64
	var raw []byte
	v = &value{}
	err = eachField(message, func(f field) (err error) {
		switch f.number {
		case 1:
			dims, err = f.appendInts(dims, maxRank)
		case 2:
			kind = f.value
		case 4:
			v.f, err = f.appendFloats(v.f, maxElements)
		case 7:
			v.i, err = f.appendInts(v.i, maxElements)
		case 8:
			name, err = f.text()
		case 9:
			raw, err = f.message()
		case 14:
			place = f.value
		}
		return err
	})
	if err != nil {
		return "", nil, err
	}
	if place != 0 {
		return "", nil, errors.New("onnx: numbers kept outside the file")
	}
	v.shape = make([]int, len(dims))
	for i, d := range dims {
		if d < 0 || d > maxElements {
			return "", nil, errTooLarge
		}
		v.shape[i] = int(d)
	}
	return name, v, v.fill(kind, raw)
}

// fill takes the elements from their raw form, where that was used, and wants as many as the shape says.
func (v *value) fill(kind uint64, raw []byte) error {
	want := 0 // an empty list, by which an optional input says that it is not meant
	if !slices.Equal(v.shape, []int{0}) {
		var err error
		if want, err = elements(v.shape); err != nil {
			return err
		}
	}
	size := map[uint64]int{typeFloat: 4, typeInt64: 8}[kind]
	if size == 0 {
		return fmt.Errorf("onnx: numbers of type %d are not supported", kind)
	}
	if len(raw) > 0 {
		if len(raw) != want*size || v.size() > 0 {
			return errShape
		}
		switch kind {
		case typeFloat:
			v.f = make([]float32, want)
			for i := range v.f {
				v.f[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
			}
		case typeInt64:
			v.i = make([]int64, want)
			for i := range v.i {
				v.i[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
			}
		}
	}
	if kind == typeFloat && (len(v.f) != want || v.i != nil) || kind == typeInt64 && (len(v.i) != want || v.f != nil) {
		return errShape
	}
	if kind == typeFloat && v.f == nil {
		v.f = []float32{} // empty, but of floats
	}
	return nil
}

package onnx

import (
	"fmt"
	"math"
)

// attribute is one attribute of a node. Only the field that its type names is meant.
type attribute struct {
	number float32
	whole  int64
	text   string
	wholes []int64
	tensor *value
	given  map[int]bool // the fields that the file had
}

// The fields of an AttributeProto (onnx.proto).
const (
	attrFloat   = 2
	attrInt     = 3
	attrString  = 4
	attrTensor  = 5
	attrInts    = 8
	maxWholes   = 64 // of a list
	maxAttrs    = 32 // of a node
	attrGraph   = 6
	attrGraphs  = 11
	attrTensors = 10
)

type attributes map[string]attribute

// add reads an AttributeProto.
func (as attributes) add(f field) error {
	message, err := f.message()
	if err != nil {
		return err
	}
	name, a := "", attribute{given: map[int]bool{}}
	err = eachField(message, func(f field) (err error) {
		switch f.number {
		case 1:
			name, err = f.text()
		case attrFloat:
			a.number = math.Float32frombits(uint32(f.value))
		case attrInt:
			a.whole = int64(f.value)
		case attrString:
			a.text, err = f.text()
		case attrTensor:
			var b []byte
			if b, err = f.message(); err == nil {
				_, a.tensor, err = parseTensor(b)
			}
		case attrInts:
			a.wholes, err = f.appendInts(a.wholes, maxWholes)
		case attrGraph, attrGraphs, attrTensors:
			err = fmt.Errorf("onnx: graphs and lists of tensors as attributes are not supported")
		}
		a.given[f.number] = true
		return err
	})
	if err != nil {
		return err
	}
	if _, twice := as[name]; twice || name == "" || len(as) >= maxAttrs {
		return fmt.Errorf("onnx: attribute without a name of its own")
	}
	as[name] = a
	return nil
}

// whole gives an integer, or what it is when it was not given.
func (as attributes) whole(name string, otherwise int64) int64 {
	if a, ok := as[name]; ok && a.given[attrInt] {
		return a.whole
	}
	return otherwise
}

// text gives a string, or what it is when it was not given.
func (as attributes) text(name, otherwise string) string {
	if a, ok := as[name]; ok && a.given[attrString] {
		return a.text
	}
	return otherwise
}

// sizes gives n small whole numbers, each from least on, all otherwise when they were not given.
func (as attributes) sizes(name string, n int, least, otherwise int) ([]int, error) {
	out := make([]int, n)
	a, given := as[name]
	if given && len(a.wholes) != n {
		return nil, fmt.Errorf("%w: %d values for %s, want %d", errShape, len(a.wholes), name, n)
	}
	for i := range out {
		out[i] = otherwise
		if given {
			if a.wholes[i] < int64(least) || a.wholes[i] > 1<<16 {
				return nil, fmt.Errorf("%w: %s out of range", errShape, name)
			}
			out[i] = int(a.wholes[i])
		}
	}
	return out, nil
}

package onnx

import (
	"encoding/binary"
	"errors"
	"math"
)

// errWire is a file that is no protocol buffer, or is cut short.
var errWire = errors.New("onnx: damaged encoding")

// The wire types of protocol buffers that ONNX uses (protobuf.dev, "Encoding").
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// field is one field of a message: a number, or bytes that share the file's memory.
type field struct {
	number int
	wire   int
	value  uint64 // of a varint or a fixed number
	bytes  []byte
}

// eachField calls do for every field of a message, in order, until it fails.
func eachField(message []byte, do func(field) error) error {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 || key>>3 == 0 || key>>3 > math.MaxInt32 {
			return errWire
		}
		message = message[n:]
		f := field{number: int(key >> 3), wire: int(key & 7)}
		switch f.wire {
		case wireVarint:
			if f.value, n = binary.Uvarint(message); n <= 0 {
				return errWire
			}
		case wire64:
			if n = 8; len(message) < n {
				return errWire
			}
			f.value = binary.LittleEndian.Uint64(message)
		case wire32:
			if n = 4; len(message) < n {
				return errWire
			}
			f.value = uint64(binary.LittleEndian.Uint32(message))
		case wireBytes:
			size, m := binary.Uvarint(message)
			if m <= 0 || size > uint64(len(message)-m) {
				return errWire
			}
			n = m + int(size)
			f.bytes = message[m:n]
		default:
			return errWire
		}
		message = message[n:]
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

// text reads a short string: names and modes are short.
func (f field) text() (string, error) {
	if f.wire != wireBytes || len(f.bytes) > maxName {
		return "", errWire
	}
	return string(f.bytes), nil
}

// message gives the bytes of a message within a message.
func (f field) message() ([]byte, error) {
	if f.wire != wireBytes {
		return nil, errWire
	}
	return f.bytes, nil
}

// appendInts reads a repeated integer, packed or not, to at most most of them.
func (f field) appendInts(to []int64, most int) ([]int64, error) {
	if f.wire == wireVarint {
		to = append(to, int64(f.value))
	} else if f.wire != wireBytes {
		return nil, errWire
	}
	for b := f.bytes; len(b) > 0; {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errWire
		}
		if len(to) > most {
			break
		}
		to, b = append(to, int64(v)), b[n:]
	}
	if len(to) > most {
		return nil, errTooLarge
	}
	return to, nil
}

// appendFloats reads a repeated float, packed or not, to at most most of them.
func (f field) appendFloats(to []float32, most int) ([]float32, error) {
	if f.wire == wire32 {
		to = append(to, math.Float32frombits(uint32(f.value)))
	} else if f.wire != wireBytes || len(f.bytes)%4 != 0 {
		return nil, errWire
	}
	if len(to)+len(f.bytes)/4 > most {
		return nil, errTooLarge
	}
	for b := f.bytes; len(b) > 0; b = b[4:] {
		to = append(to, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return to, nil
}

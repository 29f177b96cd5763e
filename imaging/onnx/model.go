package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// Port is an input or output of a model.
type Port struct {
	Name  string
	Shape []int // -1 where the model leaves it open
}

// Model is a checked graph, ready to run. It is safe for concurrent use.
type Model struct {
	inputs, outputs []Port
	constants       map[string]*value
	nodes           []node
	last            map[string]int // the node that uses a value last; outputs have none
}

// node is one operator with its attributes.
type node struct {
	op      string
	inputs  []string // "" where an optional one is left out
	outputs []string
	attributes
	run kernel
}

// Inputs gives what Run wants.
func (m *Model) Inputs() []Port { return clonePorts(m.inputs) }

// Outputs gives what Run returns.
func (m *Model) Outputs() []Port { return clonePorts(m.outputs) }

func clonePorts(ports []Port) []Port {
	ports = slices.Clone(ports)
	for i := range ports {
		ports[i].Shape = slices.Clone(ports[i].Shape)
	}
	return ports
}

// Parse reads an ONNX file of at most 64 MiB (onnx.proto, ModelProto). What Run could not run is an error already.
func Parse(data []byte) (*Model, error) {
	if len(data) > maxFile {
		return nil, errTooLarge
	}
	var graph []byte
	opset := false
	err := eachField(data, func(f field) (err error) {
		switch f.number {
		case 7:
			graph, err = f.message()
		case 8:
			opset, err = true, checkOpset(f)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case graph == nil:
		return nil, errors.New("onnx: no graph in the file")
	case !opset:
		return nil, errors.New("onnx: the file names no set of operators")
	}
	m := &Model{constants: map[string]*value{}, last: map[string]int{}}
	if err := eachField(graph, m.addField); err != nil {
		return nil, err
	}
	return m, m.check()
}

// checkOpset accepts the versions of the standard operators whose meaning is the one implemented.
func checkOpset(f field) error {
	set, err := f.message()
	if err != nil {
		return err
	}
	domain, version := "", uint64(0)
	err = eachField(set, func(f field) (err error) {
		switch f.number {
		case 1:
			domain, err = f.text()
		case 2:
			version = f.value
		}
		return err
	})
	if err != nil {
		return err
	}
	if (domain == "" || domain == "ai.onnx") && (version < 11 || version > 20) {
		return fmt.Errorf("onnx: operators of version %d are not supported, 11 to 20 are", version)
	}
	return nil
}

// addField takes one field of a GraphProto.
func (m *Model) addField(f field) error {
	switch f.number {
	case 1, 5, 11, 12, 15:
	default:
		return nil // names, descriptions, and shapes that we find ourselves
	}
	message, err := f.message()
	if err != nil {
		return err
	}
	switch f.number {
	case 1:
		if len(m.nodes) >= maxNodes {
			return errTooLarge
		}
		n, err := parseNode(message)
		if err != nil {
			return err
		}
		m.nodes = append(m.nodes, n)
	case 5:
		name, v, err := parseTensor(message)
		if err != nil {
			return err
		}
		if m.constants[name] != nil || name == "" {
			return errors.New("onnx: two constants of one name")
		}
		if len(m.constants) >= maxTensors {
			return errTooLarge
		}
		m.constants[name] = v
	case 11, 12:
		p, err := parsePort(message)
		if err != nil {
			return err
		}
		if f.number == 11 {
			m.inputs = append(m.inputs, p)
		} else {
			m.outputs = append(m.outputs, p)
		}
		if len(m.inputs) > maxTensors || len(m.outputs) > maxPorts {
			return errTooLarge
		}
	case 15:
		return errors.New("onnx: sparse constants are not supported")
	}
	return nil
}

// parseNode reads a NodeProto.
func parseNode(message []byte) (node, error) {
	n := node{attributes: attributes{}}
	domain := ""
	err := eachField(message, func(f field) (err error) {
		var s string
		switch f.number {
		case 1, 2, 4, 7:
			if s, err = f.text(); err != nil {
				return err
			}
		case 5:
			return n.attributes.add(f)
		}
		switch f.number {
		case 1:
			n.inputs = append(n.inputs, s)
		case 2:
			n.outputs = append(n.outputs, s)
		case 4:
			n.op = s
		case 7:
			domain = s
		}
		if len(n.inputs) > maxPorts || len(n.outputs) > maxPorts {
			return errTooLarge
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	op, known := operators[n.op]
	if !known || (domain != "" && domain != "ai.onnx") {
		return n, fmt.Errorf("onnx: operator %q is not supported", printable(n.op))
	}
	if len(n.inputs) < op.least || len(n.inputs) > op.most || len(n.outputs) != 1 {
		return n, fmt.Errorf("onnx: %s has %d inputs and %d outputs", n.op, len(n.inputs), len(n.outputs))
	}
	if slices.Contains(n.inputs[:op.least], "") {
		return n, fmt.Errorf("onnx: %s lacks an input", n.op)
	}
	for name := range n.attributes {
		if !slices.Contains(op.attributes, name) {
			return n, fmt.Errorf("onnx: attribute %q of %s is not supported", printable(name), n.op)
		}
	}
	n.run = op.run
	return n, nil
}

// printable keeps what a name of the standard consists of, so that an error never repeats foreign bytes.
func printable(name string) string {
	for _, c := range []byte(name) {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return "?"
		}
	}
	return name[:min(len(name), 40)]
}

// parsePort reads a ValueInfoProto: a name, and a tensor's type with dimensions that may have names instead of sizes.
func parsePort(message []byte) (Port, error) {
	p := Port{}
	in := func(number int, message []byte, do func(field) error) error {
		return eachField(message, func(f field) error {
			if f.number != number {
				return nil
			}
			return do(f)
		})
	}
	dimension := func(f field) error {
		size := -1
		err := in(1, f.bytes, func(f field) error {
			if f.value > maxElements {
				return errTooLarge
			}
			size = int(f.value)
			return nil
		})
		if p.Shape = append(p.Shape, size); len(p.Shape) > maxRank {
			return errTooLarge
		}
		return err
	}
	tensor := func(f field) error {
		return eachField(f.bytes, func(f field) error {
			switch {
			case f.number == 1 && f.value != typeFloat && f.value != typeInt64:
				return fmt.Errorf("onnx: numbers of type %d are not supported", f.value)
			case f.number == 2:
				return in(1, f.bytes, dimension)
			}
			return nil
		})
	}
	err := eachField(message, func(f field) (err error) {
		switch f.number {
		case 1:
			p.Name, err = f.text()
		case 2:
			err = in(1, f.bytes, tensor)
		}
		return err
	})
	return p, err
}

// check wants every value made once and before its use, and finds its last use.
func (m *Model) check() error {
	m.inputs = slices.DeleteFunc(m.inputs, func(p Port) bool { return m.constants[p.Name] != nil }) // their defaults
	if len(m.inputs) > maxPorts {
		return errTooLarge
	}
	made := map[string]bool{}
	for _, p := range m.inputs {
		if made[p.Name] || p.Name == "" {
			return errors.New("onnx: two inputs of one name")
		}
		made[p.Name] = true
	}
	for name := range m.constants {
		made[name] = true
	}
	for i, n := range m.nodes {
		for _, name := range n.inputs {
			if name != "" && !made[name] {
				return fmt.Errorf("onnx: input of node %d, %s, is not made before it", i, n.op)
			}
			m.last[name] = i
		}
		if made[n.outputs[0]] || n.outputs[0] == "" {
			return fmt.Errorf("onnx: output of node %d, %s, is made twice", i, n.op)
		}
		made[n.outputs[0]] = true
	}
	for _, p := range m.outputs {
		if !made[p.Name] {
			return errors.New("onnx: an output is never made")
		}
		delete(m.last, p.Name)
	}
	if len(m.outputs) == 0 {
		return errors.New("onnx: no output")
	}
	return nil
}

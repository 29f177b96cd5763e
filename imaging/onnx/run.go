package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// kernel computes one node. An input that was left out is nil.
type kernel func(r *run, n *node, in []*value) (*value, error)

// operator is how a node is checked and run.
type operator struct {
	run         kernel
	least, most int // inputs
	attributes  []string
}

// operators are what a model may use. The attributes are those whose meaning is implemented or, as the
// coefficients of a cubic that is not, without effect.
var operators map[string]operator

func init() { // the kernels lead back to the table by way of the nodes
	operators = map[string]operator{
		"Add":      {runAdd, 2, 2, nil},
		"Clip":     {runClip, 1, 3, nil},
		"Concat":   {runConcat, 1, maxPorts, []string{"axis"}},
		"Constant": {runConstant, 0, 0, []string{"value"}},
		"Conv":     {runConv, 2, 3, []string{"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"}},
		"Exp":      {runExp, 1, 1, nil},
		"MaxPool":  {runMaxPool, 1, 1, []string{"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"}},
		"Mul":      {runMul, 2, 2, nil},
		"Relu":     {runRelu, 1, 1, nil},
		"Reshape":  {runReshape, 2, 2, []string{"allowzero"}},
		"Resize": {runResize, 2, 4, []string{"coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside",
			"extrapolation_value", "mode", "nearest_mode"}},
		"Sigmoid":   {runSigmoid, 1, 1, nil},
		"Transpose": {runTranspose, 1, 1, []string{"perm"}},
	}
}

// run is one run of a model: the work that it may still make, and the elements that may be alive at a time.
type run struct{ left, most int }

// spend counts n times work multiplications or reads before they are made.
func (r *run) spend(n, work int) error {
	if work > 0 && n > r.left/work {
		return errTooLarge
	}
	r.left -= n * work
	return nil
}

// Run computes the outputs from the inputs, which must be those of Inputs; of their declared shapes the rank alone
// must be met, so that a detector runs on pictures of any size that its operators allow. Errors are about the shapes, or
// about bounds: 2^25 elements a tensor, 2^26 alive, 2^31 multiplications.
func (m *Model) Run(inputs map[string]Tensor) (map[string]Tensor, error) {
	return m.within(&run{left: maxWork, most: maxAlive}, inputs)
}

func (m *Model) within(r *run, inputs map[string]Tensor) (map[string]Tensor, error) {
	values, alive, err := m.start(inputs)
	if err != nil {
		return nil, err
	}
	for i := range m.nodes {
		n := &m.nodes[i]
		in := make([]*value, len(n.inputs))
		for j, name := range n.inputs {
			if name == "" {
				continue
			}
			if in[j] = values[name]; in[j] == nil {
				in[j] = m.constants[name]
			}
		}
		out, err := n.run(r, n, in)
		if err != nil {
			return nil, fmt.Errorf("onnx: node %d, %s: %w", i, n.op, err)
		}
		if alive += out.size(); alive > r.most {
			return nil, errTooLarge
		}
		if err := r.spend(out.size(), 1); err != nil {
			return nil, err
		}
		values[n.outputs[0]] = out
		for _, name := range n.inputs {
			if v := values[name]; v != nil && m.last[name] == i && !m.isOutput(name) {
				alive -= v.size()
				delete(values, name)
			}
		}
	}
	return m.results(values)
}

// start takes the inputs.
func (m *Model) start(inputs map[string]Tensor) (values map[string]*value, alive int, err error) {
	if len(inputs) != len(m.inputs) {
		return nil, 0, fmt.Errorf("onnx: got %d inputs, want %d", len(inputs), len(m.inputs))
	}
	values = map[string]*value{}
	for _, p := range m.inputs {
		t, ok := inputs[p.Name]
		if !ok {
			return nil, 0, errors.New("onnx: an input is missing")
		}
		n, err := elements(t.Shape)
		if err != nil {
			return nil, 0, err
		}
		if n != len(t.Data) || len(t.Shape) != len(p.Shape) {
			return nil, 0, fmt.Errorf("%w: input", errShape)
		}
		values[p.Name] = &value{shape: slices.Clone(t.Shape), f: t.Data}
		alive += n
	}
	return values, alive, nil
}

func (m *Model) isOutput(name string) bool {
	return slices.ContainsFunc(m.outputs, func(p Port) bool { return p.Name == name })
}

func (m *Model) results(values map[string]*value) (map[string]Tensor, error) {
	out := map[string]Tensor{}
	for _, p := range m.outputs {
		v := values[p.Name]
		if v == nil {
			v = m.constants[p.Name]
		}
		if v.f == nil {
			return nil, errors.New("onnx: an output of whole numbers")
		}
		out[p.Name] = Tensor{Shape: slices.Clone(v.shape), Data: slices.Clone(v.f)}
	}
	return out, nil
}

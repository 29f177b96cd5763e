// Package onnx runs small neural networks for pictures. It hides the ONNX wire format and its operators.
//
// It guards the process from the file: a model comes from outside, is opened by an operator's wish, and may be
// damaged or made to exhaust. Parse bounds the file, the nodes and every tensor before it allocates, reads the
// protocol buffer by its own bounded reader, and refuses by name what it does not run: another opset or domain,
// an operator, an attribute, a type of number, data kept outside the file, a value used before it is made (and
// so every cycle). Run bounds the elements alive and the multiplications made, checks every shape against the
// operator's rules, and frees each value after its last use. Neither panics on any input.
//
// What runs is the part of ONNX opset 11 to 20 (github.com/onnx/onnx, docs/Operators.md) that a convolutional
// detector such as YuNet needs, on 32-bit floats in the order batch, channel, row, column: Conv, MaxPool, Relu,
// Sigmoid, Exp, Clip, Add, Mul, Concat, Reshape, Transpose, Resize by nearest neighbour, and Constant.
package onnx

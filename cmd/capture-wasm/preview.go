//go:build js && wasm

package main

import (
	"errors"
	"image"
	"syscall/js"

	"github.com/clinivault/clinivault/imaging"
)

// maxPreview bounds the side of a frame: a preview is made small before it comes here.
const maxPreview = 1024

// preview proposes regions on one small upright frame of the camera.
func preview(args []js.Value) (map[string]any, error) {
	if len(args) != 3 || args[1].Type() != js.TypeNumber || args[2].Type() != js.TypeNumber || !isBytes(args[0]) {
		return nil, errors.New("preview takes pixels in RGBA, a width and a height")
	}
	w, h := args[1].Float(), args[2].Float()
	if !(w >= 1 && w <= maxPreview && h >= 1 && h <= maxPreview) || w != float64(int(w)) || h != float64(int(h)) {
		return nil, errors.New("a frame for preview has 1 to 1024 pixels a side")
	}
	frame := image.NewRGBA(image.Rect(0, 0, int(w), int(h)))
	if args[0].Length() != len(frame.Pix) {
		return nil, errors.New("the pixels do not fit the size of the frame")
	}
	js.CopyBytesToGo(frame.Pix, args[0])
	defer clear(frame.Pix)
	regions := []any{}
	for _, r := range imaging.Preview(frame) {
		regions = append(regions, map[string]any{"kind": string(r.Kind), "score": r.Score, "faint": r.Score < imaging.FaintScore,
			"x0": r.Box.X0, "y0": r.Box.Y0, "x1": r.Box.X1, "y1": r.Box.Y1})
	}
	return map[string]any{"regions": regions}, nil
}

func isBytes(v js.Value) bool {
	return v.Type() == js.TypeObject && (v.InstanceOf(js.Global().Get("Uint8ClampedArray")) || v.InstanceOf(js.Global().Get("Uint8Array")))
}

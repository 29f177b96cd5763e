//go:build js && wasm

package main

import (
	"errors"
	"image"
	"syscall/js"

	"github.com/clinivault/clinivault/imaging"
)

var errLive = errors.New("live takes pixels in RGBA, a width, a height and the name of a check")

// live runs one check on one small upright frame of the camera.
func live(args []js.Value) (map[string]any, error) {
	if len(args) != 4 || args[1].Type() != js.TypeNumber || args[2].Type() != js.TypeNumber || args[3].Type() != js.TypeString {
		return nil, errLive
	}
	frame, err := frameOf(args[0], args[1].Float(), args[2].Float(), imaging.LiveSide)
	if err != nil {
		return nil, err
	}
	defer clear(frame.Pix)
	found, err := imaging.Look(frame, imaging.LiveCheck(args[3].String()))
	if err != nil {
		return nil, err
	}
	w, h := float64(frame.Rect.Dx()), float64(frame.Rect.Dy())
	warnings := []any{}
	for _, f := range found {
		said := map[string]any{"code": string(f.Code), "score": f.Score}
		if f.Box != (imaging.Box{}) {
			said["box"] = map[string]any{"x0": float64(f.Box.X0) / w, "y0": float64(f.Box.Y0) / h, "x1": float64(f.Box.X1) / w, "y1": float64(f.Box.Y1) / h}
		}
		warnings = append(warnings, said)
	}
	return map[string]any{"warnings": warnings}, nil
}

// frameOf copies pixels of 1 to most pixels a side; whoever asked clears them.
func frameOf(pixels js.Value, w, h float64, most int) (*image.RGBA, error) {
	if !isBytes(pixels) {
		return nil, errLive
	}
	if !(w >= 1 && w <= float64(most) && h >= 1 && h <= float64(most)) || w != float64(int(w)) || h != float64(int(h)) {
		return nil, errors.New("the frame is too large or has no whole size")
	}
	frame := image.NewRGBA(image.Rect(0, 0, int(w), int(h)))
	if pixels.Length() != len(frame.Pix) {
		return nil, errors.New("the pixels do not fit the size of the frame")
	}
	js.CopyBytesToGo(frame.Pix, pixels)
	return frame, nil
}

func isBytes(v js.Value) bool {
	return v.Type() == js.TypeObject && (v.InstanceOf(js.Global().Get("Uint8ClampedArray")) || v.InstanceOf(js.Global().Get("Uint8Array")))
}

// scale looks for a scale card on a taken photo made small.
func scale(args []js.Value) (map[string]any, error) {
	if len(args) != 3 || args[1].Type() != js.TypeNumber || args[2].Type() != js.TypeNumber {
		return nil, errors.New("scale takes pixels in RGBA, a width and a height")
	}
	img, err := frameOf(args[0], args[1].Float(), args[2].Float(), imaging.ScaleSide)
	if err != nil {
		return nil, err
	}
	defer clear(img.Pix)
	s, err := imaging.FindScale(img)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"pixels_per_mm": s.PixelsPerMM, "uncertainty": s.Uncertainty}
	if s.Colour != nil {
		colour := []any{}
		for _, c := range s.Colour {
			colour = append(colour, c)
		}
		out["colour"] = colour
	}
	return out, nil
}

//go:build js && wasm

// Command capture-wasm is the part of the capture page that a browser's own functions cannot do: it makes the hybrid key of a
// capture to the vault's intake key, and says before the shutter what is in view that should not be, or what is wrong with
// the picture.
//
// It guards the photo from the device it is taken on. With the key made here the page seals the picture in WebCrypto and
// forgets both; what is then queued can be opened by the vault alone. A frame of the camera is looked at with detectors of the
// vault made small (imaging/LIVE.md), in a worker that runs its own copy of this module, so that sealing never waits for it; the
// frame's pixels are cleared afterwards.
//
// Every kilobyte here is loaded over the ward's Wi-Fi before the first photo. So it knows no JSON, no formatting and no
// certificates: a test holds the size and the list of what is linked.
//
// It offers these functions on globalThis.clinivault; each gives {error: string} for what it does not take:
//
//	encapsulate(intakeKey: Uint8Array) → {enc: Uint8Array, shared: Uint8Array}
//	live(rgba, width, height, check) → {warnings: [{code, score, box?}]}, the box in shares of the frame
//	scale(rgba, width, height) → {pixels_per_mm, uncertainty, colour?: 12 numbers}, in the pixels given
package main

import "syscall/js"

func main() {
	api := js.Global().Get("Object").New()
	offer(api, "encapsulate", encapsulateJS)
	offer(api, "live", live)
	offer(api, "scale", scale)
	js.Global().Set("clinivault", api)
	select {} // the functions stay callable until the page goes
}

func offer(api js.Value, name string, f func(args []js.Value) (map[string]any, error)) {
	api.Set(name, js.FuncOf(func(_ js.Value, args []js.Value) any {
		out, err := f(args)
		if err != nil {
			return map[string]any{"error": err.Error()}
		}
		return out
	}))
}

func encapsulateJS(args []js.Value) (map[string]any, error) {
	if len(args) != 1 || !isBytes(args[0]) || args[0].Length() != kemPublic {
		return nil, errIntakeKey
	}
	public := make([]byte, kemPublic)
	js.CopyBytesToGo(public, args[0])
	enc, shared, err := encapsulate(public)
	if err != nil {
		return nil, err
	}
	defer clear(shared)
	return map[string]any{"enc": toJS(enc), "shared": toJS(shared)}, nil
}

func toJS(b []byte) js.Value {
	out := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(out, b)
	return out
}

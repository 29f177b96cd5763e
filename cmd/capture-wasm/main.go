//go:build js && wasm

// Command capture-wasm is the part of the capture page that JavaScript cannot do by itself: it wraps the key of a capture to
// the vault's intake key, seals the capture's facts, checks the vault's receipts, and says before the shutter where a face or a
// tattoo is in view.
//
// It guards the photo from the device it is taken on. The page asks for a header and a key, seals the picture with the key in
// WebCrypto and forgets it; what is then queued can be opened by the vault alone. After the upload the page asks here
// whether the receipt is really the vault's, and only then drops its sealed copy.
//
// A frame for preview is looked at with the detectors of the vault, in fewer views; its pixels are cleared afterwards.
//
// It offers these functions on globalThis.clinivault:
//
//	newCaptureHeader(intakeKeyBase64, epoch, factsJSON) → {header: Uint8Array, key: Uint8Array} or {error: string}
//	verifyReceipt(publicKeyBase64, receiptJSON) → true or {error: string}
//	encapsulate(intakeKey: Uint8Array) → {enc: Uint8Array, shared: Uint8Array} or {error: string}
//	preview(rgba, width, height) → {regions: [{kind, score, faint, x0, y0, x1, y1}]} in the frame's pixels, or {error: string}
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"syscall/js"

	"github.com/clinivault/clinivault/vault/seal"
)

const maxEpoch = 1<<32 - 1

func main() {
	api := js.Global().Get("Object").New()
	api.Set("newCaptureHeader", js.FuncOf(func(_ js.Value, args []js.Value) any {
		header, key, err := newCaptureHeader(args)
		if err != nil {
			return failure(err)
		}
		defer key.Wipe()
		secret := key.Bytes()
		defer clear(secret)
		return map[string]any{"header": toJS(header), "key": toJS(secret)}
	}))
	api.Set("verifyReceipt", js.FuncOf(func(_ js.Value, args []js.Value) any {
		if err := verifyReceipt(args); err != nil {
			return failure(err)
		}
		return true
	}))
	api.Set("preview", js.FuncOf(func(_ js.Value, args []js.Value) any {
		found, err := preview(args)
		if err != nil {
			return failure(err)
		}
		return found
	}))
	api.Set("encapsulate", js.FuncOf(func(_ js.Value, args []js.Value) any {
		if len(args) != 1 || !isBytes(args[0]) || args[0].Length() != kemPublic {
			return failure(errIntakeKey)
		}
		public := make([]byte, kemPublic)
		js.CopyBytesToGo(public, args[0])
		enc, shared, err := encapsulate(public)
		if err != nil {
			return failure(err)
		}
		defer clear(shared)
		return map[string]any{"enc": toJS(enc), "shared": toJS(shared)}
	}))
	js.Global().Set("clinivault", api)
	select {} // the functions stay callable until the page goes
}

func newCaptureHeader(args []js.Value) ([]byte, seal.Key, error) {
	if len(args) != 3 || args[0].Type() != js.TypeString || args[1].Type() != js.TypeNumber || args[2].Type() != js.TypeString {
		return nil, seal.Key{}, errors.New("newCaptureHeader takes a base64 key, an epoch and facts as JSON")
	}
	raw, err := base64.StdEncoding.DecodeString(args[0].String())
	if err != nil {
		return nil, seal.Key{}, errors.New("the intake key is not base64")
	}
	epoch := args[1].Float()
	if epoch < 1 || epoch > maxEpoch || epoch != float64(uint32(epoch)) {
		return nil, seal.Key{}, errors.New("the intake epoch is not a number from 1 to 4294967295")
	}
	facts, err := seal.ParseFacts([]byte(args[2].String()))
	if err != nil {
		return nil, seal.Key{}, err
	}
	return seal.NewCaptureHeader(seal.IntakePublic{Epoch: uint32(epoch), Key: raw}, facts)
}

func verifyReceipt(args []js.Value) error {
	if len(args) != 2 || args[0].Type() != js.TypeString || args[1].Type() != js.TypeString {
		return errors.New("verifyReceipt takes a base64 key and a receipt as JSON")
	}
	pub, err := base64.StdEncoding.DecodeString(args[0].String())
	if err != nil {
		return errors.New("the receipt key is not base64")
	}
	var r seal.Receipt
	if err := json.Unmarshal([]byte(args[1].String()), &r); err != nil {
		return errors.New("the receipt is not one of this vault's form")
	}
	return seal.VerifyReceipt(pub, r)
}

func failure(err error) map[string]any { return map[string]any{"error": err.Error()} }

func toJS(b []byte) js.Value {
	out := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(out, b)
	return out
}

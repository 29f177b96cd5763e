// Package seal hides the sealed-object format: how bytes that must not be read are written down, and how they are
// refused when anybody touched them. It is the only place in the tree that encrypts.
//
// It guards photos and their facts from three people. The thief of a capture device finds a queue of captures, each
// under a fresh key that was wrapped to the vault's intake key (HPKE, MLKEM768-X25519, HKDF-SHA256, AES-256-GCM) and
// then forgotten; the device itself cannot open them again. The keeper of the object store finds objects under keys
// that live only in the database; swapping, cutting, reordering or replaying them is noticed, since each chunk is bound
// to its place, to its object and to the photo, rendition and version it was made for. The reader of a stolen database
// finds keys wrapped by keys, down to a root key that is elsewhere.
//
// In which order: a client calls SealCapture (the browser: NewCaptureHeader, then WebCrypto for the chunks); the vault
// looks at OpenCaptureFacts to decide, stores the envelope unopened and answers with SignReceipt; a worker calls
// OpenCapture, and everything made from it goes through SealObject under a key that Wrap puts under the patient's.
// FORMAT.md beside this directory specifies each byte, with vectors in testdata.
//
// Nothing is handed on before it is authenticated, chunk by chunk; a caller that gets an error throws away what was
// written so far. All AES-GCM nonces are random and made by the standard library, so the package works under
// GODEBUG=fips140=only, and it needs no network, database or file, so it builds for js/wasm too.
package seal

import (
	"errors"
	"fmt"
)

// The ways in which opening fails. Test with errors.Is; none of them tells a secret or an input byte.
var (
	// ErrSealed: the bytes do not open: the key or the binding is another one, or somebody altered them.
	ErrSealed = errors.New("seal: cannot be opened with this key")
	// ErrTruncated: the end is missing.
	ErrTruncated = errors.New("seal: cut short")
	// ErrTrailing: there is more after the end.
	ErrTrailing = errors.New("seal: data after the end")
	// ErrFormat: not this format, or a value outside what the format allows.
	ErrFormat = errors.New("seal: wrong format")
	// ErrEpoch: sealed to an intake key that is not at hand.
	ErrEpoch = errors.New("seal: unknown intake key epoch")
	// ErrSignature: a receipt that the given key did not sign, or not with this content.
	ErrSignature = errors.New("seal: receipt signature does not verify")
)

const redacted = "[redacted]"

func formatErr(what string) error { return fmt.Errorf("%w: %s", ErrFormat, what) }

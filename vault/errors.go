package vault

import "errors"

// The sentinels callers test with errors.Is. Wrapped text says what was being
// done and never carries names, record numbers, tokens, keys or input bytes.
var (
	// ErrNotFound: there is no such thing, or the actor may not know of it.
	ErrNotFound = errors.New("not found")
	// ErrDenied: the actor's role does not allow the act.
	ErrDenied = errors.New("not allowed")
	// ErrConflict: the act does not fit the present state, or lost a race.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: the request itself is wrong.
	ErrInvalid = errors.New("invalid")
	// ErrDigest: the bytes do not have the digest that was announced.
	ErrDigest = errors.New("digest does not match")
	// ErrTooLarge: over a documented limit.
	ErrTooLarge = errors.New("too large")
	// ErrUnauthenticated: no live session stands behind the request.
	ErrUnauthenticated = errors.New("not signed in")
	// ErrLocked: too many wrong tries; wait. A *TooManyTries says how long.
	ErrLocked = errors.New("too many wrong tries")
	// ErrStepUp: the act needs a factor that was shown a short while ago.
	ErrStepUp = errors.New("a fresh factor is needed")
	// ErrSecondFactor: the session, or the sign-in, has only a password behind
	// it. At sign-in a *SecondStep says how to go on.
	ErrSecondFactor = errors.New("a second factor is needed")
	// ErrWrongFactor: a code, a PIN, a passkey or a password that was asked for
	// beside the session did not fit.
	ErrWrongFactor = errors.New("wrong factor")
	// ErrSessionLocked: the screen is locked; only its owner opens it.
	ErrSessionLocked = errors.New("the session is locked")
	// ErrDeviceProof: the device has to prove again that it is the one the
	// session was bound to.
	ErrDeviceProof = errors.New("the device has to prove itself")
	// ErrUnavailable: database, store or key service does not answer; nothing
	// was changed and the caller should keep what it has and try again.
	ErrUnavailable = errors.New("unavailable")
	// ErrIntegrity: stored bytes are not what was stored: altered, swapped,
	// truncated or replayed. They are never served.
	ErrIntegrity = errors.New("stored object failed its integrity check")
	// ErrAbsent: Blobs has no object of that name.
	ErrAbsent = errors.New("no such object")
	// ErrKept: Blobs has to keep the object for now; a *Kept says until when.
	ErrKept = errors.New("the store keeps the object")
	// ErrExists: Blobs has an object of that name already.
	ErrExists = errors.New("object exists")
)

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
	// ErrLocked: too many wrong passwords; wait.
	ErrLocked = errors.New("account locked")
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

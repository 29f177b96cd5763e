package uplink

import (
	"errors"
	"time"
)

// A Code says why a peer refused. The numbers are those on the wire.
type Code uint16

// The codes. Only CodeBusy, CodeInternal and CodeShutdown are worth another attempt with the same offer.
const (
	CodeNone            Code = 0  // closed because there was nothing more to do
	CodeProtocol        Code = 1  // the peer broke this protocol
	CodeVersion         Code = 2  // no version in common
	CodeUnauthenticated Code = 3  // the session is unknown or over: sign in again
	CodeDenied          Code = 4  // this person or device may not
	CodeInvalid         Code = 5  // the body is not a sealed capture, or facts in it are wrong
	CodeTooLarge        Code = 6  // larger than the server takes
	CodeConflict        Code = 7  // another body has this ID
	CodeDigest          Code = 8  // what arrived is not what was offered
	CodeBusy            Code = 9  // too much at once: try again after Error.RetryAfter
	CodeInternal        Code = 10 // the server cannot now
	CodeShutdown        Code = 11 // the server is going down: connect again
	CodeIdle            Code = 12 // nothing was said for too long
	CodeSuperseded      Code = 13 // the same upload goes on over another connection
)

// sentences tell a person what happened and what to do.
var sentences = map[Code]string{
	CodeNone:            "The connection was closed.",
	CodeProtocol:        "The server and this program did not understand each other. Update this program.",
	CodeVersion:         "The server speaks another version of the upload protocol. Update this program.",
	CodeUnauthenticated: "Your session has ended. Sign in again; the photo stays queued.",
	CodeDenied:          "You may not send this photo. Ask who runs the care team; the photo stays queued.",
	CodeInvalid:         "The server cannot accept this photo as it is. It stays queued; tell IT.",
	CodeTooLarge:        "This photo is larger than the server accepts. It stays queued; tell IT.",
	CodeConflict:        "Another photo was sent under the same number. It stays queued; tell IT.",
	CodeDigest:          "The photo was damaged on its way. It stays queued and is sent again.",
	CodeBusy:            "The server is busy. The photo stays queued and is sent again soon.",
	CodeInternal:        "The server cannot accept photos at the moment. The photo stays queued and is sent again.",
	CodeShutdown:        "The server is restarting. The photo stays queued and is sent again.",
	CodeIdle:            "The connection was closed because nothing was sent.",
	CodeSuperseded:      "The photo is already being sent over another connection.",
}

// Sentence tells the person in front of the device what happened and what to do.
func (c Code) Sentence() string {
	if s, ok := sentences[c]; ok {
		return s
	}
	return sentences[CodeProtocol]
}

// names are for logs and metrics.
var names = map[Code]string{
	CodeNone: "closed", CodeProtocol: "protocol", CodeVersion: "version", CodeUnauthenticated: "unauthenticated",
	CodeDenied: "denied", CodeInvalid: "invalid", CodeTooLarge: "too_large", CodeConflict: "conflict",
	CodeDigest: "digest", CodeBusy: "busy", CodeInternal: "internal", CodeShutdown: "shutdown", CodeIdle: "idle",
	CodeSuperseded: "superseded",
}

// String is the code's word, as in logs and metrics.
func (c Code) String() string {
	if s, ok := names[c]; ok {
		return s
	}
	return "unknown"
}

// An Error is a refusal that crosses the wire: its code, its sentence, and after which time another attempt may help.
type Error struct {
	Code       Code
	Sentence   string        // for the person; the code's own when empty; at most 256 bytes cross the wire
	RetryAfter time.Duration // in whole milliseconds, at most an hour; zero when the code is not worth another attempt
}

// Error is the code's word alone: sentences are for persons.
func (e *Error) Error() string { return "uplink refused: " + e.Code.String() }

// Errors of the client.
var (
	// ErrBlocked means that no datagram was ever answered: use HTTPS.
	ErrBlocked = errors.New("no answer over udp")
	// ErrUntrusted means that the server's certificate is not one to believe.
	ErrUntrusted = errors.New("server's certificate is not trusted")
	// ErrRefused means that the server ended the handshake: most likely the device's certificate is over or revoked.
	ErrRefused = errors.New("server refused the handshake")
	// ErrClosed means that the Client was closed.
	ErrClosed = errors.New("uplink client closed")
)

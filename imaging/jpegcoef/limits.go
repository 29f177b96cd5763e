package jpegcoef

import (
	"errors"
	"fmt"
)

// Limits bound what Read accepts. A zero field refuses everything it bounds.
type Limits struct {
	// MaxBytes is the largest file, in bytes.
	MaxBytes int64
	// MaxPixels is the largest product of width and height.
	MaxPixels int64
	// MaxSide is the largest width or height, in pixels.
	MaxSide int
	// MaxSegments is the largest number of markers outside scan data.
	MaxSegments int
	// MaxScans is the largest number of scans.
	MaxScans int
	// MaxScanWork is the largest number of scans times pixels: what a
	// progressive file may make its reader do.
	MaxScanWork int64
}

// DefaultLimits returns the limits for photos from cameras and phones: 32 MiB,
// 50 megapixels, sides of 16,384, 4,096 segments, 50 scans, and 1e9 pixels
// visited by all scans together.
func DefaultLimits() Limits {
	return Limits{
		MaxBytes:    32 << 20,
		MaxPixels:   50_000_000,
		MaxSide:     16384,
		MaxSegments: 4096,
		MaxScans:    50,
		MaxScanWork: 1_000_000_000,
	}
}

// Errors of Read, to be tested with errors.Is. Each is wrapped with its cause,
// never with bytes of the input.
var (
	// ErrUnsupported means a kind of JPEG that is refused by name; the name is
	// in an UnsupportedError.
	ErrUnsupported = errors.New("jpegcoef: unsupported")
	// ErrTruncated means that the file, or a scan in it, ends too early.
	ErrTruncated = errors.New("jpegcoef: truncated")
	// ErrMalformed means that the bytes do not follow T.81.
	ErrMalformed = errors.New("jpegcoef: malformed")
	// ErrTooLarge means that a bound of Limits was passed.
	ErrTooLarge = errors.New("jpegcoef: too large")
)

// UnsupportedError names the feature of T.81 that a file uses and this package
// refuses. It is an ErrUnsupported.
type UnsupportedError struct {
	Feature string
}

func (e *UnsupportedError) Error() string { return ErrUnsupported.Error() + ": " + e.Feature }

// Unwrap returns ErrUnsupported.
func (e *UnsupportedError) Unwrap() error { return ErrUnsupported }

// malformed returns an ErrMalformed that says what is wrong and which clause of
// T.81 says so.
func malformed(what, clause string) error {
	return fmt.Errorf("%w: %s (T.81 %s)", ErrMalformed, what, clause)
}

func truncated(what string) error {
	return fmt.Errorf("%w: %s", ErrTruncated, what)
}

func tooLarge(what string) error {
	return fmt.Errorf("%w: %s", ErrTooLarge, what)
}

//go:build !js

package imaging

import (
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

// Limits bounds one picture. Each is checked before anything of that size is allocated.
// A zero field means the default.
type Limits struct {
	MaxBytes    int64 `json:"max_bytes"`    // length of the file
	MaxPixels   int64 `json:"max_pixels"`   // width × height
	MaxSide     int   `json:"max_side"`     // width and height, in pixels
	MaxScans    int   `json:"max_scans"`    // scans of a progressive JPEG
	MaxSegments int   `json:"max_segments"` // marker segments of a JPEG, chunks of a PNG
}

// DefaultLimits is 32 MiB, 50 megapixels, 16,384 a side, 50 scans and 4,096 segments.
func DefaultLimits() Limits {
	return Limits{MaxBytes: 32 << 20, MaxPixels: 50_000_000, MaxSide: 16384, MaxScans: 50, MaxSegments: 4096}
}

// orDefault fills zero and negative fields.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.MaxBytes <= 0 {
		l.MaxBytes = d.MaxBytes
	}
	if l.MaxPixels <= 0 {
		l.MaxPixels = d.MaxPixels
	}
	if l.MaxSide <= 0 {
		l.MaxSide = d.MaxSide
	}
	if l.MaxScans <= 0 {
		l.MaxScans = d.MaxScans
	}
	if l.MaxSegments <= 0 {
		l.MaxSegments = d.MaxSegments
	}
	return l
}

// fits refuses a picture of w × h pixels that is empty or beyond the limits.
func (l Limits) fits(w, h int64) error {
	if w < 1 || h < 1 {
		return fmt.Errorf("%w: no pixels", ErrMalformed)
	}
	if w > int64(l.MaxSide) || h > int64(l.MaxSide) || w*h > l.MaxPixels {
		return fmt.Errorf("%w: too many pixels", ErrTooLarge)
	}
	return nil
}

// maxScanWork bounds scans × pixels, what a file may make its reader do: 1e9, or 20 scans of the largest picture
// where more pixels are allowed than by default.
func (l Limits) maxScanWork() int64 { return max(1_000_000_000, 20*l.MaxPixels) }

// codec gives the limits in the codec's terms.
func (l Limits) codec() jpegcoef.Limits {
	c := jpegcoef.DefaultLimits()
	c.MaxBytes, c.MaxPixels, c.MaxSide = l.MaxBytes, l.MaxPixels, l.MaxSide
	c.MaxSegments, c.MaxScans = l.MaxSegments, l.MaxScans
	c.MaxScanWork = l.maxScanWork()
	return c
}

// What Read, Redact and Pool answer with when they refuse. Test with errors.Is; show people Reason.
var (
	ErrNotPicture  = errors.New("imaging: not a picture")
	ErrTruncated   = errors.New("imaging: file is cut short")
	ErrTooLarge    = errors.New("imaging: beyond the limits")
	ErrUnsupported = errors.New("imaging: format not accepted")
	ErrMalformed   = errors.New("imaging: damaged picture")
	ErrChild       = errors.New("imaging: reading process ended without an answer")
	ErrProof       = errors.New("imaging: redaction not proved")
)

// refusal is a format that is known, named and not accepted.
type refusal struct{ name, advice string }

func (r *refusal) Error() string { return "imaging: " + r.sentence() }
func (r *refusal) Unwrap() error { return ErrUnsupported }
func (r *refusal) sentence() string {
	return r.name + " is not accepted: " + r.advice + "."
}

// Reason is one plain sentence for the person who sent the picture. It never holds bytes of the input.
func Reason(err error) string {
	var named *refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &named):
		return named.sentence()
	case errors.Is(err, ErrNotPicture):
		return "The file is not a picture. Take the photo again."
	case errors.Is(err, ErrTruncated):
		return "The file is cut short. Take the photo again."
	case errors.Is(err, ErrTooLarge):
		return "The picture is larger than the vault accepts. Take the photo again at a smaller size."
	case errors.Is(err, ErrUnsupported):
		return "This kind of picture is not accepted. Take the photo again as JPEG."
	case errors.Is(err, ErrMalformed):
		return "The picture is damaged. Take the photo again."
	case errors.Is(err, ErrChild):
		return "Reading the picture took too much memory or time. Take the photo again."
	case errors.Is(err, ErrProof):
		return "The redaction could not be proved, so nothing was released. Try again, or report it."
	}
	return "The picture could not be read. Try again."
}

// codecError puts the codec's sentinels under ours, keeping its cause.
func codecError(err error) error {
	var feature *jpegcoef.UnsupportedError
	if errors.As(err, &feature) {
		return fmt.Errorf("%w: %w", &refusal{"This JPEG (" + feature.Feature + ")", retake}, err)
	}
	for _, m := range []struct{ theirs, ours error }{
		{jpegcoef.ErrTooLarge, ErrTooLarge},
		{jpegcoef.ErrTruncated, ErrTruncated},
		{jpegcoef.ErrUnsupported, ErrUnsupported},
		{jpegcoef.ErrMalformed, ErrMalformed},
	} {
		if errors.Is(err, m.theirs) {
			return fmt.Errorf("%w: %w", m.ours, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

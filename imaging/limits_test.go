package imaging

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging/jpegcoef"
)

func TestReason(t *testing.T) {
	seen := map[string]bool{}
	all := append([]error{ErrChild, ErrProof, errors.New("something else")}, sentinels...)
	for _, err := range all {
		wrapped := fmt.Errorf("reading: %w: with secret detail", err)
		got := Reason(wrapped)
		if got == "" || !strings.HasSuffix(got, ".") || strings.Contains(got, "secret") || strings.Contains(got, "imaging") {
			t.Errorf("%v: got %q, want a plain sentence", err, got)
		}
		if seen[got] {
			t.Errorf("%v: got %q, as for another error", err, got)
		}
		seen[got] = true
	}
	if got := Reason(nil); got != "" {
		t.Errorf("no error: got %q, want nothing", got)
	}
	if got := Reason(fmt.Errorf("reading: %w", &refusal{"GIF", retake})); got != "GIF is not accepted: take the photo again as JPEG." {
		t.Errorf("a named format: got %q", got)
	}
}

// TestCodecError wants each of the codec's errors under one of ours, and its cause kept.
func TestCodecError(t *testing.T) {
	for _, tc := range []struct{ theirs, ours error }{
		{jpegcoef.ErrTooLarge, ErrTooLarge}, {jpegcoef.ErrTruncated, ErrTruncated},
		{jpegcoef.ErrUnsupported, ErrUnsupported}, {jpegcoef.ErrMalformed, ErrMalformed},
		{errors.New("new kind"), ErrMalformed},
	} {
		got := codecError(fmt.Errorf("frame: %w", tc.theirs))
		if !errors.Is(got, tc.ours) || !errors.Is(got, tc.theirs) {
			t.Errorf("%v: got %v, want it under %v", tc.theirs, got, tc.ours)
		}
	}
	// An arithmetic-coded frame is a JPEG that is refused by name.
	jpg := photo(t, 16, 16)
	jpg[strings.Index(string(jpg), "\xff\xc0")+1] = 0xc9
	_, err := Read(jpg, Limits{})
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(Reason(err), "This JPEG (") {
		t.Errorf("arithmetic coding: got %v (%s), want it refused by name", err, Reason(err))
	}
}

func TestLimitsDefault(t *testing.T) {
	if got := (Limits{}).orDefault(); got != DefaultLimits() {
		t.Errorf("zero limits: got %+v, want %+v", got, DefaultLimits())
	}
	own := Limits{MaxBytes: 1, MaxPixels: 2, MaxSide: 3, MaxScans: 4, MaxSegments: 5}
	if got := own.orDefault(); got != own {
		t.Errorf("own limits: got %+v, want %+v", got, own)
	}
	if got := (Limits{MaxPixels: -1}).orDefault().MaxPixels; got != DefaultLimits().MaxPixels {
		t.Errorf("negative limit: got %d, want the default", got)
	}
	for _, tc := range []struct {
		w, h int64
		want error
	}{{10, 10, nil}, {100, 1, nil}, {101, 1, ErrTooLarge}, {40, 40, ErrTooLarge}, {0, 5, ErrMalformed}, {1 << 31, 1 << 31, ErrTooLarge}} {
		if err := (Limits{MaxPixels: 1000, MaxSide: 100}).fits(tc.w, tc.h); !errors.Is(err, tc.want) {
			t.Errorf("%d × %d: got %v, want %v", tc.w, tc.h, err, tc.want)
		}
	}
}

// TestStillKeepsToItself wants no way to change a Still from outside, and no pixels in a log.
func TestStillKeepsToItself(t *testing.T) {
	s := mustRead(t, insert(photo(t, 20, 20), segment(markCOM, 'x')))
	s.Bytes()[30] ^= 0xff
	s.Removed()[0] = "changed"
	if err := Verify(s.Bytes()); err != nil || s.Removed()[0] != "comment" {
		t.Errorf("got %v, %v: a copy was not a copy", err, s.Removed())
	}
	for _, format := range []string{"%v", "%s", "%+v", "%#v"} {
		if got := fmt.Sprintf(format, s); got != "[still]" {
			t.Errorf("%s: got %d bytes, want [still]", format, len(got))
		}
	}
	again := mustRead(t, s.Bytes())
	if again.Digest() != s.Digest() {
		t.Error("reading a clean picture again changes it")
	}
}

// TestRestartIntervals checks a file by hand: two units of one bit each, a restart marker between them.
func TestRestartIntervals(t *testing.T) {
	table := append(append([]byte{1}, make([]byte, 15)...), 0) // one code of one bit, for symbol 0
	file := func(interval byte, scan ...byte) []byte {
		out := []byte{0xff, markSOI}
		for _, s := range [][]byte{
			segment(markAPP0, []byte("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")...),
			segment(markDQT, append([]byte{0}, []byte(strings.Repeat("\x01", 64))...)...),
			segment(markSOF0, 8, 0, 8, 0, 16, 1, 1, 0x11, 0),
			segment(markDHT, append([]byte{0}, table...)...), segment(markDHT, append([]byte{0x10}, table...)...),
			segment(markDRI, 0, interval), segment(markSOS, 1, 1, 0, 0, 63, 0), scan,
		} {
			out = append(out, s...)
		}
		return append(out, 0xff, markEOI)
	}
	for _, tc := range []struct {
		name  string
		data  []byte
		clean bool
	}{
		{"in place", file(1, 0x3f, 0xff, markRST0, 0x3f), true},
		{"interval longer than the scan", file(9, 0x0f), true},
		{"missing", file(1, 0x0f), false},
		{"wrong number", file(1, 0x3f, 0xff, markRST0+1, 0x3f), false},
		{"one too many", file(1, 0x3f, 0xff, markRST0, 0x3f, 0xff, markRST0+1), false},
		{"hidden byte before it", file(1, 0x3f, 0x00, 0xff, markRST0, 0x3f), false},
		{"zeros for padding", file(1, 0x00, 0xff, markRST0, 0x3f), false},
		{"interval of nothing", file(0, 0x0f), false},
	} {
		if err := Verify(tc.data); (err == nil) != tc.clean {
			t.Errorf("%s: got %v, want clean %v", tc.name, err, tc.clean)
		}
	}
}

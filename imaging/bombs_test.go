//go:build linux

package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// cpuTime is what this process has used of the processors so far.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// zeros is a deflated run of n zeros.
func zeros(t testing.TB, n int) []byte {
	t.Helper()
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	for block := make([]byte, 1<<20); n > 0; n -= len(block) {
		if _, err := w.Write(block[:min(n, len(block))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z.Bytes()
}

// pngWith is a PNG of a size, a depth of 16 bits and four channels, with chunks.
func pngWith(w, h uint32, chunks ...[]byte) []byte {
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	out := append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(ihdr, 16, 6, 0, 0, 0))...)
	return append(append(out, bytes.Join(chunks, nil)...), pngChunk("IEND", nil)...)
}

// scanFlood is a frame and many scans of it.
func scanFlood(w, h uint16, scans int) []byte {
	head := jpegHeader(w, h)
	at := bytes.LastIndex(head, []byte{0xff, markSOS})
	one := append(bytes.Clone(head[at:]), bytes.Repeat([]byte{0x55}, 30)...)
	return append(append(bytes.Clone(head[:at]), bytes.Repeat(one, scans)...), 0xff, markEOI)
}

// TestBombsAreCheap wants each refusal to name its cause and to cost at most 50 ms of processor time and 32 MiB.
func TestBombsAreCheap(t *testing.T) {
	jpg := photo(t, 64, 64)
	for _, tc := range []struct {
		name string
		data []byte
		want error // nil: a picture that loses its bomb
	}{
		{"JPEG of 65535 a side", jpegHeader(65535, 65535), ErrTooLarge},
		{"JPEG of 49 megapixels and no data", jpegHeader(7000, 7000), ErrTruncated},
		{"5000 scans", scanFlood(1000, 1000, 5000), ErrTooLarge},
		{"50 scans of 25 megapixels", scanFlood(5000, 5000, 50), ErrTooLarge},
		{"5000 comments", insert(jpg, bytes.Repeat(segment(markCOM, 1), 5000)), ErrTooLarge},
		{"a second frame of 65535 a side", insert(jpg, segment(markSOF0, 8, 255, 255, 255, 255, 1, 1, 0x11, 0)), ErrTooLarge},
		{"PNG of 2^31 a side", pngWith(1<<31-1, 1<<31-1), ErrTooLarge},
		{"PNG of 49 megapixels and no data", pngWith(7000, 7000, pngChunk("IDAT", zeros(t, 1000))), ErrTruncated},
		{"small PNG that inflates to 64 MiB", pngWith(8, 8, pngChunk("IDAT", zeros(t, 64<<20))), ErrMalformed},
		{"PNG with a profile of 64 MiB", pngWith(8, 8, pngChunk("iCCP", iccp(t, make([]byte, 64<<20))), pngChunk("IDAT", []byte("x"))), ErrMalformed},
		{"PNG with a text of 64 MiB", pngWith(8, 8, pngChunk("zTXt", append([]byte("k\x00\x00"), zeros(t, 64<<20)...)), pngChunk("IDAT", []byte("x"))), ErrMalformed},
		{"PNG of 5000 chunks", pngWith(8, 8, bytes.Repeat(pngChunk("tEXt", []byte("a\x00b")), 5000)), ErrTooLarge},
		{"HEIC of 2^31 a side", heicHeader(1<<31-1, 1<<31-1), ErrTooLarge},
		{"HEIC of ten pixels and no data", heicHeader(10, 10), ErrMalformed},
		{"Exif directory that is its own next", exifPicture(jpg, ifd(binary.LittleEndian, 8, [4]uint32{tagOrientation, typeShort, 1, 1})), nil},
		{"Exif value of 17 GB", exifPicture(jpg, ifd(binary.BigEndian, 0, [4]uint32{tagMake, 12, 1<<31 - 1, 8})), nil},
		{"Exif values of 30 MB that overlap", exifPicture(jpg, overlapping()), nil},
		{"JPEG with a ZIP and a page behind it", append(append(bytes.Clone(jpg), "PK\x03\x04"...), "<script>alert(1)</script>"...), nil},
		{"GIF with a JPEG behind it", append([]byte("GIF89a          "), jpg...), ErrUnsupported},
	} {
		t.Run(tc.name, func(t *testing.T) {
			least, memory := time.Hour, uint64(0)
			for range 3 { // the least of three: other processes disturb even processor time
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				start := cpuTime(t)
				s, err := Read(tc.data, Limits{})
				least = min(least, cpuTime(t)-start)
				runtime.ReadMemStats(&after)
				memory = after.TotalAlloc - before.TotalAlloc
				if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
					t.Fatalf("got %v, want %v", err, tc.want)
				}
				if s != nil && (bytes.Contains(s.Bytes(), []byte("script")) || s.Facts().Make != "") {
					t.Error("something of the bomb survives")
				}
			}
			t.Logf("%d bytes: %v, %d KiB", len(tc.data), least, memory>>10)
			if least > 50*time.Millisecond && !underRace {
				t.Errorf("took %v of processor time, want at most 50 ms", least)
			}
			if memory > 32<<20 {
				t.Errorf("allocated %d MiB, want at most 32", memory>>20)
			}
		})
	}
}

// exifPicture puts an Exif block into a picture.
func exifPicture(jpg, tiff []byte) []byte {
	return insert(jpg, segment(markAPP1, append(bytes.Clone(headExif), tiff...)...))
}

// overlapping is a directory of 500 values that all are the whole block.
func overlapping() []byte {
	entries := make([][4]uint32, 500)
	for i := range entries {
		entries[i] = [4]uint32{tagMake + uint32(i)<<8, 7, 60000, 8}
	}
	return append(ifd(binary.BigEndian, 0, entries...), make([]byte, 58000)...)
}

package main

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// onePNG is a whole PNG of one pixel.
var onePNG = func() string {
	b, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	if err != nil {
		panic(err)
	}
	return string(b)
}()

// jpegWithin is a JPEG that holds another in its metadata, as cameras write thumbnails.
func jpegWithin(t *testing.T) string {
	outer, inner := string(vaulttest.Picture(t, 64, 48, 1)), string(vaulttest.Picture(t, 16, 16, 2))
	n := len(inner) + 2
	return outer[:2] + "\xff\xe1" + string([]byte{byte(n >> 8), byte(n)}) + inner + outer[2:]
}

const heicBoxes = "\x00\x00\x00\x14ftypheic\x00\x00\x00\x00mif1" + "\x00\x00\x00\x0cmeta\x00\x00\x00\x00"

func TestWhole(t *testing.T) {
	jpeg := string(vaulttest.Picture(t, 64, 48, 1))
	thumb := jpegWithin(t)
	tests := []struct {
		name, content string
		whole         bool
	}{
		{"JPEG", jpeg, true},
		{"JPEG with bytes behind", jpeg + strings.Repeat("\x00", 5000), true},
		{"JPEG without its end", jpeg[:len(jpeg)-2], false},
		{"JPEG cut in a scan", jpeg[:len(jpeg)*2/3], false},
		{"JPEG cut in a segment", jpeg[:30], false},
		{"JPEG with a thumbnail", thumb, true},
		{"JPEG cut behind its thumbnail", thumb[:len(thumb)/2], false},
		{"JPEG that is a beginning alone", "\xff\xd8\xff", false},
		{"JPEG with a length of nothing", "\xff\xd8\xff\xe0\x00\x00\xff\xd9", false},
		{"PNG", onePNG, true},
		{"PNG without its last bytes", onePNG[:len(onePNG)-4], false},
		{"PNG cut in a chunk", onePNG[:40], false},
		{"HEIC", heicBoxes + "\x00\x00\x00\x0cmdat1234", true},
		{"HEIC whose data end with the file", heicBoxes + "\x00\x00\x00\x00mdat1234", true},
		{"HEIC with a size of eight bytes", heicBoxes + "\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x141234", true},
		{"HEIC cut in its data", heicBoxes + "\x00\x00\x00\x0cmdat12", false},
		{"HEIC without data", heicBoxes, false},
		{"HEIC cut behind its data, before what tells how to read them", heicBoxes[:20] + "\x00\x00\x00\x0cmdat1234", false},
		{"HEIC whose data come first", heicBoxes[:20] + "\x00\x00\x00\x0cmdat1234" + heicBoxes[20:], true},
		{"HEIC whose data end with the file, alone", heicBoxes[:20] + "\x00\x00\x00\x00mdat1234", false},
		{"HEIC with a box of nothing", heicBoxes + "\x00\x00\x00\x04mdat", false},
		{"text", "just text, long enough", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kind := mediaTypeOf([]byte(tt.content[:min(12, len(tt.content))]))
			if got := whole(strings.NewReader(tt.content), kind); got != tt.whole {
				t.Errorf("whole: got %v, want %v", got, tt.whole)
			}
		})
	}
}

// FuzzWhole: no file makes it panic or go on for long, and a picture that is cut anywhere but behind its end is not whole.
func FuzzWhole(f *testing.F) {
	f.Add([]byte(onePNG))
	f.Add([]byte(heicBoxes + "\x00\x00\x00\x0cmdat1234"))
	f.Add(vaulttest.Picture(f, 16, 16, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		begun := time.Now()
		for _, kind := range []string{"image/jpeg", "image/png", "image/heic", ""} {
			if whole(bytes.NewReader(b), kind) && kind == "" {
				t.Error("a file of no kind is whole")
			}
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

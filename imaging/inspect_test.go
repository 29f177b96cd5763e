//go:build !js

package imaging

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestInspect wants a planted file's things named with their places, values only where they were kept, and the same
// answer from a child.
func TestInspect(t *testing.T) {
	var p planter
	dirty := p.plant(photo(t, 64, 48), 6)
	in, err := Inspect(dirty)
	if err != nil {
		t.Fatal(err)
	}
	if in.Format != "JPEG" || in.Width != 64 || in.Height != 48 || in.Bytes != int64(len(dirty)) || in.More {
		t.Errorf("got %s, %d × %d, %d bytes, more %v", in.Format, in.Width, in.Height, in.Bytes, in.More)
	}
	for _, want := range []Finding{
		{"Exif IFD0", "orientation", "6"}, {"Exif sub-IFD", "time", "2026:11:21 10:20:30"},
		{"Exif sub-IFD", "camera serial", "CANARY"}, {"Exif IFD1", "thumbnail", ""}, {"COM", "comment", "CANARY"},
		{"APP1", "XMP", "bytes"}, {"APP13", "IPTC", "bytes"}, {"APP11", "provenance record", "bytes"},
		{"APP2", "second picture", ""}, {"after the end", "trailing bytes", "bytes"}, {"APP5", "application data", "bytes"},
	} {
		ok := slices.ContainsFunc(in.Findings, func(f Finding) bool {
			return f.Where == want.Where && f.What == want.What && strings.Contains(f.Value, want.Value)
		})
		if !ok {
			t.Errorf("got no %s at %s with %q", want.What, want.Where, want.Value)
		}
	}
	for _, f := range in.WithoutValues().Findings {
		if f.Value != "" || strings.Contains(f.String(), "CANARY") {
			t.Errorf("%s: got a value, want none", f.What)
		}
	}
	if said := fmt.Sprintf("%v %+v %#v %s", in, in, in, in.Findings); strings.Contains(said, "CANARY") {
		t.Error("printing an inspection tells values")
	}
	if in.Findings[0].Value == "" && in.Findings[1].Value == "" {
		t.Error("leaving values out changed the original")
	}
	again, err := children(t, "child", nil).Inspect(t.Context(), dirty, false)
	if err != nil || len(again.Findings) != len(in.Findings) || again.Width != in.Width ||
		slices.ContainsFunc(again.Findings, func(f Finding) bool { return f.Value != "" }) {
		t.Errorf("child: got %d findings, %v, want %d", len(again.Findings), err, len(in.Findings))
	}
}

// TestInspectOthers wants other formats inspected, clean files found empty, and the rest refused as Read refuses.
func TestInspectOthers(t *testing.T) {
	clean, err := Inspect(mustRead(t, photo(t, 20, 20)).Bytes())
	if err != nil || len(clean.Findings) != 0 {
		t.Errorf("clean picture: got %d findings, %v, want none", len(clean.Findings), err)
	}
	png := pngHeader(10, 12)
	png = append(append(bytes.Clone(png[:33]), pngChunk("tEXt", []byte("Author\x00CANARY"))...), pngChunk("IEND", nil)...)
	if _, err := Inspect(png); !errors.Is(err, ErrTruncated) {
		t.Errorf("PNG without pixels: got %v, want %v", err, ErrTruncated)
	}
	heic, err := Inspect(heicHeader(40, 30))
	if err != nil || heic.Format != "HEIC" || heic.Width != 40 {
		t.Errorf("HEIC: got %s of %d, %v", heic.Format, heic.Width, err)
	}
	if _, err := Inspect([]byte("GIF89a..........")); !errors.Is(err, ErrUnsupported) {
		t.Errorf("GIF: got %v, want %v", err, ErrUnsupported)
	}
	many := insert(photo(t, 8, 8), bytes.Repeat(segment(markCOM, 'x'), 600))
	if in, err := Inspect(many); err != nil || len(in.Findings) != maxFindings || !in.More {
		t.Errorf("600 comments: got %d findings, more %v, %v, want %d", len(in.Findings), in.More, err, maxFindings)
	}
}

package imaging

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"
)

// ifd builds a TIFF block of one directory: entries of tag, type, count, value.
func ifd(order binary.AppendByteOrder, next uint32, entries ...[4]uint32) []byte {
	out := []byte("MM\x00*\x00\x00\x00\x08")
	if order == binary.LittleEndian {
		out = []byte("II*\x00\x08\x00\x00\x00")
	}
	out = order.AppendUint16(out, uint16(len(entries)))
	for _, e := range entries {
		out = order.AppendUint16(order.AppendUint16(out, uint16(e[0])), uint16(e[1]))
		out = order.AppendUint32(out, e[2])
		if e[1] == typeShort && e[2] == 1 {
			out = order.AppendUint16(order.AppendUint16(out, uint16(e[3])), 0)
		} else {
			out = order.AppendUint32(out, e[3])
		}
	}
	return order.AppendUint32(out, next)
}

func TestSurveyExif(t *testing.T) {
	short := func(v uint32) [4]uint32 { return [4]uint32{tagOrientation, typeShort, 1, v} }
	for _, tc := range []struct {
		name        string
		data        []byte
		orientation int
		sound       bool
	}{
		{"nothing", nil, 1, false},
		{"not TIFF", []byte("hello world, this is not TIFF"), 1, false},
		{"big-endian", ifd(binary.BigEndian, 0, short(6)), 6, true},
		{"little-endian", ifd(binary.LittleEndian, 0, short(8)), 8, true},
		{"our own segment", orientationSegment(5)[10:], 5, true},
		{"orientation 0", ifd(binary.BigEndian, 0, short(0)), 1, true},
		{"orientation 9", ifd(binary.BigEndian, 0, short(9)), 1, true},
		{"orientation as long", ifd(binary.BigEndian, 0, [4]uint32{tagOrientation, typeLong, 1, 6}), 1, true},
		{"two orientations in one tag", ifd(binary.BigEndian, 0, [4]uint32{tagOrientation, typeShort, 2, 6}), 1, true},
		{"a value of 17 GB", ifd(binary.BigEndian, 0, short(6), [4]uint32{tagMake, 12, 1<<31 - 1, 8}), 6, false},
		{"a value behind the end", ifd(binary.BigEndian, 0, short(3), [4]uint32{tagMake, 2, 100, 8}), 3, false},
		{"a type that is not", ifd(binary.BigEndian, 0, short(3), [4]uint32{tagMake, 99, 1, 8}), 3, false},
		{"a directory that is its own next, not followed", ifd(binary.BigEndian, 8, short(6)), 6, true},
		{"a directory inside itself", ifd(binary.BigEndian, 0, short(6), [4]uint32{tagExifIFD, typeLong, 1, 8}), 6, false},
		{"a next directory behind the end, not followed", ifd(binary.BigEndian, 1<<31, short(6)), 6, true},
		{"more than a segment holds", append(ifd(binary.BigEndian, 0, short(6)), make([]byte, maxExif)...), 1, false},
		{"60000 entries", append([]byte("MM\x00*\x00\x00\x00\x08\xea\x60"), make([]byte, 40)...), 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := surveyExif(tc.data, nil)
			if got.orientation != tc.orientation || got.sound != tc.sound {
				t.Errorf("got orientation %d, sound %v, want %d, %v", got.orientation, got.sound, tc.orientation, tc.sound)
			}
		})
	}
}

// TestFactsBounded gives the text reader blocks that make it hoard when it is asked, and wants it not asked.
func TestFactsBounded(t *testing.T) {
	bomb := ifd(binary.BigEndian, 0, [4]uint32{tagMake, 12, 1<<31 - 1, 8})
	chain := ifd(binary.LittleEndian, 8, [4]uint32{tagOrientation, typeShort, 1, 6})
	for _, data := range [][]byte{bomb, chain} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, _ := readFacts(data, nil)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%d bytes made it allocate %d", len(data), got)
		}
		if f.Make != "" {
			t.Errorf("got make %q, want none", f.Make)
		}
	}
}

func TestCleanFact(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"  Maker  ", "Maker"},
		{"Ma\x00k\ner\x1b[31m", "Maker[31m"},
		{"caf\u00e9 \xff\xfe", "caf\u00e9"},
		{string(bytes.Repeat([]byte("x"), 200)), string(bytes.Repeat([]byte("x"), 64))},
	} {
		if got := cleanFact(tc.in); got != tc.want {
			t.Errorf("cleanFact(%q): got %q, want %q", tc.in, got, tc.want)
		}
	}
	f := Facts{TakenAt: "<script>", Make: "a\nb", Orientation: 77}.clean()
	if f.TakenAt != "" || f.Make != "ab" || f.Orientation != 1 {
		t.Errorf("got %+v", f)
	}
}

package chart

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

func TestReadInstance(t *testing.T) {
	e := sample(t, "READ")
	object := written(t, e, fullDICOM)
	id := testWriter(t, fullDICOM).uids(e)
	in, err := readInstance(object)
	if err != nil {
		t.Fatal(err)
	}
	if in.class != vlPhotographic || in.sop != id.instance || in.study != id.study || in.series != id.series || in.patient != testNumber {
		t.Errorf("got %q %q %q %q %q", in.class, in.sop, in.study, in.series, in.patient)
	}
	if !bytes.Equal(in.frame, padded(e.Picture)) {
		t.Errorf("got a frame of %d bytes, want %d", len(in.frame), len(padded(e.Picture)))
	}
}

// split stores the frame as two fragments, as an archive may.
func split(object []byte) []byte {
	at := bytes.LastIndex(object, []byte{0xFE, 0xFF, 0x00, 0xE0})
	size := int(binary.LittleEndian.Uint32(object[at+4:]))
	first := object[at+8 : at+8+size/4*2]
	second := object[at+8+len(first) : at+8+size]
	item := func(b []byte) []byte {
		return slices.Concat([]byte{0xFE, 0xFF, 0x00, 0xE0}, binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b)
	}
	return slices.Concat(object[:at], item(first), item(second), object[at+8+size:])
}

func TestInstanceIs(t *testing.T) {
	e := sample(t, "SAME")
	object := written(t, e, fullDICOM)
	id := testWriter(t, fullDICOM).uids(e)
	other := sample(t, "SAME")
	other.Picture = clean(t, 96, 64, 6)
	otherPicture := written(t, other, fullDICOM)
	stranger := sample(t, "SAME")
	stranger.Patient.RecordNumber = "MRN-0043-PHI"
	otherPatient := written(t, stranger, fullDICOM)
	otherStudy := written(t, sample(t, "OTHER"), fullDICOM)
	flipped := bytes.Clone(object)
	flipped[len(flipped)-40] ^= 1
	for _, c := range []struct {
		name string
		file []byte
		want bool
	}{
		{"what was sent", object, true},
		{"in two fragments", split(object), true},
		{"other institution", written(t, e, DICOMConfig{}), true},
		{"one bit flipped", flipped, false},
		{"another picture", otherPicture, false},
		{"another patient", otherPatient, false},
		{"another study", otherStudy, false},
		{"nothing", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := readInstance(c.file)
			if got := err == nil && in.is(e, id); got != c.want {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

// nest puts a well-formed sequence of that many levels in front of the pixels.
func nest(object []byte, levels int) []byte {
	at := bytes.Index(object, []byte("\xe0\x7f\x10\x00OB"))
	open := []byte("\x00\x04\x61\x05SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff")
	shut := []byte("\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00")
	return slices.Concat(object[:at], bytes.Repeat(open, levels), bytes.Repeat(shut, levels), object[at:])
}

func TestNestingIsBounded(t *testing.T) {
	object := written(t, sample(t, "NEST"), fullDICOM)
	for levels, want := range map[int]error{1: nil, 5: nil, 100: errNotInstance, 100_000: errNotInstance} {
		if _, err := readInstance(nest(object, levels)); err != want {
			t.Errorf("%d levels gave %v, want %v", levels, err, want)
		}
	}
}

func TestReadInstanceRefuses(t *testing.T) {
	object := written(t, sample(t, "REFUSE"), fullDICOM)
	syntax := bytes.Replace(object, []byte("1.2.840.10008.1.2.4.50"), []byte("1.2.840.10008.1.2.4.51"), 1)
	nested := slices.Concat(object[:132], bytes.Repeat([]byte("\x08\x00\x05\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"), 100))
	for name, b := range map[string][]byte{
		"other transfer syntax": syntax, "no preamble": object[132:], "short": object[:100], "only the preamble": object[:132],
		"sequences in sequences":  nested,
		"elements out of order":   slices.Concat(object, []byte("\x08\x00\x18\x00UI\x02\x001\x00")),
		"a length beyond the end": slices.Concat(object, []byte("\xe1\x7f\x10\x00OB\x00\x00\xf0\xff\xff\xff")),
	} {
		t.Run(name, func(t *testing.T) {
			if in, err := readInstance(b); err != errNotInstance {
				t.Errorf("got %d bytes of frame, %v; want errNotInstance", len(in.frame), err)
			}
		})
	}
	whole := 0
	for n := range object {
		if _, err := readInstance(object[:n]); err == nil {
			whole++
		}
	}
	if whole != 0 {
		t.Errorf("%d truncated files passed as whole", whole)
	}
}

func FuzzReadInstance(f *testing.F) {
	object := written(f, sample(f, "FUZZ"), fullDICOM)
	f.Add(object)
	f.Add(split(object))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := readInstance(b)
		if err == nil && len(in.frame) > len(b) {
			t.Errorf("a frame of %d bytes out of %d", len(in.frame), len(b))
		}
	})
}

package seal

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

var testBinding = Binding{Tenant: "main", Patient: "PATIENT1", Photo: "PHOTO1", Rendition: "original", Version: 3}

func TestObjectRoundTrip(t *testing.T) {
	for _, n := range sizes {
		want, k := payload(n), NewKey()
		var sealed, opened bytes.Buffer
		if err := SealObject(&sealed, iotest.HalfReader(bytes.NewReader(want)), k, testBinding); err != nil {
			t.Fatalf("SealObject of %d bytes: %v", n, err)
		}
		if got := ObjectSize(int64(n)); got != int64(sealed.Len()) {
			t.Errorf("ObjectSize(%d) = %d, want %d", n, got, sealed.Len())
		}
		if err := OpenObject(&opened, iotest.DataErrReader(bytes.NewReader(sealed.Bytes())), k, testBinding); err != nil {
			t.Fatalf("OpenObject of %d bytes: %v", n, err)
		}
		if !bytes.Equal(opened.Bytes(), want) {
			t.Errorf("%d bytes came back different", n)
		}
	}
}

func TestObjectBinding(t *testing.T) {
	k := NewKey()
	sealed, err := SealBytes(payload(100), k, testBinding)
	if err != nil {
		t.Fatal(err)
	}
	change := map[string]func(*Binding){
		"tenant":    func(b *Binding) { b.Tenant = "other" },
		"patient":   func(b *Binding) { b.Patient = "PATIENT2" },
		"photo":     func(b *Binding) { b.Photo = "PHOTO2" },
		"rendition": func(b *Binding) { b.Rendition = "thumbnail" },
		"version":   func(b *Binding) { b.Version = 2 },
		"moved":     func(b *Binding) { b.Tenant, b.Patient = "mainP", "ATIENT1" },
	}
	for name, f := range change {
		t.Run(name, func(t *testing.T) {
			b := testBinding
			f(&b)
			got, err := OpenBytes(sealed, k, b)
			wantErr(t, err, ErrSealed)
			if got != nil {
				t.Errorf("got %d bytes with an error", len(got))
			}
		})
	}
	for name, b := range map[string]Binding{
		"no tenant": {Patient: "p", Photo: "f", Rendition: "r"},
		"long":      {Tenant: strings.Repeat("x", 257), Patient: "p", Photo: "f", Rendition: "r"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := SealBytes(payload(5), k, b)
			wantErr(t, err, ErrFormat)
			_, err = OpenBytes(sealed, k, b)
			wantErr(t, err, ErrFormat)
		})
	}
}

// chunk cuts the i-th sealed chunk out of a stored object.
func chunk(sealed []byte, i int) []byte {
	body := sealed[objectHeader:]
	return body[i*sealedChunk : min((i+1)*sealedChunk, len(body))]
}

func TestObjectRefusesChanges(t *testing.T) {
	k := NewKey()
	want := payload(3*ChunkSize + 10)
	sealed, err := SealBytes(want, k, testBinding)
	if err != nil {
		t.Fatal(err)
	}
	other, err := SealBytes(want, k, testBinding)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := SealBytes(want[:2*ChunkSize], k, testBinding) // its last chunk is full
	if err != nil {
		t.Fatal(err)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	head := sealed[:objectHeader]
	tests := []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, ErrTruncated},
		{"half a header", head[:12], ErrTruncated},
		{"header alone", head, ErrTruncated},
		{"another magic", join([]byte("CVCAP1\n\x00"), sealed[8:]), ErrFormat},
		{"another salt", join(other[:objectHeader], sealed[objectHeader:]), ErrSealed},
		{"last chunk gone", sealed[:len(sealed)-len(chunk(sealed, 3))], ErrTruncated},
		{"last byte gone", sealed[:len(sealed)-1], ErrSealed},
		{"a few bytes of the last chunk", sealed[:len(sealed)-len(chunk(sealed, 3))+5], ErrTruncated},
		{"one byte more", join(sealed, []byte{0}), ErrSealed},
		{"one byte after a full last chunk", join(whole, []byte{0}), ErrTrailing},
		{"last chunk twice", join(whole, chunk(whole, 1)), ErrTrailing},
		{"first two swapped", join(head, chunk(sealed, 1), chunk(sealed, 0), chunk(sealed, 2), chunk(sealed, 3)), ErrSealed},
		{"one left out", join(head, chunk(sealed, 0), chunk(sealed, 2), chunk(sealed, 3)), ErrSealed},
		{"one doubled", join(head, chunk(sealed, 0), chunk(sealed, 0), chunk(sealed, 1), chunk(sealed, 2), chunk(sealed, 3)), ErrSealed},
		{"one from another object", join(head, chunk(sealed, 0), chunk(other, 1), chunk(sealed, 2), chunk(sealed, 3)), ErrSealed},
		{"only the last", join(head, chunk(sealed, 3)), ErrSealed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			wantErr(t, OpenObject(&out, bytes.NewReader(tt.in), k, testBinding), tt.want)
			wantPrefix(t, out.Bytes(), want)
		})
	}
	t.Run("another key", func(t *testing.T) {
		_, err := OpenBytes(sealed, NewKey(), testBinding)
		wantErr(t, err, ErrSealed)
	})
	t.Run("zero key", func(t *testing.T) {
		sum, err := objectSum(head, testBinding)
		if err != nil {
			t.Fatal(err)
		}
		s := newStream(Key{}, objectDomain, sum) // what nobody should have made
		_, err = OpenBytes(s.aead.Seal(bytes.Clone(head), nil, payload(5), s.at(0, true)), Key{}, testBinding)
		wantErr(t, err, ErrSealed)
	})
}

func TestObjectEveryBit(t *testing.T) {
	k := NewKey()
	want := payload(20)
	sealed, err := SealBytes(want, k, testBinding)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			sealed[i] ^= 1 << bit
			if _, err := OpenBytes(sealed, k, testBinding); err == nil {
				t.Errorf("opened with bit %d of byte %d flipped", bit, i)
			}
			sealed[i] ^= 1 << bit
		}
	}
	for n := range sealed {
		if _, err := OpenBytes(sealed[:n], k, testBinding); err == nil {
			t.Errorf("opened when cut to %d of %d bytes", n, len(sealed))
		}
	}
}

func TestObjectShortChunkInTheMiddle(t *testing.T) {
	k := NewKey()
	head := append([]byte(objectMagic), make([]byte, objectSalt)...)
	sum, err := objectSum(head, testBinding)
	if err != nil {
		t.Fatal(err)
	}
	s := newStream(k, objectDomain, sum)
	in := append(head, s.aead.Seal(nil, nil, payload(100), s.at(0, false))...)
	in = append(in, s.aead.Seal(nil, nil, payload(100), s.at(1, true))...)
	_, err = OpenBytes(in, k, testBinding)
	wantErr(t, err, ErrSealed)
	onlyShort := append(head, s.aead.Seal(nil, nil, payload(100), s.at(0, false))...)
	_, err = OpenBytes(onlyShort, k, testBinding)
	wantErr(t, err, ErrTruncated)
	empty := append(head, s.aead.Seal(nil, nil, nil, s.at(0, true))...)
	_, err = OpenBytes(empty, k, testBinding)
	wantErr(t, err, ErrTruncated)
}

func TestObjectFaults(t *testing.T) {
	k, boom := NewKey(), errors.New("boom")
	want := payload(2*ChunkSize + 5)
	sealed, err := SealBytes(want, k, testBinding)
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, SealObject(io.Discard, strings.NewReader(""), k, testBinding), ErrFormat)
	for _, n := range []int{0, 5, objectHeader, ChunkSize, 2 * ChunkSize} {
		wantErr(t, SealObject(io.Discard, brokenReader{bytes.NewReader(want[:n]), boom}, k, testBinding), boom)
		wantErr(t, OpenObject(io.Discard, brokenReader{bytes.NewReader(sealed[:n]), boom}, k, testBinding), boom)
		wantErr(t, SealObject(&fullWriter{n, boom}, bytes.NewReader(want), k, testBinding), boom)
		wantErr(t, OpenObject(&fullWriter{n, boom}, bytes.NewReader(sealed), k, testBinding), boom)
	}
	// A source that breaks off where a whole object happens to end is still broken.
	wantErr(t, OpenObject(io.Discard, brokenReader{bytes.NewReader(sealed), io.ErrUnexpectedEOF}, k, testBinding), io.ErrUnexpectedEOF)
	wantErr(t, SealObject(io.Discard, idleReader{}, k, testBinding), io.ErrNoProgress)
}

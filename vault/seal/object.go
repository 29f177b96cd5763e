package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	objectMagic  = "CVOBJ1\n\x00"
	objectSalt   = 16
	objectHeader = len(objectMagic) + objectSalt
	objectDomain = "clinivault/object/v1\x00"

	maxBindingField = 256 // bytes; IDs have 26 to 32
)

// Binding says what a stored object is. It is not written into the object; whoever opens the object must know it, so
// that the store cannot answer with another photo, rendition or version. All four texts are 1 to 256 bytes.
type Binding struct {
	Tenant, Patient, Photo, Rendition string
	Version                           uint32
}

// AAD returns the binding in its one binary form: each text with a u16 length before it, then the u32 version. It also
// serves to bind the wrapped key of the object. Errors: ErrFormat for an empty or oversized text.
func (b Binding) AAD() ([]byte, error) {
	var out []byte
	for _, s := range []string{b.Tenant, b.Patient, b.Photo, b.Rendition} {
		if s == "" || len(s) > maxBindingField {
			return nil, formatErr("a binding needs tenant, patient, photo and rendition of 1 to 256 bytes")
		}
		out = appendText(out, s)
	}
	return binary.BigEndian.AppendUint32(out, b.Version), nil
}

// ObjectSize is the size in bytes of a stored object that holds n bytes, n ≥ 1.
func ObjectSize(n int64) int64 { return int64(objectHeader) + chunksSize(n) }

// SealObject reads src to its end and writes the stored object to dst. The key must be this object's alone.
// An empty src is ErrFormat.
func SealObject(dst io.Writer, src io.Reader, k Key, b Binding) error {
	mustBeKey(k)
	header := append(make([]byte, 0, objectHeader), objectMagic...)
	header = append(header, make([]byte, objectSalt)...)
	rand.Read(header[len(objectMagic):]) // never fails (crypto/rand)
	sum, err := objectSum(header, b)
	if err != nil {
		return err
	}
	if _, err := dst.Write(header); err != nil {
		return fmt.Errorf("writing object header: %w", err)
	}
	return newStream(k, objectDomain, sum).seal(dst, src)
}

// OpenObject writes the content of the stored object in src to dst. Each chunk is authenticated before it is written,
// but the whole only when OpenObject returns nil: on an error the caller must discard what dst got.
// Errors: ErrFormat, ErrTruncated, ErrTrailing, ErrSealed, or those of src and dst.
func OpenObject(dst io.Writer, src io.Reader, k Key, b Binding) error {
	header := make([]byte, objectHeader)
	if err := need(src, header); err != nil {
		return err
	}
	if string(header[:len(objectMagic)]) != objectMagic {
		return formatErr("not a stored object")
	}
	sum, err := objectSum(header, b)
	if err != nil {
		return err
	}
	if k.IsZero() {
		return ErrSealed
	}
	return newStream(k, objectDomain, sum).open(dst, src)
}

// SealBytes is SealObject for content in memory.
func SealBytes(plain []byte, k Key, b Binding) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, ObjectSize(int64(len(plain)))))
	if err := SealObject(out, bytes.NewReader(plain), k, b); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// OpenBytes is OpenObject for content in memory: all of it, or none and an error.
func OpenBytes(sealed []byte, k Key, b Binding) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, len(sealed)))
	if err := OpenObject(out, bytes.NewReader(sealed), k, b); err != nil {
		clear(out.Bytes())
		return nil, err
	}
	return out.Bytes(), nil
}

func objectSum(header []byte, b Binding) ([sha256.Size]byte, error) {
	aad, err := b.AAD()
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256(append(append([]byte(nil), header...), aad...)), nil
}

func chunksSize(n int64) int64 {
	return n + (n+ChunkSize-1)/ChunkSize*overhead
}

// need fills b from src or says ErrTruncated.
func need(src io.Reader, b []byte) error {
	n, err := fill(src, b)
	if err == nil && n < len(b) {
		err = ErrTruncated
	}
	return err
}

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	keyDomain   = "clinivault/capture/key/v1\x00"
	factsDomain = "clinivault/capture/facts/v1\x00"
	chunkDomain = "clinivault/capture/chunk/v1\x00"

	magicSize    = 8
	captureFixed = magicSize + 4 + captureID
	// wrappedKey: ML-KEM-768 ciphertext, X25519 share, sealed key.
	wrappedKey = 1088 + 32 + KeySize + tagSize
	// factsStep: facts are padded with spaces to a multiple of it, so that their size tells little about them.
	factsStep = 512

	// MaxCaptureHeader is the most bytes that come before the first chunk of an envelope.
	MaxCaptureHeader = captureFixed + 2 + wrappedKey + 4 + MaxFacts + overhead
)

// CaptureHead is what an envelope says about itself in clear: which intake key it is for, how its key was sealed to it
// (KEMName or FallbackName), and its own number.
type CaptureHead struct {
	Epoch     uint32
	KEM       string
	CaptureID string
}

// encapsulation is a way in which the capture key is sealed, and how the header of such an envelope begins.
type encapsulation struct {
	name    string
	magic   string
	id      uint16 // as written after the front (IANA, HPKE KEM identifiers); 0: not written
	wrapped int    // bytes
}

var encapsulations = []encapsulation{
	{name: KEMName, magic: "CVCAP1\n\x00", wrapped: wrappedKey},
	{name: FallbackName, magic: "CVCAP2\n\x00", id: 0x0020, wrapped: FallbackPublicSize + KeySize + tagSize},
}

// front is how many bytes come before the size of the wrapped key; they are bound to it.
func (e encapsulation) front() int {
	if e.id == 0 {
		return captureFixed
	}
	return captureFixed + 2
}

// NewCaptureHeader makes a fresh capture key, wraps it to the intake key and returns the whole header of the envelope,
// sealed facts included, with the key for the chunks. For the browser module, where WebCrypto seals the chunks; others
// use SealCapture.
func NewCaptureHeader(to IntakePublic, f CaptureFacts) (header []byte, key Key, err error) {
	facts, err := paddedFacts(f)
	if err != nil {
		return nil, Key{}, err
	}
	defer clear(facts)
	key = NewKey()
	id, _ := hex.DecodeString(f.CaptureID) // checked by Validate
	header = append(header, encapsulations[0].magic...)
	header = binary.BigEndian.AppendUint32(header, to.Epoch)
	header = append(header, id...)
	wrapped, err := to.wrapTo(key, bind(keyDomain, header))
	if err != nil {
		return nil, Key{}, err
	}
	header = binary.BigEndian.AppendUint16(header, uint16(len(wrapped)))
	header = append(header, wrapped...)
	sealed := key.aead().Seal(nil, nil, facts, bind(factsDomain, header))
	header = binary.BigEndian.AppendUint32(header, uint32(len(sealed)))
	return append(header, sealed...), key, nil
}

// SealCapture reads the picture in src to its end and writes its envelope to dst. Nobody but the vault can open it
// afterwards, this process included. Errors: ErrFormat for bad facts, a bad key or an empty src, or those of src and dst.
func SealCapture(dst io.Writer, src io.Reader, to IntakePublic, f CaptureFacts) error {
	header, key, err := NewCaptureHeader(to, f)
	if err != nil {
		return err
	}
	defer key.Wipe()
	if _, err := dst.Write(header); err != nil {
		return fmt.Errorf("writing capture header: %w", err)
	}
	return newStream(key, chunkDomain, sha256.Sum256(header)).seal(dst, src)
}

// SealedSize is the size in bytes of the envelope that SealCapture makes of n bytes with these facts, n ≥ 1.
func SealedSize(f CaptureFacts, n int64) (int64, error) {
	facts, err := paddedFacts(f)
	if err != nil {
		return 0, err
	}
	return int64(captureFixed+2+wrappedKey+4+len(facts)+overhead) + chunksSize(n), nil
}

// ReadCaptureHead checks that src starts like an envelope and says whose it is. Nothing in it is authenticated yet.
// Errors: ErrFormat, ErrTruncated, or those of src.
func ReadCaptureHead(src io.Reader) (CaptureHead, error) {
	h, err := readHeader(src)
	return h.CaptureHead, err
}

// OpenCaptureFacts opens the facts of an envelope without its picture; prefix needs to give MaxCaptureHeader bytes at
// most, and what comes after the header is not read. keyFor gives the intake key of an epoch, or an error (ErrEpoch if
// there is none). Errors: ErrFormat, ErrTruncated, ErrEpoch, ErrSealed, or those of prefix and keyFor.
func OpenCaptureFacts(prefix io.Reader, keyFor func(epoch uint32) (*IntakePrivate, error)) (CaptureFacts, error) {
	_, _, f, err := openHeader(prefix, keyFor)
	return f, err
}

// OpenCapture opens an envelope: the picture goes to dst, the facts are returned. Each chunk is authenticated before
// it is written, but the whole only when OpenCapture returns nil: on an error the caller must discard what dst got.
// Errors: those of OpenCaptureFacts, ErrTrailing, or those of dst.
func OpenCapture(dst io.Writer, src io.Reader, keyFor func(epoch uint32) (*IntakePrivate, error)) (CaptureFacts, error) {
	h, key, f, err := openHeader(src, keyFor)
	if err != nil {
		return CaptureFacts{}, err
	}
	defer key.Wipe()
	if err := newStream(key, chunkDomain, sha256.Sum256(h.raw)).open(dst, src); err != nil {
		return CaptureFacts{}, err
	}
	return f, nil
}

// captureHeader is a header as read; the slices share raw.
type captureHeader struct {
	CaptureHead
	raw     []byte // all of it
	front   []byte // before the wrapped key's size
	toFacts []byte // up to and including the wrapped key
	wrapped []byte
	facts   []byte // sealed
}

// readHeader reads exactly the header from src; all sizes are checked before anything is allocated for them.
func readHeader(src io.Reader) (captureHeader, error) {
	raw := make([]byte, magicSize, MaxCaptureHeader)
	if err := need(src, raw); err != nil {
		return captureHeader{}, err
	}
	at := slices.IndexFunc(encapsulations, func(e encapsulation) bool { return e.magic == string(raw) })
	if at < 0 {
		return captureHeader{}, formatErr("not a sealed capture")
	}
	how := encapsulations[at]
	front := how.front()
	toFacts := front + 2 + how.wrapped
	raw = raw[:toFacts+4]
	if err := need(src, raw[magicSize:]); err != nil {
		return captureHeader{}, err
	}
	epoch := binary.BigEndian.Uint32(raw[magicSize:])
	id := hex.EncodeToString(raw[magicSize+4 : captureFixed])
	size := int64(binary.BigEndian.Uint32(raw[toFacts:]))
	switch {
	case epoch == 0 || !IsCaptureID(id):
		return captureHeader{}, formatErr("a sealed capture without epoch or number")
	case how.id != 0 && binary.BigEndian.Uint16(raw[captureFixed:]) != how.id:
		return captureHeader{}, formatErr("unknown encapsulation of the capture key")
	case int(binary.BigEndian.Uint16(raw[front:])) != how.wrapped:
		return captureHeader{}, formatErr("wrong size of a wrapped capture key")
	case size <= overhead || size > MaxFacts+overhead:
		return captureHeader{}, formatErr("wrong size of sealed facts")
	}
	raw = raw[:toFacts+4+int(size)]
	if err := need(src, raw[toFacts+4:]); err != nil {
		return captureHeader{}, err
	}
	return captureHeader{
		CaptureHead: CaptureHead{Epoch: epoch, KEM: how.name, CaptureID: id},
		raw:         raw, front: raw[:front], toFacts: raw[:toFacts], wrapped: raw[front+2 : toFacts], facts: raw[toFacts+4:],
	}, nil
}

func openHeader(src io.Reader, keyFor func(uint32) (*IntakePrivate, error)) (captureHeader, Key, CaptureFacts, error) {
	fail := func(err error) (captureHeader, Key, CaptureFacts, error) {
		return captureHeader{}, Key{}, CaptureFacts{}, err
	}
	h, err := readHeader(src)
	if err != nil {
		return fail(err)
	}
	intake, err := keyFor(h.Epoch)
	if err != nil {
		return fail(fmt.Errorf("finding intake key: %w", err))
	}
	if intake == nil || intake.epoch != h.Epoch {
		return fail(ErrEpoch)
	}
	key, err := intake.unwrap(h.KEM, h.wrapped, bind(keyDomain, h.front))
	if err != nil {
		return fail(err)
	}
	plain, err := key.aead().Open(nil, nil, h.facts, bind(factsDomain, h.toFacts))
	if err != nil {
		return fail(ErrSealed)
	}
	defer clear(plain)
	f, err := ParseFacts(plain)
	if err == nil && f.CaptureID != h.CaptureID {
		err = formatErr("the facts are of another capture")
	}
	if err != nil {
		return fail(err)
	}
	return h, key, f, nil
}

// paddedFacts validates f and encodes it with spaces up to the next multiple of factsStep.
func paddedFacts(f CaptureFacts) ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	b, err := f.MarshalJSON()
	if err != nil {
		return nil, errors.New("seal: encoding facts")
	}
	if len(b) > MaxFacts {
		return nil, formatErr("facts longer than 4 KiB")
	}
	return append(b, bytes.Repeat([]byte{' '}, (factsStep-len(b)%factsStep)%factsStep)...), nil
}

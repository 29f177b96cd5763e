package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

const (
	captureMagic = "CVCAP1\n\x00"
	keyDomain    = "clinivault/capture/key/v1\x00"
	factsDomain  = "clinivault/capture/facts/v1\x00"
	chunkDomain  = "clinivault/capture/chunk/v1\x00"

	captureFixed = len(captureMagic) + 4 + captureID
	// wrappedKey: ML-KEM-768 ciphertext, X25519 share, sealed key.
	wrappedKey = 1088 + 32 + KeySize + tagSize
	// factsStep: facts are padded with spaces to a multiple of it, so that their size tells little about them.
	factsStep = 512

	// MaxCaptureHeader is the most bytes that come before the first chunk of an envelope.
	MaxCaptureHeader = captureFixed + 2 + wrappedKey + 4 + MaxFacts + overhead
)

// CaptureHead is what an envelope says about itself in clear: which intake key it is for and its own number.
type CaptureHead struct {
	Epoch     uint32
	CaptureID string
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
	header = append(header, captureMagic...)
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
	wrapped []byte
	facts   []byte // sealed
}

// readHeader reads exactly the header from src; all sizes are checked before anything is allocated for them.
func readHeader(src io.Reader) (captureHeader, error) {
	const toFacts = captureFixed + 2 + wrappedKey + 4
	raw := make([]byte, toFacts, MaxCaptureHeader)
	if err := need(src, raw); err != nil {
		return captureHeader{}, err
	}
	epoch := binary.BigEndian.Uint32(raw[len(captureMagic):])
	id := hex.EncodeToString(raw[len(captureMagic)+4 : captureFixed])
	size := int64(binary.BigEndian.Uint32(raw[toFacts-4:]))
	switch {
	case string(raw[:len(captureMagic)]) != captureMagic:
		return captureHeader{}, formatErr("not a sealed capture")
	case epoch == 0 || !IsCaptureID(id):
		return captureHeader{}, formatErr("a sealed capture without epoch or number")
	case binary.BigEndian.Uint16(raw[captureFixed:]) != wrappedKey:
		return captureHeader{}, formatErr("wrong size of a wrapped capture key")
	case size <= overhead || size > MaxFacts+overhead:
		return captureHeader{}, formatErr("wrong size of sealed facts")
	}
	raw = raw[:toFacts+int(size)]
	if err := need(src, raw[toFacts:]); err != nil {
		return captureHeader{}, err
	}
	return captureHeader{
		CaptureHead: CaptureHead{Epoch: epoch, CaptureID: id},
		raw:         raw, wrapped: raw[captureFixed+2 : toFacts-4], facts: raw[toFacts:],
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
	key, err := intake.unwrap(h.wrapped, bind(keyDomain, h.raw[:captureFixed]))
	if err != nil {
		return fail(err)
	}
	plain, err := key.aead().Open(nil, nil, h.facts, bind(factsDomain, h.raw[:captureFixed+2+wrappedKey]))
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

package seal

import (
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// ChunkSize is how many bytes of payload one chunk holds; only the last chunk may hold fewer.
	ChunkSize   = 64 << 10
	sealedChunk = ChunkSize + overhead
)

// stream seals or opens the chunks of one object. The additional data of a chunk is
// domain ‖ SHA-256 of the header ‖ u64 index ‖ u8 last, so a chunk opens only in its own object, at its own place.
type stream struct {
	aead cipher.AEAD
	aad  []byte
	tail int // where index and last begin in aad
}

func newStream(k Key, domain string, header [sha256.Size]byte) *stream {
	aad := append([]byte(domain), header[:]...)
	return &stream{aead: k.aead(), tail: len(aad), aad: append(aad, make([]byte, 9)...)}
}

func (s *stream) at(index uint64, last bool) []byte {
	binary.BigEndian.PutUint64(s.aad[s.tail:], index)
	s.aad[s.tail+8] = 0
	if last {
		s.aad[s.tail+8] = 1
	}
	return s.aad
}

// seal writes src as chunks to dst. An empty src is refused: no picture has no bytes.
func (s *stream) seal(dst io.Writer, src io.Reader) error {
	out := make([]byte, 0, sealedChunk)
	return pieces(src, ChunkSize, func(plain []byte, index uint64, last bool) error {
		if len(plain) == 0 {
			return formatErr("empty payload")
		}
		if _, err := dst.Write(s.aead.Seal(out, nil, plain, s.at(index, last))); err != nil {
			return fmt.Errorf("writing sealed chunk: %w", err)
		}
		return nil
	})
}

// open writes the payload of the chunks in src to dst, each chunk once it is authenticated.
func (s *stream) open(dst io.Writer, src io.Reader) error {
	out := make([]byte, 0, ChunkSize)
	defer func() { clear(out[:cap(out)]) }()
	return pieces(src, sealedChunk, func(piece []byte, index uint64, last bool) error {
		if len(piece) <= overhead {
			return ErrTruncated
		}
		plain, err := s.aead.Open(out, nil, piece, s.at(index, last))
		if err != nil {
			return s.why(piece, index, last)
		}
		if _, err := dst.Write(plain); err != nil {
			return fmt.Errorf("writing opened chunk: %w", err)
		}
		return nil
	})
}

// why names the failure of a chunk: one that opens with the other last flag is genuine, but the object was cut or
// lengthened exactly at its border.
func (s *stream) why(piece []byte, index uint64, last bool) error {
	plain, err := s.aead.Open(nil, nil, piece, s.at(index, !last))
	clear(plain)
	switch {
	case err != nil:
		return ErrSealed
	case last:
		return ErrTruncated
	default:
		return ErrTrailing
	}
}

// pieces calls fn with successive pieces of src, all of the given size but the last, which is empty only if src is.
func pieces(src io.Reader, size int, fn func(piece []byte, index uint64, last bool) error) error {
	cur, next := make([]byte, size), make([]byte, size)
	defer func() { clear(cur); clear(next) }()
	n, err := fill(src, cur)
	if err != nil {
		return err
	}
	for index := uint64(0); ; index++ {
		m := 0
		if n == size {
			if m, err = fill(src, next); err != nil {
				return err
			}
		}
		if err := fn(cur[:n], index, m == 0); err != nil {
			return err
		}
		if m == 0 {
			return nil
		}
		cur, next, n = next, cur, m
	}
}

// fill reads until b is full or src ends. Unlike io.ReadFull it keeps a broken source, whatever its error, apart from
// one that ended.
func fill(src io.Reader, b []byte) (int, error) {
	n, idle := 0, 0
	for n < len(b) {
		m, err := src.Read(b[n:])
		n += m
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, fmt.Errorf("reading: %w", err)
		case m > 0:
			idle = 0
		default:
			if idle++; idle == 100 {
				return n, io.ErrNoProgress
			}
		}
	}
	return n, nil
}

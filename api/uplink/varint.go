package uplink

import "errors"

// Integers on the wire are those of RFC 9000, section 16: the two highest bits of the first byte say whether 1, 2, 4 or
// 8 bytes hold the number, big endian, at most 2^62-1.

const maxVarint = 1<<62 - 1

// errTruncated means that a frame promised more than the packet holds.
var errTruncated = errors.New("packet ends within a frame")

func appendVarint(b []byte, v uint64) []byte {
	switch {
	case v < 1<<6:
		return append(b, byte(v))
	case v < 1<<14:
		return append(b, 0x40|byte(v>>8), byte(v))
	case v < 1<<30:
		return append(b, 0x80|byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	case v <= maxVarint:
		return append(b, 0xC0|byte(v>>56), byte(v>>48), byte(v>>40), byte(v>>32),
			byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	panic("uplink: number too large for the wire")
}

// A reader takes a packet apart. The first mistake sticks in err, and everything after it reads as zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		r.fail(errTruncated)
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *reader) byte() byte {
	if v := r.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if v := r.take(2); v != nil {
		return uint16(v[0])<<8 | uint16(v[1])
	}
	return 0
}

func (r *reader) varint() uint64 {
	first := r.byte()
	v := uint64(first & 0x3F)
	for _, c := range r.take(1<<(first>>6) - 1) {
		v = v<<8 | uint64(c)
	}
	return v
}

// bytes reads a length of at most limit and that many bytes, which stay part of the packet.
func (r *reader) bytes(limit uint64) []byte {
	n := r.varint()
	if n > limit {
		r.fail(errLimit)
		return nil
	}
	return r.take(int(n))
}

func appendBytes(b, v []byte) []byte {
	return append(appendVarint(b, uint64(len(v))), v...)
}

package uplink

import (
	"errors"
	"time"
)

// Version is the one version of the protocol inside DTLS that this package speaks.
const Version = 1

// Sizes. A packet is the plaintext of one DTLS record, and one record is one datagram: 1180 + 46 bytes that DTLS adds
// (13 header, 8 connection ID, 8 nonce, 16 tag, 1 type) + 8 UDP + 40 IPv6 = 1274, below the 1280 every IPv6 path carries.
const (
	maxPacket = 1180
	overhead  = 46
	dataHead  = 1 + 8 + 8 + 2 // most that a DATA frame adds to its bytes
)

// Bounds of single fields, all checked before anything is kept.
const (
	maxToken      = 512
	maxSentence   = 256
	maxBitmap     = 800
	maxVersions   = 16
	maxAckRanges  = 256
	maxStream     = 1 << 32
	challengeSize = 16
)

// What a parser may find wrong.
var (
	errLimit   = errors.New("a field is beyond its bound")
	errUnknown = errors.New("unknown frame type")
	errEmpty   = errors.New("packet without frames")
)

// The frame types on the wire.
const (
	typePing      = 0x01
	typeAck       = 0x02
	typeHello     = 0x03
	typeWelcome   = 0x04
	typeOffer     = 0x05
	typeAccept    = 0x06
	typeWindow    = 0x07
	typeData      = 0x08
	typeReceipt   = 0x09
	typeRefuse    = 0x0A
	typeAbandon   = 0x0B
	typeChallenge = 0x0C
	typeResponse  = 0x0D
	typeClose     = 0x0E
)

// A frame is one statement in a packet. Byte slices in a parsed frame are part of the packet they came in.
type frame interface {
	append(b []byte) []byte
}

type (
	// ping asks for an acknowledgement and says nothing else.
	ping struct{}
	// ack says which packets arrived: ranges from the newest down, and for how long the newest waited.
	ack struct {
		delay  time.Duration
		ranges []span
	}
	// hello opens: the versions that the client speaks.
	hello struct{ versions []uint16 }
	// welcome answers: the version chosen, and what the server takes.
	welcome struct {
		version uint16
		size    uint64        // bytes of the largest body
		idle    time.Duration // after which a silent connection is closed
	}
	// offer names a body and opens a stream for it.
	offer struct {
		stream uint64
		Offer
	}
	// accept lets an offer in: bytes below limit may be sent, but the blocks whose bits are set are held.
	accept struct {
		stream, limit uint64
		held          []byte
	}
	// window lets more be sent of a stream.
	window struct{ stream, limit uint64 }
	// data is a piece of a body.
	data struct {
		stream, offset uint64
		bytes          []byte
	}
	// receipt is a piece of the receipt, of total bytes.
	receipt struct {
		stream, offset, total uint64
		bytes                 []byte
	}
	// refuse ends a stream without a receipt.
	refuse struct {
		stream   uint64
		code     Code
		retry    time.Duration
		sentence string
	}
	// abandon ends a stream because the client no longer wants it.
	abandon struct{ stream uint64 }
	// challenge asks the peer to show that it hears us on a new path; moved says that its host changed, not only its port.
	challenge struct {
		nonce [challengeSize]byte
		moved bool
	}
	// response repeats the nonce of a challenge.
	response struct{ nonce [challengeSize]byte }
	// closing ends the connection.
	closing struct{ code Code }
)

// parsePacket takes a packet apart: its number and its frames. It never panics, and allocates no more than a small
// multiple of len(b).
func parsePacket(b []byte) (number uint64, frames []frame, err error) {
	r := &reader{b: b}
	number = r.varint()
	for r.err == nil && len(r.b) > 0 {
		f := parseFrame(r)
		if r.err == nil {
			frames = append(frames, f)
		}
	}
	if r.err == nil && len(frames) == 0 {
		r.err = errEmpty
	}
	if r.err != nil {
		return 0, nil, r.err
	}
	return number, frames, nil
}

func parseFrame(r *reader) frame {
	switch kind := r.byte(); kind {
	case typePing:
		return ping{}
	case typeAck:
		return parseAck(r)
	case typeHello:
		return parseHello(r)
	case typeWelcome:
		return welcome{version: r.uint16(), size: r.varint(), idle: millis(r)}
	case typeOffer:
		return parseOffer(r)
	case typeAccept:
		return accept{stream: stream(r), limit: r.varint(), held: r.bytes(maxBitmap)}
	case typeWindow:
		return window{stream: stream(r), limit: r.varint()}
	case typeData:
		return data{stream: stream(r), offset: r.varint(), bytes: r.bytes(maxPacket)}
	case typeReceipt:
		return parseReceipt(r)
	case typeRefuse:
		return refuse{stream: stream(r), code: Code(r.uint16()), retry: millis(r), sentence: string(r.bytes(maxSentence))}
	case typeAbandon:
		return abandon{stream: stream(r)}
	case typeChallenge:
		return challenge{moved: boolean(r), nonce: nonce(r)}
	case typeResponse:
		return response{nonce: nonce(r)}
	case typeClose:
		return closing{code: Code(r.uint16())}
	default:
		r.fail(errUnknown)
		return nil
	}
}

func stream(r *reader) uint64 {
	v := r.varint()
	if v >= maxStream {
		r.fail(errLimit)
	}
	return v
}

// millis reads a time in whole milliseconds of at most an hour.
func millis(r *reader) time.Duration {
	v := r.varint()
	if v > uint64(time.Hour/time.Millisecond) {
		r.fail(errLimit)
		return 0
	}
	return time.Duration(v) * time.Millisecond
}

func boolean(r *reader) bool {
	v := r.byte()
	if v > 1 {
		r.fail(errLimit)
	}
	return v == 1
}

func nonce(r *reader) (n [challengeSize]byte) {
	copy(n[:], r.take(challengeSize))
	return n
}

func parseHello(r *reader) frame {
	n := r.varint()
	if n < 1 || n > maxVersions {
		r.fail(errLimit)
		return nil
	}
	h := hello{versions: make([]uint16, n)}
	for i := range h.versions {
		h.versions[i] = r.uint16()
	}
	return h
}

func parseOffer(r *reader) frame {
	o := offer{stream: stream(r)}
	copy(o.ID[:], r.take(len(o.ID)))
	copy(o.Digest[:], r.take(len(o.Digest)))
	o.Size = int64(r.varint())
	o.Token = Token(r.bytes(maxToken))
	if o.Size < 1 {
		r.fail(errLimit)
	}
	return o
}

func parseReceipt(r *reader) frame {
	p := receipt{stream: stream(r), offset: r.varint(), total: r.varint(), bytes: r.bytes(maxPacket)}
	if p.total < 1 || p.total > MaxReceipt {
		r.fail(errLimit)
	}
	return p
}

// parseAck reads ranges from the newest down; each must lie wholly, with a gap, below the one before.
func parseAck(r *reader) frame {
	largest, delay, count, length := r.varint(), r.varint(), r.varint(), r.varint()
	if delay > uint64(time.Hour/time.Microsecond) || count > maxAckRanges-1 || length > largest {
		r.fail(errLimit)
		return nil
	}
	a := ack{delay: time.Duration(delay) * time.Microsecond}
	low := largest - length
	a.ranges = append(a.ranges, span{low, largest + 1})
	for range count {
		gap, length := r.varint(), r.varint()
		if r.err != nil || gap+2 > low || length > low-gap-2 {
			r.fail(errLimit)
			return nil
		}
		high := low - gap - 2
		low = high - length
		a.ranges = append(a.ranges, span{low, high + 1})
	}
	return a
}

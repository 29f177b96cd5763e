package uplink

import (
	"encoding/binary"
	"time"
)

func (ping) append(b []byte) []byte { return append(b, typePing) }

func (a ack) append(b []byte) []byte {
	first := a.ranges[0]
	b = appendVarint(append(b, typeAck), first.hi-1)
	b = appendVarint(b, uint64(a.delay/time.Microsecond))
	b = appendVarint(b, uint64(len(a.ranges)-1))
	b = appendVarint(b, first.hi-1-first.lo)
	low := first.lo
	for _, s := range a.ranges[1:] {
		b = appendVarint(b, low-s.hi-1)
		b = appendVarint(b, s.hi-1-s.lo)
		low = s.lo
	}
	return b
}

func (h hello) append(b []byte) []byte {
	b = appendVarint(append(b, typeHello), uint64(len(h.versions)))
	for _, v := range h.versions {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func (w welcome) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(append(b, typeWelcome), w.version)
	return appendMillis(appendVarint(b, w.size), w.idle)
}

func (o offer) append(b []byte) []byte {
	b = appendVarint(append(b, typeOffer), o.stream)
	b = append(append(b, o.ID[:]...), o.Digest[:]...)
	return appendBytes(appendVarint(b, uint64(o.Size)), []byte(o.Token))
}

func (a accept) append(b []byte) []byte {
	b = appendVarint(appendVarint(append(b, typeAccept), a.stream), a.limit)
	return appendBytes(b, a.held)
}

func (w window) append(b []byte) []byte {
	return appendVarint(appendVarint(append(b, typeWindow), w.stream), w.limit)
}

func (d data) append(b []byte) []byte {
	b = appendVarint(appendVarint(append(b, typeData), d.stream), d.offset)
	return appendBytes(b, d.bytes)
}

func (p receipt) append(b []byte) []byte {
	b = appendVarint(appendVarint(append(b, typeReceipt), p.stream), p.offset)
	return appendBytes(appendVarint(b, p.total), p.bytes)
}

func (e refuse) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(appendVarint(append(b, typeRefuse), e.stream), uint16(e.code))
	return appendBytes(appendMillis(b, e.retry), []byte(e.sentence))
}

func (a abandon) append(b []byte) []byte { return appendVarint(append(b, typeAbandon), a.stream) }

func (c challenge) append(b []byte) []byte {
	moved := byte(0)
	if c.moved {
		moved = 1
	}
	return append(append(b, typeChallenge, moved), c.nonce[:]...)
}

func (p response) append(b []byte) []byte { return append(append(b, typeResponse), p.nonce[:]...) }

func (c closing) append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(append(b, typeClose), uint16(c.code))
}

// appendMillis writes a time in whole milliseconds, an hour at most.
func appendMillis(b []byte, d time.Duration) []byte {
	return appendVarint(b, uint64(min(max(d, 0), time.Hour)/time.Millisecond))
}

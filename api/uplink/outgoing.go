package uplink

import (
	"io"
	"math/bits"
)

// tailPackets is how many of the last packets of a body are sent twice, so that the loss of one of them shows at once.
const tailPackets = 8

// outgoing is one body on its way: which bytes were sent, answered, or must be sent again.
type outgoing struct {
	stream   uint64
	size     uint64
	limit    uint64 // bytes below may be sent
	body     io.ReaderAt
	next     uint64 // bytes below were sent once, or are held
	got      spans  // bytes answered, or held by the server
	again    spans  // bytes to be sent again
	echo     spans  // bytes sent again near the end, to be sent once more
	tolerant func() bool
	failed   error // reading the body went wrong
	receipt  []byte
	parts    spans // bytes of the receipt that arrived
	changed  func()
	opening  []frame // copies of the first words, to be said again after the first piece
}

func newOutgoing(stream uint64, offer Offer, body io.ReaderAt, early uint64) *outgoing {
	return &outgoing{stream: stream, size: uint64(offer.Size), limit: min(early, uint64(offer.Size)), body: body,
		tolerant: func() bool { return true }, changed: func() {}}
}

// accepted takes in the server's leave to send and what it holds.
func (o *outgoing) accepted(a accept) {
	for i, b := range a.held {
		for ; b != 0; b &= b - 1 {
			lo := uint64(i*8+bits.TrailingZeros8(b)) * BlockSize
			o.mark(span{min(lo, o.size), min(lo+BlockSize, o.size)})
		}
	}
	o.allow(a.limit)
	o.changed()
}

func (o *outgoing) allow(limit uint64) { o.limit = max(o.limit, min(limit, o.size)) }

// mark notes that bytes need not be sent any more.
func (o *outgoing) mark(s span) {
	o.got.add(s)
	o.again.remove(s)
	o.echo.remove(s)
}

// pending is the next bytes to send: lost ones, then new ones, then those worth saying once more.
func (o *outgoing) pending() (s span, queue *spans) {
	if o.failed != nil {
		return span{}, nil
	}
	if len(o.again) > 0 {
		return o.again[0], &o.again
	}
	if s := o.got.missing(o.next, o.limit); s.lo < s.hi {
		return s, nil
	}
	if len(o.echo) > 0 {
		return o.echo[0], &o.echo
	}
	return span{}, nil
}

// fill is the next piece, at most room bytes with its head; nil when there is none.
func (o *outgoing) fill(room int) frame {
	if len(o.opening) > 0 && (o.next > 0 || o.limit == 0) {
		f := o.opening[0]
		if len(f.append(nil)) > room {
			return nil
		}
		o.opening = o.opening[1:]
		return f
	}
	s, queue := o.pending()
	n := min(s.hi-s.lo, uint64(room-dataHead))
	if n == 0 {
		return nil
	}
	s.hi = s.lo + n
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(o.body, int64(s.lo), int64(n)), b); err != nil {
		o.failed = err
		o.changed()
		return nil
	}
	tail := o.next >= o.size
	switch queue {
	case nil:
		o.next = s.hi
		if o.next >= o.size {
			o.repeat(span{o.size - min(o.size, tailPackets*maxPacket), o.size})
		}
	case &o.again:
		o.again.remove(s)
		if tail && o.tolerant() {
			o.echo.add(s)
		}
	default:
		queue.remove(s)
	}
	return data{o.stream, s.lo, b}
}

// repeat queues the bytes of s that were not answered to be said once more.
func (o *outgoing) repeat(s span) { o.unanswered(s, &o.echo) }

func (o *outgoing) unanswered(s span, into *spans) {
	for lo := s.lo; lo < s.hi; {
		gap := o.got.missing(lo, s.hi)
		into.add(gap)
		lo = gap.hi
		if gap.lo == gap.hi {
			break
		}
	}
}

// lost queues the bytes of a lost piece that nothing else carried.
func (o *outgoing) lost(d data) {
	o.unanswered(span{d.offset, d.offset + uint64(len(d.bytes))}, &o.again)
}

func (o *outgoing) acked(d data) {
	o.mark(span{d.offset, d.offset + uint64(len(d.bytes))})
	o.changed()
}

// keepReceipt puts in a piece of the receipt and says whether it is whole.
func (o *outgoing) keepReceipt(p receipt) (whole bool) {
	if p.offset+uint64(len(p.bytes)) > p.total ||
		o.receipt != nil && uint64(len(o.receipt)) != p.total {
		return false
	}
	if o.receipt == nil {
		o.receipt = make([]byte, p.total)
	}
	copy(o.receipt[p.offset:], p.bytes)
	o.parts.add(span{p.offset, p.offset + uint64(len(p.bytes))})
	return o.parts.count() == p.total
}

// A bundle is the bodies that one connection carries; pieces leave in turn.
type bundle struct {
	streams []*outgoing
	turn    int
}

func (b *bundle) find(stream uint64) *outgoing {
	for _, o := range b.streams {
		if o.stream == stream {
			return o
		}
	}
	return nil
}

func (b *bundle) remove(stream uint64) {
	for i, o := range b.streams {
		if o.stream == stream {
			b.streams = append(b.streams[:i:i], b.streams[i+1:]...)
			return
		}
	}
}

func (b *bundle) fill(room int) frame {
	for range b.streams {
		b.turn = (b.turn + 1) % len(b.streams)
		if f := b.streams[b.turn].fill(room); f != nil {
			return f
		}
	}
	return nil
}

func (b *bundle) waiting() bool {
	for _, o := range b.streams {
		if s, _ := o.pending(); s.lo < s.hi || len(o.opening) > 0 {
			return true
		}
	}
	return false
}

func (b *bundle) acked(d data) {
	if o := b.find(d.stream); o != nil {
		o.acked(d)
	}
}

func (b *bundle) lost(d data) {
	if o := b.find(d.stream); o != nil {
		o.lost(d)
	}
}

package uplink

import "time"

// Constants of loss and acknowledgement. RFC 9002 is the model; where a number differs, a ward's radio is why.
const (
	firstRTT        = 100 * time.Millisecond // believed until an answer was seen
	timerGrain      = time.Millisecond
	maxAckDelay     = 5 * time.Millisecond // an acknowledgement waits no longer than this
	ackEvery        = 8                    // packets in order that one acknowledgement may answer
	ackEveryEarly   = 2                    // for the first packets of a connection
	ackEarly        = 128                  // how many those are
	ackRanges       = 64                   // newest ranges in an acknowledgement
	seenRanges      = 256                  // ranges of packet numbers remembered
	lossPackets     = 3                    // a packet is lost when one sent this much later was answered,
	lossPacketsMost = 64                   // more when packets overtake each other
	lossTime        = 9.0 / 8              // or when it was sent this many RTTs before one that was answered
	maxPTOs         = 6                    // doublings of the probe time
	maxPatience     = time.Second          // longest time between probes
	maxControl      = 256                  // frames waiting to be said
)

// A source has pieces of bodies to send, and is told what became of them. A link calls it, never the other way round.
type source interface {
	fill(room int) frame // the next piece, at most room bytes with its head; nil when there is none now
	waiting() bool       // whether fill would return a piece
	acked(data)
	lost(data)
}

// A link is one end of a connection without the network: packets go in, packets come out, and it says when it wants to
// be woken. It numbers packets, answers them, finds the lost, says again what was lost under a new number, and paces. It
// reads no clock and starts nothing; whoever owns it holds a lock around it.
type link struct {
	pace    *pace
	rtt     rttClock
	body    source // nil at an end that sends no bodies
	flight  flight
	control []frame // to be said as soon as may be; kept until answered
	urgent  int     // packets that may leave whatever the window says: probes
	ptos    int     // probes without an answer
	newest  time.Time

	seen      spans     // numbers of packets that arrived
	seenFloor uint64    // numbers below count as seen
	seenNew   time.Time // when the newest arrived
	unsaid    int       // packets that wait for an answer
	ackAt     time.Time // when an acknowledgement must leave; zero when none is due
	heard     time.Time // when the peer was last heard
	arrived   uint64    // packets
	sent      uint64    // packets
	lostCount uint64    // packets
}

func newLink(now time.Time, body source) *link {
	return &link{pace: newPace(), body: body, heard: now, flight: flight{threshold: lossPackets}}
}

// say puts a frame among those to be sent until they are answered. It says false when too many wait already.
func (l *link) say(f frame) bool {
	if len(l.control) >= maxControl {
		return false
	}
	l.control = append(l.control, f)
	return true
}

// receive takes in a packet and returns the frames that are not the link's own business. accept is asked before the
// packet counts as arrived: a packet it cannot take now is dropped as if it had been lost.
func (l *link) receive(now time.Time, packet []byte, accept func([]frame) bool) ([]frame, error) {
	number, frames, err := parsePacket(packet)
	if err != nil {
		return nil, err
	}
	l.heard = now
	if number < l.seenFloor || l.seen.has(span{number, number + 1}) {
		return nil, nil
	}
	if !accept(frames) {
		return nil, nil
	}
	l.note(now, number, frames)
	rest := frames[:0]
	for _, f := range frames {
		if a, ok := f.(ack); ok {
			if err := l.answered(now, a); err != nil {
				return nil, err
			}
			continue
		}
		rest = append(rest, f)
	}
	return rest, nil
}

// note remembers that a packet arrived and decides when it is answered.
func (l *link) note(now time.Time, number uint64, frames []frame) {
	next := uint64(0)
	if n := len(l.seen); n > 0 {
		next = l.seen[n-1].hi
	}
	l.seen.add(span{number, number + 1})
	if extra := len(l.seen) - seenRanges; extra > 0 {
		l.seenFloor = l.seen[extra-1].hi
		l.seen = append(l.seen[:0], l.seen[extra:]...)
	}
	l.arrived++
	if number >= next {
		l.seenNew = now
	}
	if !eliciting(frames) {
		return
	}
	l.unsaid++
	every := ackEvery
	if l.arrived < ackEarly {
		every = ackEveryEarly
	}
	switch {
	case number != next || l.unsaid >= every:
		l.ackAt = now
	case l.ackAt.IsZero():
		l.ackAt = now.Add(maxAckDelay)
	}
}

// eliciting says whether frames ask for an answer: all do but acknowledgements and the last word.
func eliciting(frames []frame) bool {
	for _, f := range frames {
		switch f.(type) {
		case ack, closing:
		default:
			return true
		}
	}
	return false
}

// next writes the packet that should leave now into b, whose capacity must be maxPacket, or returns nil.
func (l *link) next(now time.Time, b []byte) []byte {
	b = appendVarint(b[:0], l.flight.next)
	empty := len(b)
	if !l.ackAt.IsZero() && !now.Before(l.ackAt) || l.unsaid > 0 && l.maySpeak(now) && l.wantsSpeak() {
		b = l.appendAck(now, b)
	}
	var frames []frame
	if l.maySpeak(now) {
		b, frames = l.appendFrames(b)
	}
	if len(b) == empty {
		return nil
	}
	if len(frames) > 0 && l.urgent > 0 {
		l.urgent--
	}
	l.depart(now, len(b)+overhead, frames)
	return b
}

// maySpeak says whether a packet that wants an answer may leave now.
func (l *link) maySpeak(now time.Time) bool {
	if l.urgent > 0 {
		return true
	}
	return l.pace.inflight < l.pace.window() && !l.pace.mayAt(now).After(now)
}

func (l *link) wantsSpeak() bool { return len(l.control) > 0 || l.urgent > 0 || l.body != nil }

func (l *link) appendAck(now time.Time, b []byte) []byte {
	a := ack{delay: now.Sub(l.seenNew)}
	for i := len(l.seen) - 1; i >= 0 && len(a.ranges) < ackRanges; i-- {
		a.ranges = append(a.ranges, l.seen[i])
	}
	l.unsaid, l.ackAt = 0, time.Time{}
	if len(a.ranges) == 0 {
		return b
	}
	return a.append(b)
}

// appendFrames adds what waits, then pieces of bodies while they fit.
func (l *link) appendFrames(b []byte) ([]byte, []frame) {
	var frames []frame
	for len(l.control) > 0 {
		longer := l.control[0].append(b)
		if len(longer) > maxPacket {
			return b, frames
		}
		b, frames, l.control = longer, append(frames, l.control[0]), l.control[1:]
	}
	for l.body != nil && maxPacket-len(b) > dataHead+64 {
		f := l.body.fill(maxPacket - len(b))
		if f == nil {
			break
		}
		b, frames = f.append(b), append(frames, f)
	}
	if len(frames) == 0 && l.urgent > 0 {
		b, frames = ping{}.append(b), append(frames, ping{})
	}
	if len(frames) == 0 {
		l.pace.idle()
	}
	return b, frames
}

// depart books a packet that leaves.
func (l *link) depart(now time.Time, size int, frames []frame) {
	l.sent++
	p := departed{at: now, size: size, frames: frames, state: bare}
	if len(frames) > 0 {
		p.state = flying
		p.mark = l.pace.sent(now, size)
		l.newest = now
	}
	l.flight.push(p)
	l.flight.trim() // acknowledgements are not answered: they are forgotten unless something before them waits
}

// wake is when next or timeout has something to do though nothing arrives; zero when never.
func (l *link) wake(now time.Time) time.Time {
	if l.urgent > 0 {
		return now
	}
	at := earliest(l.ackAt, l.flight.lossAt)
	at = earliest(at, l.probeAt())
	if (len(l.control) > 0 || l.body != nil && l.body.waiting()) && l.pace.inflight < l.pace.window() {
		at = earliest(at, l.pace.mayAt(now))
	}
	return at
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// probeAt is when to ask again because nothing was answered; zero when nothing waits for an answer.
func (l *link) probeAt() time.Time {
	if l.flight.flying == 0 {
		return time.Time{}
	}
	wait := min(l.rtt.patience()<<min(l.ptos, maxPTOs), max(maxPatience, l.rtt.patience()))
	return l.newest.Add(wait)
}

// timeout does what is due: finds packets lost by time, or asks again.
func (l *link) timeout(now time.Time) {
	if at := l.flight.lossAt; !at.IsZero() && !now.Before(at) {
		l.findLost(now)
		return
	}
	if at := l.probeAt(); !at.IsZero() && !now.Before(at) {
		l.ptos++
		l.urgent = 2
		l.newest = now // so that one probe time passes before the next
		for _, p := range l.flight.oldest(2) {
			l.again(p.frames)
		}
	}
}

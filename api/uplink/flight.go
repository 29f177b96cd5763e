package uplink

import (
	"errors"
	"time"
)

// errUnsent means that the peer answered a packet that was never sent.
var errUnsent = errors.New("answer to a packet that was not sent")

type fate byte

const (
	bare   fate = iota // asks for no answer
	flying             // waits for its answer
	lost               // found lost; an answer may still come
	done               // answered
)

// departed is a packet that left.
type departed struct {
	mark
	at     time.Time
	size   int
	state  fate
	frames []frame
}

// flight is the packets that left, by number: those below base need no memory any more.
type flight struct {
	base, next uint64
	packets    []departed
	flying     int
	largest    uint64 // largest number that was answered
	answered   bool   // any was
	threshold  uint64 // packets by which one must be overtaken to be lost
	slack      bool   // packets do overtake each other: wait longer
	lossAt     time.Time
}

// memory is how many packets found lost are remembered, so that late answers are understood.
const memory = 1024

func (f *flight) push(p departed) {
	f.packets = append(f.packets, p)
	f.next++
	if p.state == flying {
		f.flying++
	}
}

func (f *flight) at(number uint64) *departed { return &f.packets[number-f.base] }

// trim forgets packets at the front that are settled.
func (f *flight) trim() {
	n := 0
	for n < len(f.packets) {
		s := f.packets[n].state
		if s == flying || s == lost && f.next-(f.base+uint64(n)) < memory {
			break
		}
		n++
	}
	if n > 0 {
		f.base += uint64(n)
		clear(f.packets[:n])
		f.packets = f.packets[n:]
	}
}

// oldest returns the first n packets that wait for an answer and say something.
func (f *flight) oldest(n int) (out []*departed) {
	for i := 0; i < len(f.packets) && len(out) < n; i++ {
		if p := &f.packets[i]; p.state == flying {
			out = append(out, p)
		}
	}
	return out
}

// answered takes in an acknowledgement.
func (l *link) answered(now time.Time, a ack) error {
	f := &l.flight
	top := a.ranges[0].hi - 1
	if top >= f.next {
		return errUnsent
	}
	var rtt time.Duration
	if (!f.answered || top > f.largest) && top >= f.base {
		if p := f.at(top); p.state == flying && l.pace.here(p.mark) {
			rtt = l.rtt.see(now.Sub(p.at), a.delay)
		}
		f.largest = top
	}
	f.answered = true
	var got []delivery
	for _, s := range a.ranges {
		got = l.settle(s, got)
	}
	if len(got) > 0 {
		l.ptos = 0
	}
	l.findLost(now)
	l.pace.acked(now, got, rtt)
	f.trim()
	return nil
}

// settle marks the packets of s as answered.
func (l *link) settle(s span, got []delivery) []delivery {
	f := &l.flight
	for n := max(s.lo, f.base); n < s.hi; n++ {
		p := f.at(n)
		switch p.state {
		case flying:
			f.flying--
			got = append(got, delivery{p.mark, p.at, p.size})
		case lost: // it was only late: wait longer for the next
			f.threshold = min(max(f.threshold, f.largest-n+1), lossPacketsMost)
			f.slack = true
		default:
			continue
		}
		p.state = done
		for _, x := range p.frames {
			if d, ok := x.(data); ok && l.body != nil {
				l.body.acked(d)
			}
		}
		p.frames = nil
	}
	return got
}

// findLost finds packets that were overtaken by enough others or for long enough, and sets the time at which to look
// again (RFC 9002, section 6.1).
func (l *link) findLost(now time.Time) {
	f := &l.flight
	f.lossAt = time.Time{}
	if !f.answered {
		return
	}
	wait := time.Duration(lossTime * float64(l.rtt.now()))
	if f.slack {
		wait = time.Duration(1.5 * float64(l.rtt.now()))
	}
	wait = max(wait, timerGrain)
	for i := range f.packets {
		n, p := f.base+uint64(i), &f.packets[i]
		if n >= f.largest {
			return
		}
		if p.state != flying {
			continue
		}
		if f.largest-n >= f.threshold || !now.Before(p.at.Add(wait)) {
			l.lose(p)
			continue
		}
		f.lossAt = earliest(f.lossAt, p.at.Add(wait))
	}
}

func (l *link) lose(p *departed) {
	p.state = lost
	l.flight.flying--
	l.lostCount++
	l.pace.lost(p.mark, p.size)
	l.again(p.frames)
}

// again says once more what a packet said.
func (l *link) again(frames []frame) {
	for _, x := range frames {
		switch v := x.(type) {
		case data:
			if l.body != nil {
				l.body.lost(v)
			}
		case ping:
		default:
			l.control = append(l.control, x)
		}
	}
}

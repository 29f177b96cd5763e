package uplink

import "time"

// A meter measures what the path delivers, after draft-cheng-iccrg-delivery-rate-estimation: each packet remembers how
// much was delivered when it left, so that its answer says how much the path delivered meanwhile, over the longer of the
// times that sending and answering took.
type meter struct {
	inflight    int64 // bytes that left and were neither answered nor found lost
	delivered   int64 // bytes answered so far
	deliveredAt time.Time
	firstAt     time.Time // when the first packet of the measured stretch left
	idleUntil   int64     // samples of packets that left before this much was delivered say too little: nothing was to send
	roundEnds   int64     // the round ends when a packet is answered that left after this much was delivered
	paths       int       // how many paths there were before this one
}

// A mark is the state of the meter when a packet left.
type mark struct {
	delivered   int64
	deliveredAt time.Time
	firstAt     time.Time
	limited     bool
	path        int // number of the path it left on
}

func (m *meter) sent(now time.Time, size int) mark {
	if m.inflight == 0 {
		m.firstAt, m.deliveredAt = now, now
	}
	m.inflight += int64(size)
	return mark{m.delivered, m.deliveredAt, m.firstAt, m.idleUntil > m.delivered, m.paths}
}

// here says whether a packet left on the path of now: what became of the others says nothing about it.
func (m *meter) here(k mark) bool { return k.path == m.paths }

// idle notes that there was room to send and nothing to say.
func (m *meter) idle() {
	m.idleUntil = m.delivered + m.inflight
	if m.idleUntil == 0 {
		m.idleUntil = 1
	}
}

// acked notes one answered packet and says whether it ends a round.
func (m *meter) acked(now time.Time, d delivery) (ended bool) {
	m.inflight -= int64(d.size)
	m.delivered += int64(d.size)
	m.deliveredAt = now
	if m.delivered > m.idleUntil {
		m.idleUntil = 0
	}
	if d.delivered >= m.roundEnds {
		m.roundEnds = m.delivered
		return true
	}
	return false
}

// sample is the rate that an answer shows, by the last packet it covers; zero when it shows none.
func (m *meter) sample(now time.Time, got []delivery) (rate float64, limited bool) {
	if len(got) == 0 {
		return 0, false
	}
	last := got[0]
	for _, d := range got {
		if d.delivered > last.delivered || (d.delivered == last.delivered && d.at.After(last.at)) {
			last = d
		}
	}
	m.firstAt = last.at
	took := max(last.at.Sub(last.firstAt), now.Sub(last.deliveredAt))
	if took < 100*time.Microsecond {
		return 0, false
	}
	return float64(m.delivered-last.delivered) / took.Seconds(), last.limited
}

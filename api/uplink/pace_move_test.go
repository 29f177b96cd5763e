package uplink

import (
	"testing"
	"time"
)

// a path in steps: pace is told of packets of 1215 bytes that leave in a row
// and are answered a round trip later.
type stepper struct {
	pace *pace
	now  time.Time
}

func (s *stepper) leave(n int) (out []delivery) {
	for range n {
		s.now = s.now.Add(100 * time.Microsecond)
		out = append(out, delivery{s.pace.sent(s.now, 1215), s.now, 1215})
	}
	return out
}

// answer answers packets one by one, each rtt after it left; every nth is lost instead, none when n is 0.
func (s *stepper) answer(packets []delivery, rtt time.Duration, nth int) {
	for i, d := range packets {
		if s.now.Before(d.at.Add(rtt)) {
			s.now = d.at.Add(rtt)
		}
		if nth > 0 && i%nth == 0 {
			s.pace.lost(d.mark, d.size)
			continue
		}
		s.pace.acked(s.now, []delivery{d}, s.now.Sub(d.at))
	}
}

const stepRTT = 40 * time.Millisecond

func settled() *stepper {
	s := &stepper{newPace(), time.Unix(1_000_000, 0)}
	for range 4 {
		s.answer(s.leave(100), stepRTT, 0)
	}
	return s
}

// TestMoveForgetsFlight has answers and losses of the former path arrive after a move: they say nothing about the new one.
func TestMoveForgetsFlight(t *testing.T) {
	s := settled()
	old := s.leave(100)
	s.pace.reset()
	if s.pace.inflight != 0 || s.pace.rate() != 0 {
		t.Errorf("after a move: %d bytes in flight at %.0f bytes/s, want none and unknown", s.pace.inflight, s.pace.rate())
	}
	s.answer(old, stepRTT, 2)
	if s.pace.inflight != 0 || s.pace.rate() != 0 || s.pace.minRTT != 0 || s.pace.phase != phaseStart || s.pace.round.lost != 0 {
		t.Errorf("after the old path's answers: %d in flight, rate %.0f, RTT %v, phase %v, %d lost; want all as new",
			s.pace.inflight, s.pace.rate(), s.pace.minRTT, s.pace.phase, s.pace.round.lost)
	}
}

// TestMoveRecalls says when half of the former path's rate counts on a new one.
func TestMoveRecalls(t *testing.T) {
	tests := []struct {
		name   string
		rtt    time.Duration
		nth    int // of the first round's packets, one is lost
		recall bool
	}{
		{"alike", stepRTT, 0, true},
		{"a little longer", stepRTT * 3 / 2, 0, true},
		{"much longer", 3 * stepRTT, 0, false},
		{"much shorter", stepRTT / 4, 0, false},
		{"losing much", stepRTT, 3, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := settled()
			former := s.pace.rate()
			s.pace.reset()
			s.answer(s.leave(10), tt.rtt, tt.nth)
			s.answer(s.leave(1), tt.rtt, 0) // ends the round
			if got := s.pace.rate() >= former/2; got != tt.recall {
				t.Errorf("rate %.0f after a first round, %.0f before the move: recalled %v, want %v", s.pace.rate(), former, got, tt.recall)
			}
		})
	}
}

// TestStartOutlivesBadLuck loses two of the first three packets, which happens at one handshake in a hundred on a ward:
// the start goes on.
func TestStartOutlivesBadLuck(t *testing.T) {
	s := &stepper{newPace(), time.Unix(1_000_000, 0)}
	first := s.leave(40)
	s.pace.lost(first[0].mark, 1215)
	s.pace.lost(first[1].mark, 1215)
	s.answer(first[2:], stepRTT, 0)
	s.answer(s.leave(10), stepRTT, 0)
	if s.pace.phase != phaseStart {
		t.Errorf("after two of the first three packets were lost: phase %v, want %v", s.pace.phase, phaseStart)
	}
}

// TestTriesAgain gives a path that delivers five times what the sender believes after an unlucky start: it finds out in
// a few tries, not in one for each cycle.
func TestTriesAgain(t *testing.T) {
	s := newSim(1)
	there, back := s.ward(80*time.Millisecond, 0)
	f := s.flow(t, 0, 1<<40, there, back)
	f.from.pump()
	s.run(200*time.Millisecond, func() bool { return false })
	p := f.from.link.pace
	p.cruise(s.now, 2)
	p.rates = [rateRounds]float64{fifty / 5}
	s.run(3*time.Second, func() bool { return false })
	if got := p.rate(); got < 0.9*fifty {
		t.Errorf("3 s after an unlucky start: %.1f Mbit/s, want %.1f", got*8/1e6, 0.9*fifty*8/1e6)
	}
}

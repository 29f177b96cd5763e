package uplink

import (
	"fmt"
	"testing"
	"time"
)

// TestWardTimes sends 4 MiB over simulated wards. The bounds are those of the whole transfer less the three round trips
// of the handshake.
func TestWardTimes(t *testing.T) {
	tests := []struct {
		rtt   time.Duration
		loss  float64
		bound time.Duration
	}{
		{20 * time.Millisecond, 0, 800 * time.Millisecond},
		{20 * time.Millisecond, 0.01, 900 * time.Millisecond},
		{20 * time.Millisecond, 0.05, 1000 * time.Millisecond},
		{20 * time.Millisecond, 0.10, 1200 * time.Millisecond},
		{80 * time.Millisecond, 0, 1100 * time.Millisecond},
		{80 * time.Millisecond, 0.01, 1200 * time.Millisecond},
		{80 * time.Millisecond, 0.05, 1400 * time.Millisecond},
		{80 * time.Millisecond, 0.10, 2000 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v %v", tt.rtt, tt.loss), func(t *testing.T) {
			for seed := range uint64(5) {
				s := newSim(seed)
				there, back := s.ward(tt.rtt, tt.loss)
				f := s.flow(t, 0, 4<<20, there, back)
				f.from.pump()
				took := s.run(time.Minute, f.done)
				if !f.done() || f.got.count() != 4<<20 {
					t.Fatalf("seed %d: %d bytes answered, %d arrived", seed, f.out.got.count(), f.got.count())
				}
				l := f.from.link
				t.Logf("seed %d: %v, sent %d packets, %d found lost, phase %v, rate %.1f Mbit/s", seed,
					took.Round(time.Millisecond), l.sent, l.lostCount, l.pace.phase, l.pace.rate()*8/1e6)
				if took > tt.bound {
					t.Errorf("seed %d: took %v, want at most %v", seed, took, tt.bound)
				}
			}
		})
	}
}

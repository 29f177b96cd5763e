package uplink

import (
	"fmt"
	"testing"
	"time"
)

// TestShareWithCubic runs beside one CUBIC flow through one queue for 30 seconds.
func TestShareWithCubic(t *testing.T) {
	for _, rtt := range []time.Duration{20 * time.Millisecond, 80 * time.Millisecond} {
		for _, queue := range []float64{0.5, 1, 2, 4} {
			t.Run(fmt.Sprintf("%v queue of %v products", rtt, queue), func(t *testing.T) {
				s := newSim(1)
				there, back := s.ward(rtt, 0)
				there.queue = fifty * rtt.Seconds() * queue
				there.carried = make(map[int]int64)
				c := s.cubic(1, there, back)
				c.pump()
				f := s.flow(t, 2, 1<<40, there, back)
				s.after(2*time.Second, f.from.pump)
				s.run(2*time.Second, func() bool { return false })
				before := there.carried[1]
				s.run(30*time.Second, func() bool { return false })
				ours, theirs := float64(there.carried[2]), float64(there.carried[1]-before)
				share := ours / (ours + theirs)
				used := (ours + theirs) / 30 / fifty
				t.Logf("share %.0f %%, link used %.0f %%, ceiling %.0f, product %.0f", share*100, used*100, f.from.link.pace.ceiling, f.from.link.pace.product())
				if share > 0.7 || share < 0.2 {
					t.Errorf("took %.0f %% of the link, want 20 to 70 %%", share*100)
				}
			})
		}
	}
}

// TestFairAmongClients lets many clients send at once through one queue: the slowest is at most twice as slow as the
// fastest.
func TestFairAmongClients(t *testing.T) {
	tests := []struct {
		clients int
		size    int64
	}{{2, 8 << 20}, {10, 4 << 20}, {200, 1 << 20}}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.clients), func(t *testing.T) {
			s := newSim(1)
			there, back := s.ward(20*time.Millisecond, 0.01)
			var flows []*simFlow
			for i := range tt.clients {
				f := s.flow(t, i, tt.size, there, back)
				flows = append(flows, f)
				s.after(time.Duration(s.random.IntN(50))*time.Millisecond, f.from.pump)
			}
			start := s.now
			ends := make([]time.Duration, len(flows))
			left := len(flows)
			s.run(10*time.Minute, func() bool {
				for i, f := range flows {
					if ends[i] == 0 && f.done() {
						ends[i] = s.now.Sub(start)
						left--
					}
				}
				return left == 0
			})
			first, last := ends[0], ends[0]
			for _, e := range ends {
				first, last = min(first, e), max(last, e)
			}
			ideal := time.Duration(float64(tt.size) * float64(tt.clients) / fifty * float64(time.Second))
			t.Logf("first %v, last %v, ideal %v", first, last, ideal)
			if left > 0 || float64(last) > 2*float64(first) {
				t.Errorf("%d did not end; first took %v, last %v, want at most twice as long", left, first, last)
			}
		})
	}
}

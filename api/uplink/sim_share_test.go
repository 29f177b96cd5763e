package uplink

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestShareWithCubic runs beside one CUBIC flow through one queue for 30 seconds. Neither may starve the other, but for
// the deepest queue: a second flow needs longer than that to find its place in one of 320 ms.
func TestShareWithCubic(t *testing.T) {
	tests := []struct {
		rtt   time.Duration
		queue float64 // products of rate and round trip
		least float64
		drill bool // only when drilling
	}{
		{20 * time.Millisecond, 0.5, 0.2, true},
		{20 * time.Millisecond, 1, 0.2, false},
		{20 * time.Millisecond, 2, 0.2, true},
		{20 * time.Millisecond, 4, 0.2, true},
		{80 * time.Millisecond, 0.5, 0.2, true},
		{80 * time.Millisecond, 1, 0.2, false},
		{80 * time.Millisecond, 2, 0.2, true},
		{80 * time.Millisecond, 4, 0, true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v queue of %v products", tt.rtt, tt.queue), func(t *testing.T) {
			if tt.drill && !drilling() {
				t.Skip("SKIPPED, it takes minutes: set CLINIVAULT_DRILL=1")
			}
			share, used := shareWithCubic(t, tt.rtt, tt.queue)
			t.Logf("share %.0f %%, link used %.0f %%", share*100, used*100)
			if share > 0.7 || share < tt.least || used < 0.95 {
				t.Errorf("took %.0f %% of the link, of which %.0f %% was used; want %.0f to 70 %%, and 95 %%",
					share*100, used*100, tt.least*100)
			}
		})
	}
}

func drilling() bool { return os.Getenv("CLINIVAULT_DRILL") != "" }

func shareWithCubic(t *testing.T, rtt time.Duration, queue float64) (share, used float64) {
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
	return ours / (ours + theirs), (ours + theirs) / 30 / fifty
}

// TestFairAmongClients lets many clients send at once through one queue: the slowest is at most twice as slow as the
// fastest.
func TestFairAmongClients(t *testing.T) {
	tests := []struct {
		clients int
		size    int64
	}{{2, 8 << 20}, {10, 4 << 20}, {50, 1 << 20}, {200, 1 << 20}}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.clients), func(t *testing.T) {
			if tt.clients > 50 && !drilling() {
				t.Skip("SKIPPED, it takes minutes: set CLINIVAULT_DRILL=1")
			}
			s := newSim(1)
			there, back := s.ward(20*time.Millisecond, 0.01)
			ends := make([]time.Duration, tt.clients)
			left := tt.clients
			start := s.now
			for i := range tt.clients {
				f := s.flow(t, i, tt.size, there, back)
				f.out.changed = func() {
					if ends[i] == 0 && f.done() {
						ends[i] = s.now.Sub(start)
						left--
					}
				}
				s.after(time.Duration(s.random.IntN(50))*time.Millisecond, f.from.pump)
			}
			s.run(10*time.Minute, func() bool { return left == 0 })
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

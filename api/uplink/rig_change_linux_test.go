package uplink_test

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// onceUnderWay calls f when a quarter of size has been acknowledged: on a fast line the last half has left by then.
func onceUnderWay(size int, f func()) func(int64) {
	var once sync.Once
	return func(acked int64) {
		if acked >= int64(size)/4 {
			once.Do(f)
		}
	}
}

// changes sends 4 MiB over the ward's wire and calls change on the way.
func changes(t testing.TB, seed uint64, name string, change func(s *station)) (d time.Duration, bodies, begun int) {
	t.Helper()
	const size = 4 << 20
	w := newWire(t, ward(80*time.Millisecond, 0.01), seed)
	defer w.end()
	s := newStation(t, w)
	defer func() { s.stop() }()
	s.trace = tracer(t, fmt.Sprintf("%s-%d", name, seed))
	ctx := patience(t, limit)
	body := photo(size)
	var err error
	d = took(func() {
		err = s.send(ctx, body, onceUnderWay(size, func() {
			if change != nil {
				go change(s) // progress is told by whoever reads the socket
			}
		}))
	})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	bodies, begun = s.shelf.count()
	return d, bodies, begun
}

func middle(times []time.Duration) time.Duration {
	slices.SortFunc(times, cmp.Compare[time.Duration])
	return times[len(times)/2]
}

// TestChanges sends photos whose client gets another address on the way, and
// photos whose server is restarted on the way: each arrives, once, and is not
// sent from the start again. Times are reported beside those of an
// undisturbed photo.
func TestChanges(t *testing.T) {
	needRig(t)
	var still, moved, restarted []time.Duration
	for round := range rounds(1) {
		seed := uint64(round + 1)
		d, bodies, _ := changes(t, seed, "undisturbed", nil)
		if bodies != 1 {
			t.Errorf("undisturbed, seed %d: %d photos taken in, want 1", seed, bodies)
		}
		still = append(still, d)
		d, bodies, begun := changes(t, seed, "move", func(s *station) { s.wire.move() })
		if bodies != 1 || begun != 1 {
			t.Errorf("address change, seed %d: %d photos taken in and begun %d times, want 1 and 1: the connection goes on", seed, bodies, begun)
		}
		moved = append(moved, d)
		d, bodies, begun = changes(t, seed, "restart", func(s *station) {
			s.stop()
			s.start()
		})
		if bodies != 1 || begun != 2 {
			t.Errorf("restart, seed %d: %d photos taken in and begun %d times, want 1 and 2: it goes on where it was", seed, bodies, begun)
		}
		restarted = append(restarted, d)
	}
	base := middle(still)
	t.Logf("4 MiB, 80 ms, 1 %%, median of %d: undisturbed %.2f s; address change %.2f s (%.2f times); server restart %.2f s (%.2f times)",
		len(still), base.Seconds(), middle(moved).Seconds(), middle(moved).Seconds()/base.Seconds(),
		middle(restarted).Seconds(), middle(restarted).Seconds()/base.Seconds())
}

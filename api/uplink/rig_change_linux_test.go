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

// disturbed sends photos undisturbed, over a changing address and over a server's restart, and checks that each was taken
// in once, the second over one connection and the third from where it was. It returns the medians.
func disturbed(t testing.TB, rounds int) (still, moved, restarted time.Duration) {
	t.Helper()
	var times [3][]time.Duration
	for round := range rounds {
		seed := uint64(round + 1)
		for i, kind := range []struct {
			name   string
			change func(*station)
			once   bool // the connection outlives it
		}{
			{"undisturbed", nil, true},
			{"address change", func(s *station) { s.wire.move() }, true},
			{"restart", func(s *station) {
				s.stop()
				s.start()
			}, false},
		} {
			d, bodies, begun := changes(t, seed, kind.name, kind.change)
			if once := begun == 1; bodies != 1 || once != kind.once {
				t.Errorf("%s, seed %d: %d photos taken in and begun %d times; want 1, over one connection: %v", kind.name, seed, bodies, begun, kind.once)
			}
			times[i] = append(times[i], d)
		}
	}
	middle := func(times []time.Duration) time.Duration {
		slices.SortFunc(times, cmp.Compare[time.Duration])
		return times[len(times)/2]
	}
	return middle(times[0]), middle(times[1]), middle(times[2])
}

// TestChanges sends photos whose client gets another address on the way, and photos whose server is restarted on the way.
// BenchmarkChanges measures.
func TestChanges(t *testing.T) {
	needRig(t)
	still, moved, restarted := disturbed(t, rounds(1))
	t.Logf("undisturbed %v, address change %v, restart %v", still, moved, restarted)
}

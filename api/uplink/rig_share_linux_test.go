package uplink_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// contend sends photos of 4 MiB one after the other over one connection, and
// beside them bodies over HTTPS on a kernel's congestion control, until the
// time is over. It returns the bytes that the wire delivered upwards in the
// second half, when both had found their rate, and in all.
func contend(t testing.TB, l line, control string, d time.Duration) (udp, tcp int64) {
	t.Helper()
	w := newWire(t, l, 1)
	defer w.end()
	s := newStation(t, w)
	defer func() { s.stop() }()
	s.trace = tracer(t, fmt.Sprintf("share-%s-%v-%d", control, 2*l.Delay, l.Queue))
	certificate, roots := rigCertificate(t, w.server.addr)
	serveHTTPS(t, w, 8443, certificate)
	client, err := s.dial(patience(t, limit))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	body := photo(4 << 20)
	var ours sync.WaitGroup
	ours.Go(func() {
		for ctx.Err() == nil {
			if err := sendOver(ctx, client, body, nil); err != nil && ctx.Err() == nil {
				t.Errorf("beside %s: %v", control, err)
				return
			}
		}
	})
	ours.Go(func() {
		long := photo(512 << 20)
		if err := postHTTPS(ctx, w, 8443, roots, control, long); err == nil {
			t.Error("512 MiB of HTTPS got through: the line has no limit")
		}
	})
	ours.Wait()
	udp, tcp = w.up.bytes[protocolUDP].Load(), w.up.bytes[protocolTCP].Load()
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	return udp, tcp
}

// TestShare has uplink and a CUBIC flow share a bottleneck and reports what
// each got. It asserts only that neither starved.
func TestShare(t *testing.T) {
	needRig(t)
	d := 3 * time.Second
	if rounds(0) > 0 {
		d = 30 * time.Second
	}
	for _, roundTrip := range []time.Duration{20 * time.Millisecond, 80 * time.Millisecond} {
		for _, queue := range []int{1, 2} {
			if rounds(0) == 0 && (queue != 1 || roundTrip != 20*time.Millisecond) {
				continue
			}
			l := ward(roundTrip, 0)
			l.Queue *= queue
			udp, tcp := contend(t, l, "cubic", d)
			ours := float64(udp) / float64(udp+tcp)
			t.Logf("%v beside one CUBIC flow, 50 Mbit/s, %v, queue of %d products: uplink %.0f %%, CUBIC %.0f %%, %.1f Mbit/s in all", d, roundTrip, queue,
				100*ours, 100-100*ours, float64(udp+tcp)*8/1e6/d.Seconds())
			if ours < 0.02 || ours > 0.98 {
				t.Errorf("%v, queue of %d: the uplink had %.0f %% of the line, want both to get on", roundTrip, queue, 100*ours)
			}
		}
	}
}

// A crowd is many devices that send at once over one line.
type crowd struct {
	times    []time.Duration // from the common start to each receipt, sorted
	fair     []int64         // bytes that each had got through when the first was done, sorted
	bodies   int
	throughs float64 // Mbit/s of bodies
}

// gather has clients connect and then send a photo each, all at once: over a line, or by the server's own loopback
// when there is none.
func gather(t testing.TB, l *line, clients, size int) crowd {
	t.Helper()
	near := l == nil
	if near {
		l = &line{}
	}
	w := newWire(t, *l, 1)
	defer w.end()
	if near {
		w.client = w.server
	}
	s := newStation(t, w)
	defer func() { s.stop() }()
	ctx := patience(t, 5*time.Minute)
	body := photo(size)
	acked := make([]atomic.Int64, clients)
	c := crowd{times: make([]time.Duration, clients)}
	var connected, all sync.WaitGroup
	var first sync.Once
	begin := make(chan time.Time)
	connected.Add(clients)
	for i := range clients {
		all.Go(func() {
			client, err := s.dial(ctx)
			connected.Done()
			if err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			start := <-begin
			if err := sendOver(ctx, client, body, acked[i].Store); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
			c.times[i] = time.Since(start)
			first.Do(func() {
				for k := range acked {
					c.fair = append(c.fair, acked[k].Load())
				}
			})
			if err := client.Close(); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	connected.Wait()
	start := time.Now()
	for range clients {
		begin <- start
	}
	all.Wait()
	c.throughs = float64(clients*size) * 8 / 1e6 / time.Since(start).Seconds()
	c.bodies, _ = s.shelf.count()
	slices.Sort(c.fair)
	slices.SortFunc(c.times, cmp.Compare[time.Duration])
	return c
}

// TestManyClients has many devices send at once: all arrive, once each. How
// even their times are is reported.
func TestManyClients(t *testing.T) {
	needRig(t)
	clients, size := 20, 256<<10
	if rounds(0) > 0 {
		clients, size = 200, 4<<20
	}
	for _, rate := range []int64{150e6, 0} {
		var l *line
		if rate > 0 {
			l = &line{Delay: 10 * time.Millisecond, Rate: rate}
			l.Queue = l.bandwidthDelay()
		}
		c := gather(t, l, clients, size)
		if c.bodies != clients {
			t.Errorf("%d photos taken in, want %d", c.bodies, clients)
		}
		at := func(part float64) float64 { return c.times[int(part*float64(clients-1))].Seconds() }
		t.Logf("%d clients at once, %d KiB each, 20 ms, %d Mbit/s: receipts after %.2f s (first), %.2f (a tenth), %.2f (half), %.2f (nine tenths), %.2f (last), last by first %.2f; %.0f Mbit/s; bytes at the first receipt: %d %d %d", clients, size>>10,
			rate/1e6, at(0), at(0.1), at(0.5), at(0.9), at(1), at(1)/at(0), c.throughs, c.fair[0], c.fair[clients/2], c.fair[clients-1])
	}
}

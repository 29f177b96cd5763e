package uplink_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// contend sends photos one after the other over one connection, and
// beside them bodies over HTTPS on a kernel's congestion control, until the
// time is over and both got on. It returns the bytes that the wire delivered upwards of
// each, and how many photos were taken in.
func contend(t testing.TB, l line, control string, size int, d time.Duration) (udp, tcp int64, bodies int) {
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
	body := photo(size)
	ctx, cancel := context.WithCancel(patience(t, d+limit))
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		for ctx.Err() == nil {
			if err := sendOver(ctx, client, body, nil); err != nil && ctx.Err() == nil {
				t.Errorf("beside %s: %v", control, err)
				return
			}
		}
	})
	both.Go(func() {
		if _, err := post(ctx, w, 8443, roots, control, endless{}); ctx.Err() == nil {
			t.Errorf("HTTPS on %s ended: %v", control, err)
		}
	})
	begun := time.Now()
	for ctx.Err() == nil { // on a busy machine, the first photo may need longer than d
		time.Sleep(min(d, 100*time.Millisecond))
		udp, tcp = w.up.bytes[protocolUDP].Load(), w.up.bytes[protocolTCP].Load()
		bodies, _ = s.shelf.count()
		if time.Since(begun) >= d && bodies > 0 && tcp > int64(size) {
			cancel()
		}
	}
	both.Wait()
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	return udp, tcp, bodies
}

// TestShare has the uplink and a CUBIC flow share a bottleneck for a short while: both get on. BenchmarkShare measures.
func TestShare(t *testing.T) {
	needRig(t)
	const size = 256 << 10
	udp, tcp, bodies := contend(t, ward(20*time.Millisecond, 0), "cubic", size, time.Second)
	if udp < size || tcp < size || bodies == 0 {
		t.Errorf("the wire carried %d bytes of the uplink's and %d of CUBIC's, and %d photos were taken in; want one at least and as much", udp, tcp, bodies)
	}
}

// gather has devices connect and then send a photo each, all at once: over a line, or by the server's own loopback when
// there is none. It returns how long each took, sorted, and how much got through, in Mbit/s.
func gather(t testing.TB, l line, near bool, clients, size int) (times []time.Duration, through float64) {
	t.Helper()
	w := newWire(t, l, 1)
	defer w.end()
	if near {
		defer func(far *host) { w.client = far }(w.client)
		w.client = w.server
	}
	s := newStation(t, w)
	defer func() { s.stop() }()
	ctx := patience(t, 5*time.Minute)
	body := photo(size)
	times = make([]time.Duration, clients)
	var connected, all sync.WaitGroup
	begin := make(chan time.Time)
	connected.Add(clients)
	for i := range clients {
		all.Go(func() {
			client, err := s.dial(ctx)
			connected.Done()
			start := <-begin
			if err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			if err := sendOver(ctx, client, body, nil); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
			times[i] = time.Since(start)
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
	through = float64(clients*size) * 8 / 1e6 / time.Since(start).Seconds()
	if bodies, _ := s.shelf.count(); bodies != clients {
		t.Errorf("%d photos taken in, want %d", bodies, clients)
	}
	slices.SortFunc(times, cmp.Compare[time.Duration])
	return times, through
}

// TestManyClients has some devices send at once: all arrive, once each. BenchmarkCrowd measures many.
func TestManyClients(t *testing.T) {
	needRig(t)
	times, through := gather(t, crowded(), false, 20, 256<<10)
	t.Logf("20 clients, 256 KiB each: %v to %v, %.0f Mbit/s", times[0], times[len(times)-1], through)
}

// crowded is the line that many clients share.
func crowded() line {
	l := line{Delay: 10 * time.Millisecond, Rate: 150e6}
	l.Queue = l.bandwidthDelay()
	return l
}

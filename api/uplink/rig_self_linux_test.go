package uplink_test

import (
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// TestLine holds the model of a line to its numbers, by a clock of its own.
func TestLine(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	packet := make([]byte, 1250) // 10,000 bits: 1 ms at 10 Mbit/s
	drain := func(l *lane) (n int) {
		for {
			if got, _ := l.next(start.Add(time.Hour)); got == nil {
				return n
			}
			n++
		}
	}
	t.Run("rate and delay", func(t *testing.T) {
		l := newLane(line{Delay: 10 * time.Millisecond, Rate: 10e6, Queue: 1 << 20}, 1, nil)
		for range 3 {
			l.take(start, packet)
		}
		for i, want := range []time.Duration{11, 12, 13} {
			want *= time.Millisecond
			if got, wait := l.next(start.Add(want - time.Microsecond)); got != nil {
				t.Fatalf("packet %d before %v: got it, want to wait %v", i, want, wait)
			}
			if got, _ := l.next(start.Add(want)); got == nil {
				t.Fatalf("packet %d at %v: got none", i, want)
			}
		}
	})
	t.Run("queue", func(t *testing.T) {
		l := newLane(line{Rate: 10e6, Queue: 5 * 1250}, 1, nil)
		for range 8 {
			l.take(start, packet)
		}
		if got := drain(l); got != 5 || l.full.Load() != 3 {
			t.Errorf("8 packets into a queue of 5: got %d and %d turned away, want 5 and 3", got, l.full.Load())
		}
		if !l.take(start.Add(2*time.Millisecond), packet) {
			t.Error("after two packets have left, the queue takes none")
		}
	})
	t.Run("loss", func(t *testing.T) {
		l := newLane(line{Loss: 0.05}, 7, nil)
		for range 20_000 {
			l.take(start, packet)
		}
		if got := l.lost.Load(); got < 900 || got > 1100 {
			t.Errorf("5 %% of 20,000 packets: got %d lost, want about 1,000", got)
		}
		again := newLane(line{Loss: 0.05}, 7, nil)
		for range 20_000 {
			again.take(start, packet)
		}
		if again.lost.Load() != l.lost.Load() {
			t.Errorf("one seed twice: got %d and %d lost, want the same", l.lost.Load(), again.lost.Load())
		}
	})
	t.Run("twice and late", func(t *testing.T) {
		l := newLane(line{Twice: 1, Late: 1, Behind: time.Millisecond}, 1, nil)
		l.take(start, packet)
		if got, _ := l.next(start); got != nil {
			t.Error("a late packet came at once")
		}
		if got := drain(l); got != 2 {
			t.Errorf("a doubled packet: got %d, want 2", got)
		}
	})
}

// echo answers datagrams with where they came from, from the wire's server.
func echo(t *testing.T, w *wire) {
	t.Helper()
	conn, err := w.server.listenUDP(7777)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			_, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo([]byte(from.String()), from)
		}
	}()
}

// TestWire sends datagrams over a wire: they take as long as they should, an
// address changes on the way, and answers to the old one are gone.
func TestWire(t *testing.T) {
	needRig(t)
	w := newWire(t, line{Delay: 15 * time.Millisecond}, 1)
	echo(t, w)
	conn, err := w.client.listenUDP(5000)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ask := func() (string, time.Duration) {
		b := make([]byte, 100)
		var n int
		d := took(func() {
			_, _ = conn.WriteTo([]byte("where am I"), &net.UDPAddr{IP: net.ParseIP(w.server.addr), Port: 7777})
			_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
			n, _, _ = conn.ReadFrom(b)
		})
		return string(b[:n]), d
	}
	if got, d := ask(); got != "10.77.1.1:5000" || d < 30*time.Millisecond {
		t.Errorf("as it is: got %q after %v, want 10.77.1.1:5000 after 30 ms at least", got, d)
	}
	w.move()
	if got, _ := ask(); got != "10.77.2.1:5007" {
		t.Errorf("after a move: got %q, want 10.77.2.1:5007", got)
	}
}

// TestWireCarriesTCP sends a body over kernel TCP with each congestion control
// that the uplink is measured beside, and reports how fast the rig is when it
// sets no limit: that must be far more than what it is asked to carry.
func TestWireCarriesTCP(t *testing.T) {
	needRig(t)
	body := photo(16 << 20)
	for _, control := range []string{"cubic", "bbr"} {
		t.Run(control, func(t *testing.T) {
			w := newWire(t, line{}, rand.Uint64())
			certificate, roots := rigCertificate(t, w.server.addr)
			serveHTTPS(t, w, 8443, certificate)
			var err error
			d := took(func() { err = postHTTPS(patience(t, time.Minute), w, 8443, roots, control, body) })
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("16 MiB in %v: %.0f Mbit/s through the rig", d.Round(time.Millisecond), float64(len(body))*8/1e6/d.Seconds())
			if got := w.up.bytes[protocolTCP].Load(); got < int64(len(body)) {
				t.Errorf("the wire counted %d bytes of TCP, want %d at least", got, len(body))
			}
		})
	}
}

// TestWireLosesWhatItSays sends datagrams in one direction and counts them at the wire's end.
func TestWireLosesWhatItSays(t *testing.T) {
	needRig(t)
	w := newWire(t, line{Loss: 0.2}, 3)
	out, err := w.client.listenUDP(0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	const packet = 1000 + 28
	for range 2000 {
		_, _ = out.WriteTo(make([]byte, 1000), &net.UDPAddr{IP: net.ParseIP(w.server.addr), Port: 7777})
	}
	count := func() (arrived, lost int64) { return w.up.bytes[protocolUDP].Load() / packet, w.up.lost.Load() }
	arrived, lost := count()
	for deadline := time.Now().Add(10 * time.Second); arrived+lost < 2000 && time.Now().Before(deadline); arrived, lost = count() {
		time.Sleep(10 * time.Millisecond)
	}
	if arrived+lost != 2000 || lost < 300 || lost > 500 {
		t.Errorf("2000 datagrams at 20 %% loss: %d arrived and %d were lost, want 2000 in all and about 400 lost", arrived, lost)
	}
}

package uplink

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// firstFlight captures the first datagram that a client sends.
func (w *world) firstFlight() []byte {
	w.t.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = pc.Close() }()
	cfg := w.config()
	cfg.Addr = pc.LocalAddr().(*net.UDPAddr).AddrPort()
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := Dial(w.t.Context(), cfg); !errors.Is(err, ErrBlocked) {
			w.t.Errorf("dialling a deaf server: got %v, want ErrBlocked", err)
		}
	})
	buf := make([]byte, 4096)
	n, err := pc.Read(buf)
	if err != nil {
		w.t.Fatal(err)
	}
	wg.Wait()
	return buf[:n]
}

// TestFloodOfStrangers sends first flights from many addresses that never answer. What they get stays below three times
// what they sent, what the server holds for them is bounded, and a true client still gets in.
func TestFloodOfStrangers(t *testing.T) {
	w := newWorld(t)
	w.limits = Limits{Handshakes: 20}
	w.serve(nil)
	hello := w.firstFlight()
	sent, got := 0, 0
	buf := make([]byte, 4096)
	for range 300 {
		pc, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(w.addr))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := pc.Write(hello); err != nil {
				t.Fatal(err)
			}
			sent += len(hello)
		}
		_ = pc.SetReadDeadline(time.Now().Add(3 * time.Millisecond))
		for {
			n, err := pc.Read(buf)
			if err != nil {
				break
			}
			got += n
		}
		_ = pc.Close()
	}
	if got > amplifyLimit*sent || got == 0 {
		t.Errorf("strangers sent %d bytes and got %d, want some, and at most %d times as many", sent, got, amplifyLimit)
	}
	t.Logf("strangers sent %d bytes and got %d", sent, got)
	w.upload(w.dial(w.config()), 1, 100_000, nil)
}

// TestUnprovenPathIsCapped drives a wire by hand: an address that DTLS moves to gets three times what it sent, until it
// is proven.
func TestUnprovenPathIsCapped(t *testing.T) {
	out := 0
	w, home, away := wireForTest(func(n int) { out += n })
	packet := make([]byte, 100)
	send := func(to *path, times int) int {
		out = 0
		for range times {
			if n, err := w.WriteTo(packet, to.udp); n != len(packet) || err != nil {
				t.Fatalf("writing: %d, %v", n, err)
			}
		}
		return out
	}
	if got := send(home, 10); got != 1000 {
		t.Errorf("a proven path got %d bytes, want 1000", got)
	}
	if got := send(away, 10); got != 300 {
		t.Errorf("an unproven path that sent 100 bytes got %d, want 300", got)
	}
	if at, unproven := w.doubt(); at != away.addr || !unproven {
		t.Errorf("in doubt: %v, %v; want the other address", at, unproven)
	}
	w.prove(away.addr)
	if got := send(away, 10); got != 1000 {
		t.Errorf("once proven it got %d bytes, want 1000", got)
	}
	if got := send(home, 1); got != 100 {
		t.Errorf("the first path got %d bytes, want 100: it is still proven", got)
	}
}

// wireForTest is a wire with a proven path and one from which 100 bytes came.
func wireForTest(sent func(int)) (w *wire, home, away *path) {
	w = newWire(&net.UDPAddr{}, func(b []byte, _ netip.AddrPort) (int, error) {
		sent(len(b))
		return len(b), nil
	})
	a, b := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 2}
	w.deliver(new([maxDatagram]byte), 100, a.AddrPort())
	w.deliver(new([maxDatagram]byte), 100, b.AddrPort())
	home, away = w.paths[0], w.paths[1]
	home.valid, w.current = true, home
	return w, home, away
}

// TestWireForgetsOldPaths lets datagrams come from many addresses: the wire remembers few, and never forgets where the
// peer is.
func TestWireForgetsOldPaths(t *testing.T) {
	w, home, _ := wireForTest(func(int) {})
	for port := range 100 {
		w.deliver(new([maxDatagram]byte), 50, (&net.UDPAddr{IP: net.IPv4(127, 0, 0, 9), Port: 1000 + port}).AddrPort())
	}
	if len(w.paths) > pathsKept || w.current != home || w.pathOf(home.addr) != home {
		t.Errorf("%d paths, want at most %d with the peer's own", len(w.paths), pathsKept)
	}
}

// TestWireDeadline makes reading fail while a deadline has passed, as DTLS wants it.
func TestWireDeadline(t *testing.T) {
	w, _, _ := wireForTest(func(int) {})
	b := make([]byte, 2000)
	for range 2 {
		if n, _, err := w.ReadFrom(b); n != 100 || err != nil {
			t.Fatalf("reading: %d, %v; want 100 bytes", n, err)
		}
	}
	_ = w.SetReadDeadline(time.Unix(1, 0))
	if _, _, err := w.ReadFrom(b); err == nil {
		t.Error("reading after the deadline: got a datagram, want an error")
	}
	_ = w.SetReadDeadline(time.Time{})
	w.deliver(new([maxDatagram]byte), 7, w.current.addr)
	if n, _, err := w.ReadFrom(b); n != 7 || err != nil {
		t.Errorf("reading again: %d, %v; want 7 bytes", n, err)
	}
	_ = w.Close()
	if _, _, err := w.ReadFrom(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading a closed wire: got %v, want net.ErrClosed", err)
	}
}

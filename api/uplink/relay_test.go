package uplink

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A relay stands between clients and the server, as a network does that loses, repeats and damages, or an address
// translator that changes its mind. Its hooks run one at a time.
type relay struct {
	t      testing.TB
	front  *net.UDPConn // where clients send
	server netip.AddrPort
	addr   netip.AddrPort

	mu     sync.Mutex
	backs  map[netip.AddrPort]*net.UDPConn // one for each client address
	up     func(b []byte) [][]byte         // what becomes of a datagram to the server
	down   func(b []byte) [][]byte
	toUp   int64 // bytes that reached the server
	toDown int64 // bytes that the server sent
	closed bool
}

func (w *world) relay() *relay {
	w.t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		w.t.Fatalf("listening: %v", err)
	}
	_ = front.SetReadBuffer(socketBuffer)
	r := &relay{t: w.t, front: front, server: w.addr, addr: front.LocalAddr().(*net.UDPAddr).AddrPort(),
		backs: make(map[netip.AddrPort]*net.UDPConn)}
	var wg sync.WaitGroup
	wg.Go(func() { r.forward(&wg) })
	w.t.Cleanup(func() {
		r.mu.Lock()
		r.closed = true
		for _, b := range r.backs {
			_ = b.Close()
		}
		r.mu.Unlock()
		_ = front.Close()
		wg.Wait()
	})
	w.addr = r.addr
	return r
}

func (r *relay) forward(wg *sync.WaitGroup) {
	buf := make([]byte, 4096)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		back := r.backOf(from, wg)
		for _, b := range apply(r.up, buf[:n]) {
			if back != nil {
				r.toUp += int64(len(b))
				_, _ = back.WriteToUDPAddrPort(b, r.server)
			}
		}
		r.mu.Unlock()
	}
}

func apply(hook func([]byte) [][]byte, b []byte) [][]byte {
	if hook == nil {
		return [][]byte{b}
	}
	return hook(bytes.Clone(b))
}

// backOf is the socket that speaks for a client; r.mu is held.
func (r *relay) backOf(client netip.AddrPort, wg *sync.WaitGroup) *net.UDPConn {
	if b := r.backs[client]; b != nil || r.closed {
		return b
	}
	b, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil
	}
	_ = b.SetReadBuffer(socketBuffer)
	r.backs[client] = b
	wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, _, err := b.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			r.mu.Lock()
			r.toDown += int64(n)
			for _, p := range apply(r.down, buf[:n]) {
				_, _ = r.front.WriteToUDPAddrPort(p, client)
			}
			r.mu.Unlock()
		}
	})
	return b
}

// rebind gives every client another address, as the server sees it; answers to the old one are lost.
func (r *relay) rebind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for client, b := range r.backs {
		_ = b.Close()
		delete(r.backs, client)
	}
}

func (r *relay) set(up, down func([]byte) [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up, r.down = up, down
}

// slowly makes a hook that lets datagrams through at a rate, so that an upload takes long enough to be disturbed.
func slowly(rate float64) func([]byte) [][]byte {
	owed := time.Duration(0)
	return func(b []byte) [][]byte {
		if owed += time.Duration(float64(len(b)) / rate * float64(time.Second)); owed > 2*time.Millisecond {
			start := time.Now()
			time.Sleep(owed)
			owed -= time.Since(start)
		}
		return [][]byte{b}
	}
}

package uplink_test

import (
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	protocolTCP = 6
	protocolUDP = 17
)

// A wire joins two hosts, a client's and a server's.
type wire struct {
	client, server *host
	up, down       *lane                                        // client to server, and back
	moved          atomic.Uint32                                // how often the client's address has changed
	meddle         atomic.Pointer[func(packet []byte) [][]byte] // what becomes of a packet at the server's end
	meddleDown     atomic.Pointer[func(packet []byte) [][]byte] // and at the client's
	stop           chan struct{}
	end            func()
}

// newWire joins two new hosts by the same line in both directions. The seed
// decides which packets are lost.
func newWire(t testing.TB, l line, seed uint64) *wire {
	t.Helper()
	client, err := newHost("10.77.1.1")
	if err != nil {
		t.Fatal(err)
	}
	server, err := newHost("10.77.0.2")
	if err != nil {
		client.close()
		t.Fatal(err)
	}
	w := &wire{client: client, server: server, stop: make(chan struct{})}
	w.up, w.down = newLane(l, 2*seed, w.passUp), newLane(l, 2*seed+1, w.passDown)
	var threads sync.WaitGroup
	threads.Go(func() { w.up.read(client.tun) })
	threads.Go(func() { w.up.write(server.tun, w.stop) })
	threads.Go(func() { w.down.read(server.tun) })
	threads.Go(func() { w.down.write(client.tun, w.stop) })
	w.end = sync.OnceFunc(func() {
		close(w.stop)
		client.close()
		server.close()
		threads.Wait()
	})
	t.Cleanup(w.end)
	return w
}

// move gives the client another address and other ports, as a network does
// when a device walks over to another access point: what was sent to the old
// address no longer arrives.
func (w *wire) move() { w.moved.Add(1) }

// portShift is what a move adds to each port of the client.
const portShift = 7

// passUp writes the client's address of the moment into a datagram.
func (w *wire) passUp(packet []byte) [][]byte {
	if n := w.moved.Load(); n > 0 && packet[9] == protocolUDP {
		packet[14] += byte(n) // the third byte of the source address
		shiftPort(packet, 0, uint16(n*portShift))
	}
	if f := w.meddle.Load(); f != nil {
		return (*f)(packet)
	}
	return [][]byte{packet}
}

// passDown turns the client's address of the moment back; older ones are gone.
func (w *wire) passDown(packet []byte) (out [][]byte) {
	out = [][]byte{packet}
	if f := w.meddleDown.Load(); f != nil {
		out = (*f)(packet)
	}
	n := w.moved.Load()
	return slices.DeleteFunc(out, func(p []byte) bool {
		if p[9] != protocolUDP {
			return false
		}
		if p[18] != 1+byte(n) {
			return true
		}
		if n > 0 {
			p[18] = 1
			shiftPort(p, 2, -uint16(n*portShift))
		}
		return false
	})
}

// shiftPort adds to the port at an offset of the UDP header and makes the
// checksums right: the IP header's (RFC 791) anew, UDP's as absent (RFC 768).
func shiftPort(packet []byte, offset int, by uint16) {
	header := int(packet[0]&15) * 4
	if len(packet) < header+8 {
		return
	}
	port := packet[header+offset:]
	binary.BigEndian.PutUint16(port, binary.BigEndian.Uint16(port)+by)
	packet[header+6], packet[header+7] = 0, 0
	packet[10], packet[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < header; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(packet[10:], ^uint16(sum))
}

// listenUDP opens a socket on a host; port 0 takes a free one.
func (h *host) listenUDP(port int) (conn net.PacketConn, err error) {
	h.in(func() { conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(h.addr), Port: port}) })
	return conn, err
}

// took is the time that f needs.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

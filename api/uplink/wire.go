package uplink

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	cidSize      = 8    // bytes of a connection ID, both ways
	maxDatagram  = 2048 // longer ones are cut off, and then fail
	wireQueue    = 512  // datagrams waiting for one connection
	pathsKept    = 4    // addresses of one peer that are remembered
	amplifyLimit = 3    // times what came from an address may be sent to it before it echoed (RFC 9853)
)

// The record types of DTLS 1.2 (RFC 6347 and RFC 9146).
const (
	recordAlert     = 21
	recordHandshake = 22
	recordCID       = 25
	recordHeader    = 13
	clientHello     = 1
	serverHello     = 2
)

// A datagram is one UDP payload and where it came from.
type datagram struct {
	buf  *[maxDatagram]byte
	n    int
	from *path
}

var datagrams = sync.Pool{New: func() any { return new([maxDatagram]byte) }}

// A path is an address the peer spoke from. Until it showed that it hears us there, it gets no more than three times
// what it sent.
type path struct {
	addr    netip.AddrPort
	udp     *net.UDPAddr // the same; one pointer for each path, so that DTLS can tell paths apart by it
	in, out int64        // bytes
	valid   bool
	used    uint64 // when it was used last
}

// A wire is the network as one DTLS connection sees it: a net.PacketConn to one peer, fed by whoever reads the socket.
type wire struct {
	send    func(b []byte, to netip.AddrPort) (int, error)
	local   net.Addr
	onHello func(*wire) bool // called before the first ServerHello leaves, since the peer has echoed the cookie: whether it may
	onClose func(*wire)
	in      chan datagram

	mu      sync.Mutex // guards what follows, up to proven
	paths   []*path
	clock   uint64
	current *path // where DTLS last sent to
	expired chan struct{}
	late    bool

	proven atomic.Bool // a ServerHello left
	sealed atomic.Bool // from now on only records with our connection ID are taken
	closed chan struct{}
	once   sync.Once
	cid    string
	home   netip.AddrPort // where the handshake began
	plain  int            // bytes in plaintext after the cookie; guarded by the door's lock
	turned bool           // refused a place, or put out of it; guarded by the door's lock
}

func newWire(local net.Addr, send func([]byte, netip.AddrPort) (int, error)) *wire {
	return &wire{send: send, local: local, in: make(chan datagram, wireQueue),
		expired: make(chan struct{}), closed: make(chan struct{}),
		onHello: func(*wire) bool { return true }, onClose: func(*wire) {}}
}

// deliver hands a datagram in; it is dropped when too many wait.
func (w *wire) deliver(buf *[maxDatagram]byte, n int, from netip.AddrPort) {
	w.mu.Lock()
	d := datagram{buf, n, w.pathOf(from)}
	d.from.in += int64(n)
	w.mu.Unlock()
	select {
	case w.in <- d:
	default:
		datagrams.Put(buf)
	}
}

// pathOf finds or makes the path of an address, forgetting the one that was not used for longest.
func (w *wire) pathOf(addr netip.AddrPort) *path {
	w.clock++
	worst := -1
	for i, p := range w.paths {
		if p.addr == addr {
			p.used = w.clock
			return p
		}
		if p != w.current && (worst < 0 || p.used < w.paths[worst].used) {
			worst = i
		}
	}
	p := &path{addr: addr, udp: net.UDPAddrFromAddrPort(addr), used: w.clock}
	if len(w.paths) < pathsKept {
		w.paths = append(w.paths, p)
	} else {
		w.paths[worst] = p
	}
	return p
}

// ReadFrom returns the next datagram. It fails once the deadline has passed or the wire is closed.
func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	w.mu.Lock()
	expired := w.expired
	w.mu.Unlock()
	select {
	case <-w.closed:
		return 0, nil, net.ErrClosed
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	case d := <-w.in:
		n := copy(b, d.buf[:d.n])
		datagrams.Put(d.buf)
		return n, d.from.udp, nil
	}
}

// WriteTo sends a datagram. What an unproven address may not get yet is dropped, as a network would.
func (w *wire) WriteTo(b []byte, addr net.Addr) (int, error) {
	if to := w.permit(b, addr); to.IsValid() {
		_, _ = w.send(b, to) // a network that is down for a moment is loss
	}
	return len(b), nil
}

// permit books a datagram to addr and returns where it goes; nowhere when it may not leave.
func (w *wire) permit(b []byte, addr net.Addr) netip.AddrPort {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.current
	if p == nil || addr != net.Addr(p.udp) {
		p = nil
		for _, q := range w.paths {
			if addr == net.Addr(q.udp) {
				p = q
			}
		}
		if p == nil {
			return netip.AddrPort{}
		}
		w.current = p
	}
	if !w.proven.Load() && len(b) > recordHeader && b[0] == recordHandshake && b[recordHeader] == serverHello {
		if !w.onHello(w) {
			return netip.AddrPort{} // DTLS says it again in a while, and asks for a place by that
		}
		w.proven.Store(true)
		p.valid = true // DTLS sends it only to who echoed the cookie
	}
	if !p.valid && p.out+int64(len(b)) > amplifyLimit*p.in {
		return netip.AddrPort{}
	}
	p.out += int64(len(b))
	return p.addr
}

// doubt returns the address that DTLS sends to, and whether it has yet to be proven.
func (w *wire) doubt() (at netip.AddrPort, unproven bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return netip.AddrPort{}, false
	}
	return w.current.addr, !w.current.valid
}

// move makes addr, which DTLS found to be the peer's, the current path.
func (w *wire) move(addr net.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.paths {
		if addr == net.Addr(q.udp) {
			w.current = q
		}
	}
}

// prove notes that the peer hears us at addr.
func (w *wire) prove(addr netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.paths {
		if q.addr == addr {
			q.valid = true
		}
	}
}

// Close ends reading and tells the owner.
func (w *wire) Close() error {
	w.once.Do(func() {
		close(w.closed)
		w.onClose(w)
	})
	return nil
}

// LocalAddr is the address of the socket.
func (w *wire) LocalAddr() net.Addr { return w.local }

// SetDeadline sets the deadline of ReadFrom.
func (w *wire) SetDeadline(t time.Time) error { return w.SetReadDeadline(t) }

// SetReadDeadline makes ReadFrom fail from now on when t has passed, and work again when it has not: DTLS uses no other.
func (w *wire) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	past := !t.IsZero() && !t.After(time.Now())
	if past && !w.late {
		close(w.expired)
	} else if !past && w.late {
		w.expired = make(chan struct{})
	}
	w.late = past
	return nil
}

// SetWriteDeadline does nothing: writing never waits.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

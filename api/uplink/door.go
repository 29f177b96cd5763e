package uplink

import (
	"net"
	"net/netip"
	"sync"
)

// A door reads the server's socket and hands each datagram to the connection it belongs to: by connection ID once there
// is one, by address during a handshake. It holds little for strangers: what comes before the echoed cookie is whole
// ClientHellos alone (hello.go), in a small bounded queue in which the newest pushes the oldest out, so that a flood of
// forged addresses costs a bounded amount of memory and makes true clients try again at worst. After the cookie an address
// is real, and no one address keeps the others out (places.go).
type door struct {
	pc      net.PacketConn
	limits  Limits
	arrived func(*wire, *path) // starts a handshake on a new wire
	send    func([]byte, netip.AddrPort) (int, error)

	mu        sync.Mutex
	byCID     map[string]*wire
	byAddr    map[netip.AddrPort]*wire // wires whose handshake began at that address
	strangers []*wire                  // handshakes before the cookie, oldest first
	halves    []*wire                  // handshakes after the cookie, oldest first
	closed    bool
}

const (
	strangerQueue  = 4         // datagrams that wait for DTLS before the cookie came back
	handshakeBytes = 256 << 10 // in plaintext from one peer after the cookie: a chain of certificates, many times over
)

func newDoor(pc net.PacketConn, limits Limits, arrived func(*wire, *path)) *door {
	return &door{pc: pc, limits: limits, arrived: arrived, send: sender(pc),
		byCID: make(map[string]*wire), byAddr: make(map[netip.AddrPort]*wire)}
}

// sender writes to a socket, without allocating where the socket allows.
func sender(pc net.PacketConn) func([]byte, netip.AddrPort) (int, error) {
	if u, ok := pc.(*net.UDPConn); ok {
		return u.WriteToUDPAddrPort
	}
	return func(b []byte, to netip.AddrPort) (int, error) { return pc.WriteTo(b, net.UDPAddrFromAddrPort(to)) }
}

// receiver reads from a socket.
func receiver(pc net.PacketConn) func([]byte) (int, netip.AddrPort, error) {
	if u, ok := pc.(*net.UDPConn); ok {
		return u.ReadFromUDPAddrPort
	}
	return func(b []byte) (int, netip.AddrPort, error) {
		n, addr, err := pc.ReadFrom(b)
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		if u, ok := addr.(*net.UDPAddr); ok {
			return n, u.AddrPort(), nil
		}
		to, err := netip.ParseAddrPort(addr.String())
		return n, to, err
	}
}

// serve reads until the socket is closed.
func (d *door) serve() error {
	receive := receiver(d.pc)
	for {
		buf := datagrams.Get().(*[maxDatagram]byte)
		n, from, err := receive(buf[:])
		if err != nil {
			datagrams.Put(buf)
			if isClosed(err) {
				return nil
			}
			if !temporary(err) {
				return err
			}
			continue
		}
		d.route(buf, n, from)
	}
}

// route hands one datagram on, or drops it.
func (d *door) route(buf *[maxDatagram]byte, n int, from netip.AddrPort) {
	w, fresh := d.find(buf[:n], from)
	if w == nil {
		datagrams.Put(buf)
		return
	}
	w.deliver(buf, n, from)
	if fresh {
		w.mu.Lock()
		first := w.paths[0]
		w.mu.Unlock()
		d.mu.Lock() // so that nothing starts once refuse has returned
		defer d.mu.Unlock()
		if !d.closed {
			d.arrived(w, first)
		}
	}
}

// find returns the wire that a datagram belongs to, made anew for a first ClientHello; nil when it belongs nowhere.
func (d *door) find(b []byte, from netip.AddrPort) (w *wire, fresh bool) {
	if len(b) < recordHeader {
		return nil, false
	}
	if b[0] == recordCID {
		return d.findCID(b), false
	}
	if b[0] < recordAlert-1 || b[0] > recordHandshake || b[0] == recordAlert {
		return nil, false // plaintext alerts are forged easily, and plaintext data is forbidden
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, false
	}
	if old := d.byAddr[from]; old != nil && !old.sealed.Load() {
		if !old.passes(b) {
			return nil, false
		}
		return old, false
	}
	if number, whole := wholeHello(b); !whole || number != 0 {
		return nil, false
	}
	w = newWire(d.pc.LocalAddr(), d.send)
	w.cid, w.home = newCID(), from
	w.onHello, w.onClose = d.prove, d.forget
	d.byAddr[from], d.byCID[w.cid] = w, w
	d.strangers = append(d.strangers, w)
	if len(d.strangers) > d.limits.Handshakes {
		oldest := d.strangers[0]
		go func() { _ = oldest.Close() }() // Close asks for the lock
		d.strangers = d.strangers[1:]
	}
	return w, true
}

// passes says whether DTLS may see a datagram in plaintext; the door's lock is held, and the wire's is not needed: whoever
// holds that may be asking for the door's.
func (w *wire) passes(b []byte) bool {
	if !w.proven.Load() {
		_, whole := wholeHello(b)
		return whole && len(w.in) < strangerQueue
	}
	w.plain += len(b)
	return w.plain <= handshakeBytes
}

// findCID finds the wire of a record with a connection ID. After the handshake a datagram is one record.
func (d *door) findCID(b []byte) *wire {
	if len(b) < recordHeader+cidSize || !epochOne(b) {
		return nil
	}
	d.mu.Lock()
	w := d.byCID[string(b[11:11+cidSize])]
	d.mu.Unlock()
	if w == nil || w.sealed.Load() && !oneRecord(b) {
		return nil
	}
	return w
}

// epochOne says whether the first record of b is sealed: DTLS would answer one that claims not to be with a fatal alert.
func epochOne(b []byte) bool { return b[3] == 0 && b[4] == 1 }

// oneRecord says whether b is exactly one sealed record with a connection ID.
func oneRecord(b []byte) bool {
	const head = recordHeader + cidSize
	return len(b) >= head && b[0] == recordCID && epochOne(b) && len(b) == head+int(b[head-2])<<8+int(b[head-1])
}

// forget takes a closed wire out.
func (d *door) forget(w *wire) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uncount(w)
	delete(d.byCID, w.cid)
	if d.byAddr[w.home] == w {
		delete(d.byAddr, w.home)
	}
}

// refuse takes no new connections from now on.
func (d *door) refuse() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

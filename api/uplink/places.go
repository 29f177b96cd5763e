package uplink

import (
	"net/netip"
	"slices"
)

// hostOf is whom an address counts for: a host by IPv4; by IPv6 its network of 64 bits, all of which one host may use
// (RFC 4291, section 2.5.4).
func hostOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	host, _ := addr.Prefix(bits) // the zero Prefix, a host like any other, when addr is no address
	return host
}

// prove counts a wire among those whose peer echoed the cookie, if there is room or room can be made. Who gets no place
// stays among the strangers, and is asked about again.
func (d *door) prove(w *wire) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byCID[w.cid] != w { // it was closed meanwhile, and nobody would take it from the count again
		return false
	}
	w.turned = len(d.halves) >= d.limits.Handshakes && !d.makeRoom(hostOf(w.home.Addr()))
	if w.turned {
		return false
	}
	d.halves = append(d.halves, w)
	d.strangers = without(d.strangers, w)
	return true
}

// makeRoom puts out the oldest handshake of the host that holds the most places, for a host that would still hold fewer
// with one more. Many devices may share an address, so that none has a fixed share: an address that holds every place
// keeps them until another asks. Handshakes that are over hold no place and cannot be put out.
func (d *door) makeRoom(host netip.Prefix) bool {
	held := make(map[netip.Prefix]int)
	for _, h := range d.halves {
		held[hostOf(h.home.Addr())]++
	}
	most, out := 0, (*wire)(nil)
	for _, h := range d.halves { // oldest first
		if n := held[hostOf(h.home.Addr())]; n > most {
			most, out = n, h
		}
	}
	if own := held[host]; out == nil || own > 0 && own+1 >= most {
		return false
	}
	d.halves = without(d.halves, out)
	out.turned = true
	go func() { _ = out.Close() }() // Close asks for the lock
	return true
}

// wasTurned says whether a wire has no place though its peer echoed the cookie: refused, or put out of it.
func (d *door) wasTurned(w *wire) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return w.turned
}

// established notes that a handshake is over.
func (d *door) established(w *wire) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uncount(w)
}

// uncount gives back the place of a wire, whichever it has.
func (d *door) uncount(w *wire) {
	d.halves = without(d.halves, w)
	d.strangers = without(d.strangers, w)
}

func without(wires []*wire, w *wire) []*wire {
	if i := slices.Index(wires, w); i >= 0 {
		return slices.Delete(wires, i, i+1)
	}
	return wires
}

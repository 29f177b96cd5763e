package uplink

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// halfRig is a door with handshakes whose cookie came back.
type halfRig struct {
	t *testing.T
	*door
	port uint16
}

// ask lets a peer at addr echo its cookie.
func (r *halfRig) ask(addr string) (w *wire, in bool) {
	r.t.Helper()
	r.port++
	w, fresh := r.find(helloRecord(0), netip.AddrPortFrom(netip.MustParseAddr(addr), r.port))
	if !fresh {
		r.t.Fatalf("%s: a first ClientHello was not let in", addr)
	}
	return w, r.prove(w)
}

// put reports which of the wires were put out.
func (r *halfRig) put(wires []*wire) (out []int) {
	for i, w := range wires {
		if r.wasTurned(w) {
			select {
			case <-w.closed:
			case <-time.After(20 * time.Second):
				r.t.Fatalf("handshake %d was put out and goes on", i)
			}
			out = append(out, i)
		}
	}
	return out
}

// TestPlacesAfterTheCookie fills all places after the cookie, then lets others ask.
func TestPlacesAfterTheCookie(t *testing.T) {
	one, two := "10.0.0.1", "10.0.0.2"
	tests := []struct {
		name   string
		hold   []string // who holds the places, oldest first
		asks   string
		refuse bool
		out    []int
	}{
		{"there is room", []string{one, one, one}, one, false, nil},
		{"the address that holds all asks for more", []string{one, one, one, one}, one, true, nil},
		{"another address asks", []string{one, one, one, one}, two, false, []int{0}},
		{"the oldest of the one that holds the most", []string{two, one, one, one}, "10.0.0.3", false, []int{1}},
		{"one that holds less asks for more", []string{two, one, one, one}, two, false, []int{1}},
		{"one that would hold as many", []string{two, one, two, one}, two, true, nil},
		{"one that would hold the most by it", []string{two, one, one, "10.0.0.3"}, two, true, nil},
		{"each another address", []string{one, two, "10.0.0.3", "10.0.0.4"}, "10.0.0.5", false, []int{0}},
		{"the same address written as IPv6", []string{one, one, one, one}, "::ffff:10.0.0.1", true, nil},
		{"another address of the same IPv6 network", []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"}, "2001:db8::5", true, nil},
		{"another IPv6 network", []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"}, "2001:db8:0:1::1", false, []int{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &halfRig{t: t, door: newDoor(&deaf{}, Limits{Handshakes: 4}, func(*wire, *path) {})}
			var wires []*wire
			for _, addr := range tt.hold {
				w, in := r.ask(addr)
				if !in {
					t.Fatalf("filling the places: %s was refused", addr)
				}
				wires = append(wires, w)
			}
			w, in := r.ask(tt.asks)
			if in == tt.refuse {
				t.Errorf("%s asked: got a place %v, want %v", tt.asks, in, !tt.refuse)
			}
			r.mu.Lock()
			if len(r.halves) > 4 {
				t.Errorf("%d handshakes after the cookie, want at most 4", len(r.halves))
			}
			r.mu.Unlock()
			if got := r.put(wires); !slices.Equal(got, tt.out) {
				t.Errorf("put out: got %v, want %v", got, tt.out)
			}
			if got := r.wasTurned(w); got != tt.refuse {
				t.Errorf("counted as turned away: got %v, want %v", got, tt.refuse)
			}
			if !tt.refuse {
				return
			}
			r.established(wires[0])
			if !r.prove(w) || r.wasTurned(w) {
				t.Error("once another handshake was over, the one that was refused got no place when it asked again")
			}
		})
	}
}

// TestPlacesAreGivenBack ends handshakes in each way: nobody keeps a place who is gone, and nobody is put out who is in.
func TestPlacesAreGivenBack(t *testing.T) {
	r := &halfRig{t: t, door: newDoor(&deaf{}, Limits{Handshakes: 2}, func(*wire, *path) {})}
	in, _ := r.ask("10.0.0.1")
	r.established(in)
	for i := range 5 {
		w, in := r.ask("10.0.0.1")
		if !in {
			t.Fatalf("handshake %d after others were over was refused", i)
		}
		if i%2 == 0 {
			_ = w.Close()
		} else {
			r.established(w)
		}
	}
	for i := range 9 {
		if _, in := r.ask(fmt.Sprintf("10.0.1.%d", i)); !in {
			t.Fatalf("another address %d was refused", i)
		}
	}
	if r.wasTurned(in) {
		t.Error("a connection was put out by handshakes")
	}
	r.port++
	gone, _ := r.find(helloRecord(0), netip.AddrPortFrom(netip.MustParseAddr("10.0.0.9"), r.port))
	_ = gone.Close()
	if r.prove(gone) || slices.Contains(r.halves, gone) {
		t.Error("one that was closed before its cookie was looked at holds a place")
	}
	r.refuse()
	if w, _ := r.find(helloRecord(0), netip.MustParseAddrPort("127.0.0.1:77")); w != nil {
		t.Error("a server that is going down lets somebody in")
	}
}

// TestDoorNeedsNoWiresLock hands on a datagram while its wire is locked: a wire asks for the door's lock then.
func TestDoorNeedsNoWiresLock(t *testing.T) {
	d := newDoor(&deaf{}, Limits{Handshakes: 2}, func(*wire, *path) {})
	from := netip.MustParseAddrPort("127.0.0.1:5")
	w, _ := d.find(helloRecord(0), from)
	w.mu.Lock()
	defer w.mu.Unlock()
	found := make(chan *wire)
	go func() {
		got, _ := d.find(helloRecord(1), from)
		found <- got
	}()
	select {
	case got := <-found:
		if got != w {
			t.Errorf("found %v, want the wire", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the door waits for a wire, which may wait for the door")
	}
}

package uplink

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// recordOf makes a record as DTLS would, with nothing true inside.
func recordOf(kind byte, epoch byte, cid string, length int) []byte {
	b := []byte{kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 1}
	b = append(b, cid...)
	b = append(b, byte(length>>8), byte(length))
	return append(b, make([]byte, length)...)
}

func helloRecord() []byte {
	b := recordOf(recordHandshake, 0, "", 40)
	b[recordHeader] = clientHello
	return b
}

// TestDoorHandsOn says which datagrams reach which connection, before and after its handshake.
func TestDoorHandsOn(t *testing.T) {
	d := newDoor(&deaf{}, Limits{Handshakes: 9}, func(*wire, *path) {})
	from := netip.MustParseAddrPort("127.0.0.1:5")
	w, fresh := d.find(helloRecord(), from)
	if w == nil || !fresh {
		t.Fatal("a first ClientHello was not let in")
	}
	sealed := recordOf(recordCID, 1, w.cid, 30)
	tests := []struct {
		name          string
		b             []byte
		before, after bool // whether it reaches the connection
	}{
		{"handshake record", recordOf(recordHandshake, 0, "", 40), true, false},
		{"change of cipher", recordOf(20, 0, "", 1), true, false},
		{"alert in plaintext", recordOf(recordAlert, 0, "", 2), false, false},
		{"data in plaintext", recordOf(23, 0, "", 2), false, false},
		{"sealed record", sealed, true, true},
		{"sealed record of epoch 0", recordOf(recordCID, 0, w.cid, 30), false, false},
		{"sealed record of epoch 2", recordOf(recordCID, 2, w.cid, 30), false, false},
		{"two records", append(append([]byte{}, sealed...), recordOf(recordAlert, 0, "", 2)...), true, false},
		{"sealed record cut off", sealed[:len(sealed)-1], true, false},
		{"another's record", recordOf(recordCID, 1, "12345678", 30), false, false},
		{"nothing", nil, false, false},
		{"unknown type", recordOf(99, 0, "", 30), false, false},
	}
	for _, tt := range tests {
		if got, _ := d.find(tt.b, from); (got == w) != tt.before {
			t.Errorf("%s during the handshake: handed on %v, want %v", tt.name, got == w, tt.before)
		}
	}
	w.seal()
	for _, tt := range tests {
		if got, _ := d.find(tt.b, from); (got == w) != tt.after || got != nil && got != w {
			t.Errorf("%s after the handshake: handed on %v, want %v", tt.name, got == w, tt.after)
		}
	}
	if got, fresh := d.find(helloRecord(), from); got == w || !fresh {
		t.Error("a ClientHello from the address of an old connection did not begin another")
	}
	if got, _ := d.find(sealed, from); got != w {
		t.Error("the old connection was forgotten")
	}
	_ = w.Close()
	if got, _ := d.find(sealed, from); got != nil {
		t.Error("a closed connection is still fed")
	}
}

// TestDoorBoundsHandshakes lets more peers echo their cookie than may shake hands at once.
func TestDoorBoundsHandshakes(t *testing.T) {
	d := newDoor(&deaf{}, Limits{Handshakes: 2}, func(*wire, *path) {})
	var wires []*wire
	for port := range uint16(3) {
		w, _ := d.find(helloRecord(), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port+1))
		err := d.prove(w)
		if full := errors.Is(err, errFullDoor); full != (port == 2) {
			t.Errorf("handshake %d: %v", port, err)
		}
		wires = append(wires, w)
	}
	d.established(wires[0])
	if err := d.prove(wires[2]); err != nil {
		t.Errorf("after another was over: %v", err)
	}
	d.refuse()
	if w, _ := d.find(helloRecord(), netip.MustParseAddrPort("127.0.0.1:77")); w != nil {
		t.Error("a server that is going down lets somebody in")
	}
}

// TestClientHearsItsServerAlone sends to a client's socket from elsewhere.
func TestClientHearsItsServerAlone(t *testing.T) {
	listen := func() *net.UDPConn {
		pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pc.Close() })
		return pc
	}
	server, stranger, own := listen(), listen(), listen()
	s := newSocket(own, server.LocalAddr().(*net.UDPAddr).AddrPort())
	defer s.close()
	say := func(from *net.UDPConn) {
		if _, err := from.WriteTo(recordOf(recordHandshake, 0, "", 40), own.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	say(stranger)
	time.Sleep(30 * time.Millisecond)
	if s.answered.Load() || len(s.wire.in) != 0 {
		t.Error("a stranger's datagram counts as the server's answer")
	}
	say(server)
	for range 100 {
		if s.answered.Load() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("the server's datagram does not count")
}

// TestClientTakesSealedRecordsAlone says what reaches a client's DTLS once its handshake is over.
func TestClientTakesSealedRecordsAlone(t *testing.T) {
	s := &socket{wire: newWire(&net.UDPAddr{}, nil)}
	s.wire.cid = "abcdefgh"
	tests := []struct {
		name string
		b    []byte
		want bool
	}{
		{"own record", recordOf(recordCID, 1, "abcdefgh", 30), true},
		{"another's record", recordOf(recordCID, 1, "abcdefgx", 30), false},
		{"record of epoch 0", recordOf(recordCID, 0, "abcdefgh", 30), false},
		{"cut off", recordOf(recordCID, 1, "abcdefgh", 30)[:40], false},
		{"alert in plaintext", recordOf(recordAlert, 0, "", 2), false},
		{"handshake in plaintext", recordOf(recordHandshake, 0, "", 40), false},
	}
	for _, tt := range tests {
		if got := s.ours(tt.b); got != tt.want {
			t.Errorf("%s: taken %v, want %v", tt.name, got, tt.want)
		}
	}
}

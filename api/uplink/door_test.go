package uplink

import (
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

// helloRecord makes a record with one whole ClientHello of that number, with nothing true inside.
func helloRecord(number byte) []byte {
	b := recordOf(recordHandshake, 0, "", handshakeHeader+40)
	b[recordHeader], b[messageLength+2], b[messageNumber+1], b[fragmentLength+2] = clientHello, 40, number, 40
	return b
}

// TestDoorHandsOn says which datagrams reach which connection, before and after its handshake.
func TestDoorHandsOn(t *testing.T) {
	d := newDoor(&deaf{}, Limits{Handshakes: 9}, func(*wire, *path) {})
	from := netip.MustParseAddrPort("127.0.0.1:5")
	if w, _ := d.find(helloRecord(1), from); w != nil {
		t.Error("a second ClientHello without a first was let in")
	}
	w, fresh := d.find(helloRecord(0), from)
	if w == nil || !fresh {
		t.Fatal("a first ClientHello was not let in")
	}
	sealed := recordOf(recordCID, 1, w.cid, 30)
	tests := []struct {
		name                  string
		b                     []byte
		stranger, half, after bool // whether it reaches the connection
	}{
		{"first ClientHello", helloRecord(0), true, true, false},
		{"ClientHello with the cookie", helloRecord(1), true, true, false},
		{"ClientHello ahead of its turn", helloRecord(2), false, true, false},
		{"handshake record", recordOf(recordHandshake, 0, "", 40), false, true, false},
		{"change of cipher", recordOf(20, 0, "", 1), false, true, false},
		{"alert in plaintext", recordOf(recordAlert, 0, "", 2), false, false, false},
		{"data in plaintext", recordOf(23, 0, "", 2), false, false, false},
		{"sealed record", sealed, true, true, true},
		{"sealed record of epoch 0", recordOf(recordCID, 0, w.cid, 30), false, false, false},
		{"sealed record of epoch 2", recordOf(recordCID, 2, w.cid, 30), false, false, false},
		{"two records", append(append([]byte{}, sealed...), recordOf(recordAlert, 0, "", 2)...), true, true, false},
		{"sealed record cut off", sealed[:len(sealed)-1], true, true, false},
		{"another's record", recordOf(recordCID, 1, "12345678", 30), false, false, false},
		{"nothing", nil, false, false, false},
		{"unknown type", recordOf(99, 0, "", 30), false, false, false},
	}
	for stage, turn := range []func(){func() {}, func() { w.proven.Store(true) }, func() { w.sealed.Store(true) }} {
		turn()
		for _, tt := range tests {
			want := []bool{tt.stranger, tt.half, tt.after}[stage]
			if stage == 2 && tt.b != nil && tt.b[0] == recordHandshake {
				continue // which may begin another connection: below
			}
			if got, _ := d.find(tt.b, from); (got == w) != want || got != nil && got != w {
				t.Errorf("%s at stage %d: handed on %v, want %v", tt.name, stage, got == w, want)
			}
		}
	}
	if got, _ := d.find(recordOf(recordHandshake, 0, "", 40), from); got != nil {
		t.Error("a handshake record reached somebody after the handshake")
	}
	if got, fresh := d.find(helloRecord(0), from); got == w || !fresh {
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

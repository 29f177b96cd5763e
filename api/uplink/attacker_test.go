package uplink

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
)

// A recorder is a network that keeps the first datagram and answers nothing.
type recorder struct {
	net.PacketConn
	first chan []byte
}

func (r recorder) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case r.first <- append([]byte(nil), b...):
	default:
	}
	return len(b), nil
}

// firstHello is the first datagram of a client of DTLS with these options.
func firstHello(t testing.TB, options ...dtls.ClientOption) []byte {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := recorder{pc, make(chan []byte, 1)}
	conn, err := dtls.ClientWithOptions(r, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}, options...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = conn.HandshakeContext(ctx) // nobody answers
		_ = conn.Close()
	}()
	hello := <-r.first
	cancel()
	<-over
	return hello
}

// ownHello is the first datagram of our own client.
func (w *world) ownHello() []byte {
	options := []dtls.ClientOption{dtls.WithRootCAs(w.ca.pool), dtls.WithServerName("localhost"), dtls.WithCertificates(w.device)}
	for _, o := range common(newCID()) {
		options = append(options, o)
	}
	return firstHello(w.t, options...)
}

// withCookie is a ClientHello that echoes the cookie of a HelloVerifyRequest (RFC 6347, section 4.2.1).
func withCookie(hello, verify []byte) []byte {
	const body = recordHeader + handshakeHeader
	cookie := verify[body+2:] // after the version: a length byte and the cookie
	at := body + 2 + 32       // after the version and the random: the session ID
	at += 1 + int(hello[at])
	out := append(append(append([]byte(nil), hello[:at]...), cookie...), hello[at+1:]...)
	grown := len(out) - body
	binary.BigEndian.PutUint16(out[recordLength:], uint16(grown+handshakeHeader))
	for _, field := range []int{messageLength, fragmentLength} {
		out[field], out[field+1], out[field+2] = byte(grown>>16), byte(grown>>8), byte(grown)
	}
	out[recordLength-1], out[messageNumber+1] = 1, 1 // number of the record, and of the message
	return out
}

// halfway echoes the cookie from addr and says nothing more. It reports whether it got a place: whether the server went
// on with the handshake within a while.
func (w *world) halfway(addr string, hello []byte, while time.Duration) bool {
	w.t.Helper()
	local := &net.UDPAddr{IP: netip.MustParseAddr(addr).AsSlice()}
	pc, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(w.addr))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = pc.Close() })
	say := func(b []byte, while time.Duration) []byte {
		if _, err := pc.Write(b); err != nil {
			w.t.Fatal(err)
		}
		_ = pc.SetReadDeadline(time.Now().Add(while))
		buf := make([]byte, maxDatagram)
		n, _ := pc.Read(buf)
		return buf[:n]
	}
	verify := say(hello, 20*time.Second)
	if len(verify) == 0 {
		w.t.Fatalf("%s: the server asked for no cookie", addr)
	}
	return len(say(withCookie(hello, verify), while)) > 0
}

// busyHandshakes counts the handshakes that were turned away.
func (w *world) busyHandshakes() (busy int) {
	for {
		select {
		case e := <-w.events:
			if e.Handshake && e.Code == CodeBusy {
				busy++
			}
		default:
			return busy
		}
	}
}

// from makes a client's sockets listen on addr and counts them.
func from(addr string, cfg ClientConfig, sockets *int) ClientConfig {
	cfg.ListenPacket = func(ctx context.Context) (net.PacketConn, error) {
		*sockets++
		return new(net.ListenConfig).ListenPacket(ctx, "udp", addr+":0")
	}
	return cfg
}

// TestOneAddressCannotHoldTheDoor holds all places after the cookie from one address: the next address gets in at its
// first handshake, a connection that is up stays up, and the address itself gets no more.
func TestOneAddressCannotHoldTheDoor(t *testing.T) {
	w := newWorld(t)
	w.limits = Limits{Handshakes: 12}
	w.serve(nil)
	hello := w.ownHello()
	var early, late int
	up := w.dial(from("127.0.0.3", w.config(), &early))
	for i := range 12 {
		if !w.halfway("127.0.0.1", hello, 20*time.Second) {
			t.Fatalf("handshake %d of the attacker got no place, though there was one", i)
		}
	}
	if w.halfway("127.0.0.1", hello, 200*time.Millisecond) {
		t.Error("one handshake more of the attacker got a place")
	}
	w.upload(w.dial(from("127.0.0.2", w.config(), &late)), 1, 1000, nil)
	if late != 1 {
		t.Errorf("another address needed %d handshakes, want 1", late)
	}
	w.upload(up, 2, 1000, nil)
	if early != 1 {
		t.Errorf("the connection that was up had to be made %d times, want once", early)
	}
	w.stop()
	if w.busyHandshakes() == 0 {
		t.Error("no handshake is reported as turned away, want the attacker's first, whose place the other address got")
	}
}

// TestManyBehindOneAddress lets 200 devices behind one address dial while another address holds all places.
func TestManyBehindOneAddress(t *testing.T) {
	const devices, atOnce = 200, 16
	w := newWorld(t)
	w.limits = Limits{Handshakes: 32, Connections: 4 * devices}
	w.serve(nil)
	hello := w.ownHello()
	for range 32 {
		w.halfway("127.0.0.1", hello, 20*time.Second)
	}
	failed := make(chan error, devices)
	turn := make(chan struct{}, atOnce)
	for range devices {
		go func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			var sockets int
			c, err := Dial(t.Context(), from("127.0.0.2", w.config(), &sockets))
			if err == nil {
				t.Cleanup(func() { _ = c.Close() })
			}
			failed <- err
		}()
	}
	for i := range devices {
		if err := <-failed; err != nil {
			t.Fatalf("device %d of %d behind one address: %v", i, devices, err)
		}
	}
}

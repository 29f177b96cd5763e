package uplink

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"
)

// FuzzFrames parses anything: it never panics, and what it understood it writes and reads back the same.
func FuzzFrames(f *testing.F) {
	for i, fr := range someFrames() {
		f.Add(fr.append(appendVarint(nil, uint64(i)<<i)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		defer deadline()()
		number, frames, err := parsePacket(b)
		if err != nil {
			return
		}
		again := appendVarint(nil, number)
		for _, fr := range frames {
			again = fr.append(again)
		}
		n2, frames2, err := parsePacket(again)
		if err != nil || n2 != number || len(frames2) != len(frames) {
			t.Fatalf("%x: read back as %d frames of %d, %v", b, len(frames2), len(frames), err)
		}
		third := appendVarint(nil, n2)
		for _, fr := range frames2 {
			third = fr.append(third)
		}
		if !bytes.Equal(again, third) {
			t.Fatalf("written as %x, then as %x", again, third)
		}
	})
}

// FuzzAcks feeds one acknowledgement to a sender with packets in flight.
func FuzzAcks(f *testing.F) {
	f.Add([]byte{typeAck, 9, 0, 1, 2, 0, 1})
	f.Add([]byte{typeAck, 99, 0, 0, 99})
	f.Fuzz(func(t *testing.T, b []byte) {
		defer deadline()()
		now := time.Unix(1000, 0)
		out := newOutgoing(0, Offer{Size: 200_000}, zeros{}, 200_000)
		l := newLink(now, &bundle{streams: []*outgoing{out}})
		buf := make([]byte, 0, maxPacket)
		for range 30 {
			l.next(now, buf)
		}
		_, _ = l.receive(now.Add(time.Millisecond), append([]byte{0}, b...), func([]frame) bool { return true })
		if l.pace.inflight < 0 || l.flight.flying < 0 || out.got.count() > out.size {
			t.Fatalf("%x: %d bytes and %d packets in flight, %d answered", b, l.pace.inflight, l.flight.flying, out.got.count())
		}
	})
}

// deadline ends the process when an input takes too long: the fuzzer itself would wait for ever and call it passed.
func deadline() (stop func() bool) {
	return time.AfterFunc(10*time.Second, func() { panic("uplink: an input hangs") }).Stop
}

// nothing is a transport of which only the session's own goroutines would make use.
type nothing struct{}

func (nothing) Read([]byte) (int, error)    { return 0, io.EOF }
func (nothing) Write(b []byte) (int, error) { return len(b), nil }
func (nothing) Close() error                { return nil }

// datagramsOf splits an input into packets: a length byte (times eight) before each.
func datagramsOf(b []byte) (out [][]byte) {
	for len(b) > 0 && len(out) < 64 {
		n := min(int(b[0])*8, len(b)-1)
		out = append(out, b[1:1+n])
		b = b[1+n:]
	}
	return out
}

// packed makes a seed of one packet that holds the frames.
func packed(number uint64, frames ...frame) []byte {
	b := appendVarint(nil, number)
	for _, f := range frames {
		b = f.append(b)
	}
	for len(b)%8 != 0 {
		b = ping{}.append(b)
	}
	return append([]byte{byte(len(b) / 8)}, b...)
}

// FuzzServerDatagrams gives a server's connection any packets that a device could seal. Whatever they are, what was
// reserved is given back, and no more than was allowed is ever held.
func FuzzServerDatagrams(f *testing.F) {
	body, o := bodyOf(1, 700)
	first := packed(0, hello{[]uint16{1}}, offer{0, o})
	f.Add(append(bytes.Clone(first), packed(1, data{0, 0, body[:300]}, data{0, 300, body[300:]})...))
	f.Add(append(bytes.Clone(first), packed(1, abandon{0}, challenge{}, response{})...))
	f.Add(append(bytes.Clone(first), packed(2, closing{}, ack{ranges: []span{{0, 1}}})...))
	f.Add(packed(0, hello{[]uint16{9}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer deadline()()
		s, err := NewServer(ServerConfig{Sink: newShelf(), Certificate: noCertificate, VerifyPeer: nobody,
			Log: slog.New(slog.DiscardHandler), Limits: Limits{Memory: 4 << 20, UploadsPerPeer: 3}})
		if err != nil {
			t.Fatal(err)
		}
		w := newWire(&net.UDPAddr{}, func(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil })
		p := newServerParty(t.Context(), s, w, Peer{Certificate: &x509.Certificate{Raw: []byte("device")}})
		p.session = newSession(nothing{}, nil)
		p.session.party = p
		buf := make([]byte, 0, maxPacket)
		for _, d := range datagramsOf(b) {
			if p.session.take(d) != nil {
				break
			}
			p.session.step(buf)
			s.mu.Lock()
			if s.memory > s.cfg.Limits.Memory || s.perPeer[p.key] > 3 {
				t.Errorf("%d bytes reserved, %d uploads", s.memory, s.perPeer[p.key])
			}
			s.mu.Unlock()
		}
		p.leave()
		s.workers.Wait()
		if s.memory != 0 || len(s.perPeer) != 0 || len(s.uploads) != 0 || len(p.open) != 0 {
			t.Fatalf("left: %d bytes, %d peers, %d uploads, %d streams", s.memory, len(s.perPeer), len(s.uploads), len(p.open))
		}
	})
}

// FuzzClientDatagrams gives a client's connection any packets that a server could seal.
func FuzzClientDatagrams(f *testing.F) {
	f.Add(append(packed(0, welcome{1, 1 << 20, time.Second}, accept{0, 5000, []byte{0}}), packed(1, window{0, 5000})...))
	f.Add(packed(0, receipt{0, 0, 5, []byte("12345")}))
	f.Add(packed(0, refuse{0, CodeBusy, time.Second, "later"}, challenge{moved: true}))
	f.Add(packed(0, closing{CodeShutdown}))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer deadline()()
		p := newClientParty(nil)
		p.session = newSession(nothing{}, &p.bundle)
		p.session.party = p
		_, o := bodyOf(1, 5000)
		u, err := p.start(o, zeros{}, BlockSize)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 0, maxPacket)
		for _, d := range datagramsOf(b) {
			p.session.step(buf)
			if p.session.take(d) != nil {
				break
			}
			if u.got.count() > 5000 || len(u.receipt) > MaxReceipt {
				t.Fatalf("%d of 5000 bytes answered, receipt of %d", u.got.count(), len(u.receipt))
			}
		}
		p.leave(errSilent)
		if len(p.uploads) != 0 || len(p.bundle.streams) != 0 {
			t.Fatalf("%d uploads are left", len(p.uploads))
		}
	})
}

// FuzzDoor routes any datagrams from strangers: little is held for them.
func FuzzDoor(f *testing.F) {
	hello := append([]byte{22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 1}, make([]byte, 30)...)
	f.Add(hello, uint16(5))
	f.Add(append([]byte{25}, make([]byte, 40)...), uint16(6))
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		pc := &deaf{}
		d := newDoor(pc, Limits{Handshakes: 2}, func(*wire, *path) {})
		for i := range uint16(8) {
			buf := new([maxDatagram]byte)
			n := copy(buf[:], b)
			d.route(buf, n, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port+i))
		}
		if len(d.strangers) > 2 {
			t.Fatalf("%d strangers are held, want at most 2", len(d.strangers))
		}
	})
}

// deaf is a socket that hears nothing.
type deaf struct{ net.PacketConn }

func (*deaf) LocalAddr() net.Addr { return &net.UDPAddr{} }

func noCertificate() (*tls.Certificate, error) { return nil, errors.New("none") }

func nobody(context.Context, []*x509.Certificate) error { return errors.New("nobody") }

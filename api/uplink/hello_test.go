package uplink

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
)

// TestWholeHello changes one thing each of a ClientHello in one piece.
func TestWholeHello(t *testing.T) {
	const length = recordHeader + handshakeHeader + 40
	tests := []struct {
		name   string
		change func(b []byte) []byte
		number int
		want   bool
	}{
		{"first", func(b []byte) []byte { return b }, 0, true},
		{"with the cookie", func(b []byte) []byte { b[messageNumber+1] = 1; return b }, 1, true},
		{"of DTLS 1.0, as a first record may say", func(b []byte) []byte { b[2] = 0xFF; return b }, 0, true},
		{"third", func(b []byte) []byte { b[messageNumber+1] = 2; return b }, 2, false},
		{"number 256", func(b []byte) []byte { b[messageNumber] = 1; return b }, 256, false},
		{"of TLS", func(b []byte) []byte { b[1], b[2] = 3, 3; return b }, 0, false},
		{"of no version", func(b []byte) []byte { b[2] = 0xFE; return b }, 0, false},
		{"of epoch 1", func(b []byte) []byte { b[4] = 1; return b }, 0, false},
		{"of epoch 256", func(b []byte) []byte { b[3] = 1; return b }, 0, false},
		{"another record type", func(b []byte) []byte { b[0] = 20; return b }, 0, false},
		{"another message", func(b []byte) []byte { b[recordHeader] = 11; return b }, 0, false},
		{"record cut off", func(b []byte) []byte { return b[:length-1] }, 0, false},
		{"more after the record", func(b []byte) []byte { return append(b, 0) }, 0, false},
		{"record longer than it says", func(b []byte) []byte { b[recordLength+1]--; return b }, 0, false},
		{"message longer than the record", func(b []byte) []byte { b[messageLength+2]++; return b }, 0, false},
		{"a message of megabytes", func(b []byte) []byte { b[messageLength] = 0x10; return b }, 0, false},
		{"first fragment", func(b []byte) []byte { b[fragmentLength+2]--; return b }, 0, false},
		{"fragment beyond its message", func(b []byte) []byte { b[fragmentLength+1]++; return b }, 0, false},
		{"later fragment", func(b []byte) []byte { b[fragmentOffset+2] = 1; return b }, 0, false},
		{"fragment from far on", func(b []byte) []byte { b[fragmentOffset] = 1; return b }, 0, false},
		{"two messages in a record", func(b []byte) []byte { b[messageLength+2], b[fragmentLength+2] = 10, 10; return b }, 0, false},
		{"no body", func(b []byte) []byte {
			b[recordLength+1], b[messageLength+2], b[fragmentLength+2] = handshakeHeader, 0, 0
			return b[:recordHeader+handshakeHeader]
		}, 0, false},
		{"head alone", func(b []byte) []byte { return b[:recordHeader] }, 0, false},
		{"nothing", func([]byte) []byte { return nil }, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.change(helloRecord(0))
			if number, got := wholeHello(b); got != tt.want || got && number != tt.number {
				t.Errorf("%x: got %v, number %d; want %v, number %d", b, got, number, tt.want, tt.number)
			}
		})
	}
}

// TestClientsSayHelloInOnePiece looks at the first words of clients: what the door demands is what they do.
func TestClientsSayHelloInOnePiece(t *testing.T) {
	w := newWorld(t)
	longest := strings.Repeat(strings.Repeat("n", 49)+".", 5) + "org" // 253 bytes: RFC 1035, section 2.3.4
	pool, device := dtls.WithRootCAs(w.ca.pool), dtls.WithCertificates(w.device)
	tests := []struct {
		name  string
		hello []byte
	}{
		{"our own", w.ownHello()},
		{"DTLS as it comes", firstHello(t, pool, dtls.WithServerName("localhost"))},
		{"the longest name and connection ID", firstHello(t, pool, device, dtls.WithServerName(longest),
			dtls.WithConnectionIDGenerator(dtls.RandomCIDGenerator(255)))},
	}
	for _, tt := range tests {
		if number, ok := wholeHello(tt.hello); !ok || number != 0 {
			t.Errorf("%s, %d bytes: whole %v, number %d; want the whole first message", tt.name, len(tt.hello), ok, number)
		}
		again := withCookie(tt.hello, append(make([]byte, recordHeader+handshakeHeader+2, 300), append([]byte{255}, make([]byte, 255)...)...))
		if number, ok := wholeHello(again); !ok || number != 1 || len(again) > maxPacket {
			t.Errorf("%s with the longest cookie, %d bytes: whole %v, number %d; want the whole second message", tt.name, len(again), ok, number)
		}
	}
}

// greed is what a stranger sends who wants much to be kept: whole messages and fragments ahead of their turn, and records
// that wait for keys.
func greed(n int) []byte {
	switch n % 8 {
	case 0:
		return recordOf(20, 0, "", 1000)
	case 1:
		return recordOf(recordHandshake, 1, "", 1000)
	}
	const body = 1000
	b := recordOf(recordHandshake, 0, "", handshakeHeader+body)
	binary.BigEndian.PutUint16(b[recordLength-2:], uint16(n)) // number of the record, each once
	b[recordHeader] = clientHello
	for _, field := range []int{messageLength, fragmentLength} {
		binary.BigEndian.PutUint16(b[field+1:], body)
	}
	binary.BigEndian.PutUint16(b[messageNumber:], uint16(n))
	if n%2 == 0 {
		b[messageLength] = 1 // of a message of more than 64 KiB
	}
	return b
}

// held is the bytes in use.
func held() uint64 {
	runtime.GC()
	runtime.GC() // pools give up what they hold at the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// TestStrangersAreHeldInLittle lets strangers whose cookie never comes back each send 600 kB that DTLS would keep.
func TestStrangersAreHeldInLittle(t *testing.T) {
	const strangers, datagramsEach, most = 24, 600, 96 << 10
	w := newWorld(t)
	s, err := NewServer(ServerConfig{Sink: w.shelf, Certificate: func() (*tls.Certificate, error) { return w.cert.Load(), nil },
		VerifyPeer: w.ca.verify, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer s.workers.Wait()
	defer cancel()
	var d *door
	d = newDoor(&mute{}, s.cfg.Limits, func(w *wire, first *path) { s.workers.Go(func() { s.serveWire(ctx, d, w, first) }) })
	hello := w.ownHello()
	visit := func(port uint16) {
		from := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), port)
		for n := range datagramsEach {
			buf := new([maxDatagram]byte)
			b := hello
			if n > 0 {
				b = greed(n)
			}
			d.route(buf, copy(buf[:], b), from)
			if n%16 == 0 {
				runtime.Gosched() // so that DTLS takes what it is given
			}
		}
	}
	visit(1)
	before := held()
	for i := range uint16(strangers) {
		visit(1000 + i)
	}
	each := (int64(held()) - int64(before)) / strangers
	d.mu.Lock()
	waiting := len(d.strangers)
	d.mu.Unlock()
	if waiting != strangers+1 {
		t.Fatalf("%d strangers are held, want %d", waiting, strangers+1)
	}
	t.Logf("%d bytes for each stranger", each)
	if each > most {
		t.Errorf("a stranger who sent %d kB has the server hold %d bytes, want at most %d", datagramsEach, each, most)
	}
}

// mute is a socket that hears nothing and sends nothing.
type mute struct{ deaf }

func (*mute) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }

// TestQueuesBeforeTheEndOfAHandshake fills the queue of a peer whom DTLS does not hear.
func TestQueuesBeforeTheEndOfAHandshake(t *testing.T) {
	d := newDoor(&deaf{}, Limits{Handshakes: 2}, func(*wire, *path) {})
	from := netip.MustParseAddrPort("127.0.0.1:5")
	say := func(b []byte) {
		buf := new([maxDatagram]byte)
		d.route(buf, copy(buf[:], b), from)
	}
	for range 100 {
		say(helloRecord(0))
	}
	w := d.strangers[0]
	if got := len(w.in); got != strangerQueue {
		t.Errorf("before the cookie %d datagrams wait, want %d", got, strangerQueue)
	}
	w.proven.Store(true)
	taken := 0
	for range 3 * handshakeBytes / 1000 {
		for len(w.in) > 0 {
			<-w.in
		}
		say(recordOf(recordHandshake, 0, "", 1000-recordHeader))
		taken += len(w.in) * 1000
	}
	if taken > handshakeBytes || taken < handshakeBytes-1000 {
		t.Errorf("after the cookie %d bytes were taken in plaintext, want %d", taken, handshakeBytes)
	}
	say(recordOf(recordCID, 1, w.cid, 30))
	if len(w.in) != 1 {
		t.Error("a sealed record was not taken any more")
	}
}

// FuzzHello gives a stranger's datagrams to the door. What reaches DTLS is, as DTLS itself reads it, one record with one
// ClientHello in one piece.
func FuzzHello(f *testing.F) {
	f.Add(helloRecord(0))
	f.Add(helloRecord(1))
	f.Add(recordOf(recordHandshake, 0, "", 40))
	f.Add(append(helloRecord(0), helloRecord(1)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer deadline()()
		d := newDoor(&deaf{}, Limits{Handshakes: 2}, func(*wire, *path) {})
		from := netip.MustParseAddrPort("127.0.0.1:5")
		for _, datagram := range [][]byte{b, helloRecord(0), b} {
			buf := new([maxDatagram]byte)
			d.route(buf, copy(buf[:], datagram), from)
		}
		for w := d.strangers[0]; len(w.in) > 0; {
			got := <-w.in
			checkHello(t, got.buf[:got.n])
		}
	})
}

// checkHello reads a datagram as DTLS does.
func checkHello(t *testing.T, b []byte) {
	t.Helper()
	records, err := recordlayer.UnpackDatagram(b)
	if err != nil || len(records) != 1 {
		t.Fatalf("%x: %d records, %v; want one", b, len(records), err)
	}
	var head handshake.Header
	if err := head.Unmarshal(b[recordlayer.FixedHeaderSize:]); err != nil {
		t.Fatalf("%x: %v", b, err)
	}
	if head.Type != handshake.TypeClientHello || head.FragmentOffset != 0 || head.FragmentLength != head.Length ||
		int(head.Length) != len(b)-recordlayer.FixedHeaderSize-handshake.HeaderLength || head.MessageSequence > 1 {
		t.Fatalf("%x: passed as %+v", b, head)
	}
}

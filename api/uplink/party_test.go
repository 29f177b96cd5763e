package uplink

import (
	"bytes"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"
)

// partyRig is a server's connection without a network: packets go in by take.
type partyRig struct {
	t *testing.T
	*serverParty
	server *Server
	shelf  *shelf
	next   uint64
}

func newPartyRig(t *testing.T, limits Limits) *partyRig {
	t.Helper()
	r := &partyRig{t: t, shelf: newShelf()}
	s, err := NewServer(ServerConfig{Sink: r.shelf, Certificate: noCertificate, VerifyPeer: nobody,
		Log: slog.New(slog.DiscardHandler), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	r.server = s
	w := newWire(&net.UDPAddr{}, func(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil })
	r.serverParty = newServerParty(t.Context(), s, w, Peer{Certificate: &x509.Certificate{Raw: []byte("device")}})
	r.session = newSession(nothing{}, nil)
	r.session.party = r.serverParty
	t.Cleanup(func() {
		r.leave()
		s.workers.Wait()
	})
	return r
}

// say gives the connection one packet with the frames.
func (r *partyRig) say(frames ...frame) error {
	b := appendVarint(nil, r.next)
	r.next++
	for _, f := range frames {
		b = f.append(b)
	}
	return r.session.take(b)
}

// heard waits for a frame that the server wants to say and that want takes.
func (r *partyRig) heard(want func(frame) bool) bool {
	for range 200 {
		r.session.mu.Lock()
		for _, f := range r.session.link.control {
			if want(f) {
				r.session.mu.Unlock()
				return true
			}
		}
		r.session.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

func offerOf(seed uint64, size int) ([]byte, Offer) { return bodyOf(seed, size) }

func TestBreachesEndTheConnection(t *testing.T) {
	_, o := offerOf(1, 3*BlockSize)
	greeting := []frame{hello{[]uint16{Version}}, offer{0, o}}
	tests := []struct {
		name   string
		frames []frame
		code   Code
	}{
		{"no version in common", []frame{hello{[]uint16{2, 3}}}, CodeVersion},
		{"data beyond what may be sent before the offer was accepted", append(greeting, data{0, BlockSize - 1, []byte("ab")}), CodeProtocol},
		{"data of no length", append(greeting, data{0, 5, nil}), CodeProtocol},
		{"a frame that only servers say", append(greeting, accept{0, 5, nil}), CodeProtocol},
		{"an answer to what was never sent", append(greeting, ack{ranges: []span{{0, 9}}}), CodeProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newPartyRig(t, Limits{})
			r.shelf.slow = 50 * time.Millisecond // so that the offer is not accepted yet
			var refusal *Error
			if err := r.say(tt.frames...); !errors.As(err, &refusal) || refusal.Code != tt.code {
				t.Errorf("got %v, want %v", err, tt.code)
			}
		})
	}
	r := newPartyRig(t, Limits{})
	if err := r.say(hello{[]uint16{2, Version}}); err != nil {
		t.Errorf("a version in common: %v", err)
	}
	if err := r.say(closing{}); !errors.Is(err, errPeerClosed) {
		t.Errorf("a last word: got %v, want errPeerClosed", err)
	}
	long := append(hello{[]uint16{Version}}.append([]byte{0}), bytes.Repeat([]byte{typePing}, maxPacket)...)
	if err := newPartyRig(t, Limits{}).session.take(long); err == nil {
		t.Error("a packet beyond its bound was taken")
	}
}

// TestTooEarlyIsNotAcknowledged sends what cannot be understood yet: it is as if it had been lost.
func TestTooEarlyIsNotAcknowledged(t *testing.T) {
	r := newPartyRig(t, Limits{})
	_, o := offerOf(1, 5000)
	for _, f := range []frame{ping{}, offer{0, o}} {
		if err := r.say(f); err != nil || r.session.link.unsaid != 0 || len(r.open) != 0 {
			t.Errorf("%T before HELLO: %v, %d to be acknowledged; want none", f, err, r.session.link.unsaid)
		}
	}
	if err := r.say(hello{[]uint16{Version}}); err != nil || r.session.link.unsaid != 1 {
		t.Errorf("HELLO: %v, %d to be acknowledged; want one", err, r.session.link.unsaid)
	}
	if err := r.say(data{0, 0, []byte("body")}); err != nil || r.session.link.unsaid != 1 {
		t.Errorf("DATA before its OFFER: %v, %d to be acknowledged; want one", err, r.session.link.unsaid)
	}
}

func TestLimitsOfUploads(t *testing.T) {
	tests := []struct {
		name   string
		limits Limits
		sizes  []int
		last   Code // of the last offer
	}{
		{"uploads of one device", Limits{UploadsPerPeer: 2}, []int{1000, 1000, 1000}, CodeBusy},
		{"memory", Limits{Memory: 3 * BlockSize}, []int{2 * BlockSize, BlockSize, 1000}, CodeBusy},
		{"size", Limits{Size: 2000}, []int{2000, 2001}, CodeTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newPartyRig(t, tt.limits)
			if err := r.say(hello{[]uint16{Version}}); err != nil {
				t.Fatal(err)
			}
			for i, size := range tt.sizes {
				_, o := offerOf(uint64(i), size)
				if err := r.say(offer{uint64(i), o}, offer{uint64(i), o}); err != nil {
					t.Fatal(err)
				}
				last := i == len(tt.sizes)-1
				refused := func(f frame) bool {
					v, ok := f.(refuse)
					return ok && v.stream == uint64(i) && v.code == tt.last
				}
				accepted := func(f frame) bool {
					v, ok := f.(accept)
					return ok && v.stream == uint64(i)
				}
				if last && !r.heard(refused) || !last && !r.heard(accepted) {
					t.Fatalf("offer %d of %d bytes: not answered as expected: %+v", i, size, r.session.link.control)
				}
			}
		})
	}
}

// TestWholeBodiesAreTakenInWithoutTheirClient loses the client at the moment its body is whole.
func TestWholeBodiesAreTakenInWithoutTheirClient(t *testing.T) {
	r := newPartyRig(t, Limits{})
	r.shelf.slow = 30 * time.Millisecond
	b, o := offerOf(1, 1000)
	if err := r.say(hello{[]uint16{Version}}, offer{0, o}); err != nil {
		t.Fatal(err)
	}
	if err := r.say(data{0, 0, b}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(45 * time.Millisecond) // Begin is over, Finish is not
	r.leave()
	r.server.workers.Wait()
	if n := r.shelf.taken(); n != 1 {
		t.Errorf("taken in %d times, want once", n)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	w := newWorld(t)
	w.limits = Limits{Idle: 300 * time.Millisecond}
	w.serve(nil)
	c := w.dial(w.config())
	w.upload(c, 1, 1000, nil)
	first := c.current
	for range 100 {
		if !first.usable() {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if first.usable() {
		t.Fatal("the connection is still up after ten times its idle time")
	}
	w.upload(c, 2, 1000, nil) // over another
	if c.current == first {
		t.Error("the upload went over a connection that was closed")
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.limits = Limits{Connections: 1}
	w.serve(nil)
	w.upload(w.dial(w.config()), 1, 1000, nil)
	cfg := w.config()
	cfg.Patience = time.Millisecond
	c := w.dial(cfg)
	b, o := bodyOf(2, 1000)
	var refusal *Error
	if _, err := c.Upload(t.Context(), o, bytes.NewReader(b), nil); !errors.As(err, &refusal) || refusal.Code != CodeBusy {
		t.Errorf("a second connection: got %v, want %v", err, CodeBusy)
	}
}

// TestOneDeviceLeavesRoom: a device that opens one connection after the other does not shut out the next device.
func TestOneDeviceLeavesRoom(t *testing.T) {
	w := newWorld(t)
	w.limits = Limits{Connections: 8}
	w.serve(nil)
	for range 8 {
		w.dial(w.config())
	}
	cfg := w.config()
	cfg.Certificate = w.ca.issue(t, "device-2", time.Now().Add(time.Hour))
	w.upload(w.dial(cfg), 1, 1000, nil)
}

// TestAnswersAreForgotten: acknowledgements are not answered, and cost no memory once what was said before them is.
func TestAnswersAreForgotten(t *testing.T) {
	r := newPartyRig(t, Limits{})
	buf := make([]byte, 0, maxPacket)
	pings := func(n int) (err error) {
		for range n {
			r.next++ // each number of its own leaves a gap, so that each is answered at once
			if err = r.say(ping{}); err != nil {
				return err
			}
			for r.session.link.next(time.Now(), buf) != nil {
			}
		}
		_, err = r.tick(time.Now())
		return err
	}
	if err := r.say(hello{[]uint16{Version}}); err != nil || r.session.link.next(time.Now(), buf) == nil {
		t.Fatalf("no WELCOME: %v", err)
	}
	if err := r.say(ack{ranges: []span{{0, 1}}}); err != nil {
		t.Fatal(err)
	}
	if err := pings(maxWaiting + 100); err != nil || len(r.session.link.flight.packets) != 0 {
		t.Errorf("after an answer: %v, %d packets remembered; want none", err, len(r.session.link.flight.packets))
	}
	r.session.link.say(ping{}) // which is not answered
	var refusal *Error
	if err := pings(maxWaiting + 100); !errors.As(err, &refusal) || refusal.Code != CodeProtocol {
		t.Errorf("a client that makes the server speak and never answers: got %v, want %v", err, CodeProtocol)
	}
}

// TestOnlyTheRightNonceProves answers a challenge wrongly, then rightly.
func TestOnlyTheRightNonceProves(t *testing.T) {
	r := newPartyRig(t, Limits{})
	w, _, away := wireForTest(func(int) {})
	r.serverParty.wire = w
	if err := r.say(hello{[]uint16{Version}}); err != nil {
		t.Fatal(err)
	}
	w.move(away.udp)
	if _, err := r.tick(time.Now()); err != nil || !r.asking || !r.asked.moved {
		t.Fatalf("after a move to another host: %v, asking %v, moved %v; want a challenge", err, r.asking, r.asked.moved)
	}
	wrong := r.asked.nonce
	wrong[15] ^= 1
	if err := r.say(response{wrong}); err != nil || away.valid {
		t.Errorf("the wrong nonce: %v, proven %v; want it ignored", err, away.valid)
	}
	if err := r.say(response{r.asked.nonce}); err != nil || !away.valid {
		t.Errorf("the right nonce: %v, proven %v; want it proven", err, away.valid)
	}
}

// TestAnotherConnectionTakesOver offers a body again while the sink still keeps a block of the first attempt.
func TestAnotherConnectionTakesOver(t *testing.T) {
	r := newPartyRig(t, Limits{})
	r.shelf.hold = make(chan struct{})
	b, o := bodyOf(1, 2*BlockSize)
	if err := r.say(hello{[]uint16{Version}}, offer{0, o}); err != nil {
		t.Fatal(err)
	}
	for lo := 0; lo < BlockSize; lo += 1024 {
		if err := r.say(data{0, uint64(lo), b[lo : lo+1024]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.say(offer{1, o}); err != nil {
		t.Fatal(err)
	}
	if !r.heard(func(f frame) bool { v, ok := f.(refuse); return ok && v.stream == 0 && v.code == CodeSuperseded }) {
		t.Errorf("the first attempt was not ended: %+v", r.session.link.control)
	}
	if !r.heard(func(f frame) bool { v, ok := f.(accept); return ok && v.stream == 1 }) {
		t.Error("the second attempt was not let in")
	}
}

// TestClientForgetsAPathOnce hears the same challenge twice, as after a lost answer.
func TestClientForgetsAPathOnce(t *testing.T) {
	p := newClientParty(nil)
	p.session = newSession(nothing{}, &p.bundle)
	now := time.Now()
	l := p.session.link
	c := challenge{moved: true}
	c.nonce[0] = 1
	for i, want := range []float64{0, 5e6} {
		l.pace.rates[0] = 5e6
		if err := p.handle(now, c); err != nil {
			t.Fatal(err)
		}
		if got := l.pace.rate(); got != want {
			t.Errorf("time %d: rate %.0f, want %.0f", i, got, want)
		}
	}
}

// TestOrderWithinAPacket puts the offer before HELLO, as a sender may that repeats HELLO after it was lost.
func TestOrderWithinAPacket(t *testing.T) {
	r := newPartyRig(t, Limits{})
	_, o := bodyOf(1, 1000)
	if err := r.say(offer{0, o}, hello{[]uint16{Version}}); err != nil || len(r.open) != 1 || !r.greeted {
		t.Errorf("got %v, %d streams open; want one", err, len(r.open))
	}
}

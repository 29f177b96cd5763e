package uplink

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"
)

const (
	busyWait    = 2 * time.Second
	spillBlocks = 2        // blocks in memory of a body that is not kept whole
	maxStreams  = 256      // uploads that one connection may begin
	maxWaiting  = 16 << 10 // packets behind the oldest that the client does not answer
)

// A serverParty is one device's connection. Everything in it is guarded by the session's lock.
type serverParty struct {
	server  *Server
	wire    *wire
	peer    Peer
	key     peerKey
	ctx     context.Context // ends with the server
	session *session

	greeted bool
	open    map[uint64]*incoming
	begun   spans // streams that were opened, ever
	asked   challenge
	askedAt netip.AddrPort
	asking  bool
	proven  netip.Addr // host that was last shown to be the peer's
}

func newServerParty(ctx context.Context, s *Server, w *wire, peer Peer) *serverParty {
	return &serverParty{server: s, wire: w, peer: peer, key: sha256.Sum256(peer.Certificate.Raw), ctx: ctx,
		open: make(map[uint64]*incoming), proven: peer.Addr.Addr()}
}

// admit turns packets away that came before the one they rest on: they come again.
func (p *serverParty) admit(frames []frame) bool {
	greeted := p.greeted
	offered := uint64(maxStream)
	for _, f := range frames {
		switch v := f.(type) {
		case hello:
			greeted = true
		case offer:
			offered = v.stream
		case data:
			if v.stream != offered && !p.begun.has(span{v.stream, v.stream + 1}) {
				return false
			}
		}
	}
	return greeted
}

func (p *serverParty) handle(now time.Time, f frame) error {
	switch v := f.(type) {
	case ping:
	case hello:
		return p.greet(v)
	case offer:
		return p.offered(v)
	case data:
		if in := p.open[v.stream]; in != nil {
			return in.put(v)
		}
	case abandon:
		if in := p.open[v.stream]; in != nil {
			in.stop(nil)
		}
	case challenge:
		p.session.link.say(response{v.nonce})
	case response:
		if p.asking && v.nonce == p.asked.nonce {
			p.asking = false
			p.proven = p.askedAt.Addr()
			p.wire.prove(p.askedAt)
		}
	case closing:
		return errPeerClosed
	default:
		return &Error{Code: CodeProtocol}
	}
	return nil
}

func (p *serverParty) greet(h hello) error {
	if p.greeted {
		return nil
	}
	if !slices.Contains(h.versions, Version) {
		p.session.link.say(hello{[]uint16{Version}})
		return &Error{Code: CodeVersion}
	}
	p.greeted = true
	limits := p.server.cfg.Limits
	p.session.link.say(welcome{Version, uint64(limits.Size), limits.Idle})
	return nil
}

// offered opens a stream for an offer, once.
func (p *serverParty) offered(o offer) error {
	if p.begun.has(span{o.stream, o.stream + 1}) {
		return nil
	}
	if len(p.begun) > 0 && p.begun.count() >= maxStreams {
		return &Error{Code: CodeProtocol}
	}
	p.begun.add(span{o.stream, o.stream + 1})
	key := uploadKey{p.key, o.ID}
	reserved, whole, err := p.server.reserve(key, o.Size)
	if err != nil {
		p.refuse(o.stream, err)
		return nil
	}
	in := newIncoming(p, o, key, reserved, whole)
	in.former = p.server.claim(in)
	p.open[o.stream] = in
	p.server.workers.Go(in.work)
	return nil
}

func (p *serverParty) refuse(stream uint64, err error) {
	r := toRefusal(err)
	p.session.link.say(refuse{stream, r.Code, r.RetryAfter, r.Sentence})
}

// tick closes a silent connection and asks a peer that moved to show that it hears us.
func (p *serverParty) tick(now time.Time) (time.Time, error) {
	idle := p.session.link.heard.Add(p.server.cfg.Limits.Idle)
	if !now.Before(idle) {
		return time.Time{}, &Error{Code: CodeIdle}
	}
	if len(p.session.link.flight.packets) > maxWaiting { // it makes us speak, and answers nothing: each packet is memory
		return time.Time{}, &Error{Code: CodeProtocol}
	}
	at, unproven := p.wire.doubt()
	if !unproven {
		p.asking = p.asking && p.askedAt == at
		return idle, nil
	}
	if !p.asking || p.askedAt != at {
		c := challenge{moved: at.Addr() != p.proven}
		_, _ = rand.Read(c.nonce[:])
		p.asked, p.askedAt, p.asking = c, at, true
		p.session.link.say(c)
		if c.moved {
			p.session.link.pace.reset()
			p.session.link.rtt = rttClock{}
		}
	}
	return idle, nil
}

// leave ends what the connection has under way: bodies that are whole are still taken in.
func (p *serverParty) leave() {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	for _, in := range p.open {
		in.stop(nil)
	}
}

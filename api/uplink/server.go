package uplink

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
)

const (
	handshakeTime = 10 * time.Second // a handshake takes no longer
	finishTime    = time.Minute      // a body that arrived is given this long to be taken in, even if its client is gone
	socketBuffer  = 4 << 20          // bytes asked of the kernel for datagrams not read yet
)

// A Server takes uploads from devices. Make it with NewServer.
type Server struct {
	cfg ServerConfig

	mu      sync.Mutex
	conns   map[*serverParty]struct{}
	uploads map[uploadKey]*incoming // the one that is under way for each body of each device
	perPeer map[peerKey]int
	memory  int64          // bytes reserved for bodies
	leaving int64          // of these, bytes of uploads that were put out and have not let go yet
	workers sync.WaitGroup // connections, and bodies that are being taken in
}

// A peerKey is the digest of a device's certificate.
type peerKey [sha256.Size]byte

type uploadKey struct {
	peer peerKey
	id   [16]byte
}

// NewServer returns a Server that is not yet serving.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Sink == nil || cfg.Certificate == nil || cfg.VerifyPeer == nil || cfg.Log == nil {
		return nil, errors.New("uplink: Sink, Certificate, VerifyPeer and Log are required")
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Event) {}
	}
	l := &cfg.Limits
	l.Connections = orDefault(l.Connections, 1024)
	l.Handshakes = orDefault(l.Handshakes, 256)
	l.UploadsPerPeer = orDefault(l.UploadsPerPeer, 8)
	l.Memory = orDefault(l.Memory, 512<<20)
	l.Size = min(orDefault(l.Size, 64<<20), maxBitmap*8*BlockSize)
	l.Idle = orDefault(l.Idle, 30*time.Second)
	l.Stall = orDefault(l.Stall, 30*time.Second)
	return &Server{cfg: cfg, conns: make(map[*serverParty]struct{}), uploads: make(map[uploadKey]*incoming),
		perPeer: make(map[peerKey]int)}, nil
}

func orDefault[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Serve answers on pc until ctx ends, then tells the clients, waits for uploads that are being taken in, closes pc and
// returns nil. It may be called once.
func (s *Server) Serve(ctx context.Context, pc net.PacketConn) error {
	if u, ok := pc.(interface{ SetReadBuffer(int) error }); ok {
		_ = u.SetReadBuffer(socketBuffer) // the kernel may give less
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var d *door
	d = newDoor(pc, s.cfg.Limits, func(w *wire, first *path) {
		s.workers.Go(func() { s.serveWire(ctx, d, w, first) })
	})
	failed := make(chan error, 1)
	go func() { failed <- d.serve() }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		failed <- nil
	}
	d.refuse()
	cancel()
	s.endAll(&Error{Code: CodeShutdown})
	s.workers.Wait()
	closed := pc.Close()
	<-failed
	if err != nil {
		return fmt.Errorf("reading datagrams: %w", err)
	}
	return closed
}

func (s *Server) endAll(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.conns {
		p.session.end(err)
		p.session.wakeUp()
	}
}

// serveWire shakes hands on a new wire and serves the connection until it ends.
func (s *Server) serveWire(ctx context.Context, d *door, w *wire, first *path) {
	defer func() { _ = w.Close() }()
	conn, peer, err := s.shake(ctx, w, first)
	if err != nil {
		s.refused(d, w, err)
		return
	}
	d.established(w)
	party := newServerParty(ctx, s, w, peer)
	party.session = newSession(&serverWire{Conn: conn, wire: w}, nil)
	party.session.party = party
	if !s.enter(party) {
		party.session.end(&Error{Code: CodeBusy})
	}
	err = party.session.run()
	party.leave()
	s.mu.Lock()
	delete(s.conns, party)
	s.mu.Unlock()
	s.cfg.Log.Debug("uplink connection ended", "why", reason(err), "packets", party.session.link.arrived)
}

// refused tells whoever watches that a handshake came to nothing, unless it never showed the cookie.
func (s *Server) refused(d *door, w *wire, err error) {
	code := CodeUnauthenticated
	if d.wasTurned(w) {
		code = CodeBusy
	} else if !w.proven.Load() {
		return
	}
	s.cfg.Observe(Event{Code: code, Handshake: true})
	s.cfg.Log.Info("uplink handshake refused", "code", code.String(), "error", err)
}

// shake runs the handshake and returns whom we speak with.
func (s *Server) shake(ctx context.Context, w *wire, first *path) (*dtls.Conn, Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	cert, err := s.cfg.Certificate()
	if err != nil {
		return nil, Peer{}, fmt.Errorf("reading the server's certificate: %w", err)
	}
	conn, err := serverConn(w, first.udp, cert, func(chain []*x509.Certificate) error { return s.cfg.VerifyPeer(ctx, chain) })
	if err != nil {
		return nil, Peer{}, fmt.Errorf("starting dtls: %w", err)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, Peer{}, err
	}
	chain, err := peerChain(conn)
	if err != nil {
		_ = conn.Close()
		return nil, Peer{}, err
	}
	return conn, Peer{Certificate: chain[0], Addr: first.addr}, nil
}

// enter counts a connection, if there is room: one device has a quarter of it at most, so that none shuts out the others.
func (s *Server) enter(p *serverParty) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.cfg.Limits.Connections || p.ctx.Err() != nil {
		return false
	}
	own := 0
	for c := range s.conns {
		if c.key == p.key {
			own++
		}
	}
	if own >= max(s.cfg.Limits.Connections/4, 1) {
		return false
	}
	s.conns[p] = struct{}{}
	return true
}

// reason is a word for the log.
func reason(err error) string {
	var refusal *Error
	switch {
	case errors.As(err, &refusal):
		return refusal.Code.String()
	case errors.Is(err, errPeerClosed):
		return "peer closed"
	}
	return "silent"
}

// A serverWire is a server's DTLS connection that notices when its peer speaks from another address.
type serverWire struct {
	*dtls.Conn
	wire *wire
	last net.Addr
}

func (c *serverWire) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		return n, err
	}
	if at := c.RemoteAddr(); at != c.last {
		c.wire.move(at)
		if c.last == nil {
			c.wire.sealed.Store(true) // the client has our Finished: nothing in plaintext is expected any more
		}
		c.last = at
	}
	return n, nil
}

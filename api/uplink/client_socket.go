package uplink

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
)

// A socket is a client's socket: what comes from the server goes to the one connection on it.
type socket struct {
	pc       net.PacketConn
	server   netip.AddrPort
	wire     *wire
	answered atomic.Bool   // anything came from the server
	alerted  atomic.Bool   // an alert in plaintext came
	rtt      time.Duration // of the first exchange
	pump     sync.WaitGroup
}

// alertWait is how long an alert in plaintext is held back during a handshake.
const alertWait = time.Second

func listenUDP(ctx context.Context) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, "udp", ":0")
}

func newSocket(pc net.PacketConn, server netip.AddrPort) *socket {
	if u, ok := pc.(interface{ SetReadBuffer(int) error }); ok {
		_ = u.SetReadBuffer(socketBuffer)
	}
	s := &socket{pc: pc, server: netip.AddrPortFrom(server.Addr().Unmap(), server.Port())}
	s.wire = newWire(pc.LocalAddr(), sender(pc))
	s.wire.cid = newCID()
	s.wire.mu.Lock()
	s.wire.current = s.wire.pathOf(s.server)
	s.wire.current.valid = true
	s.wire.mu.Unlock()
	s.pump.Go(s.receive)
	return s
}

// receive hands on what the server sent. Once the handshake is over, that is only records with our connection ID: a
// forged alert or a forged record in plaintext must not reach DTLS, which would answer it.
func (s *socket) receive() {
	receive := receiver(s.pc)
	started := time.Now()
	for {
		buf := datagrams.Get().(*[maxDatagram]byte)
		n, from, err := receive(buf[:])
		if err != nil {
			datagrams.Put(buf)
			if isClosed(err) || !temporary(err) {
				return
			}
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if from != s.server || n < recordHeader || s.wire.sealed.Load() && !s.ours(buf[:n]) {
			datagrams.Put(buf)
			continue
		}
		if !s.answered.Swap(true) {
			s.rtt = time.Since(started)
		}
		if buf[0] == recordAlert {
			s.later(buf, n)
			continue
		}
		s.wire.deliver(buf, n, s.server)
	}
}

// later hands on an alert in plaintext, which anybody can forge, only if the handshake is still not over in a while.
func (s *socket) later(buf *[maxDatagram]byte, n int) {
	if s.alerted.Swap(true) {
		datagrams.Put(buf)
		return
	}
	s.pump.Go(func() {
		timer := time.NewTimer(alertWait)
		defer timer.Stop()
		select {
		case <-s.wire.closed:
		case <-timer.C:
			if !s.wire.sealed.Load() {
				s.wire.deliver(buf, n, s.server)
				return
			}
		}
		datagrams.Put(buf)
	})
}

func (s *socket) ours(b []byte) bool {
	return oneRecord(b) && string(b[11:11+cidSize]) == s.wire.cid
}

// shake runs the handshake. Without any answer for blockedAfter it gives up.
func (s *socket) shake(ctx context.Context, cfg *ClientConfig) (*dtls.Conn, error) {
	ctx, end := context.WithTimeout(ctx, shakeTime)
	defer end()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(blockedAfter, func() {
		if !s.answered.Load() {
			cancel(ErrBlocked)
		}
	})
	defer timer.Stop()
	conn, err := clientConn(s.wire, s.wire.current.udp, cfg)
	if err != nil {
		return nil, fmt.Errorf("starting dtls: %w", err)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, s.explain(ctx, err)
	}
	s.wire.sealed.Store(true)
	return conn, nil
}

// explain turns what DTLS says about a handshake into our errors.
func (s *socket) explain(ctx context.Context, err error) error {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(err, &authority), errors.As(err, &invalid), errors.As(err, &name):
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	case ctx.Err() != nil && !s.answered.Load():
		return context.Cause(ctx) // ErrBlocked, or the caller's
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("shaking hands: %w", errSilent)
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

func (s *socket) close() {
	_ = s.wire.Close()
	_ = s.pc.Close()
	s.pump.Wait()
}

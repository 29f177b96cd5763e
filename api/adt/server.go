package adt

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds of connections. A sender holds its connection open and says nothing for hours at night.
const (
	maxConnections = 64
	idleFor        = 12 * time.Hour
	readFor        = 30 * time.Second // of one message, once it has begun
	writeFor       = 30 * time.Second
)

// Listener is who may connect, and how.
type Listener struct {
	Address string
	// TLS, with client certificates asked for or not. Nil: plain, which is taken on loopback only.
	TLS *tls.Config
	// Peers are the networks that may connect; none: any, which asks for client certificates, or loopback.
	Peers []netip.Prefix
}

// Listen opens the address. It refuses to listen to anybody who asks: away from loopback it wants TLS, and a client
// certificate or a list of peers.
func (l Listener) Listen(ctx context.Context) (net.Listener, error) {
	host, _, err := net.SplitHostPort(l.Address)
	if err != nil {
		return nil, errors.New("the feed's address must be host:port")
	}
	ip, err := netip.ParseAddr(host)
	loopback := host == "localhost" || err == nil && ip.IsLoopback()
	switch {
	case !loopback && l.TLS == nil:
		return nil, errors.New("the feed needs TLS away from loopback")
	case !loopback && len(l.Peers) == 0 && l.TLS.ClientAuth != tls.RequireAndVerifyClientCert:
		return nil, errors.New("the feed needs a list of peers or a CA for their certificates")
	}
	open, err := new(net.ListenConfig).Listen(ctx, "tcp", l.Address)
	if err != nil {
		return nil, fmt.Errorf("listening for the feed (is another program on that address?): %w", err)
	}
	return open, nil
}

// Serve answers on an open listener until ctx ends, then lets the messages in hand finish.
func (f *Feed) Serve(ctx context.Context, l Listener, open net.Listener) error {
	var all sync.WaitGroup
	defer all.Wait()
	stop := context.AfterFunc(ctx, func() { open.Close() })
	defer stop()
	free := make(chan struct{}, maxConnections)
	for {
		conn, err := open.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			f.cfg.Log.Warn("accepting a connection of the feed failed", "error", err)
			select {
			case <-time.After(100 * time.Millisecond): // out of file descriptors, say
			case <-ctx.Done():
			}
			continue
		}
		select {
		case free <- struct{}{}:
			all.Go(func() {
				defer func() { <-free }()
				f.serve(ctx, l, conn)
			})
		default:
			f.cfg.Log.Warn("too many connections of the feed, one refused", "peer", conn.RemoteAddr().String())
			conn.Close()
		}
	}
}

// serve answers one connection. It owns it.
func (f *Feed) serve(ctx context.Context, l Listener, conn net.Conn) {
	defer conn.Close()
	peer, conn, err := l.admit(ctx, conn)
	if err != nil {
		f.cfg.Log.Warn("connection of the feed refused", "peer", peer, "error", err)
		return
	}
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) }) // what is in hand is still answered
	defer stop()
	r := newReader(conn)
	for ctx.Err() == nil {
		raw, err := next(ctx, conn, r)
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				f.cfg.Log.Warn("connection of the feed ended", "peer", peer, "error", err)
			}
			return
		}
		for _, a := range f.Take(context.WithoutCancel(ctx), raw, peer) {
			if err := errors.Join(conn.SetWriteDeadline(time.Now().Add(writeFor)), write(conn, frame(a))); err != nil {
				f.cfg.Log.Warn("answering the feed failed; it will send again", "peer", peer, "error", err)
				return
			}
		}
	}
}

func write(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

// next waits for a message and then reads it within its time.
func next(ctx context.Context, conn net.Conn, r *bufio.Reader) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Now().Add(idleFor)); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // ended between its deadline and ours
		return nil, io.EOF
	}
	if _, err := r.Peek(1); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(readFor)); err != nil {
		return nil, err
	}
	return readFrame(r)
}

// admit says who has connected, or refuses.
func (l Listener) admit(ctx context.Context, conn net.Conn) (peer string, used net.Conn, err error) {
	peer = conn.RemoteAddr().String()
	from, err := netip.ParseAddrPort(peer)
	if err != nil {
		return peer, conn, fmt.Errorf("address: %w", err)
	}
	peer = from.Addr().Unmap().String()
	known := len(l.Peers) == 0
	for _, p := range l.Peers {
		known = known || p.Contains(from.Addr().Unmap())
	}
	if !known {
		return peer, conn, errors.New("not one of the peers")
	}
	if l.TLS == nil {
		return peer, conn, nil
	}
	secure := tls.Server(conn, l.TLS)
	shake, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	if err := secure.HandshakeContext(shake); err != nil {
		return peer, secure, fmt.Errorf("handshake: %w", err)
	}
	if certs := secure.ConnectionState().PeerCertificates; len(certs) > 0 {
		peer = clip(plain(certs[0].Subject.CommonName)+" "+peer, 200)
	}
	return peer, secure, nil
}

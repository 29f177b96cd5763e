package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	blockedAfter = 3 * time.Second        // without any answer, UDP counts as blocked
	shakeTime    = 4 * time.Second        // one handshake takes no longer
	dialTime     = 10 * time.Second       // nor do all attempts at one
	firstPause   = 100 * time.Millisecond // between two attempts to connect; then it doubles
	longestPause = 2 * time.Second
)

// A Client sends bodies to one server. Its methods may be called from many goroutines. Make it with Dial.
type Client struct {
	cfg    ClientConfig
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	dialMu chan struct{} // held while dialling; a channel, so that waiting for it can be given up

	mu      sync.Mutex
	current *clientParty
	closed  bool
	running sync.WaitGroup
}

// Dial connects to the server. The error wraps ErrBlocked when nothing was ever answered, ErrUntrusted when the server's
// certificate is not good, ErrRefused when the server refused this device's.
func Dial(ctx context.Context, cfg ClientConfig) (*Client, error) {
	if !cfg.Addr.IsValid() || cfg.ServerName == "" || len(cfg.Certificate.Certificate) == 0 {
		return nil, errors.New("uplink: Addr, ServerName and Certificate are required")
	}
	if cfg.Patience <= 0 {
		cfg.Patience = time.Minute
	}
	if cfg.ListenPacket == nil {
		cfg.ListenPacket = listenUDP
	}
	c := &Client{cfg: cfg, dialMu: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if _, err := c.connection(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Upload sends the body and returns the server's receipt. A connection that breaks is made again, and only what the
// server does not hold is sent again. progress, when not nil, is told how many bytes of the body the server has; it never
// goes back. The error is, or wraps, an *Error when the server refused, ErrBlocked when it does not answer, or the
// context's. An offer may be tried again with the same ID as often as wanted: it gets the same receipt.
func (c *Client) Upload(ctx context.Context, offer Offer, body io.ReaderAt, progress func(acked int64)) ([]byte, error) {
	if offer.Size < 1 || len(offer.Token) > maxToken {
		return nil, fmt.Errorf("uplink: %w", &Error{Code: CodeInvalid, Sentence: CodeInvalid.Sentence()})
	}
	if progress == nil {
		progress = func(int64) {}
	}
	told := int64(0)
	tell := func(acked int64) {
		if acked > told {
			told = acked
			progress(acked)
		}
	}
	patience := time.Now().Add(c.cfg.Patience)
	pause := firstPause
	for attempt := 0; ; attempt++ {
		before := told
		reply, err := c.try(ctx, offer, body, attempt, tell)
		if err == nil || !worthAnother(err) {
			return reply, err
		}
		if told > before {
			patience, pause = time.Now().Add(c.cfg.Patience), firstPause
		}
		if time.Now().Add(pause).After(patience) {
			return nil, err
		}
		if err := c.sleep(ctx, pause); err != nil {
			return nil, err
		}
		pause = min(2*pause, longestPause)
	}
}

// try sends the body over one connection.
func (c *Client) try(ctx context.Context, offer Offer, body io.ReaderAt, attempt int, tell func(int64)) ([]byte, error) {
	p, err := c.connection(ctx)
	if err != nil {
		return nil, err
	}
	early := uint64(BlockSize)
	if attempt > 0 {
		early = 0 // ask first what is held
	}
	return p.upload(ctx, offer, body, early, tell)
}

// worthAnother says whether connecting anew may help.
func worthAnother(err error) bool {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal.Code == CodeShutdown || refusal.Code == CodeIdle
	}
	return errors.Is(err, errSilent) || errors.Is(err, errPeerClosed) || errors.Is(err, ErrBlocked)
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return ErrClosed
	}
}

// connection returns the connection there is, or makes one.
func (c *Client) connection(ctx context.Context) (*clientParty, error) {
	select {
	case c.dialMu <- struct{}{}:
		defer func() { <-c.dialMu }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	p, closed := c.current, c.closed
	c.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if p != nil && p.usable() {
		return p, nil
	}
	p, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		p.session.end(ErrClosed)
		return nil, ErrClosed
	}
	c.current = p
	return p, nil
}

// dial shakes hands, anew when a handshake was answered and then went nowhere: one damaged message is enough for that.
func (c *Client) dial(ctx context.Context) (*clientParty, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	stop := context.AfterFunc(c.ctx, cancel)
	defer stop()
	for {
		p, err := c.dialOnce(ctx)
		if !errors.Is(err, errSilent) || ctx.Err() != nil {
			if err != nil && c.ctx.Err() != nil {
				return nil, ErrClosed
			}
			return p, err
		}
	}
}

// dialOnce opens a socket, shakes hands and starts the connection.
func (c *Client) dialOnce(ctx context.Context) (*clientParty, error) {
	pc, err := c.cfg.ListenPacket(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	s := newSocket(pc, c.cfg.Addr)
	conn, err := s.shake(ctx, &c.cfg)
	if err != nil {
		s.close()
		return nil, err
	}
	p := newClientParty(c.cfg.Trace)
	p.session = newSession(conn, &p.bundle)
	p.session.party = p
	p.session.link.pace.hint(time.Now(), s.rtt)
	p.session.link.rtt.see(max(s.rtt, timerGrain), 0)
	p.session.link.say(hello{[]uint16{Version}})
	c.running.Go(func() {
		p.leave(p.session.run())
		s.close()
	})
	return p, nil
}

// Close ends the connection and every upload under way, and waits until nothing runs any more.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	p := c.current
	c.mu.Unlock()
	c.cancel()
	if p != nil {
		p.session.end(ErrClosed)
	}
	c.running.Wait()
	return nil
}

package uplink

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// errSilent means that the peer stopped answering.
var errSilent = errors.New("peer stopped answering")

// A transport carries packets whole and in secret: a DTLS connection, or a test's.
type transport interface {
	io.ReadWriteCloser
}

// A party is what an end of a connection does with frames. Its methods are called with the session's lock held.
type party interface {
	admit(frames []frame) bool                      // whether the packet can be taken now
	handle(now time.Time, f frame) error            // an *Error ends the connection with its code
	tick(now time.Time) (next time.Time, err error) // what time brings; asked at least when next is reached
}

// A session runs a link over a transport: one goroutine reads, one writes and watches the time.
type session struct {
	mu     sync.Mutex // guards link and the party
	link   *link
	conn   transport
	party  party
	signal chan struct{}
	once   sync.Once
	ended  chan struct{} // closed when the session ends; err says why
	err    error
}

func newSession(conn transport, body source) *session {
	return &session{conn: conn, link: newLink(time.Now(), body), signal: make(chan struct{}, 1), ended: make(chan struct{})}
}

// run serves the session until it ends, and says why.
func (s *session) run() error {
	var wg sync.WaitGroup
	wg.Go(s.read)
	s.write()
	_ = s.conn.Close()
	wg.Wait()
	return s.err
}

// wakeUp makes the writer look again.
func (s *session) wakeUp() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// end ends the session for a reason; the first reason counts.
func (s *session) end(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.ended)
	})
}

// badReads is how many errors in a row a transport may give before it counts as gone.
const badReads = 64

func (s *session) read() {
	buf := make([]byte, 16<<10)
	for bad := 0; bad < badReads; {
		n, err := s.conn.Read(buf)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
				break
			}
			bad++
			continue
		}
		bad = 0
		if err := s.take(buf[:n]); err != nil {
			s.end(err)
			return
		}
		s.wakeUp()
	}
	s.end(errSilent)
}

// take handles one packet.
func (s *session) take(packet []byte) error {
	if len(packet) > maxPacket {
		return &Error{Code: CodeProtocol}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	frames, err := s.link.receive(now, packet, s.party.admit)
	if err != nil {
		return fmt.Errorf("%w: %w", &Error{Code: CodeProtocol}, err)
	}
	for _, f := range frames {
		if err := s.party.handle(now, f); err != nil {
			return err
		}
	}
	return nil
}

// write sends what is due and sleeps until something is, until the session ends.
func (s *session) write() {
	buf := make([]byte, 0, maxPacket)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.ended:
			s.lastWord(buf)
			return
		default:
		}
		packet, wait := s.step(buf)
		if packet != nil {
			_, _ = s.conn.Write(packet) // what a full network refuses is lost like any packet
			continue
		}
		timer.Reset(wait)
		select {
		case <-s.ended:
		case <-s.signal:
		case <-timer.C:
		}
	}
}

// step returns the packet that leaves now, or how long to wait.
func (s *session) step(buf []byte) ([]byte, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	next, err := s.party.tick(now)
	if err != nil {
		s.end(err)
		return nil, 0
	}
	s.link.timeout(now)
	if packet := s.link.next(now, buf); packet != nil {
		return packet, 0
	}
	at := earliest(s.link.wake(now), next)
	if at.IsZero() {
		return nil, time.Second
	}
	return nil, max(at.Sub(now), 50*time.Microsecond)
}

// heardFirst is how long the last word goes before the end of the DTLS connection: a peer that finds both at once may look
// at the end alone.
const heardFirst = 50 * time.Millisecond

// lastWord tells the peer why the connection ends, once, unless the peer said so itself.
func (s *session) lastWord(buf []byte) {
	code := CodeNone
	var refusal *Error
	if errors.As(s.err, &refusal) {
		code = refusal.Code
	}
	if errors.Is(s.err, errPeerClosed) || errors.Is(s.err, errSilent) {
		return
	}
	s.mu.Lock()
	packet := appendVarint(buf[:0], s.link.flight.next)
	for _, f := range s.link.control {
		if r, ok := f.(hello); ok { // the versions, when there is none in common
			packet = r.append(packet)
		}
	}
	s.link.flight.push(departed{state: bare})
	s.mu.Unlock()
	_, _ = s.conn.Write(closing{code}.append(packet))
	if code != CodeNone {
		time.Sleep(heardFirst)
	}
}

// errPeerClosed means that the peer said that it closes.
var errPeerClosed = errors.New("peer closed the connection")

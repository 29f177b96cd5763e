package uplink

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

const (
	silence   = 1500 * time.Millisecond // without a word from the server, and
	deadPTOs  = 3                       // with so many probes unanswered, a connection counts as gone
	keepAlive = time.Second             // between pings while a reply is awaited
	restAfter = 20 * time.Second        // without an upload, a client closes its connection
)

// A clientParty is a client's connection. Everything in it is guarded by the session's lock.
type clientParty struct {
	session *session
	trace   func(Trace)
	bundle  bundle
	next    uint64 // stream
	uploads map[uint64]*sending
	rested  time.Time // since when no upload was under way
	gone    error
	traced  uint64
	moved   [challengeSize]byte // nonce of the last challenge after which the path was forgotten
}

// sending is one upload on this connection.
type sending struct {
	*outgoing
	news   chan struct{} // something changed
	result chan error    // one, when it is over
}

func newClientParty(trace func(Trace)) *clientParty {
	return &clientParty{uploads: make(map[uint64]*sending), trace: trace, rested: time.Now()}
}

// usable says whether another upload may start on this connection.
func (p *clientParty) usable() bool {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	select {
	case <-p.session.ended:
		return false
	default:
		return p.gone == nil && p.next < maxStreams
	}
}

// upload offers a body, sends it, and waits for the receipt.
func (p *clientParty) upload(ctx context.Context, o Offer, body io.ReaderAt, early uint64, tell func(int64)) ([]byte, error) {
	u, err := p.start(o, body, early)
	if err != nil {
		return nil, err
	}
	defer p.finish(u)
	for {
		select {
		case err := <-u.result:
			tell(p.progress(u))
			return u.receipt, err
		case <-u.news:
			tell(p.progress(u))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *clientParty) start(o Offer, body io.ReaderAt, early uint64) (*sending, error) {
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.gone != nil {
		return nil, p.gone
	}
	u := &sending{outgoing: newOutgoing(p.next, o, body, early), news: make(chan struct{}, 1), result: make(chan error, 1)}
	p.next++
	u.tolerant = s.link.pace.tolerant
	u.changed = func() {
		if u.failed != nil {
			u.over(fmt.Errorf("reading the body: %w", u.failed))
		}
		select {
		case u.news <- struct{}{}:
		default:
		}
	}
	opening := offer{u.stream, o}
	s.link.say(opening)
	u.opening = []frame{opening}
	if u.stream == 0 {
		u.opening = []frame{hello{[]uint16{Version}}, opening}
	}
	p.uploads[u.stream] = u
	p.bundle.streams = append(p.bundle.streams, u.outgoing)
	s.wakeUp()
	return u, nil
}

// over ends an upload; the first end counts.
func (u *sending) over(err error) {
	select {
	case u.result <- err:
	default:
	}
}

func (p *clientParty) progress(u *sending) int64 {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	return int64(u.got.count())
}

// finish forgets an upload, and tells the server when it was given up.
func (p *clientParty) finish(u *sending) {
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, open := p.uploads[u.stream]; open {
		s.link.say(abandon{u.stream})
		p.close(u, context.Canceled)
		s.wakeUp()
	}
}

// close ends an upload with what became of it.
func (p *clientParty) close(u *sending, err error) {
	delete(p.uploads, u.stream)
	p.bundle.remove(u.stream)
	p.rested = time.Now()
	u.over(err)
}

func (p *clientParty) admit([]frame) bool { return true }

func (p *clientParty) handle(now time.Time, f frame) error {
	switch v := f.(type) {
	case ping, welcome, hello, response:
	case accept:
		if u := p.uploads[v.stream]; u != nil {
			u.accepted(v)
		}
	case window:
		if u := p.uploads[v.stream]; u != nil {
			u.allow(v.limit)
		}
	case receipt:
		if u := p.uploads[v.stream]; u != nil && u.keepReceipt(v) {
			u.mark(span{0, u.size})
			p.close(u, nil)
		}
	case refuse:
		if u := p.uploads[v.stream]; u != nil {
			p.close(u, &Error{v.code, printable(v.sentence), v.retry})
		}
	case challenge:
		p.session.link.say(response{v.nonce})
		if v.moved && v.nonce != p.moved {
			p.moved = v.nonce
			p.session.link.pace.reset()
			p.session.link.rtt = rttClock{}
		}
	case closing:
		if v.code == CodeNone {
			return errPeerClosed
		}
		return &Error{v.code, v.code.Sentence(), 0}
	default:
		return &Error{Code: CodeProtocol}
	}
	return nil
}

// tick notices a server that is gone, keeps the connection up while a reply is awaited, and closes it when there is
// nothing to do.
func (p *clientParty) tick(now time.Time) (time.Time, error) {
	l := p.session.link
	p.tell(now)
	if len(p.uploads) == 0 {
		rest := p.rested.Add(restAfter)
		if !now.Before(rest) {
			return time.Time{}, &Error{Code: CodeNone}
		}
		return rest, nil
	}
	quiet := now.Sub(l.heard)
	if quiet > silence && l.ptos >= deadPTOs {
		return time.Time{}, errSilent
	}
	if quiet > keepAlive && l.flight.flying == 0 && len(l.control) == 0 {
		l.say(ping{})
	}
	return now.Add(keepAlive / 4), nil
}

// tell reports the state of the sender, once for each acknowledgement at most.
func (p *clientParty) tell(now time.Time) {
	l := p.session.link
	if p.trace == nil || l.arrived == p.traced {
		return
	}
	p.traced = l.arrived
	p.trace(Trace{At: now, Rate: l.pace.rate(), Pacing: l.pace.pacing(), Window: l.pace.window(),
		Inflight: l.pace.inflight, RTT: l.rtt.smoothed, MinRTT: l.pace.minRTT, Sent: l.sent, Lost: l.lostCount,
		Phase: l.pace.phase.String()})
}

// leave ends every upload of a connection that ended.
func (p *clientParty) leave(why error) {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	p.gone = why
	if p.gone == nil {
		p.gone = errPeerClosed
	}
	for _, u := range p.uploads {
		p.close(u, p.gone)
	}
}

// printable is a sentence as a terminal may show it.
func printable(sentence string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(sentence, ""))
}

package uplink_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/api/uplink"
)

// rigPort is where each server of the rig listens.
const rigPort = 8441

// A shelf is a sink that keeps digests: what was taken in, how often, and the
// blocks that a broken connection left. It outlives servers.
type shelf struct {
	mu     sync.Mutex
	blocks map[[16]byte]map[int][]byte
	taken  map[[16]byte][32]byte // digests of bodies that got a receipt
	times  map[[16]byte]int      // how often a body was finished
	begun  int                   // how often an upload was begun or gone on with
}

func newShelf() *shelf {
	return &shelf{blocks: map[[16]byte]map[int][]byte{}, taken: map[[16]byte][32]byte{}, times: map[[16]byte]int{}}
}

func (s *shelf) Begin(_ context.Context, _ uplink.Peer, offer uplink.Offer) (uplink.Upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	if s.blocks[offer.ID] == nil {
		s.blocks[offer.ID] = map[int][]byte{}
	}
	return &place{s, offer}, nil
}

// count says how many bodies were taken in, and how often one was begun.
func (s *shelf) count() (bodies, begun int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.times {
		bodies += n
	}
	return bodies, s.begun
}

// A place is one upload on a shelf.
type place struct {
	*shelf
	offer uplink.Offer
}

func (p *place) Held() (receipt []byte, blocks []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if digest, ok := p.taken[p.offer.ID]; ok {
		return digest[:], nil
	}
	for n := range p.blocks[p.offer.ID] {
		blocks = append(blocks, n)
	}
	return nil, blocks
}

func (p *place) Block(_ context.Context, n int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.blocks[p.offer.ID][n]
	if !ok {
		return nil, errors.New("no such block")
	}
	return b, nil
}

func (p *place) Keep(_ context.Context, n int, b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocks[p.offer.ID][n] = bytes.Clone(b)
	return nil
}

func (p *place) Finish(_ context.Context, body io.Reader) ([]byte, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, body); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	digest := [32]byte(hash.Sum(nil))
	p.taken[p.offer.ID] = digest
	p.times[p.offer.ID]++
	delete(p.blocks, p.offer.ID)
	return digest[:], nil
}

// A station is an uplink server on a wire, with all that its clients need.
type station struct {
	t           testing.TB
	wire        *wire
	shelf       *shelf
	certificate tls.Certificate // the server's
	roots       *x509.CertPool
	stop        func() // ends the server and waits for it
	trace       func(uplink.Trace)
}

func newStation(t testing.TB, w *wire) *station {
	t.Helper()
	s := &station{t: t, wire: w, shelf: newShelf(), stop: func() {}}
	s.certificate, s.roots = rigCertificate(t, w.server.addr)
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

// start serves on the wire's server until stop.
func (s *station) start() {
	t := s.t
	t.Helper()
	server, err := uplink.NewServer(uplink.ServerConfig{
		Sink:        s.shelf,
		Certificate: func() (*tls.Certificate, error) { return &s.certificate, nil },
		VerifyPeer:  func(context.Context, []*x509.Certificate) error { return nil },
		Log:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.wire.server.listenUDP(rigPort)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, conn) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
}

// dial connects a new device on the wire's client.
func (s *station) dial(ctx context.Context) (*uplink.Client, error) {
	device, _ := rigCertificate(s.t, "device")
	return uplink.Dial(ctx, uplink.ClientConfig{
		Addr: netip.AddrPortFrom(netip.MustParseAddr(s.wire.server.addr), rigPort), ServerName: s.wire.server.addr, Roots: s.roots, Certificate: device,
		ListenPacket: func(context.Context) (net.PacketConn, error) { return s.wire.client.listenUDP(0) },
		Trace:        s.trace,
	})
}

// send connects, sends one body and checks the receipt: the digest of what the server took in.
func (s *station) send(ctx context.Context, body []byte, progress func(int64)) (err error) {
	client, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("dialling: %w", err)
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return sendOver(ctx, client, body, progress)
}

func sendOver(ctx context.Context, client *uplink.Client, body []byte, progress func(int64)) error {
	offer := uplink.Offer{Digest: sha256.Sum256(body), Size: int64(len(body)), Token: "session"}
	_, _ = rand.Read(offer.ID[:])
	receipt, err := client.Upload(ctx, offer, bytes.NewReader(body), progress)
	if err != nil {
		return fmt.Errorf("uploading: %w", err)
	}
	if !bytes.Equal(receipt, offer.Digest[:]) {
		return fmt.Errorf("the server received %x, want %x", receipt, offer.Digest)
	}
	return nil
}

// photo is a body of random bytes.
func photo(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b)
	return b
}

// patience bounds each transfer of the rig.
func patience(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

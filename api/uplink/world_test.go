package uplink

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a key: %v", err)
	}
	plan := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, plan, plan, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("making an authority: %v", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("reading an authority: %v", err)
	}
	a := &authority{cert: cert, key: key, pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

// issue makes a certificate for a server (with localhost's addresses) or a device.
func (a *authority) issue(t testing.TB, name string, ends time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a key: %v", err)
	}
	plan := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: ends, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, plan, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatalf("making a certificate: %v", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("reading a certificate: %v", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) verify(_ context.Context, chain []*x509.Certificate) error {
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: a.pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

// shelf is a Sink that keeps bodies in memory, across servers.
type shelf struct {
	mu       sync.Mutex
	bodies   map[[16]byte][]byte
	blocks   map[[16]byte]map[int][]byte
	receipts int           // bodies that were taken in
	slow     time.Duration // that each call takes
	hold     chan struct{} // when not nil, Keep waits for it
	refuse   error         // what Begin answers
	kept     int
	again    int // blocks kept that were there
	begun    int
}

func newShelf() *shelf {
	return &shelf{bodies: make(map[[16]byte][]byte), blocks: make(map[[16]byte]map[int][]byte)}
}

func (s *shelf) Begin(_ context.Context, _ Peer, offer Offer) (Upload, error) {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	if s.refuse != nil {
		return nil, s.refuse
	}
	if offer.Token == "" {
		return nil, &Error{Code: CodeUnauthenticated}
	}
	if s.blocks[offer.ID] == nil {
		s.blocks[offer.ID] = make(map[int][]byte)
	}
	return &shelved{s, offer}, nil
}

type shelved struct {
	*shelf
	offer Offer
}

func (u *shelved) Held() ([]byte, []int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.bodies[u.offer.ID] != nil {
		return receiptOf(u.offer), nil
	}
	var held []int
	for n := range u.blocks[u.offer.ID] {
		held = append(held, n)
	}
	return nil, held
}

func receiptOf(o Offer) []byte {
	return append([]byte(`{"receipt":"`), append(bytes.Repeat([]byte("x"), 1500), o.ID[:]...)...)
}

func (u *shelved) Block(_ context.Context, n int) ([]byte, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if b := u.blocks[u.offer.ID][n]; b != nil {
		return b, nil
	}
	return nil, errors.New("no such block")
}

func (u *shelved) Keep(ctx context.Context, n int, b []byte) error {
	time.Sleep(u.slow)
	if u.hold != nil {
		select {
		case <-u.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.blocks[u.offer.ID][n] != nil {
		u.again++
	}
	u.blocks[u.offer.ID][n] = bytes.Clone(b)
	u.kept++
	return nil
}

func (u *shelved) Finish(ctx context.Context, body io.Reader) ([]byte, error) {
	time.Sleep(u.slow)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.bodies[u.offer.ID] == nil {
		u.receipts++
	}
	u.bodies[u.offer.ID] = b
	return receiptOf(u.offer), nil
}

// world is a server on loopback with what a client needs to reach it.
type world struct {
	t      testing.TB
	ca     *authority
	device tls.Certificate
	cert   atomic.Pointer[tls.Certificate] // of the server
	shelf  *shelf
	addr   netip.AddrPort
	stop   func()
	server *Server // that was started last
	events chan Event
	limits Limits
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, ca: newAuthority(t), shelf: newShelf(), events: make(chan Event, 1000)}
	w.device = w.ca.issue(t, "device-1", time.Now().Add(time.Hour))
	w.show(w.ca)
	return w
}

// show makes the server show a certificate of a from now on.
func (w *world) show(a *authority) {
	cert := a.issue(w.t, "localhost", time.Now().Add(time.Hour))
	w.cert.Store(&cert)
}

// serve starts a server on pc, or on a free port, until stop or the end of the test.
func (w *world) serve(pc net.PacketConn) {
	w.t.Helper()
	if pc == nil {
		var err error
		if pc, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			w.t.Fatalf("listening: %v", err)
		}
	}
	w.addr = pc.LocalAddr().(*net.UDPAddr).AddrPort()
	s, err := NewServer(ServerConfig{Sink: w.shelf, Certificate: func() (*tls.Certificate, error) { return w.cert.Load(), nil },
		VerifyPeer: w.ca.verify, Log: slog.New(slog.DiscardHandler), Limits: w.limits,
		Observe: func(e Event) {
			select {
			case w.events <- e:
			default:
			}
		}})
	if err != nil {
		w.t.Fatalf("making a server: %v", err)
	}
	w.server = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, pc) }()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.t.Errorf("serving: %v", err)
			}
		})
	}
	w.t.Cleanup(w.stop)
}

func (w *world) config() ClientConfig {
	return ClientConfig{Addr: w.addr, ServerName: "localhost", Roots: w.ca.pool, Certificate: w.device}
}

func (w *world) dial(cfg ClientConfig) *Client {
	w.t.Helper()
	c, err := Dial(context.Background(), cfg)
	if err != nil {
		w.t.Fatalf("dialling: %v", err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// body makes size bytes from a seed and the offer for them.
func bodyOf(seed uint64, size int) ([]byte, Offer) {
	b := make([]byte, size)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	_, _ = mathrand.NewChaCha8(key).Read(b)
	o := Offer{Digest: sha256.Sum256(b), Size: int64(size), Token: "test session"}
	copy(o.ID[:], o.Digest[:])
	return b, o
}

// arrived checks that the shelf holds exactly one copy of the body and that the receipt is its own.
func (w *world) arrived(b []byte, o Offer, reply []byte) {
	w.t.Helper()
	w.shelf.mu.Lock()
	defer w.shelf.mu.Unlock()
	if got := w.shelf.bodies[o.ID]; !bytes.Equal(got, b) {
		w.t.Fatalf("the shelf holds %d other bytes, want the %d sent", len(got), len(b))
	}
	if !bytes.Equal(reply, receiptOf(o)) {
		w.t.Fatalf("receipt of %d bytes, want %d", len(reply), len(receiptOf(o)))
	}
}

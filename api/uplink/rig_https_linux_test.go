package uplink_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// rigCertificate is a certificate for an address, signed by itself.
func rigCertificate(t testing.TB, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}, pool
}

// congestion has the kernel use a congestion control for a socket.
func congestion(name string) func(string, string, syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) (err error) {
		if failed := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, name)
		}); failed != nil {
			return failed
		}
		return err
	}
}

// serveHTTPS answers each POST on the wire's server with the SHA-256 of what it carried.
func serveHTTPS(t testing.TB, w *wire, port int, certificate tls.Certificate) {
	t.Helper()
	var listener net.Listener
	var err error
	w.server.in(func() {
		config := net.ListenConfig{Control: congestion("cubic")}
		config.SetMultipathTCP(false)
		listener, err = config.Listen(context.Background(), "tcp4", fmt.Sprintf("%s:%d", w.server.addr, port))
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			hash := sha256.New()
			if _, err := io.Copy(hash, r.Body); err == nil {
				_, _ = rw.Write(hash.Sum(nil))
			}
		}),
	}
	go func() {
		_ = server.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}))
	}()
	t.Cleanup(func() { _ = server.Close() })
}

// postHTTPS sends a body over a new TLS 1.3 connection on kernel TCP and waits
// for the server's digest of it. HTTP/1.1, which has no window of its own.
func postHTTPS(ctx context.Context, w *wire, port int, roots *x509.CertPool, control string, body []byte) error {
	got, err := post(ctx, w, port, roots, control, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if want := sha256.Sum256(body); !bytes.Equal(got, want[:]) {
		return fmt.Errorf("the server received %x, want %x", got, want)
	}
	return nil
}

// endless is a body without end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func post(ctx context.Context, w *wire, port int, roots *x509.CertPool, control string, body io.Reader) (digest []byte, err error) {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
		DialContext: func(ctx context.Context, _, addr string) (conn net.Conn, err error) {
			w.client.in(func() {
				dialer := net.Dialer{Control: congestion(control)}
				conn, err = dialer.DialContext(ctx, "tcp4", addr)
			})
			return conn, err
		},
		WriteBufferSize: 64 << 10,
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("https://%s:%d/", w.server.addr, port), body)
	if err != nil {
		return nil, err
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	digest, err = io.ReadAll(io.LimitReader(answer.Body, 64))
	return digest, errors.Join(err, answer.Body.Close())
}

package adt

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// listens serves the rig's feed and gives its address.
func (r *rig) listens(l Listener) string {
	r.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	open, err := l.Listen(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.feed.Serve(ctx, l, open) }()
	r.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			r.t.Errorf("serving: %v", err)
		}
	})
	return open.Addr().String()
}

// answerOf sends a message over a connection and gives MSA-1 of the answer.
func answerOf(conn net.Conn, r *bufio.Reader, raw []byte) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	if _, err := conn.Write(frame(raw)); err != nil {
		return "", err
	}
	back, err := readFrame(r)
	if err != nil {
		return "", err
	}
	m, f := parse(back)
	if f != nil {
		return "", f
	}
	msa, _ := m.find("MSA")
	return msa.field(1), nil
}

// certificates makes a CA and certificates for a server and a client on loopback.
func certificates(t *testing.T) (pool *x509.CertPool, server, client tls.Certificate) {
	t.Helper()
	make := func(name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (tls.Certificate, *x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: parent == nil, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
		if parent == nil {
			parent, by = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, made, key
	}
	_, ca, key := make("test ca", nil, nil)
	server, _, _ = make("feed.test", ca, key)
	client, _, _ = make("sender.test", ca, key)
	pool = x509.NewCertPool()
	pool.AddCert(ca)
	return pool, server, client
}

// TestOverTLS: a sender with a certificate is served and named by it; one without, and one of another network, are not.
func TestOverTLS(t *testing.T) {
	r := newRig(t)
	pool, server, client := certificates(t)
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	address := r.listens(Listener{Address: "127.0.0.1:0", TLS: config})
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{client}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := newReader(conn)
	for i, want := range []string{"AA", "AE", "AA"} {
		r.Clock.Add(time.Second)
		born := "19610203"
		if want == "AE" {
			born = "never"
		}
		if got, err := answerOf(conn, in, r.message("A01", fmt.Sprint("t", i), "19610203", born)); err != nil || got != want {
			t.Fatalf("message %d: got %s, %v, want %s", i, got, err, want)
		}
	}
	if m := r.waiting(); len(m) != 1 || m[0].Peer != "sender.test 127.0.0.1" {
		t.Errorf("messages wait: %+v", m)
	}
	if got, err := refusedBy(address, &tls.Config{RootCAs: pool}, r.message("A01", "x1")); err == nil {
		t.Errorf("without a certificate: answered %s", got)
	}
	elsewhere := r.listens(Listener{Address: "127.0.0.1:0", TLS: config, Peers: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if got, err := refusedBy(elsewhere, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{client}}, r.message("A01", "x2")); err == nil {
		t.Errorf("from another network: answered %s", got)
	}
}

func refusedBy(address string, config *tls.Config, raw []byte) (string, error) {
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return answerOf(conn, newReader(conn), raw)
}

// TestListenRefuses: the feed does not listen to anybody who asks.
func TestListenRefuses(t *testing.T) {
	secure := &tls.Config{}
	for name, l := range map[string]Listener{
		"plain away from loopback": {Address: "0.0.0.0:0"},
		"no peers, no CA":          {Address: "0.0.0.0:0", TLS: secure},
		"no address":               {Address: "2575"},
	} {
		if open, err := l.Listen(t.Context()); err == nil {
			open.Close()
			t.Errorf("%s: it listens", name)
		}
	}
}

// TestBrokenFrame: after what is no frame the connection ends; the next one is served.
func TestBrokenFrame(t *testing.T) {
	r := newRig(t)
	address := r.listens(Listener{Address: "127.0.0.1:0"})
	for _, bytes := range []string{"GET / HTTP/1.1\r\n\r\n", "\x0bMSH|\x1cX", "\x0bMSH|^~"} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(bytes)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(conn.(*net.TCPConn).CloseWrite(), conn.SetReadDeadline(time.Now().Add(10*time.Second))); err != nil {
			t.Fatal(err)
		}
		if back, err := io.ReadAll(conn); len(back) > 0 || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q was answered %q, %v", bytes, back, err)
		}
		conn.Close()
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := answerOf(conn, newReader(conn), r.message("A01", "1")); err != nil || got != "AA" {
		t.Errorf("got %s, %v, want AA", got, err)
	}
}

// TestIndependentSender has a client that is not of this house (npm node-hl7-client) send messages, and read the answers.
func TestIndependentSender(t *testing.T) {
	r := newRig(t)
	node, scripts := vaulttest.RequireModule(t, "node-hl7-client")
	address := r.listens(Listener{Address: "127.0.0.1:0"})
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(scripts, "hl7-sender.mjs"), port, r.stamp())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the sender: %v: %s", err, out)
	}
	if got := strings.Fields(string(out)); strings.Join(got, " ") != "A01:AA A08:AA A40:AA A01:AE" {
		t.Errorf("answers %v", got)
	}
	p, known := r.patient("HL7-1")
	if !known || p.Name != "Ägnes Sender" {
		t.Errorf("the patient is known: %v", known)
	}
	if old, known := r.patient("HL7-OLD"); !known || old.ID != p.ID {
		t.Error("the merged number does not find the patient")
	}
}

// BenchmarkADT: messages of one sender that waits for each answer, and of eight at once.
func BenchmarkADT(b *testing.B) {
	for _, senders := range []int{1, 8} {
		b.Run(fmt.Sprint("senders=", senders), func(b *testing.B) {
			r := newRig(b)
			address := r.listens(Listener{Address: "127.0.0.1:0"})
			done := make(chan error, senders)
			b.ResetTimer()
			for s := range senders {
				go func() { done <- r.sends(address, s, b.N/senders+1) }()
			}
			for range senders {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// sends sends n messages about patients of its own.
func (r *rig) sends(address string, sender, n int) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := newReader(conn)
	for i := range n {
		event := []string{"A01", "A02", "A08", "A03"}[i%4]
		raw := r.message(event, fmt.Sprint(sender, "-", i), "ADT-100", fmt.Sprintf("B%d-%d", sender, i/4), "|ADM|", fmt.Sprintf("|ADM%d|", sender))
		if got, err := answerOf(conn, in, raw); err != nil || got != "AA" {
			return fmt.Errorf("message %d: %s, %w", i, got, errors.Join(err, vault.ErrInvalid))
		}
	}
	return nil
}

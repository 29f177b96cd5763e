package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestCutShort: a picture whose end is missing is not sealed, from wherever it comes; the others of the same run are.
func TestCutShort(t *testing.T) {
	picture := string(vaulttest.Picture(t, 64, 48, 1))
	half := picture[:len(picture)/2]
	b := newBench(t)
	b.signIn()
	cut, whole := b.file("cut.jpg", half, 0o600), b.file("whole.jpg", picture, 0o600)
	says := "the picture is cut short: copy it again from the camera"
	b.must(exitFailed, []string{says}, sendArgs(cut)...)
	b.must(exitFailed, []string{says}, sendArgs("--wipe", cut)...)
	if code, _, stderr := b.run(half, sendArgs("-")...); code != exitFailed || !strings.Contains(stderr, "the picture is cut short: send it again") {
		t.Errorf("standard input: got exit code %d, said %s", code, stderr)
	}
	if names := b.queued(); len(names) != 0 || b.server.posts != 0 {
		t.Errorf("the queue holds %q, %d uploads; want none", names, b.server.posts)
	}
	b.must(exitPartly, []string{"cut.jpg: " + says, "received as photo"}, sendArgs(cut, whole)...)
	if got, err := os.ReadFile(cut); err != nil || string(got) != half || len(b.server.got) != 1 {
		t.Errorf("the original: %v; %d received, want it untouched and one", err, len(b.server.got))
	}
}

// TestNoServer: where there is none, or its certificate does not count, the person is told what to do.
func TestNoServer(t *testing.T) {
	tests := []struct {
		name, host string
		ends       time.Duration
		trusted    bool
		says       string
	}{
		{"a good one", "127.0.0.1", time.Hour, true, "the server refused (404)"},
		{"ended", "127.0.0.1", -time.Hour, true, "see that its clock is right; if it is, tell your IT team to renew the certificate"},
		{"for another address", "127.0.0.9", time.Hour, true, "the server's certificate is for another address: check the one"},
		{"of nobody known", "127.0.0.1", time.Hour, false, "name your hospital's authority with --ca"},
	}
	b := newBench(t)
	signIn := func(server, ca string) []string {
		return []string{"sign-in", "--server", server, "--login", "clin", "--password-file", filepath.Join(b.files, "password"), "--ca", ca}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			server, own := certifiedServer(t, tt.host, tt.ends)
			ca := filepath.Join(b.files, "ca.pem")
			if tt.trusted {
				ca = b.file("own.pem", own, 0o600)
			}
			b.must(exitFailed, []string{tt.says}, signIn(server, ca)...)
		})
	}
	b.t = t
	b.signIn()
	path, _ := b.photo(1000)
	b.server.Close()
	says := []string{"the server does not answer", "connect this machine to the network and run it again"}
	b.must(exitFailed, says, signIn(b.server.URL, filepath.Join(b.files, "ca.pem"))...)
	b.must(exitFailed, append(says, "nothing was sealed, and the originals are untouched"), sendArgs(path)...)
}

// certifiedServer is a server on loopback that knows no address, with a certificate of its own; its text in PEM is own.
func certifiedServer(t *testing.T, host string, ends time.Duration) (address, own string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(ends),
		IPAddresses: []net.IP{net.ParseIP(host)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients hang up
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

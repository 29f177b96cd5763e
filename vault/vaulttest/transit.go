package vaulttest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// transitDir names, in a process that StartTransit began, the folder to serve from.
const transitDir = "CLINIVAULT_TRANSIT_DIR"

// TransitServer is a process of its own that speaks the HTTP API of the Transit
// engine of OpenBao and Vault over TLS: keys with versions, tokens that expire,
// and an operator who seals it. See transitEngine for what it knows.
type TransitServer struct {
	dir     string
	address string
	p       *process
	client  *http.Client
}

// StartTransit starts the server on a free loopback port, unsealed, with a key
// "clinivault" and a token of that life in its token file.
func StartTransit(t testing.TB, tokenLife time.Duration) *TransitServer {
	t.Helper()
	s := &TransitServer{dir: t.TempDir()}
	certificate(t, s.dir)
	s.start(t)
	t.Cleanup(func() { s.p.stop() })
	s.NewToken(t, tokenLife)
	return s
}

func (s *TransitServer) start(t testing.TB) {
	t.Helper()
	_ = os.Remove(filepath.Join(s.dir, "address"))
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), transitDir+"="+s.dir, "CLINIVAULT_TRANSIT_LISTEN="+s.address)
	var err error
	if s.p, err = spawn(cmd); err != nil {
		t.Fatalf("starting the key service: %v", err)
	}
	err = s.p.await(func() error {
		text, err := os.ReadFile(filepath.Join(s.dir, "address"))
		s.address = string(text)
		return err
	})
	if err != nil {
		t.Fatalf("starting the key service: %v", err)
	}
	ca, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	s.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

// Config is how a vault reaches the server; nothing is remembered.
func (s *TransitServer) Config() vault.TransitConfig {
	return vault.TransitConfig{Address: "https://" + s.address, Key: "clinivault", TokenFile: s.TokenFile(), CAFile: s.CAFile(),
		Timeout: 2 * time.Second, Memory: -1}
}

// Address is host:port.
func (s *TransitServer) Address() string { return s.address }

// CAFile holds the certificate to trust.
func (s *TransitServer) CAFile() string { return filepath.Join(s.dir, "cert.pem") }

// TokenFile holds the token that NewToken made last.
func (s *TransitServer) TokenFile() string { return filepath.Join(s.dir, "token") }

// Open opens the server as a KMS.
func (s *TransitServer) Open(t testing.TB, change ...func(*vault.TransitConfig)) *vault.Transit {
	t.Helper()
	cfg := s.Config()
	for _, c := range change {
		c(&cfg)
	}
	k, err := vault.OpenTransit(t.Context(), cfg)
	if err != nil {
		t.Fatalf("opening the key service: %v", err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Errorf("closing the key service: %v", err)
		}
	})
	return k
}

// NewToken puts a fresh token into the token file; life 0 is for ever.
func (s *TransitServer) NewToken(t testing.TB, life time.Duration) {
	t.Helper()
	secret := s.Operate(t, "token", map[string]any{"life_ms": life.Milliseconds()})
	if err := os.WriteFile(s.TokenFile(), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Seal seals the server, Unseal opens it again.
func (s *TransitServer) Seal(t testing.TB)   { t.Helper(); s.Operate(t, "seal", nil) }
func (s *TransitServer) Unseal(t testing.TB) { t.Helper(); s.Operate(t, "unseal", nil) }

// Fail has the next count calls for keys answered with that status, or,
// when it is 0, with a connection that is cut.
func (s *TransitServer) Fail(t testing.TB, count, status int) {
	t.Helper()
	s.Operate(t, "fail", map[string]any{"count": count, "status": status})
}

// Slow has each call of the engine wait.
func (s *TransitServer) Slow(t testing.TB, wait time.Duration) {
	t.Helper()
	s.Operate(t, "slow", map[string]any{"wait_ms": wait.Milliseconds()})
}

// Calls is how many calls for keys the engine has had, refused ones included.
func (s *TransitServer) Calls(t testing.TB) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(s.Operate(t, "calls", nil), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Restart kills the server and starts it again on the same address; it comes
// back sealed, as a server does.
func (s *TransitServer) Restart(t testing.TB) {
	t.Helper()
	s.Kill()
	s.start(t)
}

// Kill ends the server at once.
func (s *TransitServer) Kill() {
	_ = s.p.cmd.Process.Kill()
	<-s.p.done
}

// Operate is one act of the server's operator, past the API.
func (s *TransitServer) Operate(t testing.TB, act string, in any) string {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.client.Post("https://"+s.address+"/operate/"+act, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", act, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", act, res.StatusCode, err)
	}
	return strings.TrimSpace(string(text))
}

// launchTransit serves, in a process that StartTransit began, until it is killed.
func launchTransit() {
	dir := os.Getenv(transitDir)
	if dir == "" {
		return
	}
	if err := serveTransit(dir, os.Getenv("CLINIVAULT_TRANSIT_LISTEN")); err != nil {
		fmt.Fprintln(os.Stderr, "key service:", err)
	}
	os.Exit(1)
}

func serveTransit(dir, listen string) error {
	engine, err := loadEngine(filepath.Join(dir, "state.json"))
	if err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return err
	}
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, "address.new")
	if err := os.WriteFile(temp, []byte(l.Addr().String()), 0o600); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, "address")); err != nil {
		return err
	}
	server := &http.Server{Handler: engine.handler(), ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}}
	return server.ServeTLS(l, "", "")
}

// certificate makes a certificate for 127.0.0.1 that is its own authority.
func certificate(t testing.TB, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test key service"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

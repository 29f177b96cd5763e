package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/api"
	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// channel is a vault behind real TLS, with a device of a clinician.
type channel struct {
	*vaulttest.Bench
	t       *testing.T
	address string
	cert    *certSource
	roots   *x509.CertPool
	caFile  string
	admin   vault.Actor
	author  vault.Actor
	device  *vaulttest.Device
	token   string
	der     []byte
}

// newChannel serves with a certificate of the local CA, or with that in a pair of files.
func newChannel(t *testing.T, pair ...*TLSConfig) *channel {
	t.Helper()
	c := &channel{Bench: vaulttest.New(t), t: t, device: vaulttest.NewDevice(t)}
	c.admin = c.Person(t, "admin", vault.RoleAdmin)
	c.author = c.Person(t, "author", vault.RoleClinician)
	c.token, c.der = c.OnDevice(t, "author", c.admin, c.device)
	config := &Config{Listen: "127.0.0.1:0", Data: t.TempDir()}
	if len(pair) > 0 {
		config.TLS = pair[0]
	}
	var err error
	c.cert, err = openCertificate(config, io.Discard, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	secure := c.cert.config()
	secure.Time = c.Clock.Now
	(&parts{vault: c.V}).askDevices(secure)
	c.roots, c.caFile = x509.NewCertPool(), filepath.Join(config.Data, "ca", "ca.crt")
	if config.TLS == nil && !c.roots.AppendCertsFromPEM(readFile(t, c.caFile)) {
		t.Fatal("the local CA has no certificate")
	}
	pages, err := web.New(web.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := api.New(api.Config{Vault: c.V, Web: pages, Secure: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := listenWith(t.Context(), config, secure)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- answer(ctx, &http.Server{Handler: server.Handler()}, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c.address = l.Addr().String()
	return c
}

// client shows a certificate; protocols are what it says that it speaks. It does not look at the server's own, whose
// time is another than the bench's.
func (c *channel) client(der []byte, key *ecdsa.PrivateKey, protocols ...string) *http.Client {
	conf := &tls.Config{RootCAs: c.roots, NextProtos: append(protocols, "http/1.1")}
	if der != nil {
		shown := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil } // also to a server that named other authorities
	}
	transport := &http.Transport{TLSClientConfig: conf}
	c.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// asks calls an address with the session's token; 0 is a handshake that failed.
func (c *channel) asks(client *http.Client, method, path, token string, s *vaulttest.Sealed) int {
	c.t.Helper()
	var body io.Reader
	if s != nil {
		body = bytes.NewReader(s.Envelope)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, "https://"+c.address+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if s != nil {
		req.Header.Set("Content-Type", "application/vnd.clinivault.capture")
		req.Header.Set("Capture-Id", string(s.ID))
		req.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(s.Digest[:])+":")
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		c.t.Error(err)
	}
	return resp.StatusCode
}

const (
	sends  = "/api/v1/device/captures"
	renews = "/api/v1/device/certificate"
)

// TestDeviceTLS: over a real handshake a device's certificate opens its two addresses and nothing else, and everything
// that is not its certificate opens neither.
func TestDeviceTLS(t *testing.T) {
	c := newChannel(t)
	patient := c.Patient(t, c.author)
	picture := vaulttest.Picture(t, 64, 48, 1)
	sealed := c.Capture(t, c.author, patient, picture)
	good := c.client(c.der, c.device.Key, deviceProtocol)
	if got := c.asks(good, "POST", sends, c.token, &sealed); got != http.StatusCreated {
		t.Errorf("sending by certificate: got %d, want 201", got)
	}
	if got := c.asks(good, "POST", renews, c.token, nil); got != http.StatusOK {
		t.Errorf("renewing: got %d, want 200", got)
	}
	if got := c.asks(good, "POST", renews, "no such token", nil); got != http.StatusUnauthorized {
		t.Errorf("renewing without a session: got %d, want 401", got)
	}
	if got := c.asks(good, "GET", "/api/v1/captures", "no such token", nil); got != http.StatusUnauthorized {
		t.Errorf("another address by certificate alone: got %d, want 401", got)
	}
	other := vaulttest.NewDevice(t)
	c.Person(t, "colleague", vault.RoleClinician)
	token, der := c.OnDevice(t, "colleague", c.admin, other)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]struct {
		client *http.Client
		token  string
		want   int // 0: the handshake is refused
	}{
		"no certificate":            {c.client(nil, nil, deviceProtocol), c.token, 401},
		"it was not asked for":      {c.client(c.der, c.device.Key), c.token, 401},
		"device A, session of B":    {good, token, 401},
		"device B, session of A":    {c.client(der, other.Key, deviceProtocol), c.token, 401},
		"a foreign authority":       {c.client(selfSigned(t, c, key), key, deviceProtocol), c.token, 0},
		"a certificate without key": {c.client(c.der, key, deviceProtocol), c.token, 0},
	} {
		if got := c.asks(a.client, "POST", renews, a.token, nil); got != a.want {
			t.Errorf("%s: got %d, want %d", name, got, a.want)
		}
	}
	if err := c.V.RevokeDevice(t.Context(), c.admin, c.device.ID); err != nil {
		t.Fatal(err)
	}
	if got := c.asks(good, "POST", renews, c.token, nil); got != http.StatusUnauthorized { // on the connection that is open
		t.Errorf("after it was taken out of use: got %d, want 401", got)
	}
	c.Clock.Add(8 * 24 * time.Hour)
	if got := c.asks(c.client(der, other.Key, deviceProtocol), "POST", renews, token, nil); got != 0 {
		t.Errorf("a certificate that is over: got %d, want a refused handshake", got)
	}
}

// selfSigned is a certificate for the device's name that nobody vouches for.
func selfSigned(t *testing.T, c *channel, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: string(c.device.ID)},
		NotBefore: c.Clock.Now().Add(-time.Hour), NotAfter: c.Clock.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestDeviceOpenSSL asks another implementation of TLS: who names the protocol is asked for a certificate of the vault's
// authority, and a browser, which does not, for none.
func TestDeviceOpenSSL(t *testing.T) {
	openssl := vaulttest.RequireTool(t, "openssl")
	c := newChannel(t)
	dir := t.TempDir()
	keyDER, err := x509.MarshalPKCS8PrivateKey(c.device.Key)
	if err != nil {
		t.Fatal(err)
	}
	pair := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	file := filepath.Join(dir, "device.pem")
	if err := os.WriteFile(file, pair, 0o600); err != nil {
		t.Fatal(err)
	}
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", renews, c.token)
	run := func(version, protocols string, more ...string) string {
		args := append([]string{"s_client", "-connect", c.address, version, "-alpn", protocols, "-CAfile", c.caFile, "-ign_eof"}, more...)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, openssl, args...)
		cmd.Stdin = strings.NewReader(request)
		out, _ := cmd.CombinedOutput() // its exit code tells of the server's certificate, not of this
		return string(out)
	}
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		if got := run(version, deviceProtocol+",http/1.1", "-cert", file, "-key", file); !strings.Contains(got, "HTTP/1.1 200 OK") || !strings.Contains(got, "Clinivault devices main 1") {
			t.Errorf("%s with the certificate: got %s", version, got)
		}
		if got := run(version, "http/1.1", "-cert", file, "-key", file); !strings.Contains(got, "401 Unauthorized") || !strings.Contains(got, "No client certificate CA names sent") {
			t.Errorf("%s as a browser: got %s", version, got)
		}
	}
}

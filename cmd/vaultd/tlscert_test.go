package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clinivault/clinivault/api/uplink"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// renewal is a certificate in files that the test renews, and a clock that goes only when the test sets it forward.
type renewal struct {
	t     *testing.T
	ca    *localCA
	roots *x509.CertPool
	pair  *TLSConfig
	cert  *certSource
	log   lockedBuffer
	start time.Time
	ahead atomic.Int64
}

func newRenewal(t *testing.T) *renewal {
	t.Helper()
	dir := t.TempDir()
	r := &renewal{t: t, start: time.Now(), roots: x509.NewCertPool(),
		pair: &TLSConfig{CertFile: filepath.Join(dir, "server.crt"), KeyFile: filepath.Join(dir, "server.key")}}
	var err error
	if r.ca, err = openLocalCA(filepath.Join(dir, "ca")); err != nil {
		t.Fatal(err)
	}
	r.roots.AddCert(r.ca.cert)
	r.write(r.renewed())
	r.cert = &certSource{log: slog.New(slog.NewTextHandler(&r.log, nil)), now: r.now, pair: r.pair}
	if err := r.cert.open(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *renewal) now() time.Time { return r.start.Add(time.Duration(r.ahead.Load())) }

func (r *renewal) later(d time.Duration) { r.ahead.Add(int64(d)) }

// renewed is a new pair of the authority, PEM; edits change the certificate before it is signed.
func (r *renewal) renewed(edits ...func(*x509.Certificate)) (chain, key []byte) {
	r.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	template := certificate("Clinivault", leafLife)
	template.DNSNames, template.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	for _, edit := range edits {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, r.ca.cert, private.Public(), r.ca.key)
	if err != nil {
		r.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		r.t.Fatal(err)
	}
	chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.ca.cert.Raw})...)
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func (r *renewal) write(chain, key []byte) {
	r.t.Helper()
	for file, text := range map[string][]byte{r.pair.CertFile: chain, r.pair.KeyFile: key} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// serial is that of the first certificate of a chain.
func (r *renewal) serial(chain []byte) string {
	r.t.Helper()
	block, _ := pem.Decode(chain)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		r.t.Fatal(err)
	}
	return leaf.SerialNumber.String()
}

// echo serves TLS with the certificate and sends back what comes.
func (r *renewal) echo() (address string) {
	r.t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", r.cert.config())
	if err != nil {
		r.t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	r.t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// dial shakes hands, trusting the authority alone.
func (r *renewal) dial(address string) *tls.Conn {
	r.t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: r.roots, ServerName: "localhost"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	return conn
}

func (r *renewal) shown(address string) string {
	r.t.Helper()
	conn := r.dial(address)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// TestCertificateRenewed renews the files under a server: handshakes show the new certificate ten seconds later, and a
// connection that stands goes on.
func TestCertificateRenewed(t *testing.T) {
	r := newRenewal(t)
	address := r.echo()
	first := r.shown(address)
	standing := r.dial(address)
	r.later(certEvery)
	if got := r.shown(address); got != first || strings.Contains(r.log.String(), "renewed") {
		t.Errorf("nothing was renewed: got %s, want %s and nothing in the log: %s", got, first, r.log.String())
	}
	chain, key := r.renewed()
	r.write(chain, key)
	if got := r.shown(address); got != first {
		t.Errorf("at once: got %s, want the first, %s: the files are looked at every ten seconds", got, first)
	}
	r.later(certEvery)
	if got := r.shown(address); got != r.serial(chain) {
		t.Errorf("ten seconds later: got %s, want the new, %s", got, r.serial(chain))
	}
	if _, err := standing.Write([]byte("still here")); err != nil {
		t.Error(err)
	}
	back := make([]byte, 10)
	if _, err := io.ReadFull(standing, back); err != nil || string(back) != "still here" {
		t.Errorf("the connection that stood: got %q, %v", back, err)
	}
	if got := strings.Count(r.log.String(), "showing a renewed certificate"); got != 1 {
		t.Errorf("the log says it %d times, want once: %s", got, r.log.String())
	}
	if p := r.cert.part(); !p.OK || p.Warn || !strings.Contains(p.Detail, "days left") {
		t.Errorf("health: got %+v", p)
	}
	r.write(chain[:300], key)
	r.later(certEvery)
	if p := r.cert.part(); !p.OK || !p.Warn || !strings.Contains(p.Detail, "half written") {
		t.Errorf("health, before any handshake met the broken file: got %+v", p)
	}
}

// TestCertificateRefused: what cannot be shown is not, the one before stays, log and health page say why, and what is
// mended is shown.
func TestCertificateRefused(t *testing.T) {
	over := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-30 * time.Minute) }
	early := func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }
	for name, tt := range map[string]struct {
		put  func(r *renewal, chain, key []byte)
		want string // what is said; empty: it is shown
	}{
		"whole":                           {func(r *renewal, chain, key []byte) { r.write(chain, key) }, ""},
		"a key that others may read":      {func(r *renewal, chain, key []byte) { r.write(chain, key); _ = os.Chmod(r.pair.KeyFile, 0o644) }, ""},
		"one file for both":               {func(r *renewal, chain, key []byte) { r.write(append(chain, key...), append(chain, key...)) }, ""},
		"the key is still the old":        {func(r *renewal, chain, _ []byte) { r.write(chain, readFile(r.t, r.pair.KeyFile)) }, "does not match"},
		"half a certificate":              {func(r *renewal, chain, key []byte) { r.write(chain[:300], key) }, "half written"},
		"half of the chain's second":      {func(r *renewal, chain, key []byte) { r.write(chain[:len(chain)-100], key) }, "half written"},
		"half a key":                      {func(r *renewal, chain, key []byte) { r.write(chain, key[:len(key)-20]) }, "half written"},
		"nothing yet":                     {func(r *renewal, _, key []byte) { r.write(nil, key) }, "half written, or not PEM"},
		"no certificate":                  {func(r *renewal, _, key []byte) { r.write(key, key) }, "certificate"},
		"an unreadable one in its chain":  {func(r *renewal, chain, key []byte) { r.write(append(chain, unreadable...), key) }, "cannot be read"},
		"far too large":                   {func(r *renewal, chain, key []byte) { r.write(append(chain, make([]byte, maxPEM)...), key) }, "at most"},
		"over":                            {func(r *renewal, _, _ []byte) { r.write(r.renewed(over)) }, "ended on"},
		"not begun":                       {func(r *renewal, _, _ []byte) { r.write(r.renewed(early)) }, "begins at"},
		"the key is gone":                 {func(r *renewal, _, _ []byte) { os.Remove(r.pair.KeyFile) }, "no such file"},
		"a folder in the place of a file": {func(r *renewal, _, _ []byte) { os.Remove(r.pair.CertFile); _ = os.Mkdir(r.pair.CertFile, 0o700) }, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRenewal(t)
			address := r.echo()
			first := r.shown(address)
			chain, key := r.renewed()
			tt.put(r, bytes.Clone(chain), key)
			for range 3 { // it is said once
				r.later(certEvery)
				if got := r.shown(address); (got == first) != (tt.want != "") {
					t.Fatalf("got %s, before it %s; want it refused: %v", got, first, tt.want != "")
				}
			}
			p := r.cert.part()
			if !p.OK || p.Warn != (tt.want != "") || !strings.Contains(p.Detail, tt.want) {
				t.Errorf("health: got %+v, want it to say %q", p, tt.want)
			}
			if got := strings.Count(r.log.String(), "is refused"); (got == 1) != (tt.want != "") || !strings.Contains(r.log.String(), tt.want) {
				t.Errorf("the log says %d times that it is refused, want once and %q: %s", got, tt.want, r.log.String())
			}
			_ = os.RemoveAll(r.pair.CertFile)
			r.write(chain, key)
			r.later(certEvery)
			if got := r.shown(address); got != r.serial(chain) {
				t.Errorf("mended: got %s, want %s", got, r.serial(chain))
			}
			if p := r.cert.part(); !p.OK || p.Warn {
				t.Errorf("health once it is mended: got %+v", p)
			}
		})
	}
}

// unreadable is a block that holds no certificate.
var unreadable = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30, 0x00}})

// TestCertificateWrittenTwice: a file that is written again in the same instant, in place and of the same size, is
// noticed all the same; one that was long left alone is read again only when the server is told to.
func TestCertificateWrittenTwice(t *testing.T) {
	r := newRenewal(t)
	address := r.echo()
	written := time.Now().Truncate(time.Second)
	size := 4096
	put := func() (serial string) {
		chain, key := r.renewed()
		pad := func(b []byte) []byte { return append(b, bytes.Repeat([]byte("\n"), size-len(b))...) }
		r.write(pad(chain), pad(key))
		for _, file := range []string{r.pair.CertFile, r.pair.KeyFile} {
			if err := os.Chtimes(file, written, written); err != nil {
				t.Fatal(err)
			}
		}
		return r.serial(chain)
	}
	at := func(when time.Time) { r.ahead.Store(int64(when.Sub(r.start))) }
	at(written.Add(time.Hour))
	r.shown(address) // looked at an hour from now: what follows is younger
	written = written.Add(time.Hour + certEvery)
	first := put()
	at(written.Add(time.Second / 2))
	if got := r.shown(address); got != first {
		t.Errorf("just written: got %s, want %s", got, first)
	}
	second := put()
	at(written.Add(certEvery + time.Second))
	if got := r.shown(address); got != second {
		t.Errorf("written again at once: got %s, want %s", got, second)
	}
	third := put()
	r.later(certEvery)
	if got := r.shown(address); got != second {
		t.Errorf("files with the same times: got %s, want that they are not read, %s", got, second)
	}
	if err := r.cert.reload(); err != nil {
		t.Error(err)
	}
	if got := r.shown(address); got != third {
		t.Errorf("told to look: got %s, want %s", got, third)
	}
}

// TestCertificateBegins: a certificate that is put there before it holds is shown once it does, though its files do not
// change again.
func TestCertificateBegins(t *testing.T) {
	r := newRenewal(t)
	address := r.echo()
	first := r.shown(address)
	chain, key := r.renewed(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	r.write(chain, key)
	r.later(certEvery)
	if got := r.shown(address); got != first {
		t.Fatalf("before it begins: got %s, want the first, %s", got, first)
	}
	r.later(2 * time.Hour)
	cert, err := r.cert.get(nil) // the test's own clock would refuse it in a handshake
	if err != nil || cert.Leaf.SerialNumber.String() != r.serial(chain) {
		t.Errorf("once it holds: got %v, %v, want %s", cert.Leaf.SerialNumber, err, r.serial(chain))
	}
}

// TestHangupIsForFiles: a server without files of its own leaves SIGHUP to end it, as when a terminal is closed.
func TestHangupIsForFiles(t *testing.T) {
	for name, s := range map[string]*certSource{"plain HTTP": nil, "the local CA": {}} {
		var working sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		s.reloadOnHangup(ctx, &working)
		done := make(chan struct{})
		go func() {
			working.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Errorf("%s: it waits for the signal", name)
		}
		stop()
	}
}

// TestCertificateWhileRead: who shakes hands while the files are being read does not wait for that.
func TestCertificateWhileRead(t *testing.T) {
	r := newRenewal(t)
	r.later(certEvery)
	r.cert.mu.Lock()
	defer r.cert.mu.Unlock()
	got := make(chan *tls.Certificate, 1)
	go func() {
		cert, _ := r.cert.get(nil)
		got <- cert
	}()
	select {
	case cert := <-got:
		if cert == nil {
			t.Error("got no certificate")
		}
	case <-time.After(30 * time.Second):
		t.Error("a handshake waits for the files")
	}
}

// TestCertificateEnds: the health page warns in the last quarter of a certificate's life, two weeks at most, and says
// when it is over.
func TestCertificateEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		life     time.Duration
		left     time.Duration
		ok, warn bool
		want     string
	}{
		"long":              {90 * 24 * time.Hour, 15 * 24 * time.Hour, true, false, "days left"},
		"long, late":        {90 * 24 * time.Hour, 13 * 24 * time.Hour, true, true, "days left"},
		"short":             {6 * 24 * time.Hour, 60 * time.Hour, true, false, "2 days left"},
		"short, late":       {6 * 24 * time.Hour, 30 * time.Hour, true, true, "1 days left"},
		"over at the start": {90 * 24 * time.Hour, -time.Hour, false, true, "browsers and devices refuse it"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRenewal(t)
			r.write(r.renewed(func(c *x509.Certificate) {
				c.NotAfter = time.Now().Add(tt.left)
				c.NotBefore = c.NotAfter.Add(-tt.life)
			}))
			if err := r.cert.open(); err != nil {
				t.Fatal(err)
			}
			if p := r.cert.part(); p.OK != tt.ok || p.Warn != tt.warn || !strings.Contains(p.Detail, tt.want) {
				t.Errorf("got %+v, want ok %v, warning %v and %q", p, tt.ok, tt.warn, tt.want)
			}
			if said := strings.Contains(r.log.String(), "nobody will trust it"); said == tt.ok {
				t.Errorf("the log at the start: %s", r.log.String())
			}
		})
	}
}

// TestLocalCAIssuesAgain: a server that runs for months with the local CA shows a fresh certificate of it.
func TestLocalCAIssuesAgain(t *testing.T) {
	r := newRenewal(t)
	r.pair = nil
	var err error
	if r.cert, err = openCertificate(&Config{Listen: "0.0.0.0:0", Data: t.TempDir()}, io.Discard, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	r.cert.now = r.now
	authority := r.cert.shown.Load().Certificate[1]
	r.roots = x509.NewCertPool()
	ca, err := x509.ParseCertificate(authority)
	if err != nil {
		t.Fatal(err)
	}
	r.roots.AddCert(ca)
	address := r.echo()
	first, print := r.shown(address), r.cert.authority()
	r.later(leafLife/2 + 24*time.Hour)
	if got := r.shown(address); got != first {
		t.Errorf("half way: got %s, want the first, %s", got, first)
	}
	r.later(leafLife / 4)
	if got := r.shown(address); got == first {
		t.Error("three quarters of its life are over: it is still shown")
	}
	r.ca.cert.NotAfter = time.Now().Add(-time.Minute)
	if _, err := r.ca.issue([]string{"localhost"}); !errors.Is(err, errOldCA) {
		t.Errorf("an authority that is over issues: got %v, want %v", err, errOldCA)
	}
	if got := r.cert.authority(); got != print {
		t.Errorf("what devices compare: got %s, want the authority's as before, %s", got, print)
	}
}

// TestAuthorityIsOfNow: without an authority of our own, devices compare the certificate that is shown now.
func TestAuthorityIsOfNow(t *testing.T) {
	r := newRenewal(t)
	leaf := func() []byte { // a chain without the authority
		chain, key := r.renewed()
		_, rest := pem.Decode(chain)
		r.write(chain[:len(chain)-len(rest)], key)
		return chain
	}
	leaf()
	if err := r.cert.reload(); err != nil {
		t.Fatal(err)
	}
	before := r.cert.authority()
	chain := leaf()
	if err := r.cert.reload(); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(chain)
	want := strings.ToLower(strings.ReplaceAll(fingerprint(block.Bytes), ":", ""))
	if got := r.cert.authority(); got == before || got != want {
		t.Errorf("got %s, before it %s, want %s", got, before, want)
	}
	if got := (*certSource)(nil).authority(); got != "" {
		t.Errorf("plain HTTP: got %q", got)
	}
}

// TestRenewedEverywhere: browsers, devices with certificates and the uplink meet the new certificate, here one of another
// authority, while connections that stand go on.
func TestRenewedEverywhere(t *testing.T) {
	r, next := newRenewal(t), newRenewal(t)
	c := newChannel(t, r.pair)
	c.roots = r.roots
	at, _ := c.uplink()
	patient := c.Patient(t, c.author)
	standing := c.client(c.der, c.device.Key, deviceProtocol)
	up, err := uplink.Dial(t.Context(), uplink.ClientConfig{Addr: at, ServerName: "127.0.0.1", Roots: r.roots,
		Certificate: tls.Certificate{Certificate: [][]byte{c.der}, PrivateKey: c.device.Key}})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	if got := c.asks(standing, "POST", renews, c.token, nil); got != http.StatusOK {
		t.Fatalf("before: got %d, want 200", got)
	}
	r.write(next.renewed())
	if err := c.cert.reload(); err != nil {
		t.Fatal(err)
	}
	if got := c.asks(standing, "POST", renews, c.token, nil); got != http.StatusOK {
		t.Errorf("the connection that stands: got %d, want 200", got)
	}
	if _, err := c.sent(up, c.token, c.Capture(t, c.author, patient, vaulttest.Picture(t, 64, 48, 1))); err != nil {
		t.Errorf("the uplink's connection that stands: %v", err)
	}
	second := c.Capture(t, c.author, patient, vaulttest.Picture(t, 64, 48, 2))
	for name, tt := range map[string]struct {
		roots            *x509.CertPool
		browser, devices int
		up               error
	}{
		"who trusts the old authority": {r.roots, 0, 0, uplink.ErrUntrusted},
		"who trusts the new authority": {next.roots, http.StatusUnauthorized, http.StatusOK, nil},
	} {
		c.roots = tt.roots
		if got := c.asks(c.client(nil, nil), "GET", "/api/v1/captures", "no such token", nil); got != tt.browser {
			t.Errorf("%s, a browser: got %d, want %d", name, got, tt.browser)
		}
		if got := c.asks(c.client(c.der, c.device.Key, deviceProtocol), "POST", renews, c.token, nil); got != tt.devices {
			t.Errorf("%s, a device: got %d, want %d", name, got, tt.devices)
		}
		if _, err := c.over(at, c.der, c.device.Key, tt.roots, c.token, second); !errors.Is(err, tt.up) {
			t.Errorf("%s, the uplink: got %v, want %v", name, err, tt.up)
		}
	}
}

// TestHangup: SIGHUP has the running program look at once and does not end it, and the health page says what came of it.
func TestHangup(t *testing.T) {
	s := overTLS(t, map[string]any{"worker": false})
	c, err := loadConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	r := newRenewal(t)
	chain, key := r.renewed()
	admin := s.signIn("admin")
	put := func(file string, text []byte) {
		t.Helper()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	put(c.TLS.CertFile, chain)
	eventually(t, "the health page says that the key does not match", time.Minute, func() bool {
		var health struct{ Parts []vault.Part }
		admin.must("GET", "/api/v1/health", nil, &health)
		return slices.ContainsFunc(health.Parts, func(p vault.Part) bool {
			return p.Name == "certificate" && p.OK && p.Warn && strings.Contains(p.Detail, "does not match")
		})
	})
	if out, err := runBinary(t, "doctor", "--config", s.config); err == nil || !strings.Contains(out, "WRONG certificate: certificate and key: ") || !strings.Contains(out, "kill -HUP") {
		t.Errorf("the doctor: %v\n%s", err, out)
	}
	put(c.TLS.KeyFile, key)
	eventually(t, "the new certificate is shown", time.Minute, func() bool {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.base, "https://"), &tls.Config{RootCAs: r.roots, ServerName: "localhost"})
		if err != nil {
			return false
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String() == r.serial(chain)
	})
	s.stop()
	if log := s.log.String(); !strings.Contains(log, "told to look at the certificate's files") {
		t.Errorf("the log does not say that it was told: %s", lastLines(log, 10))
	}
}

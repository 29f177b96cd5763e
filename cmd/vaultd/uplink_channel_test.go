package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clinivault/clinivault/api"
	"github.com/clinivault/clinivault/api/uplink"
	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// uplink starts the listener before the channel's vault, with the same certificate, and says where it is.
func (c *channel) uplink() (netip.AddrPort, *uplinkListener) {
	c.t.Helper()
	config := &Config{Listen: "127.0.0.1:0", Uplink: &UplinkConfig{Listen: "127.0.0.1:0"}}
	secure := c.cert.config()
	secure.Time = c.Clock.Now
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	c.t.Cleanup(func() {
		stop()
		working.Wait()
	})
	up, err := openUplink(ctx, config, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		c.t.Fatal(err)
	}
	pages, err := web.New(web.Config{})
	if err != nil {
		c.t.Fatal(err)
	}
	server, err := api.New(api.Config{Vault: c.V, Web: pages, Secure: true, Uplink: up.told()})
	if err != nil {
		c.t.Fatal(err)
	}
	up.start(ctx, &parts{vault: c.V}, secure, server, &working)
	return up.conn.LocalAddr().(*net.UDPAddr).AddrPort(), up
}

// over sends a capture over an uplink as a device, in a connection of its own.
func (c *channel) over(at netip.AddrPort, der []byte, key *ecdsa.PrivateKey, roots *x509.CertPool, token string, s vaulttest.Sealed) (seal.Receipt, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	client, err := uplink.Dial(ctx, uplink.ClientConfig{Addr: at, ServerName: "127.0.0.1", Roots: roots,
		Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}})
	if err != nil {
		return seal.Receipt{}, err
	}
	defer client.Close()
	return c.sent(client, token, s)
}

func (c *channel) sent(client *uplink.Client, token string, s vaulttest.Sealed) (r seal.Receipt, err error) {
	c.t.Helper()
	offer := uplink.Offer{Digest: s.Digest, Size: int64(len(s.Envelope)), Token: uplink.Token(token)}
	if _, err := hex.Decode(offer.ID[:], []byte(s.ID)); err != nil {
		c.t.Fatal(err)
	}
	b, err := client.Upload(c.t.Context(), offer, bytes.NewReader(s.Envelope), nil)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

// refusedFor fails unless err is a refusal of that code.
func refusedFor(t *testing.T, what string, err error, code uplink.Code) {
	t.Helper()
	var told *uplink.Error
	if !errors.As(err, &told) || told.Code != code {
		t.Errorf("%s: got %v, want %v", what, err, code)
	}
}

// TestUplinkChannel: over real handshakes a device's certificate and the session on it send captures, and nothing that is
// not both gets one in; a device that is taken out of use is out on the connection that is open.
func TestUplinkChannel(t *testing.T) {
	c := newChannel(t)
	at, _ := c.uplink()
	patient := c.Patient(t, c.author)
	first := c.Capture(t, c.author, patient, vaulttest.Picture(t, 64, 48, 1))
	never := c.Capture(t, c.author, patient, vaulttest.Picture(t, 64, 48, 2))
	receipt, err := c.over(at, c.der, c.device.Key, c.roots, c.token, first)
	if err != nil || receipt.CaptureID != string(first.ID) {
		t.Fatalf("sending: %v, receipt of %q", err, receipt.CaptureID)
	}
	if again, err := c.over(at, c.der, c.device.Key, c.roots, c.token, first); err != nil || again.PhotoID != receipt.PhotoID {
		t.Errorf("sending again: %v, photo %s, want %s", err, again.PhotoID, receipt.PhotoID)
	}
	other := vaulttest.NewDevice(t)
	c.Person(t, "colleague", vault.RoleClinician)
	token, der := c.OnDevice(t, "colleague", c.admin, other)
	_, err = c.over(at, c.der, c.device.Key, c.roots, token, never)
	refusedFor(t, "device A, session of B", err, uplink.CodeUnauthenticated)
	_, err = c.over(at, der, other.Key, c.roots, token, never)
	refusedFor(t, "another's capture", err, uplink.CodeDenied)
	_, err = c.over(at, c.der, c.device.Key, c.roots, "no such token", never)
	refusedFor(t, "no session", err, uplink.CodeUnauthenticated)

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]struct {
		der   []byte
		key   *ecdsa.PrivateKey
		roots *x509.CertPool
		want  error
	}{
		"a foreign authority":           {selfSigned(t, c, key), key, c.roots, uplink.ErrRefused},
		"a certificate without its key": {c.der, key, c.roots, uplink.ErrRefused},
		"a server that is not believed": {c.der, c.device.Key, x509.NewCertPool(), uplink.ErrUntrusted},
	} {
		if _, err := c.over(at, try.der, try.key, try.roots, c.token, never); !errors.Is(err, try.want) {
			t.Errorf("%s: got %v, want %v", name, err, try.want)
		}
	}
	client, err := uplink.Dial(t.Context(), uplink.ClientConfig{Addr: at, ServerName: "127.0.0.1", Roots: c.roots,
		Certificate: tls.Certificate{Certificate: [][]byte{c.der}, PrivateKey: c.device.Key}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := c.V.RevokeDevice(t.Context(), c.admin, c.device.ID); err != nil {
		t.Fatal(err)
	}
	_, err = c.sent(client, c.token, never)
	refusedFor(t, "a device out of use, on an open connection", err, uplink.CodeUnauthenticated)
	if mine, err := c.V.MyCaptures(t.Context(), c.author, 10); err != nil || len(mine) != 1 {
		t.Errorf("%d captures were received, %v; want the first alone", len(mine), err)
	}
	c.Clock.Add(8 * 24 * time.Hour)
	if _, err := c.over(at, der, other.Key, c.roots, token, never); !errors.Is(err, uplink.ErrRefused) {
		t.Errorf("a certificate that is over: got %v, want %v", err, uplink.ErrRefused)
	}
}

// TestUplinkGoesOnFromHTTPS: what was kept of an upload over HTTPS is not sent again over the uplink.
func TestUplinkGoesOnFromHTTPS(t *testing.T) {
	c := newChannel(t)
	at, up := c.uplink()
	s := c.Capture(t, c.author, c.Patient(t, c.author), vaulttest.Picture(t, 3600, 3600, 1))
	const held = 4 * uplink.BlockSize
	cert, err := x509.ParseCertificate(c.der)
	if err != nil {
		t.Fatal(err)
	}
	device, err := c.V.AuthenticateDevice(t.Context(), cert, c.token)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(s.Envelope))
	if _, err := c.V.BeginUpload(t.Context(), device, vault.UploadOffer{CaptureID: s.ID, Digest: s.Digest, Size: size}); err != nil {
		t.Fatal(err)
	}
	for offset := int64(0); offset < held; offset += uplink.BlockSize / 2 {
		if err := c.V.KeepPart(t.Context(), device, s.ID, offset, s.Envelope[offset:offset+uplink.BlockSize/2]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.over(at, c.der, c.device.Key, c.roots, c.token, s); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the upload to be counted", 5*time.Second, func() bool { return up.received.Load() == 1 })
	if got := up.wire.Load(); size <= held || got > size-held/2 { // some leaves before the answer is there
		t.Errorf("%d of %d bytes were sent though %d were held", got, size, held)
	}
	if got := up.state(); !strings.Contains(got, "1 photos received") {
		t.Errorf("the state is %q", got)
	}
}

func TestUplinkConfig(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"as it should be": {`{"data": "d", "listen": "0.0.0.0:8440", "uplink": {"listen": "0.0.0.0:8441"}}`, ""},
		"plain HTTP":      {`{"data": "d", "uplink": {"listen": "0.0.0.0:8441"}}`, "needs TLS"},
		"no address":      {`{"data": "d", "listen": "0.0.0.0:8440", "uplink": {}}`, "host:port"},
		"no port":         {`{"data": "d", "listen": "0.0.0.0:8440", "uplink": {"listen": "0.0.0.0:8441", "advertise_port": 70000}}`, "must be a port"},
		"unknown field":   {`{"data": "d", "uplink": {"tls": {}}}`, "unknown field"},
	} {
		_, err := parseConfig([]byte(tt.text), t.TempDir())
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	for listen, want := range map[string]string{"0.0.0.0:8440": "0.0.0.0:8441", "0.0.0.0:0": "0.0.0.0:0", "127.0.0.1:8440": ""} {
		c := &Config{Listen: listen}
		c.demoUplink()
		got := ""
		if c.Uplink != nil {
			got = c.Uplink.Listen
		}
		if got != want {
			t.Errorf("the demo at %s has its uplink at %q, want %q", listen, got, want)
		}
	}
}

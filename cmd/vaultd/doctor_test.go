package main

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestDoctorUplink asks a real uplink, and ports at which there is none.
func TestDoctorUplink(t *testing.T) {
	c := newChannel(t)
	at, _ := c.uplink()
	const short = 300 * time.Millisecond
	for _, tt := range []struct {
		name, http, udp string
		patience        time.Duration
		ok              bool
		want            string
	}{
		{"a real one", c.address, at.String(), time.Minute, true, "answers on UDP port"},
		{"a real one after a lost datagram", c.address, answering(t, at.String(), func(n int, _ []byte) bool { return n > 1 }), time.Minute, true, "answers on UDP port"},
		{"somebody silent", c.address, answering(t, at.String(), func(int, []byte) bool { return false }), short, false, "does not answer as the uplink"},
		{"somebody who says back what is said", c.address, answering(t, "", nil), short, false, "does not answer as the uplink"},
		{"nobody, beside a running server", c.address, freePort(t, "udp"), short, false, "the server runs, and nothing listens"},
		{"nobody, no server", freePort(t, "tcp"), freePort(t, "udp"), short, true, "is free"},
		{"any port", freePort(t, "tcp"), "127.0.0.1:0", short, true, "is free"},
		{"no port", c.address, "127.0.0.1:port", short, false, "is no address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &doctor{c: &Config{Listen: tt.http, Uplink: &UplinkConfig{Listen: tt.udp}}, patience: tt.patience}
			got, err := d.uplink(t.Context())
			if err != nil {
				got = err.Error()
			}
			if (err == nil) != tt.ok || !strings.Contains(got, tt.want) {
				t.Errorf("UDP %s: got %q, %v; want ok %v and %q", tt.udp, got, err, tt.ok, tt.want)
			}
		})
	}
	if got, err := (&doctor{c: &Config{}}).uplink(t.Context()); err != nil || !strings.Contains(got, "none is configured") {
		t.Errorf("none configured: got %q, %v", got, err)
	}
}

// answering is a port in front of an uplink that passes on what pass lets through, counted from 1, and each answer; with
// nil it sends back what comes.
func answering(t *testing.T, server string, pass func(n int, b []byte) bool) (address string) {
	t.Helper()
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		front.Close()
		<-done
	})
	go func() {
		defer close(done)
		b := make([]byte, 2048)
		for count := 1; ; count++ {
			n, from, err := front.ReadFrom(b)
			if err != nil {
				return
			}
			switch {
			case pass == nil:
				_, _ = front.WriteTo(b[:n], from)
			case pass(count, b[:n]):
				_, _ = front.WriteTo(asked(server, b[:n]), from)
			}
		}
	}()
	return front.LocalAddr().String()
}

// asked is what a server answers to a datagram.
func asked(server string, b []byte) []byte {
	conn, err := net.Dial("udp", server)
	if err != nil {
		return nil
	}
	defer conn.Close()
	answer := make([]byte, 2048)
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	_, _ = conn.Write(b)
	n, _ := conn.Read(answer)
	return answer[:n]
}

// TestIsCookie: only a whole HelloVerifyRequest with a cookie counts as an answer.
func TestIsCookie(t *testing.T) {
	whole := append(make([]byte, dtlsHead+dtlsMessageHead+2), 4, 1, 2, 3, 4)
	whole[0], whole[dtlsHead] = dtlsHandshake, dtlsCookie
	change := func(at int, to byte) []byte {
		b := append([]byte(nil), whole...)
		b[at] = to
		return b
	}
	for name, tt := range map[string]struct {
		b    []byte
		want bool
	}{
		"whole":           {whole, true},
		"nothing":         {nil, false},
		"cut":             {whole[:len(whole)-1], false},
		"cut at the size": {whole[:len(whole)-5], false},
		"more":            {append(whole[:len(whole):len(whole)], 0), false},
		"no cookie":       {change(len(whole)-5, 0)[:len(whole)-4], false},
		"an alert":        {change(0, 21), false},
		"another message": {change(dtlsHead, dtlsClientHello), false},
	} {
		if got := isCookie(tt.b); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// TestDoctorCertificate: the doctor reads the files as the server does, and asks for time and names.
func TestDoctorCertificate(t *testing.T) {
	r := newRenewal(t)
	r.write(r.renewed(func(c *x509.Certificate) { c.DNSNames = []string{"photos.example"} }))
	late := newRenewal(t)
	late.write(late.renewed(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-80*24*time.Hour), time.Now().Add(12*24*time.Hour+12*time.Hour)
	}))
	over := newRenewal(t)
	over.write(over.renewed(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }))
	broken := newRenewal(t)
	_, key := broken.renewed()
	if err := os.WriteFile(broken.pair.KeyFile, key, 0o600); err != nil {
		t.Fatal(err)
	}
	local, old := t.TempDir(), t.TempDir()
	if _, err := openLocalCA(local + "/ca"); err != nil {
		t.Fatal(err)
	}
	endedCA(t, old+"/ca")
	for name, tt := range map[string]struct {
		c    Config
		ok   bool
		want string
	}{
		"plain HTTP":              {Config{Listen: "127.0.0.1:1"}, true, "plain HTTP"},
		"its name":                {Config{Listen: "0.0.0.0:1", TLS: r.pair, Hosts: []string{"photos.example:8443"}}, true, "days left, for photos.example"},
		"another name":            {Config{Listen: "0.0.0.0:1", TLS: r.pair, Hosts: []string{"photos.example", "other.example"}}, false, "not for other.example"},
		"a page's name":           {Config{Listen: "0.0.0.0:1", TLS: r.pair, SignIn: &SignInConfig{Origins: []string{"https://pages.example:8443"}}}, false, "not for pages.example"},
		"behind a proxy":          {Config{Listen: "0.0.0.0:1", TLS: r.pair, Hosts: []string{"other.example"}, TrustedProxies: []string{"127.0.0.1"}}, true, "days left"},
		"the address":             {Config{Listen: "127.0.0.1:1", TLS: r.pair}, true, "for 127.0.0.1"},
		"another address":         {Config{Listen: "192.0.2.1:1", TLS: r.pair}, false, "not for 192.0.2.1"},
		"every address":           {Config{Listen: ":1", TLS: r.pair}, true, `"hosts", which is empty`},
		"late":                    {Config{Listen: "127.0.0.1:1", TLS: late.pair}, false, "12 days left"},
		"over":                    {Config{Listen: "127.0.0.1:1", TLS: over.pair}, false, "ended on"},
		"another's key":           {Config{Listen: "127.0.0.1:1", TLS: broken.pair}, false, "does not match"},
		"missing":                 {Config{Listen: "127.0.0.1:1", TLS: &TLSConfig{CertFile: local + "/none", KeyFile: local + "/none"}}, false, "no such file"},
		"the local CA":            {Config{Listen: "0.0.0.0:1", Data: local}, true, "of the local CA"},
		"a local CA that is over": {Config{Listen: "0.0.0.0:1", Data: old}, false, "the local CA has expired"},
		"before the first start":  {Config{Listen: "0.0.0.0:1", Data: local + "/none"}, true, notYet},
	} {
		d := &doctor{c: &tt.c}
		got, err := d.certificate()
		if err != nil {
			got = err.Error()
		}
		if (err == nil) != tt.ok || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, %v; want ok %v and %q", name, got, err, tt.ok, tt.want)
		}
	}
}

// endedCA is a local CA whose time is over.
func endedCA(t *testing.T, dir string) {
	t.Helper()
	ca, err := openLocalCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	ca.cert.NotAfter = time.Now().Add(-time.Minute)
	der, err := x509.CreateCertificate(rand.Reader, ca.cert, ca.cert, ca.key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ca.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLocalCA makes a CA, connects through a certificate it signed, and finds
// the same CA again at the second start.
func TestLocalCA(t *testing.T) {
	c := &Config{Listen: "0.0.0.0:0", Data: t.TempDir()}
	var out bytes.Buffer
	cert, err := openCertificate(c, &out, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(c.Data, "ca", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("ca.crt holds no certificate")
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", cert.config())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake()
			conn.Close()
		}
	}()
	for name, ok := range map[string]bool{"127.0.0.1": true, "localhost": true, "elsewhere.example": false} {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
		if (err == nil) != ok {
			t.Errorf("connecting as %s: got %v, want success %v", name, err, ok)
		}
		if err == nil {
			conn.Close()
		}
	}
	ca, err := openLocalCA(filepath.Join(c.Data, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	if print := fingerprint(ca.cert.Raw); !strings.Contains(out.String(), print) {
		t.Errorf("the second start has fingerprint %s, the first printed %s", print, out.String())
	}
	info, err := os.Stat(filepath.Join(c.Data, "ca", "ca.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key: got mode %v, %v; want 0600", info.Mode(), err)
	}
}

// TestQRText checks the finder patterns in the corners of the drawn code.
func TestQRText(t *testing.T) {
	text, err := qrText("https://192.0.2.1:8440")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	width := len([]rune(lines[0]))
	for i, line := range lines {
		if n := len([]rune(line)); n != width {
			t.Fatalf("line %d has %d columns, want %d", i, n, width)
		}
	}
	// Line 2 holds rows 0 and 1 of the code; row 0 begins with the upper edge of
	// a finder pattern: seven dark modules, then the light separator.
	top := []rune(lines[2])
	for x := 4; x <= 11; x++ {
		light := top[x] == '█' || top[x] == '▀'
		if light != (x == 11) {
			t.Errorf("column %d of the finder pattern: got light %v", x, light)
		}
	}
}

func TestHostNames(t *testing.T) {
	c := &Config{Listen: "192.0.2.7:1", Hosts: []string{"vault.example"}}
	got := strings.Join(hostNames(c), " ")
	for _, want := range []string{"192.0.2.7", "vault.example", "localhost"} {
		if !strings.Contains(got, want) {
			t.Errorf("host names %q lack %s", got, want)
		}
	}
	for _, a := range ownAddresses() {
		if ip := net.ParseIP(a); ip == nil || ip.IsLoopback() {
			t.Errorf("own address %s is loopback or no address", a)
		}
	}
}

package uplink

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
)

// TestHandshakesRefused dials with clients that lack one thing each that PROTOCOL.md demands. The last has all of it.
func TestHandshakesRefused(t *testing.T) {
	w := newWorld(t)
	w.serve(nil)
	stranger := newAuthority(t)
	base := func() []dtls.ClientOption {
		return []dtls.ClientOption{dtls.WithRootCAs(w.ca.pool), dtls.WithServerName("localhost"), dtls.WithMTU(handshakeMTU)}
	}
	device := dtls.WithCertificates(w.device)
	cid := dtls.WithConnectionIDGenerator(dtls.RandomCIDGenerator(cidSize))
	tests := []struct {
		name    string
		options []dtls.ClientOption
		good    bool
	}{
		{"no certificate", append(base(), cid), false},
		{"certificate of a stranger", append(base(), cid, dtls.WithCertificates(stranger.issue(t, "device-9", time.Now().Add(time.Hour)))), false},
		{"no extended master secret", append(base(), cid, device, dtls.WithExtendedMasterSecret(dtls.DisableExtendedMasterSecret)), false},
		{"cbc suite", append(base(), cid, device, dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)), false},
		{"no connection id", append(base(), device), false},
		{"all that is asked", append(base(), cid, device), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := answered(t, w, tt.options); got != tt.good {
				t.Errorf("the server answered: %v, want %v", got, tt.good)
			}
		})
	}
}

// answered shakes hands and says HELLO, and reports whether the server said anything.
func answered(t *testing.T, w *world, options []dtls.ClientOption) bool {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dtls.ClientWithOptions(pc, net.UDPAddrFromAddrPort(w.addr), options...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return false
	}
	if _, err := conn.Write(hello{[]uint16{Version}}.append(appendVarint(nil, 0))); err != nil {
		return false
	}
	_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	n, err := conn.Read(make([]byte, 4096))
	return err == nil && n > 0
}

// TestServerFollowsItsCertificate changes the server's certificate while it serves: the next handshake shows the new one.
func TestServerFollowsItsCertificate(t *testing.T) {
	w := newWorld(t)
	w.serve(nil)
	w.upload(w.dial(w.config()), 1, 1000, nil)
	w.show(newAuthority(t))
	if _, err := Dial(t.Context(), w.config()); err == nil {
		t.Error("the old certificate was shown")
	}
	w.show(w.ca)
	w.upload(w.dial(w.config()), 2, 1000, nil)
}

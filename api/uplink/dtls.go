package uplink

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/pion/dtls/v3"
)

const (
	flightInterval = 120 * time.Millisecond // first wait for an answer to a flight of the handshake; then it doubles
	handshakeMTU   = 1150                   // bytes of a handshake fragment, headers not counted
	replayWindow   = 2048                   // records
)

// suites are the cipher suites, for servers with an ECDSA and with an RSA certificate.
var suites = []dtls.CipherSuiteID{
	dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	dtls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
}

// common is what both ends demand of DTLS.
func common(cid string) []dtls.Option {
	return []dtls.Option{
		dtls.WithCipherSuites(suites...),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithMTU(handshakeMTU),
		dtls.WithReplayProtectionWindow(replayWindow),
		dtls.WithConnectionIDGenerator(func() []byte { return []byte(cid) }),
	}
}

func newCID() string {
	b := make([]byte, cidSize)
	_, _ = rand.Read(b) // crypto/rand does not fail
	return string(b)
}

// serverConn makes the server's end of DTLS on a wire.
func serverConn(w *wire, first net.Addr, cert *tls.Certificate, verify func([]*x509.Certificate) error) (*dtls.Conn, error) {
	options := []dtls.ServerOption{
		dtls.WithCertificates(*cert),
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(false), // the cookie comes before any key is made
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			chain, err := parseChain(raw)
			if err != nil {
				return err
			}
			return verify(chain)
		}),
	}
	for _, o := range common(w.cid) {
		options = append(options, o)
	}
	return dtls.ServerWithOptions(w, first, options...)
}

// clientConn makes the client's end of DTLS on a wire.
func clientConn(w *wire, server net.Addr, cfg *ClientConfig) (*dtls.Conn, error) {
	roots := cfg.Roots
	if roots == nil {
		var err error
		if roots, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("reading the system's roots: %w", err)
		}
	}
	options := []dtls.ClientOption{
		dtls.WithRootCAs(roots),
		dtls.WithServerName(cfg.ServerName),
		dtls.WithCertificates(cfg.Certificate),
	}
	for _, o := range common(w.cid) {
		options = append(options, o)
	}
	return dtls.ClientWithOptions(w, server, options...)
}

// maxChain is how many certificates a device may show.
const maxChain = 4

func parseChain(raw [][]byte) ([]*x509.Certificate, error) {
	if len(raw) == 0 || len(raw) > maxChain {
		return nil, errors.New("unusable number of certificates")
	}
	chain := make([]*x509.Certificate, len(raw))
	for i, der := range raw {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("unreadable certificate")
		}
		chain[i] = c
	}
	return chain, nil
}

// peerChain is the chain that the peer showed in the handshake.
func peerChain(conn *dtls.Conn) ([]*x509.Certificate, error) {
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, errors.New("handshake is not over")
	}
	return parseChain(state.PeerCertificates)
}

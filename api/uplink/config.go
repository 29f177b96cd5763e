package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// ServerConfig is what a Server needs.
type ServerConfig struct {
	Sink Sink // required
	// Certificate returns the certificate to show now; asked at each handshake. Required.
	Certificate func() (*tls.Certificate, error)
	// VerifyPeer decides at each handshake whether the device's chain, leaf first, is good. Required.
	VerifyPeer func(ctx context.Context, chain []*x509.Certificate) error
	Log        *slog.Logger // required
	Limits     Limits
	// Observe is told of each upload that ended and each connection that was refused; may be nil. It must not block.
	Observe func(Event)
}

// Limits bound what strangers and devices can make the server hold. Zero means the default in brackets.
type Limits struct {
	Connections    int           // established connections at once (1024), a quarter of them of one device
	Handshakes     int           // handshakes under way at once, those before the cookie counted apart (256)
	UploadsPerPeer int           // uploads of one device at once (8)
	Memory         int64         // bytes of bodies held in memory at once (512 MiB)
	Size           int64         // bytes of one body (64 MiB)
	Idle           time.Duration // silence after which a connection is closed (30 s)
	Stall          time.Duration // that an upload may take for a whole block while others lack memory (30 s)
}

// An Event is for metrics. It holds nothing about a person.
type Event struct {
	Code      Code  // CodeNone for an upload that got its receipt
	Bytes     int64 // size of the body
	Arrived   int64 // bytes of body that arrived over this connection, repeats counted
	Handshake bool  // the connection never came up; Code says why
}

// ClientConfig is what a Client needs.
type ClientConfig struct {
	Addr        netip.AddrPort  // of the server; required
	ServerName  string          // name or address that the server's certificate must hold; required
	Roots       *x509.CertPool  // whom to believe; the system's roots when nil
	Certificate tls.Certificate // of the device; required
	// ListenPacket opens the socket of each connection; nil opens a UDP socket on any port.
	ListenPacket func(ctx context.Context) (net.PacketConn, error)
	// Patience is how long Upload goes on dialling a server that answered before and no longer does (60 s).
	Patience time.Duration
	Trace    func(Trace) // told about each acknowledgement; for measuring; may be nil
}

// A Trace is the state of the sender after an acknowledgement.
type Trace struct {
	At       time.Time
	Rate     float64       // bytes per second: what the path was seen to deliver
	Pacing   float64       // bytes per second: how fast packets leave
	Window   int64         // bytes that may be in flight
	Inflight int64         // bytes in flight
	RTT      time.Duration // smoothed
	MinRTT   time.Duration
	Sent     uint64 // packets so far
	Lost     uint64 // packets so far
	Phase    string
}

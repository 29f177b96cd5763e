package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clinivault/clinivault/api"
	"github.com/clinivault/clinivault/api/uplink"
)

// UplinkConfig is the listener for devices that upload over UDP, beside HTTPS and with the same certificate.
type UplinkConfig struct {
	// Listen is its address, host:port, UDP.
	Listen string `json:"listen"`
	// AdvertisePort is the port that devices are told, where a firewall maps it to another; default Listen's.
	AdvertisePort int `json:"advertise_port"`
}

func (c *Config) checkUplink() error {
	u := c.Uplink
	if u == nil {
		return nil
	}
	if _, _, err := net.SplitHostPort(u.Listen); err != nil {
		return errors.New(`"uplink": "listen" must be host:port, such as 0.0.0.0:8441`)
	}
	if u.AdvertisePort < 0 || u.AdvertisePort > 65535 {
		return errors.New(`"uplink": "advertise_port" must be a port`)
	}
	if !c.secure() {
		return errors.New(`"uplink" needs TLS, which plain HTTP on loopback does not have: name a certificate in "tls"`)
	}
	return nil
}

// demoUplink turns the uplink on beside the demo's HTTPS, one port further on.
func (c *Config) demoUplink() {
	host, port, err := net.SplitHostPort(c.Listen)
	n, numeric := strconv.Atoi(port)
	if c.Uplink != nil || !c.secure() || err != nil || numeric != nil {
		return
	}
	if n > 0 {
		n++
	}
	c.Uplink = &UplinkConfig{Listen: net.JoinHostPort(host, strconv.Itoa(n))}
}

// uplinkListener is the listener while the server runs.
type uplinkListener struct {
	conn net.PacketConn
	port int
	log  *slog.Logger

	uploads  *prometheus.CounterVec // by outcome
	bytes    prometheus.Counter
	arrived  prometheus.Counter
	refused  *prometheus.CounterVec // connections that never came up
	received atomic.Int64           // uploads that ended with a receipt
	size     atomic.Int64           // their bytes
	wire     atomic.Int64           // bytes that arrived for all uploads
	turned   atomic.Int64           // connections refused
}

// openUplink opens the configured address; nil where none is configured.
func openUplink(ctx context.Context, c *Config, log *slog.Logger, registry *prometheus.Registry) (*uplinkListener, error) {
	if c.Uplink == nil {
		return nil, nil
	}
	u := &uplinkListener{log: log,
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clinivault_uplink_uploads_total",
			Help: "Uploads over the uplink that ended: received, or why they were refused."}, []string{"outcome"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "clinivault_uplink_bytes_total",
			Help: "Bytes of captures received over the uplink, each once."}),
		arrived: prometheus.NewCounter(prometheus.CounterOpts{Name: "clinivault_uplink_arrived_bytes_total",
			Help: "Bytes of captures that arrived over the uplink, repeats counted."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clinivault_uplink_connections_refused_total",
			Help: "Connections of the uplink that never came up, by why."}, []string{"code"}),
	}
	u.uploads.WithLabelValues("received")
	for _, m := range []prometheus.Collector{u.uploads, u.bytes, u.arrived, u.refused} {
		if err := registry.Register(m); err != nil {
			return nil, fmt.Errorf("registering metrics of the uplink: %w", err)
		}
	}
	var err error
	if u.conn, err = new(net.ListenConfig).ListenPacket(ctx, "udp", c.Uplink.Listen); err != nil {
		return nil, fmt.Errorf("listening for the uplink (is another program on that address?): %w", err)
	}
	if u.port = c.Uplink.AdvertisePort; u.port == 0 {
		if local, ok := u.conn.LocalAddr().(*net.UDPAddr); ok {
			u.port = local.Port
		}
	}
	return u, nil
}

// told is what the server says of the listener; nil without one.
func (u *uplinkListener) told() *api.Uplink {
	if u == nil {
		return nil
	}
	return &api.Uplink{Port: u.port, State: u.state}
}

// state is the line of the health page.
func (u *uplinkListener) state() string {
	size, wire := u.size.Load(), u.wire.Load()
	again := 0.0
	if size > 0 {
		again = 100 * float64(max(0, wire-size)) / float64(size)
	}
	return fmt.Sprintf("UDP port %d: %d photos received, %.1f MB, %.1f %% of it sent again; %d connections refused",
		u.port, u.received.Load(), float64(size)/1e6, again, u.turned.Load())
}

// observe counts what became of uploads and connections.
func (u *uplinkListener) observe(e uplink.Event) {
	if e.Handshake {
		u.refused.WithLabelValues(e.Code.String()).Inc()
		u.turned.Add(1)
		return
	}
	u.arrived.Add(float64(e.Arrived))
	u.wire.Add(e.Arrived)
	if e.Code != uplink.CodeNone {
		u.uploads.WithLabelValues(e.Code.String()).Inc()
		return
	}
	u.uploads.WithLabelValues("received").Inc()
	u.bytes.Add(float64(e.Bytes))
	u.received.Add(1)
	u.size.Add(e.Bytes)
}

// close gives up a listener that was never served; after serving there is nothing left to close.
func (u *uplinkListener) close() {
	if u != nil {
		_ = u.conn.Close()
	}
}

// start answers until ctx ends and what is being taken in was taken in; working waits for that.
func (u *uplinkListener) start(ctx context.Context, p *parts, secure *tls.Config, server *api.Server, working *sync.WaitGroup) {
	if u == nil {
		return
	}
	working.Go(func() {
		up, err := uplink.NewServer(uplink.ServerConfig{
			Sink: server.UplinkSink(), Log: u.log, Observe: u.observe,
			Certificate: func() (*tls.Certificate, error) { return secure.GetCertificate(nil) },
			VerifyPeer:  p.verifyDevice(secure.Time),
		})
		if err == nil {
			err = up.Serve(ctx, u.conn)
		}
		if err != nil {
			u.log.Error("the uplink has ended; devices send over HTTPS", "err", err)
		}
	})
}

// verifyDevice checks a device's certificate at the handshake: the vault's own, for clients, not over. Whether the device
// is still in use, and who is signed in on it, the vault looks up at each call. now may be nil.
func (p *parts) verifyDevice(now func() time.Time) func(context.Context, []*x509.Certificate) error {
	return func(ctx context.Context, chain []*x509.Certificate) error {
		if len(chain) == 0 {
			return errors.New("no certificate was shown")
		}
		authorities, err := p.vault.DeviceAuthorities(ctx)
		if err != nil {
			return fmt.Errorf("reading the authority for devices: %w", err)
		}
		options := x509.VerifyOptions{Roots: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		for _, ca := range authorities {
			options.Roots.AddCert(ca)
		}
		if now != nil {
			options.CurrentTime = now()
		}
		_, err = chain[0].Verify(options)
		return err
	}
}

// sayUplink tells a person at the demo whether devices can send over UDP.
func (c *Config) sayUplink(out io.Writer) {
	if c.Uplink == nil {
		fmt.Fprintln(out, "The uplink for the capture program is off: it needs TLS, which there is with ADDR=0.0.0.0:8440.")
		return
	}
	fmt.Fprintln(out, "The capture program sends over the uplink (UDP), and over HTTPS where UDP is blocked.")
}

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

const (
	uplinkPatience = time.Second // for the uplink's answer, on this machine
	uplinkAgain    = 250 * time.Millisecond
)

// errNoAnswer is a port at which nothing answers as an uplink does.
var errNoAnswer = errors.New("no answer")

// uplink asks the uplink as a device's first datagram would. Where nothing answers, it finds out whether the port is
// free, whether somebody else holds it, and whether the server runs without it.
func (d *doctor) uplink(ctx context.Context) (string, error) {
	if d.c.Uplink == nil {
		return "none is configured: devices send over HTTPS", nil
	}
	listen := d.c.Uplink.Listen
	to, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return "", fmt.Errorf("%s is no address: %w", listen, err)
	}
	if to.Port != 0 {
		switch err := helloUplink(ctx, to, d.patience); {
		case err == nil:
			return fmt.Sprintf("answers on UDP port %d of this machine; whether the ward's network lets it through, `capture status` tells on a device", to.Port), nil
		case !errors.Is(err, errNoAnswer):
			return "", err
		}
	}
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", fmt.Errorf("something holds UDP port %d and does not answer as the uplink within %s", to.Port, d.patience)
	}
	if err != nil {
		return "", fmt.Errorf("UDP %s cannot be listened on: %w", listen, err)
	}
	if err := conn.Close(); err != nil {
		return "", err
	}
	if d.serving(ctx) {
		return "", fmt.Errorf("the server runs, and nothing listens on UDP port %d: it was started without the uplink, or the uplink has ended", to.Port)
	}
	return fmt.Sprintf("UDP %s is free; the server does not run", listen), nil
}

// serving reports whether somebody holds the address of HTTP(S).
func (d *doctor) serving(ctx context.Context) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", d.c.Listen)
	if err == nil {
		_ = l.Close()
	}
	return errors.Is(err, syscall.EADDRINUSE)
}

// helloUplink sends the first message of a DTLS 1.2 handshake until it is answered with a cookie, which costs the server
// no state, or patience is over. An address that stands for all is asked on loopback.
func helloUplink(ctx context.Context, to *net.UDPAddr, patience time.Duration) error {
	at := *to
	if at.IP == nil || at.IP.IsUnspecified() {
		at.IP = net.IPv4(127, 0, 0, 1)
		if len(to.IP) == net.IPv6len && to.IP.To4() == nil {
			at.IP = net.IPv6loopback
		}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", at.String())
	if err != nil {
		return fmt.Errorf("asking the uplink: %w", err)
	}
	defer conn.Close()
	hello, answer := clientHello(), make([]byte, 2048)
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; {
		if _, err := conn.Write(hello); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("asking the uplink: %w", err)
		}
		if err := conn.SetReadDeadline(earlier(end, time.Now().Add(uplinkAgain))); err != nil {
			return err
		}
		n, err := conn.Read(answer)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return errNoAnswer // the machine says that nobody listens
		case err == nil && isCookie(answer[:n]):
			return nil
		}
	}
	return errors.Join(errNoAnswer, ctx.Err())
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// DTLS 1.2 (RFC 6347): records of 13 bytes of header (4.1), handshake messages of 12 (4.2.2).
const (
	dtlsHandshake   = 22
	dtlsClientHello = 1
	dtlsCookie      = 3 // HelloVerifyRequest
	dtlsHead        = 13
	dtlsMessageHead = 12
)

// dtls12 is the version on the wire.
var dtls12 = []byte{0xfe, 0xfd}

// clientHello is a ClientHello without a cookie (RFC 6347, 4.2.1), as one datagram: suites that the uplink takes, with
// their curves and signatures, and the extended master secret, which it demands.
func clientHello() []byte {
	var random [32]byte
	_, _ = rand.Read(random[:]) // crypto/rand does not fail
	body := append(bytes.Clone(dtls12), random[:]...)
	body = append(body, 0, 0)                             // no session, no cookie
	body = append(body, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f)     // ECDHE with AES-128-GCM, ECDSA and RSA (RFC 5289)
	body = append(body, 1, 0)                             // no compression
	extensions := []byte{0, 10, 0, 6, 0, 4, 0, 29, 0, 23, // groups: X25519, P-256 (RFC 8422)
		0, 11, 0, 2, 1, 0, // uncompressed points
		0, 13, 0, 10, 0, 8, 4, 3, 5, 3, 4, 1, 5, 1, // ECDSA and RSA with SHA-256 and SHA-384
		0, 23, 0, 0} // extended master secret (RFC 7627)
	body = append(body, byte(len(extensions)>>8), byte(len(extensions)))
	body = append(body, extensions...)

	size := []byte{byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}
	message := append([]byte{dtlsClientHello}, size...)
	message = append(message, 0, 0, 0, 0, 0) // the first message, and its first and only fragment
	message = append(append(message, size...), body...)

	record := append([]byte{dtlsHandshake}, dtls12...)
	record = append(record, make([]byte, 8)...) // epoch 0, record 0
	record = append(record, byte(len(message)>>8), byte(len(message)))
	return append(record, message...)
}

// isCookie reports whether a datagram is a HelloVerifyRequest with a cookie.
func isCookie(b []byte) bool {
	const cookie = dtlsHead + dtlsMessageHead + 2 // its length, after the version
	return len(b) > cookie && b[0] == dtlsHandshake && b[dtlsHead] == dtlsCookie &&
		b[cookie] > 0 && len(b) == cookie+1+int(b[cookie])
}

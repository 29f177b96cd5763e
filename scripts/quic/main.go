// Command quic sends one body of a given size over QUIC (quic-go, with its own
// congestion control) and prints how long it took. It is what the uplink is
// measured beside; nothing of the product is built from it, so it is a module
// of its own.
//
//	quic serve ADDR DIGEST       prints "ready", then answers until standard input ends
//	quic send ADDR BYTES DIGEST  prints the seconds from the first datagram to the answer
//
// DIGEST names a file that both sides use: the SHA-256 of the server's
// certificate, written by serve and checked by send.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"
)

// protocol is the ALPN name that both sides insist on.
const protocol = "clinivault-measure"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "quic:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "serve":
		return serve(args[1], args[2])
	case len(args) == 4 && args[0] == "send":
		size, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil || size < 0 || size > 1<<30 {
			return errors.New("a size is 0 to 1 GiB")
		}
		return send(args[1], size, args[3])
	}
	return errors.New("usage: quic serve ADDR DIGEST | quic send ADDR BYTES DIGEST")
}

// serve answers each stream with the SHA-256 of what it carried, until
// standard input ends.
func serve(addr, digest string) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(certificate.Certificate[0])
	if err := os.WriteFile(digest, sum[:], 0o600); err != nil {
		return err
	}
	listener, err := quic.ListenAddr(addr, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{protocol}}, nil)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	for {
		conn, err := listener.Accept(ctx)
		if err != nil {
			return nil
		}
		go answer(ctx, conn)
	}
}

func answer(ctx context.Context, conn *quic.Conn) {
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, stream); err != nil {
		return
	}
	if _, err := stream.Write(hash.Sum(nil)); err == nil {
		_ = stream.Close()
	}
}

// send takes the time from the first datagram to the whole answer.
func send(addr string, size int64, digest string) error {
	pinned, err := os.ReadFile(digest)
	if err != nil {
		return err
	}
	body := make([]byte, size)
	_, _ = rand.Read(body)
	want := sha256.Sum256(body)
	config := &tls.Config{NextProtos: []string{protocol}, InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		if sum := sha256.Sum256(s.PeerCertificates[0].Raw); !bytes.Equal(sum[:], pinned) {
			return errors.New("another server's certificate")
		}
		return nil
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	start := time.Now()
	conn, err := quic.DialAddr(ctx, addr, config, nil)
	if err != nil {
		return err
	}
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	if _, err := stream.Write(body); err != nil {
		return err
	}
	if err := stream.Close(); err != nil {
		return err
	}
	got, err := io.ReadAll(io.LimitReader(stream, 64))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want[:]) {
		return errors.New("the server received something else")
	}
	fmt.Printf("%.4f\n", time.Since(start).Seconds())
	return conn.CloseWithError(0, "")
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, err
}

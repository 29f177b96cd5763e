package uplink_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/clinivault/clinivault/api/uplink"
)

// A camera, a kiosk or a scanner sends what it sealed like this. The device's certificate comes from its enrolment, the
// token from the sign-in of the person who uses it.
func Example() {
	send := func(ctx context.Context, server netip.AddrPort, roots *x509.CertPool, device tls.Certificate,
		session string, sealed []byte) ([]byte, error) {
		client, err := uplink.Dial(ctx, uplink.ClientConfig{
			Addr: server, ServerName: "vault.hospital.example", Roots: roots, Certificate: device,
		})
		if err != nil {
			return nil, err // errors.Is(err, uplink.ErrBlocked): use HTTPS
		}
		defer func() { _ = client.Close() }()
		offer := uplink.Offer{Digest: sha256.Sum256(sealed), Size: int64(len(sealed)), Token: uplink.Token(session)}
		_, _ = rand.Read(offer.ID[:]) // keep it with the sealed capture: every attempt uses the same
		receipt, err := client.Upload(ctx, offer, bytes.NewReader(sealed), func(acked int64) {
			fmt.Printf("%d of %d bytes\n", acked, offer.Size)
		})
		var refusal *uplink.Error
		if errors.As(err, &refusal) {
			fmt.Println(refusal.Sentence)
		}
		return receipt, err
	}

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := send(ctx, netip.AddrPort{}, x509.NewCertPool(), tls.Certificate{}, "session", []byte("sealed capture"))
	fmt.Println(err)
	// Output: uplink: Addr, ServerName and Certificate are required
}

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	authorityFile = "authority.pem" // a vault's own authority that the URL's fingerprint named
	askEvery      = 2 * time.Second
)

// invitation is what the QR code holds.
type invitation struct {
	server      string
	code        token
	fingerprint string // SHA-256 of the server's certificate or of its authority's; hex, may be empty
}

// invited takes an address like https://vault.example.org/enrol#CODE.FINGERPRINT apart.
func invited(text string) (invitation, error) {
	wrong := usageError{"--url must be the address from the QR code, such as https://vault.example.org/enrol#CODE"}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Path != "/enrol" || u.RawQuery != "" || u.Fragment == "" {
		return invitation{}, wrong
	}
	code, print, _ := strings.Cut(u.Fragment, ".")
	if raw, err := hex.DecodeString(print); err != nil || print != "" && len(raw) != sha256.Size {
		return invitation{}, wrong
	}
	return invitation{server: u.Scheme + "://" + u.Host, code: token(code), fingerprint: strings.ToLower(print)}, nil
}

// enrol is the command of that name.
func enrol(ctx context.Context, args []string, s surroundings) error {
	set, state := flags("enrol")
	address := set.String("url", "", "")
	ca := set.String("ca", "", "")
	if err := parse(set, args); err != nil {
		return err
	}
	if *address == "" || set.NArg() > 0 {
		return usageError{"enrol needs --url"}
	}
	in, err := invited(*address)
	if err != nil {
		return err
	}
	dir, err := stateDir(*state, s)
	if err != nil {
		return err
	}
	d := &device{Server: in.server, Code: in.code, Opening: make([]byte, 32)}
	rand.Read(d.Opening) // never fails (crypto/rand)
	if *ca != "" {
		if d.CA, err = filepath.Abs(*ca); err != nil {
			return fmt.Errorf("finding the certificate file: %w", err)
		}
	}
	if err := d.trusts(ctx, dir, in.fingerprint); err != nil {
		return err
	}
	if d.Key, err = newDeviceKey(); err != nil {
		return err
	}
	c, err := newClient(account{Server: d.Server, CA: d.CA})
	if err != nil {
		return err
	}
	number, err := c.join(ctx, d)
	if err != nil {
		return fmt.Errorf("enrolling: %w", err)
	}
	if err := d.save(dir); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "this device shows %s %s: it must be the number that the administrator sees\nwaiting for the approval; Ctrl-C is safe, capture status looks again\n", number[:3], number[3:])
	return d.approved(ctx, c, dir, s)
}

// trusts finds out whom to believe when the URL names a fingerprint. It must be that of a certificate that the server
// shows; an authority of the vault's own is kept and believed for this vault alone, and any other certificate has to
// hold by the system's authorities too.
func (d *device) trusts(ctx context.Context, dir, fingerprint string) error {
	u, err := url.Parse(d.Server)
	if err != nil || fingerprint == "" || u.Scheme != "https" || d.CA != "" {
		return err
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "443")
	}
	var named *x509.Certificate
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: u.Hostname(),
		InsecureSkipVerify: true, // what is shown is compared with the fingerprint here, and verified in every later handshake
		VerifyConnection: func(cs tls.ConnectionState) error {
			for _, cert := range cs.PeerCertificates {
				if sum := sha256.Sum256(cert.Raw); hex.EncodeToString(sum[:]) == fingerprint {
					named = cert
					return nil
				}
			}
			return errors.New("the server's certificate is not the one that the QR code names: somebody may sit in between")
		},
	}}
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return fmt.Errorf("looking at the server's certificate: %w", err)
	}
	if err := conn.Close(); err != nil {
		return fmt.Errorf("looking at the server's certificate: %w", err)
	}
	if !named.IsCA {
		return nil
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: named.Raw})
	if err := writeFile(dir, authorityFile, text); err != nil {
		return fmt.Errorf("keeping the server's authority: %w", err)
	}
	d.CA, err = filepath.Abs(filepath.Join(dir, authorityFile))
	return err
}

// join commits to the key, learns the vault's number, shows the key, and works out the number to compare.
func (c *client) join(ctx context.Context, d *device) (number string, err error) {
	public, err := d.public()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(public)
	key, secret := hex.EncodeToString(sum[:]), hex.EncodeToString(d.Opening)
	commitment := sha256.Sum256([]byte("clinivault/device-commitment/v1\n" + secret + "\n" + key))
	var begun struct {
		Nonce string `json:"nonce"`
	}
	in := map[string]any{"code": string(d.Code), "commitment": commitment[:]}
	if err := c.call(ctx, http.MethodPost, "/api/v1/device/enrol", nil, in, &begun); err != nil {
		return "", err
	}
	signature, err := d.sign("enrol", begun.Nonce)
	if err != nil {
		return "", err
	}
	var added struct {
		Device string `json:"device"`
	}
	in = map[string]any{"code": string(d.Code), "kind": "native", "key": public, "opening": []byte(d.Opening), "signature": signature}
	if err := c.call(ctx, http.MethodPost, "/api/v1/device/enrol/finish", nil, in, &added); err != nil {
		return "", err
	}
	d.ID = added.Device
	digits := sha256.Sum256([]byte("clinivault/device-number/v1\n" + string(d.Code) + "\n" + begun.Nonce + "\n" + secret + "\n" + key))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(digits[:8])%1_000_000), nil
}

// asks looks once how far the enrolment has come; done is false while it waits.
func (d *device) asks(ctx context.Context, c *client, dir string) (done bool, err error) {
	var now struct {
		State       string `json:"state"`
		Certificate []byte `json:"certificate"`
	}
	in := map[string]any{"code": string(d.Code), "opening": []byte(d.Opening)}
	if err := c.call(ctx, http.MethodPost, "/api/v1/device/enrol/state", nil, in, &now); err != nil {
		return false, err
	}
	switch now.State {
	case "pending":
		return false, nil
	case "approved":
		d.Certificate, d.Code, d.Opening = now.Certificate, "", nil
		return true, d.save(dir)
	}
	if err := os.Remove(filepath.Join(dir, deviceFile)); err != nil {
		return false, fmt.Errorf("forgetting the device: %w", err)
	}
	return false, errors.New("an administrator has taken this device out of use")
}

// approved waits for the administrator. A server that does not answer is asked again.
func (d *device) approved(ctx context.Context, c *client, dir string, s surroundings) error {
	for {
		done, err := d.asks(ctx, c, dir)
		var away *silence
		switch {
		case done && err == nil:
			fmt.Fprintf(s.stdout, "approved; the certificate counts until %s\n", d.end().Format(time.RFC3339))
			return nil
		case err != nil && !errors.As(err, &away):
			return err
		}
		if err := s.sleep(ctx, askEvery); err != nil {
			return codeError{exitWaiting, errors.New("not approved yet: run capture status later")}
		}
	}
}

// clientIn is a client for an account on this machine: as the device that it is, where it is one of the same vault, with
// a certificate that is renewed in time. That renewing failed ends nothing while the session itself is good.
func clientIn(dir string, a account, s surroundings) (*client, error) {
	d, err := loadDevice(dir)
	if err != nil {
		return nil, err
	}
	if d == nil || d.Server != a.Server || d.Code != "" {
		return newClient(a)
	}
	c, err := newDeviceClient(a, d, s.now())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	before := d.end()
	if err := c.renew(ctx, dir, s.now()); err != nil {
		fmt.Fprintf(s.stderr, "capture: %v\n", err)
	}
	if d.end().Equal(before) {
		return c, nil
	}
	return newDeviceClient(a, d, s.now())
}

// fillFromDevice gives sign-in the server of an enrolled device, and whom to trust, where the command line does not say.
func fillFromDevice(dir string, server, ca *string) error {
	d, err := loadDevice(dir)
	if err != nil || d == nil {
		return err
	}
	if *server == "" {
		*server = d.Server
	}
	if *ca == "" && strings.TrimRight(*server, "/") == d.Server {
		*ca = d.CA
	}
	return nil
}

// bindHere ties a session that was just opened to this device, where it is one of the same vault, and sees to its
// certificate.
func bindHere(ctx context.Context, c *client, dir string, s surroundings) error {
	d, err := loadDevice(dir)
	if err != nil || d == nil || d.Code != "" || d.Server != strings.TrimSuffix(c.base.String(), "/") {
		return err
	}
	if err := c.bind(ctx, d); err != nil {
		return fmt.Errorf("tying the session to this device: %w", err)
	}
	c.device = d
	if d.certified(s.now()) {
		return nil
	}
	return c.renew(ctx, dir, s.now())
}

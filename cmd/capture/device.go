package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	deviceFile     = "device.json"
	deviceProtocol = "clinivault-device" // named in the handshake (RFC 7301), so that the server asks for the certificate
	renewBefore    = 84 * time.Hour      // of a certificate's end: half its seven days
)

// hidden is what nobody but this device may know. It prints as [redacted].
type hidden []byte

func (hidden) String() string       { return "[redacted]" }
func (hidden) GoString() string     { return "[redacted]" }
func (hidden) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// device is the device file: which device of which vault this is. Its key lies in the file as it is, readable by this
// user alone; a machine with a key store of its own would keep it better.
type device struct {
	Server      string `json:"server"`
	CA          string `json:"ca,omitempty"` // path of certificates trusted besides the system's
	ID          string `json:"id"`
	Key         hidden `json:"key"`                   // PKCS #8, DER
	Certificate []byte `json:"certificate,omitempty"` // X.509, DER
	Code        token  `json:"code,omitempty"`        // while it waits for approval
	Opening     hidden `json:"opening,omitempty"`
}

// loadDevice reads the device file; nil when this is no enrolled device.
func loadDevice(dir string) (*device, error) {
	b, err := os.ReadFile(filepath.Join(dir, deviceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the device file: %w", err)
	}
	var d device
	if json.Unmarshal(b, &d) != nil || d.Server == "" || d.ID == "" {
		return nil, errors.New("the device file is damaged: run capture enrol again")
	}
	if _, err := d.key(); err != nil {
		return nil, err
	}
	return &d, nil
}

func (d *device) save(dir string) error {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the device file: %w", err)
	}
	if err := writeFile(dir, deviceFile, append(b, '\n')); err != nil { // mode 0600
		return fmt.Errorf("keeping the device file: %w", err)
	}
	return nil
}

func newDeviceKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the device's key: %w", err)
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

func (d *device) key() (*ecdsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(d.Key)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the key in the device file is damaged: run capture enrol again")
	}
	return key, nil
}

// public is the key as it is sent (RFC 5280, 4.1).
func (d *device) public() ([]byte, error) {
	key, err := d.key()
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(key.Public())
}

// sign signs a number of the vault's for a purpose (vault/FORMAT.md section 13).
func (d *device) sign(purpose, nonce string) ([]byte, error) {
	key, err := d.key()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte("clinivault/device-proof/v1\n" + purpose + "\n" + nonce))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}

// end is when the certificate ends; zero without one.
func (d *device) end() time.Time {
	if len(d.Certificate) == 0 {
		return time.Time{}
	}
	cert, err := x509.ParseCertificate(d.Certificate)
	if err != nil {
		return time.Time{}
	}
	return cert.NotAfter
}

// certified reports whether there is a certificate that still counts.
func (d *device) certified(now time.Time) bool { return d.end().After(now) }

// certificate is the certificate with its key.
func (d *device) certificate() (tls.Certificate, error) {
	key, err := d.key()
	return tls.Certificate{Certificate: [][]byte{d.Certificate}, PrivateKey: key}, err
}

// shows has the client show the certificate, where the server asks for it.
func (d *device) shows(conf *tls.Config) error {
	cert, err := d.certificate()
	if err != nil {
		return err
	}
	conf.NextProtos = []string{"h2", "http/1.1", deviceProtocol}
	conf.Certificates = []tls.Certificate{cert}
	return nil
}

// numbered asks for a number to sign.
func (c *client) numbered(ctx context.Context) (string, error) {
	var answer struct {
		Nonce string `json:"nonce"`
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/device/challenge", nil, map[string]bool{}, &answer)
	return answer.Nonce, err
}

// bind ties the session that was just opened to the device.
func (c *client) bind(ctx context.Context, d *device) error {
	nonce, err := c.numbered(ctx)
	if err != nil {
		return err
	}
	public, err := d.public()
	if err != nil {
		return err
	}
	signature, err := d.sign("bind", nonce)
	if err != nil {
		return err
	}
	in := map[string]any{"key": public, "kind": "native", "name": "capture", "nonce": nonce, "signature": signature}
	return c.call(ctx, http.MethodPost, "/api/v1/device/bind", nil, in, &struct{}{})
}

// prove shows that the session still is on this device.
func (c *client) prove(ctx context.Context) error {
	nonce, err := c.numbered(ctx)
	if err != nil {
		return err
	}
	signature, err := c.device.sign("prove", nonce)
	if err != nil {
		return err
	}
	in := map[string]any{"device": c.device.ID, "nonce": nonce, "signature": signature}
	return c.call(ctx, http.MethodPost, "/api/v1/device/prove", nil, in, &struct{}{})
}

// renew asks for a certificate in time: over the last one while that counts, else by the session that is bound to the
// device. Nothing is renewed that has more than half its life left.
func (c *client) renew(ctx context.Context, dir string, now time.Time) error {
	d := c.device
	if d == nil || d.Code != "" || c.base.Scheme != "https" || d.end().Sub(now) > renewBefore {
		return nil
	}
	path := "/api/v1/device/certificate"
	if !d.certified(now) {
		path = "/api/v1/devices/certificate"
	}
	var answer struct {
		Certificate []byte `json:"certificate"`
	}
	if err := c.call(ctx, http.MethodPost, path, nil, map[string]bool{}, &answer); err != nil {
		return fmt.Errorf("renewing the device's certificate: %w", err)
	}
	if _, err := x509.ParseCertificate(answer.Certificate); err != nil {
		return errors.New("renewing the device's certificate: the server gave none")
	}
	d.Certificate = answer.Certificate
	return d.save(dir)
}

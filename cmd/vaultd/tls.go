package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
)

const (
	caLife   = 2 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
)

// openCertificate opens the configured certificate, or one signed by the local
// CA in the data folder, whose fingerprint it prints so that a person can compare
// it on the phone that is to trust it.
func openCertificate(c *Config, out io.Writer, log *slog.Logger) (*certSource, error) {
	s := &certSource{log: log, now: time.Now, pair: c.TLS}
	if c.TLS != nil {
		if err := s.open(); err != nil {
			return nil, fmt.Errorf("loading the certificate: %w", err)
		}
		return s, nil
	}
	ca, err := openLocalCA(filepath.Join(c.Data, "ca"))
	if err != nil {
		return nil, fmt.Errorf("opening the local CA: %w", err)
	}
	s.issue = func() (*tls.Certificate, error) { return ca.issue(hostNames(c)) }
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	return s, ca.show(c, out)
}

// localCA signs certificates for a trial on a local network.
type localCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // the certificate, for people to copy onto a phone
}

var errOldCA = errors.New("the local CA has expired; move its folder away and start again")

// openLocalCA reads the CA of a folder or makes it.
func openLocalCA(dir string) (*localCA, error) {
	ca := &localCA{file: filepath.Join(dir, "ca.crt")}
	keyFile := filepath.Join(dir, "ca.key")
	pair, err := tls.LoadX509KeyPair(ca.file, keyFile)
	if errors.Is(err, os.ErrNotExist) {
		if err := makeLocalCA(dir, ca.file, keyFile); err != nil {
			return nil, err
		}
		pair, err = tls.LoadX509KeyPair(ca.file, keyFile)
	}
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the local CA's key is of another kind; move the folder away and start again")
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return nil, errOldCA
	}
	ca.cert, ca.key = pair.Leaf, key
	return ca, nil
}

func makeLocalCA(dir, certFile, keyFile string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := certificate("Clinivault local CA", caLife)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func certificate(name string, life time.Duration) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic("vaultd: no randomness: " + err.Error()) // crypto/rand never fails on Linux
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
	}
}

// issue signs a certificate for the names; its key lives in memory only.
func (ca *localCA) issue(names []string) (*tls.Certificate, error) {
	if time.Now().After(ca.cert.NotAfter) {
		return nil, errOldCA
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificate("Clinivault", leafLife)
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der, ca.cert.Raw}, PrivateKey: key, Leaf: leaf}, err
}

// show prints the fingerprint and a QR code of the address.
func (ca *localCA) show(c *Config, out io.Writer) error {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return err
	}
	address := "https://127.0.0.1:" + port
	if own := ownAddresses(); len(own) > 0 {
		address = "https://" + net.JoinHostPort(own[0], port)
	}
	code, err := qrText(address)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nTo try it from a phone on this network: install the certificate %s\non the phone, compare its SHA-256 fingerprint\n  %s\nand open %s\n%s\n",
		ca.file, fingerprint(ca.cert.Raw), address, code)
	return nil
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// qrText draws a QR code (ISO/IEC 18004) with half blocks, two modules a line,
// with the four-module quiet zone.
func qrText(text string) (string, error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return "", fmt.Errorf("drawing the QR code: %w", err)
	}
	size := code.Bounds().Dx()
	dark := func(x, y int) bool {
		if x < 0 || y < 0 || x >= size || y >= size {
			return false
		}
		r, _, _, _ := code.At(x, y).RGBA()
		return r == 0
	}
	var b strings.Builder
	for y := -4; y < size+4; y += 2 {
		for x := -4; x < size+4; x++ {
			// Light modules are drawn, dark ones left: right on dark terminals.
			b.WriteString([]string{"█", "▀", "▄", " "}[index(dark(x, y))*2+index(dark(x, y+1))])
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ownAddresses are this machine's addresses that are not loopback, IPv4 first.
func ownAddresses() []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var v4, v6 []string
	for _, a := range addrs {
		ip, ok := a.(*net.IPNet)
		switch {
		case !ok || ip.IP.IsLoopback() || ip.IP.IsLinkLocalUnicast():
		case ip.IP.To4() != nil:
			v4 = append(v4, ip.IP.String())
		default:
			v6 = append(v6, ip.IP.String())
		}
	}
	return append(v4, v6...)
}

package vaulttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// MinIO returns a bucket name of its own on a real MinIO server behind TLS.
func MinIO(t testing.TB) vault.MinIOConfig {
	t.Helper()
	return withBucket(shared(t, "minio", startMinIO))
}

// VersityGW is the second S3 server: what passes on MinIO alone is not S3.
func VersityGW(t testing.TB) vault.MinIOConfig {
	t.Helper()
	return withBucket(shared(t, "versitygw", startVersityGW))
}

func withBucket(c vault.MinIOConfig) vault.MinIOConfig {
	c.Bucket = "b" + strings.ToLower(secret())
	return c
}

func startMinIO(dir string) (vault.MinIOConfig, func(), error) {
	awaitBuild("minio")
	minio, err := Tool("minio")
	if err != nil {
		return vault.MinIOConfig{}, nil, err
	}
	c, port, err := s3Config(dir, filepath.Join("certs", "public.crt"), filepath.Join("certs", "private.key"))
	if err != nil {
		return c, nil, err
	}
	cmd := exec.Command(minio, "server", "--quiet", "--address", fmt.Sprintf("127.0.0.1:%d", port),
		"--certs-dir", filepath.Join(dir, "certs"), filepath.Join(dir, "objects"))
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+c.AccessKey, "MINIO_ROOT_PASSWORD="+c.SecretKey,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off", "HOME="+dir)
	return startS3(cmd, c, "/minio/health/ready")
}

func startVersityGW(dir string) (vault.MinIOConfig, func(), error) {
	gateway, err := Tool("versitygw")
	if err != nil {
		return vault.MinIOConfig{}, nil, err
	}
	c, port, err := s3Config(dir, "public.crt", "private.key")
	if err != nil {
		return c, nil, err
	}
	for _, sub := range []string{"objects", "versions"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return c, nil, err
		}
	}
	cmd := exec.Command(gateway, "--port", fmt.Sprintf("127.0.0.1:%d", port), "--quiet", "--health", "/health",
		"--cert", c.CAFile, "--key", filepath.Join(dir, "private.key"),
		"posix", "--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "objects"))
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+c.AccessKey, "ROOT_SECRET_KEY="+c.SecretKey)
	return startS3(cmd, c, "/health")
}

func startS3(cmd *exec.Cmd, c vault.MinIOConfig, health string) (vault.MinIOConfig, func(), error) {
	p, err := spawn(cmd)
	if err != nil {
		return c, nil, err
	}
	client, err := trusting(c.CAFile)
	if err != nil {
		p.stop()
		return c, nil, err
	}
	err = p.await(func() error {
		resp, err := client.Get("https://" + c.Endpoint + health)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("health answers %d", resp.StatusCode)
		}
		return nil
	})
	return c, p.stop, err
}

// s3Config makes a key pair, a certificate for loopback and a free port.
func s3Config(dir, cert, key string) (vault.MinIOConfig, int, error) {
	port, err := freePort()
	if err != nil {
		return vault.MinIOConfig{}, 0, err
	}
	c := vault.MinIOConfig{
		Endpoint: fmt.Sprintf("127.0.0.1:%d", port), AccessKey: secret(), SecretKey: secret(),
		CAFile: filepath.Join(dir, cert),
	}
	return c, port, writeCertificate(c.CAFile, filepath.Join(dir, key))
}

// writeCertificate makes a self-signed certificate for 127.0.0.1, good for a day.
func writeCertificate(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "clinivault test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(certFile), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}

// trusting returns a client that trusts the certificate in caFile alone.
func trusting(caFile string) (*http.Client, error) {
	pemBytes, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pemBytes) {
		return nil, fmt.Errorf("no certificate in %s", caFile)
	}
	return &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	}, nil
}

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// writeFiles writes files of one text each and gives their paths.
func writeFiles(t testing.TB, texts ...string) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i, text := range texts {
		path := filepath.Join(dir, string(rune('a'+i)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// certFiles makes a self-signed certificate for loopback, for servers and clients.
func certFiles(t testing.TB) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "clinivault test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	files := writeFiles(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs})))
	return files[0], files[1]
}

// guardedBy starts a guard before the store of cfg, changed by change, and gives the configuration that goes through it.
func guardedBy(t testing.TB, cfg vault.MinIOConfig, change func(*GuardConfig)) vault.MinIOConfig {
	t.Helper()
	cert, key := certFiles(t)
	secrets := writeFiles(t, cfg.AccessKey, cfg.SecretKey)
	c := &GuardConfig{Listen: "127.0.0.1:0", TLS: &TLSConfig{CertFile: cert, KeyFile: key}, Store: cfg.Endpoint,
		StoreCAFile: cfg.CAFile, Bucket: cfg.Bucket, AccessKeyFile: secrets[0], SecretKeyFile: secrets[1], LogFormat: "json"}
	if change != nil {
		change(c)
	}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	up, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- c.run(ctx, io.Discard, func(address string) { up <- address }) }()
	select {
	case cfg.Endpoint = <-up:
	case err := <-ended:
		stop()
		t.Fatalf("the guard ended: %v", err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the guard ended with %v", err)
		}
	})
	cfg.CAFile = cert
	return cfg
}

func guardedStore(t testing.TB, change func(*GuardConfig)) (direct, guarded vault.MinIOConfig) {
	t.Helper()
	direct = vaulttest.MinIO(t)
	return direct, guardedBy(t, direct, change)
}

func openStore(t testing.TB, cfg vault.MinIOConfig) *vault.MinIO {
	t.Helper()
	m, err := vault.OpenMinIO(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestStoreThroughTheGuard: every call that the vault makes goes through, with and without the guard's own check of
// signatures, and on the second S3 server.
func TestStoreThroughTheGuard(t *testing.T) {
	for _, c := range []struct {
		name   string
		store  func(testing.TB) vault.MinIOConfig
		change func(*GuardConfig)
	}{
		{"minio", vaulttest.MinIO, nil},
		{"minio, signatures not checked", vaulttest.MinIO, func(c *GuardConfig) { c.AccessKeyFile, c.SecretKeyFile = "", "" }},
		{"versitygw", vaulttest.VersityGW, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			guarded := guardedBy(t, c.store(t), c.change)
			vaulttest.TestBlobs(t, func(t *testing.T) vault.Blobs { return openStore(t, guarded) })
		})
	}
}

// TestHistoryThroughTheGuard: locks, holds, versions and uploads too.
func TestHistoryThroughTheGuard(t *testing.T) {
	direct, guarded := guardedStore(t, nil)
	guarded.LockDays, direct.LockDays = 7, 7
	m, ctx, name := openStore(t, guarded), t.Context(), "object/2026030209/held"
	check := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	check("Put", m.Put(ctx, name, strings.NewReader("sealed"), 6), nil)
	check("Hold", m.Hold(ctx, name, true), nil)
	check("Delete under a hold", m.Delete(ctx, name), vault.ErrKept)
	check("lifting", m.Hold(ctx, name, false), nil)
	n := 0
	check("Versions", m.Versions(ctx, "object/", func(v vault.Version) error {
		n++
		body, err := m.GetVersion(ctx, v.Name, v.ID)
		if err != nil {
			return err
		}
		return body.Close()
	}), nil)
	if n != 1 {
		t.Errorf("Versions: got %d, want 1", n)
	}
	check("Uploads", m.Uploads(ctx, func(u vault.Upload) error { return m.AbortUpload(ctx, u) }), nil)
	check("Delete past the lock", m.Delete(ctx, name), nil)

	// A guard that forbids the bypass has locked objects kept.
	strict := guardedBy(t, direct, func(c *GuardConfig) { c.ForbidBypass = true })
	strict.LockDays = 7
	m = openStore(t, strict)
	check("Put", m.Put(ctx, name, strings.NewReader("sealed"), 6), nil)
	check("Delete without the bypass", m.Delete(ctx, name), vault.ErrKept)
}

// TestGuardWithoutAStore: the vault is told that the store is away, and the guard goes on.
func TestGuardWithoutAStore(t *testing.T) {
	cfg := vault.MinIOConfig{Endpoint: "127.0.0.1:1", Bucket: "bucket", AccessKey: "access", SecretKey: "secret"}
	guarded := guardedBy(t, cfg, func(c *GuardConfig) { c.StoreInsecure = true })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := vault.OpenMinIO(ctx, guarded); !errors.Is(err, vault.ErrUnavailable) {
		t.Errorf("OpenMinIO: got %v, want ErrUnavailable", err)
	}
	status, _ := ask(t, guarded, nil, "GET", "/healthz")
	if status != http.StatusNoContent {
		t.Errorf("the guard's own health: got %d, want 204", status)
	}
	if status, body := ask(t, guarded, nil, "GET", "/minio/health/ready"); status != http.StatusServiceUnavailable || !strings.Contains(body, "ServiceUnavailable") {
		t.Errorf("the store's health: got %d %s, want 503", status, body)
	}
}

func storeClient(t testing.TB, cfg vault.MinIOConfig, own *tls.Certificate) *http.Client {
	t.Helper()
	pool, err := readPool(cfg.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: pool}
	if own != nil {
		config.Certificates = []tls.Certificate{*own}
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func ask(t testing.TB, cfg vault.MinIOConfig, own *tls.Certificate, method, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+cfg.Endpoint+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, storeClient(t, cfg, own), r)
}

func send(t testing.TB, client *http.Client, r *http.Request) (int, string) {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestGuardKnowsItsNodes: by certificate and by network.
func TestGuardKnowsItsNodes(t *testing.T) {
	nodeCert, nodeKey := certFiles(t)
	_, guarded := guardedStore(t, func(c *GuardConfig) { c.ClientCAFile = nodeCert })
	if _, err := vault.OpenMinIO(t.Context(), guarded); !errors.Is(err, vault.ErrUnavailable) {
		t.Errorf("a node without a certificate: got %v, want ErrUnavailable", err)
	}
	guarded.CertFile, guarded.KeyFile = nodeCert, nodeKey
	openStore(t, guarded)
	guarded.CertFile, guarded.KeyFile = certFiles(t)
	if _, err := vault.OpenMinIO(t.Context(), guarded); !errors.Is(err, vault.ErrUnavailable) {
		t.Errorf("a node with a certificate of its own making: got %v, want ErrUnavailable", err)
	}
	for network, want := range map[string]bool{"127.0.0.0/8": true, "10.0.0.0/8": false} {
		_, guarded := guardedStore(t, func(c *GuardConfig) { c.Allow = []string{network} })
		if _, err := vault.OpenMinIO(t.Context(), guarded); (err == nil) != want {
			t.Errorf("a node from 127.0.0.1 where %s is allowed: got %v, want success %v", network, err, want)
		}
	}
}

// TestGuardNumbers: refusals and calls are counted on loopback, and no number or log names an object or a key.
func TestGuardNumbers(t *testing.T) {
	cfg := vaulttest.MinIO(t)
	cert, key := certFiles(t)
	secrets := writeFiles(t, cfg.AccessKey, cfg.SecretKey)
	var log vaulttest.Log
	g, err := newGuard(&GuardConfig{Store: cfg.Endpoint, StoreCAFile: cfg.CAFile, Bucket: cfg.Bucket, AccessKeyFile: secrets[0],
		SecretKeyFile: secrets[1], TLS: &TLSConfig{CertFile: cert, KeyFile: key}}, newLog("json", &log))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", must(t, (&GuardConfig{TLS: &TLSConfig{CertFile: cert, KeyFile: key}}).serverTLS))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: g, ReadHeaderTimeout: time.Second}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	guarded := cfg
	guarded.Endpoint, guarded.CAFile = l.Addr().String(), cert
	openStore(t, guarded)
	ask(t, guarded, nil, "GET", "/"+cfg.Bucket+"/object/secret-name?X-Amz-Credential=secret-word")
	rec := newRecorder()
	g.operator().ServeHTTP(rec, must(t, func() (*http.Request, error) { return http.NewRequest("GET", "/metrics", nil) }))
	for _, want := range []string{`clinivault_guard_refused_total{reason="query"} 1`, `clinivault_guard_call_seconds_count{call="object.make",status="2xx"} 1`} {
		if !strings.Contains(rec.body.String(), want) {
			t.Errorf("metrics without %q", want)
		}
	}
	if !strings.Contains(log.String(), `"reason":"query"`) {
		t.Errorf("the refusal is not logged: %s", &log)
	}
	for _, secret := range []string{"secret-name", "secret-word", cfg.AccessKey, cfg.SecretKey, cfg.Bucket} {
		if strings.Contains(log.String(), secret) || strings.Contains(rec.body.String(), secret) {
			t.Errorf("log or metrics hold %q", secret)
		}
	}
}

func must[T any](t testing.TB, give func() (T, error)) T {
	t.Helper()
	v, err := give()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// recorder is an http.ResponseWriter in memory.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	code   int
}

func newRecorder() *recorder { return &recorder{header: http.Header{}} }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) WriteHeader(code int)        { r.code = code }

func TestGuardConfigIsRefused(t *testing.T) {
	good := map[string]any{"listen": "127.0.0.1:0", "store": "127.0.0.1:9000", "bucket": "b", "tls": map[string]string{"cert_file": "c", "key_file": "k"}}
	if _, err := parseGuard(must(t, func() ([]byte, error) { return json.Marshal(good) }), "/x"); err != nil {
		t.Fatalf("a good configuration: %v", err)
	}
	for name, c := range map[string]struct {
		key   string
		value any
		want  string
	}{
		"unknown field": {"surprise", 1, "unknown field"}, "no store": {"store", "", "host:port"}, "no port": {"listen", "x", "host:port"},
		"no bucket": {"bucket", "", "bucket"}, "no TLS": {"tls", nil, `"tls"`}, "half a key": {"access_key_file", "a", "both"},
		"bad network": {"allow", []string{"10.0.0.0"}, "networks"}, "metrics elsewhere": {"metrics_listen", "0.0.0.0:1", "this machine alone"},
	} {
		config := map[string]any{}
		for k, v := range good {
			config[k] = v
		}
		config[c.key] = c.value
		if _, err := parseGuard(must(t, func() ([]byte, error) { return json.Marshal(config) }), "/x"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
	remote := map[string]any{"store": "192.0.2.1:9000", "store_insecure": true}
	for k, v := range good {
		if _, set := remote[k]; !set {
			remote[k] = v
		}
	}
	if _, err := parseGuard(must(t, func() ([]byte, error) { return json.Marshal(remote) }), "/x"); err == nil {
		t.Error("plain HTTP to another machine: got nil, want it refused")
	}
	for _, args := range [][]string{{}, {"--config", "/nonexistent/guard.json"}, {"--nothing"}} {
		if err := guardCommand(t.Context(), args, io.Discard); err == nil {
			t.Errorf("guard %q: got nil, want an error", args)
		}
	}
}

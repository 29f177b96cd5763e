package vault_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// s3Client goes to the server past the vault.
func s3Client(t testing.TB, cfg vault.MinIOConfig) *minio.Client {
	t.Helper()
	c, err := minio.New(cfg.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Secure: !cfg.Insecure, Region: "us-east-1", Transport: httpClient(t, cfg).Transport})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// httpClient trusts the server's certificate.
func httpClient(t testing.TB, cfg vault.MinIOConfig) *http.Client {
	t.Helper()
	if cfg.CAFile == "" {
		return http.DefaultClient
	}
	pem, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

// TestMinIODeletesEveryVersion: what is deleted cannot be brought back, and what
// somebody else overwrote can.
func TestMinIODeletesEveryVersion(t *testing.T) {
	cfg := vaulttest.MinIO(t)
	m := openMinIO(t, cfg)
	if !m.Versioned() {
		t.Fatal("Versioned: got false on MinIO")
	}
	ctx, name := t.Context(), "object/2026030209/versions"
	if err := m.Put(ctx, name, strings.NewReader("sealed"), 6); err != nil {
		t.Fatal(err)
	}
	direct := s3Client(t, cfg)
	if _, err := direct.PutObject(ctx, cfg.Bucket, name, strings.NewReader("other"), 5, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := versions(t, direct, cfg.Bucket, name); got != 2 {
		t.Fatalf("versions after an overwrite: got %d, want 2", got)
	}
	if err := m.Delete(ctx, name); err != nil {
		t.Fatal(err)
	}
	if got := versions(t, direct, cfg.Bucket, name); got != 0 {
		t.Errorf("versions after Delete: got %d, want none", got)
	}
	// A deletion by somebody else leaves a marker and the version; ours takes both.
	if err := m.Put(ctx, name, strings.NewReader("sealed"), 6); err != nil {
		t.Fatal(err)
	}
	if err := direct.RemoveObject(ctx, cfg.Bucket, name, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Get(ctx, name); !errors.Is(err, vault.ErrAbsent) {
		t.Errorf("Get of what somebody deleted: got %v, want ErrAbsent", err)
	}
	if err := m.Delete(ctx, name); err != nil {
		t.Fatal(err)
	}
	if got := versions(t, direct, cfg.Bucket, name); got != 0 {
		t.Errorf("versions after both deletions: got %d, want none", got)
	}
}

func versions(t testing.TB, c *minio.Client, bucket, name string) (n int) {
	t.Helper()
	for o := range c.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Prefix: name, WithVersions: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		n++
	}
	return n
}

func TestMinIOOpensAgain(t *testing.T) {
	cfg := vaulttest.MinIO(t)
	if err := openMinIO(t, cfg).Put(t.Context(), "object/2026030209/kept", strings.NewReader("sealed"), 6); err != nil {
		t.Fatal(err)
	}
	m := openMinIO(t, cfg)
	if got, err := m.Get(t.Context(), "object/2026030209/kept"); err != nil {
		t.Errorf("Get after opening again: %v", err)
	} else {
		got.Close()
	}
	err := m.List(t.Context(), "probe/", func(name string, _ int64) error { return errors.New(name) })
	if err != nil {
		t.Errorf("opening left its probe behind: %v", err)
	}
}

func TestMinIORefusesWrongKeysAndCertificates(t *testing.T) {
	cfg := vaulttest.MinIO(t)
	wrongKey, systemCA := cfg, cfg
	wrongKey.SecretKey = "not the secret key"
	systemCA.CAFile = ""
	for name, c := range map[string]vault.MinIOConfig{"wrong secret": wrongKey, "unknown CA": systemCA} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := vault.OpenMinIO(ctx, c)
		cancel()
		if !errors.Is(err, vault.ErrUnavailable) {
			t.Errorf("OpenMinIO with %s: got %v, want ErrUnavailable", name, err)
		}
		if err != nil && strings.Contains(err.Error(), c.SecretKey) {
			t.Errorf("OpenMinIO with %s: the error carries the secret", name)
		}
	}
}

func TestOpenMinIORefuses(t *testing.T) {
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  vault.MinIOConfig
		want string
	}{
		{"no port", vault.MinIOConfig{Endpoint: "store"}, "host:port"},
		{"plain HTTP to another machine", vault.MinIOConfig{Endpoint: "192.0.2.1:9000", Insecure: true}, "on this machine only"},
		{"plain HTTP to a name", vault.MinIOConfig{Endpoint: "store.example:9000", Insecure: true}, "on this machine only"},
		{"missing CA", vault.MinIOConfig{Endpoint: "127.0.0.1:9000", CAFile: noPEM + "x"}, "reading the store's CA file"},
		{"CA without a certificate", vault.MinIOConfig{Endpoint: "127.0.0.1:9000", CAFile: noPEM}, "holds no certificate"},
		{"nobody there", vault.MinIOConfig{Endpoint: "127.0.0.1:1", Bucket: "bucket", AccessKey: "a", SecretKey: "b", Insecure: true}, "unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := vault.OpenMinIO(t.Context(), c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("OpenMinIO: got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// TestOpenMinIORefusesAStoreThatOverwrites: a server that says yes to everything.
func TestOpenMinIORefusesAStoreThatOverwrites(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Etag", `"0"`)
		if _, ok := r.URL.Query()["versioning"]; ok && r.Method == http.MethodGet {
			io.WriteString(w, `<VersioningConfiguration/>`)
		}
	}))
	defer server.Close()
	_, err := vault.OpenMinIO(t.Context(), vault.MinIOConfig{
		Endpoint: server.Listener.Addr().String(), Bucket: "bucket", AccessKey: "a", SecretKey: "b", Insecure: true,
	})
	if err == nil || !strings.Contains(err.Error(), "overwrites objects") {
		t.Errorf("OpenMinIO: got %v, want it refused", err)
	}
}

// TestLostAnswerIsNoConflict: a Put whose first answer is lost is sent again and
// finds its own object; that is success, not ErrExists.
func TestLostAnswerIsNoConflict(t *testing.T) {
	var mu sync.Mutex // guards mark and puts
	var mark string
	puts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		probe := strings.Contains(r.URL.Path, "/probe/")
		switch {
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodHead:
			w.Header().Set("X-Amz-Meta-Put", mark)
			w.Header().Set("Last-Modified", vaulttest.Start.Format(http.TimeFormat))
			w.Header().Set("Etag", `"0"`)
		case r.Method == http.MethodGet:
			io.WriteString(w, `<VersioningConfiguration/>`)
		case r.Header.Get("If-None-Match") == "":
			w.Header().Set("Etag", `"0"`) // bucket and versions
		default:
			puts++
			if puts%2 == 1 {
				mark = r.Header.Get("X-Amz-Meta-Put")
				if !probe { // stored, but the answer is lost
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				w.Header().Set("Etag", `"0"`)
				return
			}
			w.WriteHeader(http.StatusPreconditionFailed)
		}
	}))
	defer server.Close()
	m := openMinIO(t, vault.MinIOConfig{
		Endpoint: server.Listener.Addr().String(), Bucket: "bucket", AccessKey: "a", SecretKey: "b", Insecure: true,
	})
	if err := m.Put(t.Context(), "object/2026030209/once", strings.NewReader("sealed"), 6); err != nil {
		t.Errorf("Put whose first answer was lost: got %v, want nil", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if puts != 4 {
		t.Errorf("requests: got %d, want 2 probes and 2 for the object", puts)
	}
}

package vaulttest

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// S3 returns the configuration of a proxy before the store of c that tells s of
// each request that changes something: before the store gets it, and again when
// it has answered and the client does not know yet.
func (s *Steps) S3(t testing.TB, c vault.MinIOConfig) vault.MinIOConfig {
	t.Helper()
	client, err := trusting(c.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	store := c.Endpoint
	c.Endpoint, c.CAFile = fmt.Sprintf("127.0.0.1:%d", port), filepath.Join(dir, "public.crt")
	key := filepath.Join(dir, "private.key")
	if err := writeCertificate(c.CAFile, key); err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { // Host stays: the signature covers it
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "https", store, r.In.Host
		},
		Transport: client.Transport,
		ErrorLog:  log.New(io.Discard, "", 0), // clients are killed here
		ModifyResponse: func(r *http.Response) error {
			if name := s.s3Step(r.Request, c.Bucket); name != "" && s.step(name+", done") {
				return errKilled
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) },
	}
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0), TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if name := s.s3Step(r, c.Bucket); name != "" && s.step(name) {
				panic(http.ErrAbortHandler)
			}
			forward.ServeHTTP(w, r)
		}),
	}
	l, err := net.Listen("tcp", c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.ServeTLS(l, c.CAFile, key)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-ended
	})
	return c
}

// s3Step names the step that a request is; empty when it changes nothing.
func (s *Steps) s3Step(r *http.Request, bucket string) string {
	if !s.every() && r.Method != http.MethodPut && r.Method != http.MethodDelete && r.Method != http.MethodPost {
		return ""
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"+bucket+"/"), "/")
	return r.Method + " " + kind
}

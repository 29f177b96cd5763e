package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
)

// GuardConfig is the file of `vaultd guard`: JSON, unknown fields refused, paths relative to it.
type GuardConfig struct {
	// Listen is where the vault's nodes find the store, host:port; always TLS.
	Listen string     `json:"listen"`
	TLS    *TLSConfig `json:"tls"`
	// Store is MinIO, host:port, reachable by the guard alone. StoreCAFile holds the certificates to trust there, PEM;
	// default the system's. StoreInsecure speaks plain HTTP, on this machine only.
	Store         string `json:"store"`
	StoreCAFile   string `json:"store_ca_file"`
	StoreInsecure bool   `json:"store_insecure"`
	// Bucket is the one bucket that is served.
	Bucket string `json:"bucket"`
	// AccessKeyFile and SecretKeyFile hold the vault's keys of the store. With them the guard checks each signature
	// itself; leave them out only where the guard must not hold them.
	AccessKeyFile string `json:"access_key_file"`
	SecretKeyFile string `json:"secret_key_file"`
	// ClientCAFile makes clients show a certificate that one of these signed, PEM.
	ClientCAFile string `json:"client_ca_file"`
	// Allow lists the networks of the vault's nodes, such as "10.1.2.0/28"; empty is any.
	Allow []string `json:"allow"`
	// ForbidBypass refuses to bypass a lock; an erasure then reaches locked objects only when the lock ends.
	ForbidBypass bool `json:"forbid_bypass"`
	// MetricsListen is where /metrics and /healthz are served in plain HTTP, on loopback only; none without it.
	MetricsListen string `json:"metrics_listen"`
	// LogFormat is "text" (default) or "json".
	LogFormat string `json:"log_format"`
}

func guardCommand(ctx context.Context, args []string, out io.Writer) error {
	c, err := guardFlag(args)
	if err != nil {
		return err
	}
	return c.run(ctx, out, nil)
}

func guardFlag(args []string) (*GuardConfig, error) {
	flags := flag.NewFlagSet("guard", flag.ContinueOnError)
	path := flags.String("config", "", "the guard's configuration file")
	if err := parse(flags, args); err != nil {
		return nil, err
	}
	if *path == "" {
		return nil, errors.New("guard: name its configuration file with --config FILE; README.md documents every field")
	}
	text, err := os.ReadFile(*path)
	if err != nil {
		return nil, fmt.Errorf("reading the guard's configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(*path))
	if err != nil {
		return nil, err
	}
	return parseGuard(text, dir)
}

func parseGuard(text []byte, dir string) (*GuardConfig, error) {
	var c GuardConfig
	if err := decodeStrict(text, &c); err != nil {
		return nil, fmt.Errorf("reading the guard's configuration: %w", err)
	}
	paths := []*string{&c.StoreCAFile, &c.AccessKeyFile, &c.SecretKeyFile, &c.ClientCAFile}
	if c.TLS != nil {
		paths = append(paths, &c.TLS.CertFile, &c.TLS.KeyFile)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	return &c, c.check()
}

func (c *GuardConfig) check() error {
	for name, address := range map[string]string{"listen": c.Listen, "store": c.Store} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("%q must be host:port", name)
		}
	}
	switch {
	case c.TLS == nil || c.TLS.CertFile == "" || c.TLS.KeyFile == "":
		return errors.New(`the guard needs "tls" with "cert_file" and "key_file"`)
	case c.Bucket == "":
		return errors.New(`the guard needs "bucket"`)
	case (c.AccessKeyFile == "") != (c.SecretKeyFile == ""):
		return errors.New(`the guard needs both "access_key_file" and "secret_key_file", or neither`)
	case c.StoreInsecure && !loopbackAddress(c.Store):
		return errors.New(`"store_insecure" is allowed for a store on this machine only`)
	case c.MetricsListen != "" && !loopbackAddress(c.MetricsListen):
		return errors.New(`"metrics_listen" must be an address of this machine alone, such as 127.0.0.1:9444`)
	}
	_, err := c.networks()
	return err
}

func loopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (c *GuardConfig) networks() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range c.Allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, errors.New(`"allow" must list networks such as 10.1.2.0/28 or ::1/128`)
		}
		out = append(out, p)
	}
	return out, nil
}

// decodeStrict reads one JSON value and refuses unknown fields.
func decodeStrict(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("it holds more than one JSON value")
	}
	return nil
}

// readPool reads certificates to trust; nil, the system's, for no file.
func readPool(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading a CA file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("a CA file holds no certificate")
	}
	return pool, nil
}

// serverTLS is how nodes are met: HTTP/1.1 alone, which is what S3 signatures were made for.
func (c *GuardConfig) serverTLS() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("loading the guard's certificate: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{cert}}
	if c.ClientCAFile == "" {
		return config, nil
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	config.ClientCAs, err = readPool(c.ClientCAFile)
	return config, err
}

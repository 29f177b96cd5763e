package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// deviceProtocol is what a device that has a certificate names among the protocols it speaks (RFC 7301). Only then is a
// certificate asked for: browsers would ask the person for one.
const deviceProtocol = "clinivault-device"

// serverCertificate is what the address shows: nil for plain HTTP, which is for loopback alone.
func serverCertificate(c *Config, out io.Writer, log *slog.Logger) (*certSource, error) {
	if !c.secure() {
		return nil, nil
	}
	return openCertificate(c, out, log)
}

// config is how the address is served; nil for plain HTTP.
func (s *certSource) config() *tls.Config {
	if s == nil {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: s.get}
}

// askDevices has devices show their certificates. One that is not the vault's, has ended or is for something else ends
// the handshake; whether the device is still in use the vault looks up at each call.
func (p *parts) askDevices(secure *tls.Config) {
	if secure == nil {
		return
	}
	secure.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if !slices.Contains(hello.SupportedProtos, deviceProtocol) {
			return nil, nil
		}
		authorities, err := p.vault.DeviceAuthorities(hello.Context())
		if err != nil {
			return nil, fmt.Errorf("reading the authority for devices: %w", err)
		}
		own := secure.Clone()
		own.GetConfigForClient = nil
		own.ClientAuth, own.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		for _, ca := range authorities {
			own.ClientCAs.AddCert(ca)
		}
		return own, nil
	}
}

// authority is what a device that is added compares: the SHA-256 of our own authority's certificate where it is part of
// what we present, else of the server's certificate as it is now; empty for plain HTTP.
func (s *certSource) authority() string {
	if s == nil {
		return ""
	}
	chain := s.shown.Load().Certificate
	shown := chain[0]
	if last, err := x509.ParseCertificate(chain[len(chain)-1]); err == nil && last.IsCA && last.CheckSignatureFrom(last) == nil {
		shown = last.Raw
	}
	sum := sha256.Sum256(shown)
	return hex.EncodeToString(sum[:])
}

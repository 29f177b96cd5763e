package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// certificate reads the certificate's files as the server does, and asks whether they hold now, for long enough, and for
// the names under which people open this server.
func (d *doctor) certificate() (string, error) {
	switch {
	case !d.c.secure():
		return "none: plain HTTP, on this machine alone", nil
	case d.c.TLS == nil:
		return d.localCA()
	}
	now := time.Now()
	cert, err := d.c.TLS.load()
	if err != nil {
		return "", err
	}
	if err := validAt(cert.Leaf, now); err != nil {
		return "", err
	}
	if endsSoon(cert.Leaf, now) {
		return "", fmt.Errorf("it should have been renewed by now: %s", remaining(cert.Leaf, now))
	}
	names := d.c.certificateNames()
	for _, name := range names {
		if cert.Leaf.VerifyHostname(name) != nil {
			return "", fmt.Errorf("it is not for %s, under which this server is opened: browsers and devices refuse it there (%s)", name, remaining(cert.Leaf, now))
		}
	}
	if len(names) == 0 {
		return remaining(cert.Leaf, now) + `; its names are compared with "hosts", which is empty`, nil
	}
	return fmt.Sprintf("%s, for %s", remaining(cert.Leaf, now), strings.Join(names, ", ")), nil
}

// localCA looks at the authority of a trial, which renews the certificate by itself while it lasts.
func (d *doctor) localCA() (string, error) {
	dir := filepath.Join(d.c.Data, "ca")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return notYet, nil
	case err != nil:
		return "", fmt.Errorf("the local CA: %w", err)
	case time.Now().After(pair.Leaf.NotAfter):
		return "", errOldCA
	}
	return "of the local CA, for trying out; " + remaining(pair.Leaf, time.Now()), nil
}

// certificateNames are the names that the certificate must hold: those of the configuration under which pages are
// opened, or the address that is listened on. Where a proxy stands before the server, browsers see the proxy's
// certificate, so there are none.
func (c *Config) certificateNames() []string {
	if len(c.TrustedProxies) > 0 {
		return nil
	}
	names := slices.Concat(c.Hosts, c.oidcHosts())
	if c.SignIn != nil {
		for _, origin := range c.SignIn.Origins {
			if u, err := url.Parse(origin); err == nil {
				names = append(names, u.Host)
			}
		}
	}
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && len(names) == 0 {
		if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
			names = append(names, host)
		}
	}
	var out []string
	for _, name := range names {
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		if name = strings.Trim(name, "[]"); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

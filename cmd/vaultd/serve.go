package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/clinivault/clinivault/api"
	"github.com/clinivault/clinivault/api/web"
)

// drainFor is how long a stopping server waits for requests in flight.
const drainFor = 20 * time.Second

func serveCommand(ctx context.Context, args []string, out io.Writer) error {
	c, err := configFlag("serve", args)
	if err != nil {
		return err
	}
	return serve(ctx, c, out, nil)
}

func workCommand(ctx context.Context, args []string, out io.Writer) error {
	c, err := configFlag("work", args)
	if err != nil {
		return err
	}
	log := newLog(c.LogFormat, os.Stderr)
	p, err := openParts(ctx, c, log, false)
	if err != nil {
		return closing(p, err)
	}
	w, err := newWorker(p, log, prometheus.NewRegistry())
	if err != nil {
		return closing(p, err)
	}
	fmt.Fprintln(out, "working; stop with Ctrl-C")
	w.run(ctx)
	return p.close()
}

// configFlag parses the flags of a command that has --config alone.
func configFlag(name string, args []string) (*Config, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	path := flags.String("config", "", "the configuration file")
	if err := parse(flags, args); err != nil {
		return nil, err
	}
	return loadConfig(*path)
}

// parse parses flags, quietly, and refuses what is left over.
func parse(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(io.Discard)
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%s: %w; %w", flags.Name(), err, errUsage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: %q is not a flag; %w", flags.Name(), flags.Arg(0), errUsage)
	}
	return nil
}

// closing closes p, if there is one, because of err.
func closing(p *parts, err error) error {
	if p == nil {
		return err
	}
	return errors.Join(err, p.close())
}

// serve runs HTTP, and the worker where the configuration says so, until ctx
// ends. ready, when not nil, is called with the base address and the parts once
// requests are answered.
func serve(ctx context.Context, c *Config, out io.Writer, ready func(base string, p *parts) error) error {
	log := newLog(c.LogFormat, os.Stderr)
	p, err := openParts(ctx, c, log, false)
	if err != nil {
		return closing(p, err)
	}
	return closing(p, p.serve(ctx, c, log, out, ready))
}

func (p *parts) serve(ctx context.Context, c *Config, log *slog.Logger, out io.Writer, ready func(string, *parts) error) error {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	pages, err := web.New(web.Config{})
	if err != nil {
		return err
	}
	proxies, err := c.proxies()
	if err != nil {
		return err
	}
	cert, err := serverCertificate(c, out, log)
	if err != nil {
		return err
	}
	secure := cert.config()
	p.askDevices(secure)
	up, err := openUplink(ctx, c, log, metrics)
	if err != nil {
		return err
	}
	defer up.close()
	server, err := api.New(api.Config{
		Fingerprint: cert.authority, Certificate: cert.health(), Vault: p.vault, Web: pages, Log: log, Metrics: metrics, Secure: c.secure(), Hosts: hostNames(c), Proxies: proxies,
		OIDC: c.OIDC, Uplink: up.told(),
	})
	if err != nil {
		return err
	}
	listener, err := listenWith(ctx, c, secure)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	if c.works() {
		w, err := newWorker(p, log, metrics)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		working.Go(func() { w.run(ctx) })
	}
	defer working.Wait()
	defer stop()
	if err := p.serveFeed(ctx, c, log, &working); err != nil {
		return errors.Join(err, listener.Close())
	}
	up.start(ctx, p, secure, server, &working)
	cert.reloadOnHangup(ctx, &working)
	base := baseAddress(c, listener)
	for _, origin := range c.ownOrigins(base) {
		p.vault.ServesAt(origin)
	}
	log.Info("serving", "address", base, "worker", c.works())
	if ready != nil {
		if err := ready(base, p); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	return answer(ctx, &http.Server{Handler: server.Handler(), ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}, listener)
}

// answer serves until ctx ends and then drains.
func answer(ctx context.Context, srv *http.Server, l net.Listener) error {
	api.Harden(srv)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("draining: %w", err), srv.Close())
	}
	return nil
}

// listen opens the address, with TLS away from loopback.
func listen(ctx context.Context, c *Config, out io.Writer) (net.Listener, error) {
	cert, err := serverCertificate(c, out, newLog(c.LogFormat, os.Stderr))
	if err != nil {
		return nil, err
	}
	return listenWith(ctx, c, cert.config())
}

// listenWith opens the address; without a TLS configuration it is plain.
func listenWith(ctx context.Context, c *Config, secure *tls.Config) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening (is another program on that address?): %w", err)
	}
	if secure == nil {
		return l, nil
	}
	return tls.NewListener(l, secure), nil
}

// hostNames are the names that requests may be for.
func hostNames(c *Config) []string {
	host, _, err := net.SplitHostPort(c.Listen)
	names := append([]string{"localhost", "127.0.0.1", "::1"}, slices.Concat(c.Hosts, c.oidcHosts())...)
	if err != nil {
		return names
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return append(names, host)
	}
	return append(names, ownAddresses()...)
}

// baseAddress is what a person types into a browser on this machine.
func baseAddress(c *Config, l net.Listener) string {
	scheme := "http"
	if c.secure() {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return scheme + "://" + l.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if own := ownAddresses(); len(own) > 0 {
			host = own[0]
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

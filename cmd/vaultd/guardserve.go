package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	guardDeadline = 60 * time.Second // for the store to begin its answer
	guardBody     = 10 * time.Minute // for a body to pass
)

// run serves until ctx ends. ready, when not nil, learns the address.
func (c *GuardConfig) run(ctx context.Context, out io.Writer, ready func(address string)) error {
	log := newLog(c.LogFormat, os.Stderr)
	g, err := newGuard(c, log)
	if err != nil {
		return err
	}
	config, err := c.serverTLS()
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening (is another program on that address?): %w", err)
	}
	servers := []*http.Server{{Handler: g}}
	listeners := []net.Listener{tls.NewListener(l, config)}
	if c.MetricsListen != "" {
		m, err := new(net.ListenConfig).Listen(ctx, "tcp", c.MetricsListen)
		if err != nil {
			return errors.Join(fmt.Errorf("listening for metrics: %w", err), l.Close())
		}
		servers, listeners = append(servers, &http.Server{Handler: g.operator()}), append(listeners, m)
	}
	fmt.Fprintf(out, "guarding %s at https://%s; stop with Ctrl-C\n", c.Store, l.Addr())
	if ready != nil {
		ready(l.Addr().String())
	}
	return serveAll(ctx, servers, listeners, slog.NewLogLogger(log.Handler(), slog.LevelDebug))
}

// operator serves the guard's numbers and health to this machine.
func (g *guard) operator() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

// serveAll serves on all listeners until ctx ends or one fails, and then drains.
func serveAll(ctx context.Context, servers []*http.Server, listeners []net.Listener, errorLog *log.Logger) error {
	failed := make(chan error, len(servers))
	for i, s := range servers {
		s.ErrorLog = errorLog
		s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = 10*time.Second, guardBody, guardBody, 2*time.Minute
		s.MaxHeaderBytes = 32 << 10
		go func() { failed <- s.Serve(listeners[i]) }()
	}
	var first error
	select {
	case err := <-failed:
		first = fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	errs := []error{first}
	for _, s := range servers {
		if err := s.Shutdown(drain); err != nil {
			errs = append(errs, fmt.Errorf("draining: %w", err), s.Close())
		}
	}
	return errors.Join(errs...)
}

package main

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// guard is a reverse proxy before MinIO that lets through only what the vault asks for, signed by the vault. It hides
// faults of the store's own doors from whoever reaches the network: requests are judged by their form before MinIO sees
// a byte of them, and refused by default. Bodies are streamed both ways and never kept.
type guard struct {
	policy     policy
	signatures signatures
	networks   []netip.Prefix
	proxy      *httputil.ReverseProxy
	log        *slog.Logger
	registry   *prometheus.Registry
	calls      *prometheus.HistogramVec
	refused    *prometheus.CounterVec
}

// newGuard reads the files that the configuration names.
func newGuard(c *GuardConfig, log *slog.Logger) (*guard, error) {
	networks, err := c.networks()
	if err != nil {
		return nil, err
	}
	g := &guard{policy: policy{bucket: c.Bucket, forbidBypass: c.ForbidBypass}, networks: networks, log: log, signatures: signatures{now: time.Now}}
	if c.SecretKeyFile != "" {
		if g.signatures.access, err = readSecret(c.AccessKeyFile); err != nil {
			return nil, err
		}
		if g.signatures.secret, err = readSecret(c.SecretKeyFile); err != nil {
			return nil, err
		}
	}
	transport := &http.Transport{ResponseHeaderTimeout: guardDeadline, MaxIdleConnsPerHost: 64, DisableCompression: true,
		IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: 5 * time.Second,
		DialContext:     (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	if transport.TLSClientConfig.RootCAs, err = readPool(c.StoreCAFile); err != nil {
		return nil, err
	}
	scheme := "https"
	if c.StoreInsecure {
		scheme = "http"
	}
	g.proxy = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { // the rest, Host above all, is signed and stays as it is
			p.Out.URL.Scheme, p.Out.URL.Host = scheme, c.Store
			p.Out.URL.RawQuery, p.Out.Host = p.In.URL.RawQuery, p.In.Host
		},
		Transport: transport, ErrorHandler: g.storeFailed, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return g, g.measure()
}

func (g *guard) measure() error {
	g.registry = prometheus.NewRegistry()
	g.calls = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "clinivault_guard_call_seconds", Help: "Time of calls that were let through, by call and class of status.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
	}, []string{"call", "status"})
	g.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clinivault_guard_refused_total", Help: "Requests that were refused, by reason.",
	}, []string{"reason"})
	return errors.Join(g.registry.Register(g.calls), g.registry.Register(g.refused))
}

// ServeHTTP judges a request and passes it on.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz":
		w.WriteHeader(http.StatusNoContent)
		return
	case "/minio/health/live", "/minio/health/ready", "/minio/health/cluster":
		if r.URL.RawQuery == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.ContentLength == 0 {
			r.Header = http.Header{}
			g.proxy.ServeHTTP(w, r)
			return
		}
	}
	call, err := g.judge(r)
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	start, status := time.Now(), &statusWriter{ResponseWriter: w}
	g.proxy.ServeHTTP(status, r)
	g.calls.WithLabelValues(call.name, fmt.Sprintf("%dxx", status.code/100)).Observe(time.Since(start).Seconds())
}

func (g *guard) judge(r *http.Request) (storeCall, error) {
	if len(g.networks) > 0 && !g.known(r.RemoteAddr) {
		return storeCall{}, refuseClient
	}
	call, err := g.policy.admit(r)
	if err != nil {
		return storeCall{}, err
	}
	return call, g.signatures.check(r)
}

func (g *guard) known(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	for _, p := range g.networks {
		if p.Contains(at.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// refuse answers as S3 does. Logs name the reason and the address, never the path, the query or a header.
func (g *guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	why := refuseCall
	if !errors.As(err, &why) {
		why = refuseCall
	}
	g.refused.WithLabelValues(why.word).Inc()
	g.log.Warn("request refused", "reason", why.word, "remote", r.RemoteAddr)
	w.Header().Set("Connection", "close") // the body is not read
	sayS3(w, r, http.StatusForbidden, "AccessDenied", why.sentence)
}

func (g *guard) storeFailed(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, context.Canceled) {
		g.log.Error("the store does not answer", "error", err)
	}
	sayS3(w, r, http.StatusServiceUnavailable, "ServiceUnavailable", "The store does not answer.")
}

// sayS3 writes an error in S3's form.
func sayS3(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	text, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
	if err == nil {
		_, _ = w.Write(append([]byte(xml.Header), text...)) // whoever went away needs no answer
	}
}

// statusWriter remembers the status and lets streams be flushed.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (s *statusWriter) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

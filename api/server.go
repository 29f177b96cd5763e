package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
)

// Defaults of Config.
const (
	DefaultUploads = 8 // captures taken in at once; each holds up to MaxCapture in memory
	DefaultSignIns = 4 // passwords checked at once; each holds tens of MiB (argon2id)
)

// Config is what New needs. Vault and Web are required.
type Config struct {
	// Vault decides and does.
	Vault *vault.Vault
	// Web has the pages and their files.
	Web *web.Web
	// Log takes one line for each request, and our own faults; default discards.
	Log *slog.Logger
	// Metrics is where our numbers are registered and what /metrics shows; default a new registry.
	Metrics *prometheus.Registry
	// Secure says that the outside speaks TLS to us; it turns on Strict-Transport-Security.
	Secure bool
	// Hosts are the names and addresses that requests may be for, on any port; default those of loopback.
	Hosts []string
	// MaxCapture bounds a sealed capture, in bytes; default vault.DefaultMaxCapture.
	MaxCapture int64
	// Uploads bounds the captures taken in at once; default DefaultUploads. One person gets half of them at most.
	Uploads int
	// Proxies are the networks of the operator's own proxies: what they write into X-Forwarded-For is believed, and
	// nobody else's; default none.
	Proxies []netip.Prefix
	// OIDC is the hospital's provider; nil: people sign in here alone.
	OIDC *OIDCConfig
	// Fingerprint is the SHA-256 of the certificate that clients see, or of the authority of our own that signed it, in
	// hex: a device that is added compares it. Asked for each device, since certificates are renewed. Empty, or nil, where
	// others speak TLS for us.
	Fingerprint func() string
	// Certificate is the line of the health page on the certificate that clients see; nil where others speak TLS for us.
	Certificate func() vault.Part
	// Uplink is the listener for devices beside this server; nil: there is none.
	Uplink *Uplink
	// Now is the clock of the limits and of the provider's tokens; default time.Now.
	Now func() time.Time
}

// Server is the HTTP side of one vault.
type Server struct {
	vault       *vault.Vault
	web         *web.Web
	log         *slog.Logger
	metrics     *metrics
	secure      bool
	hosts       []string
	maxCapture  int64
	uploads     chan struct{} // one token for each capture being taken in
	share       shares        // of uploads that one person may hold
	parts       chan struct{} // one token for each part being read
	partShare   shares
	signIns     chan struct{} // one token for each password being checked
	byRemote    *limiter
	byToken     *limiter // wrong tokens of directories, by where they come from
	byDirectory *limiter
	fingerprint func() string
	certificate func() vault.Part // nil without one
	byAsk       *limiter          // questions for a passkey of whoever is there, by where they are
	byDoor      *limiter          // what devices at which nobody is signed in ask for, by where they are
	proxies     []netip.Prefix
	uplink      *Uplink   // nil without one
	hospital    *hospital // nil without one
	pings       pinger
	shell       *web.Shell
	openapi     []byte
	handler     http.Handler
}

// New makes a server; it registers its numbers once, so a registry takes one server.
func New(cfg Config) (*Server, error) {
	if cfg.Vault == nil || cfg.Web == nil {
		return nil, errors.New("the api needs a vault and the web files")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	if len(cfg.Hosts) == 0 {
		cfg.Hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	if cfg.MaxCapture <= 0 {
		cfg.MaxCapture = vault.DefaultMaxCapture
	}
	if cfg.Uploads <= 0 {
		cfg.Uploads = DefaultUploads
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Fingerprint == nil {
		cfg.Fingerprint = func() string { return "" }
	}
	m, err := newMetrics(cfg.Metrics, cfg.Vault)
	if err != nil {
		return nil, err
	}
	s := &Server{
		vault: cfg.Vault, web: cfg.Web, log: cfg.Log, metrics: m, secure: cfg.Secure, maxCapture: cfg.MaxCapture,
		uploads: make(chan struct{}, cfg.Uploads), share: shares{each: max(1, cfg.Uploads/2)}, signIns: make(chan struct{}, DefaultSignIns),
		parts: make(chan struct{}, maxParts), partShare: shares{each: ownParts}, byRemote: newLimiter(60, time.Second, cfg.Now),
		byToken: newLimiter(30, 2*time.Second, cfg.Now), byDirectory: newLimiter(scimBurst, scimRefill, cfg.Now),
		byAsk: newLimiter(240, 250*time.Millisecond, cfg.Now), byDoor: newLimiter(60, time.Second, cfg.Now), fingerprint: cfg.Fingerprint, certificate: cfg.Certificate,
		openapi: mustDocument(routes), proxies: cfg.Proxies, uplink: cfg.Uplink,
	}
	for _, h := range cfg.Hosts {
		s.hosts = append(s.hosts, hostName(h))
	}
	if cfg.OIDC != nil {
		if s.hospital, err = newHospital(*cfg.OIDC, cfg.Now, cfg.Log); err != nil {
			return nil, err
		}
	}
	if s.shell, err = newShell(cfg.Web); err != nil {
		return nil, fmt.Errorf("making the capture page: %w", err)
	}
	s.handler = s.router()
	return s, nil
}

// Handler answers every address of the product.
func (s *Server) Handler() http.Handler { return s.handler }

// Harden sets the limits that a server for Handler needs: times in which a header, a request and an answer must be
// through (captures and exports extend theirs as bytes move), and the size of headers.
func Harden(srv *http.Server) {
	srv.ReadHeaderTimeout = 10 * time.Second
	srv.ReadTimeout = 30 * time.Second
	srv.WriteTimeout = 3 * time.Minute
	srv.IdleTimeout = 2 * time.Minute
	srv.MaxHeaderBytes = 32 << 10
}

func (s *Server) router() http.Handler {
	r := chi.NewRouter()
	r.Use(s.follow, s.recoverer, s.guards, s.hostCheck, s.sameOrigin, middleware.GetHead)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { s.problem(w, r, errNoRoute) })
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed(r, req.URL.Path), ", "))
		s.problem(w, req, errMethod)
	})
	for _, rt := range routes {
		r.Method(rt.method, rt.path, s.serve(rt))
	}
	r.Method(http.MethodGet, "/static/*", s.web.Static())
	s.pageRoutes(r)
	return r
}

// serve is the way of one route: who is it, then the handler, then its error told.
func (s *Server) serve(rt route) http.Handler {
	if rt.scim {
		return s.directory(rt)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{s: s, w: w, r: r}
		if !rt.public && !(rt.local && local(r)) {
			who := s.authenticate
			if rt.device {
				who = s.authenticateDevice
			}
			actor, err := who(r)
			if err != nil {
				s.problem(w, r, err)
				return
			}
			c.actor = actor
		}
		if err := rt.do(c); err != nil {
			s.problem(w, r, err)
		}
	})
}

// allowed lists the methods that path takes (RFC 9110 section 10.2.1).
func allowed(r chi.Routes, path string) []string {
	var out []string
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		asked := m
		if m == "HEAD" {
			asked = "GET" // GetHead answers it
		}
		if r.Match(chi.NewRouteContext(), asked, path) {
			out = append(out, m)
		}
	}
	return out
}

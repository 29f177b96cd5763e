package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/clinivault/clinivault/vault"
)

// info is what one request carries along: the ID we gave it, where it came from, and who sent it once that was
// asked. One goroutine, the request's own, touches it.
type info struct {
	id     string
	remote string
	actor  vault.Actor
	known  bool // actor was authenticated
}

type infoKey struct{}

// infoOf gives the request's info; outside our chain an empty one, never nil.
func infoOf(r *http.Request) *info {
	if in, ok := r.Context().Value(infoKey{}).(*info); ok {
		return in
	}
	return &info{}
}

// began reports whether the first byte of the answer has left.
func began(w http.ResponseWriter) bool {
	ww, ok := w.(middleware.WrapResponseWriter)
	return ok && ww.Status() != 0
}

// follow gives each request its ID, counts it, and writes one line about it: the route's pattern, never the path
// or the query, since those may name somebody.
func (s *Server) follow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		in := &info{id: rand.Text(), remote: s.remote(r)}
		r = r.WithContext(context.WithValue(r.Context(), infoKey{}, in))
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		ww.Header().Set("X-Request-Id", in.id)
		defer func() {
			took := time.Since(start)
			route, status := routeOf(r), ww.Status()
			s.metrics.request(r, route, status, took)
			level := slog.LevelInfo
			if route == "/static/*" && status < http.StatusBadRequest {
				level = slog.LevelDebug // the program's own files, a dozen a page: they would drown the rest
			}
			s.log.Log(r.Context(), level, "request", "method", method(r), "route", route, "status", status,
				"ms", took.Milliseconds(), "bytes", ww.BytesWritten(), "request", in.id)
		}()
		next.ServeHTTP(ww, r)
	})
}

// routeOf is the pattern that took the request.
func routeOf(r *http.Request) string {
	if rc := chi.RouteContext(r.Context()); rc != nil && rc.RoutePattern() != "" {
		return rc.RoutePattern()
	}
	return "none"
}

// method is the request's method if it is one that exists: it goes into logs and labels.
func method(r *http.Request) string {
	known := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	if slices.Contains(known, r.Method) {
		return r.Method
	}
	return "other"
}

// recoverer turns a panic into an internal error; the stack goes to the log, the panic's value only by its type,
// since it may hold what was being worked on.
func (s *Server) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { // as net/http documents it
				panic(v)
			}
			s.log.Error("panic in a handler", "request", infoOf(r).id, "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			s.problem(w, r, fmt.Errorf("panic of type %T", v))
		}()
		next.ServeHTTP(w, r)
	})
}

// policy is the Content-Security-Policy of every answer: our own files and nothing inline; pictures also from
// memory (blob:), for the preview of a frame that exists nowhere else.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; " +
	"connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types clinivault-worker"

// guards are the headers of every answer.
func (s *Server) guards(next http.Handler) http.Handler {
	fixed := map[string]string{
		"Content-Security-Policy":      policy,
		"Cache-Control":                "no-store",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cross-Origin-Embedder-Policy": "require-corp",
		"Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), display-capture=(), usb=(), serial=(), " +
			"hid=(), payment=(), accelerometer=(self), gyroscope=(self), magnetometer=(), clipboard-read=()",
	}
	if s.secure {
		fixed["Strict-Transport-Security"] = "max-age=31536000"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range fixed {
			w.Header().Set(name, value)
		}
		if len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 {
			// net/http drops a Content-Length beside it without a word: whoever stood between may have believed that
			// one, so nothing that follows on the connection is answered (RFC 9112 section 6.3).
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// hostCheck refuses names that are not ours, which is how a foreign page reaches a loopback server by rebinding
// its own name. /healthz is let through: load balancers ask by address.
func (s *Server) hostCheck(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && !slices.Contains(s.hosts, hostName(r.Host)) {
			s.problem(w, r, errHost)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostName is a Host header without port and brackets, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// sameOrigin refuses what a foreign page makes a browser send (Sec-Fetch-Site, Origin); programs send neither.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	cop := http.NewCrossOriginProtection()
	cop.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.problem(w, r, errCrossOrigin)
	}))
	return cop.Handler(next)
}

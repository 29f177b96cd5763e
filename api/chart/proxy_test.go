package chart

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// serve starts an HTTP server for one test and returns its address.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// What the proxy does to a request that matches.
type mischief int

const (
	refuse    mischief = iota // a status (503 when none is given), the server never sees it
	lie                       // 200, the server never sees it
	loseReply                 // the server does it; the client gets 500
	cutReply                  // the server does it; the connection breaks
	stall                     // the server does it; the client gets no answer in time
	tamper                    // the server's answer is changed
)

// fault is a mischief for the first times requests that match.
type fault struct {
	method, path string // path: a part of it
	what         mischief
	times        int
	change       func([]byte) []byte // for tamper
	status       int                 // for refuse
}

// proxy stands in front of a real server and makes its network bad.
type proxy struct {
	mu       sync.Mutex
	faults   []*fault
	requests []string
	edit     func(*http.Request) // changes each request on its way
	t        testing.TB
	inner    *httputil.ReverseProxy
	done     chan struct{}
}

func newProxy(t testing.TB, server string, faults ...*fault) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{faults: faults, t: t, done: make(chan struct{})}
	p.inner = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: u.Scheme, Host: u.Host})
		if p.edit != nil {
			p.edit(r.Out)
		}
	}}
	s := httptest.NewServer(p)
	t.Cleanup(func() { close(p.done); s.Close() })
	return p, s.URL + u.Path
}

func (p *proxy) pick(r *http.Request) *fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	for _, f := range p.faults {
		if f.times > 0 && f.method == r.Method && strings.Contains(r.URL.Path, f.path) {
			f.times--
			return f
		}
	}
	return nil
}

// count says how many requests of a method had a part in their path.
func (p *proxy) count(method, path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, r := range p.requests {
		if strings.HasPrefix(r, method+" ") && strings.Contains(r, path) {
			n++
		}
	}
	return n
}

func (p *proxy) unused() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, f := range p.faults {
		n += f.times
	}
	return n
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := p.pick(r)
	if f == nil {
		p.inner.ServeHTTP(w, r)
		return
	}
	switch f.what {
	case refuse:
		http.Error(w, "no", cmp.Or(f.status, http.StatusServiceUnavailable))
	case lie:
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
	case tamper:
		rec := httptest.NewRecorder()
		p.inner.ServeHTTP(rec, r)
		body := f.change(bytes.Clone(rec.Body.Bytes()))
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		w.WriteHeader(rec.Code)
		w.Write(body)
	default:
		p.inner.ServeHTTP(httptest.NewRecorder(), r)
		p.after(w, r, f.what)
	}
}

// after withholds the answer of something the server has done.
func (p *proxy) after(w http.ResponseWriter, r *http.Request, what mischief) {
	switch what {
	case loseReply:
		http.Error(w, "lost", http.StatusInternalServerError)
	case stall:
		select {
		case <-r.Context().Done():
		case <-p.done:
		}
	case cutReply:
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			p.t.Error(err)
			return
		}
		conn.Close()
	}
}

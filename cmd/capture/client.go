package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxAnswer   = 1 << 20          // bytes of JSON taken from the server
	callTime    = 30 * time.Second // for everything but an upload
	longestWait = 30 * time.Second // that a run waits by itself for a busy server
)

// client speaks to one server, over TLS unless it is this machine, and follows no redirect: the token stays with the server
// it was given by.
type client struct {
	base   *url.URL
	http   *http.Client
	token  token
	device *device        // that the session is bound to; nil: none
	shown  bool           // the device's certificate, in the handshake
	roots  *x509.CertPool // nil: the system's

	now       func() time.Time
	clock     sync.Mutex
	ahead     time.Duration // of the server's clock before this machine's; guarded by clock
	clockRead bool          // guarded by clock
}

func newClient(a account) (*client, error) { return newDeviceClient(a, nil, time.Time{}) }

// newDeviceClient is newClient on an enrolled device, which shows its certificate while it counts.
func newDeviceClient(a account, d *device, now time.Time) (*client, error) {
	base, err := url.Parse(a.Server)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, usageError{"the server must be an address like https://vault.example.org"}
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())) {
		return nil, usageError{"the server must be reached over https; plain http is for this machine alone"}
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CA != "" {
		if conf.RootCAs, err = trusting(a.CA); err != nil {
			return nil, err
		}
	}
	shown := d != nil && base.Scheme == "https" && d.certified(now)
	if shown {
		if err := d.shows(conf); err != nil {
			return nil, err
		}
	}
	return &client{base: base, token: a.Token, device: d, shown: shown, roots: conf.RootCAs, now: time.Now, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, ForceAttemptHTTP2: true,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 2 * time.Minute, ExpectContinueTimeout: time.Second,
		},
	}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// trusting is the system's certificates and those of the file.
func trusting(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("the certificate file holds no certificate in PEM form")
	}
	return pool, nil
}

// refusal is an answer other than success, with the server's sentence for the person.
type refusal struct {
	status int
	kind   string // the problem's type, without its prefix
	detail string
	after  time.Duration // Retry-After
}

func (r *refusal) Error() string { return r.detail }

// silence is no answer at all.
type silence struct{ err error }

func (s *silence) Error() string {
	if text := s.certificate(); text != "" {
		return text + " (" + s.err.Error() + ")"
	}
	return "the server does not answer: " + s.err.Error()
}

// certificate says what to do where it is the server's certificate that keeps this machine from speaking to it; else empty.
func (s *silence) certificate() string {
	var wrong x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var other x509.HostnameError
	switch {
	case errors.As(s.err, &wrong) && wrong.Reason == x509.Expired:
		return "the server's certificate does not count at the time of this machine: see that its clock is right; if it is, tell your IT team to renew the certificate"
	case errors.As(s.err, &unknown):
		return "the server does not answer with a certificate that this machine trusts: name your hospital's authority with --ca at sign-in, or tell your IT team"
	case errors.As(s.err, &other):
		return "the server's certificate is for another address: check the one that you signed in to, or tell your IT team"
	}
	return ""
}
func (s *silence) Unwrap() error { return s.err }

// call sends in as JSON (nil: no body) and reads the answer into out (nil: none is wanted).
func (c *client) call(ctx context.Context, method, path string, header http.Header, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), body)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	b, err := c.proved(ctx, req)
	if err != nil {
		return err
	}
	if out != nil && json.Unmarshal(b, out) != nil {
		return errors.New("the server's answer is not one of a vault")
	}
	return nil
}

// proved does a request, once more where the device has to prove itself first.
func (c *client) proved(ctx context.Context, req *http.Request) ([]byte, error) {
	b, err := c.answer(req)
	var refused *refusal
	if c.device != nil && errors.As(err, &refused) && refused.kind == "prove-device" {
		if err = c.prove(ctx); err == nil {
			b, err = c.again(req)
		}
	}
	return b, err
}

// again does a request once more.
func (c *client) again(req *http.Request) ([]byte, error) {
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("making a request: %w", err)
		}
		req.Body = body
	}
	return c.answer(req)
}

// answer does the request and returns the body of a 200, 201, 202 or 204; errors are *refusal and *silence.
func (c *client) answer(req *http.Request) ([]byte, error) {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+string(c.token))
	}
	sent := c.now()
	resp, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error // its text repeats the address
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, &silence{err}
	}
	defer resp.Body.Close()
	c.readClock(resp.Header, sent, c.now())
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, &silence{err}
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return b, nil
	}
	return nil, refusalOf(resp, b)
}

func refusalOf(resp *http.Response, body []byte) *refusal {
	r := &refusal{status: resp.StatusCode, after: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	var problem struct {
		Type   string `json:"type"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		r.detail = clean(problem.Detail)
		r.kind = strings.TrimPrefix(problem.Type, "urn:problem-type:clinivault:")
	} else if resp.StatusCode < 400 {
		r.detail = "the server answers from another address: sign in there"
	} else {
		r.detail = fmt.Sprintf("the server refused (%d)", resp.StatusCode)
	}
	return r
}

// clean makes one printable line of a server's sentence.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + " …"
	}
	return s
}

// retryAfter reads RFC 9110, 10.2.3: seconds or a date; 0 if absent or past, at most an hour.
func retryAfter(header string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(header); err == nil {
		d = time.Duration(min(max(n, 0), 3600)) * time.Second
	} else if t, err := http.ParseTime(header); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), time.Hour)
}

// fate is what an error of an upload means for the sealed copy.
type fate int

const (
	fateRetry   fate = iota // try again by itself, later
	fateSignIn              // try again once signed in
	fateRefused             // not by itself any more
)

// needsFactor says, for each refusal that asks who is signed in for more, what to do about it.
var needsFactor = map[string]string{
	"second-factor": "this account has a password alone: add an authenticator app on the account page, run capture sign-in again",
	"step-up":       "a fresh code is wanted: run capture sign-in again",
	"app-locked":    "the session is locked: run capture sign-in again",
	"prove-device":  "this machine has to show that it is the one you signed in on: run capture sign-in again",
}

// signInAgain says why signing in is what helps.
func signInAgain(err error) string {
	var r *refusal
	if errors.As(err, &r) && needsFactor[r.kind] != "" {
		return needsFactor[r.kind]
	}
	return "the session has ended: run capture sign-in"
}

func fateOf(err error) fate {
	var r *refusal
	if !errors.As(err, &r) {
		return fateRetry
	}
	switch s := r.status; {
	case s == http.StatusUnauthorized, needsFactor[r.kind] != "":
		return fateSignIn
	case s < 400, s >= 500, s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests:
		return fateRetry
	}
	return fateRefused
}

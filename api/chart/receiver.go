package chart

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"
)

// refusal is a failed step with what it means for the job. Its text is shown to
// the records office and kept in the vault, so it holds no patient data.
type refusal struct {
	text      string
	permanent bool
	cause     error
}

func (r *refusal) Error() string {
	if r.cause == nil {
		return r.text
	}
	return r.text + ": " + r.cause.Error()
}

func (r *refusal) Unwrap() error { return r.cause }

// never is an error that no retry mends; later is one that a retry may.
func never(format string, args ...any) error {
	return &refusal{text: fmt.Sprintf(format, args...), permanent: true}
}

func later(format string, args ...any) error {
	return &refusal{text: fmt.Sprintf(format, args...)}
}

// isPermanent says whether a retry is in vain. What is not known to be so is
// tried again.
func isPermanent(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.permanent
}

// receiver is one HTTP server we deliver to.
type receiver struct {
	name      string // "the FHIR server", for sentences
	base      *url.URL
	client    *http.Client
	authorize func(*http.Request) error
	log       *slog.Logger
}

// answer is a complete, bounded response.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// absent: FHIR R4 section 3.1.0.2 has 404 for unknown and 410 for deleted.
func (a answer) absent() bool {
	return a.status == http.StatusNotFound || a.status == http.StatusGone
}

// newReceiver makes a client that follows no redirect and uses no proxy: what
// is sent names a patient and goes to the configured host or nowhere.
func newReceiver(name, base, caFile string, timeout time.Duration, log *slog.Logger) (*receiver, error) {
	u, err := parseBase(base)
	if err != nil {
		return nil, err
	}
	roots, err := readRoots(caFile)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: timeout,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConns:          4,
		DisableCompression:    true, // pictures do not shrink, and a bomb is one thing less to think of
		ForceAttemptHTTP2:     true,
	}
	return &receiver{
		name: name, base: u, log: log,
		authorize: func(*http.Request) error { return nil },
		client: &http.Client{
			Transport: transport, Timeout: timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading ca_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("ca_file holds no certificate in PEM form")
	}
	return roots, nil
}

// call sends one request and reads at most limit bytes of the answer. Any
// status is an answer; an error means that there is none to rely on, and that
// the request may or may not have had its effect.
func (r *receiver) call(ctx context.Context, method, path string, header http.Header, body []byte, limit int64) (answer, error) {
	got, err := r.peek(ctx, method, path, header, body, limit)
	if err == nil && int64(len(got.body)) > limit {
		err = later("%s answered with more than %d bytes", r.name, limit)
	}
	if err != nil {
		return answer{}, err
	}
	return got, nil
}

// peek is call for an answer whose length does not matter: what is beyond limit
// is not read, and the body is one byte longer than limit then.
func (r *receiver) peek(ctx context.Context, method, path string, header http.Header, body []byte, limit int64) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, never("the request to %s could not be formed", r.name)
	}
	req.Header = header.Clone()
	if err := r.authorize(req); err != nil {
		return answer{}, &refusal{text: "signing in to " + r.name, cause: err}
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, &refusal{text: r.name + " does not answer", cause: plainCause(err)}
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return answer{}, &refusal{text: r.name + " broke off its answer", cause: plainCause(err)}
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: got}, nil
}

// plainCause takes the address out of a network error.
func plainCause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refused turns a status that is not success into an error. 4xx says that the
// request is wrong and stays wrong, but for those that time, a rotated
// credential or a lost race may cure.
func (r *receiver) refused(step string, a answer) error {
	permanent := a.status >= 300 && a.status < 500
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusRequestTimeout,
		http.StatusConflict, http.StatusPreconditionFailed, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		permanent = false
	}
	return &refusal{text: fmt.Sprintf("%s answered %d to %s", r.name, a.status, step), permanent: permanent}
}

package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	providerTimeout = 10 * time.Second // of one request, body included
	maxProviderBody = 512 << 10        // bytes of one answer
	keysKept        = 10 * time.Second // how often the provider's keys are fetched anew at most
)

// errProviderDown: the provider does not answer, or not as a provider does.
var errProviderDown = errors.New("identity provider unavailable")

// providerClient asks the provider: within a time, no larger answer than bounded, redirects refused (an answer that
// leads elsewhere is none), and an answer of 500 or more is no answer.
func providerClient(config *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       providerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: boundedTransport{&http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
			MaxIdleConns: 4, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: providerTimeout,
			ResponseHeaderTimeout: providerTimeout, MaxResponseHeaderBytes: 64 << 10,
		}},
	}
}

// boundedTransport reads each answer whole, within maxProviderBody.
type boundedTransport struct{ inner http.RoundTripper }

func (b boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.inner.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProviderDown, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProviderBody+1))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("%w: reading its answer: %w", errProviderDown, err)
	}
	switch {
	case len(body) > maxProviderBody:
		return nil, fmt.Errorf("%w: its answer is larger than %d bytes", errProviderDown, maxProviderBody)
	case resp.StatusCode >= 300 && resp.StatusCode < 400, resp.StatusCode >= 500:
		return nil, fmt.Errorf("%w: it answers %d", errProviderDown, resp.StatusCode)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// keysTransport fetches the provider's keys at most once every keysKept and gives the last answer in between:
// tokens with made-up key IDs do not make us ask more often.
type keysTransport struct {
	inner http.RoundTripper
	now   func() time.Time

	mu   sync.Mutex
	at   time.Time // guarded by mu; of the last answer
	body []byte    // guarded by mu
}

func (k *keysTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.body == nil || k.now().Sub(k.at).Abs() >= keysKept {
		if err := k.fetch(r); err != nil {
			return nil, err
		}
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body)), Request: r}, nil
}

// fetch asks for the keys. The caller holds mu.
func (k *keysTransport) fetch(r *http.Request) error {
	resp, err := k.inner.RoundTrip(r)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: its keys answer %d", errProviderDown, resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%w: reading its keys: %w", errProviderDown, err)
	}
	k.at, k.body = k.now(), body
	return nil
}

// detached is a context for what several requests wait for: it outlives the one that happened to ask first.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)
}

package vault

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

const (
	maxTransitAnswer = 1 << 20
	transitTries     = 4
	transitPause     = 100 * time.Millisecond // before the second try; tripled each time
)

var (
	// errSealed: the operators of the server have to unseal it.
	errSealed = fmt.Errorf("the key service is sealed: %w", ErrUnavailable)
	// errToken: the file's token has run out or may not do this.
	errToken = fmt.Errorf("the key service refuses the token, which has expired or lacks the right: put a good one into the token file: %w", ErrUnavailable)
	// errNoPath: the server knows no such key, mount or call.
	errNoPath = errors.New("the key service has no such path")
	// errBusy: the server asks to come back later.
	errBusy = fmt.Errorf("the key service is overloaded: %w", ErrUnavailable)
)

// transitRefusal is the server's word that the request itself is wrong. Its
// text is never shown.
type transitRefusal struct{ text string }

func (*transitRefusal) Error() string { return "the key service refuses the request" }

func (r *transitRefusal) tooOld() bool {
	return strings.Contains(r.text, "too old") || strings.Contains(r.text, "disallowed by policy")
}

var transitName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)

// client checks the configuration and makes the HTTP client.
func (c TransitConfig) client() (*http.Client, error) {
	u, err := url.Parse(c.Address)
	if err != nil || u.Host == "" || (u.Path != "" && u.Path != "/") || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("the address of the key service must be https://host:port")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return nil, errors.New("the key service must be reached over https; http is for a loopback address only")
	}
	if !transitName.MatchString(c.Key) || strings.Contains(c.Key, "/") || !transitName.MatchString(c.Mount) ||
		(c.Namespace != "" && !transitName.MatchString(c.Namespace)) {
		return nil, errors.New("the key service needs a key, a mount and a namespace of letters, digits, dot, underscore or hyphen")
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the key service's CA: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("the key service's CA file holds no certificate")
		}
	}
	return &http.Client{
		Timeout: c.Timeout,
		// A redirect would take the token along to another server. Standby nodes forward by themselves.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: wrapWorkers,
			IdleConnTimeout: time.Minute, TLSHandshakeTimeout: c.Timeout, MaxResponseHeaderBytes: 64 << 10},
	}, nil
}

// call is once, again with growing pauses while the server may only be busy or
// away. A sealed server and a wrong request are not asked again; a refused token
// is, when the file has another one.
func (t *Transit) call(ctx context.Context, method, path string, in, out any) error {
	pause := transitPause
	for n := 1; ; n++ {
		used := t.currentToken()
		err := t.once(ctx, method, path, in, out)
		switch {
		case err == nil, n == transitTries, ctx.Err() != nil:
			return err
		case errors.Is(err, errToken):
			if !t.rereadToken(used) {
				return err
			}
			continue
		case !errors.Is(err, ErrUnavailable), errors.Is(err, errSealed):
			return err
		}
		select {
		case <-time.After(pause + rand.N(pause)):
			pause *= 3
		case <-ctx.Done():
			return err
		}
	}
}

// once makes one request. The answer is bounded and decoded into out unless
// that is nil.
func (t *Transit) once(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("asking the key service: %w", err)
		}
		defer clear(text)
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(t.cfg.Address, "/")+path, body)
	if err != nil {
		return fmt.Errorf("asking the key service: %w", ErrInvalid)
	}
	req.Header.Set("X-Vault-Token", t.currentToken().secret)
	req.Header.Set("X-Vault-Request", "true")
	if t.cfg.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", t.cfg.Namespace)
	}
	res, err := t.client.Do(req)
	if err != nil {
		if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		return fmt.Errorf("the key service does not answer: %w: %w", ErrUnavailable, innermost(err))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxTransitAnswer+1))
	defer clear(text)
	if err != nil || len(text) > maxTransitAnswer {
		return fmt.Errorf("the answer of the key service is cut off or too long: %w", ErrUnavailable)
	}
	if err := transitStatus(res.StatusCode, text); err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("the key service answers what is no JSON: %w", ErrUnavailable)
	}
	return nil
}

// innermost leaves the address and path out of a network error.
func innermost(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// transitStatus makes of a status what the caller has to know.
func transitStatus(status int, text []byte) error {
	var said struct {
		Errors []string `json:"errors"`
	}
	switch {
	case status == http.StatusOK, status == http.StatusNoContent:
		return nil
	case status == http.StatusBadRequest:
		if err := json.Unmarshal(text, &said); err != nil {
			return fmt.Errorf("the key service refuses in a way not understood: %w", ErrUnavailable)
		}
		return &transitRefusal{clip(strings.Join(said.Errors, " "), maxLastError)}
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return errToken
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return errNoPath
	case status == http.StatusTooManyRequests:
		return errBusy
	case status == http.StatusServiceUnavailable:
		if json.Unmarshal(text, &said) == nil && strings.Contains(strings.ToLower(strings.Join(said.Errors, " ")), "sealed") {
			return errSealed
		}
	}
	return fmt.Errorf("the key service answers with status %d: %w", status, ErrUnavailable)
}

// unavailableUnlessKnown makes an answer that only a wrong set-up explains one
// that passes when the set-up is mended: nothing of ours is wrong.
func unavailableUnlessKnown(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

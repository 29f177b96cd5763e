package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	maxToken      = 4 << 10
	tokenRetry    = 5 * time.Second  // after a renewal that failed
	tokenLook     = 30 * time.Second // how often the file is looked at
	tokenLeastGap = time.Second
)

// token is what the service is asked with. It prints as [redacted].
type token struct {
	secret string
	seen   time.Time // the file's time of change
}

func (token) String() string { return "[redacted]" }

// GoString keeps the token out of logs.
func (token) GoString() string { return "[redacted]" }

func readToken(path string) (token, error) {
	f, err := os.Open(path)
	if err != nil {
		return token{}, fmt.Errorf("opening the key service's token file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return token{}, fmt.Errorf("opening the key service's token file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return token{}, fmt.Errorf("the key service's token file can be read by others (mode %04o): run chmod 600 on it", info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return token{}, fmt.Errorf("reading the key service's token file: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" || len(text) > maxToken || strings.ContainsAny(secret, " \t\r\n") {
		return token{}, errors.New("the key service's token file does not hold one token")
	}
	return token{secret, info.ModTime()}, nil
}

func (t *Transit) currentToken() token {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token
}

// rereadToken takes the file's token if it is another than the one used, and
// says whether there is another to try.
func (t *Transit) rereadToken(used token) bool {
	fresh, err := readToken(t.cfg.TokenFile)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token.secret != used.secret {
		return true // another goroutine was faster
	}
	if err != nil || fresh.secret == used.secret {
		return false
	}
	t.token = fresh
	return true
}

// keepToken renews the token at half of its life, and looks now and then
// whether the file has another one. It owns no lock while it waits.
func (t *Transit) keepToken(ctx context.Context) {
	defer close(t.done)
	due := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(time.Until(due), tokenLook)):
		}
		if t.rereadToken(t.currentToken()) || !time.Now().Before(due) {
			due = time.Now().Add(t.renew(ctx))
		}
	}
}

// renew renews the token and says when to do so again.
func (t *Transit) renew(ctx context.Context) time.Duration {
	var out struct {
		Auth struct {
			Life      int64 `json:"lease_duration"` // seconds; 0: for ever
			Renewable bool  `json:"renewable"`
		} `json:"auth"`
	}
	err := t.once(ctx, http.MethodPost, "/v1/auth/token/renew-self", map[string]string{}, &out)
	var refused *transitRefusal
	switch {
	case errors.As(err, &refused): // a token that cannot be renewed: another program replaces it in the file
		return tokenLook
	case err != nil:
		return tokenRetry
	case out.Auth.Life <= 0:
		return tokenLook
	}
	half := time.Duration(min(out.Auth.Life, 365*24*3600)) * time.Second / 2
	return max(half, tokenLeastGap)
}

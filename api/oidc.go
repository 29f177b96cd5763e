package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// Sign-in at the hospital's OpenID provider, by authorization code with PKCE. It guards people's sessions from
// whoever can make a browser load an address, from whoever can write to the network or to us in the provider's name,
// and from a provider that says less than was asked for. In order: the flow is written down (state, nonce, verifier)
// and bound to one browser by a cookie; the browser goes to the provider and comes back with a code; state, cookie
// and issuer are compared and the flow is spent; the code is redeemed over a connection of our own; the ID token's
// signature and claims are checked one by one; and vault decides whose session that is, if anybody's.

const (
	rediscover = time.Hour       // how old the discovery document and the keys may get
	downFor    = 3 * time.Second // how long a provider that does not answer is not asked again
)

// errHospital: a sign-in at the provider was not taken.
var errHospital = errors.New("hospital sign-in refused")

// refusedSignIn is why, in a fixed word for the log, the audit trail and the tests.
type refusedSignIn struct{ cause string }

func (e *refusedSignIn) Error() string { return errHospital.Error() + ": " + e.cause }
func (e *refusedSignIn) Unwrap() error { return errHospital }

// Sentence is what the person is told. What only an operator can mend is said to be so.
func (e *refusedSignIn) Sentence() string {
	switch e.cause {
	case "state", "browser", "code":
		return "This sign-in was begun in another browser or too long ago, or was used already. Please begin again."
	case "declined":
		return "Your hospital's sign-in was not completed. Please begin again."
	case "clock":
		return "The clocks of the hospital's sign-in and of this service differ too much. Please tell the operators."
	case "acr", "amr", "auth-time":
		return "Your hospital's sign-in did not confirm who you are in the way that is needed here, with a second factor and recently. " +
			"Please begin again, or tell the operators."
	case "groups-overage":
		return "You are in more groups than your hospital's sign-in can tell. Please tell the operators."
	case "claims":
		return "Your hospital's sign-in does not give a login that can be used here. Please tell the operators."
	}
	return "The answer of your hospital's sign-in was not accepted. Please begin again; if that does not help, tell the operators."
}

func refuseSignIn(cause string) error { return &refusedSignIn{cause} }

// hospital is the provider as this server uses it. It is asked for nothing until the first sign-in, so that a
// provider that is down keeps nothing else from working.
type hospital struct {
	cfg    OIDCConfig
	secret secret
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	mu     sync.Mutex
	found  *provider // guarded by mu
	at     time.Time // guarded by mu; of found
	down   error     // guarded by mu; why the last try failed
	downAt time.Time // guarded by mu
}

// newHospital reads the files that the configuration names.
func newHospital(c OIDCConfig, now func() time.Time, log *slog.Logger) (*hospital, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	key, err := c.readSecret()
	if err != nil {
		return nil, err
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	return &hospital{cfg: c.withDefaults(), secret: key, client: client, now: now, log: log}, nil
}

// label is what the button says.
func (h *hospital) label() string { return h.cfg.Label }

// only reports whether emergency accounts alone may sign in by themselves.
func (h *hospital) only() bool { return h.cfg.Only }

// provider is the provider as discovered, anew every hour: keys that it withdrew are forgotten then. While it does
// not answer, what was found before stays. Errors: errProviderDown.
func (h *hospital) provider(ctx context.Context) (*provider, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if h.found != nil && now.Sub(h.at).Abs() < rediscover {
		return h.found, nil
	}
	if h.down == nil || now.Sub(h.downAt).Abs() >= downFor {
		ctx, cancel := detached(ctx)
		defer cancel()
		found, err := discover(ctx, h.cfg, h.secret, h.client, h.now)
		if err == nil {
			h.found, h.at, h.down = found, now, nil
			return found, nil
		}
		h.log.Warn("the hospital's sign-in does not answer", "err", err)
		h.down, h.downAt = err, h.now()
	}
	if h.found != nil {
		return h.found, nil
	}
	return nil, h.down
}

// part is the provider's state, for the health page.
func (h *hospital) part(ctx context.Context) vault.Part {
	p := vault.Part{Name: "hospital sign-in", OK: true, Detail: "the provider answers"}
	if err := CheckOIDC(ctx, h.cfg); err != nil {
		p.OK, p.Detail = false, err.Error()
	}
	return p
}

// CheckOIDC asks the provider for its discovery document and looks at its clock, and says in a sentence what is
// wrong.
func CheckOIDC(ctx context.Context, c OIDCConfig) error {
	if err := c.Check(); err != nil {
		return err
	}
	key, err := c.readSecret()
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	clock := &clockTransport{inner: client.Transport}
	client.Transport = clock
	if _, err := discover(ctx, c.withDefaults(), key, client, time.Now); err != nil {
		return err
	}
	if off := clock.off.Abs(); off > c.skew() {
		return fmt.Errorf("the provider's clock and this machine's differ by %s, and %s are allowed: set the clocks (NTP)",
			off.Round(time.Second), c.skew())
	}
	return nil
}

// clockTransport notes by how much the other side's clock is ahead of ours, as its Date headers tell.
type clockTransport struct {
	inner http.RoundTripper
	off   time.Duration
}

func (c *clockTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.off = time.Until(date)
	}
	return resp, nil
}

// withHospital adds the provider's state to that of the vault's parts.
func (s *Server) withHospital(ctx context.Context, parts []vault.Part) []vault.Part {
	if s.hospital == nil {
		return parts
	}
	ctx, cancel := context.WithTimeout(ctx, pingFor)
	defer cancel()
	return append(parts, s.hospital.part(ctx))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// pusher asks push services (RFC 8030) to wake a browser. A message has no body, so there is nothing in it to seal, and
// nothing for the service to keep. Browsers name the address, so where it may lead is bounded three times: the vault takes
// only services that the configuration names; no redirect is followed; and no connection is made to an address inside,
// whatever a name resolves to.
type pusher struct {
	client *http.Client
}

// How long a service keeps a message for a browser that is off (RFC 8030 section 5.2), how it treats its battery (5.3), and
// under which name a later message takes the place of one that was not delivered yet (5.4). They are the same for every kind.
const (
	pushTTL     = "43200" // seconds
	pushUrgency = "normal"
	pushTopic   = "clinivault"
)

var errInside = errors.New("a push service must not be inside")

func newPusher(hosts []string) *pusher {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		return outside(address, hosts)
	}}
	return &pusher{&http.Client{
		Timeout:       tellFor,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true,
			ResponseHeaderTimeout: 10 * time.Second, MaxResponseHeaderBytes: 32 << 10, MaxIdleConns: 8, IdleConnTimeout: time.Minute},
	}}
}

// outside refuses addresses of this machine and of private networks, but for a loopback one that the configuration names
// with its port.
func outside(address string, named []string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return errInside
	}
	ip := ap.Addr().Unmap()
	if ip.IsLoopback() && slices.Contains(named, address) {
		return nil
	}
	shared := netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip) {
		return errInside
	}
	return nil
}

// send asks for one message.
func (p *pusher) send(ctx context.Context, m vault.Push) vault.Told {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Endpoint, http.NoBody)
	if err != nil {
		return vault.Told{Outcome: vault.TellRefused, Cause: errors.New("the push service's address is none")}
	}
	req.Header = http.Header{"Authorization": {m.Authorization}, "Ttl": {pushTTL}, "Urgency": {pushUrgency}, "Topic": {pushTopic},
		"User-Agent": {"clinivault"}}
	answer, err := p.client.Do(req)
	if err != nil {
		return vault.Told{Outcome: vault.TellLater, Cause: unnamed("asking the push service", err)}
	}
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // so that the connection can be used again; what it says is not needed
	_ = answer.Body.Close()
	return pushOutcome(answer.StatusCode)
}

// pushOutcome reads a service's status (RFC 8030 sections 5 and 7.3, RFC 8292 section 4.2).
func pushOutcome(status int) vault.Told {
	cause := fmt.Errorf("the push service answered %d", status)
	switch {
	case status >= 200 && status < 300:
		return vault.Told{Outcome: vault.TellSent}
	case status == http.StatusNotFound || status == http.StatusGone:
		return vault.Told{Outcome: vault.TellGone}
	case status == http.StatusTooManyRequests || status >= 500:
		return vault.Told{Outcome: vault.TellLater, Cause: cause}
	}
	return vault.Told{Outcome: vault.TellRefused, Cause: cause}
}

// unnamed is an error of the network without the address that it was about: an endpoint belongs to one browser.
func unnamed(what string, err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, errInside):
		return fmt.Errorf("%s: %w", what, errInside)
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New(what + ": no answer in time")
	}
	return errors.New(what + ": no connection")
}

package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/clinivault/clinivault/vault"
)

const (
	pingFor  = 5 * time.Second // how long the parts have to answer
	pingKept = 2 * time.Second // how long their answer is used again, so that asking costs little
)

// pinger asks the vault's parts, at most once every pingKept.
type pinger struct {
	mu  sync.Mutex
	at  time.Time // guarded by mu
	err error     // guarded by mu
}

func (p *pinger) ping(ctx context.Context, v *vault.Vault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) < pingKept {
		return p.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingFor)
	defer cancel()
	p.err = v.Ping(ctx)
	p.at = time.Now()
	return p.err
}

// healthz says that the process runs, whatever its parts do: a restart would not mend them.
func (c *call) healthz() error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.write([]byte("ok\n"))
	return nil
}

type readyAnswer struct {
	Status string `json:"status"`
}

// readyz says whether requests should come here. Which part is missing is for the log, not for strangers.
func (c *call) readyz() error {
	if err := c.s.pings.ping(c.r.Context(), c.s.vault); err != nil {
		if errors.Is(err, vault.ErrUnavailable) {
			return err
		}
		return errors.Join(vault.ErrUnavailable, err)
	}
	return c.ok(readyAnswer{"ready"})
}

// local reports whether the request comes from this machine and was not passed on by a proxy on it.
func local(r *http.Request) bool {
	return peerOf(r).IsLoopback() && r.Header.Get("Forwarded") == "" && r.Header.Get("X-Forwarded-For") == "" &&
		r.Header.Get("Via") == ""
}

// showMetrics shows numbers only: nothing in them is about a person, so the roles that Authenticate read will do.
func (c *call) showMetrics() error {
	if !local(c.r) && !c.actor.Has(vault.RoleAdmin) {
		return vault.ErrDenied
	}
	promhttp.HandlerFor(c.s.metrics.registry, promhttp.HandlerOpts{}).ServeHTTP(c.w, c.r)
	return nil
}

type healthAnswer struct {
	Parts []vault.Part `json:"parts"`
}

// health says of each part whether it answers; an answer that names a broken part is still a good answer.
func (c *call) health() error {
	parts, err := c.s.vault.Health(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return c.ok(healthAnswer{some(c.s.withOthers(c.r.Context(), parts))})
}

// withOthers adds what stands beside the vault to its parts: the certificate, the uplink and the hospital's provider.
func (s *Server) withOthers(ctx context.Context, parts []vault.Part) []vault.Part {
	if s.certificate != nil {
		parts = append(parts, s.certificate())
	}
	if s.uplink != nil {
		parts = append(parts, s.uplink.part())
	}
	return s.withHospital(ctx, parts)
}

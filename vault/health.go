package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

const pingTimeout = 5 * time.Second

// Part is one thing the vault stands on, and whether it answers.
type Part struct {
	Name   string `json:"name"` // database, store, keys, jobs, integrity, witness, seal, orphans
	OK     bool   `json:"ok"`
	Warn   bool   `json:"warn"`   // in order, but an operator should know of Detail
	Detail string `json:"detail"` // what is wrong or noteworthy, for an operator
}

// Ping asks database, store and key service at once whether they answer, within
// five seconds; what does not is named in the error, which is ErrUnavailable.
func (v *Vault) Ping(ctx context.Context) error {
	var errs []error
	for _, p := range v.parts(ctx) {
		if !p.OK {
			errs = append(errs, fmt.Errorf("%s: %s", p.Name, p.Detail))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(errs...))
}

// Health is Ping for an administrator, with the state of the work beside it.
func (v *Vault) Health(ctx context.Context, a Actor) ([]Part, error) {
	parts := v.parts(ctx)
	err := v.do(ctx, a, actReadHealth, object{Kind: "vault"}, func(t *tx) error {
		var dead, due int64
		err := t.QueryRowContext(ctx, `SELECT COALESCE(SUM(CASE WHEN state = 'dead' THEN 1 ELSE 0 END), 0),
			COALESCE(SUM(CASE WHEN state = 'ready' AND run_at <= $1 THEN 1 ELSE 0 END), 0) FROM jobs`, t.now).Scan(&dead, &due)
		if err != nil {
			return fmt.Errorf("counting jobs: %w", err)
		}
		integrity, err := integrityPart(ctx, t)
		if err != nil {
			return err
		}
		witness, err := v.witnessPart(ctx, t)
		if err != nil {
			return err
		}
		parts = append(parts[:3:3], Part{Name: "jobs", OK: dead == 0, Detail: fmt.Sprintf("%d waiting, %d gave up", due, dead)}, integrity, witness)
		kem, err := kemPart(ctx, t)
		if err != nil {
			return err
		}
		parts = append(parts, kem...)
		if n := v.orphansLeft.Load(); n > 0 {
			parts = append(parts, Part{Name: "orphans", Detail: fmt.Sprintf("%d objects that no row speaks of: is the database older than the store? "+
				"Bring the newer database back, or have `vaultd fsck --repair` delete them", n)})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return parts, nil
}

// kemPart says how many photos came under a seal that a quantum computer would open; nothing where none did.
func kemPart(ctx context.Context, t *tx) ([]Part, error) {
	var n int64
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM photos WHERE kem = $1 AND state <> 'erased'`, seal.FallbackName).Scan(&n)
	if err != nil {
		return nil, fmt.Errorf("counting seals: %w", err)
	}
	if n == 0 {
		return nil, nil
	}
	return []Part{{Name: "seal", OK: true, Warn: true, Detail: fmt.Sprintf("%d photos came under the older seal (%s): "+
		"their browsers run no WebAssembly, which a lockdown mode switches off", n, seal.FallbackName)}}, nil
}

func (v *Vault) parts(ctx context.Context) []Part {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	names := []string{"database", "store", "keys"}
	pings := []func(context.Context) error{v.db.PingContext, v.cfg.Blobs.Ping, v.cfg.KMS.Ping}
	answers := make([]chan error, len(pings))
	for i, ping := range pings {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- ping(ctx) }()
	}
	parts := make([]Part, len(pings))
	for i := range pings {
		var err error
		select {
		case err = <-answers[i]:
		case <-ctx.Done():
			err = errors.New("no answer in time")
		}
		parts[i] = Part{Name: names[i], OK: err == nil, Detail: "answers"}
		if err != nil {
			parts[i].Detail = clip(err.Error(), maxLastError)
		}
	}
	return parts
}

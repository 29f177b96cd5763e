package vault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const pingTimeout = 5 * time.Second

// Part is one thing the vault stands on, and whether it answers.
type Part struct {
	Name   string `json:"name"` // database, store, keys, jobs, integrity, witness
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

package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// The marks by which a database says what it is.
const (
	markTenant = "tenant"
	markVault  = "vault"
)

// checkTenant refuses a database of another tenant, before its keys are tried: those would only say that they do not
// open. A database that was never opened says nothing.
func (v *Vault) checkTenant(ctx context.Context) error {
	tenant, err := readMark(ctx, v.db, markTenant)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return dbError(err)
	}
	if tenant != v.cfg.Tenant {
		return fmt.Errorf(`the database belongs to tenant %q, the configuration says %q: set "tenant" as it was, or name the right database`,
			tenant, v.cfg.Tenant)
	}
	return nil
}

// mark writes what the database is, once its keys have opened, which proves the tenant.
func (v *Vault) mark(ctx context.Context) error {
	if _, err := readMark(ctx, v.db, markVault); !errors.Is(err, ErrNotFound) {
		return dbError(err)
	}
	return v.retry(ctx, false, func(t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO vault_marks (name, value) VALUES ($1, $2), ($3, $4) ON CONFLICT (name) DO NOTHING`,
			markTenant, v.cfg.Tenant, markVault, newID())
		if err != nil {
			return fmt.Errorf("marking the database: %w", err)
		}
		return nil
	})
}

func readMark(ctx context.Context, q querier, name string) (value string, err error) {
	err = q.QueryRowContext(ctx, `SELECT value FROM vault_marks WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("reading mark: %w", err)
	}
	return value, nil
}

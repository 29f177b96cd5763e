package vault

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

func migrations(driver string, db *sql.DB) (*goose.Provider, error) {
	dialect := goose.DialectSQLite3
	if driver == driverPostgres {
		dialect = goose.DialectPostgres
	}
	files, err := fs.Sub(schemaFiles, "schema")
	if err != nil {
		return nil, fmt.Errorf("reading schema: %w", err)
	}
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if driver == driverPostgres {
		oneNode, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60)) // two nodes may be updated at once
		if err != nil {
			return nil, fmt.Errorf("preparing migration: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(oneNode))
	}
	p, err := goose.NewProvider(dialect, db, files, opts...)
	if err != nil {
		return nil, fmt.Errorf("reading schema: %w", err)
	}
	return p, nil
}

// Migrate brings the database to this program's schema, forward only, each
// step in a transaction of its own, and returns the versions before and after.
// It refuses a database that is newer than the program.
func Migrate(ctx context.Context, driver, dsn string) (from, to int64, err error) {
	db, err := openDB(driver, dsn)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := migrations(driver, db)
	if err != nil {
		return 0, 0, err
	}
	from, target, err := p.GetVersions(ctx)
	if err != nil {
		return 0, 0, dbError(fmt.Errorf("reading schema version: %w", err))
	}
	if from > target {
		return from, from, fmt.Errorf("the database has schema %d, this program knows only %d: use a newer program", from, target)
	}
	if _, err := p.Up(ctx); err != nil {
		return from, from, dbError(fmt.Errorf("migrating: %w", err))
	}
	return from, target, nil
}

// Empty reports whether the database holds no vault yet: no schema, or no keys.
// Only then may a new root key be made, or a lost one would be replaced in silence. Nothing is written to look.
func Empty(ctx context.Context, driver, dsn string) (empty bool, err error) {
	db, err := openDB(driver, dsn)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables := `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'epoch_keys'`
	if driver == driverPostgres {
		tables = `SELECT count(*) FROM information_schema.tables WHERE table_name = 'epoch_keys' AND table_schema = ANY (current_schemas(false))`
	}
	known := 0
	if err := db.QueryRowContext(ctx, tables).Scan(&known); err != nil {
		return false, dbError(fmt.Errorf("looking for a vault: %w", err))
	}
	if known == 0 {
		return true, nil
	}
	keys := 0
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM epoch_keys`).Scan(&keys); err != nil {
		return false, dbError(fmt.Errorf("counting keys: %w", err))
	}
	return keys == 0, nil
}

// checkSchema refuses a database that is not at this program's schema.
func checkSchema(ctx context.Context, driver string, db *sql.DB) error {
	p, err := migrations(driver, db)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return dbError(fmt.Errorf("reading schema version: %w", err))
	}
	switch {
	case have < want:
		return fmt.Errorf("the database has schema %d, this program needs %d: run the migrate command first", have, want)
	case have > want:
		return fmt.Errorf("the database has schema %d, this program knows only %d: use a newer program", have, want)
	}
	return nil
}

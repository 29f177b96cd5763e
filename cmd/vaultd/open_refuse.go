package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/clinivault/clinivault/vault"
)

// checkAtStart is the size up to which a database file is read through before a server uses it, in bytes.
const checkAtStart = 256 << 20

// refuse says in one sentence, before anything is opened or made, why this program must not start on what it finds.
// What the database, the keys or the store say against it comes from opening them.
func (c *Config) refuse(ctx context.Context, beside bool) error {
	if err := vault.CheckRestored(c.Data); err != nil {
		return err
	}
	return c.refuseFolder(ctx, beside)
}

func (c *Config) refuseFolder(ctx context.Context, beside bool) error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("the data folder %s cannot be made: create it for the user that runs vaultd: %w", c.Data, underlying(err))
	}
	f, err := os.CreateTemp(c.Data, ".writable-*")
	if err != nil {
		return fmt.Errorf("the data folder %s cannot be written to: give it to the user that runs vaultd (chown, chmod 700) and see that its disk is not read-only or full: %w",
			c.Data, underlying(err))
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("trying the data folder: %w", underlying(err))
	}
	if c.Database != nil {
		return nil
	}
	_, path, err := c.dsn()
	if err != nil {
		return err
	}
	deep := int64(checkAtStart)
	if beside {
		deep = 0
	}
	return vault.CheckDatabase(ctx, path, deep)
}

// underlying is the cause of a file's error without its path, which the sentence around it names.
func underlying(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// refuseStore is asked once the vault is open: whether the store can be this database's. A store that does not answer
// now may answer later, so it stops nobody.
func (p *parts) refuseStore(ctx context.Context, log *slog.Logger) error {
	err := p.vault.StoreFits(ctx, vault.JobActor("start"))
	if errors.Is(err, vault.ErrUnavailable) {
		log.Warn("the store does not answer at the start", "error", err)
		return nil
	}
	return err
}

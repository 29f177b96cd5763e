package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/clinivault/clinivault/api/adt"
	"github.com/clinivault/clinivault/api/chart"
	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
)

// parts are what a configuration describes, opened. One owner: whoever called
// openParts closes it.
type parts struct {
	vault   *vault.Vault
	deliver *chart.Deliverer
	pool    *imaging.Pool
	notify  *notifier
	kms     vault.KMS

	feed        *adt.Feed // nil where none is configured
	feedAddress string    // once it is listening
}

// newLog writes operational messages for people who run the service.
func newLog(format string, w io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// dsn returns the database's driver and connection string.
func (c *Config) dsn() (driver, dsn string, err error) {
	if c.Database == nil {
		return "sqlite", filepath.Join(c.Data, "vault.db"), nil
	}
	dsn, err = readSecret(c.Database.DSNFile)
	return "postgres", dsn, err
}

// openBlobs opens the object store.
func (c *Config) openBlobs(ctx context.Context) (vault.Blobs, error) {
	if c.MinIO == nil {
		return vault.OpenDir(filepath.Join(c.Data, "objects"))
	}
	access, err := readSecret(c.MinIO.AccessKeyFile)
	if err != nil {
		return nil, err
	}
	secret, err := readSecret(c.MinIO.SecretKeyFile)
	if err != nil {
		return nil, err
	}
	return vault.OpenMinIO(ctx, vault.MinIOConfig{
		Endpoint: c.MinIO.Endpoint, Bucket: c.MinIO.Bucket, AccessKey: access, SecretKey: secret, CAFile: c.MinIO.CAFile,
		CertFile: c.MinIO.CertFile, KeyFile: c.MinIO.KeyFile, LockDays: c.MinIO.LockDays,
	})
}

// newPool is how the service reads pictures. The weights of a second opinion
// are read and checked once, here.
func (c *Config) newPool() (*imaging.Pool, error) {
	cfg := imaging.PoolConfig{Command: childCommand, Limits: imaging.DefaultLimits()}
	if o := c.SecondOpinion; o != nil {
		weights, err := readBounded(o.Path, imaging.MaxOpinionBytes)
		if err != nil {
			return nil, fmt.Errorf("reading the weights of the second opinion: %w", err)
		}
		cfg.Opinion, cfg.OpinionSHA256 = weights, o.SHA256
	}
	return imaging.NewPool(cfg)
}

// childCommand is how the limited child is started: this very program again,
// also when its file was replaced meanwhile.
var childCommand = []string{"/proc/self/exe", "child"}

// openParts opens everything the configuration describes, or says in a sentence
// why not. beside is for the operator's commands, which may run next to the
// server. An empty database gets its schema and the root key; an older SQLite
// database is brought up by the server; an older PostgreSQL waits for
// `vaultd migrate`, since other nodes may be using it.
func openParts(ctx context.Context, c *Config, log *slog.Logger, beside bool) (*parts, error) {
	if err := c.refuse(ctx, beside); err != nil {
		return nil, err
	}
	p, err := openMarked(ctx, c, log, beside)
	if err == nil && !beside {
		err = p.refuseStore(ctx, log)
	}
	return p, err
}

// openMarked is openParts for a restore, whose folder carries the mark that
// openParts refuses.
func openMarked(ctx context.Context, c *Config, log *slog.Logger, beside bool) (*parts, error) {
	driver, dsn, err := c.dsn()
	if err != nil {
		return nil, err
	}
	empty, err := vault.Empty(ctx, driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("looking at the database: %w", err)
	}
	p := &parts{}
	if p.kms, err = c.openKMS(ctx, empty); err != nil {
		return nil, err
	}
	blobs, err := c.openBlobs(ctx)
	if err != nil {
		return p, fmt.Errorf("opening the object store: %w", err)
	}
	if empty {
		if err := vault.NewStore(ctx, blobs); err != nil {
			return p, err
		}
	}
	if p.pool, err = c.newPool(); err != nil {
		return p, err
	}
	if p.deliver, err = chart.New(chart.Config{FHIR: c.Chart.FHIR, DICOM: c.Chart.DICOM, Log: log}); err != nil {
		return p, fmt.Errorf("configuring the chart: %w", err)
	}
	if p.notify, err = newNotifier(c, log); err != nil {
		return p, err
	}
	if empty || (c.Database == nil && !beside) {
		if _, _, err := vault.Migrate(ctx, driver, dsn); err != nil {
			return p, fmt.Errorf("migrating the database: %w", err)
		}
	}
	p.vault, err = vault.Open(ctx, c.signIn(vault.Config{
		Driver: driver, DSN: dsn, Blobs: blobs, KMS: p.kms, Imaging: p.pool, Tenant: c.Tenant,
		ChartTargets: p.deliver.Targets(), ClaimFor: c.claimFor(), SessionIdle: c.sessionIdle(), SessionMax: c.sessionMax(),
		BackupsKept: c.backupsKept(), BreakGlassFor: c.breakGlassFor(), Beside: beside, Log: log, IntakeGrace: c.intakeGrace(),
		PlainBands: c.Wristband.plain(), WardListFor: c.Wristband.listFor(),
		Notices: c.Notices.forVault(), FederatedOnly: c.oidcOnly(), Witnesses: c.Witness, AcceptRollback: c.acceptRollback,
	}))
	if err == nil {
		p.feed, err = c.openFeed(p.vault, log)
	}
	return p, err
}

func (p *parts) close() error {
	var err error
	if p.vault != nil {
		err = p.vault.Close()
	}
	return errors.Join(err, closeKMS(p.kms))
}

package vault_test

import (
	"context"
	"io"

	"github.com/clinivault/clinivault/vault"
)

// backupOperations are the rights to backups: the operator's alone.
var backupOperations = []operation{
	{"Backup", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Backup(ctx, a, io.Discard, vault.BackupOptions{}) // for nobody: refused after the decision
		return err
	}},
	{"CheckPhotos", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.CheckPhotos(ctx, a, nil)
		return err
	}},
	{"PauseDeletions", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, _, err := s.v.PauseDeletions(ctx, a, 0)
		return err
	}},
	{"Restored", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.Restored(ctx, a, vault.BackupInfo{ID: "none", Vault: "another"})
	}},
	{"ResumeDeletions", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.ResumeDeletions(ctx, a, "no-such-pause"))
	}},
	{"StoreFits", "oj", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.StoreFits(ctx, a)
	}},
}

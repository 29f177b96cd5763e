package vault_test

import (
	"context"
	"errors"

	"github.com/clinivault/clinivault/vault"
)

// keyOperations are the rights to the keys of the vault.
var keyOperations = []operation{
	{"DestroyRetiredKeys", "jo", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.DestroyRetiredKeys(ctx, a)
	}},
	{"ForgetRoot", "o", "", func(ctx context.Context, s scene, a vault.Actor) error {
		err := s.v.ForgetRoot(ctx, a)
		if errors.Is(err, vault.ErrConflict) { // there is nothing to forget
			return nil
		}
		return err
	}},
	{"KeysStatus", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.KeysStatus(ctx, a)
		return err
	}},
	{"RotateKeys", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.RotateKeys(ctx, a, vault.Rotation{Kind: "no such kind"})
		return err
	}},
}

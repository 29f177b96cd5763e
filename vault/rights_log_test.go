package vault_test

import (
	"context"

	"github.com/clinivault/clinivault/vault"
)

// logOperations are the rights to witnesses of the log.
var logOperations = []operation{
	{"SendToWitnesses", "ajo", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.SendToWitnesses(ctx, a)
	}},
	{"Witnesses", "ajo", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Witnesses(ctx, a)
		return err
	}},
}

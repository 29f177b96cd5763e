package vault_test

import (
	"context"

	"github.com/clinivault/clinivault/vault"
)

// storeOperations are the rights to checking the store.
var storeOperations = []operation{
	{"Incidents", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.Incidents(ctx, a)
		return err
	}},
	{"CheckStore", "jo", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.CheckStore(ctx, a, vault.CheckOptions{})
		return err
	}},
	{"LastStoreCheck", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.LastStoreCheck(ctx, a)
		return err
	}},
	{"TidyStore", "jo", "", func(ctx context.Context, s scene, a vault.Actor) error { return s.v.TidyStore(ctx, a) }},
	{"SettleIncident", "ao", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return past(s.v.SettleIncident(ctx, a, "none", "a reason"))
	}},
}

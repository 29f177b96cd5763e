package vault_test

import (
	"context"

	"github.com/clinivault/clinivault/vault"
)

// oidcOperations are the rights to begin again at the hospital's provider: everybody who is signed in.
var oidcOperations = []operation{
	{"BeginFederatedRaise", "cxrdpa", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.BeginFederatedRaise(ctx, a, "", "/")
		return err
	}},
}

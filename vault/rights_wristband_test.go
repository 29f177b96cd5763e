package vault_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"

	"github.com/clinivault/clinivault/vault"
)

// wristbandOperations are the rights to find patients by what they wear, and to take a list of them along.
var wristbandOperations = []operation{
	{"ScanPatient", "c", "x", func(ctx context.Context, s scene, a vault.Actor) error {
		_, err := s.v.ScanPatient(ctx, a, "]C0", "TEST-000001")
		return err
	}},
	{"WardList", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		key, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		_, err = s.v.WardList(ctx, a, key.PublicKey().Bytes())
		return err
	}},
}

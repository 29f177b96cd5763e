package vault_test

import (
	"context"
	"crypto/sha256"

	"github.com/clinivault/clinivault/vault"
)

// uploadOperations are the rights to uploads in parts: those of Accept, before it is known whose photo it is. Each begins
// an upload of the actor's own first, since another's is not found.
var uploadOperations = []operation{
	{"BeginUpload", "cx", "", beginOwn},
	{"HeldParts", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_ = beginOwn(ctx, s, a)
		_, err := s.v.HeldParts(ctx, a, ownUpload)
		return err
	}},
	{"KeepPart", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_ = beginOwn(ctx, s, a)
		return s.v.KeepPart(ctx, a, ownUpload, 0, []byte("part"))
	}},
	{"ReadPart", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_ = beginOwn(ctx, s, a)
		_ = s.v.KeepPart(ctx, a, ownUpload, 0, []byte("part"))
		_, err := s.v.ReadPart(ctx, a, ownUpload, 0)
		return err
	}},
	{"FinishUpload", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		_ = beginOwn(ctx, s, a)
		_, _, err := s.v.FinishUpload(ctx, a, ownUpload)
		return err
	}},
	{"DropUpload", "cx", "", func(ctx context.Context, s scene, a vault.Actor) error {
		return s.v.DropUpload(ctx, a, ownUpload)
	}},
}

const ownUpload vault.CaptureID = "0123456789abcdef0123456789abcdef"

func beginOwn(ctx context.Context, s scene, a vault.Actor) error {
	_, err := s.v.BeginUpload(ctx, a, vault.UploadOffer{CaptureID: ownUpload, Digest: sha256.Sum256([]byte("part")), Size: 4})
	return err
}

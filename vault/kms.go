package vault

import (
	"context"

	"github.com/clinivault/clinivault/vault/seal"
)

// KMS holds the root key and wraps other keys with it. Methods may be called by
// many goroutines. A service that does not answer is ErrUnavailable.
type KMS interface {
	// Wrap encrypts a key under the newest version of the root key, bound to
	// aad, and says which version that is.
	Wrap(ctx context.Context, plain seal.Key, aad []byte) (wrapped []byte, version uint32, err error)
	// Unwrap undoes Wrap. Another root key, another aad or altered bytes are
	// ErrIntegrity; a version that the service does not have is ErrNotFound.
	Unwrap(ctx context.Context, wrapped []byte, version uint32, aad []byte) (seal.Key, error)
	// Ping asks whether the service would answer.
	Ping(ctx context.Context) error
}

package vault

import (
	"context"
	"errors"
	"fmt"

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
	// Versions are the oldest version that still unwraps and the newest, which wraps.
	Versions(ctx context.Context) (oldest, newest uint32, err error)
	// Rotate makes a new version, durable on return, and says its number. Older
	// versions go on unwrapping.
	Rotate(ctx context.Context) (newest uint32, err error)
	// Forget ends all versions below oldest, for good where the service can. The
	// newest version stays whatever oldest is.
	Forget(ctx context.Context, oldest uint32) error
}

// remembering is a KMS that is asked over a network and keeps what it answered
// for a short while.
type remembering interface {
	// remembered answers without the network, or not.
	remembered(wrapped []byte, version uint32, aad []byte) (seal.Key, bool)
	// remembers says whether it keeps anything at all.
	remembers() bool
}

// rootAway says that a version of the root key is not at hand. It is not "not
// found": what it wraps is there, and opens when the operator has brought it.
func rootAway(version uint32) error {
	return fmt.Errorf("version %d of the root key is not on this node, bring it from the node that rotated: %w", version, ErrUnavailable)
}

// keyNeeded ends a transaction in which a key has to be asked for over the
// network: it is asked for outside, and the transaction is run again.
type keyNeeded struct {
	wrapped, aad []byte
	version      uint32
}

func (*keyNeeded) Error() string { return "a key has to be fetched first" }

// maxFetches bounds how often one act is run again for want of a key; a longer
// list of patients waits inside its transaction.
const maxFetches = 16

// retry runs fn in a transaction and commits, again when it loses a race, and
// again when it wanted a key that has to be fetched.
func (v *Vault) retry(ctx context.Context, logged bool, fn func(t *tx) error) error {
	for n := 0; ; n++ {
		err := v.attempt(ctx, logged, func(t *tx) error {
			t.fetches = n < maxFetches
			return fn(t)
		})
		var need *keyNeeded
		if !errors.As(err, &need) {
			return err
		}
		key, err := v.fetchKey(ctx, need.wrapped, need.version, need.aad)
		if err != nil {
			return fmt.Errorf("unwrapping patient key: %w", err)
		}
		key.Wipe() // the service remembers it for the next round
	}
}

// unwrap is KMS.Unwrap for the keys of patients, of which many transactions
// have need: a service on the network is never waited for while the log is held.
func (v *Vault) unwrap(ctx context.Context, q querier, wrapped []byte, version uint32, aad []byte) (seal.Key, error) {
	if memory, ok := v.cfg.KMS.(remembering); ok {
		if key, ok := memory.remembered(wrapped, version, aad); ok {
			return key, nil
		}
		if t, ok := q.(*tx); ok && t.fetches && memory.remembers() {
			return seal.Key{}, &keyNeeded{wrapped, aad, version}
		}
	}
	return v.fetchKey(ctx, wrapped, version, aad)
}

func (v *Vault) fetchKey(ctx context.Context, wrapped []byte, version uint32, aad []byte) (seal.Key, error) {
	key, err := v.cfg.KMS.Unwrap(ctx, wrapped, version, aad)
	if errors.Is(err, ErrNotFound) {
		return seal.Key{}, rootAway(version)
	}
	return key, err
}

package vault

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// intakeTrust is how long an intake key in memory is believed to be one that may still open: another node may have
// destroyed it.
const intakeTrust = time.Minute

// signing is one Ed25519 pair of an epoch. It prints as [redacted].
type signing struct {
	epoch   uint32
	private ed25519.PrivateKey
}

func (s signing) public() ed25519.PublicKey { return s.private.Public().(ed25519.PublicKey) }

func exportKey(pub ed25519.PublicKey) PublicKey {
	return PublicKey{KeyID: seal.KeyID(pub), Key: pub}
}

// String keeps the private half out of logs.
func (signing) String() string { return "[redacted]" }

// GoString keeps the private half out of logs.
func (signing) GoString() string { return "[redacted]" }

// keyring holds the vault's own keys while it is open. It only remembers: which epoch is the newest is asked of the
// database at each use, so that a node follows a rotation by another at its next act. What it remembers counts only for
// a row with the same public half: a transaction that began an epoch may not have been committed.
type keyring struct {
	mu      sync.Mutex // guards all
	intake  map[uint32]heldIntake
	signing map[string]signing    // by kind, the newest seen
	public  map[epochID]PublicKey // checked public halves, which never change
	devices map[uint32]deviceCA   // by epoch
}

type heldIntake struct {
	key     *seal.IntakePrivate
	checked time.Time // when the database last said that it is not destroyed
}

// epochID names one key of the vault.
type epochID struct {
	kind  string
	epoch uint32
}

func (id epochID) String() string { return fmt.Sprintf("%s:%d", id.kind, id.epoch) }

// openKeys reads the vault's key pairs and makes those that a new database
// does not have. Two nodes that start at once agree on the first row written.
// A database that has a history and not its keys was tampered with or half
// restored: a new log key would sign whatever stands there now.
func (v *Vault) openKeys(ctx context.Context) error {
	v.keys = &keyring{intake: map[uint32]heldIntake{}, signing: map[string]signing{}, public: map[epochID]PublicKey{},
		devices: map[uint32]deviceCA{}}
	for _, kind := range []string{keyIntake, keyLog, keyReceipt, keyCertificate} {
		err := v.openKey(ctx, kind)
		if errors.Is(err, ErrNotFound) {
			if err = v.firstKey(ctx, kind); err == nil {
				err = v.openKey(ctx, kind)
			}
		}
		if err != nil {
			return fmt.Errorf("%s key: %w", kind, err)
		}
	}
	return nil
}

// openKey holds the newest key of a kind; ErrNotFound when there is none.
func (v *Vault) openKey(ctx context.Context, kind string) error {
	epoch, err := newestEpoch(ctx, v.db, kind)
	if err != nil {
		return dbError(err)
	}
	if kind == keyIntake {
		_, err = v.intakePrivate(ctx, v.db, epoch)
	} else {
		_, err = v.signingKey(ctx, v.db, kind)
	}
	return err
}

// hold keeps an opened private key and clears the bytes it came in.
func (k *keyring) hold(id epochID, private []byte) error {
	defer clear(private)
	k.mu.Lock()
	defer k.mu.Unlock()
	if id.kind == keyIntake {
		key, err := seal.ParseIntakePrivate(private)
		if err != nil {
			return err
		}
		if key.Epoch() != id.epoch {
			return ErrIntegrity
		}
		k.intake[id.epoch] = heldIntake{key, time.Now()}
		return nil
	}
	if id.kind == keyDevice {
		ca, err := parseDeviceCA(id.epoch, private, false)
		k.devices[id.epoch] = ca
		return err
	}
	if len(private) != ed25519.SeedSize {
		return ErrIntegrity
	}
	k.signing[id.kind] = signing{id.epoch, ed25519.NewKeyFromSeed(private)}
	return nil
}

// signingKey is the newest key of a kind: inside an act's transaction never one that was retired before it.
func (v *Vault) signingKey(ctx context.Context, q querier, kind string) (signing, error) {
	var epoch uint32
	var public []byte
	err := q.QueryRowContext(ctx, `SELECT epoch, public_key FROM epoch_keys WHERE kind = $1 AND retired_at IS NULL
		ORDER BY epoch DESC LIMIT 1`, kind).Scan(&epoch, &public)
	if err != nil {
		return signing{}, fmt.Errorf("reading keys: %w", absent(err))
	}
	v.keys.mu.Lock()
	held, ok := v.keys.signing[kind]
	v.keys.mu.Unlock()
	if ok && held.epoch == epoch && bytes.Equal(held.public(), public) {
		return held, nil
	}
	id := epochID{kind, epoch}
	private, destroyed, err := v.readEpochKey(ctx, q, id)
	if err != nil {
		return signing{}, err
	}
	if destroyed || len(private) != ed25519.SeedSize {
		return signing{}, fmt.Errorf("newest %s key: %w", kind, ErrIntegrity)
	}
	key := signing{epoch, ed25519.NewKeyFromSeed(private)}
	return key, v.keys.hold(id, private)
}

// intakePrivate returns the intake key of an epoch; seal.ErrEpoch when there is
// none or it was destroyed. Another node may have begun an epoch or ended one,
// so the database is asked too.
func (v *Vault) intakePrivate(ctx context.Context, q querier, epoch uint32) (*seal.IntakePrivate, error) {
	v.keys.mu.Lock()
	held, ok := v.keys.intake[epoch]
	v.keys.mu.Unlock()
	if ok && time.Since(held.checked) < intakeTrust {
		return held.key, nil
	}
	id := epochID{keyIntake, epoch}
	var public []byte
	err := q.QueryRowContext(ctx, `SELECT public_key FROM epoch_keys WHERE kind = $1 AND epoch = $2 AND destroyed_at IS NULL`,
		keyIntake, int64(epoch)).Scan(&public)
	if errors.Is(err, sql.ErrNoRows) {
		v.keys.forgetIntake(epoch)
		return nil, seal.ErrEpoch
	}
	if err != nil {
		return nil, dbError(fmt.Errorf("reading intake key: %w", err))
	}
	if ok && bytes.Equal(held.key.Public().Key, public) {
		v.keys.trustIntake(epoch)
		return held.key, nil
	}
	private, destroyed, err := v.readEpochKey(ctx, q, id)
	if destroyed || errors.Is(err, ErrNotFound) {
		return nil, seal.ErrEpoch
	}
	if err != nil {
		return nil, err
	}
	key, err := seal.ParseIntakePrivate(private)
	if err != nil {
		return nil, fmt.Errorf("intake key: %w", ErrIntegrity)
	}
	return key, v.keys.hold(id, private)
}

func (k *keyring) forgetIntake(epoch uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.intake, epoch)
}

func (k *keyring) trustIntake(epoch uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if held, ok := k.intake[epoch]; ok {
		k.intake[epoch] = heldIntake{held.key, time.Now()}
	}
}

// publicHalves are those of all epochs of a kind, newest first. Each was checked against what the root key protects:
// who can write into the database cannot have the vault vouch for another key.
func (v *Vault) publicHalves(ctx context.Context, q querier, kind string) ([]PublicKey, error) {
	type row struct {
		epoch  uint32
		public []byte
	}
	rows, err := list(ctx, q, func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.epoch, &r.public) },
		`SELECT epoch, public_key FROM epoch_keys WHERE kind = $1 ORDER BY epoch DESC`, kind)
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	out := make([]PublicKey, 0, len(rows))
	for _, r := range rows {
		pub, err := v.publicHalf(ctx, q, epochID{kind, r.epoch}, r.public)
		if err != nil {
			return nil, err
		}
		out = append(out, pub)
	}
	return out, nil
}

// publicHalf is the checked public half of one key; said is what its row says.
func (v *Vault) publicHalf(ctx context.Context, q querier, id epochID, said []byte) (PublicKey, error) {
	v.keys.mu.Lock()
	pub, ok := v.keys.public[id]
	v.keys.mu.Unlock()
	if ok && bytes.Equal(pub.Key, said) {
		return pub, nil
	}
	half, destroyed, err := v.readEpochKey(ctx, q, id)
	if err != nil {
		return PublicKey{}, err
	}
	defer clear(half)
	if !destroyed && len(half) == ed25519.SeedSize {
		pub = exportKey(ed25519.NewKeyFromSeed(half).Public().(ed25519.PublicKey))
	} else {
		pub = exportKey(append(ed25519.PublicKey(nil), half...))
	}
	if len(pub.Key) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("%s key: %w", id.kind, ErrIntegrity)
	}
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	v.keys.public[id] = pub
	return pub, nil
}

package vault

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/clinivault/clinivault/vault/seal"
)

// The kinds of the vault's own key pairs.
const (
	keyIntake      = "intake"      // captures are sealed to it
	keyLog         = "log"         // signs checkpoints of the audit log
	keyReceipt     = "receipt"     // signs receipts
	keyCertificate = "certificate" // signs redaction certificates
)

const (
	epochKeyDomain   = "clinivault/epoch-key/v1"
	patientKeyDomain = "clinivault/patient-key/v1"
)

// PublicKey is a key that clients and verifiers check the vault's signatures
// with: Ed25519 (RFC 8032), 32 bytes, base64 in JSON.
type PublicKey struct {
	KeyID string `json:"key_id"`
	Key   []byte `json:"public_key"`
}

// IntakeInfo is what a client needs to seal a capture and to check its receipt.
type IntakeInfo struct {
	Epoch       uint32      `json:"epoch"`
	KEM         string      `json:"kem"`
	Key         []byte      `json:"key"`
	ReceiptKeys []PublicKey `json:"receipt_keys"`
}

// PublicKeys are the public halves of the vault's own keys. LogVerifier is the
// verifier key of checkpoints in the form of golang.org/x/mod/sumdb/note.
type PublicKeys struct {
	LogVerifier  string      `json:"log_verifier"`
	Receipts     []PublicKey `json:"receipts"`
	Certificates []PublicKey `json:"certificates"`
}

// signing is one Ed25519 pair. It prints as [redacted].
type signing struct{ private ed25519.PrivateKey }

func (s signing) public() ed25519.PublicKey { return s.private.Public().(ed25519.PublicKey) }

func (s signing) export() PublicKey { return PublicKey{KeyID: seal.KeyID(s.public()), Key: s.public()} }

// String keeps the private half out of logs.
func (signing) String() string { return "[redacted]" }

// GoString keeps the private half out of logs.
func (signing) GoString() string { return "[redacted]" }

// keyring holds the vault's own keys while it is open.
type keyring struct {
	log, receipt, certificate signing

	mu      sync.Mutex // guards intake and current
	intake  map[uint32]*seal.IntakePrivate
	current uint32
}

// openKeys reads the vault's key pairs and makes those that a new database
// does not have. Two nodes that start at once agree on the first row written.
// A database that has a history and not its keys was tampered with or half
// restored: a new log key would sign whatever stands there now.
func (v *Vault) openKeys(ctx context.Context) (*keyring, error) {
	k := &keyring{intake: map[uint32]*seal.IntakePrivate{}}
	for _, kind := range []string{keyIntake, keyLog, keyReceipt, keyCertificate} {
		epoch, private, err := v.epochKey(ctx, kind)
		if errors.Is(err, ErrNotFound) {
			if err = v.firstKey(ctx, kind); err == nil {
				epoch, private, err = v.epochKey(ctx, kind)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s key: %w", kind, err)
		}
		if err := k.hold(kind, epoch, private); err != nil {
			return nil, fmt.Errorf("%s key: %w", kind, err)
		}
	}
	return k, nil
}

// firstKey makes the first key of a kind, unless another node was faster, in a database in which nothing but the
// making of keys has happened.
func (v *Vault) firstKey(ctx context.Context, kind string) error {
	return v.makeEpochKey(ctx, kind, 1, func(t *tx) error {
		var acts, keys int64
		err := t.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM audit_events WHERE act <> 'key.make'),
			(SELECT count(*) FROM epoch_keys WHERE kind = $1)`, kind).Scan(&acts, &keys)
		if err == nil && acts > 0 && keys == 0 {
			err = fmt.Errorf("the database holds a history but has lost this key, restore it from its backup: %w", ErrIntegrity)
		}
		return err
	})
}

// hold keeps an opened private key and clears the bytes it came in.
func (k *keyring) hold(kind string, epoch uint32, private []byte) error {
	defer clear(private)
	if kind == keyIntake {
		key, err := seal.ParseIntakePrivate(private)
		if err != nil {
			return err
		}
		if key.Epoch() != epoch {
			return ErrIntegrity
		}
		k.intake[epoch], k.current = key, max(k.current, epoch)
		return nil
	}
	if len(private) != ed25519.SeedSize {
		return ErrIntegrity
	}
	key := signing{ed25519.NewKeyFromSeed(private)}
	switch kind {
	case keyLog:
		k.log = key
	case keyReceipt:
		k.receipt = key
	case keyCertificate:
		k.certificate = key
	}
	return nil
}

// newEpochKey makes a pair; private is what hold reads.
func newEpochKey(kind string, epoch uint32) (public, private []byte, err error) {
	if kind != keyIntake {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		return public, key.Seed(), nil
	}
	key, err := seal.NewIntake(epoch)
	if err != nil {
		return nil, nil, err
	}
	private, err = key.MarshalBinary()
	return key.Public().Key, private, err
}

// bindText joins texts, each with its length before it, so that no two lists of
// texts give the same bytes.
func bindText(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

func (v *Vault) epochAAD(kind string, epoch uint32) []byte {
	return bindText(epochKeyDomain, v.cfg.Tenant, kind, fmt.Sprint(epoch))
}

// newPatientKey makes the key of a patient, wrapped by the root key and bound
// to the patient, and says under which version of the root key.
func (v *Vault) newPatientKey(ctx context.Context, id PatientID) (wrapped []byte, version int64, err error) {
	key := seal.NewKey()
	defer key.Wipe()
	wrapped, root, err := v.cfg.KMS.Wrap(ctx, key, v.patientAAD(id))
	if err != nil {
		return nil, 0, fmt.Errorf("wrapping patient key: %w", err)
	}
	return wrapped, int64(root), nil
}

// patientKey unwraps the key of a patient. An erased patient has none:
// ErrNotFound.
func (v *Vault) patientKey(ctx context.Context, t querier, id PatientID) (seal.Key, error) {
	var wrapped []byte
	var root int64
	err := t.QueryRowContext(ctx, `SELECT wrapped_key, root_version FROM patients WHERE id = $1`, string(id)).Scan(&wrapped, &root)
	if err != nil {
		return seal.Key{}, fmt.Errorf("reading patient key: %w", absent(err))
	}
	if len(wrapped) == 0 {
		return seal.Key{}, fmt.Errorf("patient key: %w", ErrNotFound)
	}
	key, err := v.cfg.KMS.Unwrap(ctx, wrapped, uint32(root), v.patientAAD(id))
	if err != nil {
		return seal.Key{}, fmt.Errorf("unwrapping patient key: %w", err)
	}
	return key, nil
}

func (v *Vault) patientAAD(id PatientID) []byte {
	return bindText(patientKeyDomain, v.cfg.Tenant, string(id))
}

// signReceipt signs with the receipt key.
func (v *Vault) signReceipt(r seal.Receipt) seal.Receipt {
	return seal.SignReceipt(v.keys.receipt.private, "", r)
}

// IntakeKeys tells a client what to seal captures to. It asks for a signed-in
// person and is no secret: the key can only close.
func (v *Vault) IntakeKeys(ctx context.Context, a Actor) (IntakeInfo, error) {
	if err := v.quietly(ctx, a, actIntakeRead, object{Kind: "key", ID: keyIntake}, func(*tx) error { return nil }); err != nil {
		return IntakeInfo{}, err
	}
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	pub := v.keys.intake[v.keys.current].Public()
	return IntakeInfo{
		Epoch: pub.Epoch, KEM: "MLKEM768-X25519", Key: pub.Key,
		ReceiptKeys: []PublicKey{v.keys.receipt.export()},
	}, nil
}

// PublicKeys returns the public halves of the vault's own keys, for anybody who
// wants to check a checkpoint, a receipt or a certificate.
func (v *Vault) PublicKeys(context.Context) (PublicKeys, error) {
	vkey, err := verifierKey(v.cfg.LogOrigin, v.keys.log.public())
	if err != nil {
		return PublicKeys{}, err
	}
	return PublicKeys{
		LogVerifier:  vkey,
		Receipts:     []PublicKey{v.keys.receipt.export()},
		Certificates: []PublicKey{v.keys.certificate.export()},
	}, nil
}

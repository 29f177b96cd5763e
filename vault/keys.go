package vault

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/clinivault/clinivault/vault/seal"
)

// The kinds of the vault's own key pairs.
const (
	keyIntake      = "intake"      // captures are sealed to it
	keyLog         = "log"         // signs checkpoints of the audit log
	keyReceipt     = "receipt"     // signs receipts
	keyCertificate = "certificate" // signs redaction certificates
	keyDevice      = "device"      // signs certificates of devices; made when the first is asked for
)

const (
	epochKeyDomain    = "clinivault/epoch-key/v1"
	epochPublicDomain = "clinivault/epoch-public/v1"
	patientKeyDomain  = "clinivault/patient-key/v1"
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
	FallbackKEM string      `json:"fallback_kem"` // for a client without WebAssembly
	FallbackKey []byte      `json:"fallback_key"` // of the same epoch; empty where such captures are not taken
	ReceiptKeys []PublicKey `json:"receipt_keys"`
}

// PublicKeys are the public halves of the vault's own keys. LogVerifier is the
// newest verifier key of checkpoints in the form of golang.org/x/mod/sumdb/note;
// LogHandovers are the notes by which older ones lead to it, oldest first.
type PublicKeys struct {
	LogVerifier  string      `json:"log_verifier"`
	LogHandovers []string    `json:"log_handovers,omitempty"`
	Receipts     []PublicKey `json:"receipts"`
	Certificates []PublicKey `json:"certificates"`
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
	key, err := v.unwrap(ctx, t, wrapped, uint32(root), v.patientAAD(id))
	if err != nil {
		return seal.Key{}, fmt.Errorf("unwrapping patient key: %w", err)
	}
	return key, nil
}

func (v *Vault) patientAAD(id PatientID) []byte {
	return bindText(patientKeyDomain, v.cfg.Tenant, string(id))
}

// signReceipt signs with the receipt key that is newest in this transaction.
func (v *Vault) signReceipt(ctx context.Context, t *tx, r seal.Receipt) (seal.Receipt, error) {
	key, err := v.signingKey(ctx, t, keyReceipt)
	if err != nil {
		return seal.Receipt{}, err
	}
	return seal.SignReceipt(key.private, "", r), nil
}

// IntakeKeys tells a client what to seal captures to: always the newest epoch. It asks for a signed-in person and is no
// secret: the key can only close. ReceiptKeys are all epochs', newest first, since a receipt may be older than a rotation.
func (v *Vault) IntakeKeys(ctx context.Context, a Actor) (IntakeInfo, error) {
	var info IntakeInfo
	err := v.quietly(ctx, a, actIntakeRead, object{Kind: "key", ID: keyIntake}, func(t *tx) error {
		epoch, err := newestEpoch(ctx, t, keyIntake)
		if err != nil {
			return err
		}
		key, err := v.intakePrivate(ctx, t, epoch)
		if err != nil {
			return fmt.Errorf("intake key: %w", err)
		}
		pub := key.Public()
		info = IntakeInfo{Epoch: pub.Epoch, KEM: seal.KEMName, Key: pub.Key, FallbackKEM: seal.FallbackName, FallbackKey: pub.Fallback}
		info.ReceiptKeys, err = v.publicHalves(ctx, t, keyReceipt)
		return err
	})
	if err != nil {
		return IntakeInfo{}, err
	}
	return info, nil
}

// logVerifier is the verifier key of the newest log key.
func (v *Vault) logVerifier(ctx context.Context, q querier) (string, error) {
	log, err := v.signingKey(ctx, q, keyLog)
	if err != nil {
		return "", err
	}
	return verifierKey(v.cfg.LogOrigin, log.public())
}

// PublicKeys returns the public halves of the vault's own keys, of all epochs and newest first, for anybody who wants
// to check a checkpoint, a receipt or a certificate. Errors: ErrUnavailable, ErrIntegrity when one was changed.
func (v *Vault) PublicKeys(ctx context.Context) (PublicKeys, error) {
	var out PublicKeys
	var err error
	if out.LogVerifier, out.LogHandovers, err = v.logPublic(ctx); err == nil {
		out.Receipts, err = v.publicHalves(ctx, v.db, keyReceipt)
	}
	if err == nil {
		out.Certificates, err = v.publicHalves(ctx, v.db, keyCertificate)
	}
	if err != nil {
		return PublicKeys{}, dbError(err)
	}
	return out, nil
}
